//! A log in front of Redis: what is acknowledged is in the log, is judged from there, and comes back from there.

use hiscore_faults::Process;
use hiscore_faults::servers::{self, Kafka, RabbitMq};
use serde_json::json;

use crate::deployment::{Broker, Deployment, missing};
use crate::load::{Load, Plan};
use crate::wire::{self, Level};

const ONE: &str = "mutation One($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack outcome previousRank record { rank score numScore versionId } userErrors { code message } } }";
const QUICK: &str = "mutation Quick($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack userErrors { code message } } }";

fn kafka() -> Option<Broker> {
    (!missing() && !servers::missing("kafka")).then(|| Broker::Kafka(Kafka::start(1)))
}

fn rabbitmq() -> Option<Broker> {
    (!missing() && !servers::missing("rabbitmq-server"))
        .then(|| Broker::RabbitMq(Box::new(RabbitMq::start())))
}

#[test]
fn what_is_selected_is_waited_for_through_kafka() {
    let Some(broker) = kafka() else { return };
    tells_what_is_asked_for(&Deployment::start(1).behind(broker));
}

#[test]
fn what_is_selected_is_waited_for_through_rabbitmq() {
    let Some(broker) = rabbitmq() else { return };
    tells_what_is_asked_for(&Deployment::start(1).behind(broker));
}

fn submit(process: &Process, query: &str, input: serde_json::Value) -> serde_json::Value {
    let data = wire::ask(&mut process.client(), query, &json!({ "input": input })).expect("an answer");
    data["submitScore"].clone()
}

fn tells_what_is_asked_for(deployment: &Deployment) {
    // Verdicts are waited for as long as this machine takes.
    let all = deployment.serve_with("all", &["--apply-wait", "20s", "--ack-timeout", "20s"]);
    wire::create(&mut all.client(), "daily", "BEST").expect("a board");
    let entry =
        |player: &str, score: i64| json!({ "leaderboardId": "daily", "playerId": player, "score": score });

    let first = submit(&all, ONE, entry("ann", 10));
    assert_eq!((&first["ack"], &first["outcome"]), (&json!("LOGGED"), &json!("IMPROVED")));
    assert_eq!((&first["record"]["rank"], &first["previousRank"]), (&json!(1), &json!(null)));
    let quick = submit(&all, QUICK, entry("bob", 20));
    assert_eq!(quick, json!({ "ack": "LOGGED", "userErrors": [] }));
    let second = submit(&all, ONE, entry("ann", 30));
    assert_eq!((&second["record"]["rank"], &second["previousRank"]), (&json!(1), &json!(2)));
    assert_eq!(second["record"]["numScore"], json!(2));

    let mut keyed = entry("cid", 5);
    keyed["submissionId"] = json!("once");
    keyed["ack"] = json!("PERSISTED");
    let persisted = submit(&all, ONE, keyed.clone());
    assert_eq!((&persisted["ack"], &persisted["outcome"]), (&json!("PERSISTED"), &json!("IMPROVED")));
    assert_eq!(submit(&all, ONE, keyed.clone())["outcome"], json!("DUPLICATE"));
    keyed["score"] = json!(6);
    assert_eq!(submit(&all, ONE, keyed)["userErrors"][0]["code"], json!("CONFLICT"));

    let unknown = json!({ "leaderboardId": "none", "playerId": "ann", "score": 1 });
    assert_eq!(submit(&all, QUICK, unknown)["userErrors"][0]["code"], json!("NOT_FOUND"));
    assert_eq!(wire::reset(&mut all.client(), "daily", 1), Ok(2));
    let fresh = submit(&all, ONE, entry("bob", 1));
    assert_eq!((&fresh["record"]["versionId"], &fresh["record"]["rank"]), (&json!(2), &json!(1)));
    wire::delete(&mut all.client(), "daily", "bob").expect("a deletion");
    let again = submit(&all, ONE, entry("bob", 2));
    assert_eq!((&again["previousRank"], &again["record"]["numScore"]), (&json!(null), &json!(1)));
}

#[test]
fn redis_is_emptied_and_comes_back_from_the_store_and_the_log() {
    let Some(broker) = kafka() else { return };
    comes_back(&Deployment::start(1).behind(broker));
}

#[test]
fn redis_is_emptied_and_comes_back_from_a_stream_of_rabbitmq() {
    let Some(broker) = rabbitmq() else { return };
    comes_back(&Deployment::start(1).behind(broker));
}

fn comes_back(deployment: &Deployment) {
    let [ingest, scoreboard] = ["ingest", "scoreboard"].map(|role| deployment.serve(role));
    let [persister, _applier] = ["persist", "apply"].map(|role| deployment.serve(role));
    let plan = Plan { deletes: true, acks: [None, Some(Level::Persisted)], ..Plan::default() };
    let load = Load::start(plan, &[&ingest]);
    for _ in 0..3 {
        load.await_acks(300);
        deployment.redis.kill();
        deployment.redis.restart();
    }
    load.await_acks(300);
    let played = load.stop();
    println!("{played}");
    deployment.check_in_the_end(&scoreboard, &persister, &played, Level::Logged);
}
