//! Until a replay has reached the end of the log, whoever looks is told that ranks are being loaded; from then on they are
//! all there.

use hiscore_faults::servers::Redis;
use hiscore_faults::wait::until;
use serde_json::json;

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE, gauge};
use crate::load::{create, submit_all};
use crate::logged_field::{Opened, Roles, kafka, readiness};
use crate::wire::{self, Level, Verdict};

const STATE: &str = "query State($id: ID!) { leaderboard(id: $id) { rankState totalCount } }";

#[test]
fn nobody_is_shown_half_of_a_replay() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let Roles { ingest, scoreboard, persister, applier: _applier } = Roles::start(&deployment);
    let mut client = ingest.client();
    let mut account = Account::default();
    create(&mut client, "sum", "INCREMENT");
    account.board("sum", "INCREMENT");
    deployment.settle(&persister);
    // From here on it is in the log alone: nobody is left who could have a bulk on its way.
    drop(persister.kill());
    for bulk in 0..60 {
        let entries: Vec<_> =
            (0..100).map(|player| account.open("sum", format!("p{bulk}-{player}"), 1)).collect();
        submit_all(&mut client, "sum", &entries, &mut account);
    }
    let log = Opened::of(&deployment);
    deployment.await_applied(&log);
    deployment.redis.kill();
    deployment.redis.restart();
    let persister = deployment.serve("persist");
    let mut reader = scoreboard.client();
    let mut seen = Vec::new();
    let total = until("the board to be exact", PATIENCE, || {
        let data = wire::ask(&mut reader, STATE, &json!({ "id": "sum" })).ok()?;
        let board = &data["leaderboard"];
        if seen.last() != Some(&board["rankState"]) {
            seen.push(board["rankState"].clone());
        }
        (board["rankState"] == "EXACT").then(|| board["totalCount"].as_i64())
    });
    println!("{seen:?}");
    assert_eq!(total, Some(6_000));
    assert!(!seen.contains(&json!(null)), "a board that there is was said not to be there: {seen:?}");
    deployment.settle(&persister);
    deployment.check_account(&mut reader, &account, Level::Logged);
}

#[test]
fn a_redis_that_lost_nothing_is_exact_again_though_nobody_plays() {
    let Some(broker) = kafka(1) else { return };
    let redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let deployment = Deployment { redis, ..Deployment::start(1) }.behind(broker);
    let roles = Roles::start(&deployment);
    let mut client = roles.ingest.client();
    let mut account = Account::default();
    create(&mut client, "sum", "INCREMENT");
    account.board("sum", "INCREMENT");
    let entries: Vec<_> = (0..100).map(|player| account.open("sum", format!("p{player}"), 1)).collect();
    submit_all(&mut client, "sum", &entries, &mut account);
    let log = Opened::of(&deployment);
    deployment.await_applied(&log);
    let mut reader = roles.scoreboard.client();
    for _ in 0..5 {
        deployment.redis.kill();
        deployment.redis.restart();
        deployment.await_applied(&log);
        let state = until("the board to be exact", PATIENCE, || {
            let data = wire::ask(&mut reader, STATE, &json!({ "id": "sum" })).ok()?;
            Some(data["leaderboard"].clone()).filter(|board| board["rankState"] == "EXACT")
        });
        assert_eq!(state["totalCount"], json!(100));
    }
    deployment.settle(&roles.persister);
    deployment.check_account(&mut reader, &account, Level::Logged);
}

/// The store has never heard of it, and Redis has not heard of it again yet.
#[test]
fn nobody_says_that_a_board_which_the_log_has_is_not_there() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let Roles { ingest, scoreboard, persister, applier } = Roles::start(&deployment);
    let mut account = Account::default();
    drop(persister.kill());
    create(&mut ingest.client(), "sum", "INCREMENT");
    account.board("sum", "INCREMENT");
    let entries: Vec<_> = (0..10).map(|player| account.open("sum", format!("p{player}"), 1)).collect();
    submit_all(&mut ingest.client(), "sum", &entries, &mut account);
    let log = Opened::of(&deployment);
    deployment.await_applied(&log);
    drop(applier.kill());
    deployment.redis.kill();
    deployment.redis.restart();
    let persister = deployment.serve("persist");
    until("the shards to be open", PATIENCE, || deployment.dirty(&deployment.redis));

    let fresh = deployment.serve("ingest,scoreboard");
    for process in [&scoreboard, &fresh] {
        match wire::ask(&mut process.client(), STATE, &json!({ "id": "sum" })) {
            Ok(data) => assert_eq!(data["leaderboard"]["rankState"], "WARMING", "{data}"),
            Err(told) => assert!(matches!(told, Verdict::NotApplied(_)), "{told:?}"),
        }
    }
    let entry = account.open("sum", "late".into(), 1);
    submit_all(&mut fresh.client(), "sum", &[entry], &mut account);
    let applier = deployment.serve("apply");
    deployment.await_applied(&log);
    let told = until("the replay to be over", PATIENCE, || {
        let (_, text) = readiness(&applier);
        text.lines().find(|line| line.contains("none is under way; the last one: ")).map(str::to_owned)
    });
    println!("{told}");
    for line in ["a replay of the log begins", "the replay of the log is over"] {
        until("it to be told in the log", PATIENCE, || applier.said().contains(line).then_some(()));
    }
    let gauge = |name| gauge(&mut applier.client(), name);
    assert_eq!(gauge("hiscore_replay_left_entries"), Some(0.0));
    // The board, ten players at once, and the one who was late.
    assert!(gauge("hiscore_replay_entries_total").is_some_and(|entries| entries >= 3.0));
    deployment.settle(&persister);
    until("the board to be exact", PATIENCE, || {
        let data = wire::ask(&mut fresh.client(), STATE, &json!({ "id": "sum" })).ok()?;
        (data["leaderboard"]["rankState"] == "EXACT").then_some(())
    });
    deployment.check_account(&mut fresh.client(), &account, Level::Logged);
}
