//! A log that the broker cuts by size: while the store is away submissions are refused before anything of it could be lost, and taken
//! again by itself.

use hiscore_faults::servers::{self, RabbitMq};
use hiscore_faults::wait::until;
use hiscore_faults::{Client, Process};
use serde_json::json;

use crate::deployment::{Broker, Deployment, PATIENCE, gauge, missing};
use crate::wire::{self, Verdict};

const BULK: &str = "mutation Bulk($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { ack userErrors { code message } } userErrors { code message } } }";
/// With 4 KiB of metadata each, one request is some 400 KB of the log.
const PLAYERS: usize = 100;
/// The smallest that a shard may keep, in MB, and more requests than it holds.
const KEPT: &str = "64MiB";
const TOO_MANY: usize = 400;

/// One more for every player; `Err`: why not.
fn round(client: &mut Client) -> Result<(), String> {
    let text = "x".repeat(4_000);
    let one =
        |player: usize| json!({ "playerId": format!("p{player}"), "score": 1, "metadata": { "text": text } });
    let all: Vec<_> = (0..PLAYERS).map(one).collect();
    let input = json!({ "input": { "leaderboardId": "sum", "submissions": all } });
    let data = match wire::ask(client, BULK, &input) {
        Ok(data) => data,
        Err(Verdict::NotApplied(why)) => return Err(why),
        Err(other) => panic!("{other:?}"),
    };
    let payload = &data["submitScores"];
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    let results = payload["results"].as_array().expect("results");
    let refused = |result: &serde_json::Value| {
        let error = result["userErrors"].get(0)?;
        assert_eq!(error["code"], "UNAVAILABLE", "{result}");
        Some(error["message"].as_str().expect("a message").to_owned())
    };
    let why: Vec<String> = results.iter().filter_map(refused).collect();
    // A bulk is one entry here, so it is in the log as a whole or not at all.
    assert!(why.is_empty() || why.len() == PLAYERS, "{} of {PLAYERS}", why.len());
    why.into_iter().next().map_or(Ok(()), Err)
}

fn readiness(process: &Process) -> Option<String> {
    process.client().get("/readyz?verbose").ok().map(|(_, text)| text)
}

#[test]
fn what_is_not_in_the_store_is_never_cut_off() {
    if missing() || servers::missing("rabbitmq-server") {
        return;
    }
    let deployment = Deployment::start(1).behind(Broker::RabbitMq(Box::new(RabbitMq::start())));
    let all = deployment.serve_with("all", &["--log-shard-bytes", KEPT, "--ack-timeout", "20s"]);
    let mut client = all.client();
    wire::create(&mut client, "sum", "INCREMENT").expect("a board");
    round(&mut client).expect("the store is there");
    deployment.settle(&all);
    deployment.mongo.kill(0);

    let mut taken = 1;
    let why = loop {
        match round(&mut client) {
            Ok(()) => taken += 1,
            Err(why) => break why,
        }
        assert!(taken < TOO_MANY, "far more than the log keeps was taken");
    };
    println!("{taken} taken, then: {why}");
    assert!(why.contains("are not in the store yet") && why.contains("--log-shard-bytes"), "{why}");
    until("the warning", PATIENCE, || readiness(&all)?.contains("warning: shard").then_some(()));
    let ratio = gauge(&mut all.client(), "hiscore_log_retention_ratio").expect("a gauge");
    assert!(ratio > 0.5, "{ratio}");
    assert_eq!(gauge(&mut all.client(), "hiscore_log_cut_too_early"), Some(0.0));

    // What Redis forgets now is in the log alone.
    deployment.redis.kill();
    deployment.redis.restart();
    deployment.mongo.restart(0);
    until("submissions to be taken again", PATIENCE, || round(&mut client).ok());
    taken += 1;
    deployment.settle(&all);
    let query = "query Page { leaderboard(id: \"sum\") { records(first: 1000) { nodes { score } } } }";
    until("all that was acknowledged to be shown, once", PATIENCE, || {
        let data = wire::ask(&mut client, query, &json!({})).ok()?;
        let rows = data["leaderboard"]["records"]["nodes"].as_array()?.clone();
        assert!(rows.len() <= PLAYERS);
        let right = |row: &serde_json::Value| row["score"] == json!(taken);
        (rows.len() == PLAYERS && rows.iter().all(right)).then_some(())
    });
}
