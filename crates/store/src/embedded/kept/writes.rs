//! What is written, each in one transaction.

use std::collections::HashMap;

use hiscore_score::{OrderKey, Record, RecordKey, Rules, Stamp};
use redb::{ReadableTable, WriteTransaction};

use super::file::File;
use super::{BOARDS, DEPLOYMENT, LOG, META, ORDER, POSITIONS, RECORDS, SHARDS, TableError, keys};
use crate::contract::{Advanced, DeploymentInfo, Progress, ShardState, StoredLog, Writes, Written};

/// The deployment, made as `wanted` if there is none.
pub(super) fn deployment(file: &File, wanted: DeploymentInfo) -> Result<DeploymentInfo, TableError> {
    file.write(|transaction| {
        let mut meta = transaction.open_table(META)?;
        if let Some(there) = meta.get(DEPLOYMENT)? {
            return Ok(keys::get_deployment(there.value())?);
        }
        meta.insert(DEPLOYMENT, keys::put_deployment(&wanted).as_slice())?;
        Ok(wanted)
    })
}

/// Remembers a log if that of the generation `from` is remembered; `None`: there is no deployment.
pub(super) fn adopt_log(file: &File, from: Option<u32>, log: &StoredLog) -> Result<Option<bool>, TableError> {
    file.write(|transaction| {
        let mut meta = transaction.open_table(META)?;
        if meta.get(DEPLOYMENT)?.is_none() {
            return Ok(None);
        }
        let there = meta.get(LOG)?.map(|there| keys::get_log(there.value())).transpose()?;
        let fits = there.map(|there| there.generation) == from;
        if fits {
            meta.insert(LOG, keys::put_log(log).as_slice())?;
        }
        Ok(Some(fits))
    })
}

/// Changes the state of a shard; `change` says whether it did, and what is answered.
fn change<T>(
    file: &File,
    shard: u16,
    change: impl FnOnce(&mut ShardState) -> (bool, T),
) -> Result<T, TableError> {
    file.write(|transaction| {
        let mut shards = transaction.open_table(SHARDS)?;
        let there = shards.get(shard)?.map(|there| keys::get_shard(there.value()));
        let mut state = there.transpose()?.unwrap_or_default();
        let (changed, answer) = change(&mut state);
        if changed {
            shards.insert(shard, keys::put_shard(&state).as_slice())?;
        }
        Ok(answer)
    })
}

pub(super) fn open_epoch(
    file: &File,
    shard: u16,
    from: u32,
    wanted: &ShardState,
) -> Result<bool, TableError> {
    change(file, shard, |state| {
        let fits = state.epoch == from && state.bulk >= wanted.bulk;
        if fits {
            state.clone_from(wanted);
        }
        (fits, fits)
    })
}

pub(super) fn advance(
    file: &File,
    shard: u16,
    epoch: u32,
    expected: Progress,
    reached: Progress,
    stamp: Stamp,
    place: Option<(u64, Stamp)>,
) -> Result<Advanced, TableError> {
    change(file, shard, |state| {
        if state.epoch != epoch {
            return (false, Advanced::Fenced(state.clone()));
        }
        if state.is_behind(expected) {
            return (false, Advanced::WentBack(state.clone()));
        }
        state.watermark = state.watermark.max(reached.watermark);
        state.bulk = state.bulk.max(reached.bulk);
        state.stamp = state.stamp.max(stamp);
        if let (Some(log), Some(place)) = (&mut state.log, place) {
            log.advance(place);
        }
        (true, Advanced::Done)
    })
}

/// Writes states, under the guard.
pub(super) fn write(file: &File, writes: Writes<'_>) -> Result<Written, TableError> {
    if writes.rows.is_empty() && writes.boards.is_empty() {
        return Ok(Written::default());
    }
    file.write(|transaction| {
        let mut written = Written::default();
        let mut boards = transaction.open_table(BOARDS)?;
        for board in writes.boards {
            let there = boards.get(board.id.as_str())?;
            let there = there.map(|there| keys::get_stored(board.id.as_str(), there.value())).transpose()?;
            if there.is_some_and(|(_, there)| there.position >= board.position) {
                written.superseded += 1;
            } else {
                boards.insert(board.id.as_str(), keys::put_stored(writes.shard, board).as_slice())?;
            }
        }
        drop(boards);
        write_rows(transaction, &writes, &mut written)?;
        Ok(written)
    })
}

fn write_rows(
    transaction: &WriteTransaction,
    writes: &Writes<'_>,
    written: &mut Written,
) -> Result<(), TableError> {
    let boards = transaction.open_table(BOARDS)?;
    let mut records = transaction.open_table(RECORDS)?;
    let mut positions = transaction.open_table(POSITIONS)?;
    let mut order = transaction.open_table(ORDER)?;
    let mut known: HashMap<&str, Option<Rules>> = HashMap::new();
    for (at, (key, record)) in writes.rows.iter().enumerate() {
        let name = key.season.leaderboard.as_str();
        let rules = match known.get(name) {
            Some(rules) => *rules,
            None => {
                let board =
                    boards.get(name)?.map(|board| keys::get_stored(name, board.value())).transpose()?;
                let rules = board.map(|(_, board)| board.leaderboard.rules);
                known.insert(name, rules);
                rules
            }
        };
        let Some(rules) = rules else {
            written.failed_rows.push((at, "its leaderboard is not stored yet".to_owned()));
            continue;
        };
        let bytes = keys::record(key);
        let there = records.get(bytes.as_slice())?.map(|there| keys::get_row(there.value())).transpose()?;
        if let Some((shard, there)) = there {
            if there.position >= record.position {
                written.superseded += 1;
                continue;
            }
            positions.remove(keys::record_at(shard, there.position, &bytes).as_slice())?;
            if let Some(place) = place(key, &there, &rules) {
                order.remove(place.as_slice())?;
            }
        }
        records.insert(bytes.as_slice(), keys::put_row(writes.shard, record).as_slice())?;
        positions.insert(keys::record_at(writes.shard, record.position, &bytes).as_slice(), ())?;
        if let Some(place) = place(key, record, &rules) {
            order.insert(place.as_slice(), ())?;
        }
    }
    Ok(())
}

/// Where a record stands in the order, unless it is a tombstone.
fn place(key: &RecordKey, record: &Record, rules: &Rules) -> Option<Vec<u8>> {
    let standing = record.live.as_ref()?.standing(rules);
    Some(keys::place(&key.season, rules, &OrderKey { standing, player: key.player.clone() }))
}
