//! Many at once, and callers that go away in the middle.

use std::time::Duration;

use hiscore_score::{Record, RecordKey};

use super::Tried;
use super::plain::{board, key, record};
use crate::contract::{DeploymentInfo, StoreError, Writes};

pub(super) async fn of_deployments_created_at_once_there_is_one(store: Tried) {
    let wanted = |n: u8| DeploymentInfo {
        id: format!("{n:032x}"),
        shards: 32 + u16::from(n),
        window: 16 + usize::from(n),
        secret: [n; 32],
    };
    let racers = (0..8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.deployment(&wanted(n)).await.unwrap() })
    });
    let mut got = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        got.push(racer.await.unwrap());
    }
    assert!((0..8).any(|n| got[0] == wanted(n)));
    assert!(got.iter().all(|one| *one == got[0]));
    assert_eq!(store.deployment(&wanted(99)).await.unwrap(), got[0]);
}

/// Numbers without a common divisor with 40, and with 150: multiplying by one is a permutation.
const OF_40: [u64; 8] = [1, 3, 7, 9, 11, 13, 17, 19];
const OF_150: [u64; 8] = [1, 7, 11, 13, 17, 19, 23, 29];

/// States of 150 keys at positions 1 to 40, written by 8 tasks, each in an order of its own.
pub(super) async fn contended_keys_end_at_the_highest(store: Tried) {
    let name = "contended";
    store.write(Writes { shard: 2, rows: &[], boards: &[board(name)] }).await.unwrap();
    let writers = (0..8usize).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for step in 0..40u64 {
                let row = |at: u64| -> (RecordKey, Record) {
                    let sequence = (step * OF_40[writer] + at) % 40 + 1;
                    (key(name, 1, &format!("p{at}")), record(sequence, sequence as i64))
                };
                // The keys in another order too, so that their upserts cross.
                let rows: Vec<_> = (0..150).map(|at| row(at * OF_150[writer] % 150)).collect();
                let mut waiting = rows;
                while !waiting.is_empty() {
                    let written =
                        store.write(Writes { shard: 2, rows: &waiting, boards: &[] }).await.unwrap();
                    waiting = written.failed_rows.iter().map(|(at, _)| waiting[*at].clone()).collect();
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let keys: Vec<_> = (0..150).map(|at| key(name, 1, &format!("p{at}"))).collect();
    let stale: Vec<_> = store
        .get(&keys)
        .await
        .unwrap()
        .into_iter()
        .zip(&keys)
        .filter(|(found, _)| found.as_ref() != Some(&record(40, 40)))
        .collect();
    assert!(stale.is_empty(), "{} of 150 keys ended stale: {stale:?}", stale.len());
}

/// Writes are dropped at any point, then repeated as they are.
pub(super) async fn a_dropped_write_may_be_repeated(store: Tried) {
    let name = "dropped";
    store.write(Writes { shard: 2, rows: &[], boards: &[board(name)] }).await.unwrap();
    for round in 1..30u64 {
        let rows: Vec<_> =
            (0..50).map(|at| (key(name, 1, &format!("p{at}")), record(round, round as i64))).collect();
        let writes = Writes { shard: 2, rows: &rows, boards: &[] };
        // Not for luck: where it is dropped is the point, and every point must do.
        let patience = Duration::from_micros(round * round * 10);
        let dropped: Result<Result<_, StoreError>, _> =
            tokio::time::timeout(patience, store.write(writes)).await;
        drop(dropped);
        assert_eq!(store.write(writes).await.unwrap().failed_rows, vec![]);
        let keys: Vec<_> = rows.iter().map(|(key, _)| key.clone()).collect();
        let found = store.get(&keys).await.unwrap();
        let expected: Vec<_> = rows.into_iter().map(|(_, record)| Some(record)).collect();
        assert_eq!(found, expected);
    }
}
