//! Faults of MongoDB, and of whole zones.

use std::time::{Duration, Instant};

use hiscore_faults::servers::Mongo;
use hiscore_faults::wait::pause;
use hiscore_faults::{MemoryGroup, SmallDisk};

use crate::brokers::Brokers;
use crate::fault::Fault;
use crate::field::Servers;
use crate::inject::{Broken, await_that, wait_for};
use crate::schedule::Step;
use crate::zones::Zones;

/// Cuts off a zone that a Redis primary is in, with a member of MongoDB, a broker, and processes of ours.
pub(crate) fn break_zone(servers: &Servers, zones: &Zones, step: &Step) -> Broken {
    let zone = servers.ranks.zone(step);
    let begun = Instant::now();
    let end = begun + Duration::from_millis(step.lasts);
    match step.fault {
        Fault::ZoneCut => {
            zones.cut(zone);
            wait_for(end);
            zones.join(zone);
        }
        Fault::ZoneSplit => {
            // MongoDB and the brokers can be reached from both sides: so can a persister of the one that was given up.
            zones.split(zone, &servers.ranks.ports());
            wait_for(end);
            zones.unite(zone);
        }
        _ => {
            zones.slow();
            wait_for(end);
            zones.quicken();
        }
    }
    let healed = match step.fault {
        Fault::ZonesSlow => Instant::now(),
        _ => servers.ranks.rejoin(zone),
    };
    servers.mongo.await_all();
    servers.brokers.iter().for_each(Brokers::await_whole);
    servers.ranks.await_whole();
    Broken { begun, healed }
}

/// Breaks MongoDB until `end`, mends it, and waits until it is whole again, so that the next fault of it is again the loss of one
/// member. When it was healed.
pub(crate) fn break_mongo(mongo: &Mongo, step: &Step, end: Instant) -> Instant {
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
