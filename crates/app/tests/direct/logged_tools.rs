//! `hiscore log …` on a deployment behind a real broker: what is in the log is printed, what differs is found, a past state is
//! looked at, and a log that is lost is renewed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bson::doc;
use hiscore_faults::Process;
use hiscore_faults::servers::{self, Kafka, RabbitMq};
use hiscore_faults::wait::until;
use hiscore_log::{Expect, Log, LogId, Options};
use serde_json::Value;

use crate::deployment::{Broker, Deployment, PATIENCE, SHARDS, gauge, missing, process};
use crate::load::{Load, Plan};
use crate::shown::by_the_api;
use crate::wire::{self, Level};

struct Done {
    code: Option<i32>,
    out: String,
    said: String,
}

fn kafka() -> Option<Broker> {
    (!missing() && !servers::missing("kafka")).then(|| Broker::Kafka(Kafka::start(1)))
}

fn rabbitmq() -> Option<Broker> {
    (!missing() && !servers::missing("rabbitmq-server"))
        .then(|| Broker::RabbitMq(Box::new(RabbitMq::start())))
}

/// A command on the log of a deployment.
fn log(deployment: &Deployment, line: &[&str]) -> Done {
    let url = deployment.log.as_ref().map(Broker::url).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hiscore"));
    command.arg("log").args(line).env_clear().current_dir("/").stdin(Stdio::null());
    command.env("HISCORE_LOG_URL", url);
    command.env("HISCORE_REDIS_URL", deployment.redis_url());
    command.env("HISCORE_MONGODB_URL", deployment.mongo.url());
    let done = command.output().expect("the binary is there");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Done { code: done.status.code(), out: text(done.stdout), said: text(done.stderr) }
}

fn end(processes: impl IntoIterator<Item = Process>) {
    for mut process in processes {
        process.terminate();
        assert_eq!(process.wait().code, Ok(0));
    }
}

fn redis(deployment: &Deployment, command: &[&str]) -> String {
    deployment.redis.connect().expect("a connection").call(command).expect("an answer").to_string()
}

#[test]
fn all_tiers_say_the_same_and_a_change_by_hand_is_found() {
    let Some(broker) = kafka() else { return };
    let deployment = Deployment::start(1).behind(broker);
    let all = deployment.serve("all");
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&all]);
    load.await_acks(300);
    assert_eq!(wire::reset(&mut all.client(), "best", 1), Ok(2));
    load.await_acks(300);
    let played = load.stop();
    println!("{played}");
    deployment.settle(&all);

    let done = log(&deployment, &["verify"]);
    println!("{}", done.out);
    assert_eq!((done.code, done.said.as_str()), (Some(0), ""), "{}", done.out);
    assert!(done.out.contains("; no difference\n") && !done.out.contains("cannot be told"), "{}", done.out);

    let printed = log(&deployment, &["tail"]);
    assert_eq!(printed.code, Some(0), "{}", printed.said);
    let lines: Vec<Value> =
        printed.out.lines().map(|line| serde_json::from_str(line).expect("one JSON a line")).collect();
    let submitted = lines.iter().filter(|line| line["kind"] == "submit" && line["keyed"].is_string()).count();
    assert!(submitted as u64 >= played.account.count(), "{submitted} of {}", played.account.count());
    let of_sum = log(&deployment, &["tail", "--board", "sum"]).out;
    assert!(of_sum.lines().count() > 0 && of_sum.lines().all(|line| line.contains(r#""board":"sum""#)));
    end([all]);

    // A score in the store, then one in Redis, and the order there.
    let mongo = &deployment.mongo;
    let update = |change: bson::Document| {
        let updates = vec![doc! { "q": { "leaderboardId": "set" }, "u": { "$inc": change }, "multi": false }];
        let reply = mongo
            .command(mongo.primary(), doc! { "update": "records", "$db": "hiscore", "updates": updates });
        assert_eq!(reply.get_i32("nModified").ok(), Some(1), "{reply}");
    };
    update(doc! { "score": 1_i64 });
    let found = log(&deployment, &["verify", "--differences", "1"]);
    println!("{}", found.out);
    assert_eq!(found.code, Some(1), "{}", found.said);
    assert!(
        found.out.contains("the log has score") && found.out.contains("leaderboard set"),
        "{}",
        found.out
    );
    update(doc! { "score": -1_i64 });
    assert_eq!(log(&deployment, &["verify"]).code, Some(0), "as it was");

    let keys: Vec<String> =
        (0..SHARDS).map(|shard| format!("{{hiscore:{shard}}}:z:0000000001:sum")).collect();
    let key = keys.iter().find(|key| redis(&deployment, &["EXISTS", key.as_str()]) == "1").expect("an order");
    assert_eq!(redis(&deployment, &["ZREMRANGEBYRANK", key.as_str(), "0", "0"]), "1");
    let found = log(&deployment, &["verify"]);
    println!("{}", found.out);
    assert_eq!(found.code, Some(1), "{}", found.said);
    assert!(found.out.contains("leaderboard sum: version 1: rank 1 is "), "{}", found.out);
}

#[test]
fn of_a_log_that_was_cut_only_the_rest_is_spoken_of() {
    let Some(broker) = kafka() else { return };
    let deployment = Deployment::start(1).behind(broker);
    let all = deployment.serve("all");
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&all]);
    load.await_acks(600);
    drop(load.stop());
    deployment.settle(&all);
    with_log(&deployment, async |log| {
        for shard in 0..SHARDS {
            let end = log.bounds(shard).await.expect("bounds").end;
            log.trim(shard, end / 2).await.expect("a cut");
        }
    });
    let done = log(&deployment, &["verify"]);
    println!("{}", done.out);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.said);
    assert!(
        done.out.contains("what came before was cut off") && done.out.contains("cannot be told"),
        "{}",
        done.out
    );
    let from_the_start = log(&deployment, &["tail", "--from", "0"]);
    assert!(from_the_start.said.contains("what came before was cut off"), "{}", from_the_start.said);
}

#[test]
fn an_entry_that_does_not_decode_is_shown_and_passed_by() {
    let Some(broker) = kafka() else { return };
    let deployment = Deployment::start(1).behind(broker);
    let all = deployment.serve("all");
    wire::create(&mut all.client(), "daily", "BEST").expect("a board");
    let lines = log(&deployment, &["tail"]).out;
    let created: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(created["kind"], "create");
    let shard = u16::try_from(created["shard"].as_u64().expect("a number")).expect("a shard");
    with_log(&deployment, async |log| {
        log.append(shard, b"no entry at all".to_vec()).await.expect("an append");
    });
    let printed = log(&deployment, &["tail", "--shard", &shard.to_string()]);
    assert_eq!(printed.code, Some(0), "{}", printed.said);
    let kinds: Vec<Value> =
        printed.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(kinds.last().expect("a line")["kind"], "undecodable", "{}", printed.out);
}

/// The log itself, as a process of hiscore has it.
fn with_log<F: Future<Output = ()>>(deployment: &Deployment, work: impl FnOnce(Arc<dyn Log>) -> F) {
    let url = deployment.log.as_ref().map(Broker::url).expect("a log");
    let of = redis(deployment, &["HGET", "{hiscore:0}:m", "deployment"]);
    // Another's is taken if there is one.
    let options = Options::new(&of, 1, SHARDS, Expect::Fresh(LogId::new([7; 16])));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = url.parse().expect("a URL");
        let log = hiscore_log::open(&url, &options).await.expect("the log");
        work(Arc::clone(&log)).await;
        log.close().await;
    });
}

#[test]
fn a_log_is_replayed_into_an_empty_redis() {
    let Some(broker) = kafka() else { return };
    let deployment = Deployment::start(1).behind(broker);
    let all = deployment.serve("all");
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&all]);
    load.await_acks(300);
    assert_eq!(wire::reset(&mut all.client(), "set", 1), Ok(2));
    load.await_acks(200);
    let played = load.stop();
    deployment.settle(&all);
    let shown = by_the_api(&mut all.client(), played.account.boards());

    let url = deployment.redis_url();
    let into = ["replay", "--into-redis-url", &url, "--into-redis-prefix", "past"];
    let refused = log(&deployment, &into[..3]);
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(refused.said.contains("is not empty"), "{}", refused.said);
    let done = log(&deployment, &into);
    println!("{}", done.said);
    assert_eq!(done.code, Some(0), "{}", done.said);
    assert!(done.said.contains("replayed: ") && done.said.contains("/s"), "{}", done.said);

    // A deployment of its own, which carries what it has into a folder of its own.
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--redis-url",
        &url,
        "--redis-prefix",
        "past",
        "--data-dir",
        folder.path().to_str().expect("a path"),
        "--shards",
        &SHARDS.to_string(),
        "--window",
        "64",
    ];
    let past = Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments).ready();
    assert_eq!(by_the_api(&mut past.client(), played.account.boards()), shown);
    until("the past to reach its folder", PATIENCE, || {
        (gauge(&mut past.client(), "hiscore_funnel_dirty_records") == Some(0.0)).then_some(())
    });
    assert_eq!(by_the_api(&mut all.client(), played.account.boards()), shown, "nothing else changed");
}

#[test]
fn a_log_that_is_lost_is_renewed() {
    let Some(broker) = kafka() else { return };
    goes_on_with_a_new_log(Deployment::start(1).behind(broker), kafka().expect("another"));
}

#[test]
fn streams_that_are_lost_are_renewed() {
    let Some(broker) = rabbitmq() else { return };
    goes_on_with_a_new_log(Deployment::start(1).behind(broker), rabbitmq().expect("another"));
}

fn goes_on_with_a_new_log(mut deployment: Deployment, other: Broker) {
    let [ingest, applier, persister] = ["ingest", "apply", "persist"].map(|role| deployment.serve(role));
    let plan = Plan { deletes: true, ..Plan::default() };
    let load = Load::start(plan.clone(), &[&ingest]);
    load.await_acks(300);
    // From here on the store falls behind.
    end([persister]);
    load.await_acks(300);
    let played = load.stop();
    until("the log to be applied", PATIENCE, || {
        (gauge(&mut applier.client(), "hiscore_apply_lag_entries") == Some(0.0)).then_some(())
    });
    let running = log(&deployment, &["renew", "--yes"]);
    assert_eq!(running.code, Some(1), "{}", running.said);
    assert!(running.out.contains("Stop every process"), "{}", running.out);
    end([ingest, applier]);

    // All brokers and their disks are gone; others have their place.
    deployment.log = Some(other);
    let log_url = deployment.log.as_ref().map(Broker::url).expect("a log");
    let roles = ["ingest,apply,persist,scoreboard"];
    let lost =
        process(&deployment.redis_url(), &deployment.mongo.url(), roles[0], &["--log-url", &log_url], &[]);
    let lost = lost.expect("it listens");
    until("the loss to be noticed", PATIENCE, || {
        let (_, text) = lost.client().get("/readyz?verbose").ok()?;
        text.contains("the log is gone").then_some(())
    });
    end([lost]);
    let asked = log(&deployment, &["renew"]);
    println!("{}", asked.out);
    assert_eq!(asked.code, Some(1), "{}", asked.said);
    assert!(asked.out.contains("Nothing was done"), "{}", asked.out);
    let done = log(&deployment, &["renew", "--yes"]);
    println!("{}", done.out);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.said);

    let all = deployment.serve("all");
    let load = Load::go_on(plan, &[&all], played.account);
    load.await_acks(300);
    let played = load.stop();
    println!("{played}");
    deployment.check_in_the_end(&all, &all, &played, Level::Logged);
    let verified = log(&deployment, &["verify"]);
    println!("{}", verified.out);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.said);
}
