//! `hiscore log tail`: what is in the log, a line a work, in the order of each shard.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use hiscore_config::TailSettings;
use hiscore_log::{Log, LogEntry, LogError};
use hiscore_score::shard_of;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lines::lines;
use super::open::Tiers;
use super::{BYTES, ToolError};

/// How long the last entries are waited for; offsets have gaps, so nobody knows whether one is still to come.
const LAST: Duration = Duration::from_secs(2);
/// Between two looks at a shard that is followed, at most.
const NEWS: Duration = Duration::from_secs(5);
/// What several shards have read, and nobody has printed.
const AHEAD: usize = 4;

/// Prints it.
pub(super) async fn tail(tiers: &Tiers, settings: &TailSettings) -> Result<(), ToolError> {
    let shard = match (&settings.board, settings.shard) {
        (Some(board), None) => Some(shard_of(board, tiers.deployment.shards)),
        (_, shard) => shard,
    };
    let shards = tiers.shards(shard)?;
    let log = tiers.log().await?;
    let print = |shard: u16, entries: Vec<LogEntry>| {
        let mut out = std::io::stdout().lock();
        for entry in &entries {
            for line in lines(shard, entry, settings.board.as_ref()) {
                let text = serde_json::to_string(&line).map_err(std::io::Error::from)?;
                writeln!(out, "{text}")?;
            }
        }
        out.flush()
    };
    if !settings.follow {
        for shard in shards {
            let mut walk = Walk::begin(log.as_ref(), shard, settings.from).await?;
            while let Some(entries) = walk.next().await? {
                print(shard, entries)?;
            }
        }
        return Ok(());
    }
    let (tell, mut told) = mpsc::channel(AHEAD);
    let mut readers = JoinSet::new();
    for shard in shards {
        readers.spawn(follow(Arc::clone(&log), shard, settings.from, tell.clone()));
    }
    drop(tell);
    while let Some((shard, entries)) = told.recv().await {
        print(shard, entries)?;
    }
    // All have ended, which none does without a reason.
    while let Some(ended) = readers.join_next().await {
        ended.map_err(std::io::Error::other)??;
    }
    Ok(())
}

async fn follow(
    log: Arc<dyn Log>,
    shard: u16,
    from: Option<u64>,
    tell: mpsc::Sender<(u16, Vec<LogEntry>)>,
) -> Result<(), ToolError> {
    let mut after = begins(log.as_ref(), shard, from).await?.checked_sub(1);
    loop {
        let mut reader = log.reader(shard, after).await?;
        loop {
            match reader.next(BYTES, NEWS).await {
                Ok(entries) => {
                    let Some(last) = entries.last() else { continue };
                    after = Some(last.offset);
                    if tell.send((shard, entries)).await.is_err() {
                        return Ok(());
                    }
                }
                Err(LogError::Unavailable(_)) => tokio::time::sleep(NEWS / 10).await,
                Err(_) => break,
            }
        }
    }
}

/// Where to begin, and says so if that is not where it was asked for.
async fn begins(log: &dyn Log, shard: u16, from: Option<u64>) -> Result<u64, ToolError> {
    let first = log.bounds(shard).await?.first;
    match from {
        Some(from) if from < first => {
            let text = format!("shard {shard} begins at offset {first}, what came before was cut off\n");
            // Nobody may be listening, which is no reason to stop.
            let _ = std::io::stderr().write_all(text.as_bytes());
            Ok(first)
        }
        Some(from) => Ok(from),
        None => Ok(first),
    }
}

/// A walk from an offset to where the log ended when it was begun.
pub(super) struct Walk {
    reader: Option<Box<dyn hiscore_log::Reader>>,
    /// No entry had this offset.
    end: u64,
    /// The first that may still come.
    next: u64,
}

impl Walk {
    /// From an offset on, or from where the shard begins.
    pub(super) async fn begin(log: &dyn Log, shard: u16, from: Option<u64>) -> Result<Self, ToolError> {
        let next = begins(log, shard, from).await?;
        let end = log.bounds(shard).await?.end;
        let reader = if next < end { Some(log.reader(shard, next.checked_sub(1)).await?) } else { None };
        Ok(Self { reader, end, next })
    }

    /// The first offset that may come.
    pub(super) fn next_offset(&self) -> u64 {
        self.next
    }

    /// The entries that follow; `None`: that was the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<LogEntry>>, ToolError> {
        let Some(reader) = self.reader.as_mut().filter(|_| self.next < self.end) else { return Ok(None) };
        let mut entries = reader.next(BYTES, LAST).await?;
        // What came meanwhile is another time's.
        entries.retain(|entry| entry.offset < self.end);
        let Some(last) = entries.last() else { return Ok(None) };
        self.next = last.offset + 1;
        Ok(Some(entries))
    }
}
