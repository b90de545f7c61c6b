//! A server whose output nobody reads any more goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use hiscore_faults::Client;
use hiscore_faults::process::command;
use hiscore_faults::wait::until;

struct Gone(Child);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whoever started it may look at its first line and go, as `| head -1` does.
#[test]
fn nobody_has_to_read_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = address.to_string();
    let arguments = ["--listen", &listen, "--data-dir", folder.path().to_str().unwrap(), "--log", "trace"];
    let mut server = Gone(command(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments).spawn().unwrap());
    drop((server.0.stdout.take(), server.0.stderr.take()));
    until("the server to be ready", Duration::from_secs(20), || {
        let ended = server.0.try_wait().unwrap();
        assert!(ended.is_none(), "it ended: {ended:?}");
        matches!(Client::new(address).get("/readyz"), Ok((200, _))).then_some(())
    });
}
