//! Bytes into entries. What is read here may be damaged, or of a version to come: nothing is taken for granted.

use hiscore_score::leaderboard::{Operator, Rules, SortOrder};
use hiscore_score::{LeaderboardId, Metadata, PlayerId, Score, Submission, SubmissionKey};

use super::bytes::Reader;
use super::{Entry, EntryError, Told, VERSION, Work, flag, kind};

/// The checksum.
const CRC: usize = 4;

/// The least bytes that a work takes: fewer cannot be so many works.
const LEAST_WORK: usize = 3;

pub(super) fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
    let at = bytes.len().checked_sub(CRC).ok_or(EntryError::Corrupt("too short"))?;
    let (content, crc) = bytes.split_at(at);
    if crc32fast::hash(content).to_le_bytes() != crc {
        return Err(EntryError::Corrupt("the checksum is wrong"));
    }
    let mut reader = Reader::new(content);
    match reader.u8()? {
        VERSION => {}
        0 => return Err(EntryError::Corrupt("a version of 0")),
        newer => return Err(EntryError::Newer(format!("version {newer} of the format"))),
    }
    let origin = u64::from_le_bytes(reader.array()?);
    let number = reader.u64()?;
    let told = told(reader.u8()?)?;
    let count = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
    if count > reader.left() / LEAST_WORK {
        return Err(EntryError::Corrupt("more works than bytes for them"));
    }
    let mut works: Vec<Work> = Vec::with_capacity(count);
    for _ in 0..count {
        let work = work(&mut reader, works.last().map(Work::board))?;
        works.push(work);
    }
    if reader.left() > 0 {
        return Err(EntryError::Corrupt("bytes left over"));
    }
    Ok(Entry { origin, number, told, works })
}

fn told(bits: u8) -> Result<Told, EntryError> {
    if bits > 15 {
        return Err(EntryError::Newer(format!("something that is to be told ({bits:#04x})")));
    }
    let has = |bit: u8| bits & bit != 0;
    Ok(Told { outcome: has(1), record: has(2), rank: has(4), previous_rank: has(8) })
}

fn work(reader: &mut Reader<'_>, before: Option<&LeaderboardId>) -> Result<Work, EntryError> {
    let kind = reader.u8()?;
    let flags = reader.u8()?;
    let known = flag::SAME_BOARD
        | match kind {
            kind::SUBMIT => flag::SUBSCORE | flag::METADATA | flag::KEY | flag::KEY_TIME | flag::AUTO_CREATE,
            kind::DELETE | kind::CREATE => 0,
            kind::RESET => flag::EXPECTED,
            newer => return Err(EntryError::Newer(format!("a work of kind {newer}"))),
        };
    if flags & !known != 0 {
        return Err(EntryError::Newer(format!("a flag of a work ({flags:#04x} of kind {kind})")));
    }
    let has = |flag: u8| flags & flag != 0;
    let board = if has(flag::SAME_BOARD) {
        before.cloned().ok_or(EntryError::Corrupt("the same board as none"))?
    } else {
        LeaderboardId::new(reader.text()?).map_err(|_| EntryError::Corrupt("a name of a board"))?
    };
    Ok(match kind {
        kind::SUBMIT => {
            let player = player(reader)?;
            let score = score(reader)?;
            let subscore = if has(flag::SUBSCORE) { score_of_flag(reader)? } else { Score::ZERO };
            let metadata = if has(flag::METADATA) { Some(metadata(reader)?) } else { None };
            let key = if has(flag::KEY) { Some(key(reader, has(flag::KEY_TIME))?) } else { None };
            if has(flag::KEY_TIME) && key.is_none() {
                return Err(EntryError::Corrupt("the time of no key"));
            }
            let submission = Submission { score, subscore, metadata, key };
            Work::Submit { board, player, submission, auto_create: has(flag::AUTO_CREATE) }
        }
        kind::DELETE => Work::Delete { board, player: player(reader)? },
        kind::CREATE => Work::Create { board, rules: rules(reader)? },
        _ => {
            let expected = if has(flag::EXPECTED) { Some(reader.u32()?) } else { None };
            Work::Reset { board, expected }
        }
    })
}

fn player(reader: &mut Reader<'_>) -> Result<PlayerId, EntryError> {
    PlayerId::new(reader.text()?).map_err(|_| EntryError::Corrupt("a name of a player"))
}

fn score(reader: &mut Reader<'_>) -> Result<Score, EntryError> {
    Score::new(reader.i64()?).map_err(|_| EntryError::Corrupt("a score out of range"))
}

/// A subscore that the flag says is not 0: every entry has one way to be written.
fn score_of_flag(reader: &mut Reader<'_>) -> Result<Score, EntryError> {
    Some(score(reader)?).filter(|score| *score != Score::ZERO).ok_or(EntryError::Corrupt("a subscore of 0"))
}

fn metadata(reader: &mut Reader<'_>) -> Result<Metadata, EntryError> {
    let metadata = Metadata::from_stored(reader.text()?).ok().flatten();
    metadata.ok_or(EntryError::Corrupt("metadata"))
}

fn key(reader: &mut Reader<'_>, time: bool) -> Result<SubmissionKey, EntryError> {
    let id = reader.array()?;
    let body = u64::from_le_bytes(reader.array()?);
    let time_ms = if time { Some(reader.u64()?) } else { None };
    Ok(SubmissionKey { id, body, time_ms })
}

fn rules(reader: &mut Reader<'_>) -> Result<Rules, EntryError> {
    let operator = match reader.u8()? {
        1 => Operator::Best,
        2 => Operator::Set,
        3 => Operator::Increment,
        newer => return Err(EntryError::Newer(format!("operator {newer}"))),
    };
    let sort_order = direction(reader)?;
    let subscore_order = direction(reader)?;
    Ok(Rules { operator, sort_order, subscore_order })
}

fn direction(reader: &mut Reader<'_>) -> Result<SortOrder, EntryError> {
    match reader.u8()? {
        1 => Ok(SortOrder::Desc),
        2 => Ok(SortOrder::Asc),
        newer => Err(EntryError::Newer(format!("sort order {newer}"))),
    }
}
