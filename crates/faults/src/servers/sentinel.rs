//! Real Sentinels of a test's own: they watch a Redis primary, and make one of its replicas the next.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::daemon::{Daemon, PATIENCE};
use super::host::Host;
use super::redis::{Redis, answers};
use super::resp::{Reply, Resp};
use crate::wait::until;

/// For a question that a paused Sentinel must not hold up.
const SHORT: Duration = Duration::from_millis(500);

/// How long a primary says nothing before a Sentinel takes it for dead.
const DOWN_AFTER: Duration = Duration::from_secs(1);

/// Some Sentinels on 127.0.0.1 that watch one primary. Killed, and their folders removed, when dropped.
#[derive(Debug)]
pub struct Sentinels {
    name: String,
    password: Option<String>,
    daemons: Vec<Daemon>,
}

impl Sentinels {
    /// Starts `how_many` that know `primary` as `name`; `quorum` of them have to agree that it is gone, which each
    /// thinks after 1 s of silence. Waits until they know each other and the replicas that the primary has now: of
    /// those, one that they do not know cannot be chosen.
    ///
    /// # Panics
    /// When there is no Redis here (see [`super::missing`]), or that takes more than a minute.
    pub fn start(name: &str, primary: &Redis, how_many: usize, quorum: usize) -> Self {
        Self::with(name, primary, how_many, quorum, DOWN_AFTER)
    }

    /// Starts one on each of these hosts.
    pub fn on(hosts: &[Host], name: &str, primary: &Redis, quorum: usize) -> Self {
        Self::launch(hosts, name, primary, quorum, DOWN_AFTER)
    }

    /// Starts them with another time of silence after which a primary counts as dead.
    pub fn with(name: &str, primary: &Redis, how_many: usize, quorum: usize, down_after: Duration) -> Self {
        Self::launch(&vec![Host::here(); how_many], name, primary, quorum, down_after)
    }

    fn launch(hosts: &[Host], name: &str, primary: &Redis, quorum: usize, down_after: Duration) -> Self {
        let binary = super::redis_server().expect("no redis-server; run scripts/servers.sh");
        let password = primary.password().map(str::to_owned);
        let watch = {
            let auth = password.as_ref().map(|password| format!("sentinel auth-pass {name} {password}\n"));
            format!(
                "sentinel monitor {name} {} {} {quorum}\n\
                 sentinel down-after-milliseconds {name} {}\n\
                 sentinel failover-timeout {name} 5000\n{}",
                primary.address().ip(),
                primary.port(),
                down_after.as_millis(),
                auth.unwrap_or_default()
            )
        };
        let start = |host: &Host| {
            let arguments = |port: u16, folder: &Path| {
                // A file of its own, because a Sentinel writes what it learns into it.
                let file = folder.join("sentinel.conf");
                let listen = format!(
                    "bind {}\nport {port}\ndir {}\nprotected-mode no\n",
                    host.address(),
                    folder.display()
                );
                std::fs::write(&file, listen + &watch).expect("the settings can be written");
                vec![file.to_string_lossy().into_owned(), "--sentinel".to_owned()]
            };
            Daemon::start_on(host, &binary, arguments, |port, id| answers(host.at(port), id, None))
        };
        let sentinels = Self { name: name.to_owned(), password, daemons: hosts.iter().map(start).collect() };
        let replicas = primary.info("connected_slaves").parse().expect("a count");
        sentinels.await_known(replicas);
        sentinels
    }

    /// Waits until each running Sentinel knows all the others and `replicas` replicas that are in step.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_known(&self, replicas: usize) {
        let others = (self.daemons.len() - 1).to_string();
        for sentinel in self.daemons.iter().filter(|daemon| daemon.is_running()) {
            until("the Sentinels to know each other and the replicas", PATIENCE, || {
                let primary = ask(sentinel, &["SENTINEL", "MASTER", &self.name])?;
                let all = field(&primary, "num-other-sentinels")? == others;
                let Reply::Array(known) = ask(sentinel, &["SENTINEL", "REPLICAS", &self.name])? else {
                    return None;
                };
                let in_step =
                    |replica: &&Reply| field(replica, "master-link-status").is_some_and(|is| is == "ok");
                (all && known.iter().filter(in_step).count() == replicas).then_some(())
            });
        }
    }

    /// `redis+sentinel://127.0.0.1:PORT,127.0.0.1:PORT,.../NAME`, with the password of the servers that they watch.
    pub fn url(&self) -> String {
        let user = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        let addresses: Vec<String> =
            (0..self.daemons.len()).map(|index| self.address(index).to_string()).collect();
        format!("redis+sentinel://{user}{}/{}", addresses.join(","), self.name)
    }

    /// Where a Sentinel listens.
    pub fn address(&self, sentinel: usize) -> SocketAddr {
        self.daemons[sentinel].address()
    }

    /// Where the primary is, by what more than half of the Sentinels say. Waits until so many agree.
    ///
    /// # Panics
    /// When they do not for a minute.
    pub fn primary(&self) -> SocketAddr {
        until("most Sentinels to agree on a primary", PATIENCE, || self.primary_now())
    }

    /// Waits for a failover: until most Sentinels name another primary than `before`, and it takes writes.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn primary_after(&self, before: SocketAddr) -> SocketAddr {
        until("the Sentinels to make another primary", PATIENCE, || {
            let primary = self.primary_now().filter(|&primary| primary != before)?;
            let mut connection = Resp::connect_within(primary, SHORT).ok()?;
            if let Some(password) = &self.password {
                connection.call(&["AUTH", password]).ok()?;
            }
            connection.call(&["ROLE"]).ok()?.to_string().starts_with("master").then_some(primary)
        })
    }

    fn primary_now(&self) -> Option<SocketAddr> {
        let said: Vec<SocketAddr> =
            self.daemons.iter().filter_map(|sentinel| self.named_by(sentinel)).collect();
        let votes = |address: &SocketAddr| said.iter().filter(|other| *other == address).count();
        said.iter().find(|address| 2 * votes(address) > self.daemons.len()).copied()
    }

    fn named_by(&self, sentinel: &Daemon) -> Option<SocketAddr> {
        let reply = ask(sentinel, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.name])?.to_string();
        let (host, port) = reply.split_once('\n')?;
        format!("{host}:{port}").parse().ok()
    }

    /// Ends a Sentinel on the spot (SIGKILL).
    pub fn kill(&self, sentinel: usize) {
        self.daemons[sentinel].kill();
    }

    /// Stops a Sentinel where it is (SIGSTOP).
    pub fn pause(&self, sentinel: usize) {
        self.daemons[sentinel].pause();
    }

    /// Lets a paused Sentinel go on.
    pub fn resume(&self, sentinel: usize) {
        self.daemons[sentinel].resume();
    }

    /// Starts a Sentinel again after [`Sentinels::kill`], with what it has learned.
    pub fn restart(&self, sentinel: usize) {
        self.daemons[sentinel].restart(|_, id| answers(self.address(sentinel), id, None));
    }

    /// Everything a Sentinel wrote to its log.
    pub fn log(&self, sentinel: usize) -> String {
        self.daemons[sentinel].log()
    }
}

fn ask(sentinel: &Daemon, command: &[&str]) -> Option<Reply> {
    if !sentinel.is_running() {
        return None;
    }
    Resp::connect_within(sentinel.address(), SHORT).ok()?.call(command).ok()
}

/// A value out of names and values that take turns.
fn field(reply: &Reply, name: &str) -> Option<String> {
    let Reply::Array(parts) = reply else { return None };
    let pair = parts.chunks_exact(2).find(|pair| pair[0] == Reply::Text(name.to_owned()))?;
    Some(pair[1].to_string())
}
