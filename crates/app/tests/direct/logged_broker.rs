//! The brokers of the log die or stand still under load: what they confirmed is there, once, in its order.

use hiscore_faults::wait::until;

use crate::deployment::{Deployment, PATIENCE, outage};
use crate::load::{Load, Plan};
use crate::logged_field::{Roles, kafka, rabbitmq};

/// Whoever repeats a deletion that nobody answered may delete what came after it; so there are none here.
fn plan() -> Plan {
    Plan { rate: Some(400), ..Plan::default() }
}

fn refusals(load: &Load) {
    let before = load.refusals();
    until("a refusal", PATIENCE, || (load.refusals() > before).then_some(()));
}

#[test]
fn the_only_broker_is_killed_and_comes_back() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let played = roles.play(plan(), |load| {
        deployment.kafka().kill(0);
        refusals(load);
        deployment.kafka().restart(0);
    });
    roles.check(&deployment, &played);
}

#[test]
fn of_three_brokers_one_is_killed() {
    let Some(broker) = kafka(3) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let kafka = deployment.kafka();
    let played = roles.play(plan(), |load| {
        let leader = kafka.leader("scores.g1", 0);
        kafka.kill(leader);
        load.await_acks(300);
        // What two of three confirmed is there for who reads now, too.
        deployment.redis.kill();
        deployment.redis.restart();
        load.await_acks(300);
        kafka.restart(leader);
    });
    roles.check(&deployment, &played);
}

#[test]
fn a_broker_stands_still() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let played = roles.play(plan(), |load| {
        deployment.kafka().pause(0);
        load.play_for(outage(6, 20));
        deployment.kafka().resume(0);
    });
    assert!(played.refusals > 0, "nobody was refused while nothing could be appended");
    roles.check(&deployment, &played);
}

#[test]
fn rabbitmq_stands_still_and_is_killed() {
    let Some(broker) = rabbitmq() else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let played = roles.play(plan(), |load| {
        deployment.rabbitmq().pause();
        load.play_for(outage(6, 20));
        deployment.rabbitmq().resume();
        load.await_acks(300);
        deployment.rabbitmq().kill();
        refusals(load);
        deployment.rabbitmq().restart();
    });
    assert!(played.refusals > 0, "nobody was refused while nothing could be appended");
    roles.check(&deployment, &played);
}
