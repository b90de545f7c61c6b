//! The logged profile: whatever happens, both tiers come to what the log says.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it explored"
)]

use hiscore_model::bounds::{Bounds, Faults, Flaw};
use hiscore_model::explore::{Explored, explore};
use hiscore_model::logged::Logged;
use hiscore_score::Operator;

const NONE: Faults =
    Faults { crash: 0, expire: 0, failover: 0, rejoin: 0, restart: 0, empty: 0, refuse: 0, restore: 0 };

fn explored(name: &str, bounds: Bounds) -> Explored<Logged> {
    let explored = explore(Logged(bounds), 2);
    let (states, depth, seconds) = (explored.states, explored.depth, explored.took.as_secs_f64());
    println!("{name}: {states} states, {depth} deep, {seconds:.1} s");
    explored
}

fn keeps_every_promise(name: &str, bounds: Bounds) {
    if let Some((actions, world)) = explored(name, bounds).broken {
        panic!("{name}: after {actions:?}\n{world:#?}");
    }
}

/// Two increments of one player, one of which comes twice, without ids.
fn one() -> Bounds {
    Bounds::new(Operator::Increment).add(0, 2).add(0, 1)
}

#[test]
fn appliers_and_persisters_overtake_each_other() {
    keeps_every_promise("crash, expiry", one().faults(Faults { crash: 1, expire: 1, ..NONE }));
}

#[test]
fn redis_fails_over() {
    keeps_every_promise("failover", one().faults(Faults { failover: 1, ..NONE }));
    let two = Bounds::new(Operator::Increment).add(0, 1).add(0, 1);
    keeps_every_promise("failover, emptied", two.clone().faults(Faults { failover: 1, empty: 1, ..NONE }));
    keeps_every_promise("failover, crash", two.faults(Faults { failover: 1, crash: 1, ..NONE }));
}

#[test]
fn redis_is_emptied() {
    keeps_every_promise("emptied", one().faults(Faults { empty: 1, ..NONE }));
    let deletion = Bounds::new(Operator::Increment).add(0, 1).delete(0, 1);
    keeps_every_promise("emptied, deletion", deletion.faults(Faults { empty: 1, crash: 1, ..NONE }));
}

#[test]
fn the_store_goes_back() {
    let bounds =
        Bounds::new(Operator::Increment).add(0, 1).add(1, 1).faults(Faults { restore: 1, crash: 1, ..NONE });
    keeps_every_promise("restored", bounds);
}

#[test]
fn the_store_goes_back_and_redis_is_emptied() {
    let bounds =
        Bounds::new(Operator::Increment).add(0, 1).add(1, 1).faults(Faults { restore: 1, empty: 1, ..NONE });
    keeps_every_promise("restored, emptied", bounds);
}

#[test]
fn mistakes_are_found() {
    let found = |flaw, bounds: Bounds| {
        let Some((actions, _)) = explored(&format!("{flaw:?}"), bounds.flaws(&[flaw])).broken else {
            panic!("{flaw:?} is not found");
        };
        println!("  {actions:?}");
    };
    let crash = Faults { crash: 1, ..NONE };
    let failover = Faults { failover: 1, ..NONE };
    found(Flaw::PurgeFirst, one().faults(crash));
    found(Flaw::AnyPrev, one().faults(failover));
    found(Flaw::AnyPrev, one().faults(Faults { empty: 1, ..NONE }));
    found(Flaw::AnyPosition, one().faults(Faults { empty: 1, ..NONE }));
    found(Flaw::BlindWatermark, one().add(1, 1).faults(Faults { restore: 1, ..NONE }));
    let two = Bounds::new(Operator::Increment).add(0, 1).add(1, 1);
    let two = two.faults(Faults { restore: 1, empty: 1, ..NONE });
    found(Flaw::CleanAbove, two.clone());
    found(Flaw::ReadOnce, two);
}
