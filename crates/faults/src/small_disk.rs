//! A real file system that is really full: a small tmpfs, and a file that takes the rest of it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::ffi::CString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mounted tmpfs; gone when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

const FILLER: &str = "filler";

impl SmallDisk {
    /// Mounts `kib` KiB at `path`, an empty folder. The error says why that is not possible here.
    pub fn mount(path: &Path, kib: u64) -> Result<Self, String> {
        let options = CString::new(format!("size={kib}k,mode=0700")).map_err(|error| error.to_string())?;
        mount("hiscore-test", path, "tmpfs", MountFlags::empty(), Some(options.as_c_str())).map_err(
            |error| format!("a tmpfs cannot be mounted (it takes root and CAP_SYS_ADMIN): {error}"),
        )?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where a data folder goes.
    pub fn folder(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Takes all the space that is left. May be called again when some was let go of.
    ///
    /// # Panics
    /// When the file system refuses for another reason than being full.
    pub fn fill(&self) {
        let mut file =
            File::options().create(true).append(true).open(self.path.join(FILLER)).expect("the filler");
        for size in [1 << 16, 1 << 12, 1] {
            let zeros = vec![0; size];
            loop {
                match file.write(&zeros) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the filler: {error}"),
                }
            }
        }
    }

    /// Gives it back.
    pub fn release(&self) {
        std::fs::remove_file(self.path.join(FILLER)).expect("the filler can be removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = unmount(&self.path, UnmountFlags::DETACH);
    }
}
