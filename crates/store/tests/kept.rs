//! The file of records as the store: the conformance suite, and what it does when the disk fails or is of another kind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::sync::Arc;

use hiscore_faults::{Random, SimDisk};
use hiscore_score::{Position, Record, RecordKey, Rules, Stamp};
use hiscore_store::contract::{
    DeploymentInfo, From, LogPlace, Progress, ShardState, StoredLog, Writes, Written,
};
use hiscore_store::embedded::{Deployment, Kept, Sizes};
use hiscore_store::suite::{board, key, record};
use hiscore_store::{Embedded, OpenError, Options, Store, StoreError};
use tokio::runtime::Runtime;

const CACHE: usize = 8 << 20;

#[test]
fn it_passes_the_suite() {
    hiscore_store::suite::run(&Runtime::new().unwrap(), 64, || {
        Arc::new(Kept::open(Arc::new(SimDisk::new()), CACHE).unwrap())
    });
}

/// A real folder: one process has it, and finds there what it left.
#[test]
fn it_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kept = Kept::open_folder(folder.path(), CACHE).unwrap();
    let another = Kept::open_folder(folder.path(), CACHE);
    assert!(matches!(another, Err(OpenError::InUse)), "{another:?}");
    assert_eq!(runtime.block_on(write(&kept, 5)), 5);
    let before = runtime.block_on(everything(&kept));
    drop(kept);
    let kept = Kept::open_folder(folder.path(), CACHE).unwrap();
    assert_eq!(runtime.block_on(everything(&kept)), before);
}

/// The log that it stands behind, and up to where that is in it.
#[test]
fn the_log_is_there_after_a_restart() {
    let disk = SimDisk::new();
    let runtime = Runtime::new().unwrap();
    let kept = Kept::open(Arc::new(disk.clone()), CACHE).unwrap();
    let info = DeploymentInfo { id: "a".repeat(32), shards: 4, window: 8, secret: [7; 32] };
    let log = StoredLog { generation: 1, id: "b".repeat(32) };
    let place = LogPlace { generation: 1, era: 1, offset: None, stamp: Stamp::ZERO };
    let opened = ShardState { epoch: 1, log: Some(place), ..ShardState::default() };
    runtime.block_on(async {
        kept.deployment(&info).await.unwrap();
        assert!(kept.adopt_log(None, &log).await.unwrap());
        assert!(kept.open_epoch(3, 0, &opened).await.unwrap());
        let moved = Progress { watermark: 9, bulk: 4 };
        kept.advance(3, 1, Progress::default(), moved, Stamp::ZERO, Some((41, Stamp::LAST))).await.unwrap();
    });
    drop(kept);
    let after = disk.crash(&mut Random::new(1));
    let kept = Kept::open(Arc::new(after), CACHE).unwrap();
    runtime.block_on(async {
        assert_eq!(kept.log().await, Ok(Some(log)));
        let place = LogPlace { offset: Some(41), stamp: Stamp::LAST, ..place };
        assert_eq!(kept.shard(3).await, Ok(ShardState { watermark: 9, bulk: 4, log: Some(place), ..opened }));
    });
}

/// What is in it, by every way to read it.
async fn everything(kept: &Kept) -> Vec<(RecordKey, Record)> {
    let all = kept.scan(None, 1000).await.unwrap();
    let season = key("b", 1, "p").season;
    let live = all.iter().filter(|(_, record)| record.live.is_some());
    assert_eq!(kept.count(&season).await.unwrap(), live.clone().count() as u64);
    let rules = Rules::default();
    let mut order: Vec<_> = kept.walk(&season, &rules, &From::Skip(0), 1000).await.unwrap();
    order.sort_by(|(a, _), (b, _)| a.cmp(b));
    let expected: Vec<_> = live.map(|(key, record)| (key.player.clone(), record.clone())).collect();
    assert_eq!(order, expected);
    let mut between = kept.between(3, Position::ZERO..Position::new(9, 0), None, 1000).await.unwrap();
    between.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(between, all);
    all
}

/// The rows of one bulk: some players at the next sequence, one of them deleted.
fn bulk(sequence: u64) -> Vec<(RecordKey, Record)> {
    let row = |n: u64| (key("b", 1, &format!("p{}", (n + sequence) % 7)), record(sequence, n as i64));
    let mut rows: Vec<_> = (0..4).map(row).collect();
    rows[0].1.live = None;
    rows
}

/// Writes bulks until one fails; how many were done.
async fn write(kept: &Kept, bulks: u64) -> u64 {
    for sequence in 1..=bulks {
        let boards = [board("b")];
        let boards = if sequence == 1 { &boards[..] } else { &[] };
        let writes = Writes { shard: 3, rows: &bulk(sequence), boards };
        let Ok(written) = kept.write(writes).await else { return sequence - 1 };
        assert_eq!(written, Written::default());
    }
    bulks
}

/// The power goes at every operation of the disk in turn: what was confirmed is there, and nothing in between.
#[test]
fn the_power_goes_at_every_operation() {
    const BULKS: u64 = 10;
    let runtime = Runtime::new().unwrap();
    let states: Vec<_> = (0..=BULKS)
        .map(|bulks| {
            let kept = Kept::open(Arc::new(SimDisk::new()), CACHE).unwrap();
            assert_eq!(runtime.block_on(write(&kept, bulks)), bulks);
            runtime.block_on(everything(&kept))
        })
        .collect();
    for at in 1.. {
        let disk = SimDisk::new();
        disk.die_at(at);
        let opened = Kept::open(Arc::new(disk.clone()), CACHE);
        let done = opened.map_or(0, |kept| runtime.block_on(write(&kept, BULKS)));
        if done == BULKS {
            assert!(at > BULKS);
            break;
        }
        for survivors in 0..3 {
            let after = disk.crash(&mut Random::new(at << 8 ^ survivors << 40));
            let kept = Kept::open(Arc::new(after), CACHE)
                .unwrap_or_else(|error| panic!("operation {at}, {survivors}: {error}"));
            let found = runtime.block_on(everything(&kept));
            let done = usize::try_from(done).unwrap();
            assert!(found == states[done] || found == states[done + 1], "operation {at}, {survivors}");
        }
    }
}

/// A write that fails is said to have failed, takes nothing else with it, and may be repeated as it is.
#[test]
fn it_goes_on_after_a_failed_write() {
    let runtime = Runtime::new().unwrap();
    let disk = SimDisk::new();
    let kept = Kept::open(Arc::new(disk.clone()), CACHE).unwrap();
    runtime.block_on(async {
        assert_eq!(write(&kept, 3).await, 3);
        let before = everything(&kept).await;
        for trouble in 0..2 {
            if trouble == 0 {
                disk.fail_syncs(1)
            } else {
                disk.die_at(1)
            }
            let rows = bulk(4 + trouble);
            let writes = Writes { shard: 3, rows: &rows, boards: &[] };
            let refused = kept.write(writes).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
            disk.revive();
            let after = everything(&kept).await;
            if trouble == 0 {
                assert!(after == before || after.iter().any(|(_, record)| record.position.sequence == 4));
            }
            assert_eq!(kept.write(writes).await.unwrap().failed_rows, []);
        }
    });
}

#[test]
fn a_folder_of_the_other_kind_is_refused() {
    let deployment = Deployment { shards: 4, window: 8, secret: [0; 32] };
    let options = Options { journal: Sizes { segment: 1 << 16, limit: 1 << 20 }, cache: CACHE, deployment };
    let (kept, embedded) = (SimDisk::new(), SimDisk::new());
    drop(Kept::open(Arc::new(kept.clone()), CACHE).unwrap());
    drop(Embedded::open(Arc::new(embedded.clone()), options).unwrap());
    let refused = Embedded::open(Arc::new(kept.clone()), options).map(drop).unwrap_err();
    assert!(refused.to_string().contains("hiscore kept records, format 1"), "{refused}");
    let refused = Kept::open(Arc::new(embedded.clone()), CACHE).map(drop).unwrap_err();
    assert!(refused.to_string().contains("hiscore embedded store, format 1"), "{refused}");
    Kept::open(Arc::new(kept), CACHE).map(drop).unwrap();
    Embedded::open(Arc::new(embedded), options).map(drop).unwrap();
}

/// A record needs the directions of its board.
#[test]
fn a_record_of_an_unknown_board_fails_alone() {
    let kept = Kept::open(Arc::new(SimDisk::new()), CACHE).unwrap();
    let rows = [(key("a", 1, "p"), record(1, 1)), (key("b", 1, "p"), record(2, 1))];
    let written = Runtime::new().unwrap().block_on(async {
        kept.write(Writes { shard: 3, rows: &rows, boards: &[board("b")] }).await.unwrap()
    });
    assert_eq!(written.failed_rows.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0]);
}
