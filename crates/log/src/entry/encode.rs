//! Entries into bytes, and many works into as few entries as will do.

use hiscore_score::leaderboard::{Operator, SortOrder};
use hiscore_score::{LeaderboardId, Score, Submission};

use super::bytes::{put_i64, put_text, put_u64};
use super::{Entry, Told, VERSION, Work, flag, kind};
use crate::MAX_ENTRY_BYTES;

/// Version, origin, what is told, the longest number and count, and the checksum.
const FRAME: usize = 1 + 8 + 1 + 10 + 10 + 4;

pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME + entry.works.len() * 96);
    out.push(VERSION);
    out.extend_from_slice(&entry.origin.to_le_bytes());
    put_u64(&mut out, entry.number);
    let Told { outcome, record, rank, previous_rank } = entry.told;
    let told = [outcome, record, rank, previous_rank];
    out.push(told.iter().rev().fold(0, |bits, bit| bits << 1 | u8::from(*bit)));
    put_u64(&mut out, entry.works.len() as u64);
    let mut before = None;
    for work in &entry.works {
        put_work(&mut out, work, before);
        before = Some(work.board());
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Distributes works over entries of at most [`MAX_ENTRY_BYTES`], in their order. No single work is larger.
pub fn pack(works: Vec<Work>) -> Vec<Vec<Work>> {
    let mut packs: Vec<Vec<Work>> = Vec::new();
    let mut size = MAX_ENTRY_BYTES;
    let mut scratch = Vec::new();
    for work in works {
        scratch.clear();
        // With its board spelled out: never smaller than what it takes.
        put_work(&mut scratch, &work, None);
        match packs.last_mut().filter(|_| size + scratch.len() <= MAX_ENTRY_BYTES) {
            Some(pack) => {
                size += scratch.len();
                pack.push(work);
            }
            None => {
                size = FRAME + scratch.len();
                packs.push(vec![work]);
            }
        }
    }
    packs
}

fn put_work(out: &mut Vec<u8>, work: &Work, before: Option<&LeaderboardId>) {
    let same = before == Some(work.board());
    let board = if same { flag::SAME_BOARD } else { 0 };
    let (kind, flags) = match work {
        Work::Submit { submission, auto_create, .. } => (kind::SUBMIT, flags_of(submission, *auto_create)),
        Work::Delete { .. } => (kind::DELETE, 0),
        Work::Create { .. } => (kind::CREATE, 0),
        Work::Reset { expected, .. } => (kind::RESET, if expected.is_some() { flag::EXPECTED } else { 0 }),
    };
    out.extend_from_slice(&[kind, flags | board]);
    if !same {
        put_text(out, work.board().as_str());
    }
    match work {
        Work::Submit { player, submission, .. } => {
            put_text(out, player.as_str());
            put_submission(out, submission);
        }
        Work::Delete { player, .. } => put_text(out, player.as_str()),
        Work::Create { rules, .. } => {
            let operator = match rules.operator {
                Operator::Best => 1,
                Operator::Set => 2,
                Operator::Increment => 3,
            };
            out.extend_from_slice(&[operator, direction(rules.sort_order), direction(rules.subscore_order)]);
        }
        Work::Reset { expected, .. } => {
            if let Some(expected) = expected {
                put_u64(out, u64::from(*expected));
            }
        }
    }
}

fn flags_of(submission: &Submission, auto_create: bool) -> u8 {
    let key = match &submission.key {
        Some(key) if key.time_ms.is_some() => flag::KEY | flag::KEY_TIME,
        Some(_) => flag::KEY,
        None => 0,
    };
    let subscore = if submission.subscore == Score::ZERO { 0 } else { flag::SUBSCORE };
    let metadata = if submission.metadata.is_some() { flag::METADATA } else { 0 };
    key | subscore | metadata | if auto_create { flag::AUTO_CREATE } else { 0 }
}

fn put_submission(out: &mut Vec<u8>, submission: &Submission) {
    put_i64(out, submission.score.get());
    if submission.subscore != Score::ZERO {
        put_i64(out, submission.subscore.get());
    }
    if let Some(metadata) = &submission.metadata {
        put_text(out, metadata.as_str());
    }
    if let Some(key) = &submission.key {
        out.extend_from_slice(&key.id);
        out.extend_from_slice(&key.body.to_le_bytes());
        if let Some(time_ms) = key.time_ms {
            put_u64(out, time_ms);
        }
    }
}

fn direction(order: SortOrder) -> u8 {
    match order {
        SortOrder::Desc => 1,
        SortOrder::Asc => 2,
    }
}
