//! Entries are read in order, each once, none skipped.

use std::time::Duration;

use futures_util::future::join_all;

use crate::contract::{Expect, Log};
use crate::suite::tried::{Tried, append, bytes, entry, id, read};

/// How many are begun at once, well within what may be under way.
const AT_ONCE: usize = 100;

/// Begins appends one after the other without waiting for any.
async fn append_many(log: &dyn Log, shard: u16, entries: &[Vec<u8>]) {
    for some in entries.chunks(AT_ONCE) {
        let results = join_all(some.iter().map(|entry| log.append(shard, entry.clone()))).await;
        let failed = results.iter().find_map(|result| result.as_ref().err());
        assert_eq!(failed, None);
    }
}

pub(super) async fn none_is_skipped(tried: Tried) {
    let log = tried.fresh(1).await;
    let before = now_ms();
    let entries: Vec<Vec<u8>> = (0..500).map(|number| entry(0, number)).collect();
    append_many(log.as_ref(), 0, &entries).await;
    for max_bytes in [0, 100, 1 << 20] {
        let mut reader = log.reader(0, None).await.unwrap();
        let all = read(reader.as_mut(), entries.len(), max_bytes).await;
        assert_eq!(all[0].offset, 0);
        assert_eq!(bytes(&all), entries);
        // The broker's clock is this machine's.
        assert!(all.iter().all(|entry| (before..=now_ms()).contains(&entry.time_ms)));
    }
    let mut reader = log.reader(0, None).await.unwrap();
    let some = reader.next(20, Duration::from_secs(60)).await.unwrap();
    assert!(some.iter().map(|entry| entry.bytes.len()).sum::<usize>() <= 20);
    log.close().await;
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
}

pub(super) async fn a_reader_goes_on_where_it_was(tried: Tried) {
    let log = tried.fresh(1).await;
    let entries: Vec<Vec<u8>> = (0..30).map(|number| entry(0, number)).collect();
    for one in &entries {
        append(log.as_ref(), 0, one.clone()).await;
    }
    let mut reader = log.reader(0, None).await.unwrap();
    let all = read(reader.as_mut(), entries.len(), 1 << 20).await;
    for at in [0, 7, 28, 29] {
        let mut reader = log.reader(0, Some(all[at].offset)).await.unwrap();
        let rest = read(reader.as_mut(), entries.len() - 1 - at, 1 << 20).await;
        assert_eq!(rest, all[at + 1..]);
    }
    // Two readers of a shard do not disturb each other.
    let mut slow = log.reader(0, Some(all[9].offset)).await.unwrap();
    let mut quick = log.reader(0, Some(all[19].offset)).await.unwrap();
    assert_eq!(read(quick.as_mut(), 10, 1 << 20).await, all[20..]);
    assert_eq!(read(slow.as_mut(), 20, 1 << 20).await, all[10..]);
    log.close().await;
}

pub(super) async fn what_is_there_survives_reopening(tried: Tried) {
    let log = tried.fresh(2).await;
    let entries: Vec<Vec<u8>> = (0..20).map(|number| entry(0, number)).collect();
    append_many(log.as_ref(), 1, &entries[..10]).await;
    let end = log.bounds(1).await.unwrap().end;
    log.close().await;
    let log = tried.open(tried.options(2, Expect::Known(id(1)))).await.expect("it is known");
    assert!(log.bounds(1).await.unwrap().end >= end);
    append_many(log.as_ref(), 1, &entries[10..]).await;
    let mut reader = log.reader(1, None).await.unwrap();
    assert_eq!(bytes(&read(reader.as_mut(), 20, 1 << 20).await), entries);
    log.close().await;
}

pub(super) async fn shards_are_apart(tried: Tried) {
    let shards = 12;
    let log = tried.fresh(shards).await;
    let of = |shard: u16| -> Vec<Vec<u8>> { (0..20).map(|number| entry(shard.into(), number)).collect() };
    join_all((0..shards).map(|shard| {
        let log = &log;
        async move { append_many(log.as_ref(), shard, &of(shard)).await }
    }))
    .await;
    join_all((0..shards).map(|shard| {
        let log = &log;
        async move {
            let mut reader = log.reader(shard, None).await.unwrap();
            assert_eq!(bytes(&read(reader.as_mut(), 20, 1 << 20).await), of(shard), "shard {shard}");
        }
    }))
    .await;
    log.close().await;
}

pub(super) async fn appends_at_once_keep_their_order(tried: Tried) {
    let log = tried.fresh(2).await;
    let (writers, each) = (16, 60);
    join_all((0..writers).map(|who| {
        let log = &log;
        async move {
            for number in 0..each {
                append(log.as_ref(), 1, entry(who, number)).await;
            }
        }
    }))
    .await;
    let mut reader = log.reader(1, None).await.unwrap();
    let all = bytes(&read(reader.as_mut(), writers * each, 4096).await);
    for who in 0..writers {
        let prefix = format!("{who}:").into_bytes();
        let own: Vec<&Vec<u8>> = all.iter().filter(|bytes| bytes.starts_with(&prefix)).collect();
        let wanted: Vec<Vec<u8>> = (0..each).map(|number| entry(who, number)).collect();
        assert_eq!(own, wanted.iter().collect::<Vec<_>>());
    }
    log.close().await;
}

pub(super) async fn a_reader_waits_and_may_be_dropped(tried: Tried) {
    let log = tried.fresh(1).await;
    let mut reader = log.reader(0, None).await.unwrap();
    assert_eq!(reader.next(1 << 20, Duration::from_millis(20)).await, Ok(Vec::new()));
    for number in 0..50 {
        // Given up at any moment, also when the entry is there already.
        let wait = reader.next(1 << 20, Duration::from_secs(60));
        let given_up = tokio::time::timeout(Duration::from_micros(50 * number as u64), wait).await;
        assert!(given_up.is_err(), "nothing is there");
        append(log.as_ref(), 0, entry(0, number)).await;
        let news = read(reader.as_mut(), 1, 1 << 20).await;
        assert_eq!(bytes(&news), [entry(0, number)]);
    }
    log.close().await;
}
