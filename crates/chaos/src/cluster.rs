//! Redis as a Cluster of three primaries with a replica each, and its faults.
//!
//! Every zone has one primary, and the replica of another zone's. So the loss of a zone leaves a server of every shard, and
//! two primaries of three, which is what it takes to put the replica in its place. After that one zone has two primaries, and its loss
//! would leave too few: as an operator would, the nemesis gives the place back to the one that had it before.

use std::time::{Duration, Instant};

use hiscore_faults::servers::{Host, Redis, RedisCluster};
use parking_lot::Mutex;

use crate::fault::{Fault, NODE_TIMEOUT};
use crate::field::SHARDS;
use crate::inject::{Broken, ahead, await_that, wait_for};
use crate::ranks::{fill, tell};
use crate::schedule::Step;
use crate::zones::ZONES;

/// A replica that stood for election does not stand again for so long.
const STANDS_AGAIN: Duration = Duration::from_millis(4 * NODE_TIMEOUT);

/// The servers.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// First the primaries, then the replica of each.
    all: RedisCluster,
    /// When the replica of each was last seen in its place.
    stood: Mutex<[Option<Instant>; ZONES]>,
}

impl Cluster {
    /// A primary on each host, its replica on the next.
    pub(crate) fn start(hosts: &[Host]) -> Self {
        Self { all: RedisCluster::on(hosts, ZONES, 1), stood: Mutex::default() }
    }

    pub(crate) fn url(&self) -> String {
        self.all.url()
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.all.ports()
    }

    pub(crate) fn logs(&self) -> Vec<(String, String)> {
        self.all.nodes().iter().enumerate().map(|(at, redis)| (format!("redis-{at}"), redis.log())).collect()
    }

    /// The zone of the primary of a shard, once its replica would stand for election: two failovers of the same that are seconds
    /// apart are no single fault.
    pub(crate) fn zone(&self, step: &Step) -> usize {
        // While all is well it is one of the first three.
        let at = self.all.node_of(&first_key(step)) % ZONES;
        let stood = self.stood.lock()[at];
        stood.into_iter().for_each(|stood| wait_for(stood + STANDS_AGAIN));
        at
    }

    pub(crate) fn break_some(&self, step: &Step) -> Broken {
        let at = self.zone(step);
        let (primary, replica) = (&self.all.nodes()[at], &self.all.nodes()[at + ZONES]);
        if step.fault == Fault::RedisClock {
            // It is right again when that Redis is next started.
            replica.kill();
            replica.restart_at(ahead(step));
            self.await_whole();
        }
        let begun = Instant::now();
        let end = begun + Duration::from_millis(step.lasts);
        match step.fault {
            Fault::RedisKill | Fault::RedisClock => {
                primary.kill();
                wait_for(end);
                // Who restarts before it is replaced comes back empty, and its replica would follow it.
                self.await_promoted(at + ZONES);
                primary.restart();
            }
            Fault::RedisPause => {
                primary.pause();
                wait_for(end);
                self.await_promoted(at + ZONES);
                primary.resume();
            }
            Fault::ClusterFailover => {
                tell(replica, &["CLUSTER", "FAILOVER"]);
                self.await_promoted(at + ZONES);
                wait_for(end);
            }
            Fault::ReshardBroken => {
                // Half of a shard is at the next primary when its own dies, and all of it waits until somebody completes that.
                self.reshard(step, 2);
                primary.kill();
                wait_for(end);
                self.await_promoted(at + ZONES);
                primary.restart();
                // It takes itself for the one that has the slot until it is told.
                primary.await_primary();
                self.reshard(step, 1);
            }
            Fault::ReplicaKill => {
                replica.kill();
                wait_for(end);
                replica.restart();
            }
            _ => {
                let healed = self.break_and_heal(step, primary, replica, end);
                self.await_whole();
                return Broken { begun, healed };
            }
        }
        // The place is given back, which is the last that anybody has to wait for.
        Broken { begun, healed: self.await_whole() }
    }

    /// What leaves the places as they are. When it was healed.
    fn break_and_heal(&self, step: &Step, primary: &Redis, replica: &Redis, end: Instant) -> Instant {
        match step.fault {
            Fault::RedisEmptied => {
                // A third of the slots has no copy any more.
                primary.kill();
                replica.kill();
                wait_for(end);
                primary.restart();
                let healed = Instant::now();
                replica.restart();
                return healed;
            }
            Fault::RedisFull => fill(primary, end),
            Fault::ClusterReshard => self.reshard(step, 1),
            // Of functions.
            _ => tell(primary, &["FUNCTION", "FLUSH"]),
        }
        Instant::now()
    }

    /// Moves the slot of a shard to another primary, key by key, within the time that the step lasts: all of it, or one key of so
    /// many, and leaves it at that.
    fn reshard(&self, step: &Step, one_of: usize) {
        let first = first_key(step);
        let from = self.all.node_of(&first);
        let to = (from + 1 + step.target % 2) % ZONES;
        let mut all = None;
        self.all.move_slot(self.all.slot_of(&first), to, |left| {
            let all = *all.get_or_insert(left.len());
            if left.len() <= all - all / one_of {
                return None;
            }
            wait_for(Instant::now() + Duration::from_millis(step.lasts / all.max(1) as u64));
            // What all functions look at first goes first, or whenever its turn comes.
            let key = left.iter().find(|key| **key == first && step.lasts.is_multiple_of(2));
            Some(key.unwrap_or(&left[0]).clone())
        });
    }

    /// Waits until a replica has taken over.
    fn await_promoted(&self, node: usize) {
        await_that("the Cluster to make a replica a primary", || self.all.is_primary(node));
    }

    /// Waits until every primary has its place and a replica in step. When that was so of all places.
    pub(crate) fn await_whole(&self) -> Instant {
        await_that("the Cluster to have a primary and a replica of every slot", || {
            (0..ZONES).all(|at| {
                let pair = [at, at + ZONES];
                let in_step = |node: usize| self.all.nodes()[node].is_in_step();
                pair.iter().filter(|node| self.all.is_primary(**node)).count() == 1
                    && pair.iter().any(|node| !self.all.is_primary(*node) && in_step(*node))
            })
        });
        self.all.await_ok();
        for (at, stood) in self.stood.lock().iter_mut().enumerate() {
            if !self.all.is_primary(at) {
                *stood = Some(Instant::now());
            }
        }
        self.all.give_back();
        Instant::now()
    }
}

/// The key by which all others of a shard are found.
fn first_key(step: &Step) -> String {
    format!("{{hiscore:{}}}:m", step.target % usize::from(SHARDS))
}
