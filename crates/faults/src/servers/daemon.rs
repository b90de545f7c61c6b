//! One server process with a folder and a port of its own: started until it answers, killed, stopped, started again.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::clock;
use super::host::Host;
use crate::wait::until;

/// For a start, or anything else that a server does by itself, on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Below the ports that a system hands out by itself (from 32768 on): a server that was killed finds its port free
/// when it is started again.
const PORTS: std::ops::Range<u32> = 11_000..32_000;

/// How often a start is tried with another port.
const ATTEMPTS: usize = 20;

/// A TCP port of 127.0.0.1 that was free a moment ago, and that this process has not given out before.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at places of their own.
    let begin = std::process::id().wrapping_mul(7919).wrapping_add(seconds());
    let size = PORTS.end - PORTS.start;
    (0..size)
        .map(|_| PORTS.start + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % size)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(local(*port)).is_ok())
        .expect("a free port")
}

/// `port` of 127.0.0.1.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Fixed for the life of a process: the counter alone moves on.
fn seconds() -> u32 {
    static BEGUN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *BEGUN
        .get_or_init(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_micros()))
}

/// A server's process, or where it was.
#[derive(Debug)]
pub(super) struct Daemon {
    host: Host,
    binary: PathBuf,
    arguments: Vec<String>,
    port: u16,
    child: Mutex<Option<Child>>,
    folder: TempDir,
}

impl Daemon {
    /// Starts `binary` somewhere with what `arguments` says for a port and a folder, and waits until `ready` says that the
    /// process of this id answers at this port: at another's port another may answer.
    ///
    /// # Panics
    /// When it ends instead, for another reason than that its port was taken.
    pub(super) fn start_on(
        host: &Host,
        binary: &Path,
        arguments: impl Fn(u16, &Path) -> Vec<String>,
        ready: impl Fn(u16, u32) -> bool,
    ) -> Self {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix("hiscore-server-").tempdir().expect("a folder");
            let port = free_port();
            let daemon = Self {
                host: host.clone(),
                binary: binary.to_owned(),
                arguments: arguments(port, folder.path()),
                port,
                child: Mutex::new(None),
                folder,
            };
            daemon.spawn(0);
            match daemon.await_start(&ready) {
                Ok(()) => return daemon,
                Err(log) => assert!(port_was_taken(&log), "{} did not start:\n{log}", binary.display()),
            }
        }
        panic!("{} found its port taken {ATTEMPTS} times", binary.display());
    }

    /// Starts it again, as it was first started, in the same folder and at the same port.
    ///
    /// # Panics
    /// When it was not killed before, or ends instead.
    pub(super) fn restart(&self, ready: impl Fn(u16, u32) -> bool) {
        self.restart_at(0, ready);
    }

    /// Starts it again with a clock that is so many seconds ahead.
    ///
    /// # Panics
    /// Also when this machine has no libfaketime.
    pub(super) fn restart_at(&self, ahead: i64, ready: impl Fn(u16, u32) -> bool) {
        assert!(!self.is_running(), "{} still runs: kill it first", self.binary.display());
        until("a server to start again at its port", PATIENCE, || {
            let before = self.log().len();
            self.spawn(ahead);
            let started = self.await_start(&ready);
            self.id().into_iter().for_each(clock::forget);
            let Err(log) = started else { return Some(()) };
            let log = log.get(before..).unwrap_or_default();
            assert!(port_was_taken(log), "{} did not start again:\n{log}", self.binary.display());
            None
        });
    }

    fn spawn(&self, ahead: i64) {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a log file");
        let mut command = if ahead == 0 {
            self.host.command(&self.binary)
        } else {
            let mut command = self.host.command(Path::new("/usr/bin/env"));
            command.args(clock::environment(ahead).expect("no libfaketime; run scripts/servers.sh"));
            command.arg(&self.binary);
            command
        };
        let child = command
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a handle of the log file"))
            .stdout(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        *self.child.lock() = Some(child);
    }

    /// Waits until it answers, or gives what it wrote before it ended.
    fn await_start(&self, ready: impl Fn(u16, u32) -> bool) -> Result<(), String> {
        let id = self.id().expect("it was spawned");
        let answers = until(&format!("{} to start", self.binary.display()), PATIENCE, || {
            if self.is_running() { ready(self.port, id).then_some(true) } else { Some(false) }
        });
        if answers { Ok(()) } else { Err(self.log()) }
    }

    /// Where it listens, and did before it was killed.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where that is.
    pub(super) fn address(&self) -> SocketAddr {
        self.host.at(self.port)
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id, unless it was killed.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.lock().as_ref().map(Child::id)
    }

    /// Whether it is there. One that ended by itself is reaped.
    pub(super) fn is_running(&self) -> bool {
        let mut child = self.child.lock();
        let runs = child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !runs {
            *child = None;
        }
        runs
    }

    /// Ends it on the spot (SIGKILL), also one that is paused. Does nothing when it is gone.
    pub(super) fn kill(&self) {
        if let Some(mut child) = self.child.lock().take() {
            // It may just have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Stops it where it is (SIGSTOP): its connections stay, and nothing answers.
    pub(super) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused one go on.
    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
        kill_process(id, signal).expect("our own child can be signalled");
    }

    /// Everything it wrote, since it was first started.
    pub(super) fn log(&self) -> String {
        std::fs::read(self.log_file())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Daemon {
    #[allow(clippy::print_stderr, reason = "a failing test shows what the server said")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(15).collect();
            last.iter().rev().for_each(|line| eprintln!("  port {}: {line:.300}", self.port));
        }
    }
}

fn port_was_taken(log: &str) -> bool {
    log.contains("Address already in use")
}
