//! Redis as a profile has it: a primary and a replica under Sentinels, or a Cluster.

use std::time::Instant;

use hiscore_faults::servers::{Host, Redis};

use crate::cluster::Cluster;
use crate::fault::Profile;
use crate::inject::{Broken, wait_for};
use crate::pair::Pair;
use crate::schedule::Step;

/// The servers.
#[derive(Debug)]
pub(crate) enum Ranks {
    Pair(Box<Pair>),
    Cluster(Cluster),
}

impl Ranks {
    /// Those of a profile.
    pub(crate) fn start(profile: Profile, hosts: &[Host]) -> Self {
        match profile {
            Profile::DirectCluster => Self::Cluster(Cluster::start(hosts)),
            _ => Self::Pair(Box::new(Pair::start(hosts))),
        }
    }

    /// As `--redis-url` takes it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Pair(pair) => pair.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    /// Everything that they wrote, by name.
    pub(crate) fn logs(&self) -> Vec<(String, String)> {
        match self {
            Self::Pair(pair) => pair.logs(),
            Self::Cluster(cluster) => cluster.logs(),
        }
    }

    /// A zone that has a primary, which would be replaced by now.
    pub(crate) fn zone(&self, step: &Step) -> usize {
        match self {
            Self::Pair(pair) => pair.zone(),
            Self::Cluster(cluster) => cluster.zone(step),
        }
    }

    /// All ports by which they are reached, and reach each other.
    pub(crate) fn ports(&self) -> Vec<u16> {
        match self {
            Self::Pair(pair) => pair.ports(),
            Self::Cluster(cluster) => cluster.ports(),
        }
    }

    /// Breaks something, mends it, and waits until they are whole again, so that the next fault is again the loss of one.
    pub(crate) fn break_some(&self, step: &Step) -> Broken {
        match self {
            Self::Pair(pair) => pair.break_some(step),
            Self::Cluster(cluster) => cluster.break_some(step),
        }
    }

    /// A zone was cut off and is back: waits until they are whole again. When nothing was in the way of writes any more.
    pub(crate) fn rejoin(&self, zone: usize) -> Instant {
        match self {
            Self::Pair(pair) => {
                let healed = Instant::now();
                pair.give_up(zone);
                pair.await_whole();
                healed
            }
            Self::Cluster(cluster) => cluster.await_whole(),
        }
    }

    /// Waits until they are whole.
    pub(crate) fn await_whole(&self) {
        match self {
            Self::Pair(pair) => pair.await_whole(),
            Self::Cluster(cluster) => drop(cluster.await_whole()),
        }
    }
}

/// Lets a server have no more memory than it uses, until `end`.
pub(crate) fn fill(redis: &Redis, end: Instant) {
    let used = redis.info("used_memory");
    tell(redis, &["CONFIG", "SET", "maxmemory", &used]);
    wait_for(end);
    tell(redis, &["CONFIG", "SET", "maxmemory", "0"]);
}

/// Does a command that must succeed.
pub(crate) fn tell(redis: &Redis, command: &[&str]) {
    let reply = redis.command(command);
    assert!(reply.starts_with("OK"), "{command:?}: {reply}");
}
