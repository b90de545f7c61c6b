//! Redis loses everything, or its functions, or has no memory left.

use std::time::Duration;

use hiscore_faults::wait::until;
use serde_json::{Value, json};

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE, missing};
use crate::load::{Load, Plan, create, submit_all};
use crate::shown::by_mongodb;
use crate::wire::{self, Level, Verdict};

const TOP: &str = "query Top($id: ID!) { leaderboard(id: $id) { rankState totalCount records(first: 1000) { \
    nodes { playerId rank score } } } }";

#[test]
fn redis_comes_back_empty_and_is_filled_from_the_store() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let [ingest, persister, reader] = ["ingest", "persist", "scoreboard"].map(|role| deployment.serve(role));
    let load = Load::start(Plan::default(), &[&ingest]);
    load.await_acks(1000);
    let played = load.stop();
    deployment.check(&reader, &persister, &played, Level::Ranked);

    // Nobody fills it yet, and so nobody is told a rank.
    persister.pause();
    let mut client = reader.client();
    let top = |client: &mut _| wire::ask(client, TOP, &json!({ "id": "best" }));
    let before = top(&mut client).unwrap();
    deployment.redis.kill();
    deployment.redis.restart();
    let warming = until("the board to say that it is loading", PATIENCE, || {
        top(&mut client).ok().filter(|data| data["leaderboard"]["rankState"] == "WARMING")
    });
    let rows = |data: &Value| data["leaderboard"]["records"]["nodes"].as_array().cloned().unwrap_or_default();
    let made_up = rows(&warming).into_iter().find(|row| !row["rank"].is_null());
    assert_eq!(made_up, None, "a rank while it is loading");
    let (board, entry) = played.account.last().swap_remove(0);
    let mut writer = ingest.client();
    until("a submission to be refused", PATIENCE, || {
        match &wire::submit(&mut writer, &board, std::slice::from_ref(&entry), None)[..] {
            [Verdict::NotApplied(_)] => Some(()),
            // By a connection that was broken and did not know it.
            [Verdict::Ambiguous(_)] => None,
            other => panic!("{other:?}"),
        }
    });
    persister.resume();
    // Everything was in the store, so everything is there again, in the same order.
    let after = until("the board to be exact", PATIENCE, || {
        top(&mut client).ok().filter(|data| data["leaderboard"]["rankState"] == "EXACT")
    });
    assert_eq!(rows(&after), rows(&before));
    deployment.check(&reader, &persister, &played, Level::Ranked);

    // Under load, what was in Redis alone is lost, and nothing else.
    let plan = Plan { acks: [None, Some(Level::Persisted)], ..Plan::default() };
    let load = Load::go_on(plan, &[&ingest], played.account);
    for _ in 0..2 {
        load.await_acks(500);
        deployment.redis.kill();
        deployment.redis.restart();
    }
    load.await_acks(500);
    let played = load.stop();
    println!("{played}");
    deployment.check(&reader, &persister, &played, Level::Persisted);
}

#[test]
fn the_functions_of_redis_are_flushed() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("all");
    let load = Load::start(Plan { rate: None, deletes: true, ..Plan::default() }, &[&server]);
    for _ in 0..10 {
        load.await_acks(200);
        assert_eq!(deployment.redis.command(&["FUNCTION", "FLUSH"]), "OK");
    }
    load.await_acks(200);
    let played = load.stop();
    println!("{played}");
    assert_eq!((played.refusals, played.ambiguous), (0, 0), "nobody notices");
    deployment.check(&server, &server, &played, Level::Ranked);
}

#[test]
fn redis_has_no_memory_left() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("all");
    let mut client = server.client();
    let mut account = Account::default();
    let redis = &deployment.redis;
    for (board, operator) in [("best", "BEST"), ("sum", "INCREMENT")] {
        create(&mut client, board, operator);
        account.board(board, operator);
    }
    let used: u64 = redis.info("used_memory").parse().unwrap();
    // Nothing reaches the store meanwhile, so that what is dirty must be carried there by a Redis that is full.
    deployment.mongo.pause(0);
    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", &(used + (3 << 20)).to_string()]), "OK");
    let (board, entries, why) = 'full: {
        for bulk in 0.. {
            let board = ["best", "sum"][bulk % 2];
            let players = (0..200).map(|player| format!("p{bulk}-{player}"));
            let entries: Vec<_> = players.map(|player| account.open(board, player, 7)).collect();
            let verdicts = wire::submit(&mut client, board, &entries, None);
            match &verdicts[0] {
                Verdict::Acked(level, ..) => {
                    entries.iter().for_each(|entry| account.acked(board, entry, *level))
                }
                Verdict::NotApplied(why) => break 'full (board, entries, why.clone()),
                other => panic!("{other:?}"),
            }
        }
        unreachable!("it is full in the end")
    };
    println!("full after {}: {why}", account.summary());
    assert!(redis.info("used_memory").parse::<u64>().unwrap() > used + (2 << 20));
    // It is full for good now, whatever is freed meanwhile.
    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", &used.to_string()]), "OK");
    let refused = |verdicts: Vec<Verdict>| {
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::NotApplied(_))), "{verdicts:?}");
    };
    refused(wire::submit(&mut client, board, &entries[..1], None));

    deployment.mongo.resume(0);
    deployment.settle(&server);
    let stored = by_mongodb(&deployment.mongo, account.boards());
    let partial = entries.iter().find(|entry| stored[board].contains_key(&entry.player));
    assert_eq!(partial, None, "it was refused");
    refused(wire::submit(&mut client, board, &entries, None));

    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    let mut first = Vec::new();
    until("submissions to be taken again", PATIENCE, || {
        first = wire::submit(&mut client, board, &entries, None);
        matches!(first[0], Verdict::Acked(..)).then_some(())
    });
    let anew = |verdict: &Verdict| matches!(verdict, Verdict::Acked(_, outcome, _) if outcome == "IMPROVED");
    assert!(first.iter().all(anew), "something of it was done before: {first:?}");
    submit_all(&mut client, board, &entries, &mut account);
    deployment.settle(&server);
    deployment.check_account(&mut client, &account, Level::Ranked);
}

/// Redis is full again and again under load, and what is refused is refused whole.
#[test]
fn redis_is_full_under_load() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("all");
    let load = Load::start(Plan { bulk: 20, rate: None, ..Plan::default() }, &[&server]);
    for _ in 0..4 {
        load.await_acks(500);
        let before = load.refusals();
        assert_eq!(deployment.redis.command(&["CONFIG", "SET", "maxmemory", "1000000"]), "OK");
        until("a refusal", PATIENCE, || (load.refusals() > before).then_some(()));
        load.play_for(Duration::from_millis(300));
        assert_eq!(deployment.redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    }
    load.await_acks(500);
    let played = load.stop();
    println!("{played}");
    assert_eq!((played.ambiguous, played.duplicates), (0, 0), "a refusal is a refusal");
    deployment.check(&server, &server, &played, Level::Ranked);
}
