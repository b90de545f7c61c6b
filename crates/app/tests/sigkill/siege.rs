//! What every test that kills the server again and again needs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use hiscore_faults::Process;

/// A server with its data in this folder.
pub(crate) fn start(folder: &Path, listen: &str, ack_timeout: &str) -> Process {
    let folder = folder.join("data");
    // Small segments and short rounds, so that kills fall on rotations, rounds of the funnel and removals too. A
    // long window, so that no retry outlives it however slow this machine is.
    let arguments = [
        ["--listen", listen],
        ["--data-dir", folder.to_str().unwrap()],
        ["--journal-segment", "64KiB"],
        ["--journal-limit", "1MiB"],
        ["--flush-interval", "30ms"],
        ["--cache", "1MiB"],
        ["--window", "256"],
        ["--ack-timeout", ack_timeout],
    ];
    Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments.concat()).ready()
}

/// Clients must end when the test has failed, or they would wait for a server that is gone.
pub(crate) struct StopOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
