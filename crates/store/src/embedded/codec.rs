//! How records and changes are stored. Each begins with the number of its format; an unknown one is an error.

use hiscore_score::leaderboard::{Leaderboard, Operator, Rules, SortOrder};
use hiscore_score::window::{Entry as WindowEntry, SubmissionKey, Window};
use hiscore_score::{
    LeaderboardId, Live, Metadata, PlayerId, Position, Record, Score, Stamp, Submission, VersionId,
};

use super::bytes::{Corrupt, Reader, put_bytes, put_i64, put_u64};

/// The format of a stored record.
const RECORD_FORMAT: u8 = 1;

const LIVE: u8 = 1;
const DELETED: u8 = 2;
const WINDOW: u8 = 4;
const METADATA: u8 = 8;
const KEY: u8 = 16;

/// The number that stands for a leaderboard's name inside this store.
pub type BoardNumber = u32;

/// What a record is filed under inside this store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Which board.
    pub board: BoardNumber,
    /// Which season.
    pub version: VersionId,
    /// Who.
    pub player: PlayerId,
}

/// A leaderboard as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardRow {
    /// Its number.
    pub number: BoardNumber,
    /// Its name.
    pub id: LeaderboardId,
    /// Its rules and season.
    pub leaderboard: Leaderboard,
    /// The journal's sequence that changed it last, so that a replay leaves alone what it has seen.
    pub sequence: u64,
}

/// What one accepted submission, creation, reset or deletion did, with its stamp. Its position is its place in
/// the journal. Replayed by the law, so that a restart and the committer cannot differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// When the sequencer took it.
    pub stamp: Stamp,
    /// What it was.
    pub change: Change,
}

/// The kinds of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A board was created, under the next free number.
    Create {
        /// Its name.
        id: LeaderboardId,
        /// Its rules.
        rules: Rules,
    },
    /// A board's next season was opened.
    Reset {
        /// Which board.
        board: BoardNumber,
    },
    /// A submission was accepted.
    Submit {
        /// Where it was filed.
        key: RowKey,
        /// What it was.
        submission: Submission,
    },
    /// A record was deleted.
    Delete {
        /// Which.
        key: RowKey,
    },
}

/// The bytes of a row's key: ordered by board, season and player.
pub fn row_key(key: &RowKey) -> Vec<u8> {
    let player = key.player.as_str().as_bytes();
    let mut out = Vec::with_capacity(8 + player.len());
    out.extend_from_slice(&season_prefix(key.board, key.version));
    out.extend_from_slice(player);
    out
}

/// What the keys of all rows of a season begin with.
pub fn season_prefix(board: BoardNumber, version: VersionId) -> [u8; 8] {
    let mut out = [0; 8];
    out[..4].copy_from_slice(&board.to_be_bytes());
    out[4..].copy_from_slice(&version.to_be_bytes());
    out
}

/// The player in the bytes of a row's key.
pub fn player_of(row_key: &[u8]) -> Result<PlayerId, Corrupt> {
    let text = row_key.get(8..).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.and_then(|text| PlayerId::new(text).ok()).ok_or(Corrupt("a row's key"))
}

/// Appends a record.
pub fn put_record(out: &mut Vec<u8>, record: &Record) {
    let mut flags = 0;
    if let Some(live) = &record.live {
        flags |= LIVE | if live.metadata.is_some() { METADATA } else { 0 };
    }
    if record.deleted != Stamp::ZERO {
        flags |= DELETED;
    }
    if !record.window.is_empty() {
        flags |= WINDOW;
    }
    out.extend_from_slice(&[RECORD_FORMAT, flags]);
    put_u64(out, u64::from(record.position.era));
    put_u64(out, record.position.sequence);
    put_u64(out, u64::from(record.position.index));
    put_u64(out, record.updated.raw());
    if flags & DELETED != 0 {
        put_u64(out, record.deleted.raw());
    }
    if let Some(live) = &record.live {
        put_i64(out, live.score.get());
        put_i64(out, live.subscore.get());
        put_u64(out, live.num_score);
        put_u64(out, live.created.raw());
        put_u64(out, live.reached.raw());
        if let Some(metadata) = &live.metadata {
            put_bytes(out, metadata.as_str().as_bytes());
        }
    }
    if flags & WINDOW != 0 {
        put_u64(out, record.window.horizon_ms());
        for entry in record.window.entries() {
            put_u64(out, entry.stamp.raw());
            put_key(out, &entry.key);
        }
    }
}

/// Reads a record. `window_length` is the deployment's.
pub fn get_record(bytes: &[u8], window_length: usize) -> Result<Record, Corrupt> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != RECORD_FORMAT {
        return Err(Corrupt("a record of an unknown format"));
    }
    let flags = reader.u8()?;
    let position = Position { era: reader.u32()?, sequence: reader.u64()?, index: reader.u32()? };
    let updated = get_stamp(&mut reader)?;
    let deleted = if flags & DELETED != 0 { get_stamp(&mut reader)? } else { Stamp::ZERO };
    let live = if flags & LIVE != 0 {
        Some(Live {
            score: get_score(&mut reader)?,
            subscore: get_score(&mut reader)?,
            num_score: reader.u64()?,
            created: get_stamp(&mut reader)?,
            reached: get_stamp(&mut reader)?,
            metadata: if flags & METADATA != 0 { get_metadata(&mut reader)? } else { None },
        })
    } else {
        None
    };
    let window = if flags & WINDOW != 0 {
        let horizon = reader.u64()?;
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let stamp = get_stamp(&mut reader)?;
            entries.push(WindowEntry { stamp, key: get_key(&mut reader)? });
        }
        Window::from_parts(entries, horizon, window_length)
    } else {
        Window::default()
    };
    reader.end()?;
    Ok(Record { live, deleted, updated, position, window })
}

/// Appends a board without its name, which is its key.
pub fn put_board(out: &mut Vec<u8>, row: &BoardRow) {
    out.push(RECORD_FORMAT);
    put_u64(out, u64::from(row.number));
    put_u64(out, row.sequence);
    put_rules(out, &row.leaderboard.rules);
    put_u64(out, u64::from(row.leaderboard.version));
    put_u64(out, row.leaderboard.created.raw());
    put_u64(out, row.leaderboard.opened.raw());
}

/// Reads a board.
pub fn get_board(id: &str, bytes: &[u8]) -> Result<BoardRow, Corrupt> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != RECORD_FORMAT {
        return Err(Corrupt("a leaderboard of an unknown format"));
    }
    let (number, sequence) = (reader.u32()?, reader.u64()?);
    let rules = get_rules(&mut reader)?;
    let version = reader.u32()?;
    let (created, opened) = (get_stamp(&mut reader)?, get_stamp(&mut reader)?);
    reader.end()?;
    let id = LeaderboardId::new(id).map_err(|_| Corrupt("a leaderboard's name"))?;
    Ok(BoardRow { number, id, leaderboard: Leaderboard { rules, version, created, opened }, sequence })
}

/// Appends an entry of the journal.
pub fn put_entry(out: &mut Vec<u8>, entry: &JournalEntry) {
    match &entry.change {
        Change::Create { id, rules } => {
            out.push(1);
            put_u64(out, entry.stamp.raw());
            put_bytes(out, id.as_str().as_bytes());
            put_rules(out, rules);
        }
        Change::Reset { board } => {
            out.push(2);
            put_u64(out, entry.stamp.raw());
            put_u64(out, u64::from(*board));
        }
        Change::Submit { key, submission } => {
            out.push(3);
            put_u64(out, entry.stamp.raw());
            put_row(out, key);
            let metadata = if submission.metadata.is_some() { METADATA } else { 0 };
            out.push(metadata | if submission.key.is_some() { KEY } else { 0 });
            put_i64(out, submission.score.get());
            put_i64(out, submission.subscore.get());
            if let Some(metadata) = &submission.metadata {
                put_bytes(out, metadata.as_str().as_bytes());
            }
            if let Some(key) = &submission.key {
                put_key(out, key);
            }
        }
        Change::Delete { key } => {
            out.push(4);
            put_u64(out, entry.stamp.raw());
            put_row(out, key);
        }
    }
}

/// Reads an entry of the journal.
pub fn get_entry(reader: &mut Reader<'_>) -> Result<JournalEntry, Corrupt> {
    let kind = reader.u8()?;
    let stamp = get_stamp(reader)?;
    let change = match kind {
        1 => {
            let id = LeaderboardId::new(reader.text()?).map_err(|_| Corrupt("a leaderboard's name"))?;
            Change::Create { id, rules: get_rules(reader)? }
        }
        2 => Change::Reset { board: reader.u32()? },
        3 => {
            let key = get_row(reader)?;
            let flags = reader.u8()?;
            let (score, subscore) = (get_score(reader)?, get_score(reader)?);
            let metadata = if flags & METADATA != 0 { get_metadata(reader)? } else { None };
            let submission_key = if flags & KEY != 0 { Some(get_key(reader)?) } else { None };
            Change::Submit { key, submission: Submission { score, subscore, metadata, key: submission_key } }
        }
        4 => Change::Delete { key: get_row(reader)? },
        _ => return Err(Corrupt("a journal entry of an unknown kind: written by a newer hiscore?")),
    };
    Ok(JournalEntry { stamp, change })
}

fn put_row(out: &mut Vec<u8>, key: &RowKey) {
    put_u64(out, u64::from(key.board));
    put_u64(out, u64::from(key.version));
    put_bytes(out, key.player.as_str().as_bytes());
}

fn get_row(reader: &mut Reader<'_>) -> Result<RowKey, Corrupt> {
    let (board, version) = (reader.u32()?, reader.u32()?);
    let player = PlayerId::new(reader.text()?).map_err(|_| Corrupt("a player's name"))?;
    Ok(RowKey { board, version, player })
}

fn put_key(out: &mut Vec<u8>, key: &SubmissionKey) {
    out.extend_from_slice(&key.id);
    out.extend_from_slice(&key.body.to_le_bytes());
    put_u64(out, key.time_ms.map_or(0, |time| time + 1));
}

fn get_key(reader: &mut Reader<'_>) -> Result<SubmissionKey, Corrupt> {
    Ok(SubmissionKey {
        id: reader.array16()?,
        body: reader.fixed_u64()?,
        time_ms: reader.u64()?.checked_sub(1),
    })
}

fn put_rules(out: &mut Vec<u8>, rules: &Rules) {
    let operator = match rules.operator {
        Operator::Best => 0,
        Operator::Set => 1,
        Operator::Increment => 2,
    };
    let order = |order| u8::from(order == SortOrder::Asc);
    out.push(operator | order(rules.sort_order) << 2 | order(rules.subscore_order) << 3);
}

fn get_rules(reader: &mut Reader<'_>) -> Result<Rules, Corrupt> {
    let byte = reader.u8()?;
    let order = |bit| if byte & bit == 0 { SortOrder::Desc } else { SortOrder::Asc };
    let operator = match byte & 3 {
        0 => Operator::Best,
        1 => Operator::Set,
        2 => Operator::Increment,
        _ => return Err(Corrupt("a leaderboard's operator")),
    };
    if byte >> 4 != 0 {
        return Err(Corrupt("a leaderboard's rules"));
    }
    Ok(Rules { operator, sort_order: order(4), subscore_order: order(8) })
}

fn get_stamp(reader: &mut Reader<'_>) -> Result<Stamp, Corrupt> {
    Stamp::from_raw(reader.u64()?).ok_or(Corrupt("a stamp"))
}

fn get_score(reader: &mut Reader<'_>) -> Result<Score, Corrupt> {
    Score::new(reader.i64()?).map_err(|_| Corrupt("a score"))
}

fn get_metadata(reader: &mut Reader<'_>) -> Result<Option<Metadata>, Corrupt> {
    Metadata::from_stored(reader.text()?).map_err(|_| Corrupt("metadata"))
}
