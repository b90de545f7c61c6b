//! The bytes of keys, which sort as what they stand for, and of the values that are nowhere else.

use hiscore_score::{LeaderboardId, OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp};

use super::super::bytes::{Corrupt, Reader, put_bytes, put_u64};
use super::super::codec::{BoardRow, get_board, get_record, put_board, put_record};
use crate::contract::{DeploymentInfo, LogPlace, ShardState, StoredBoard, StoredLog, Stray};
use crate::order::columns;

/// The format of shards, the deployment and its log.
const FORMAT: u8 = 1;
/// The format of a shard that joined a log: who knows no logs refuses it, rather than forget the place.
const LOGGED: u8 = 2;
/// The format of a shard that knows the number of its last bulk, and says whether it joined a log.
const NUMBERED: u8 = 3;
/// Above every byte of a name, and above the first of a column of the order.
const LAST: u8 = 0xff;

/// What the keys of a season begin with. A name has no NUL, so one that another begins with sorts before it.
pub(super) fn season(season: &Season) -> Vec<u8> {
    let mut out = season.leaderboard.as_str().as_bytes().to_vec();
    out.push(0);
    out.extend_from_slice(&season.version.to_be_bytes());
    out
}

/// What no key of a season is above.
pub(super) fn season_end(of: &Season) -> Vec<u8> {
    let mut out = season(of);
    out.push(LAST);
    out
}

pub(super) fn record(key: &RecordKey) -> Vec<u8> {
    let mut out = season(&key.season);
    out.extend_from_slice(key.player.as_str().as_bytes());
    out
}

pub(super) fn get_record_key(bytes: &[u8]) -> Result<RecordKey, Corrupt> {
    const WRONG: Corrupt = Corrupt("a record's key");
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(WRONG)?;
    let (leaderboard, rest) = bytes.split_at(end);
    let (version, player) = rest[1..].split_first_chunk().ok_or(WRONG)?;
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| WRONG);
    let leaderboard = LeaderboardId::new(text(leaderboard)?).map_err(|_| WRONG)?;
    let season = Season { leaderboard, version: u32::from_be_bytes(*version) };
    Ok(RecordKey { season, player: PlayerId::new(text(player)?).map_err(|_| WRONG)? })
}

/// What the keys of a position begin with.
pub(super) fn position(shard: u16, position: Position) -> Vec<u8> {
    let mut out = shard.to_be_bytes().to_vec();
    out.extend_from_slice(&position.era.to_be_bytes());
    out.extend_from_slice(&position.sequence.to_be_bytes());
    out.extend_from_slice(&position.index.to_be_bytes());
    out
}

pub(super) fn record_at(shard: u16, at: Position, key: &[u8]) -> Vec<u8> {
    let mut out = position(shard, at);
    out.extend_from_slice(key);
    out
}

/// The record's key in a key of a position.
pub(super) fn key_at(bytes: &[u8]) -> Result<&[u8], Corrupt> {
    bytes.get(18..).ok_or(Corrupt("a key of a position"))
}

/// A place in the order of a season.
pub(super) fn place(of: &Season, rules: &Rules, place: &OrderKey) -> Vec<u8> {
    let (score, subscore, reached) = columns(&place.standing, rules);
    let mut out = season(of);
    for column in [score, subscore] {
        // With the sign turned round, negative numbers sort first.
        out.extend_from_slice(&(column.cast_unsigned() ^ 1 << 63).to_be_bytes());
    }
    out.extend_from_slice(&reached.to_be_bytes());
    out.extend_from_slice(place.player.as_str().as_bytes());
    out
}

/// The player in a key of the order of a season, whose own keys begin with `season` bytes.
pub(super) fn player_at(bytes: &[u8], season: usize) -> Result<&[u8], Corrupt> {
    bytes.get(season + 24..).ok_or(Corrupt("a key of the order"))
}

pub(super) fn put_row(shard: u16, record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, u64::from(shard));
    put_record(&mut out, record);
    out
}

pub(super) fn get_row(bytes: &[u8]) -> Result<(u16, Record), Corrupt> {
    let mut reader = Reader::new(bytes);
    let shard = get_shard_number(&mut reader)?;
    // The window was cut when it was made.
    Ok((shard, get_record(reader.rest(), usize::MAX)?))
}

fn get_shard_number(reader: &mut Reader<'_>) -> Result<u16, Corrupt> {
    u16::try_from(reader.u64()?).map_err(|_| Corrupt("the number of a shard"))
}

/// A board is stored as in the table, with the shard as its number, and what its position has more than a sequence.
pub(super) fn put_stored(shard: u16, board: &StoredBoard) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, u64::from(board.position.era));
    put_u64(&mut out, u64::from(board.position.index));
    let row = BoardRow {
        number: shard.into(),
        id: board.id.clone(),
        leaderboard: board.leaderboard,
        sequence: board.position.sequence,
    };
    put_board(&mut out, &row);
    out
}

pub(super) fn get_stored(id: &str, bytes: &[u8]) -> Result<(u16, StoredBoard), Corrupt> {
    let mut reader = Reader::new(bytes);
    let (era, index) = (reader.u32()?, reader.u32()?);
    let row = get_board(id, reader.rest())?;
    let shard = u16::try_from(row.number).map_err(|_| Corrupt("the number of a shard"))?;
    let position = Position { era, sequence: row.sequence, index };
    Ok((shard, StoredBoard { id: row.id, leaderboard: row.leaderboard, position }))
}

pub(super) fn put_shard(state: &ShardState) -> Vec<u8> {
    let mut out = Vec::new();
    if state.bulk > 0 {
        out.push(NUMBERED);
        put_u64(&mut out, state.bulk);
    }
    // Behind the number all is as it was before there were any.
    out.push(if state.log.is_some() { LOGGED } else { FORMAT });
    put_u64(&mut out, u64::from(state.epoch));
    put_u64(&mut out, state.watermark);
    put_u64(&mut out, state.stamp.raw());
    if let Some(log) = &state.log {
        put_u64(&mut out, u64::from(log.generation));
        put_u64(&mut out, u64::from(log.era));
        put_u64(&mut out, u64::from(log.offset.is_some()));
        put_u64(&mut out, log.offset.unwrap_or(0));
        put_u64(&mut out, log.stamp.raw());
    }
    for stray in &state.strays {
        put_u64(&mut out, u64::from(stray.epoch));
        put_u64(&mut out, stray.above);
    }
    out
}

pub(super) fn get_shard(bytes: &[u8]) -> Result<ShardState, Corrupt> {
    let (mut format, mut reader) = known(bytes, NUMBERED)?;
    let mut bulk = 0;
    if format == NUMBERED {
        bulk = reader.u64()?;
        (format, reader) = known(reader.rest(), LOGGED)?;
    }
    let (epoch, watermark, stamp) = (reader.u32()?, reader.u64()?, get_stamp(&mut reader)?);
    let log = if format == LOGGED { Some(get_place(&mut reader)?) } else { None };
    let mut strays = Vec::new();
    while !reader.is_empty() {
        strays.push(Stray { epoch: reader.u32()?, above: reader.u64()? });
    }
    Ok(ShardState { epoch, watermark, bulk, stamp, strays, log })
}

fn get_place(reader: &mut Reader<'_>) -> Result<LogPlace, Corrupt> {
    let (generation, era) = (reader.u32()?, reader.u32()?);
    let (begun, offset) = (reader.u64()? != 0, reader.u64()?);
    Ok(LogPlace { generation, era, offset: begun.then_some(offset), stamp: get_stamp(reader)? })
}

fn get_stamp(reader: &mut Reader<'_>) -> Result<Stamp, Corrupt> {
    Stamp::from_raw(reader.u64()?).ok_or(Corrupt("a stamp"))
}

pub(super) fn put_log(log: &StoredLog) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_u64(&mut out, u64::from(log.generation));
    put_bytes(&mut out, log.id.as_bytes());
    out
}

pub(super) fn get_log(bytes: &[u8]) -> Result<StoredLog, Corrupt> {
    let (_, mut reader) = known(bytes, FORMAT)?;
    let log = StoredLog { generation: reader.u32()?, id: reader.text()?.to_owned() };
    reader.end()?;
    Ok(log)
}

pub(super) fn put_deployment(info: &DeploymentInfo) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_bytes(&mut out, info.id.as_bytes());
    put_u64(&mut out, u64::from(info.shards));
    put_u64(&mut out, info.window as u64);
    out.extend_from_slice(&info.secret);
    out
}

pub(super) fn get_deployment(bytes: &[u8]) -> Result<DeploymentInfo, Corrupt> {
    let (_, mut reader) = known(bytes, FORMAT)?;
    let id = reader.text()?.to_owned();
    let shards = get_shard_number(&mut reader)?;
    let window = usize::try_from(reader.u64()?).map_err(|_| Corrupt("the length of a window"))?;
    let mut secret = [0; 32];
    secret.copy_from_slice(reader.take(32)?);
    reader.end()?;
    Ok(DeploymentInfo { id, shards, window, secret })
}

/// Reads a format that is not above `last`, and goes on.
fn known(bytes: &[u8], last: u8) -> Result<(u8, Reader<'_>), Corrupt> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        format if (FORMAT..=last).contains(&format) => Ok((format, reader)),
        _ => Err(Corrupt("of an unknown format: written by a newer hiscore?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (get_record_key(&bytes), get_row(&bytes), get_stored("b", &bytes), get_shard(&bytes));
            let _ = (get_deployment(&bytes), get_log(&bytes), key_at(&bytes), player_at(&bytes, 3));
        }

        #[test]
        fn keys_sort_as_what_they_stand_for(a in key(), b in key()) {
            prop_assert_eq!(record(&a).cmp(&record(&b)), a.cmp(&b));
            prop_assert_eq!(get_record_key(&record(&a)), Ok(a.clone()));
            prop_assert!(record(&a) < season_end(&a.season));
        }
    }

    /// A shard in a folder that was made before there were logs, one that joined a log, and both with bulks that have numbers.
    #[test]
    fn shards_of_all_formats() {
        let before = [1, 3, 0x85, 1, 9, 2, 20];
        let stamp = Stamp::from_raw(9).unwrap();
        let strays = vec![Stray { epoch: 2, above: 20 }];
        let mut state = ShardState { epoch: 3, watermark: 133, bulk: 0, stamp, strays, log: None };
        assert_eq!(put_shard(&state), before);
        assert_eq!(get_shard(&before), Ok(state.clone()));
        for offset in [None, Some(0), Some(u64::MAX)] {
            for (bulk, format) in [(0, LOGGED), (7, NUMBERED), (u64::MAX, NUMBERED)] {
                state.bulk = bulk;
                state.log = Some(LogPlace { generation: 1, era: 3, offset, stamp });
                let bytes = put_shard(&state);
                assert_eq!(bytes[0], format);
                assert_eq!(get_shard(&bytes), Ok(state.clone()));
            }
        }
        state.log = None;
        assert_eq!(get_shard(&put_shard(&state)), Ok(state.clone()));
        assert!(get_shard(&[NUMBERED + 1, 3, 0, 0]).is_err(), "of the next format");
        assert!(get_shard(&[NUMBERED, NUMBERED, 0, 0, 0, 0]).is_err(), "a number before a number");
    }

    fn key() -> impl Strategy<Value = RecordKey> {
        ("[ab日]{1,3}", prop_oneof![0..3u32, any::<u32>()], "[ab 日]{1,3}").prop_map(
            |(board, version, player)| {
                let season = Season { leaderboard: LeaderboardId::new(&board).unwrap(), version };
                RecordKey { season, player: PlayerId::new(&player).unwrap() }
            },
        )
    }
}
