//! Our own processes of a deployment: each at a port of its own, stopped and started again as it was.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hiscore_faults::process::command_on;
use hiscore_faults::servers::{Host, free_port};
use hiscore_faults::wait::{pause, until};
use hiscore_faults::{Client, Process};
use parking_lot::Mutex;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// For a start or an end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One process, and what it and those before it said.
#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    pub(crate) roles: &'static str,
    pub(crate) address: SocketAddr,
    host: Host,
    arguments: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What it runs, from its next start on.
    binary: PathBuf,
    process: Option<Process>,
    said: String,
}

impl Ours {
    /// One that is to run `binary` with these arguments on a host, and listen at a free port of `ip`. It is not started yet.
    pub(crate) fn new(
        (name, roles): (&'static str, &'static str),
        binary: &Path,
        host: Host,
        ip: Ipv4Addr,
        arguments: &[String],
    ) -> Self {
        let address = SocketAddr::from((ip, free_port()));
        let mut all = vec!["--listen".to_owned(), address.to_string()];
        all.extend_from_slice(arguments);
        let state = State { binary: binary.to_owned(), process: None, said: String::new() };
        Self { name, roles, address, host, arguments: all, state: Mutex::new(state) }
    }

    /// Starts it and waits until it listens; `ahead`: by how many seconds its clock is wrong.
    ///
    /// # Panics
    /// When it ends instead.
    pub(crate) fn start(&self, ahead: i64) {
        let binary = self.state.lock().binary.clone();
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let deadline = Instant::now() + PATIENCE;
        let process = loop {
            let mut command = command_on(&self.host, &binary, &arguments);
            if ahead != 0 {
                command.env("HISCORE_CLOCK_AHEAD", ahead.to_string());
            }
            match Process::try_start(command) {
                Ok(process) => break process,
                // Its port may still be in use by connections of the one before; or a tier is away, and it says so.
                Err(ended) => {
                    assert!(Instant::now() < deadline, "{} does not start: {}", self.name, ended.said);
                    self.state.lock().said.push_str(&ended.said);
                    pause();
                }
            }
        };
        self.state.lock().process = Some(process);
    }

    /// Waits until it says that it is ready.
    pub(crate) fn await_ready(&self) {
        until(&format!("{} to be ready", self.name), PATIENCE, || {
            let answer = Client::patient(self.address, Duration::from_secs(2)).get("/readyz");
            matches!(answer, Ok((200, _))).then_some(())
        });
    }

    /// Ends it on the spot.
    pub(crate) fn kill(&self) {
        let mut state = self.state.lock();
        if let Some(process) = state.process.take() {
            let ended = process.kill();
            state.said.push_str(&ended.said);
            state.said.push_str("--- killed ---\n");
        }
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();
        if let Some(mut process) = state.process.take() {
            process.terminate();
            let ended = process.wait();
            state.said.push_str(&ended.said);
            state.said.push_str("--- stopped ---\n");
            // Its disk is full just then: it says so, and the checker sees whether that is true.
            let says = |text| ended.said.contains(text);
            let is_full = says("No space left on device") && says("the next start reads it from the journal");
            assert!(ended.code == Ok(0) || is_full, "{} did not end well: {}", self.name, ended.said);
        }
    }

    /// From its next start on it runs this.
    pub(crate) fn upgrade(&self, binary: &Path) {
        binary.clone_into(&mut self.state.lock().binary);
    }

    /// Stops it where it is.
    pub(crate) fn pause(&self) {
        if let Some(process) = &self.state.lock().process {
            process.pause();
        }
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        if let Some(process) = &self.state.lock().process {
            process.resume();
        }
    }

    /// Lets it have only `more` file handles beyond those it has; what its limit was. `None`: this machine does not let us.
    pub(crate) fn few_handles(&self, more: u64) -> Option<Rlimit> {
        let id = self.state.lock().process.as_ref()?.id();
        let open = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64;
        let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
        let text = std::fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        let most = line.split_whitespace().nth(1).and_then(|most| most.parse().ok());
        prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(open + more), maximum: most }).ok()
    }

    /// Gives back what [`Ours::few_handles`] took.
    pub(crate) fn give_handles(&self, before: Rlimit) {
        let id = self.state.lock().process.as_ref().map(Process::id);
        let pid = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        // One that ended meanwhile is noticed elsewhere.
        let _ = pid.map(|pid| prlimit(Some(pid), Resource::Nofile, before));
    }

    /// Everything it said.
    pub(crate) fn said(&self) -> String {
        let state = self.state.lock();
        let now = state.process.as_ref().map(Process::said).unwrap_or_default();
        format!("{}{now}", state.said)
    }

    /// What is wrong with it though nobody did anything to it.
    pub(crate) fn complaint(&self) -> Option<String> {
        let runs = self.state.lock().process.as_mut().is_none_or(Process::is_running);
        let said = self.said();
        if let Some(line) = panic_in(&said) {
            return Some(format!("{}: {line}", self.name));
        }
        (!runs).then(|| format!("{} ended by itself: {}", self.name, last_lines(&said)))
    }
}

/// The line of a panic.
fn panic_in(said: &str) -> Option<&str> {
    said.lines().find(|line| line.contains("panicked at"))
}

fn last_lines(text: &str) -> String {
    let mut last: Vec<&str> = text.lines().rev().take(5).collect();
    last.reverse();
    last.join("\n")
}
