//! What each operator keeps, and who does not move: BEST never mixes, and what changes no score changes no place.

use hiscore_score::{Applied, Metadata, Operator, Outcome, Record, Rules, Score, Standing, Submission};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::history::{DAWN, Event, Step, WINDOW, events, metadata, rules, score, sequence, states};

/// A living record after some history, and a moment after it.
fn living() -> impl Strategy<Value = (Rules, Record, Step)> {
    (rules(), events(1..12)).prop_filter_map("somebody must be there", |(rules, events)| {
        let steps = sequence(DAWN, 1, &events);
        let states = states(&rules, Record::unborn(Default::default()), &steps);
        let record = states[states.len() - 1].clone();
        let next = sequence(steps[steps.len() - 1].at, 1, &[(Event::Delete, 1)])[0].clone();
        record.live.is_some().then_some((rules, record, next))
    })
}

fn submit(rules: &Rules, record: &Record, submission: &Submission, step: &Step) -> (Record, Outcome) {
    match record.submit(rules, submission, step.at, WINDOW) {
        Ok(Applied::Changed(record, outcome)) => (record, outcome),
        other => panic!("must be applied: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn who_gains_nothing_stays_in_place_and_is_counted(
        (rules, record, next) in living(), score in score(), subscore in score(), metadata in metadata(),
    ) {
        let live = record.live.clone().unwrap();
        let here = live.standing(&rules);
        let (score, subscore) = match rules.operator {
            Operator::Increment => (Score::ZERO, Score::ZERO),
            Operator::Set => (live.score, live.subscore),
            // What is there, or anything worse.
            Operator::Best => {
                let offered = Standing::new(&rules, score, subscore, next.at.stamp);
                if offered.scores_better_than(&here) { (live.score, live.subscore) } else { (score, subscore) }
            }
        };
        let (after, outcome) = submit(&rules, &record, &Submission::new(score, subscore, metadata, None), &next);
        let now = after.live.unwrap();
        prop_assert_eq!(outcome, Outcome::Unchanged);
        prop_assert_eq!(now.standing(&rules), here, "the stamp of the order stays too");
        prop_assert_eq!(now.num_score, live.num_score + 1);
        prop_assert_eq!((after.position, after.updated), (next.at.position, next.at.stamp));
        prop_assert_eq!(now.created, live.created);
    }

    #[test]
    fn who_changes_scores_reaches_them_now(
        (rules, record, next) in living(), score in score(), subscore in score(),
    ) {
        let live = record.live.clone().unwrap();
        if let Ok(Applied::Changed(after, outcome)) =
            record.submit(&rules, &Submission::new(score, subscore, None, None), next.at, WINDOW)
        {
            let now = after.live.unwrap();
            let moved = (now.score, now.subscore) != (live.score, live.subscore);
            prop_assert_eq!(outcome == Outcome::Improved, moved);
            prop_assert_eq!(now.reached, if moved { next.at.stamp } else { live.reached });
        }
    }

    /// Each submission's metadata is its own number, so that a mix would show.
    #[test]
    fn best_and_set_keep_one_submission_whole(rules in rules(), offered in vec((score(), score()), 1..12)) {
        let operator = if rules.operator == Operator::Increment { Operator::Set } else { rules.operator };
        let rules = Rules { operator, ..rules };
        let sent: Vec<_> = (0u64..).zip(&offered).map(|(n, (score, subscore))| {
            let metadata = Metadata::new(&n.into()).unwrap();
            (Event::Submit(Submission::new(*score, *subscore, metadata, None)), 1)
        }).collect();
        let steps = sequence(DAWN, 1, &sent);
        for record in &states(&rules, Record::unborn(Default::default()), &steps)[1..] {
            let live = record.live.as_ref().unwrap();
            let origin = live.metadata.as_ref().unwrap().to_value().as_u64().unwrap() as usize;
            prop_assert_eq!((live.score, live.subscore), offered[origin]);
            if rules.operator == Operator::Best {
                prop_assert_eq!(live.reached, steps[origin].at.stamp);
            }
        }
    }

    #[test]
    fn the_best_is_the_best_of_all(rules in rules(), offered in vec((score(), score()), 1..12)) {
        let rules = Rules { operator: Operator::Best, ..rules };
        let sent: Vec<_> = offered.iter().map(|(a, b)| (Event::Submit(Submission::new(*a, *b, None, None)), 1)).collect();
        let steps = sequence(DAWN, 1, &sent);
        let states = states(&rules, Record::unborn(Default::default()), &steps);
        let live = states[states.len() - 1].live.clone().unwrap();
        let all = offered.iter().zip(&steps).map(|((a, b), step)| Standing::new(&rules, *a, *b, step.at.stamp));
        prop_assert_eq!(Some(live.standing(&rules)), all.min(), "the first of equals");
    }

    #[test]
    fn who_was_deleted_starts_afresh((rules, record, next) in living(), score in score(), metadata in metadata()) {
        let tombstone = record.delete(next.at).unwrap();
        prop_assert_eq!(&tombstone.live, &None);
        prop_assert_eq!(&tombstone.window, &record.window, "a retry stays a retry");
        prop_assert_eq!((tombstone.deleted, tombstone.position), (next.at.stamp, next.at.position));
        prop_assert_eq!(tombstone.delete(next.at), None, "there is nothing more to delete");
        let again = sequence(next.at, 1, &[(Event::Delete, 1)])[0].clone();
        let sent = Submission::new(score, Score::ZERO, metadata.clone(), None);
        let (after, outcome) = submit(&rules, &tombstone, &sent, &again);
        let live = after.live.unwrap();
        prop_assert_eq!(outcome, Outcome::Improved);
        prop_assert_eq!((live.score, live.subscore, live.num_score), (score, Score::ZERO, 1));
        prop_assert_eq!((live.created, live.reached, live.metadata), (again.at.stamp, again.at.stamp, metadata));
        prop_assert_eq!(after.deleted, next.at.stamp, "that it was deleted is not forgotten");
    }
}
