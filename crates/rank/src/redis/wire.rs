//! Submissions on their way: how a request is packed for the function that judges it, and how its answer is read.

use hiscore_score::{Metadata, Outcome, Position, Refusal};

use super::calls::{Done, Refused, Request, Submitted, Work};
use super::codec::{Garbled, Put, Take, put_rules, take_board};

/// Kept beside each work: a vector, its place in a vector, and what Redis needs for an argument.
const OVERHEAD: usize = 64;

/// A request as the function takes it.
#[derive(Debug)]
pub(super) struct Packed {
    flags: u8,
    board: Vec<u8>,
    /// One argument each.
    pub(super) works: Vec<Vec<u8>>,
}

impl Packed {
    pub(super) fn new(request: &Request) -> Self {
        let flags = [
            request.auto_create,
            request.want_record,
            request.want_rank,
            request.want_previous_rank,
            request.wake_persister,
        ];
        Self {
            flags: self::flags(&flags),
            board: request.board.as_str().as_bytes().to_vec(),
            works: request.works.iter().map(put_work).collect(),
        }
    }

    /// Bytes that it takes while it waits.
    pub(super) fn size(&self) -> usize {
        OVERHEAD + self.board.len() + self.works.iter().map(|work| OVERHEAD + work.len()).sum::<usize>()
    }

    /// The argument that comes before `count` of its works.
    pub(super) fn head(&self, count: u16) -> Vec<u8> {
        let mut put = Put::default();
        put.u8(self.flags).u16(count).bytes(&self.board);
        put.0
    }
}

/// The first is the lowest bit.
pub(super) fn flags(flags: &[bool]) -> u8 {
    flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag))
}

pub(super) fn put_work(work: &Work) -> Vec<u8> {
    let mut put = Put::default();
    match work {
        Work::Submit { player, submission } => {
            put.u8(b'S').i56(submission.score.get()).i56(submission.subscore.get());
            put.u8(submission.key.is_some().into());
            if let Some(key) = &submission.key {
                put.key(key);
            }
            let player = player.as_str().as_bytes();
            // An id has at most 128 bytes.
            put.u8(player.len() as u8).bytes(player);
            put.bytes(submission.metadata.as_ref().map_or("", Metadata::as_str).as_bytes());
        }
        Work::Delete { player } => {
            put.u8(b'D').bytes(player.as_str().as_bytes());
        }
        Work::Create { rules } => put_rules(put.u8(b'C'), rules),
        Work::Reset { expected } => {
            // No season has the number 0, nor the last one.
            put.u8(b'R').u32(expected.map_or(0, |expected| if expected == 0 { u32::MAX } else { expected }));
        }
    }
    put.0
}

/// What became of one work.
pub(super) fn take_result(bytes: &[u8]) -> Result<Result<Done, Refused>, Garbled> {
    let mut take = Take(bytes);
    Ok(match take.u8()? {
        0 => Ok(Done::Submitted(take_submitted(take)?)),
        1 => Ok(Done::Deleted(if take.u8()? == 1 { Some(take.position()?) } else { None })),
        2 => {
            let (leaderboard, position) = take_board(take.rest())?;
            Ok(Done::Board(leaderboard, position))
        }
        16 => Err(Refused::Law(Refusal::OutOfRange)),
        17 => Err(Refused::Law(Refusal::Conflict)),
        18 => Err(Refused::Law(Refusal::Expired)),
        19 => Err(Refused::NotFound),
        20 => Err(Refused::AlreadyExists),
        21 => Err(Refused::VersionConflict(take.u32()?)),
        22 => Err(Refused::Exhausted),
        _ => return Err(Garbled("an unknown result")),
    })
}

fn take_submitted(mut take: Take<'_>) -> Result<Submitted, Garbled> {
    let outcome = match take.u8()? {
        0 => Outcome::Improved,
        1 => Outcome::Unchanged,
        2 => Outcome::Duplicate,
        _ => return Err(Garbled("an unknown outcome")),
    };
    let version = take.u32()?;
    let position: Position = take.position()?;
    let rank = |rank: u64| (rank > 0).then_some(rank);
    let (after, before) = (rank(take.u56()?), rank(take.u56()?));
    let record = if take.0.is_empty() {
        None
    } else {
        let updated = take.stamp()?;
        Some((take.live_and_metadata()?, updated))
    };
    Ok(Submitted { outcome, version, position, record, rank: after, previous_rank: before })
}
