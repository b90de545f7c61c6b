//! One segment: its name, its header, and how its frames are read back. The format is told at the head of the journal.

use std::io;

use super::JournalError;
use crate::disk::Disk;
use crate::embedded::bytes::Reader;
use crate::embedded::codec::{JournalEntry, get_entry};

const MAGIC: &[u8; 8] = b"HISCOREJ";
/// The format of segments and frames.
pub(super) const FORMAT: u32 = 1;
/// Bytes before the first frame.
pub(super) const HEADER: u64 = 64;
/// Bytes of a frame before its payload.
pub(super) const FRAME_HEADER: usize = 16;

pub(super) fn name(number: u64) -> String {
    format!("journal-{number:016x}")
}

pub(super) fn number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("journal-")?, 16).ok()
}

/// Whether any of these files is a segment.
pub(crate) fn is_among(names: &[String]) -> bool {
    names.iter().any(|name| number(name).is_some())
}

pub(super) fn header(number: u64, first: u64, previous_end: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER as usize);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&previous_end.to_le_bytes());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out.resize(HEADER as usize, 0);
    out
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// A segment as its header tells of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) number: u64,
    /// The sequence of its first entry.
    pub(super) first: u64,
    /// Where the segment before it ends.
    pub(super) end_before: u64,
}

impl Found {
    /// The segments on `disk` from `from` on, in order. What lies before is a trim that was cut short, and goes.
    pub(super) fn on(disk: &dyn Disk, from: u64) -> Result<Vec<Self>, JournalError> {
        let mut numbers: Vec<u64> = disk.list()?.iter().filter_map(|file| number(file)).collect();
        numbers.sort_unstable();
        let mut found = Vec::new();
        for (at, number) in numbers.iter().copied().enumerate() {
            if number < from {
                disk.remove(&name(number))?;
                continue;
            }
            match Self::read(disk, number)? {
                Some(segment) => found.push(segment),
                // Its maker died before the header was synced, and so before anything was written behind it.
                None if at + 1 == numbers.len() && is_unused(disk, number)? => disk.remove(&name(number))?,
                None => return Err(JournalError::Damaged(format!("the header of segment {number}"))),
            }
        }
        Ok(found)
    }

    /// `None` if the header is not whole.
    pub(super) fn read(disk: &dyn Disk, number: u64) -> Result<Option<Self>, JournalError> {
        let file = disk.open(&name(number))?;
        let mut bytes = [0; HEADER as usize];
        if file.len()? < HEADER {
            return Ok(None);
        }
        file.read_at(0, &mut bytes)?;
        if !bytes.starts_with(MAGIC) || u32_at(&bytes, 36) != Some(crc32fast::hash(&bytes[..36])) {
            return Ok(None);
        }
        match (u32_at(&bytes, 8), u64_at(&bytes, 12), u64_at(&bytes, 20), u64_at(&bytes, 28)) {
            (Some(FORMAT), Some(own), Some(first), Some(end_before)) if own == number => {
                Ok(Some(Self { number, first, end_before }))
            }
            (Some(FORMAT), ..) => {
                Err(JournalError::Damaged(format!("segment {number} has another number inside")))
            }
            (format, ..) => Err(JournalError::UnknownFormat(format.unwrap_or(0))),
        }
    }
}

/// Whether nothing was ever written behind the header.
fn is_unused(disk: &dyn Disk, number: u64) -> io::Result<bool> {
    let bytes = read_all(disk, number)?;
    Ok(bytes.iter().skip(HEADER as usize).all(|byte| *byte == 0))
}

fn read_all(disk: &dyn Disk, number: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(&name(number))?;
    let length = usize::try_from(file.len()?).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let mut bytes = vec![0; length];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

/// A segment in memory.
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct ReadTo {
    /// The sequence after the last entry.
    pub(super) next: u64,
    /// Where the last frame begins.
    last: u64,
    /// Where the frames end.
    pub(super) end: u64,
}

impl Segment {
    pub(super) fn load(disk: &dyn Disk, found: &Found) -> Result<Self, JournalError> {
        Ok(Self { number: found.number, bytes: read_all(disk, found.number)? })
    }

    /// Walks the frames to `end`, or in the last segment to the first that is not whole.
    pub(super) fn frames(
        &self,
        end: Option<u64>,
        mut next: u64,
        mut each: impl FnMut(u64, JournalEntry) -> Result<(), String>,
    ) -> Result<ReadTo, JournalError> {
        let mut at = HEADER as usize;
        let mut last = at;
        while end.is_none_or(|end| (at as u64) < end) {
            let Some((payload, after)) = self.frame(at, next) else {
                if let Some(end) = end {
                    return Err(self.damaged(at, &format!("acknowledged up to byte {end}")));
                }
                if let Some(later) = self.later_frame(at, next) {
                    return Err(self.damaged(at, &format!("a whole frame follows at byte {later}")));
                }
                break;
            };
            let mut reader = Reader::new(payload);
            while !reader.is_empty() {
                let entry = get_entry(&mut reader).map_err(|error| self.damaged(at, &error.to_string()))?;
                each(next, entry).map_err(|error| self.damaged(at, &error))?;
                next += 1;
            }
            (last, at) = (at, after);
        }
        Ok(ReadTo { next, last: last as u64, end: at as u64 })
    }

    /// Makes durable what was read but perhaps never synced: the header and the last frame, since a frame is only
    /// written when the one before is durable. Written anew, because a sync after one that failed means nothing
    /// for bytes that the system believes to be clean.
    pub(super) fn sync_tail(&self, disk: &dyn Disk, read: &ReadTo) -> io::Result<()> {
        let file = disk.open(&name(self.number))?;
        file.write_at(0, &self.bytes[..HEADER as usize])?;
        file.write_at(read.last, &self.bytes[read.last as usize..read.end as usize])?;
        file.sync()
    }

    fn damaged(&self, at: usize, what: &str) -> JournalError {
        JournalError::Damaged(format!("segment {}, byte {at}: {what}", self.number))
    }

    /// The payload of the whole frame at `at` whose first sequence is `next`, and where the next frame begins.
    fn frame(&self, at: usize, next: u64) -> Option<(&[u8], usize)> {
        let (payload, sequence, after) = self.any_frame(at)?;
        (sequence == next).then_some((payload, after))
    }

    fn any_frame(&self, at: usize) -> Option<(&[u8], u64, usize)> {
        let length = u32_at(&self.bytes, at)? as usize;
        let crc = u32_at(&self.bytes, at + 4)?;
        let sequence = u64_at(&self.bytes, at + 8)?;
        let end = (at + FRAME_HEADER).checked_add(length)?;
        let covered = self.bytes.get(at + 8..end)?;
        if length == 0 || crc32fast::hash(covered) != crc {
            return None;
        }
        Some((&covered[8..], sequence, end.next_multiple_of(8)))
    }

    /// A whole frame behind the first that is not, of the same history: only possible if that one was damaged.
    fn later_frame(&self, at: usize, next: u64) -> Option<usize> {
        let starts = (at + 8..self.bytes.len().saturating_sub(FRAME_HEADER)).step_by(8);
        // Cheap tests first: nearly all of what is scanned here is zeros.
        starts.into_iter().find(|start| {
            u32_at(&self.bytes, *start).is_some_and(|length| length != 0)
                && u64_at(&self.bytes, start + 8).is_some_and(|sequence| sequence > next)
                && self.any_frame(*start).is_some()
        })
    }
}
