//! A real Redis server of a test's own, alone or as a replica of another.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::io::Result;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::certificates::Certificates;
use super::daemon::{Daemon, PATIENCE, free_port, local};
use super::host::Host;
use super::resp::{Reply, Resp};
use crate::wait::{pause, until};

/// For the question whether it has started: a paused server must not hold that up.
const SHORT: Duration = Duration::from_secs(1);

/// A running `redis-server` on 127.0.0.1. It keeps nothing on disk unless its arguments say so, so that one that was
/// killed comes back empty. Killed, and its folder removed, when dropped.
#[derive(Debug)]
pub struct Redis {
    daemon: Daemon,
    password: Option<String>,
}

impl Redis {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// When there is no Redis here (see [`super::missing`]), or it does not start.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with more arguments, such as `["--appendonly", "yes"]`; they win over those of [`Redis::start`]. A
    /// `--requirepass` is used by everything here.
    pub fn with(arguments: &[&str]) -> Self {
        Self::launch(&Host::here(), arguments, false, None)
    }

    /// Starts one somewhere.
    pub fn on(host: &Host, arguments: &[&str]) -> Self {
        Self::launch(host, arguments, false, None)
    }

    /// Starts one that also speaks TLS, at a port of its own ([`Redis::tls_address`]).
    pub fn with_tls(certificates: &Certificates) -> Self {
        Self::launch(&Host::here(), &[], false, Some(certificates))
    }

    /// Starts a member of a Cluster that is yet to be made.
    pub(super) fn in_cluster(host: &Host, arguments: &[&str]) -> Self {
        Self::launch(host, arguments, true, None)
    }

    /// Starts a replica of `primary` and waits until it has everything.
    pub fn replica_of(primary: &Self) -> Self {
        Self::replica_with(primary, &[])
    }

    /// Starts a replica with more arguments.
    pub fn replica_with(primary: &Self, arguments: &[&str]) -> Self {
        Self::replica_on(&Host::here(), primary, arguments)
    }

    /// Starts a replica somewhere.
    pub fn replica_on(host: &Host, primary: &Self, arguments: &[&str]) -> Self {
        let (ip, port) = (primary.address().ip().to_string(), primary.port().to_string());
        let mut all = vec!["--replicaof", &ip, &port];
        if let Some(password) = &primary.password {
            all.extend(["--requirepass", password, "--masterauth", password]);
        }
        all.extend(arguments);
        let replica = Self::on(host, &all);
        replica.await_primary();
        replica
    }

    fn launch(host: &Host, more: &[&str], in_cluster: bool, tls: Option<&Certificates>) -> Self {
        let binary = super::redis_server().expect("no redis-server; run scripts/servers.sh");
        let password = more.windows(2).find(|pair| pair[0] == "--requirepass").map(|pair| pair[1].to_owned());
        let daemon = Daemon::start_on(
            host,
            &binary,
            |port, folder| {
                let mut arguments =
                    owned(&["--bind", &host.address().to_string(), "--port", &port.to_string()]);
                // Else one without a password answers 127.0.0.1 alone.
                arguments.extend(owned(&["--protected-mode", "no"]));
                arguments.extend(owned(&["--dir", &folder.to_string_lossy()]));
                arguments.extend(owned(&["--save", "", "--appendonly", "no", "--daemonize", "no"]));
                // What a replica gets of its primary would stay, and be there, old, after a restart.
                arguments.extend(owned(&["--rdb-del-sync-files", "yes"]));
                // A replica is there at once, and steps of a test may use DEBUG.
                arguments.extend(owned(&[
                    "--repl-diskless-sync-delay",
                    "0",
                    "--enable-debug-command",
                    "yes",
                ]));
                if in_cluster {
                    arguments.extend(owned(&["--cluster-enabled", "yes"]));
                    // By itself it is the port plus 10,000, which may be taken.
                    arguments.extend(owned(&["--cluster-port", &free_port().to_string()]));
                }
                if let Some(certificates) = tls {
                    let [certificate, key] = certificates.server();
                    let authority = certificates.authority();
                    arguments.extend(owned(&["--tls-port", &free_port().to_string()]));
                    arguments.extend(owned(&["--tls-auth-clients", "no"]));
                    let files = [("cert", certificate), ("key", key), ("ca-cert", authority)];
                    for (name, file) in files {
                        arguments.extend([format!("--tls-{name}-file"), file.to_string_lossy().into_owned()]);
                    }
                }
                arguments.extend(owned(more));
                arguments
            },
            |port, id| answers(host.at(port), id, password.as_deref()),
        );
        Self { daemon, password }
    }

    /// Waits until it is a replica that has everything of its primary, and gets what comes.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_primary(&self) {
        until("a replica of Redis to be in step", PATIENCE, || self.is_in_step().then_some(()));
    }

    /// Whether it is a replica, and has what its primary is told now within a second.
    pub fn is_in_step(&self) -> bool {
        let Some((primary, _)) = self.follows() else { return false };
        let Some(wanted) = self.write_to(primary) else { return false };
        let deadline = Instant::now() + SHORT;
        loop {
            match self.follows() {
                Some((same, has)) if same == primary && has >= wanted => return true,
                _ if Instant::now() >= deadline => return false,
                _ => pause(),
            }
        }
    }

    /// Whose replica it is, and how far it has come, if the link to it is up.
    fn follows(&self) -> Option<(SocketAddr, u64)> {
        let info = self.try_command(&["INFO", "replication"]).ok()?.to_string();
        let line = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let (host, port) = (line("master_host:")?, line("master_port:")?);
        let primary = SocketAddr::new(host.parse().ok()?, port.parse().ok()?);
        let has = line("slave_repl_offset:")?.parse().ok()?;
        (line("master_link_status:") == Some("up")).then_some((primary, has))
    }

    /// Has its primary send it something, and says where that ends. Up to a second after a replica has read the whole copy and
    /// says that the link is up, and its primary calls it online, the primary sends it nothing yet: it waits for the next acknowledgement, and
    /// what it is told meanwhile dies with it.
    fn write_to(&self, primary: SocketAddr) -> Option<u64> {
        let mut connection = connect(primary, self.password.as_deref(), SHORT).ok()?;
        let mut call = |command: &[&str]| Some(connection.call(command).ok()?.to_string());
        // In a Cluster it has only some of the slots.
        let key = (0..1_000).map(|number| format!("in-step-{number}")).find_map(|key| {
            let written = call(&["SET", &key, ""])?;
            (written == "OK").then_some(key)
        })?;
        call(&["DEL", &key])?;
        let info = call(&["INFO", "replication"])?;
        info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"))?.trim().parse().ok()
    }

    /// Its port, the same after a restart.
    pub fn port(&self) -> u16 {
        self.daemon.port()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// Where it speaks TLS.
    ///
    /// # Panics
    /// When it does not.
    pub fn tls_address(&self) -> SocketAddr {
        let port = self.command(&["CONFIG", "GET", "tls-port"]);
        local(port.lines().last().and_then(|port| port.parse().ok()).expect("a port"))
    }

    /// `redis://127.0.0.1:PORT`, with the password if it has one.
    pub fn url(&self) -> String {
        let user = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{user}{}", self.address())
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// A connection to it, for what belongs to one, as `WAIT` and `MULTI` do.
    pub fn connect(&self) -> Result<Resp> {
        connect(self.address(), self.password.as_deref(), Duration::from_secs(10))
    }

    /// Does a command on a connection of its own. A refusal is a reply, too.
    pub fn try_command(&self, command: &[&str]) -> Result<Reply> {
        self.connect()?.call(command)
    }

    /// The reply to a command as text, or the text of the refusal.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn command(&self, command: &[&str]) -> String {
        match self.try_command(command) {
            Ok(reply) => reply.to_string(),
            Err(error) => panic!("Redis at {}: {command:?}: {error}", self.address()),
        }
    }

    /// A line of `INFO`, as `role` or `connected_clients`.
    ///
    /// # Panics
    /// When there is no such line, or no answer.
    pub fn info(&self, name: &str) -> String {
        let info = self.command(&["INFO", "everything"]);
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("INFO has no {name}:\n{info}")).trim().to_owned()
    }

    /// Ends it on the spot (SIGKILL).
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Stops it where it is (SIGSTOP): its connections stay, and nothing answers.
    pub fn pause(&self) {
        self.daemon.pause();
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        self.daemon.resume();
    }

    /// Starts it again after [`Redis::kill`], with the arguments, the port and the folder that it had.
    pub fn restart(&self) {
        self.daemon.restart(|_, id| answers(self.address(), id, self.password.as_deref()));
    }

    /// The same with a clock that is so many seconds ahead.
    ///
    /// # Panics
    /// When this machine has no libfaketime (see [`super::missing`]).
    pub fn restart_at(&self, ahead: i64) {
        self.daemon.restart_at(ahead, |_, id| answers(self.address(), id, self.password.as_deref()));
    }

    /// Whether its process is there, paused or not.
    pub fn is_running(&self) -> bool {
        self.daemon.is_running()
    }

    /// Its process id, unless it was killed.
    pub fn id(&self) -> Option<u32> {
        self.daemon.id()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.daemon.folder()
    }

    /// Everything it wrote to its log.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

fn connect(address: SocketAddr, password: Option<&str>, patience: Duration) -> Result<Resp> {
    let mut connection = Resp::connect_within(address, patience)?;
    if let Some(password) = password {
        connection.call(&["AUTH", password])?;
    }
    Ok(connection)
}

/// Whether process `id`, a server or a Sentinel, answers at `address`, and has loaded what it had.
pub(super) fn answers(address: SocketAddr, id: u32, password: Option<&str>) -> bool {
    let ask = || connect(address, password, SHORT)?.call(&["INFO"]);
    ask().is_ok_and(|reply| {
        let info = reply.to_string();
        let has = |wanted: &str| info.lines().any(|line| line == wanted);
        has(&format!("process_id:{id}")) && !has("loading:1")
    })
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}
