//! A hiscore process of a test's own: started, signalled, awaited, and surely gone when the test is over.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::servers::Host;
use crate::wait::until;

/// For a start in the debug profile on a busy machine, or an end of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `hiscore serve`. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
    readers: Vec<JoinHandle<()>>,
    said: Arc<Mutex<String>>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub code: Result<i32, i32>,
    /// Everything it wrote.
    pub said: String,
}

impl Process {
    /// Starts `binary serve` with `arguments` and waits until it listens.
    ///
    /// # Panics
    /// When it ends instead.
    pub fn start(binary: &Path, arguments: &[&str]) -> Self {
        match Self::try_start(command(binary, arguments)) {
            Ok(process) => process,
            Err(ended) => panic!("the server did not start: {ended:?}"),
        }
    }

    /// Starts it as another user.
    pub fn try_start_as(binary: &Path, arguments: &[&str], user: u32) -> Result<Self, Ended> {
        let mut command = command(binary, arguments);
        command.uid(user);
        Self::try_start(command)
    }

    /// Starts it and waits until it listens, or has ended.
    pub fn try_start(mut command: Command) -> Result<Self, Ended> {
        let mut child = command.spawn().expect("the binary is there");
        let said = Arc::<Mutex<String>>::default();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ];
        let readers = outputs.into_iter().flatten().map(|pipe| keep(pipe, Arc::clone(&said))).collect();
        let mut process = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), readers, said };
        let address = until("the server to listen or to end", PATIENCE, || {
            if let Some(address) = listening(&process.said.lock()) {
                return Some(Some(address));
            }
            let ended = process.child.try_wait().expect("our own child can be asked");
            ended.is_some().then_some(None)
        });
        match address {
            Some(address) => {
                process.address = address;
                Ok(process)
            }
            None => Err(process.wait()),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Waits until `/readyz` says 200.
    pub fn ready(self) -> Self {
        let mut client = self.client();
        until("the server to be ready", PATIENCE, || {
            let answer = client.get("/readyz");
            matches!(answer, Ok((200, _))).then_some(())
        });
        self
    }

    /// Everything it wrote so far.
    pub fn said(&self) -> String {
        self.said.lock().clone()
    }

    /// Its process id, by which it is told from the one before.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child can be asked").is_none()
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops it where it is (SIGSTOP): its connections stay, and nothing answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("our own child can be signalled");
    }

    /// The memory that it has in use (its resident set), in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("Linux says how much memory a process uses") << 10
    }

    /// Ends it on the spot.
    pub fn kill(mut self) -> Ended {
        // It may just have ended by itself.
        drop(self.child.kill());
        self.wait()
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> Ended {
        let status: ExitStatus = until("the server to end", PATIENCE, || {
            self.child.try_wait().expect("our own child can be asked")
        });
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        let code = status.code().ok_or_else(|| status.signal().unwrap_or(0));
        Ended { code, said: self.said() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        if std::thread::panicking() {
            let said = self.said();
            let last: Vec<&str> = said.lines().rev().take(30).collect();
            eprintln_lines(last.into_iter().rev());
        }
    }
}

#[allow(clippy::print_stderr, reason = "a failing test shows what the server said")]
fn eprintln_lines<'a>(lines: impl Iterator<Item = &'a str>) {
    lines.for_each(|line| eprintln!("  server: {line}"));
}

/// `binary serve` with `arguments`, and nothing of this process's environment that could change what it does.
pub fn command(binary: &Path, arguments: &[&str]) -> Command {
    command_on(&Host::here(), binary, arguments)
}

/// The same somewhere.
pub fn command_on(host: &Host, binary: &Path, arguments: &[&str]) -> Command {
    let mut command = host.command(binary);
    command.arg("serve").args(arguments).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn keep(pipe: Box<dyn Read + Send>, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { break };
            let mut said = said.lock();
            said.push_str(&line);
            said.push('\n');
        }
    })
}

/// The address in the greeting.
fn listening(said: &str) -> Option<SocketAddr> {
    let (_, after) = said.split_once("metrics      http://")?;
    after.split('/').next()?.parse().ok()
}
