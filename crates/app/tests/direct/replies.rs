//! The store does what it is told and nobody hears of it: the primary steps down, or the answer is lost on the way.

use std::time::Duration;

use hiscore_faults::servers::Proxy;

use crate::deployment::{Deployment, missing, process};
use crate::load::{Load, Plan};
use crate::wire::Level;

#[test]
fn the_primary_of_mongodb_steps_down_in_the_middle() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(3);
    let server = deployment.serve("all");
    let plan = Plan { acks: [None, Some(Level::Persisted)], ..Plan::default() };
    let load = Load::start(plan, &[&server]);
    for _ in 0..2 {
        load.await_acks(400);
        deployment.mongo.step_down();
    }
    load.await_acks(400);
    let played = load.stop();
    println!("{played}");
    assert_eq!(played.refusals, 0, "an election is nothing that a game notices");
    deployment.check(&server, &server, &played, Level::Ranked);
}

#[test]
fn answers_of_mongodb_are_lost_after_the_work_was_done() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let proxy = Proxy::start(deployment.mongo.address(0));
    let mongo = format!("mongodb://{}/?directConnection=true", proxy.address());
    let server = process(&deployment.redis_url(), &mongo, "all", &[], &[]).unwrap().ready();
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&server]);
    for _ in 0..6 {
        load.await_acks(150);
        let before = proxy.swallowed();
        proxy.swallow_replies(true);
        load.play_for(Duration::from_millis(300));
        proxy.swallow_replies(false);
        println!("{} answers lost", proxy.swallowed() - before);
    }
    assert!(proxy.swallowed() > 0, "nothing was lost");
    // And the network as a whole, in the middle of whatever is under way.
    for _ in 0..2 {
        load.await_acks(150);
        proxy.cut();
        load.await_acks(150);
        proxy.heal();
    }
    let played = load.stop();
    println!("{played}");
    deployment.check(&server, &server, &played, Level::Ranked);
}
