//! Redis as a primary and a replica under Sentinels, and its faults.

use std::time::{Duration, Instant};

use hiscore_faults::servers::{Host, Redis, Sentinels};
use parking_lot::Mutex;

use crate::fault::Fault;
use crate::inject::{Broken, ahead, await_that, wait_for};
use crate::ranks::tell;
use crate::schedule::Step;

/// How long one that was primary may live on as if it were.
const LINGERS: Duration = Duration::from_secs(3);

/// Sentinels that found nobody to promote do not try again for twice their `failover-timeout`.
const TRIES_AGAIN: Duration = Duration::from_secs(10);

/// The servers.
#[derive(Debug)]
pub(crate) struct Pair {
    /// When both were last gone.
    emptied: Mutex<Option<Instant>>,
    sentinels: Sentinels,
    redis: [Redis; 2],
}

impl Pair {
    /// One server on each of the first two hosts, a Sentinel on each.
    pub(crate) fn start(hosts: &[Host]) -> Self {
        let primary = Redis::on(&hosts[0], &[]);
        let replica = Redis::replica_on(&hosts[1], &primary, &[]);
        let redis = [primary, replica];
        let sentinels = Sentinels::on(hosts, "scores", &redis[0], 2);
        Self { emptied: Mutex::default(), sentinels, redis }
    }

    pub(crate) fn url(&self) -> String {
        self.sentinels.url()
    }

    /// The zone of the primary, once it would be replaced.
    pub(crate) fn zone(&self) -> usize {
        let emptied = *self.emptied.lock();
        emptied.into_iter().for_each(|emptied| wait_for(emptied + TRIES_AGAIN));
        self.primary()
    }

    /// The place of the one that most Sentinels name.
    fn primary(&self) -> usize {
        let address = self.sentinels.primary();
        self.redis.iter().position(|redis| redis.address() == address).expect("one of the two")
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        let sentinels = (0..3).map(|at| self.sentinels.address(at).port());
        sentinels.chain(self.redis.iter().map(|redis| redis.address().port())).collect()
    }

    pub(crate) fn logs(&self) -> Vec<(String, String)> {
        let redis = self.redis.iter().enumerate().map(|(at, redis)| (format!("redis-{at}"), redis.log()));
        redis.chain((0..3).map(|at| (format!("sentinel-{at}"), self.sentinels.log(at)))).collect()
    }

    pub(crate) fn break_some(&self, step: &Step) -> Broken {
        let at = match step.fault {
            Fault::RedisKill | Fault::RedisPause | Fault::RedisClock => self.zone(),
            _ => self.primary(),
        };
        let (primary, replica) = (&self.redis[at], &self.redis[1 - at]);
        if step.fault == Fault::RedisClock {
            // It is right again when that Redis is next started.
            replica.kill();
            replica.restart_at(ahead(step));
            follow(replica, primary);
            self.await_whole();
        }
        let begun = Instant::now();
        let end = begun + Duration::from_millis(step.lasts);
        let healed = match step.fault {
            Fault::RedisKill | Fault::RedisClock => {
                primary.kill();
                wait_for(end);
                // It would come back empty: before there is another primary all would follow it.
                self.sentinels.primary_after(primary.address());
                primary.restart();
                follow(primary, replica);
                Instant::now()
            }
            Fault::RedisPause => {
                primary.pause();
                wait_for(end);
                self.sentinels.primary_after(primary.address());
                primary.resume();
                let healed = Instant::now();
                self.give_up(at);
                healed
            }
            Fault::RedisEmptied => {
                primary.kill();
                replica.kill();
                wait_for(end);
                primary.restart();
                tell(primary, &["REPLICAOF", "NO", "ONE"]);
                let healed = Instant::now();
                *self.emptied.lock() = Some(healed);
                replica.restart();
                follow(replica, primary);
                healed
            }
            Fault::RedisFull => {
                crate::ranks::fill(primary, end);
                Instant::now()
            }
            Fault::FunctionsFlushed => {
                tell(primary, &["FUNCTION", "FLUSH"]);
                Instant::now()
            }
            Fault::ReplicaKill => {
                replica.kill();
                wait_for(end);
                replica.restart();
                follow(replica, primary);
                Instant::now()
            }
            _ => {
                let sentinel = step.target % 3;
                self.sentinels.kill(sentinel);
                wait_for(end);
                self.sentinels.restart(sentinel);
                Instant::now()
            }
        };
        self.await_whole();
        Broken { begun, healed }
    }

    /// One that is back, and was primary before, may still take itself for one: for a while it may, then it is told. Sentinels do
    /// that by themselves, after some 20 s.
    pub(crate) fn give_up(&self, before: usize) {
        wait_for(Instant::now() + LINGERS);
        let now = self.primary();
        if now != before {
            follow(&self.redis[before], &self.redis[now]);
        }
    }

    /// Waits until there is a primary, and a replica in step with it.
    pub(crate) fn await_whole(&self) {
        await_that("Redis to be whole again", || {
            // Sentinels may still change their minds.
            self.redis[1 - self.primary()].is_in_step()
        });
        self.sentinels.await_known(1);
    }
}

fn follow(redis: &Redis, primary: &Redis) {
    tell(redis, &["REPLICAOF", &primary.address().ip().to_string(), &primary.port().to_string()]);
}
