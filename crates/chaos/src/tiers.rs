//! Faults of the servers: Redis and its Sentinels, MongoDB, whole zones.

use std::time::{Duration, Instant};

use hiscore_faults::servers::{Mongo, Redis};
use hiscore_faults::wait::pause;
use hiscore_faults::{MemoryGroup, SmallDisk};

use crate::brokers::Brokers;
use crate::fault::Fault;
use crate::field::Servers;
use crate::inject::{Broken, ahead, await_that, wait_for};
use crate::schedule::Step;
use crate::zones::Zones;

/// How long one that was primary may live on as if it were.
const LINGERS: Duration = Duration::from_secs(3);

/// Breaks a server until `end`, mends it, and waits until its tier is whole again, so that the next fault of it is again the
/// loss of one. When it was healed.
pub(crate) fn break_server(servers: &Servers, step: &Step, end: Instant) -> Instant {
    match step.fault {
        Fault::MongoKill | Fault::MongoPause | Fault::MongoStepDown | Fault::MongoNoQuorum => {
            mongo(&servers.mongo, step, end)
        }
        _ => redis(servers, step, end),
    }
}

fn redis(servers: &Servers, step: &Step, end: Instant) -> Instant {
    let at = servers.primary();
    let (primary, replica) = (&servers.redis[at], &servers.redis[1 - at]);
    let healed = match step.fault {
        Fault::RedisKill => {
            primary.kill();
            wait_for(end);
            // It would come back empty: before there is another primary all would follow it.
            servers.sentinels.primary_after(primary.address());
            primary.restart();
            follow(primary, replica);
            Instant::now()
        }
        Fault::RedisPause => {
            primary.pause();
            wait_for(end);
            servers.sentinels.primary_after(primary.address());
            primary.resume();
            let healed = Instant::now();
            given_up(servers, at);
            healed
        }
        Fault::RedisEmptied => {
            primary.kill();
            replica.kill();
            wait_for(end);
            primary.restart();
            tell(primary, &["REPLICAOF", "NO", "ONE"]);
            let healed = Instant::now();
            replica.restart();
            follow(replica, primary);
            healed
        }
        Fault::RedisFull => {
            let used = primary.info("used_memory");
            tell(primary, &["CONFIG", "SET", "maxmemory", &used]);
            wait_for(end);
            tell(primary, &["CONFIG", "SET", "maxmemory", "0"]);
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
            servers.sentinels.kill(sentinel);
            wait_for(end);
            servers.sentinels.restart(sentinel);
            Instant::now()
        }
    };
    await_redis(servers);
    healed
}

/// The replica starts again with a clock that is wrong by an hour; once it is in step, the primary dies, and the clock that stamps
/// follow jumps. It is right again when that Redis is next started.
pub(crate) fn redis_clock(servers: &Servers, step: &Step) -> Broken {
    let at = servers.primary();
    let (primary, replica) = (&servers.redis[at], &servers.redis[1 - at]);
    replica.kill();
    replica.restart_at(ahead(step));
    follow(replica, primary);
    await_redis(servers);
    let begun = Instant::now();
    primary.kill();
    wait_for(begun + Duration::from_millis(step.lasts));
    servers.sentinels.primary_after(primary.address());
    primary.restart();
    follow(primary, replica);
    let healed = Instant::now();
    await_redis(servers);
    Broken { begun, healed }
}

/// Cuts off the zone that the Redis primary is in, with a member of MongoDB, a broker, and processes of ours.
pub(crate) fn break_zone(servers: &Servers, zones: &Zones, step: &Step, end: Instant) -> Instant {
    let zone = servers.primary();
    match step.fault {
        Fault::ZoneCut => {
            zones.cut(zone);
            wait_for(end);
            zones.join(zone);
        }
        Fault::ZoneSplit => {
            // MongoDB and the brokers can be reached from both sides: so can a persister of the one that was given up.
            let sentinels = (0..3).map(|at| servers.sentinels.address(at).port());
            let redis = servers.redis.iter().map(|redis| redis.address().port());
            zones.split(zone, &sentinels.chain(redis).collect::<Vec<_>>());
            wait_for(end);
            zones.unite(zone);
        }
        _ => {
            zones.slow();
            wait_for(end);
            zones.quicken();
        }
    }
    let healed = Instant::now();
    if step.fault != Fault::ZonesSlow {
        given_up(servers, zone);
    }
    servers.mongo.await_all();
    servers.brokers.iter().for_each(Brokers::await_whole);
    await_redis(servers);
    healed
}

/// One that is back, and was primary before, may still take itself for one: for a while it may, then it is told. Sentinels do
/// that by themselves, after some 20 s.
fn given_up(servers: &Servers, before: usize) {
    wait_for(Instant::now() + LINGERS);
    let now = servers.primary();
    if now != before {
        follow(&servers.redis[before], &servers.redis[now]);
    }
}

/// Waits until there is a primary, and a replica in step with it.
fn await_redis(servers: &Servers) {
    await_that("Redis to be whole again", || {
        // Sentinels may still change their minds.
        servers.redis[1 - servers.primary()].is_in_step()
    });
    servers.sentinels.await_known(1);
}

fn follow(redis: &Redis, primary: &Redis) {
    tell(redis, &["REPLICAOF", &primary.address().ip().to_string(), &primary.port().to_string()]);
}

/// Does a command that must succeed.
fn tell(redis: &Redis, command: &[&str]) {
    let reply = redis.command(command);
    assert!(reply.starts_with("OK"), "{command:?}: {reply}");
}

fn mongo(mongo: &Mongo, step: &Step, end: Instant) -> Instant {
    let primary = mongo.primary();
    match step.fault {
        Fault::MongoKill => {
            mongo.kill(primary);
            wait_for(end);
            mongo.restart(primary);
        }
        Fault::MongoPause => {
            mongo.pause(primary);
            wait_for(end);
            mongo.resume(primary);
        }
        Fault::MongoStepDown => {
            mongo.step_down();
        }
        _ => {
            let killed = [primary, (primary + 1) % 3];
            killed.iter().for_each(|member| mongo.kill(*member));
            wait_for(end);
            killed.iter().for_each(|member| mongo.restart(*member));
        }
    }
    let healed = Instant::now();
    mongo.await_all();
    healed
}

/// The disk of the primary is full: it ends itself, and there is another.
pub(crate) fn mongo_disk_full(mongo: &Mongo, disks: &[SmallDisk], end: Instant) -> Instant {
    let primary = mongo.primary();
    while Instant::now() < end {
        // Again and again, for it lets go of some.
        disks[primary].fill();
        pause();
    }
    disks[primary].release();
    let healed = Instant::now();
    mongo.kill(primary);
    mongo.restart(primary);
    mongo.await_all();
    healed
}

/// The primary wants more memory than there is: the kernel kills it, and there is another.
pub(crate) fn mongo_out_of_memory(mongo: &Mongo, groups: &[MemoryGroup], step: &Step) -> Broken {
    let primary = mongo.primary();
    let group = &groups[primary];
    let before = group.killed();
    await_that("the kernel to kill MongoDB's primary for memory", || {
        group.squeeze();
        group.killed() > before && !mongo.is_running(primary)
    });
    // It goes on for a while with less and less.
    let begun = Instant::now();
    wait_for(begun + Duration::from_millis(step.lasts));
    group.release();
    mongo.restart(primary);
    let healed = Instant::now();
    mongo.await_all();
    Broken { begun, healed }
}
