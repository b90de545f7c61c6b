//! Those who apply the log die between their steps, and are overtaken by others while they stand still: nothing is left out,
//! and nothing counts twice.

use std::collections::BTreeSet;

use hiscore_faults::wait::until;

use crate::deployment::{Deployment, PATIENCE, SHARDS};
use crate::load::{Load, Plan};
use crate::logged_field::kafka;
use crate::wire::Level;

/// What a process that aborts is ended by.
const SIGABRT: i32 = 6;
/// So that what was read at once is several calls.
const FEW: [&str; 2] = ["--persist-batch", "7"];

#[test]
fn an_applier_dies_before_and_after_a_batch() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let [ingest, server] = ["ingest", "persist,scoreboard"].map(|role| deployment.serve(role));
    // Nobody hears what became of a creation that nobody applies.
    let first = deployment.serve("apply");
    let load = Load::start(Plan { deletes: false, ..Plan::default() }, &[&ingest]);
    load.await_acks(200);
    drop(first.kill());
    for failpoint in
        ["applying", "applied", "applying:2", "applying:9", "applied:2", "applying:30", "applied:12"]
    {
        let mut doomed = deployment.listening("apply", &FEW, &[("HISCORE_FAILPOINT", failpoint)]);
        load.await_acks(100);
        let ended = until("an applier to reach its failpoint", PATIENCE, || {
            (!doomed.is_running()).then(|| doomed.wait())
        });
        assert_eq!(ended.code, Err(SIGABRT), "{failpoint}: {}", ended.said);
    }
    let _applier = deployment.serve("apply");
    load.await_acks(200);
    let played = load.stop();
    println!("{played}");
    deployment.check_in_the_end(&server, &server, &played, Level::Logged);
}

#[test]
fn an_applier_that_stood_still_comes_back_to_shards_that_are_another_s() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let [ingest, server] = ["ingest", "persist,scoreboard"].map(|role| deployment.serve(role));
    let both = ["apply"; 2].map(|role| deployment.serve_with(role, &FEW));
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&ingest]);
    let applied_by = |many: usize| {
        until("the shards to be shared out", PATIENCE, || {
            let holders: BTreeSet<_> =
                (0..SHARDS).map(|shard| deployment.of_shard(shard, "applier")).collect();
            (holders.len() == many && holders.iter().all(|holder| holder.contains('-'))).then_some(())
        });
    };
    for round in 0..4 {
        applied_by(2);
        load.await_acks(100);
        both[round % 2].pause();
        applied_by(1);
        load.await_acks(200);
        // It goes on in the middle of whatever it was doing, some of it long applied.
        both[round % 2].resume();
    }
    load.await_acks(100);
    let played = load.stop();
    println!("{played}");
    deployment.check_in_the_end(&server, &server, &played, Level::Logged);
}
