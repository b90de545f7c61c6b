//! Epochs and watermarks.

use hiscore_score::Stamp;

use super::Tried;
use crate::contract::{Advanced, Progress, ShardState, Stray};

pub(super) fn state(epoch: u32, watermark: u64) -> ShardState {
    let strays = (1..epoch).map(|epoch| Stray { epoch, above: u64::from(epoch) * 10 }).collect();
    ShardState { epoch, watermark, bulk: 0, stamp: stamp(watermark), strays, log: None }
}

pub(super) fn at(watermark: u64) -> Progress {
    Progress { watermark, bulk: 0 }
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
    let state_of = async |shard| store.shard(shard).await.unwrap();
    assert_eq!(
        store.advance(4, 1, at(0), at(5), stamp(5), None).await.unwrap(),
        Advanced::Fenced(ShardState::default()),
        "nobody opened it"
    );
    assert!(store.open_epoch(4, 0, &state(2, 0)).await.unwrap());
    assert_eq!(
        store.advance(4, 1, at(0), at(5), stamp(5), None).await.unwrap(),
        Advanced::Fenced(state(2, 0))
    );
    assert_eq!(state_of(4).await, state(2, 0));
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
        assert_eq!(
            store.advance(4, 2, at(expected), at(watermark), stamp(raw), None).await.unwrap(),
            Advanced::Done
        );
        assert_eq!(state_of(4).await, then);
    }
    assert_eq!(
        store.advance(4, 2, at(9), at(12), stamp(12), None).await.unwrap(),
        Advanced::WentBack(moved(8, 9))
    );
    assert_eq!(state_of(4).await, moved(8, 9));
    // Racers end at the highest.
    let racers = (0..8u64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.advance(4, 2, at(8), at(8 + n), stamp(20 - n), None).await.unwrap() })
    });
    for racer in racers.collect::<Vec<_>>() {
        assert_eq!(racer.await.unwrap(), Advanced::Done);
    }
    assert_eq!(state_of(4).await, moved(15, 20));
    // A new epoch cuts the old one off.
    assert!(store.open_epoch(4, 2, &state(3, 15)).await.unwrap());
    assert_eq!(
        store.advance(4, 2, at(15), at(16), stamp(30), None).await.unwrap(),
        Advanced::Fenced(state(3, 15))
    );
    // Before the first epoch there is a watermark too.
    assert_eq!(store.advance(5, 0, at(0), at(2), stamp(2), None).await.unwrap(), Advanced::Done);
    assert_eq!(store.advance(5, 0, at(2), at(3), stamp(3), None).await.unwrap(), Advanced::Done);
    assert_eq!(state_of(5).await, ShardState { watermark: 3, stamp: stamp(3), ..ShardState::default() });
}

/// A store that goes back is told by the number of its last bulk, even if its watermark stood still from the copy on.
pub(super) async fn a_bulk_has_a_number(store: Tried) {
    let state_of = async || store.shard(8).await.unwrap();
    let to = |watermark, bulk| Progress { watermark, bulk };
    let numbered = |epoch, bulk| ShardState { bulk, stamp: stamp(9), ..state(epoch, 5) };
    assert!(store.open_epoch(8, 0, &state(2, 5)).await.unwrap());
    for (expected, bulk, then) in [
        (0, 3, 3),
        // Some numbers are of claims that came to nothing.
        (3, 8, 8),
        // The same once more, as after a lost reply; and a late one.
        (3, 8, 8),
        (3, 4, 8),
    ] {
        let advanced = store.advance(8, 2, to(5, expected), to(5, bulk), stamp(9), None).await.unwrap();
        assert_eq!(advanced, Advanced::Done);
        assert_eq!(state_of().await, numbered(2, then));
    }
    let back = Advanced::WentBack(numbered(2, 8));
    for expected in [to(5, 9), to(6, 8)] {
        assert_eq!(store.advance(8, 2, expected, to(7, 10), stamp(9), None).await.unwrap(), back);
    }
    assert_eq!(state_of().await, numbered(2, 8));
    // Who looked before it went back opens nothing; who looked before it went on does.
    assert!(!store.open_epoch(8, 2, &numbered(3, 9)).await.unwrap());
    assert!(!store.open_epoch(9, 0, &numbered(1, 1)).await.unwrap());
    assert_eq!(store.shard(9).await.unwrap(), ShardState::default());
    assert_eq!(state_of().await, numbered(2, 8));
    assert!(store.open_epoch(8, 2, &numbered(3, 7)).await.unwrap());
    assert_eq!(state_of().await, numbered(3, 7));
}
