//! A disk in memory that can lose power, run out of space, and fail at any operation.
//!
//! It keeps what a real one keeps: bytes that were synced, and the writes since, of which a crash lets each survive
//! whole, in part (sector by sector) or not at all, in any combination.

use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind};
use std::sync::Arc;

use hiscore_store::{Disk, DiskFile};
use parking_lot::Mutex;

use crate::random::Random;

/// What a drive writes whole or not at all.
const SECTOR: usize = 512;

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, FileState>,
    next_file: u64,
    /// Operations that change something, so far.
    operations: u64,
    /// The operation that fails, and all after it, as if the power were gone.
    dies_at: Option<u64>,
    /// Bytes there are; `None`: no bound.
    capacity: Option<u64>,
    /// Syncs that fail from now on, though the writes may be there.
    failing_syncs: u64,
}

#[derive(Debug, Default, Clone)]
struct FileState {
    durable: Vec<u8>,
    live: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: u64,
}

impl Pending {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => bytes.resize(*len as usize, 0),
            Self::Write(at, data) => {
                let (at, end) = (*at as usize, *at as usize + data.len());
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[at..end].copy_from_slice(data);
            }
        }
    }

    /// What a crash leaves of it.
    fn torn(&self, random: &mut Random) -> Vec<Self> {
        match self {
            _ if random.one_in(3) => Vec::new(),
            Self::Write(at, data) if random.one_in(2) => {
                let sectors = data.chunks(SECTOR).enumerate();
                let kept = sectors.filter(|_| !random.one_in(2));
                kept.map(|(n, sector)| Self::Write(at + (n * SECTOR) as u64, sector.to_vec())).collect()
            }
            whole => vec![whole.clone()],
        }
    }
}

impl State {
    /// Counts an operation, and fails it if the power is gone.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.dies_at.is_some_and(|at| self.operations >= at) {
            return Err(Error::other("the power is gone"));
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names.values().filter_map(|id| self.files.get(id)).map(|file| file.live.len() as u64).sum()
    }

    fn room_for(&self, more: u64) -> io::Result<()> {
        if self.capacity.is_some_and(|capacity| self.used() + more > capacity) {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn file(&mut self, id: u64) -> io::Result<&mut FileState> {
        self.files.get_mut(&id).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn id(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations changed something.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Lets the power go at the `operation`-th operation from now on, counted from 1.
    pub fn die_at(&self, operation: u64) {
        let mut state = self.0.lock();
        state.dies_at = Some(state.operations + operation);
    }

    /// Lets operations succeed again: it was only a process that died. What it had written and not synced is still
    /// on its way, as it is in a real system's page cache.
    pub fn revive(&self) {
        self.0.lock().dies_at = None;
    }

    /// Bounds the bytes there are; `None`: no bound.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.0.lock().capacity = capacity;
    }

    /// Bytes in files.
    pub fn used(&self) -> u64 {
        self.0.lock().used()
    }

    /// Lets the next `n` syncs fail. The writes before them may be durable all the same.
    pub fn fail_syncs(&self, n: u64) {
        self.0.lock().failing_syncs = n;
    }

    /// Flips the bits of one byte of a file, synced.
    pub fn damage(&self, name: &str, at: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        let id = state.id(name)?;
        let file = state.file(id)?;
        for bytes in [&mut file.durable, &mut file.live] {
            if let Some(byte) = bytes.get_mut(at as usize) {
                *byte ^= 0xff;
            }
        }
        Ok(())
    }

    /// What is there after the power came back: all that was synced, and whatever else `random` lets survive.
    pub fn crash(&self, random: &mut Random) -> Self {
        let state = self.0.lock();
        let mut after = State { names: state.names.clone(), next_file: state.next_file, ..State::default() };
        for id in state.names.values() {
            let Some(file) = state.files.get(id) else { continue };
            let mut bytes = file.durable.clone();
            for pending in &file.pending {
                pending.torn(random).iter().for_each(|kept| kept.apply(&mut bytes));
            }
            let survived = FileState { durable: bytes.clone(), live: bytes, pending: Vec::new() };
            after.files.insert(*id, survived);
        }
        Self(Arc::new(Mutex::new(after)))
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().names.keys().cloned().collect())
    }

    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.operate()?;
        state.names.remove(name);
        state.room_for(len)?;
        state.next_file += 1;
        let id = state.next_file;
        let bytes = vec![0; len as usize];
        state.files.insert(id, FileState { durable: bytes.clone(), live: bytes, pending: Vec::new() });
        state.names.insert(name.to_owned(), id);
        Ok(Arc::new(SimFile { disk: self.clone(), id }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.0.lock().id(name)?;
        Ok(Arc::new(SimFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let id = state.id(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        state.id(name)?;
        state.names.remove(name);
        Ok(())
    }
}

impl SimFile {
    fn change(&self, pending: Pending) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let before = state.file(self.id)?.live.len() as u64;
        let after = match &pending {
            Pending::Write(at, data) => before.max(at + data.len() as u64),
            Pending::SetLen(len) => *len,
        };
        // The write that the power goes at may be on its way already.
        let alive = state.operate();
        if alive.is_ok() {
            state.room_for(after.saturating_sub(before))?;
        }
        let file = state.file(self.id)?;
        if alive.is_ok() {
            pending.apply(&mut file.live);
        }
        file.pending.push(pending);
        alive
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().file(self.id)?.live.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let bytes = &state.file(self.id)?.live;
        let wanted = offset as usize..offset as usize + out.len();
        out.copy_from_slice(bytes.get(wanted).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Pending::Write(offset, data.to_vec()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Pending::SetLen(len))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.operate()?;
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            return Err(Error::other("the sync failed"));
        }
        let file = state.file(self.id)?;
        file.pending.clear();
        file.durable = file.live.clone();
        Ok(())
    }
}
