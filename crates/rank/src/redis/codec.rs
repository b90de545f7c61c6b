//! How boards, records and marks are packed in Redis. The functions in `lua/` pack the same way: numbers big endian, those of up
//! to 56 bits in 7 bytes.

use hiscore_score::window::Entry;
use hiscore_score::{
    Leaderboard, LeaderboardId, Live, Metadata, Operator, PlayerId, Position, Record, RecordKey, Rules,
    Score, Season, SortOrder, Stamp, SubmissionKey, Window,
};

use super::calls::BoardState;

/// The most that Lua counts exactly. More submissions of one player will not come.
const MOST: u64 = 1 << 53;

/// What Redis holds, or answers, is not what the functions write: an operator must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is in Redis cannot be read: {0}")]
pub(super) struct Garbled(pub(super) &'static str);

/// Bytes that are being packed.
#[derive(Debug, Default)]
pub(super) struct Put(pub(super) Vec<u8>);

impl Put {
    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// 7 bytes: what is beyond 2^53 becomes that.
    pub(super) fn u56(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.min(MOST).to_be_bytes()[1..])
    }

    /// 7 bytes, two's complement.
    pub(super) fn i56(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_be_bytes()[1..])
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn position(&mut self, position: Position) -> &mut Self {
        self.u32(position.era).u56(position.sequence).u32(position.index)
    }

    /// A key of the idempotency window as a function compares it: id, body, time.
    pub(super) fn key(&mut self, key: &SubmissionKey) -> &mut Self {
        let time = key.time_ms.map_or(0, |time| time.saturating_add(1));
        self.bytes(&key.id).bytes(&key.body.to_be_bytes()).u56(time)
    }
}

/// Bytes that are being unpacked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take<'a>(pub(super) &'a [u8]);

impl<'a> Take<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Garbled> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Garbled("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        self.bytes(N)?.try_into().map_err(|_| Garbled("it ends too early"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Garbled> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Garbled> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Garbled> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn seven(&mut self) -> Result<u64, Garbled> {
        let mut eight = [0; 8];
        eight[1..].copy_from_slice(self.bytes(7)?);
        Ok(u64::from_be_bytes(eight))
    }

    /// A number that Lua has exactly.
    pub(super) fn u56(&mut self) -> Result<u64, Garbled> {
        self.seven().and_then(|number| {
            if number <= MOST { Ok(number) } else { Err(Garbled("a number is beyond 2^53")) }
        })
    }

    pub(super) fn i56(&mut self) -> Result<i64, Garbled> {
        // Up by a byte and down again, which brings the sign along.
        Ok(((self.seven()? << 8) as i64) >> 8)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn stamp(&mut self) -> Result<Stamp, Garbled> {
        Stamp::from_raw(self.u56()?).ok_or(Garbled("a stamp is beyond 53 bits"))
    }

    pub(super) fn position(&mut self) -> Result<Position, Garbled> {
        Ok(Position { era: self.u32()?, sequence: self.u56()?, index: self.u32()? })
    }

    fn score(&mut self) -> Result<Score, Garbled> {
        Score::new(self.i56()?).map_err(|_| Garbled("a score is out of range"))
    }

    /// What a player sees of a record, without the metadata behind it, whose length comes along.
    fn live(&mut self) -> Result<(Live, usize), Garbled> {
        let live = Live {
            score: self.score()?,
            subscore: self.score()?,
            metadata: None,
            num_score: self.u56()?,
            created: self.stamp()?,
            reached: self.stamp()?,
        };
        Ok((live, usize::from(self.u16()?)))
    }

    /// What a player sees of a record, with its metadata.
    pub(super) fn live_and_metadata(&mut self) -> Result<Live, Garbled> {
        let (live, length) = self.live()?;
        let metadata = self.bytes(length)?;
        if metadata.is_empty() {
            return Ok(live);
        }
        let metadata =
            Metadata::from_stored(text(metadata)?).map_err(|_| Garbled("metadata is not valid"))?;
        Ok(Live { metadata, ..live })
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Garbled> {
    std::str::from_utf8(bytes).map_err(|_| Garbled("a text is no UTF-8"))
}

pub(super) fn leaderboard_id(bytes: &[u8]) -> Result<LeaderboardId, Garbled> {
    LeaderboardId::new(text(bytes)?).map_err(|_| Garbled("the name of a leaderboard is not valid"))
}

pub(super) fn player_id(bytes: &[u8]) -> Result<PlayerId, Garbled> {
    PlayerId::new(text(bytes)?).map_err(|_| Garbled("the name of a player is not valid"))
}

/// What kind of record it is: one of a player without a score, or one with, that was deleted before or never.
const NO_SCORE: u8 = 0;
const DELETED_ONCE: u8 = 1;
const NEVER_DELETED: u8 = 2;

/// A record as the functions keep it (`lua/2_record.lua`).
pub(super) fn put_record(record: &Record) -> Vec<u8> {
    let mut put = Put::default();
    let kind = match (&record.live, record.deleted.raw()) {
        (None, _) => NO_SCORE,
        (Some(_), 0) => NEVER_DELETED,
        (Some(_), _) => DELETED_ONCE,
    };
    put.u8(kind).position(record.position);
    if kind != NEVER_DELETED {
        put.u56(record.deleted.raw());
    }
    put.u56(record.updated.raw());
    if let Some(live) = &record.live {
        let metadata = live.metadata.as_ref().map_or("", Metadata::as_str);
        put.i56(live.score.get()).i56(live.subscore.get()).u56(live.num_score);
        put.u56(live.created.raw()).u56(live.reached.raw());
        // Metadata is at most 4 KiB.
        put.u16(metadata.len() as u16).bytes(metadata.as_bytes());
    }
    if !record.window.is_empty() {
        put.u56(record.window.horizon_ms());
        for entry in record.window.entries() {
            put.u56(entry.stamp.raw()).key(&entry.key);
        }
    }
    put.0
}

/// A record as it is kept, or as it is read: without its window.
pub(super) fn take_record(bytes: &[u8], window_length: usize) -> Result<Record, Garbled> {
    let mut take = Take(bytes);
    let kind = take.u8()?;
    let position = take.position()?;
    let deleted = match kind {
        NEVER_DELETED => Stamp::default(),
        NO_SCORE | DELETED_ONCE => take.stamp()?,
        _ => return Err(Garbled("an unknown kind of record")),
    };
    let updated = take.stamp()?;
    let live = if kind == NO_SCORE { None } else { Some(take.live_and_metadata()?) };
    Ok(Record { live, deleted, updated, position, window: take_window(take, window_length)? })
}

fn take_window(mut take: Take<'_>, length: usize) -> Result<Window, Garbled> {
    if take.0.is_empty() {
        return Ok(Window::default());
    }
    let horizon_ms = take.u56()?;
    let mut entries = Vec::with_capacity(take.0.len() / 38);
    while !take.0.is_empty() {
        let stamp = take.stamp()?;
        let id = take.array()?;
        let body = u64::from_be_bytes(take.array()?);
        let time_ms = take.u56()?.checked_sub(1);
        entries.push(Entry { stamp, key: SubmissionKey { id, body, time_ms } });
    }
    Ok(Window::from_parts(entries, horizon_ms, length))
}

pub(super) fn put_rules(put: &mut Put, rules: &Rules) {
    let order = |order| match order {
        SortOrder::Desc => 0,
        SortOrder::Asc => 1,
    };
    let operator = match rules.operator {
        Operator::Best => 0,
        Operator::Set => 1,
        Operator::Increment => 2,
    };
    put.u8(operator).u8(order(rules.sort_order)).u8(order(rules.subscore_order));
}

fn take_rules(take: &mut Take<'_>) -> Result<Rules, Garbled> {
    let order = |number| match number {
        0 => Ok(SortOrder::Desc),
        1 => Ok(SortOrder::Asc),
        _ => Err(Garbled("an unknown sort order")),
    };
    let operator = match take.u8()? {
        0 => Operator::Best,
        1 => Operator::Set,
        2 => Operator::Increment,
        _ => return Err(Garbled("an unknown operator")),
    };
    Ok(Rules { operator, sort_order: order(take.u8()?)?, subscore_order: order(take.u8()?)? })
}

/// A board as the functions keep it, but for the last field, which is theirs.
pub(super) fn put_board(state: &BoardState) -> Vec<u8> {
    let Leaderboard { rules, version, created, opened } = &state.leaderboard;
    let mut put = Put::default();
    put_rules(&mut put, rules);
    put.u32(*version).u56(created.raw()).u56(opened.raw()).position(state.position);
    put.0
}

/// A board as the functions tell it.
pub(super) fn take_board(bytes: &[u8]) -> Result<(Leaderboard, Position), Garbled> {
    let mut take = Take(bytes);
    let rules = take_rules(&mut take)?;
    let (version, created, opened) = (take.u32()?, take.stamp()?, take.stamp()?);
    Ok((Leaderboard { rules, version, created, opened }, take.position()?))
}

/// What is dirty: a record or a board.
#[derive(Debug)]
pub(super) enum Mark {
    Row(RecordKey),
    Board(LeaderboardId),
}

pub(super) fn mark_of_row(key: &RecordKey) -> Vec<u8> {
    let board = key.season.leaderboard.as_str().as_bytes();
    let mut put = Put::default();
    // An id has at most 128 bytes.
    put.u8(b'r').u32(key.season.version).u8(board.len() as u8).bytes(board);
    put.bytes(key.player.as_str().as_bytes());
    put.0
}

pub(super) fn mark_of_board(id: &LeaderboardId) -> Vec<u8> {
    [b"b", id.as_str().as_bytes()].concat()
}

pub(super) fn take_mark(bytes: &[u8]) -> Result<Mark, Garbled> {
    let mut take = Take(bytes);
    match take.u8()? {
        b'b' => Ok(Mark::Board(leaderboard_id(take.rest())?)),
        b'o' => {
            take.u32()?;
            Ok(Mark::Board(leaderboard_id(take.rest())?))
        }
        b'r' => {
            let version = take.u32()?;
            let length = take.u8()?.into();
            let season = Season { leaderboard: leaderboard_id(take.bytes(length)?)?, version };
            Ok(Mark::Row(RecordKey { season, player: player_id(take.rest())? }))
        }
        _ => Err(Garbled("an unknown mark")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(deleted: u64, live: bool) -> Record {
        let stamp = |raw| Stamp::from_raw(raw).unwrap_or_default();
        let live = live.then(|| Live {
            score: Score::ZERO,
            subscore: Score::ZERO,
            metadata: None,
            num_score: 1,
            created: stamp(3),
            reached: stamp(4),
        });
        let position = Position { era: 1, sequence: 5, index: 0 };
        Record { live, deleted: stamp(deleted), updated: stamp(5), position, window: Window::default() }
    }

    #[test]
    fn a_record_comes_back_whether_or_not_it_was_ever_deleted() {
        for record in [record(0, true), record(2, true), record(5, false)] {
            assert_eq!(take_record(&put_record(&record), 32), Ok(record));
        }
        assert_eq!(take_record(&[3; 60], 32), Err(Garbled("an unknown kind of record")));
    }

    #[test]
    fn a_plain_record_fills_64_bytes_with_what_redis_adds() {
        // A length, a capacity, a kind and a final zero: the header and the end of a string of up to 255 bytes.
        assert_eq!(put_record(&record(0, true)).len() + 4, 64);
    }
}
