//! A real Redis Cluster of a test's own.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use super::daemon::PATIENCE;
use super::redis::Redis;
use crate::wait::until;

/// How many hash slots a Cluster has.
const SLOTS: usize = 16_384;

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
        let arguments = ["--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0"];
        let count = primaries * (1 + replicas);
        let nodes: Vec<Redis> = (0..count).map(|_| Redis::in_cluster(&arguments)).collect();
        for (index, node) in nodes.iter().enumerate() {
            // Two that begin with the same epoch take a while to agree whose slots are whose.
            ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index < primaries {
                let first = SLOTS * index / primaries;
                let last = SLOTS * (index + 1) / primaries - 1;
                ok(node, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            }
            if let Some(before) = index.checked_sub(1) {
                let bus = nodes[before].command(&["CONFIG", "GET", "cluster-port"]);
                let bus = bus.lines().last().expect("the port of the bus").to_owned();
                ok(node, &["CLUSTER", "MEET", "127.0.0.1", &nodes[before].port().to_string(), &bus]);
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

    /// Which node serves `key` now.
    ///
    /// # Panics
    /// When none does for a minute.
    pub fn node_of(&self, key: &str) -> usize {
        until("a node of the Cluster to serve a key", PATIENCE, || {
            self.nodes.iter().position(|node| {
                let reply = node.is_running().then(|| node.try_command(&["EXISTS", key]));
                let is_primary =
                    || node.try_command(&["ROLE"]).is_ok_and(|role| role.to_string().starts_with("master"));
                matches!(reply, Some(Ok(super::Reply::Integer(_)))) && is_primary()
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
            ok(source, &["MIGRATE", "127.0.0.1", &target.port().to_string(), &key, "0", "5000"]);
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

/// Does a command that has to succeed.
fn ok(node: &Redis, command: &[&str]) {
    let reply = node.command(command);
    assert_eq!(reply, "OK", "{command:?}");
}
