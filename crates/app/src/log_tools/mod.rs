//! `hiscore log …`: looking at the log of a deployment, comparing it with the other tiers, and going on with a new one.
//!
//! | file | what is in it |
//! |---|---|
//! | `open` | the tiers, found as the settings say |
//! | `tail`, `lines` | what is in the log, as NDJSON |
//! | `verify` | one shard after another: is it at rest, and do all three say the same |
//! | `fold` | what the law makes of a log, with what can be known of the time before it |
//! | `compare` | where tiers differ, in words |
//! | `replay` | a range of the log in an empty Redis |
//! | `renew` | the next generation, after a log was lost |
//!
//! None of these appends anything; only `renew` changes the deployment.

mod compare;
mod fold;
mod lines;
mod open;
mod renew;
mod replay;
mod tail;
#[cfg(test)]
mod tests;
mod verify;

use std::io;

use hiscore_config::{LogSettings, LogTool};
use hiscore_log::LogError;
use hiscore_rank::redis::{CallError, ReadError};
use hiscore_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::transfer::TransferError;

pub use compare::{Counts, Difference};
pub use verify::{Found, Verify};

/// Bytes that are read from a log at once.
const BYTES: usize = 1 << 20;

/// Why it was not done. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// A setting that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The data folder or database cannot be opened.
    #[error(transparent)]
    Place(#[from] TransferError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Redis.
    #[error("Redis: {0}")]
    Redis(#[from] CallError),
    /// Redis, when it was read.
    #[error("Redis: {0}")]
    Read(#[from] ReadError),
    /// No log is remembered.
    #[error("the store remembers no log: nothing was ever submitted through one (or this is another store)")]
    NoLog,
    /// There is something already where a replay was to go.
    #[error(
        "shard {0} of the Redis that is to be filled is not empty: give another --into-redis-prefix, another database \
         or another Redis"
    )]
    NotEmpty(u16),
    /// Standard output is gone.
    #[error("it cannot be printed: {0}")]
    Output(#[from] io::Error),
    /// Somebody else renewed the log at the same time.
    #[error("the log was renewed by somebody else at the same time; look again")]
    Raced,
}

/// Does what the settings say, until `stop` at the latest. Gives the exit code.
///
/// # Errors
/// See [`ToolError`].
pub async fn run(settings: &LogSettings, stop: CancellationToken) -> Result<u8, ToolError> {
    let tiers = open::Tiers::open(settings).await?;
    let work = async {
        match &settings.tool {
            LogTool::Tail(tail) => tail::tail(&tiers, tail).await.map(|()| 0),
            LogTool::Verify(verify) => verify::verify(&tiers, verify).await,
            LogTool::Replay(replay) => replay::replay(&tiers, replay).await.map(|()| 0),
            LogTool::Renew(renew) => renew::renew(&tiers, renew).await,
        }
    };
    tokio::select! {
        done = work => done,
        // Whoever interrupts has seen enough; nothing here is left half done but a replay, which is refused next time.
        () = stop.cancelled() => Ok(130),
    }
}
