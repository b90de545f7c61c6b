//! Epochs and watermarks.

use hiscore_score::Stamp;

use super::Tried;
use crate::contract::{Advanced, ShardState, Stray};

pub(super) fn state(epoch: u32, watermark: u64) -> ShardState {
    let strays = (1..epoch).map(|epoch| Stray { epoch, above: u64::from(epoch) * 10 }).collect();
    ShardState { epoch, watermark, stamp: stamp(watermark), strays, log: None }
}

pub(super) fn stamp(raw: u64) -> Stamp {
    Stamp::from_raw(raw).unwrap()
}

pub(super) async fn an_epoch_is_opened_by_one(store: Tried) {
    // From an epoch that was never there: nothing happens.
    assert!(!store.open_epoch(1, 4, &state(5, 0)).await.unwrap());
    assert_eq!(store.shard(1).await.unwrap(), ShardState::default());
    for from in 0..5 {
        // All want the same state, so only the answer tells who did it.
        let wanted = state(from + 1, u64::from(from) * 7);
        let racers = (0..8).map(|_| {
            let (store, wanted) = (store.clone(), wanted.clone());
            tokio::spawn(async move { store.open_epoch(1, from, &wanted).await.unwrap() })
        });
        let mut won = 0;
        for racer in racers.collect::<Vec<_>>() {
            won += u32::from(racer.await.unwrap());
        }
        assert_eq!(won, 1, "from {from}");
        assert_eq!(store.shard(1).await.unwrap(), wanted);
    }
    // It replaces all: the strays and the watermark too, backwards if the caller says so.
    let short = ShardState { strays: vec![], ..state(9, 3) };
    assert!(store.open_epoch(1, 5, &short).await.unwrap());
    assert_eq!(store.shard(1).await.unwrap(), short);
    assert!(!store.open_epoch(1, 5, &state(6, 0)).await.unwrap());
    assert_eq!(store.shard(2).await.unwrap(), ShardState::default(), "another shard");
}

pub(super) async fn a_watermark_moves_under_its_epoch(store: Tried) {
    let at = async |shard| store.shard(shard).await.unwrap();
    assert_eq!(
        store.advance(4, 1, 0, 5, stamp(5), None).await.unwrap(),
        Advanced::Fenced(ShardState::default()),
        "nobody opened it"
    );
    assert!(store.open_epoch(4, 0, &state(2, 0)).await.unwrap());
    assert_eq!(store.advance(4, 1, 0, 5, stamp(5), None).await.unwrap(), Advanced::Fenced(state(2, 0)));
    assert_eq!(at(4).await, state(2, 0));
    let moved = |watermark, raw| ShardState { stamp: stamp(raw), ..state(2, watermark) };
    for (expected, watermark, raw, then) in [
        (0, 5, 5, moved(5, 5)),
        // The same once more, as after a lost reply.
        (0, 5, 5, moved(5, 5)),
        // Late ones, by who did not see that it moved on: never back.
        (0, 3, 4, moved(5, 5)),
        (5, 5, 9, moved(5, 9)),
        (2, 8, 1, moved(8, 9)),
    ] {
        assert_eq!(store.advance(4, 2, expected, watermark, stamp(raw), None).await.unwrap(), Advanced::Done);
        assert_eq!(at(4).await, then);
    }
    assert_eq!(store.advance(4, 2, 9, 12, stamp(12), None).await.unwrap(), Advanced::WentBack(moved(8, 9)));
    assert_eq!(at(4).await, moved(8, 9));
    // Racers end at the highest.
    let racers = (0..8u64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.advance(4, 2, 8, 8 + n, stamp(20 - n), None).await.unwrap() })
    });
    for racer in racers.collect::<Vec<_>>() {
        assert_eq!(racer.await.unwrap(), Advanced::Done);
    }
    assert_eq!(at(4).await, moved(15, 20));
    // A new epoch cuts the old one off.
    assert!(store.open_epoch(4, 2, &state(3, 15)).await.unwrap());
    assert_eq!(store.advance(4, 2, 15, 16, stamp(30), None).await.unwrap(), Advanced::Fenced(state(3, 15)));
    // Before the first epoch there is a watermark too.
    assert_eq!(store.advance(5, 0, 0, 2, stamp(2), None).await.unwrap(), Advanced::Done);
    assert_eq!(store.advance(5, 0, 2, 3, stamp(3), None).await.unwrap(), Advanced::Done);
    assert_eq!(at(5).await, ShardState { watermark: 3, stamp: stamp(3), ..ShardState::default() });
}
