//! A real Redis Cluster of a test's own.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::time::{Duration, Instant};

use super::daemon::PATIENCE;
use super::host::Host;
use super::redis::Redis;
use crate::wait::{pause, until};

/// How many hash slots a Cluster has.
const SLOTS: usize = 16_384;
/// A replica that is told to take over does so at once, or has no link to the others yet and is told again.
const TAKES_OVER: Duration = Duration::from_secs(1);

/// Several Redis servers that share the keys out among them. A node counts as failed after 2 s.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    primaries: usize,
}

impl RedisCluster {
    /// Starts `primaries` nodes that share the hash slots evenly, and waits until each of them says that all is well.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn start(primaries: usize) -> Self {
        Self::with_replicas(primaries, 0)
    }

    /// Starts it with this many replicas of each primary.
    pub fn with_replicas(primaries: usize, replicas: usize) -> Self {
        Self::on(&[Host::here()], primaries, replicas)
    }

    /// Starts it on these hosts, as many as there are primaries, or one: each has one of the primaries, and no replica of that one.
    pub fn on(hosts: &[Host], primaries: usize, replicas: usize) -> Self {
        let arguments = ["--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0"];
        let count = primaries * (1 + replicas);
        let place = |index: usize| &hosts[(index % primaries + index / primaries) % hosts.len()];
        let nodes: Vec<Redis> = (0..count).map(|index| Redis::in_cluster(place(index), &arguments)).collect();
        for (index, node) in nodes.iter().enumerate() {
            // Two that begin with the same epoch take a while to agree whose slots are whose.
            ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index < primaries {
                let first = SLOTS * index / primaries;
                let last = SLOTS * (index + 1) / primaries - 1;
                ok(node, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            }
            if let Some(before) = index.checked_sub(1) {
                let (ip, port) = (nodes[before].address().ip().to_string(), nodes[before].port().to_string());
                ok(node, &["CLUSTER", "MEET", &ip, &port, &bus_port(&nodes[before]).to_string()]);
            }
        }
        let cluster = Self { nodes, primaries };
        cluster.await_ok();
        for (index, replica) in cluster.nodes.iter().enumerate().skip(primaries) {
            let primary = cluster.nodes[index % primaries].command(&["CLUSTER", "MYID"]);
            ok(replica, &["CLUSTER", "REPLICATE", &primary]);
        }
        cluster.nodes.iter().skip(primaries).for_each(Redis::await_primary);
        cluster.await_ok();
        cluster
    }

    /// `redis-cluster://127.0.0.1:PORT,127.0.0.1:PORT,...`
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        format!("redis-cluster://{}", addresses.join(","))
    }

    /// Its nodes: first those that began as primaries, then the replicas, of which number n follows primary
    /// n modulo the count of primaries.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// All ports that are in use: those for clients, and those by which the nodes talk to each other.
    ///
    /// # Panics
    /// When a node does not answer.
    pub fn ports(&self) -> Vec<u16> {
        self.nodes.iter().flat_map(|node| [node.port(), bus_port(node)]).collect()
    }

    /// Whether a node says that it is a primary.
    pub fn is_primary(&self, node: usize) -> bool {
        let role = |node: &Redis| node.try_command(&["ROLE"]).ok();
        let node = &self.nodes[node];
        node.is_running() && role(node).is_some_and(|role| role.to_string().starts_with("master"))
    }

    /// Has those be primaries again that began as such, one after another, without losing anything.
    ///
    /// # Panics
    /// When a node does not run, or that takes more than a minute.
    pub fn give_back(&self) {
        for (index, node) in self.nodes.iter().enumerate().take(self.primaries) {
            until("a node of the Cluster to be primary again", PATIENCE, || {
                if !self.is_primary(index) && node.is_in_step() {
                    // It may not have heard yet who its primary is, and says so.
                    let told = node.command(&["CLUSTER", "FAILOVER"]);
                    let deadline = Instant::now() + TAKES_OVER;
                    while told == "OK" && !self.is_primary(index) && Instant::now() < deadline {
                        pause();
                    }
                }
                self.is_primary(index).then_some(())
            });
        }
        self.nodes.iter().skip(self.primaries).for_each(Redis::await_primary);
        self.await_ok();
    }

    /// Which node serves `key` now.
    ///
    /// # Panics
    /// When none does for a minute.
    pub fn node_of(&self, key: &str) -> usize {
        until("a node of the Cluster to serve a key", PATIENCE, || {
            (0..self.nodes.len()).find(|index| {
                let node = &self.nodes[*index];
                let reply = node.is_running().then(|| node.try_command(&["EXISTS", key]));
                matches!(reply, Some(Ok(super::Reply::Integer(_)))) && self.is_primary(*index)
            })
        })
    }

    /// Moves a slot from the node that serves it to node `to`, as a live reshard does, one key at a time: `next` is told the
    /// keys that are left and chooses which of them goes, whenever it likes; `None` leaves it at that, half moved. Done again
    /// it is completed.
    ///
    /// # Panics
    /// When a step of it is refused.
    pub fn move_slot(&self, slot: u16, to: usize, mut next: impl FnMut(&[String]) -> Option<String>) {
        // By what each says of itself: one that a slot is being moved to does not learn who else took it over.
        let serves = |node: &Redis| {
            if !node.is_running() {
                return false;
            }
            let nodes = node.command(&["CLUSTER", "NODES"]);
            let own = nodes.lines().find(|line| line.contains("myself,master")).unwrap_or_default();
            let ranges = own.split(' ').skip(8).map(|range| range.split_once('-').unwrap_or((range, range)));
            let mut bounds = ranges.map(|(first, last)| (first.parse::<u16>(), last.parse::<u16>()));
            bounds.any(|bounds| matches!(bounds, (Ok(first), Ok(last)) if (first..=last).contains(&slot)))
        };
        let from = until("a slot to be served", PATIENCE, || self.nodes.iter().position(serves));
        let slot = slot.to_string();
        let names = [from, to].map(|node| self.nodes[node].command(&["CLUSTER", "MYID"]));
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        until("the next node of a slot to know the present one", PATIENCE, || {
            let known = target.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &names[0]]) == "OK";
            let is_well = || target.command(&["CLUSTER", "INFO"]).starts_with("cluster_state:ok");
            (known && is_well()).then_some(())
        });
        ok(target, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &names[0]]);
        ok(source, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &names[1]]);
        loop {
            let keys = source.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]);
            let keys: Vec<String> = keys.lines().map(str::to_owned).collect();
            if keys.is_empty() {
                break;
            }
            let Some(key) = next(&keys) else { return };
            let (ip, port) = (target.address().ip().to_string(), target.port().to_string());
            let migrate = ["MIGRATE", &ip, &port, &key, "0", "5000", "REPLACE"];
            let mut moved = source.command(&migrate[..6]);
            if moved.contains("BUSYKEY") {
                // It went before, and whoever took over had not been told.
                moved = source.command(&migrate);
            }
            // One that is kept for a while only may just have gone.
            assert!(matches!(&*moved, "OK" | "NOKEY"), "{key}: {moved}");
        }
        // The new one first, so that there is always somebody who serves it.
        ok(target, &["CLUSTER", "SETSLOT", &slot, "NODE", &names[1]]);
        ok(source, &["CLUSTER", "SETSLOT", &slot, "NODE", &names[1]]);
    }

    /// The slot of a key.
    ///
    /// # Panics
    /// When no node answers.
    pub fn slot_of(&self, key: &str) -> u16 {
        let node = self.nodes.iter().find(|node| node.is_running()).expect("a node that runs");
        node.command(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot")
    }

    /// Waits until every running node knows all the others and says that all slots are served.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_ok(&self) {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        let size = format!("cluster_size:{}", self.primaries);
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            until("a node of the Cluster to be well", PATIENCE, || {
                let info = node.try_command(&["CLUSTER", "INFO"]).ok()?.to_string();
                let has = |wanted: &str| info.lines().any(|line| line == wanted);
                (has("cluster_state:ok") && has(&known) && has(&size)).then_some(())
            });
        }
    }
}

/// The port by which others of the Cluster talk to a node.
fn bus_port(node: &Redis) -> u16 {
    let answer = node.command(&["CONFIG", "GET", "cluster-port"]);
    answer.lines().last().and_then(|port| port.parse().ok()).expect("the port of the bus")
}

/// Does a command that has to succeed.
fn ok(node: &Redis, command: &[&str]) {
    let reply = node.command(command);
    assert_eq!(reply, "OK", "{command:?}");
}
