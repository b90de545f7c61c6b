//! A folder of files, as little of it as the embedded store needs, so that tests can crash, tear and fill it.
//!
//! The contract a crash is judged by: what [`DiskFile::sync`] has returned for survives; what was written since
//! may survive whole, in part, or not at all. [`Disk`]'s own operations are durable when they return.

use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of files with flat names.
pub trait Disk: Debug + Send + Sync {
    /// The names of the files there are, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file of `len` zero bytes whose space is really allocated, so that writing inside it later cannot
    /// run out of space. Durable on return. An error leaves no file behind, or one that a later call replaces.
    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, replacing what had it. Atomic, and durable on return.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Durable on return.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// One open file. Positions and lengths are in bytes.
pub trait DiskFile: Debug + Send + Sync {
    /// Its length.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `out` from `offset`; an error if the file ends before.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes all of `data` at `offset`.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Returns when everything written before is durable. After an error nothing is known of those writes, and
    /// no later sync of the same file may be believed.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the file system, locked against a second process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held open for the lock on it.
    _lock: File,
}

const LOCK: &str = "LOCK";

impl Folder {
    /// Opens the folder, creating it if need be, and locks it for this process.
    ///
    /// The error is of kind [`ErrorKind::WouldBlock`] when another process has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        make_folder(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != LOCK {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        // A new inode, so that a failed sync of an earlier file of this name has nothing to do with this one.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let made = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|file| fill(&file, len).map(|()| file));
        match made {
            Ok(file) => {
                self.sync_names()?;
                Ok(Arc::new(file))
            }
            Err(error) => {
                // What is half made must not sit on space that may be the last there is.
                if let Err(left) = std::fs::remove_file(&path) {
                    tracing::warn!(%left, file = name, "could not remove a file that was not completed");
                }
                Err(error)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync_names()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))?;
        self.sync_names()
    }
}

/// Makes a folder and its parents, each durable before anything is put into it: a file that is safe in a folder that
/// is not would be lost with it.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(parent)?;
    match std::fs::create_dir(path) {
        // Somebody was quicker.
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !path.is_dir() => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

/// Writes zeros rather than asking for an unwritten extent: a sync into it then has
/// no extent to convert, only data to write.
fn fill(file: &File, len: u64) -> io::Result<()> {
    let zeros = vec![0u8; 1 << 20];
    let mut at = 0;
    while at < len {
        let n = (len - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..n as usize], at)?;
        at += n;
    }
    file.sync_all()
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_all_at(data, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
