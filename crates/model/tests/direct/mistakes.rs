//! Each mistake, put in alone, is found; with the fewest faults that it needs.

use hiscore_model::bounds::{Bounds, Faults, Flaw};
use hiscore_model::explore::explore;
use hiscore_model::promise::{Broken, broken};
use hiscore_model::world::Direct;
use hiscore_score::Operator;

fn is_found(flaws: &[Flaw], bounds: Bounds) -> Broken {
    let bounds = bounds.flaws(flaws);
    let explored = explore(Direct(bounds.clone()), 1);
    let Some((actions, world)) = explored.broken else {
        panic!("{flaws:?} is not found in {} states", explored.states);
    };
    let Some(broken) = broken(&world, &bounds) else { panic!("the last state keeps every promise") };
    println!(
        "{flaws:?}: {broken:?}, {} states, {:.1} s: {actions:?}",
        explored.states,
        explored.took.as_secs_f64()
    );
    broken
}

fn one() -> Bounds {
    Bounds::new(Operator::Increment).submit(0, 1, 2).submit(0, 1, 1)
}

#[test]
fn purge_before_save() {
    let bounds = one().faults(Faults { crash: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::PurgeFirst], bounds), Broken::Apart);
}

#[test]
fn upserts_that_filter_on_the_version() {
    let bounds = one().faults(Faults { expire: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::VersionFilter], bounds), Broken::Apart);
}

#[test]
fn increments_in_the_store() {
    let bounds = one().faults(Faults { crash: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::Increments], bounds), Broken::Apart);
}

#[test]
fn a_reconcile_without_the_fence() {
    let failover = Faults { failover: 1, ..Faults::default() };
    assert_eq!(is_found(&[Flaw::NoFence], one().faults(failover)), Broken::Apart);
    is_found(&[Flaw::NoMerge], one().faults(failover));
}

#[test]
fn a_watermark_without_compare_and_set() {
    let failover = Faults { failover: 1, ..Faults::default() };
    assert_eq!(is_found(&[Flaw::BlindEpoch], one().faults(failover)), Broken::Lost);
    let restore = Faults { restore: 1, ..Faults::default() };
    assert_eq!(is_found(&[Flaw::BlindWatermark], one().submit(1, 1, 1).faults(restore)), Broken::Apart);
}

#[test]
fn a_store_that_went_back_is_told_by_its_watermark_alone() {
    let faults = Faults { restore: 1, refuse: 1, ..Faults::default() };
    assert_eq!(is_found(&[Flaw::WatermarkAlone], one().submit(1, 1, 1).faults(faults)), Broken::Apart);
}

#[test]
fn an_epoch_in_a_store_that_went_back() {
    let faults = Faults { restore: 1, restart: 1, ..Faults::default() };
    assert_eq!(is_found(&[Flaw::AnyStore], one().submit(1, 1, 1).faults(faults)), Broken::Apart);
}

#[test]
fn a_claim_that_is_cleared_after_another() {
    let bounds = one().faults(Faults { expire: 2, ..Faults::default() });
    is_found(&[Flaw::AnyClaim], bounds);
}

#[test]
fn a_window_of_two_histories() {
    let bounds = one().faults(Faults { failover: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::UnitedWindows], bounds), Broken::Lost);
}

#[test]
fn an_epoch_read_after_the_fence_is_down() {
    let bounds = one().faults(Faults { failover: 1, expire: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::SurveyFirst, Flaw::LeftAlone], bounds), Broken::Stuck);
}

#[test]
fn a_reconcile_of_who_is_cut_off() {
    let bounds = one().faults(Faults { failover: 1, restart: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::AnyPrimary, Flaw::LeftAlone], bounds), Broken::Stuck);
}

#[test]
fn what_an_old_epoch_left_keeps_its_place() {
    let bounds = one().faults(Faults { failover: 2, rejoin: 1, ..Faults::default() });
    assert_eq!(is_found(&[Flaw::KeepsPlace], bounds), Broken::Lost);
}
