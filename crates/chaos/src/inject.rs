//! How each fault is done and undone.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use hiscore_faults::servers;
use hiscore_faults::wait::{pause, until};

use crate::fault::{Fault, Profile, Tier};
use crate::field::Field;
use crate::ours::Ours;
use crate::schedule::Step;

/// For what a server does by itself on a busy machine, before it is whole again.
const PATIENCE: Duration = Duration::from_secs(90);
/// Connections that are opened at once.
const MANY: usize = 5_000;
/// A clock that is wrong is wrong by so many seconds.
const HOUR: i64 = 3_600;
/// What goes slowly stands still for this long, and goes on for as long.
const HALT: Duration = Duration::from_millis(60);

/// By how many seconds a clock is wrong.
pub(crate) fn ahead(step: &Step) -> i64 {
    if step.lasts.is_multiple_of(2) { HOUR } else { -HOUR }
}

/// Waits until `end`.
pub(crate) fn wait_for(end: Instant) {
    while Instant::now() < end {
        pause();
    }
}

/// When something was broken, which may be a while after that was begun, and when it was mended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken {
    pub(crate) begun: Instant,
    pub(crate) healed: Instant,
}

/// Breaks something, waits as long as the step says, and mends it. What `Err` says could not be done on this machine; nothing
/// was then.
pub(crate) fn carry_out(field: &Field, step: &Step) -> Result<Broken, String> {
    let begun = Instant::now();
    if step.fault == Fault::MongoOom {
        let servers = field.servers();
        let groups = servers.groups.as_ref().map_err(Clone::clone)?;
        return Ok(crate::tiers::mongo_out_of_memory(&servers.mongo, groups, step));
    }
    if step.fault == Fault::RedisClock && servers::missing("libfaketime") {
        return Err("no libfaketime; run scripts/servers.sh".to_owned());
    }
    if step.fault.about().tier == Tier::Zone {
        let zones = field.zones.as_ref().map_err(Clone::clone)?;
        return Ok(crate::tiers::break_zone(field.servers(), zones, step));
    }
    if step.fault.about().tier == Tier::Redis {
        return Ok(field.servers().ranks.break_some(step));
    }
    if let (Tier::Brokers, Some(servers)) = (step.fault.about().tier, &field.servers)
        && let Some(brokers) = &servers.brokers
    {
        return Ok(brokers.break_some(step));
    }
    Ok(Broken { begun, healed: break_at_once(field, step)? })
}

/// What is broken as soon as that is begun; when it was mended.
fn break_at_once(field: &Field, step: &Step) -> Result<Instant, String> {
    let end = Instant::now() + Duration::from_millis(step.lasts);
    let ours = &field.ours[step.target % field.ours.len()];
    let link = &field.links[step.target % field.links.len()];
    match step.fault {
        Fault::Kill => {
            ours.kill();
            wait_for(end);
            ours.start(0);
        }
        Fault::Pause => {
            ours.pause();
            wait_for(end);
            ours.resume();
        }
        Fault::Roll => roll(field, None),
        Fault::Upgrade => roll(field, Some(&field.binary)),
        Fault::Clock => {
            let ahead = ahead(step);
            ours.stop();
            ours.start(ahead);
            wait_for(end);
            ours.stop();
            ours.start(0);
        }
        Fault::Handles => return handles(field, step, end),
        Fault::LostReplies => {
            link.swallow_replies(true);
            wait_for(end);
            link.heal();
        }
        Fault::Reset => {
            // Cut for moments: all that is under way is lost each time.
            while Instant::now() < end {
                link.cut();
                link.heal();
                wait_for((Instant::now() + HALT).min(end));
            }
        }
        Fault::HalfOpen => {
            link.stall();
            wait_for(end);
            link.heal();
        }
        Fault::SlowLink => {
            in_halts(end, || link.stall(), || link.unstall());
            link.heal();
        }
        Fault::DiskFull => {
            let disk = field.disk.as_ref().map_err(Clone::clone)?;
            disk.fill();
            wait_for(end);
            disk.release();
        }
        Fault::MongoDiskFull => {
            let servers = field.servers();
            let disks = servers.disks.as_ref().map_err(Clone::clone)?;
            return Ok(crate::tiers::mongo_disk_full(&servers.mongo, disks, end));
        }
        _ => return Ok(crate::tiers::break_mongo(&field.servers().mongo, step, end)),
    }
    let healed = Instant::now();
    if matches!(step.fault, Fault::Kill | Fault::Clock) && field.profile != Profile::Embedded {
        ours.await_ready();
    }
    Ok(healed)
}

/// Each process ends in order and starts again, one after another; perhaps as another build.
fn roll(field: &Field, upgrade: Option<&Path>) {
    for one in &field.ours {
        one.stop();
        upgrade.iter().for_each(|binary| one.upgrade(binary));
        one.start(0);
        one.await_ready();
    }
}

/// Stands still, goes on, and so on.
pub(crate) fn in_halts(end: Instant, stop: impl Fn(), go_on: impl Fn()) {
    while Instant::now() < end {
        stop();
        wait_for(Instant::now() + HALT);
        go_on();
        wait_for((Instant::now() + HALT).min(end));
    }
}

/// One that takes submissions has a few handles left, and very many connect to it at once.
fn handles(field: &Field, step: &Step, end: Instant) -> Result<Instant, String> {
    let takes = |one: &&Ours| matches!(one.roles, "all" | "ingest");
    let all: Vec<_> = field.ours.iter().filter(takes).collect();
    let one = all[step.target % all.len()];
    let before = one.few_handles(20).ok_or("its limit of file handles cannot be set")?;
    let address = one.address;
    let connect = || {
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        (0..MANY / 10).take_while(|_| Instant::now() < end).filter_map(connect).collect::<Vec<_>>()
    };
    let open: Vec<Vec<TcpStream>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(connect)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    wait_for(end);
    drop(open);
    one.give_handles(before);
    Ok(Instant::now())
}

/// Waits for something with the patience of a busy machine.
pub(crate) fn await_that(what: &str, is_so: impl Fn() -> bool) {
    until(what, PATIENCE, || is_so().then_some(()));
}
