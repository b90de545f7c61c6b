//! What is too much, too late, or not there any more.

use futures_util::future::join_all;

use crate::LogError;
use crate::contract::{Bounds, Expect, Log, MAX_ENTRY_BYTES, Retention};
use crate::suite::tried::{PATIENCE, Tried, append, bytes, entry, id, read};

pub(super) async fn bounds_tell_what_is_there(tried: Tried) {
    let log = tried.fresh(2).await;
    assert_eq!(log.bounds(0).await, Ok(Bounds { first: 0, end: 0 }));
    for number in 0..5 {
        append(log.as_ref(), 0, entry(0, number)).await;
        assert_eq!(log.bounds(0).await, Ok(Bounds { first: 0, end: number as u64 + 1 }));
    }
    assert_eq!(log.bounds(1).await, Ok(Bounds { first: 0, end: 0 }));
    let none = log.bounds(2).await;
    assert!(matches!(none, Err(LogError::Invalid(_))), "{none:?}");
    assert!(matches!(log.append(2, Vec::new()).await, Err(LogError::Invalid(_))));
    assert!(matches!(log.reader(2, None).await.map(drop), Err(LogError::Invalid(_))));
    log.close().await;
}

pub(super) async fn entries_have_a_size(tried: Tried) {
    let log = tried.fresh(1).await;
    let large: Vec<u8> = (0..MAX_ENTRY_BYTES).map(|at| (at % 251) as u8).collect();
    append(log.as_ref(), 0, large.clone()).await;
    let too_large = log.append(0, vec![0; MAX_ENTRY_BYTES + 1]).await;
    assert_eq!(too_large, Err(LogError::TooLarge { bytes: MAX_ENTRY_BYTES + 1 }));
    append(log.as_ref(), 0, vec![7]).await;
    let mut reader = log.reader(0, None).await.unwrap();
    assert_eq!(bytes(&read(reader.as_mut(), 2, 1).await), [large, vec![7]]);
    log.close().await;
}

pub(super) async fn what_is_under_way_is_bounded(tried: Tried) {
    let mut options = tried.options(1, Expect::Fresh(id(1)));
    options.max_in_flight = 64 << 10;
    let log = tried.open(options).await.unwrap();
    let large = |number| [entry(0, number), vec![0; 8 << 10]].concat();
    let results = join_all((0..64).map(|number| log.append(0, large(number)))).await;
    let mut wanted = Vec::new();
    for (number, result) in results.iter().enumerate() {
        match result {
            Ok(_) => wanted.push(large(number)),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(!wanted.is_empty() && wanted.len() < results.len(), "{} of {}", wanted.len(), results.len());
    // What came back has left its room again.
    wanted.push(large(64));
    append(log.as_ref(), 0, large(64)).await;
    let mut reader = log.reader(0, None).await.unwrap();
    assert_eq!(bytes(&read(reader.as_mut(), wanted.len(), 1 << 20).await), wanted);
    log.close().await;
}

/// More than any reader is sent ahead of what it asked for.
const SMALL: usize = 600;

/// Appends entries of consecutive numbers, small ones first, until the log loses what it begins with.
async fn lose_the_beginning(log: &dyn Log) {
    let large = |number| [entry(0, number), vec![0; 256 << 10]].concat();
    let small = join_all((0..SMALL).map(|number| log.append(0, entry(0, number)))).await;
    assert!(small.iter().all(Result::is_ok));
    for number in SMALL..SMALL + 8 {
        append(log, 0, large(number)).await;
    }
    let cut = SMALL as u64 + 5;
    if log.retention() == Retention::UntilTrimmed {
        assert_eq!(log.trim(0, cut).await, Ok(cut));
        // Not back again.
        assert_eq!(log.trim(0, 3).await, Ok(cut));
        return;
    }
    assert_eq!(log.trim(0, cut).await, Ok(0), "trimming is advisory here");
    let mut numbers = SMALL + 8..SMALL + 400;
    while log.bounds(0).await.unwrap().first < cut {
        let number = numbers.next().expect("the limit of a shard is kept");
        append(log, 0, large(number)).await;
    }
}

/// The number that was given to [`entry`].
fn number_of(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.split(':').nth(1).and_then(|number| number.parse().ok()).expect("an entry of the suite")
}

pub(super) async fn what_is_trimmed_is_missed(tried: Tried) {
    let log = tried.fresh(1).await;
    let mut early = log.reader(0, None).await.unwrap();
    append(log.as_ref(), 0, entry(0, usize::MAX)).await;
    assert_eq!(read(early.as_mut(), 1, 1).await.len(), 1);
    lose_the_beginning(log.as_ref()).await;
    let bounds = log.bounds(0).await.unwrap();
    assert!(bounds.first < bounds.end);
    for after in [None, Some(1), Some(bounds.first - 2)] {
        let asked = after.map_or(0, |after| after + 1);
        let truncated = log.reader(0, after).await.map(drop);
        assert_eq!(truncated, Err(LogError::Truncated { shard: 0, first: bounds.first, asked }));
    }
    let mut rest = log.reader(0, Some(bounds.first)).await.unwrap();
    let next = rest.next(1, PATIENCE).await.unwrap();
    assert!(next[0].offset > bounds.first);
    // A reader that began before gets everything in order, none skipped, or says what it missed.
    let mut wanted = 0;
    loop {
        match early.next(4096, PATIENCE).await {
            Ok(some) => {
                for entry in &some {
                    assert_eq!(number_of(&entry.bytes), wanted, "at offset {}", entry.offset);
                    wanted += 1;
                }
                if some.last().expect("neither news nor an error").offset + 1 == bounds.end {
                    break;
                }
            }
            Err(LogError::Truncated { first, asked, .. }) => {
                assert!(asked < first && asked <= wanted as u64 + 10);
                break;
            }
            Err(LogError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    log.close().await;
}

pub(super) async fn a_log_that_ends_too_early_is_noticed(tried: Tried) {
    let log = tried.fresh(1).await;
    let empty = log.reader(0, Some(0)).await.map(drop);
    assert_eq!(empty, Err(LogError::Behind { shard: 0, end: 0, applied: 0 }));
    for number in 0..3 {
        append(log.as_ref(), 0, entry(0, number)).await;
    }
    let behind = log.reader(0, Some(1000)).await.map(drop);
    assert_eq!(behind, Err(LogError::Behind { shard: 0, end: 3, applied: 1000 }));
    assert_eq!(log.reader(0, Some(2)).await.map(drop), Ok(()));
    log.close().await;
}

pub(super) async fn a_closed_log_says_so(tried: Tried) {
    let log = tried.fresh(1).await;
    append(log.as_ref(), 0, entry(0, 0)).await;
    log.close().await;
    log.close().await;
    assert_eq!(log.append(0, entry(0, 1)).await, Err(LogError::Closed));
    assert_eq!(log.bounds(0).await, Err(LogError::Closed));
    assert_eq!(log.reader(0, None).await.map(drop), Err(LogError::Closed));
    let log = tried.open(tried.options(1, Expect::Known(id(1)))).await.unwrap();
    assert_eq!(log.bounds(0).await.unwrap().end, 1);
    log.close().await;
}
