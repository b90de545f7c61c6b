//! Sentinel makes a replica the primary that lacks the last submissions, while the old one lives on for those who do not
//! know it: nothing that was said to be on a replica or in the store is lost, and nothing counts twice.

use std::time::Duration;

use hiscore_faults::wait::until;

use crate::deployment::{Deployment, PATIENCE, missing};
use crate::load::{Load, Plan};
use crate::wire::{self, Level, Verdict};

#[test]
fn redis_fails_over_to_a_replica_without_the_tail() {
    if missing() {
        return;
    }
    let deployment = Deployment::with_sentinels();
    let (old, new) = (&deployment.redis, deployment.replica.as_ref().unwrap());
    let sentinels = deployment.sentinels.as_ref().unwrap();
    let serve = |roles| deployment.serve_with(roles, &["--redis-wait", "200ms"]);
    let [ingest, idle, persister, cut_off, reader] =
        ["ingest", "ingest", "persist", "persist", "scoreboard"].map(serve);
    let plan = Plan { acks: [None, Some(Level::Persisted)], ..Plan::default() };
    let load = Load::start(plan.clone(), &[&ingest, &idle]);
    load.await_acks(500);
    // From here on the idle one is left alone with the connections that it has.
    load.use_ingests(&[&ingest]);
    load.await_acks(200);

    // The replica loses its primary, so that what comes now is on the old one alone.
    assert_eq!(new.command(&["CONFIG", "SET", "masterauth", "wrong"]), "OK");
    new.command(&["CLIENT", "KILL", "TYPE", "master"]);
    load.await_acks(100);
    cut_off.pause();
    old.pause();
    assert_eq!(sentinels.primary_after(old.address()), new.address());
    load.await_acks(500);
    let mut played = load.stop();

    // The old one goes on as if nothing had been, and nobody tells it otherwise for now.
    (0..3).for_each(|sentinel| sentinels.pause(sentinel));
    old.resume();
    let mut client = idle.client();
    let late: Vec<_> =
        played.account.last().into_iter().map(|(board, entry)| (board, entry.player)).collect();
    let mut levels = Vec::new();
    for (board, player) in late.into_iter().filter(|(board, _)| board != "set").take(20) {
        let entry = played.account.open(&board, player, 500);
        match &wire::submit(&mut client, &board, std::slice::from_ref(&entry), None)[..] {
            [Verdict::Acked(level, ..)] => {
                played.account.acked(&board, &entry, *level);
                levels.push(*level);
            }
            [Verdict::NotApplied(_) | Verdict::Ambiguous(_)] => {}
            other => panic!("{other:?}"),
        }
    }
    println!("the idle one was told {levels:?}");
    // Now the persister that was cut off carries what it finds there, as far as it is let.
    cut_off.resume();
    until("the old primary to be written from, or left", Duration::from_secs(3), || {
        (cut_off.said().contains("another Redis was reconciled") || levels.is_empty()).then_some(())
    });
    (0..3).for_each(|sentinel| sentinels.resume(sentinel));
    // A Sentinel that makes it a replica cuts off whoever talks to it.
    let follows =
        || old.try_command(&["INFO", "replication"]).ok()?.to_string().contains("role:slave").then_some(());
    until("the old primary to follow the new one", PATIENCE, follows);
    old.await_primary();
    new.command(&["CONFIG", "SET", "masterauth", ""]);

    let load = Load::go_on(plan, &[&ingest, &idle], played.account);
    load.await_acks(500);
    let played = load.stop();
    println!("{played}");
    deployment.check_in_the_end(&reader, &persister, &played, Level::Replicated);
}
