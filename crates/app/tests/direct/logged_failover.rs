//! A replica of Redis that lacks the last submissions becomes the primary: the log gives it what it lacks, and each
//! submission counts once, whether the store was ahead of the replica or behind it.

use hiscore_faults::wait::until;

use crate::deployment::{Deployment, PATIENCE, gauge};
use crate::load::{Load, Plan};
use crate::logged_field::{Roles, kafka};
use crate::wire::Level;

fn plan() -> Plan {
    Plan { deletes: true, acks: [None, Some(Level::Persisted)], ..Plan::default() }
}

/// From now on the replica gets nothing.
fn cut_off(deployment: &Deployment) {
    let replica = deployment.replica.as_ref().unwrap();
    assert_eq!(replica.command(&["CONFIG", "SET", "masterauth", "wrong"]), "OK");
    replica.command(&["CLIENT", "KILL", "TYPE", "master"]);
    until("the replica to be alone", PATIENCE, || {
        (replica.info("master_link_status") == "down").then_some(())
    });
}

fn fail_over(deployment: &Deployment) {
    let (old, new) = (&deployment.redis, deployment.replica.as_ref().unwrap());
    old.kill();
    let primary = deployment.sentinels.as_ref().unwrap().primary_after(old.address());
    assert_eq!(primary, new.address());
}

#[test]
fn the_new_primary_is_behind_the_store() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::with_sentinels().behind(broker);
    let roles = Roles::start(&deployment);
    let played = roles.play(plan(), |load| {
        cut_off(&deployment);
        load.await_acks(400);
        fail_over(&deployment);
    });
    roles.check(&deployment, &played);
}

#[test]
fn the_new_primary_is_ahead_of_the_store() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::with_sentinels().behind(broker);
    let roles = Roles::start(&deployment);
    let plan = Plan { acks: [None; 2], ..plan() };
    let played = roles.play(plan, |load| {
        deployment.mongo.pause(0);
        load.await_acks(200);
        cut_off(&deployment);
        load.await_acks(200);
        fail_over(&deployment);
        deployment.mongo.resume(0);
    });
    roles.check(&deployment, &played);
    let rewinds = gauge(&mut roles.applier.client(), "hiscore_apply_rewinds_total");
    println!("{rewinds:?} rewinds");
}

/// A copy of Redis from a while ago, put in place of the present one: it is of the same replication, and nobody notices
/// anything but the offsets.
#[test]
fn redis_comes_back_as_it_was_a_while_ago() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let redis = &deployment.redis;
    let played = roles.play(plan(), |load: &Load| {
        assert_eq!(redis.command(&["SAVE"]), "OK");
        load.await_acks(400);
        redis.kill();
        redis.restart();
    });
    roles.check(&deployment, &played);
}
