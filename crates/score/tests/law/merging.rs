//! Merging copies of a record that branching histories left.
//!
//! A world is a tree of epochs: each begins at some state of an earlier one, whose later steps are its lost tail.
//! Stamps of a lost tail and of the next epoch may be the same. Whatever copies survive, merging them in any
//! order and as often as one likes gives one record.

use hiscore_score::{Applied, Position, Stamp};
use hiscore_score::{Moment, Operator, Record, Refusal, Rules, merge::merge};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::history::{DAWN, Event, Step, WINDOW, events, reborn, rules, sequence, states};

/// One epoch: what led to it, and the record after each step, the oldest first.
#[derive(Debug, Clone)]
struct Epoch {
    steps: Vec<Step>,
    states: Vec<Record>,
}

#[derive(Debug, Clone)]
struct World {
    rules: Rules,
    epochs: Vec<Epoch>,
}

impl World {
    fn copy(&self, epoch: &Index, state: &Index) -> &Record {
        let states = &epoch.get(&self.epochs).states;
        state.get(states)
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let later = vec((any::<Index>(), any::<Index>(), 0..4u64, events(0..8)), 0..4);
    (rules(), events(0..8), events(1..12), later).prop_map(|(rules, season_before, first, later)| {
        let before = sequence(DAWN, 1, &season_before);
        let base = reborn(&rules, &before);
        let steps = sequence(before.last().map_or(DAWN, |step| step.at), 1, &first);
        let mut epochs = vec![Epoch { states: states(&rules, base.clone(), &steps), steps }];
        for (era, (from, cut, jump, events)) in (2..).zip(later) {
            let from = from.get(&epochs);
            let mut steps = from.steps[..cut.index(from.steps.len() + 1)].to_vec();
            let last = steps.last().map_or(DAWN, |step| step.at);
            let stamp = Stamp::from_raw(last.stamp.raw() + jump).unwrap();
            steps.extend(sequence(Moment { stamp, ..last }, era, &events));
            epochs.push(Epoch { states: states(&rules, base.clone(), &steps), steps });
        }
        World { rules, epochs }
    })
}

fn pick() -> impl Strategy<Value = (Index, Index)> {
    (any::<Index>(), any::<Index>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_order_of_merging_does_not_matter(world in worlds(), a in pick(), b in pick(), c in pick()) {
        let [a, b, c] = [a, b, c].map(|(epoch, state)| world.copy(&epoch, &state));
        let merge = |a: &Record, b: &Record| merge(&world.rules, a, b, WINDOW);
        prop_assert_eq!(merge(a, b), merge(b, a), "commutative");
        prop_assert_eq!(merge(&merge(a, b), c), merge(a, &merge(b, c)), "associative");
        prop_assert_eq!(&merge(a, a), a, "idempotent");
        let both = merge(a, b);
        prop_assert_eq!(&merge(&both, a), &both, "what is in it already changes nothing");
        prop_assert_eq!(&merge(&both, b), &both, "what is in it already changes nothing");
    }

    #[test]
    fn of_one_history_the_later_wins_whole(world in worlds(), epoch: Index, a: Index, b: Index) {
        let states = &epoch.get(&world.epochs).states;
        let (a, b) = (a.index(states.len()), b.index(states.len()));
        let (earlier, later) = (&states[a.min(b)], &states[a.max(b)]);
        prop_assert!(earlier.position <= later.position);
        prop_assert_eq!(&merge(&world.rules, earlier, later, WINDOW), later);
        prop_assert_eq!(&merge(&world.rules, later, earlier, WINDOW), later);
    }

    #[test]
    fn of_two_histories_the_law_names_the_winner(world in worlds(), a in pick(), b in pick()) {
        let [a, b] = [a, b].map(|(epoch, state)| world.copy(&epoch, &state));
        let merged = merge(&world.rules, a, b, WINDOW);
        prop_assert_eq!(merged.deleted, a.deleted.max(b.deleted), "no deletion is undone");
        if a.deleted > b.deleted {
            prop_assert_eq!(&merged.live, &a.live, "the later deletion wins whole");
            prop_assert_eq!((merged.updated, merged.position), (a.updated, a.position));
        }
        if a.deleted == b.deleted && let (Some(of_a), Some(of_b), Some(of_merged)) = (&a.live, &b.live, &merged.live) {
            if world.rules.operator != Operator::Increment {
                prop_assert_eq!(of_merged.num_score, of_a.num_score.max(of_b.num_score));
            }
            let standing = of_merged.standing(&world.rules);
            let [at_a, at_b] = [of_a, of_b].map(|live| live.standing(&world.rules));
            match world.rules.operator {
                Operator::Best => prop_assert_eq!(standing, at_a.min(at_b)),
                Operator::Set if a.updated > b.updated => prop_assert_eq!(standing, at_a),
                Operator::Increment if a.position > b.position => prop_assert_eq!(standing, at_a),
                Operator::Set | Operator::Increment => {}
            }
            if world.rules.operator == Operator::Increment && a.position != b.position {
                let winner = if a.position > b.position { a } else { b };
                prop_assert_eq!(&merged.window, &winner.window, "a retry of what the sum lacks is to be counted");
            }
            let mut whole = of_merged.clone();
            let from = [of_a, of_b].map(|live| {
                whole.num_score = live.num_score;
                whole == *live
            });
            prop_assert!(from.contains(&true), "never a mix of two: {:?}", merged);
        }
    }

    #[test]
    fn a_retry_stays_a_retry_whoever_wins(world in worlds(), a in pick(), b in pick(), sent: Index) {
        let merged = merge(
            &world.rules, world.copy(&a.0, &a.1), world.copy(&b.0, &b.1), WINDOW,
        );
        // Every submission with a timed key that either of the copies had applied; of increments, what the sum that won counts.
        let mut applied = Vec::new();
        for (epoch, state) in [&a, &b] {
            let is_sum = world.rules.operator == Operator::Increment;
            if is_sum && world.copy(epoch, state).window != merged.window {
                continue;
            }
            let epoch = epoch.get(&world.epochs);
            for at in 0..state.index(epoch.states.len()) {
                if let Event::Submit(submission) = &epoch.steps[at].event
                    && submission.key.is_some_and(|key| key.time_ms.is_some())
                    && epoch.states[at] != epoch.states[at + 1]
                {
                    applied.push(submission);
                }
            }
        }
        if !applied.is_empty() {
            let at = Moment { position: Position::new(99, 1), stamp: Stamp::LAST };
            let again = merged.submit(&world.rules, applied[sent.index(applied.len())], at, WINDOW);
            let safe = matches!(again, Ok(Applied::Duplicate) | Err(Refusal::Expired | Refusal::Conflict));
            prop_assert!(safe, "counted again: {:?}", again);
        }
    }
}
