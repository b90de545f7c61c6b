//! Persisters die between any two of their steps, and are overtaken by others while they stand still.

use hiscore_faults::wait::until;
use hiscore_faults::{Client, Process};

use crate::deployment::{Deployment, PATIENCE, SHARDS, gauge, missing};
use crate::load::{Load, Plan};
use crate::wire::Level;

/// What a process that aborts is ended by.
const SIGABRT: i32 = 6;

fn dies(mut doomed: Process) {
    let ended = until("a persister to reach its failpoint", PATIENCE, || {
        (!doomed.is_running()).then(|| doomed.wait())
    });
    assert_eq!(ended.code, Err(SIGABRT), "{}", ended.said);
}

#[test]
fn a_persister_dies_between_any_two_steps_of_the_funnel() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("ingest,scoreboard");
    // A shard is opened by the first persister there is, and without that nothing can be played.
    let first = deployment.serve("persist");
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&server]);
    load.await_acks(200);
    drop(first.kill());
    for step in ["claimed", "written", "advanced", "cleared"] {
        for nth in [1, 4] {
            dies(deployment.doomed("persist", &format!("{step}:{nth}")));
        }
    }
    let persister = deployment.serve("persist");
    load.await_acks(200);
    let played = load.stop();
    println!("{played}");
    deployment.check(&server, &persister, &played, Level::Ranked);
}

#[test]
fn a_persister_dies_between_any_two_steps_of_a_reconcile() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("ingest,scoreboard");
    let persister = deployment.serve("persist");
    let load = Load::start(Plan::default(), &[&server]);
    load.await_acks(1500);
    let played = load.stop();
    deployment.check(&server, &persister, &played, Level::Ranked);
    drop(persister.kill());

    deployment.redis.kill();
    deployment.redis.restart();
    for step in ["surveyed", "epoch-opened", "installed", "installed:2", "merged"] {
        dies(deployment.doomed("persist", step));
    }
    let persister = deployment.serve("persist");
    // Everything was in the store, so everything comes back.
    deployment.check(&server, &persister, &played, Level::Ranked);
    let load = Load::go_on(Plan::default(), &[&server], played.account);
    load.await_acks(500);
    let played = load.stop();
    println!("{played}");
    deployment.check(&server, &persister, &played, Level::Ranked);
}

#[test]
fn a_persister_that_stood_still_comes_back_to_shards_that_are_another_s() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("ingest,scoreboard");
    let both = [deployment.serve("persist"), deployment.serve("persist")];
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&server]);
    let owns = |persister: &Process, shards: u16| {
        let mut scrape = persister.client();
        until("the shards to be shared out", PATIENCE, || {
            shards_of(&mut scrape).filter(|owned| *owned == shards)
        });
    };
    for round in 0..4 {
        both.iter().for_each(|persister| owns(persister, SHARDS / 2));
        load.await_acks(100);
        let (still, other) = (&both[round % 2], &both[(round + 1) % 2]);
        still.pause();
        owns(other, SHARDS);
        load.await_acks(200);
        // It goes on in the middle of whatever it was doing.
        still.resume();
    }
    both.iter().for_each(|persister| owns(persister, SHARDS / 2));
    let played = load.stop();
    println!("{played}");
    deployment.check(&server, &both[0], &played, Level::Ranked);
}

fn shards_of(scrape: &mut Client) -> Option<u16> {
    gauge(scrape, "hiscore_shards_owned").map(|shards| shards as u16)
}
