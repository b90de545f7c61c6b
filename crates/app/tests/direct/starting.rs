//! Processes start before what they need is there, and refuse what was made with other settings; what Redis does not hold
//! is read from the store.

use std::collections::BTreeMap;

use hiscore_faults::servers::{Mongo, Redis};
use hiscore_faults::tally::walk;
use hiscore_faults::wait::until;
use hiscore_faults::{Client, Process};
use serde_json::{Value, json};

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE, SHARDS, missing, process};
use crate::load::{Load, Plan, create, submit_all};
use crate::wire::{self, Level, Verdict};

const ROLES: [&str; 4] = ["ingest", "persist", "scoreboard", "all"];
const PAGE: &str = "query Page($id: ID!, $version: Int, $from: Int) { leaderboard(id: $id) { rankState totalCount versionId \
    records(first: 100, versionId: $version, fromRank: $from) { totalCount nodes { playerId rank score } } } }";

#[test]
fn every_role_starts_before_its_tiers_are_there() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    deployment.redis.kill();
    deployment.mongo.kill(0);
    let mut all = ROLES.map(|role| deployment.listening(role, &[], &[]));
    for process in &all {
        let mut client = process.client();
        assert_eq!(client.get("/livez").unwrap().0, 200, "it lives");
        let (status, why) = client.get("/readyz?verbose").unwrap();
        assert_eq!(status, 503, "{why}");
        assert!(why.contains("redis"), "what it waits for is said: {why}");
        let refused = wire::create(&mut client, "early", "BEST");
        assert!(matches!(refused, Err(Verdict::NotApplied(_))), "{refused:?}");
    }
    // Redis alone says nothing of which deployment this is, and MongoDB comes last.
    deployment.redis.restart();
    all.iter_mut().for_each(|process| assert!(process.is_running(), "{}", process.said()));
    deployment.mongo.restart(0);
    let all = all.map(Process::ready);
    let load = Load::start(Plan::default(), &[&all[0], &all[3]]);
    load.await_acks(200);
    let played = load.stop();
    deployment.check(&all[2], &all[1], &played, Level::Ranked);

    // A store that is away keeps nobody from starting.
    deployment.mongo.kill(0);
    let late = deployment.serve("ingest,scoreboard");
    let load = Load::go_on(Plan::default(), &[&late], played.account);
    load.await_acks(200);
    let played = load.stop();
    deployment.mongo.restart(0);
    deployment.check(&late, &all[1], &played, Level::Ranked);
    for mut process in all {
        process.terminate();
        let ended = process.wait();
        assert_eq!(ended.code, Ok(0), "{}", ended.said);
    }
}

/// Says why a process ended that must not run.
fn refused(started: Result<Process, String>) -> String {
    let mut process = match started {
        Ok(process) => process,
        Err(said) => return said,
    };
    let ended =
        until("a process to refuse to run", PATIENCE, || (!process.is_running()).then(|| process.wait()));
    assert_eq!(ended.code, Ok(1), "{}", ended.said);
    ended.said
}

#[test]
fn other_settings_are_refused() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("all");
    let (redis, mongo) = (deployment.redis_url(), deployment.mongo.url());
    for role in ROLES {
        let said = refused(process(&redis, &mongo, role, &["--shards", "8"], &[]));
        assert!(said.contains("--shards 4"), "{said}");
        let said = refused(process(&redis, &mongo, role, &["--window", "32"], &[]));
        assert!(said.contains("--window 64"), "{said}");
    }
    // Redis of one deployment, and MongoDB of another.
    let other = Redis::start();
    let database = mongo.replace("/?", "/other?");
    drop(process(&other.url(), &database, "all", &[], &[]).unwrap().ready());
    for role in ROLES {
        let said = refused(process(&redis, &database, role, &[], &[]));
        assert!(said.contains("deployment"), "{said}");
    }
    let load = Load::start(Plan::default(), &[&server]);
    load.await_acks(100);
    let played = load.stop();
    deployment.check(&server, &server, &played, Level::Ranked);
}

#[test]
fn what_redis_does_not_hold_is_read_from_the_store() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve_with("all", &["--flush-interval", "50ms"]);
    let mut client = server.client();
    create(&mut client, "board", "BEST");
    let mut seasons = BTreeMap::new();
    let mut account = Account::default();
    account.board("board", "BEST");
    for version in 1..=4 {
        let players = 0..10 + version;
        let entries: Vec<_> =
            players.map(|player| account.open("board", format!("p{player}"), player * version)).collect();
        submit_all(&mut client, "board", &entries, &mut account);
        seasons.insert(version, walk(&mut client, "board", Some(version), 5));
        if version < 4 {
            assert_eq!(wire::reset(&mut client, "board", version), Ok(version + 1));
        }
    }
    // Two seasons stay in Redis, the others leave it once they are stored.
    let ranked = |version: i64| {
        let season = format!("{version:010}:board");
        let has =
            |shard| deployment.redis.command(&["HEXISTS", &format!("{{hiscore:{shard}}}:s"), &season]) == "1";
        (0..SHARDS).any(has)
    };
    until("the old seasons to leave Redis", PATIENCE, || (!ranked(1) && !ranked(2)).then_some(()));
    assert!(ranked(3) && ranked(4));
    for (version, rows) in &seasons {
        assert_eq!(walk(&mut client, "board", Some(*version), 5), *rows, "season {version}");
        assert_eq!(size(&page(&mut client, Some(*version), 1)), rows.len(), "season {version}");
    }

    // With Redis away everything is read there, and says so.
    deployment.settle(&server);
    deployment.redis.kill();
    let stale = page(&mut client, None, 1);
    assert_eq!(stale["rankState"], "STALE", "{stale}");
    assert_eq!((&stale["totalCount"], &stale["versionId"]), (&json!(14), &json!(4)));
    for (version, rows) in &seasons {
        let shown: Vec<_> = rows.iter().map(|row| (row.player.clone(), row.rank, row.score())).collect();
        assert_eq!(ranks(&page(&mut client, Some(*version), 1)), shown, "season {version}");
        let further = page(&mut client, Some(*version), 4);
        assert_eq!(ranks(&further), shown[3..], "season {version}");
        assert_eq!(size(&further), rows.len(), "season {version}");
    }
    let refused = wire::delete(&mut client, "board", "p1");
    assert!(matches!(refused, Err(Verdict::NotApplied(_))), "{refused:?}");
    deployment.redis.restart();
    until("the board to be exact again", PATIENCE, || {
        (page(&mut client, None, 1)["rankState"] == "EXACT").then_some(())
    });
    for (version, rows) in &seasons {
        assert_eq!(walk(&mut client, "board", Some(*version), 5), *rows, "season {version}");
    }
}

fn page(client: &mut Client, version: Option<i64>, from: i64) -> Value {
    let mut data = client.data(PAGE, &json!({ "id": "board", "version": version, "from": from }));
    data["leaderboard"].take()
}

fn size(board: &Value) -> usize {
    board["records"]["totalCount"].as_u64().unwrap().try_into().unwrap()
}

fn ranks(board: &Value) -> Vec<(String, i64, i64)> {
    let nodes = board["records"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("no {name} in {row}"));
            (row["playerId"].as_str().unwrap().to_owned(), number("rank"), number("score"))
        })
        .collect()
}

/// A store that takes no writes leaves Redis as the only place, for as long as it must.
#[test]
fn a_store_without_a_majority_is_a_store_that_is_away() {
    if missing() {
        return;
    }
    let deployment = Deployment {
        redis: Redis::start(),
        replica: None,
        sentinels: None,
        mongo: Mongo::start(3),
        log: None,
    };
    let server = deployment.serve("all");
    let load = Load::start(Plan::default(), &[&server]);
    load.await_acks(200);
    let primary = deployment.mongo.primary();
    let others: Vec<usize> = (0..3).filter(|member| *member != primary).collect();
    others.iter().for_each(|member| deployment.mongo.kill(*member));
    load.await_acks(1500);
    others.iter().for_each(|member| deployment.mongo.restart(*member));
    let played = load.stop();
    assert_eq!((played.refusals, played.ambiguous), (0, 0), "writes never failed");
    deployment.check(&server, &server, &played, Level::Ranked);
}
