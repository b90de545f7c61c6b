//! What is read, each as of one moment.

use std::ops::{Bound, Range};

use hiscore_score::{OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season};
use redb::{AccessGuard, ReadOnlyTable, ReadableTable, StorageError};

use super::super::bytes::Corrupt;
use super::file::File;
use super::{BOARDS, LOG, META, ORDER, POSITIONS, RECORDS, SHARDS, TableError, keys};
use crate::contract::{From, ShardState, StoredBoard, StoredLog};

/// What an iterator over a table of keys of bytes yields.
type Entry<'a, V> = Result<(AccessGuard<'a, &'static [u8]>, AccessGuard<'a, V>), StorageError>;
type Records = ReadOnlyTable<&'static [u8], &'static [u8]>;

pub(super) fn shard(file: &File, shard: u16) -> Result<ShardState, TableError> {
    file.read(|transaction| {
        let there = transaction.open_table(SHARDS)?.get(shard)?;
        Ok(there.map(|there| keys::get_shard(there.value())).transpose()?.unwrap_or_default())
    })
}

pub(super) fn log(file: &File) -> Result<Option<StoredLog>, TableError> {
    file.read(|transaction| {
        let there = transaction.open_table(META)?.get(LOG)?;
        Ok(there.map(|there| keys::get_log(there.value())).transpose()?)
    })
}

pub(super) fn boards(file: &File, shard: Option<u16>) -> Result<Vec<StoredBoard>, TableError> {
    file.read(|transaction| {
        let mut found = Vec::new();
        for board in transaction.open_table(BOARDS)?.iter()? {
            let (id, board) = board?;
            let (of, board) = keys::get_stored(id.value(), board.value())?;
            if shard.is_none_or(|shard| shard == of) {
                found.push(board);
            }
        }
        Ok(found)
    })
}

/// The record that an index points to.
fn pointed(records: &Records, key: &[u8]) -> Result<(RecordKey, Record), TableError> {
    let row = records.get(key)?.ok_or(Corrupt("an index points to a record that is not there"))?;
    Ok((keys::get_record_key(key)?, keys::get_row(row.value())?.1))
}

pub(super) fn between(
    file: &File,
    shard: u16,
    range: &Range<Position>,
    after: Option<&(Position, RecordKey)>,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, TableError> {
    let end = keys::position(shard, range.end);
    let mut start = Bound::Included(keys::position(shard, range.start));
    if let Some((position, key)) = after.filter(|(position, _)| *position >= range.start) {
        start = Bound::Excluded(keys::record_at(shard, *position, &keys::record(key)));
    }
    let (Bound::Included(first) | Bound::Excluded(first)) = &start else { return Ok(Vec::new()) };
    if *first >= end {
        return Ok(Vec::new());
    }
    file.read(|transaction| {
        let records = transaction.open_table(RECORDS)?;
        let bounds = (start.as_ref().map(Vec::as_slice), Bound::Excluded(end.as_slice()));
        let positions = transaction.open_table(POSITIONS)?.range::<&[u8]>(bounds)?;
        positions.take(limit).map(|at| pointed(&records, keys::key_at(at?.0.value())?)).collect()
    })
}

pub(super) fn get(file: &File, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, TableError> {
    file.read(|transaction| {
        let records = transaction.open_table(RECORDS)?;
        let one = |key| {
            let row = records.get(keys::record(key).as_slice())?;
            Ok(row.map(|row| keys::get_row(row.value())).transpose()?.map(|(_, record)| record))
        };
        keys.iter().map(one).collect()
    })
}

pub(super) fn scan(
    file: &File,
    after: Option<&RecordKey>,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, TableError> {
    let after = after.map(keys::record);
    file.read(|transaction| {
        let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = transaction.open_table(RECORDS)?.range::<&[u8]>((start, Bound::Unbounded))?;
        let row = |row: Entry<'_, &'static [u8]>| {
            let (key, row) = row?;
            Ok((keys::get_record_key(key.value())?, keys::get_row(row.value())?.1))
        };
        rows.take(limit).map(row).collect()
    })
}

pub(super) fn count(file: &File, season: &Season) -> Result<u64, TableError> {
    count_range(file, &keys::season(season), &keys::season_end(season))
}

pub(super) fn before(
    file: &File,
    season: &Season,
    rules: &Rules,
    place: &OrderKey,
) -> Result<u64, TableError> {
    count_range(file, &keys::season(season), &keys::place(season, rules, place))
}

/// Counts by walking: redb does not know how many keys stand between two.
fn count_range(file: &File, start: &[u8], end: &[u8]) -> Result<u64, TableError> {
    file.read(|transaction| {
        let mut count = 0;
        for at in transaction.open_table(ORDER)?.range(start..end)? {
            at?;
            count += 1;
        }
        Ok(count)
    })
}

pub(super) fn walk(
    file: &File,
    season: &Season,
    rules: &Rules,
    from: &From,
    limit: usize,
) -> Result<Vec<(PlayerId, Record)>, TableError> {
    let prefix = keys::season(season);
    let (mut start, mut end) = (Bound::Included(prefix.clone()), keys::season_end(season));
    let mut skip = 0;
    match from {
        From::Skip(rows) => skip = usize::try_from(*rows).unwrap_or(usize::MAX),
        From::After(place) => start = Bound::Excluded(keys::place(season, rules, place)),
        From::Before(place) => end = keys::place(season, rules, place),
    }
    file.read(|transaction| {
        let records = transaction.open_table(RECORDS)?;
        let bounds = (start.as_ref().map(Vec::as_slice), Bound::Excluded(end.as_slice()));
        let order = transaction.open_table(ORDER)?.range::<&[u8]>(bounds)?;
        let row = |at: Entry<'_, ()>| {
            let at = at?.0;
            let key = [prefix.as_slice(), keys::player_at(at.value(), prefix.len())?].concat();
            let (key, record) = pointed(&records, &key)?;
            Ok((key.player, record))
        };
        if matches!(from, From::Before(_)) {
            let mut rows: Vec<_> = order.rev().take(limit).map(row).collect::<Result<_, TableError>>()?;
            rows.reverse();
            return Ok(rows);
        }
        order.skip(skip).take(limit).map(row).collect()
    })
}
