//! Applying a log to a shard, and telling those who wait what became of their works.
//!
//! The function judges from the content of the log alone, and remembers the offset together with what it changed: a batch
//! that is applied again, by anybody, changes nothing.

use hiscore_score::LeaderboardId;

use super::RedisRanks;
use super::answer::{Fields, fields};
use super::calls::{CallError, Done, Refused, Work};
use super::codec::{Garbled, Put, Take};
use super::wire::{flags, put_work, take_result};

/// An entry of the log, as it is judged.
#[derive(Debug, Clone)]
pub struct LoggedEntry {
    /// Its offset.
    pub offset: u64,
    /// The time that the log gave it, in Unix milliseconds: the clock by which it is judged.
    pub time_ms: u64,
    /// Its size in the log.
    pub bytes: u32,
    /// Who appended it.
    pub origin: u64,
    /// Which of the origin's entries it is.
    pub number: u64,
    /// Whoever appended it waits for verdicts.
    pub told: bool,
    /// With what the players have then.
    pub want_record: bool,
    /// With the ranks after each.
    pub want_rank: bool,
    /// With the ranks before each.
    pub want_previous_rank: bool,
    /// What is to be judged.
    pub works: Vec<LoggedWork>,
}

/// One thing to be judged.
#[derive(Debug, Clone)]
pub struct LoggedWork {
    /// On which board.
    pub board: LeaderboardId,
    /// Whether a submission makes the board if there is none.
    pub auto_create: bool,
    /// What.
    pub work: Work,
}

/// Entries that follow each other in the log, none left out.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Which log: see [`super::log_name`].
    pub log: &'a str,
    /// The last offset before them that the caller believes to be applied.
    pub applied: Option<u64>,
    /// The epoch of the shard in which the end of the log was looked for that is reached with them: none that was opened
    /// later is told by it that nothing is missing.
    pub end_in: Option<u32>,
    /// The entries; none just tells that the end is reached.
    pub entries: &'a [LoggedEntry],
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The last offset that is applied now.
    pub offset: Option<u64>,
    /// Works that were done, or were duplicates.
    pub applied: u64,
    /// Works that the law refused.
    pub refused: u64,
    /// Works that had been judged before.
    pub seen: u64,
}

/// What became of a work that somebody waits for.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The number of its entry.
    pub number: u64,
    /// Its place in that entry, from 0.
    pub index: u16,
    /// What.
    pub result: Result<Done, Refused>,
}

/// Numbers of entries are kept in 7 bytes.
const NUMBERS: u64 = (1 << 56) - 1;

impl RedisRanks {
    /// Applies entries of the log to a shard, all at once, and remembers the last offset.
    ///
    /// # Errors
    /// [`CallError::Behind`] if the shard went back: read again from where it is. [`CallError::OtherLog`] if it has not
    /// joined this log. After [`CallError::Ambiguous`] the same batch may be offered again.
    pub async fn apply(&self, shard: u16, batch: Batch<'_>) -> Result<Applied, CallError> {
        let mut command = self.hub.command("apply", shard, false);
        command.arg(batch.log);
        match batch.applied {
            Some(offset) => command.arg(offset),
            None => command.arg(-1),
        };
        command.arg(batch.end_in.unwrap_or(0));
        for entry in batch.entries {
            put_entry(&mut command, entry);
        }
        let mut fields = fields(self.hub.apply(shard, command).await?, shard)?;
        Ok(Applied {
            offset: u64::try_from(fields.signed()?).ok(),
            applied: fields.number()?,
            refused: fields.number()?,
            seen: fields.number()?,
        })
    }

    /// Takes at most `most` verdicts on works of `origin` on a shard; each is told once, and is forgotten after a minute.
    pub async fn verdicts(&self, shard: u16, origin: u64, most: usize) -> Result<Vec<Verdict>, CallError> {
        let mut command = self.hub.command("verdicts", shard, false);
        command.arg(origin.to_be_bytes().as_slice()).arg(most);
        let mut fields = fields(self.hub.control(shard, command).await?, shard)?;
        let mut verdicts = Vec::new();
        while !fields.is_empty() {
            verdicts.push(take_verdict(&mut fields)?);
        }
        Ok(verdicts)
    }
}

pub(super) fn take_verdict(fields: &mut Fields) -> Result<Verdict, Garbled> {
    let bytes = fields.bytes()?;
    let mut take = Take(&bytes);
    let (number, index) = (take.u56()?, take.u16()?);
    Ok(Verdict { number, index, result: take_result(take.rest())? })
}

fn put_entry(command: &mut redis::Cmd, entry: &LoggedEntry) {
    // Runs of works that share a head.
    let runs: Vec<&[LoggedWork]> = entry
        .works
        .chunk_by(|a, b| a.board == b.board && a.auto_create == b.auto_create)
        .flat_map(|run| run.chunks(usize::from(u16::MAX)))
        .collect();
    let mut head = Put::default();
    head.u56(entry.offset).u56(entry.time_ms.min(NUMBERS)).u32(entry.bytes);
    head.bytes(&entry.origin.to_be_bytes()).u56(entry.number & NUMBERS).u16(runs.len() as u16);
    command.arg(head.0);
    for run in runs {
        let Some(first) = run.first() else { continue };
        let mut head = Put::default();
        let wants = [
            first.auto_create,
            entry.want_record,
            entry.want_rank,
            entry.want_previous_rank,
            false,
            entry.told,
        ];
        head.u8(flags(&wants)).u16(run.len() as u16).bytes(first.board.as_str().as_bytes());
        command.arg(head.0);
        for work in run {
            command.arg(put_work(&work.work));
        }
    }
}
