//! A real MongoDB replica set of a test's own.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::io::Result;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bson::{Bson, Document, doc};

use super::daemon::{Daemon, PATIENCE};
use super::host::Host;
use super::op_msg;
use crate::wait::until;

/// The name of the replica set.
const NAME: &str = "rs0";

/// How long an answer to a command is awaited.
const ANSWER: Duration = Duration::from_secs(30);

/// For a question that a paused member must not hold up.
const SHORT: Duration = Duration::from_millis(500);

/// How long members wait for a primary that says nothing before they elect another.
const ELECTION: i64 = 2_000;

/// A running replica set `rs0` of `mongod` on 127.0.0.1, with fail points switched on and elections after 2 s. Killed,
/// and its folders removed, when dropped.
#[derive(Debug)]
pub struct Mongo {
    members: Vec<Daemon>,
    /// Where each has its data; none: in the folder of its process.
    folders: Vec<PathBuf>,
}

impl Mongo {
    /// Starts 1 or 3 members, makes them a replica set, and waits until it has a primary and the others are in step.
    ///
    /// # Panics
    /// When there is no MongoDB here (see [`super::missing`]), or that takes more than a minute.
    pub fn start(members: usize) -> Self {
        Self::with(members, &[])
    }

    /// Starts them with more arguments.
    pub fn with(members: usize, arguments: &[&str]) -> Self {
        Self::on(&vec![Host::here(); members], arguments)
    }

    /// Starts one on each of these hosts.
    pub fn on(hosts: &[Host], arguments: &[&str]) -> Self {
        Self::launch(hosts, Vec::new(), arguments)
    }

    /// Starts one on each of these hosts, with its data in the folder of the same place, which is there and empty.
    pub fn in_folders(hosts: &[Host], folders: Vec<PathBuf>) -> Self {
        Self::launch(hosts, folders, &[])
    }

    fn launch(hosts: &[Host], folders: Vec<PathBuf>, arguments: &[&str]) -> Self {
        let binary = super::mongod().expect("no mongod; run scripts/servers.sh");
        let one = |(at, host)| start(host, &binary, folders.get(at).map(PathBuf::as_path), arguments);
        let members = hosts.iter().enumerate().map(one).collect();
        let set = Self { members, folders };
        set.initiate();
        set.await_all();
        set
    }

    fn initiate(&self) {
        let members: Vec<Bson> = (0..self.members.len())
            .map(|index| {
                let id = i32::try_from(index).expect("a few members");
                Bson::from(doc! { "_id": id, "host": self.address(index).to_string() })
            })
            .collect();
        let settings = doc! {
            "electionTimeoutMillis": ELECTION,
            // Not in MongoDB's manual, but its own tests use it too: a dead member is noticed sooner.
            "heartbeatIntervalMillis": 500_i64,
            "heartbeatTimeoutSecs": 2,
        };
        let config = doc! { "_id": NAME, "version": 1, "members": members, "settings": settings };
        let reply = self.command(0, doc! { "replSetInitiate": config });
        assert_eq!(ok(&reply), Some(true), "{reply}");
    }

    /// `mongodb://127.0.0.1:PORT,.../?replicaSet=rs0`
    pub fn url(&self) -> String {
        let addresses: Vec<String> = (0..self.len()).map(|member| self.address(member).to_string()).collect();
        format!("mongodb://{}/?replicaSet={NAME}", addresses.join(","))
    }

    /// How many members it has.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Where a member listens.
    pub fn address(&self, member: usize) -> SocketAddr {
        self.members[member].address()
    }

    /// Which member is the primary. Waits until there is one.
    ///
    /// # Panics
    /// When there is none for a minute.
    pub fn primary(&self) -> usize {
        until("MongoDB to have a primary", PATIENCE, || self.primary_now())
    }

    /// Which member is the primary at this moment: the one that was elected last, since one that was paused does not
    /// know yet that it has a successor.
    pub fn primary_now(&self) -> Option<usize> {
        let elected = |member: usize| {
            let hello = self.hello(member)?;
            let is_primary = hello.get_bool("isWritablePrimary").unwrap_or(false);
            is_primary.then(|| hello.get_object_id("electionId").ok()).flatten()
        };
        (0..self.len()).filter_map(|member| Some((elected(member)?, member))).max().map(|(_, member)| member)
    }

    /// Waits until there is a primary and every running member is in step with it.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_all(&self) {
        until("every member of MongoDB to be in step", PATIENCE, || {
            let primary = self.primary_now()?;
            let says = |member: usize, state: &str| {
                self.hello(member).is_some_and(|hello| hello.get_bool(state).unwrap_or(false))
            };
            let running = |member: &usize| self.members[*member].is_running();
            (0..self.len())
                .filter(running)
                .all(|member| member == primary || says(member, "secondary"))
                .then_some(())
        });
    }

    fn hello(&self, member: usize) -> Option<Document> {
        let running = self.members[member].is_running();
        running.then(|| op_msg::call(self.address(member), doc! { "hello": 1 }, SHORT).ok()).flatten()
    }

    /// Does a command at a member, in the database that its `$db` names, else in `admin`. A refusal (`ok: 0`) is a
    /// reply, too. An answer is awaited for 30 s.
    pub fn try_command(&self, member: usize, command: Document) -> Result<Document> {
        op_msg::call(self.address(member), command, ANSWER)
    }

    /// The reply to a command.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn command(&self, member: usize, command: Document) -> Document {
        let name = command.keys().next().cloned().unwrap_or_default();
        match self.try_command(member, command) {
            Ok(reply) => reply,
            Err(error) => panic!("MongoDB at {}: {name}: {error}", self.address(member)),
        }
    }

    /// Has the primary give up and not stand again for 5 s, and waits for the next. Says which that is; the only
    /// member of a set becomes it again.
    ///
    /// # Panics
    /// When there is none for a minute.
    pub fn step_down(&self) -> usize {
        let before = self.primary();
        let seconds = if self.len() == 1 { 1 } else { 5 };
        let command = doc! { "replSetStepDown": seconds, "secondaryCatchUpPeriodSecs": 0, "force": true };
        // Whoever asks may be cut off by what it asked for.
        drop(self.try_command(before, command));
        until("MongoDB to have another primary", PATIENCE, || {
            self.primary_now().filter(|&primary| primary != before || self.len() == 1)
        })
    }

    /// Ends a member on the spot (SIGKILL).
    pub fn kill(&self, member: usize) {
        self.members[member].kill();
    }

    /// Stops a member where it is (SIGSTOP): its connections stay, and nothing answers. After a primary was paused,
    /// another is elected within seconds, but a write to a majority may take some 15 s more: the third member goes on
    /// listening to the paused one for so long.
    pub fn pause(&self, member: usize) {
        self.members[member].pause();
    }

    /// Lets a paused member go on.
    pub fn resume(&self, member: usize) {
        self.members[member].resume();
    }

    /// Starts a member again after [`Mongo::kill`], with the port and the folder that it had. It answers then, but it
    /// may take a while to be in step: see [`Mongo::await_all`].
    pub fn restart(&self, member: usize) {
        self.members[member].restart(|_, id| answers(self.address(member), id));
    }

    /// Whether a member's process is there, paused or not.
    pub fn is_running(&self, member: usize) -> bool {
        self.members[member].is_running()
    }

    /// A member's process id, unless it was killed.
    pub fn id(&self, member: usize) -> Option<u32> {
        self.members[member].id()
    }

    /// Where a member's files are: to be copied, or put back, while it is not running.
    pub fn folder(&self, member: usize) -> &Path {
        self.folders.get(member).map_or_else(|| self.members[member].folder(), PathBuf::as_path)
    }

    /// Everything a member wrote to its log.
    pub fn log(&self, member: usize) -> String {
        self.members[member].log()
    }
}

fn start(host: &Host, binary: &Path, data: Option<&Path>, more: &[&str]) -> Daemon {
    let arguments = |port: u16, folder: &Path| {
        let (ip, port) = (host.address().to_string(), port.to_string());
        let folder = data.unwrap_or(folder).to_string_lossy();
        let mut arguments = vec!["--dbpath", &folder, "--port", &port, "--bind_ip", &ip];
        arguments.extend(["--replSet", NAME, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]);
        arguments.extend(["--oplogSize", "64", "--setParameter", "enableTestCommands=1"]);
        arguments.extend(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        // Without 200 MB of journal in advance for each member: folders that tests copy are small.
        arguments.extend(["--wiredTigerEngineConfigString", "log=(prealloc=false)"]);
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect()
    };
    Daemon::start_on(host, binary, arguments, |port, id| answers(host.at(port), id))
}

/// Whether process `id` answers at `address`.
fn answers(address: SocketAddr, id: u32) -> bool {
    let status = op_msg::call(address, doc! { "serverStatus": 1 }, SHORT);
    status.is_ok_and(|status| number(&status, "pid") == Some(f64::from(id)))
}

fn ok(reply: &Document) -> Option<bool> {
    number(reply, "ok").map(|ok| ok > 0.0)
}

/// MongoDB is free in what type it takes for a number.
fn number(document: &Document, name: &str) -> Option<f64> {
    match document.get(name)? {
        Bson::Double(number) => Some(*number),
        Bson::Int32(number) => Some(f64::from(*number)),
        #[allow(clippy::cast_precision_loss, reason = "process ids and flags are small")]
        Bson::Int64(number) => Some(*number as f64),
        _ => None,
    }
}
