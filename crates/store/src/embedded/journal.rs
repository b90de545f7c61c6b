//! The journal: what makes a submission durable. One writer appends frames and syncs each before it is answered.
//!
//! A *segment* is a file of a fixed size, filled with zeros beforehand, so that appending needs no space and no
//! new metadata. It begins with a header and holds frames one behind another:
//!
//! ```text
//! header  magic "HISCOREJ", format u32, segment number u64, first sequence u64, end of the segment before u64,
//!         crc32 of all that                                                (little endian, padded to 64 bytes)
//! frame   length of the payload u32, crc32 of sequence and payload u32, sequence of its first entry u64,
//!         payload (entries, see codec), padding to 8 bytes
//! ```
//!
//! **A failed append is cut off by the next segment**: its header says where the segment before really ends, so
//! whatever a failed write or sync left behind there is not part of the journal. The file that failed is never
//! synced or written again. Only when that next segment cannot be made either is it unknown whether the append
//! survives a restart; until it can be made, everything else is refused.
//!
//! **Reading back**: every frame up to a segment's end must be whole. In the last segment the end is the first
//! frame that is not whole, since nothing behind it was ever acknowledged. If a whole frame follows nevertheless,
//! what is between was damaged after it was acknowledged, and the journal says so instead of cutting it off.
//! The process that wrote the last frame may have died before it was synced, with the system still holding it: so
//! it is written and synced again before anything is built on it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::bytes::Reader;
use super::codec::{JournalEntry, get_entry, put_entry};
use crate::disk::{Disk, DiskFile};

const MAGIC: &[u8; 8] = b"HISCOREJ";
const FORMAT: u32 = 1;
const HEADER: u64 = 64;
const FRAME_HEADER: usize = 16;
const SPARE: &str = "journal-spare";

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system says no.
    #[error("the journal cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Acknowledged entries are damaged or missing. Nothing was changed.
    #[error("the journal is damaged: {0}; restore the data folder from a backup")]
    Damaged(String),
    /// It was written by a newer hiscore. Nothing was changed.
    #[error("the journal has format {0}, this hiscore knows {FORMAT}: run the hiscore that wrote it")]
    UnknownFormat(u32),
}

/// Why entries were not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// They are surely not in the journal, also not after a restart.
    #[error("{0}")]
    Refused(String),
    /// They may be there after a restart.
    #[error("{0}")]
    Ambiguous(String),
}

/// Sizes, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Of one segment; a larger frame gets a segment of its own size.
    pub segment: u64,
    /// Of all segments together; beyond it, appends are refused until the funnel has caught up.
    pub limit: u64,
}

/// What the writer and the funnel both need to know of the segments.
#[derive(Debug)]
pub struct Segments {
    disk: Arc<dyn Disk>,
    sizes: Sizes,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    /// Full segments that may still hold something unpersisted, oldest first.
    sealed: VecDeque<Sealed>,
    /// The one that is written.
    current: u64,
    /// Bytes of all.
    bytes: u64,
}

#[derive(Debug)]
struct Sealed {
    number: u64,
    /// The sequence after its last entry.
    next: u64,
    size: u64,
}

/// The writing end: owned by the committer.
#[derive(Debug)]
pub struct Journal {
    segments: Arc<Segments>,
    /// `None` after a failure, until the next segment could be made.
    file: Option<Arc<dyn DiskFile>>,
    tail: Tail,
    /// The sequence of the next entry.
    next: u64,
    frame: Vec<u8>,
}

/// The last segment there is.
#[derive(Debug, Clone, Copy)]
struct Tail {
    /// Its number; 0 before the first.
    number: u64,
    /// Where its acknowledged frames end.
    end: u64,
    /// Its size.
    size: u64,
}

fn name(number: u64) -> String {
    format!("journal-{number:016x}")
}

fn number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("journal-")?, 16).ok()
}

/// Whether any of these files is a segment.
pub fn is_among(names: &[String]) -> bool {
    names.iter().any(|name| number(name).is_some())
}

impl Segments {
    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.list.lock().bytes
    }

    /// The oldest segment that holds something above `watermark`: what a restart would have to read from.
    pub fn needed_above(&self, watermark: u64) -> u64 {
        let list = self.list.lock();
        let sealed = list.sealed.iter().find(|sealed| sealed.next > watermark + 1);
        sealed.map_or(list.current, |sealed| sealed.number)
    }

    /// Removes the segments before `needed`, oldest first. What fails stays and is tried again next time.
    pub fn trim(&self, needed: u64) -> io::Result<()> {
        loop {
            let (number, size) = {
                let list = self.list.lock();
                match list.sealed.front() {
                    Some(oldest) if oldest.number < needed => (oldest.number, oldest.size),
                    _ => return Ok(()),
                }
            };
            match self.disk.remove(&name(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut list = self.list.lock();
            list.sealed.pop_front();
            list.bytes = list.bytes.saturating_sub(size);
        }
    }

    /// Makes a segment ready beforehand, so that the writer need not wait for one. Harmless if there is one.
    pub fn prepare_spare(&self) -> io::Result<()> {
        if self.disk.list()?.iter().any(|file| file == SPARE_READY) {
            return Ok(());
        }
        self.disk.create(SPARE, self.sizes.segment)?;
        self.disk.rename(SPARE, SPARE_READY)
    }
}

/// A spare that is whole; one being made has the other name.
const SPARE_READY: &str = "journal-spare-ready";

impl Journal {
    /// Reads what is there from segment `from` on, hands every entry with its sequence above `watermark` to
    /// `replay` in order, and opens a new segment behind it if there is room for one. `from` of 0 means that nothing
    /// was ever needed.
    pub fn recover(
        disk: Arc<dyn Disk>,
        sizes: Sizes,
        from: u64,
        watermark: u64,
        mut replay: impl FnMut(u64, JournalEntry) -> Result<(), String>,
    ) -> Result<(Self, Arc<Segments>), JournalError> {
        let found = Found::on(disk.as_ref(), from)?;
        if from != 0 && found.first().map(|segment| segment.number) != Some(from) {
            return Err(JournalError::Damaged(format!("segment {from} is missing")));
        }
        let mut list = List::default();
        let mut next = watermark + 1;
        let mut tail = Tail { number: from, end: HEADER, size: 0 };
        for (at, here) in found.iter().enumerate() {
            let expected = if at == 0 { here.first.min(watermark + 1) } else { next };
            if here.first != expected || (at > 0 && here.number != tail.number + 1) {
                return Err(JournalError::Damaged(format!(
                    "segment {} begins with sequence {}, but {expected} in segment {} is missing",
                    here.number,
                    here.first,
                    tail.number + 1
                )));
            }
            let segment = Segment::load(disk.as_ref(), here)?;
            let end = found.get(at + 1).map(|after| after.end_before);
            let read = segment.frames(end, here.first, |sequence, entry| {
                if sequence <= watermark { Ok(()) } else { replay(sequence, entry) }
            })?;
            next = read.next;
            tail = Tail { number: here.number, end: read.end, size: segment.bytes.len() as u64 };
            list.bytes += tail.size;
            if at + 1 < found.len() {
                list.sealed.push_back(Sealed { number: tail.number, next, size: tail.size });
            } else {
                segment.sync_tail(disk.as_ref(), &read)?;
            }
        }
        next = next.max(watermark + 1);
        list.current = tail.number;
        let segments = Arc::new(Segments { disk, sizes, list: Mutex::new(list) });
        let mut journal = Self { segments: Arc::clone(&segments), file: None, tail, next, frame: Vec::new() };
        journal.begin()?;
        Ok((journal, segments))
    }

    /// Opens the first segment of this process. One that there is no room for is not opened: what was
    /// acknowledged can be read all the same, and appends try again.
    fn begin(&mut self) -> io::Result<()> {
        let size = self.segments.sizes.segment;
        if let Err(refused) = self.check_limit(size) {
            tracing::warn!(%refused, "no new segment of the journal yet");
            return Ok(());
        }
        match self.open_segment(size) {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                tracing::warn!(%error, "no space for the journal's next segment; reading only until there is");
                Ok(())
            }
            opened => opened,
        }
    }

    /// The sequence that the next entry will get.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Appends `entries` as one frame and syncs it. On success they have the sequences from
    /// [`Journal::next_sequence`] on and survive any crash; they are all in or all out.
    pub fn append(&mut self, entries: &[JournalEntry]) -> Result<(), AppendError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.encode(entries).map_err(AppendError::Refused)?;
        let length = self.frame.len() as u64;
        if self.file.is_none() || self.tail.end + length > self.tail.size {
            let size = self.segments.sizes.segment.max(HEADER + length);
            self.check_limit(size)?;
            self.open_segment(size)
                .map_err(|error| AppendError::Refused(format!("no space for the journal: {error}")))?;
        }
        let Some(file) = &self.file else {
            return Err(AppendError::Refused("the journal has no segment".into()));
        };
        if let Err(error) = file.write_at(self.tail.end, &self.frame).and_then(|()| file.sync()) {
            return Err(self.cut_off(&error));
        }
        self.tail.end += length;
        self.next += entries.len() as u64;
        Ok(())
    }

    fn check_limit(&self, size: u64) -> Result<(), AppendError> {
        let (bytes, limit) = (self.segments.bytes(), self.segments.sizes.limit);
        if bytes + size > limit.max(2 * size) {
            return Err(AppendError::Refused(format!(
                "the journal holds {bytes} bytes that are not in the table yet, its limit is {limit}"
            )));
        }
        Ok(())
    }

    /// After a failed write or sync: leaves the file alone for good, and says in the next segment where it ends.
    fn cut_off(&mut self, error: &io::Error) -> AppendError {
        self.file = None;
        match self.open_segment(self.segments.sizes.segment) {
            Ok(()) => AppendError::Refused(format!("the journal could not be written: {error}")),
            Err(then) => AppendError::Ambiguous(format!(
                "the journal could not be written ({error}), nor the next segment made ({then})"
            )),
        }
    }

    /// Makes the next segment the one that is written; the present tail is sealed where it ends.
    fn open_segment(&mut self, size: u64) -> io::Result<()> {
        let number = self.tail.number + 1;
        let file = self.take_file(self.segments.disk.as_ref(), number, size)?;
        file.write_at(0, &header(number, self.next, self.tail.end))?;
        file.sync()?;
        let size = file.len()?;
        let mut list = self.segments.list.lock();
        if self.tail.size != 0 {
            list.sealed.push_back(Sealed { number: self.tail.number, next: self.next, size: self.tail.size });
        }
        list.current = number;
        list.bytes += size;
        drop(list);
        self.file = Some(file);
        self.tail = Tail { number, end: HEADER, size };
        Ok(())
    }

    /// The spare if it is there and large enough, else a new file.
    fn take_file(&self, disk: &dyn Disk, number: u64, size: u64) -> io::Result<Arc<dyn DiskFile>> {
        let name = name(number);
        if size == self.segments.sizes.segment && disk.rename(SPARE_READY, &name).is_ok() {
            let file = disk.open(&name)?;
            if file.len()? >= size {
                return Ok(file);
            }
        }
        disk.create(&name, size)
    }

    fn encode(&mut self, entries: &[JournalEntry]) -> Result<(), String> {
        self.frame.clear();
        self.frame.resize(FRAME_HEADER, 0);
        for entry in entries {
            put_entry(&mut self.frame, entry);
        }
        let length = self.frame.len() - FRAME_HEADER;
        let stored = u32::try_from(length).map_err(|_| "a batch of more than 4 GiB".to_owned())?;
        self.frame[8..16].copy_from_slice(&self.next.to_le_bytes());
        let crc = crc32fast::hash(&self.frame[8..]);
        self.frame[..4].copy_from_slice(&stored.to_le_bytes());
        self.frame[4..8].copy_from_slice(&crc.to_le_bytes());
        self.frame.resize(self.frame.len().next_multiple_of(8), 0);
        Ok(())
    }
}

fn header(number: u64, first: u64, previous_end: u64) -> Vec<u8> {
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
struct Found {
    number: u64,
    /// The sequence of its first entry.
    first: u64,
    /// Where the segment before it ends.
    end_before: u64,
}

impl Found {
    /// The segments on `disk` from `from` on, in order. What lies before is a trim that was cut short, and goes.
    fn on(disk: &dyn Disk, from: u64) -> Result<Vec<Self>, JournalError> {
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
    fn read(disk: &dyn Disk, number: u64) -> Result<Option<Self>, JournalError> {
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
struct Segment {
    number: u64,
    bytes: Vec<u8>,
}

struct ReadTo {
    /// The sequence after the last entry.
    next: u64,
    /// Where the last frame begins.
    last: u64,
    /// Where the frames end.
    end: u64,
}

impl Segment {
    fn load(disk: &dyn Disk, found: &Found) -> Result<Self, JournalError> {
        Ok(Self { number: found.number, bytes: read_all(disk, found.number)? })
    }

    /// Walks the frames to `end`, or in the last segment to the first that is not whole.
    fn frames(
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
    fn sync_tail(&self, disk: &dyn Disk, read: &ReadTo) -> io::Result<()> {
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
