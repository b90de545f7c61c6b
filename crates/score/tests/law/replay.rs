//! Replaying: the fold of a shard is one state however it is interleaved, and what was seen changes nothing.

use std::collections::BTreeMap;

use hiscore_score::{Record, Rules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::history::{DAWN, Step, after, event, events, reborn, rules, sequence, states};

type Shard = BTreeMap<u8, Record>;

fn fold<'a>(rules: &Rules, steps: impl IntoIterator<Item = &'a (u8, Step)>) -> Shard {
    let mut shard = Shard::new();
    for (player, step) in steps {
        let record = shard.entry(*player).or_insert_with(|| Record::unborn(Default::default()));
        if !record.has_seen(step.at.position) {
            *record = after(rules, record, step);
        }
    }
    shard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_interleaving_that_keeps_each_records_order_gives_one_state(
        rules in rules(), log in vec((0..4u8, event(), 0..1000u32), 0..40),
    ) {
        let plain: Vec<_> = log.iter().map(|(_, event, _)| (event.clone(), 1)).collect();
        let steps: Vec<_> = log.iter().map(|(player, ..)| *player).zip(sequence(DAWN, 1, &plain)).collect();
        // Each record's steps in their order, and between records whatever the random weights say.
        let mut weights: BTreeMap<u8, u32> = BTreeMap::new();
        let mut shuffled: Vec<_> = log.iter().zip(&steps).map(|((player, _, weight), step)| {
            let sum = weights.entry(*player).or_default();
            *sum += weight;
            (*sum, step)
        }).collect();
        shuffled.sort_by_key(|(weight, _)| *weight);
        prop_assert_eq!(fold(&rules, shuffled.into_iter().map(|(_, step)| step)), fold(&rules, &steps));
    }

    #[test]
    fn replaying_what_was_seen_changes_nothing(
        rules in rules(), log in vec((0..3u8, event()), 1..40), from: Index, to: Index,
    ) {
        let plain: Vec<_> = log.iter().map(|(_, event)| (event.clone(), 1)).collect();
        let steps: Vec<_> = log.iter().map(|(player, _)| *player).zip(sequence(DAWN, 1, &plain)).collect();
        let to = to.index(steps.len()) + 1;
        let from = from.index(to);
        let (seen, suffix) = (&steps[..to], &steps[from..to]);
        prop_assert_eq!(fold(&rules, seen.iter().chain(suffix)), fold(&rules, seen));
        let all = seen.iter().chain(suffix).chain(&steps[from..]);
        prop_assert_eq!(fold(&rules, all), fold(&rules, &steps), "and what comes after it is not missed");
    }

    /// The guard apart: without it a keyless submission would count again, so `has_seen` must be exact.
    #[test]
    fn a_record_has_seen_what_it_is_made_of_and_nothing_later(
        rules in rules(), before in events(0..6), now in events(1..20),
    ) {
        let before = sequence(DAWN, 1, &before);
        let last = before.last().map_or(DAWN, |step| step.at);
        let steps = sequence(last, 2, &now);
        let states = states(&rules, reborn(&rules, &before), &steps);
        for (step, pair) in steps.iter().zip(states.windows(2)) {
            prop_assert!(!pair[0].has_seen(step.at.position), "not before");
            if pair[0] != pair[1] {
                prop_assert!(pair[1].has_seen(step.at.position), "but after");
                prop_assert_eq!(pair[1].position, step.at.position);
            } else {
                prop_assert_eq!(pair[1].position, pair[0].position, "a refusal leaves no trace");
            }
        }
    }
}
