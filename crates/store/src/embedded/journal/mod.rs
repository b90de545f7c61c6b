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
//! synced or written again, nor is one whose successor got a header, even if that could not be synced. Only when
//! that next segment cannot be made either is it unknown whether the append survives a restart; until it can be
//! made, everything else is refused.
//!
//! **Reading back**: every frame up to a segment's end must be whole. In the last segment the end is the first
//! frame that is not whole, since nothing behind it was ever acknowledged. If a whole frame follows nevertheless,
//! what is between was damaged after it was acknowledged, and the journal says so instead of cutting it off.
//! The process that wrote the last frame may have died before it was synced, with the system still holding it: so
//! it is written and synced again before anything is built on it.

mod segment;
mod segments;

use std::io;
use std::sync::Arc;

use super::codec::{JournalEntry, put_entry};
use crate::disk::{Disk, DiskFile};
pub(super) use segment::is_among;
use segment::{FORMAT, FRAME_HEADER, Found, HEADER, Segment, header, name};
pub use segments::Segments;
use segments::{List, SPARE_READY, Sealed};

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
        // Before a segment is judged by what the next one says of it.
        if let Some(pair) = found.windows(2).find(|pair| pair[1].number != pair[0].number + 1) {
            return Err(JournalError::Damaged(format!("segment {} is missing", pair[0].number + 1)));
        }
        let mut list = List::default();
        let mut next = watermark + 1;
        let mut tail = Tail { number: from, end: HEADER, size: 0 };
        for (at, here) in found.iter().enumerate() {
            let expected = if at == 0 { here.first.min(watermark + 1) } else { next };
            if here.first != expected {
                return Err(JournalError::Damaged(format!(
                    "segment {} begins with sequence {}, but {expected} is missing",
                    here.number, here.first
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
        if next <= watermark {
            return Err(JournalError::Damaged(format!(
                "segment {} ends with sequence {}, but the table has {watermark}",
                tail.number,
                next - 1
            )));
        }
        list.current = tail.number;
        let segments = Arc::new(Segments::new(disk, sizes, list));
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
        // Its header may survive a crash from here on, also if this fails, and says where the present segment ends: nothing
        // may be acknowledged behind that.
        self.file = None;
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
