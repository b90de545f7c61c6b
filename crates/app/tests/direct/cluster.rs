//! A Redis Cluster ranks: boards of all its primaries at once, a primary that dies with a replica in its place, and slots
//! that move from one primary to another while scores come in.

use std::time::Duration;

use hiscore_faults::wait::until;

use crate::account::Account;
use crate::clustered::{Clustered, SPREAD, meta};
use crate::deployment::{PATIENCE, SHARDS, missing};
use crate::load::{Load, Plan, create, submit_all};
use crate::wire::Level;

const PLAN: Plan = Plan {
    clients: 4,
    boards: &SPREAD,
    players: None,
    bulk: 5,
    rate: None,
    acks: [None, Some(Level::Persisted)],
    deletes: false,
};

#[test]
fn boards_are_spread_over_the_primaries_of_a_cluster() {
    if missing() {
        return;
    }
    let clustered = Clustered::start(0);
    let [ingest, other, persister, second, reader] =
        ["ingest", "ingest", "persist", "persist", "scoreboard"].map(|role| clustered.serve(role));
    let load = Load::start(Plan { deletes: true, ..PLAN }, &[&ingest, &other]);
    load.await_acks(1500);
    // Who stands where among equals is decided by who was first, on every primary.
    let (mut client, mut account) = (other.client(), Account::default());
    for (board, _) in [("ties-1", 0), ("ties", 2), ("ties-2", 1), ("ties-5", 3)] {
        create(&mut client, board, "BEST");
        account.board(board, "BEST");
        for player in 0..60 {
            let mut entry = account.open(board, format!("p{}", player * 7 % 60), player % 3);
            entry.subscore = 0;
            submit_all(&mut client, board, &[entry], &mut account);
        }
    }
    let played = load.stop();
    println!("{played}");
    assert_eq!((played.refusals, played.ambiguous), (0, 0), "nothing went wrong");
    clustered.check(&reader, &persister, &played, Level::Ranked);
    clustered.check(&reader, &second, &played, Level::Ranked);
    for board in account.boards() {
        clustered.check_order(&mut reader.client(), board);
    }
    let moved = (0..SHARDS).map(|shard| clustered.redis_of(shard).command(&["HGET", &meta(shard), "epoch"]));
    assert_eq!(moved.collect::<Vec<_>>(), ["1"; SHARDS as usize], "no shard was reconciled for nothing");
}

#[test]
fn a_primary_of_a_cluster_dies_and_its_replica_takes_over() {
    if missing() {
        return;
    }
    let clustered = Clustered::start(1);
    let [ingest, persister, reader] = ["ingest", "persist", "scoreboard"].map(|role| clustered.serve(role));
    let load = Load::start(PLAN, &[&ingest]);
    load.await_acks(1000);
    // Also the one of shard 0, at which persisters find each other.
    for shard in [3, 0] {
        let primary = clustered.node_of(shard);
        clustered.cluster.nodes()[primary].kill();
        let (status, why) = ingest.client().get("/readyz?verbose").unwrap();
        assert_eq!(status, 200, "the others are served: {why}");
        let next = clustered.node_of(shard);
        assert_eq!(next, primary + 3, "its replica is in its place");
        load.await_acks(1000);
    }
    let played = load.stop();
    println!("{played}");
    clustered.check(&reader, &persister, &played, Level::Replicated);

    // They come back empty, and follow those that took their places.
    for shard in [3, 0] {
        let old = &clustered.cluster.nodes()[clustered.node_of(shard) - 3];
        old.restart();
        old.await_primary();
    }
    let load = Load::go_on(PLAN, &[&ingest], played.account);
    load.await_acks(1000);
    let played = load.stop();
    clustered.check(&reader, &persister, &played, Level::Replicated);
}

#[test]
fn slots_move_between_primaries_under_load() {
    if missing() {
        return;
    }
    let clustered = Clustered::start(0);
    let [ingest, persister, reader] = ["ingest", "persist", "scoreboard"].map(|role| clustered.serve(role));
    // Who waits for the store while its shard gets a new epoch is told that nobody knows; nobody else is.
    let load = Load::start(Plan { deletes: true, acks: [None; 2], ..PLAN }, &[&ingest]);
    load.await_acks(500);
    // What all functions look at first goes first, last, or somewhere between.
    for (round, shard) in [3, 0, 1, 3, 2, 0].into_iter().enumerate() {
        let (from, slot) = (clustered.node_of(shard), clustered.cluster.slot_of(&meta(shard)));
        let to = (from + 1) % 3;
        let mut moved = 0;
        clustered.cluster.move_slot(slot, to, |left| {
            moved += 1;
            load.play_for(Duration::from_millis(30));
            let first = left.iter().find(|key| (**key == meta(shard)) == (round % 2 == 0));
            Some(first.unwrap_or(&left[0]).clone())
        });
        println!("shard {shard}: {moved} keys from node {from} to {to}");
        assert_eq!(clustered.node_of(shard), to);
        let node = clustered.redis_of(shard);
        until("the shard to be open where it is now", PATIENCE, || {
            let fence = node.command(&["HGET", &meta(shard), "fence"]);
            (fence == node.info("master_replid")).then_some(())
        });
        load.await_acks(300);
    }
    let played = load.stop();
    println!("{played}");
    assert_eq!(played.ambiguous, 0, "whatever met a shard on its way was refused whole");
    clustered.check(&reader, &persister, &played, Level::Ranked);
}
