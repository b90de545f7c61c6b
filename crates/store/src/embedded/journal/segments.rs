//! The segments there are: what the writer adds to and the funnel takes from.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Sizes;
use super::segment::name;
use crate::disk::Disk;

/// A spare that is being made.
const SPARE: &str = "journal-spare";
/// A spare that is whole; one being made has the other name.
pub(super) const SPARE_READY: &str = "journal-spare-ready";
/// Bytes of full segments that a restart reads and replays in a second or two.
const LONG_READING: u64 = 64 << 20;

/// What the writer and the funnel both need to know of the segments.
#[derive(Debug)]
pub struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) sizes: Sizes,
    pub(super) list: Mutex<List>,
}

#[derive(Debug, Default)]
pub(super) struct List {
    /// Full segments that may still hold something unpersisted, oldest first.
    pub(super) sealed: VecDeque<Sealed>,
    /// The one that is written.
    pub(super) current: u64,
    /// Bytes of all.
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) number: u64,
    /// The sequence after its last entry.
    pub(super) next: u64,
    pub(super) size: u64,
}

impl Segments {
    pub(super) fn new(disk: Arc<dyn Disk>, sizes: Sizes, list: List) -> Self {
        Self { disk, sizes, list: Mutex::new(list) }
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.list.lock().bytes
    }

    /// Whether there is more than a restart should have to read, or more than half of the limit is taken, and letting go of
    /// some segments would help.
    pub(crate) fn is_crowded(&self) -> bool {
        let list = self.list.lock();
        let sealed: u64 = list.sealed.iter().map(|sealed| sealed.size).sum();
        sealed > 0 && (sealed >= LONG_READING || list.bytes > self.sizes.limit / 2)
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
