//! A server's clock that is wrong: what a process must find in its environment for libfaketime to tell it another time of day.

use std::path::{Path, PathBuf};

/// Where packages put the library, below one of these, perhaps in a folder of the architecture.
const FOLDERS: [&str; 4] = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib"];
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// The library, when this machine has it.
pub(super) fn library() -> Option<PathBuf> {
    let within = |folder: &str| {
        let inner = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let all = std::iter::once(PathBuf::from(folder)).chain(inner);
        all.map(|folder| folder.join(LIBRARY)).find(|path| path.is_file())
    };
    FOLDERS.into_iter().find_map(within)
}

/// The C library that this process itself runs with.
fn c_library() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.split_whitespace().find(|path| path.ends_with("/libc.so.6")).map(str::to_owned)
}

/// For a process whose clock is so many seconds ahead; timers go on as they are. `None`: this machine cannot do that.
pub(super) fn environment(ahead: i64) -> Option<Vec<String>> {
    // With an allocator of its own, which asks for the time before the library is there, Redis would not start: the C library
    // comes first.
    let (library, c_library) = (library()?, c_library()?);
    Some(vec![
        format!("LD_PRELOAD={}:{c_library}", library.display()),
        format!("FAKETIME={ahead:+}s"),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ])
}

/// Removes the names of what the library shares with processes to come. A process that is killed would leave them.
pub(super) fn forget(id: u32) {
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        drop(std::fs::remove_file(Path::new("/dev/shm").join(format!("{name}{id}"))));
    }
}
