//! Without a mistake nothing is found: explored to the end.

use hiscore_model::bounds::{Bounds, Faults};
use hiscore_model::explore::explore;
use hiscore_model::promise::broken;
use hiscore_model::world::Direct;
use hiscore_score::Operator;

const NONE: Faults =
    Faults { crash: 0, expire: 0, failover: 0, rejoin: 0, restart: 0, empty: 0, refuse: 0, restore: 0 };

fn keeps_every_promise(name: &str, bounds: Bounds) {
    let explored = explore(Direct(bounds.clone()), 2);
    let (states, depth, seconds) = (explored.states, explored.depth, explored.took.as_secs_f64());
    println!("{name}: {states} states, {depth} deep, {seconds:.1} s");
    if let Some((actions, world)) = explored.broken {
        panic!("{name}: {:?} after {actions:?}\n{world:#?}", broken(&world, &bounds));
    }
}

/// One player, two submissions, the first of which is sent twice.
fn one(operator: Operator) -> Bounds {
    Bounds::new(operator).submit(0, 3, 2).submit(0, 5, 1)
}

#[test]
fn persisters_die_and_lose_leases_and_the_store_refuses_records() {
    let faults = Faults { crash: 1, expire: 1, refuse: 1, ..NONE };
    let bounds = one(Operator::Increment).submit(1, 1, 1).bulk(1);
    keeps_every_promise("persisters", bounds.faults(faults));
}

#[test]
fn leases_go_back_and_forth() {
    let faults = Faults { crash: 1, expire: 2, ..NONE };
    keeps_every_promise("leases", one(Operator::Increment).faults(faults));
}

#[test]
fn redis_fails_over_while_persisters_die() {
    let faults = Faults { failover: 1, crash: 1, ..NONE };
    keeps_every_promise("failover, crash", one(Operator::Increment).faults(faults));
}

#[test]
fn redis_fails_over_while_leases_run_out() {
    let faults = Faults { failover: 1, expire: 1, ..NONE };
    keeps_every_promise("failover, expiry", one(Operator::Increment).faults(faults));
}

#[test]
fn redis_fails_over_and_restarts() {
    let faults = Faults { failover: 1, restart: 1, ..NONE };
    keeps_every_promise("failover, restart", one(Operator::Increment).faults(faults));
}

#[test]
fn redis_fails_over_and_back() {
    let faults = Faults { failover: 2, rejoin: 1, ..NONE };
    for operator in [Operator::Increment, Operator::Best, Operator::Set] {
        keeps_every_promise(&format!("{operator:?}, there and back"), one(operator).faults(faults));
    }
}

#[test]
fn redis_fails_over_under_a_deletion() {
    let faults = Faults { failover: 1, ..NONE };
    for operator in [Operator::Increment, Operator::Best, Operator::Set] {
        keeps_every_promise(&format!("{operator:?}, deletion"), one(operator).delete(0, 1).faults(faults));
    }
}

#[test]
fn redis_is_emptied() {
    let faults = Faults { empty: 1, restart: 1, expire: 1, ..NONE };
    keeps_every_promise("emptied", one(Operator::Increment).faults(faults));
    let faults = Faults { empty: 1, crash: 1, ..NONE };
    let bounds = one(Operator::Increment).delete(0, 1);
    keeps_every_promise("emptied, deletion", bounds.faults(faults));
}

#[test]
fn the_store_goes_back() {
    let faults = Faults { restore: 1, restart: 1, crash: 1, ..NONE };
    let bounds = one(Operator::Increment).submit(1, 1, 1);
    keeps_every_promise("restored", bounds.clone().faults(faults));
    let faults = Faults { restore: 1, refuse: 1, ..NONE };
    keeps_every_promise("restored, refused", bounds.faults(faults));
}
