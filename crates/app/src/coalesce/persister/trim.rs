//! What of the log nobody needs any more: entries whose effects are all in the store, and have been for long enough that no
//! backup of the store will ask for them.

use std::time::Duration;

use hiscore_log::{Log, LogError, Retention};

/// A look at one entry.
const WAIT: Duration = Duration::from_secs(2);

/// Lets go of the entries of a shard up to `persisted` that were appended before `oldest` (Unix ms). Says where it begins now,
/// if it was cut.
pub async fn trim(log: &dyn Log, shard: u16, persisted: u64, oldest: u64) -> Result<Option<u64>, LogError> {
    if log.retention() != Retention::UntilTrimmed {
        return Ok(None);
    }
    let first = log.bounds(shard).await?.first;
    // In front of `low` all is old enough; at `high` it is not, or not in the store.
    let (mut low, mut high) = (first, persisted.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        match at_or_after(log, shard, middle).await? {
            Some((offset, time_ms)) if time_ms < oldest && offset < high => low = offset + 1,
            _ => high = middle,
        }
    }
    if low <= first {
        return Ok(None);
    }
    log.trim(shard, low).await.map(Some)
}

/// Offset and time of the first entry that is not in front of an offset; offsets have gaps.
async fn at_or_after(log: &dyn Log, shard: u16, offset: u64) -> Result<Option<(u64, u64)>, LogError> {
    let mut reader = log.reader(shard, offset.checked_sub(1)).await?;
    let entries = reader.next(1, WAIT).await?;
    Ok(entries.first().map(|entry| (entry.offset, entry.time_ms)))
}
