//! The log in front of the ranks: which one it is, and up to where a shard's is in the store.

use super::Tried;
use super::shards::{at, stamp, state};
use crate::contract::{Advanced, DeploymentInfo, LogPlace, ShardState, StoreError, StoredLog};

/// A log of a generation; of one generation there may be two.
fn log(generation: u32, id: u8) -> StoredLog {
    StoredLog { generation, id: format!("{id:032x}") }
}

pub(super) async fn a_log_is_adopted_by_one(store: Tried) {
    assert_eq!(store.log().await.unwrap(), None);
    let refused = store.adopt_log(None, &log(1, 1)).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "there is no deployment: {refused:?}");
    assert_eq!(store.log().await.unwrap(), None);

    let info = DeploymentInfo { id: "a".repeat(32), shards: 4, window: 8, secret: [7; 32] };
    assert_eq!(store.deployment(&info).await.unwrap(), info);
    assert_eq!(store.log().await.unwrap(), None);
    assert!(!store.adopt_log(Some(1), &log(2, 1)).await.unwrap(), "none is remembered");
    assert_eq!(store.log().await.unwrap(), None);

    let mut from = None;
    for generation in [1, 2, 7, u32::MAX] {
        // Half of them want the same log, so that only the answer tells who did it.
        let racers = (0..8u8).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let wanted = log(generation, n / 2);
                store.adopt_log(from, &wanted).await.unwrap().then_some(wanted)
            })
        });
        let mut won = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            won.extend(racer.await.unwrap());
        }
        assert_eq!(won.len(), 1, "of {generation}: {won:?}");
        assert_eq!(store.log().await.unwrap(), won.pop());
        let there = store.log().await.unwrap();
        for late in [None, Some(1), Some(3)].into_iter().filter(|late| *late != Some(generation)) {
            assert!(!store.adopt_log(late, &log(u32::MAX, 99)).await.unwrap(), "{late:?}");
        }
        assert_eq!(store.log().await.unwrap(), there);
        from = Some(generation);
    }
    // A log comes after the one before it.
    for (from, to) in [(None, 0), (Some(7), 7), (Some(7), 6)] {
        let refused = store.adopt_log(from, &log(to, 1)).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{from:?} to {to}: {refused:?}");
    }
    assert_eq!(store.deployment(&info).await.unwrap(), info, "the rest of it is as it was");
}

pub(super) async fn a_place_moves_with_the_watermark(store: Tried) {
    let now = async || store.shard(6).await.unwrap();
    let place = |offset, raw| Some(LogPlace { generation: 3, era: 2, offset, stamp: stamp(raw) });
    assert!(store.open_epoch(6, 0, &ShardState { log: place(None, 4), ..state(2, 0) }).await.unwrap());
    assert_eq!(now().await.log, place(None, 4), "from the beginning of the log");
    for (expected, watermark, moved, then) in [
        (0, 5, None, place(None, 4)),
        // The first entry has the offset 0.
        (5, 6, Some((0, stamp(6))), place(Some(0), 6)),
        (6, 8, Some((9, stamp(8))), place(Some(9), 8)),
        // The same once more, as after a lost reply.
        (6, 8, Some((9, stamp(8))), place(Some(9), 8)),
        // Never back, and the stamp stays with its offset.
        (8, 10, Some((7, stamp(20))), place(Some(9), 8)),
        (10, 10, Some((9, stamp(20))), place(Some(9), 8)),
        // Entries that changed nothing move it too.
        (10, 10, Some((12, stamp(8))), place(Some(12), 8)),
        // A late one whose watermark others passed.
        (8, 9, Some((15, stamp(11))), place(Some(15), 11)),
        (10, 11, None, place(Some(15), 11)),
    ] {
        assert_eq!(
            store.advance(6, 2, at(expected), at(watermark), stamp(1), moved).await.unwrap(),
            Advanced::Done
        );
        assert_eq!(now().await.log, then, "after {watermark}, {moved:?}");
    }
    let before = now().await;
    assert_eq!(before, ShardState { log: place(Some(15), 11), ..at_watermark(11) });
    // Refused is refused as a whole.
    for epoch in [1, 3] {
        let fenced = store.advance(6, epoch, at(0), at(12), stamp(30), Some((99, stamp(30)))).await.unwrap();
        assert_eq!(fenced, Advanced::Fenced(before.clone()));
    }
    let back = store.advance(6, 2, at(12), at(13), stamp(30), Some((99, stamp(30)))).await.unwrap();
    assert_eq!(back, Advanced::WentBack(before.clone()));
    assert_eq!(now().await, before);
    // Racers end at the highest, with its stamp.
    let racers = (0..8u64).map(|n| {
        let store = store.clone();
        let place = Some((20 + n, stamp(40 + n)));
        tokio::spawn(async move { store.advance(6, 2, at(11), at(11 + n), stamp(11), place).await.unwrap() })
    });
    for racer in racers.collect::<Vec<_>>() {
        assert_eq!(racer.await.unwrap(), Advanced::Done);
    }
    assert_eq!(now().await, ShardState { stamp: stamp(11), log: place(Some(27), 47), ..at_watermark(18) });
    // A new epoch has the place that it is opened with: the one that was there, another's, or none.
    let carried = ShardState { epoch: 3, ..now().await };
    assert!(store.open_epoch(6, 2, &carried).await.unwrap());
    assert_eq!(now().await, carried);
    let joined = LogPlace { generation: 4, era: 4, offset: None, stamp: stamp(47) };
    let joined = ShardState { epoch: 4, log: Some(joined), ..carried };
    assert!(store.open_epoch(6, 3, &joined).await.unwrap());
    assert_eq!(now().await, joined);
    let left = ShardState { epoch: 5, log: None, ..joined };
    assert!(store.open_epoch(6, 4, &left).await.unwrap());
    assert_eq!(now().await, left);
    // Who joined no log has no place.
    assert_eq!(
        store.advance(6, 5, at(18), at(19), stamp(50), Some((30, stamp(50)))).await.unwrap(),
        Advanced::Done
    );
    assert_eq!(now().await, ShardState { watermark: 19, stamp: stamp(50), ..left });
    assert_eq!(
        store.advance(7, 0, at(0), at(1), stamp(1), Some((30, stamp(50)))).await.unwrap(),
        Advanced::Done
    );
    assert_eq!(store.shard(7).await.unwrap().log, None);
}

/// What is left of a shard of epoch 2 that only its watermark moved in.
fn at_watermark(watermark: u64) -> ShardState {
    ShardState { watermark, stamp: stamp(1), ..state(2, 0) }
}
