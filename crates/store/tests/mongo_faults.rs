//! MongoDB in trouble, with real processes: what was confirmed is there, what was not may be repeated, and it goes on by
//! itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hiscore_faults::servers::{self, Mongo, Proxy};
use hiscore_faults::wait::until;
use hiscore_score::{Record, RecordKey, Stamp};
use hiscore_store::contract::{
    Advanced, DeploymentInfo, LogPlace, Progress, ShardState, StoredLog, Writes, Written,
};
use hiscore_store::suite::{board, key, record};
use hiscore_store::{MongoOptions, MongoStore, Store, StoreError};
use mongodb::bson::{Document, doc};
use tokio::runtime::Runtime;

const BOARD: &str = "daily";
/// For what must happen at last, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn connect(url: &str, timeout: Duration, connections: u32) -> Arc<MongoStore> {
    let store = MongoStore::connect(url, MongoOptions { timeout, connections }).unwrap();
    Arc::new(store)
}

/// The states of some players at a sequence.
fn rows(players: u64, sequence: u64) -> Vec<(RecordKey, Record)> {
    let row = |player| (key(BOARD, 1, &format!("p{player}")), record(sequence, sequence as i64));
    (0..players).map(row).collect()
}

async fn write(store: &MongoStore, rows: &[(RecordKey, Record)]) -> Result<Written, StoreError> {
    store.write(Writes { shard: 3, rows, boards: &[] }).await
}

/// The sequences that players have.
async fn sequences(store: &MongoStore, players: u64) -> Result<Vec<u64>, StoreError> {
    let keys: Vec<_> = rows(players, 1).into_iter().map(|(key, _)| key).collect();
    let found = store.get(&keys).await?;
    Ok(found.iter().map(|found| found.as_ref().map_or(0, |record| record.position.sequence)).collect())
}

async fn begin(store: &MongoStore) {
    let boards = [board(BOARD)];
    let written = store.write(Writes { shard: 3, rows: &[], boards: &boards }).await.unwrap();
    assert_eq!(written, Written::default());
}

/// Bulks go on while the primary steps down again and again: none fails, since they are repeated inside, and what was
/// confirmed is there.
#[test]
fn a_primary_steps_down_in_mid_bulk() {
    if servers::missing("mongod") {
        return;
    }
    const PLAYERS: u64 = 2_000;
    let mongo = Mongo::start(3);
    let runtime = Runtime::new().unwrap();
    let store = connect(&mongo.url(), Duration::from_secs(40), 4);
    runtime.block_on(begin(&store));
    let (confirmed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = runtime.spawn({
        let (store, confirmed, stop) = (Arc::clone(&store), Arc::clone(&confirmed), Arc::clone(&stop));
        async move {
            let mut superseded = 0;
            while !stop.load(Ordering::Acquire) {
                let sequence = confirmed.load(Ordering::Acquire) + 1;
                let written = write(&store, &rows(PLAYERS, sequence)).await.unwrap();
                assert_eq!(written.failed_rows, []);
                superseded += written.superseded;
                assert_eq!(sequences(&store, PLAYERS).await.unwrap(), vec![sequence; PLAYERS as usize]);
                confirmed.store(sequence, Ordering::Release);
            }
            superseded
        }
    });
    for _ in 0..3 {
        let before = confirmed.load(Ordering::Acquire);
        until("a bulk to be confirmed", PATIENCE, || {
            (confirmed.load(Ordering::Acquire) > before).then_some(())
        });
        mongo.step_down();
        mongo.await_all();
    }
    stop.store(true, Ordering::Release);
    // Those are what was repeated after it had been done.
    let superseded = runtime.block_on(writer).unwrap();
    assert!(superseded <= 3 * PLAYERS, "{superseded}");
}

/// Of three members one may be gone; of two gone nothing is confirmed; and then it goes on.
#[test]
fn members_are_killed() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(3);
    let runtime = Runtime::new().unwrap();
    let patient = connect(&mongo.url(), Duration::from_secs(40), 4);
    let hasty = connect(&mongo.url(), Duration::from_secs(2), 4);
    runtime.block_on(begin(&patient));
    let primary = mongo.primary();
    mongo.kill(primary);
    assert_eq!(runtime.block_on(write(&patient, &rows(50, 1))), Ok(Written::default()));
    assert_eq!(runtime.block_on(sequences(&patient, 50)), Ok(vec![1; 50]));
    // A new process begins while one is down: its indexes are there.
    runtime.block_on(connect(&mongo.url(), Duration::from_secs(20), 4).prepare()).unwrap();

    let second = mongo.primary();
    let third = 3 - primary - second;
    mongo.kill(third);
    // The primary takes it, but no majority has it; soon there is no primary either.
    for _ in 0..3 {
        let refused = runtime.block_on(write(&hasty, &rows(50, 2)));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let opened =
            runtime.block_on(hasty.open_epoch(3, 0, &ShardState { epoch: 1, ..ShardState::default() }));
        assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
    }
    // Pages are read from whoever is left.
    until("the last member to be no primary", PATIENCE, || mongo.primary_now().is_none().then_some(()));
    let season = rows(1, 1).remove(0).0.season;
    assert_eq!(runtime.block_on(hasty.count(&season)), Ok(50));

    mongo.restart(primary);
    mongo.restart(third);
    assert_eq!(
        runtime.block_on(write(&patient, &rows(50, 3))).map(|written| written.failed_rows),
        Ok(vec![])
    );
    assert_eq!(runtime.block_on(sequences(&patient, 50)), Ok(vec![3; 50]));
}

/// A primary that hangs without closing a connection, with as many operations stuck in it as there may be: the others
/// elect a new one, and the store goes on with that.
#[test]
fn a_primary_hangs() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(3);
    let runtime = Runtime::new().unwrap();
    let store = connect(&mongo.url(), Duration::from_secs(2), 2);
    runtime.block_on(begin(&store));
    let primary = mongo.primary();
    mongo.pause(primary);
    let stuck: Vec<_> = (0..6)
        .map(|_| {
            let store = Arc::clone(&store);
            runtime.spawn(async move { write(&store, &rows(10, 1)).await })
        })
        .collect();
    for one in stuck {
        let one = runtime.block_on(one).unwrap();
        assert!(matches!(one, Ok(_) | Err(StoreError::Unavailable(_))), "{one:?}");
    }
    until("the store to go on without the one that hangs", PATIENCE, || {
        runtime.block_on(write(&store, &rows(10, 2))).ok()
    });
    mongo.resume(primary);
    until("the store to be read", PATIENCE, || {
        runtime.block_on(sequences(&store, 10)).ok().filter(|found| *found == vec![2; 10])
    });
}

/// All servers hang, then go on: whatever was tried meanwhile was refused in time, and may be repeated.
#[test]
fn everything_hangs_for_a_while() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    let runtime = Runtime::new().unwrap();
    let store = connect(&mongo.url(), Duration::from_millis(700), 2);
    until("the store to begin", PATIENCE, || runtime.block_on(store.prepare()).ok());
    runtime.block_on(begin(&store));
    mongo.pause(0);
    for _ in 0..8 {
        let refused = runtime.block_on(write(&store, &rows(10, 1)));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    mongo.resume(0);
    until("the store to go on", PATIENCE, || runtime.block_on(write(&store, &rows(10, 2))).ok());
    assert_eq!(runtime.block_on(sequences(&store, 10)), Ok(vec![2; 10]));
}

/// The work is done and nobody is told: it is done again, which changes nothing, and is confirmed.
#[test]
fn replies_are_lost_after_the_commit() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    let proxy = Proxy::start(mongo.address(0));
    let runtime = Runtime::new().unwrap();
    let url = format!("mongodb://{}/hiscore?directConnection=true", proxy.address());
    let store = connect(&url, Duration::from_secs(60), 4);
    runtime.block_on(begin(&store));
    let info = DeploymentInfo { id: "a".repeat(32), shards: 4, window: 8, secret: [7; 32] };
    runtime.block_on(store.deployment(&info)).unwrap();
    let mut lost = [0; 4];
    for turn in 1..=20u32 {
        let watermark = 10 * u64::from(turn);
        let log = LogPlace { generation: 1, era: 1, offset: Some(watermark), stamp: Stamp::ZERO };
        let state = ShardState { epoch: turn, watermark, log: Some(log), ..ShardState::default() };
        proxy.swallow_replies(true);
        let of = Arc::clone(&store);
        let open = runtime.spawn(async move { of.open_epoch(3, turn - 1, &state).await });
        let there = doc! { "find": "shards", "filter": { "epoch": i64::from(turn) } };
        lost[0] += u32::from(lose_reply(&proxy, &mongo, there));
        assert_eq!(runtime.block_on(open).unwrap(), Ok(true), "its own epoch");

        proxy.swallow_replies(true);
        let of = Arc::clone(&store);
        let moved = watermark + 5;
        let place = Some((moved, Stamp::LAST));
        let expected = Progress { watermark, bulk: 0 };
        let reached = Progress { watermark: moved, bulk: 1 };
        let advance =
            runtime.spawn(async move { of.advance(3, turn, expected, reached, Stamp::ZERO, place).await });
        let there = doc! { "find": "shards", "filter": { "watermark": moved as i64 } };
        lost[1] += u32::from(lose_reply(&proxy, &mongo, there));
        assert_eq!(runtime.block_on(advance).unwrap(), Ok(Advanced::Done));
        let moved = LogPlace { offset: Some(moved), stamp: Stamp::LAST, ..log };
        assert_eq!(runtime.block_on(store.shard(3)).unwrap().log, Some(moved));

        proxy.swallow_replies(true);
        let of = Arc::clone(&store);
        let log = StoredLog { generation: turn, id: "b".repeat(32) };
        let from = (turn > 1).then(|| turn - 1);
        let adopt = runtime.spawn(async move { of.adopt_log(from, &log).await });
        let there = doc! { "find": "deployment", "filter": { "log.generation": i64::from(turn) } };
        lost[3] += u32::from(lose_reply(&proxy, &mongo, there));
        assert_eq!(runtime.block_on(adopt).unwrap(), Ok(true), "its own log");

        proxy.swallow_replies(true);
        let of = Arc::clone(&store);
        let written = runtime.spawn(async move { write(&of, &rows(20, u64::from(turn))).await });
        let there = doc! { "find": "records", "filter": { "sequence": i64::from(turn) } };
        let was_lost = lose_reply(&proxy, &mongo, there);
        let written = runtime.block_on(written).unwrap().unwrap();
        assert_eq!(written.failed_rows, []);
        assert!(!was_lost || written.superseded == 20, "it was done once: {written:?}");
        lost[2] += u32::from(was_lost);
        assert_eq!(runtime.block_on(sequences(&store, 20)), Ok(vec![turn.into(); 20]));
        if lost.iter().all(|lost| *lost > 1) {
            return;
        }
    }
    panic!("too few replies were lost: {lost:?}");
}

/// Waits until a reply was lost, and lets them through again; whether `there` was done by then. It may have been a heartbeat of the
/// driver's that was hit, and the work not begun.
fn lose_reply(proxy: &Proxy, mongo: &Mongo, there: Document) -> bool {
    let before = proxy.swallowed();
    until("a reply to be lost", PATIENCE, || (proxy.swallowed() > before).then_some(()));
    let done = find(mongo, there);
    proxy.heal();
    done
}

fn find(mongo: &Mongo, mut command: Document) -> bool {
    command.insert("$db", "hiscore");
    let reply = mongo.command(0, command);
    let found = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    found.is_ok_and(|found| !found.is_empty())
}
