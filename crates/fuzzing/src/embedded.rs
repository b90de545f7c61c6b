//! The embedded store: segments of the journal, and the rows of its tables. The first byte says which.

use std::fmt::Debug;
use std::sync::Arc;

use hiscore_faults::SimDisk;
use hiscore_score::VersionId;
use hiscore_store::Disk;
use hiscore_store::embedded::bytes::Reader;
use hiscore_store::embedded::codec::{
    get_board, get_entry, get_record, put_board, put_entry, put_record, row_key,
};
use hiscore_store::embedded::{Journal, JournalEntry, JournalError, RowKey, Sizes};

use crate::measured;

/// Where the first frame of a segment begins.
const HEADER: usize = 64;
/// An entry of the journal has at least 3 bytes and takes some 200 in memory.
const TIMES: u64 = 128;
/// The length of windows.
const WINDOW: usize = 32;

/// What is read is written again to the same meaning; a journal that is read is read again as the same.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 7 {
        0 => journal(bytes),
        1 => journal(&frame(1, bytes)),
        2 => {
            // As many frames as the first says bytes, and the end of the last is missing.
            let mut all = frame(1, bytes);
            all.extend_from_slice(&frame(2, bytes));
            all.truncate(all.len() - bytes.len().min(9));
            journal(&all);
        }
        3 => again(bytes, |bytes| get_record(bytes, WINDOW), |record| written(|out| put_record(out, record))),
        4 => again(bytes, |bytes| get_board("b", bytes), |board| written(|out| put_board(out, board))),
        5 => again(bytes, entries, |entries| {
            written(|out| entries.iter().for_each(|entry| put_entry(out, entry)))
        }),
        _ => hiscore_store::embedded::kept::fuzzing::check(bytes),
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn again<T: PartialEq + Debug, E: PartialEq + Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T, E>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(value) = measured(bytes, TIMES, || read(bytes)) {
        assert_eq!(read(&write(&value)).as_ref(), Ok(&value));
    }
}

fn entries(bytes: &[u8]) -> Result<Vec<JournalEntry>, hiscore_store::embedded::bytes::Corrupt> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        entries.push(get_entry(&mut reader)?);
    }
    for entry in &entries {
        if let hiscore_store::embedded::Change::Submit { key: RowKey { board, version, player }, .. } =
            &entry.change
        {
            let key = RowKey { board: *board, version: VersionId::from(*version), player: player.clone() };
            assert_eq!(hiscore_store::embedded::codec::player_of(&row_key(&key)).as_ref(), Ok(player));
        }
    }
    Ok(entries)
}

/// A whole frame around a payload.
fn frame(sequence: u64, payload: &[u8]) -> Vec<u8> {
    let covered = [&sequence.to_le_bytes(), payload].concat();
    let mut out = (payload.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&crc32fast::hash(&covered).to_le_bytes());
    out.extend_from_slice(&covered);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

type Read = Result<Vec<(u64, JournalEntry)>, JournalError>;

fn recover(disk: &SimDisk, segment: u64) -> (Read, Option<Journal>) {
    let mut entries = Vec::new();
    let sizes = Sizes { segment, limit: 1 << 30 };
    let journal = Journal::recover(Arc::new(disk.clone()), sizes, 0, 0, |sequence, entry| {
        entries.push((sequence, entry));
        Ok(())
    });
    match journal {
        Ok((journal, _)) => (Ok(entries), Some(journal)),
        Err(error) => (Err(error), None),
    }
}

/// A segment with these bytes behind a header that is right.
fn journal(bytes: &[u8]) {
    let disk = SimDisk::new();
    let segment = (HEADER + bytes.len() + 64).next_multiple_of(1024) as u64;
    let (_, journal) = recover(&disk, segment);
    drop(journal);
    let name = disk.list().unwrap().into_iter().find(|name| name.starts_with("journal-")).expect("a segment");
    disk.open(&name).unwrap().write_at(HEADER as u64, bytes).unwrap();
    let (read, journal) = recover(&disk, segment);
    let Ok(entries) = read else { return };
    drop(journal);
    assert_eq!(recover(&disk, segment).0.unwrap(), entries, "read again");
    let copy = SimDisk::new();
    let (_, journal) = recover(&copy, segment);
    let only: Vec<JournalEntry> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    journal.unwrap().append(&only).unwrap();
    assert_eq!(recover(&copy, segment).0.unwrap(), entries, "written again");
}
