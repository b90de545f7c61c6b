//! Retries: however late one comes, and whatever happened meanwhile, a submission with a timed id counts once; one
//! with any other id counts once while it is among the last `W`.

use std::collections::HashMap;

use hiscore_score::{Applied, Operator, Record, Refusal, Rules, Score, Submission, SubmissionId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::history::{DAWN, Event, WINDOW, rules, sequence, submission, ulid, uuid_v7};

/// What a game may do to its own traffic.
#[derive(Debug, Clone)]
enum Act {
    /// A new submission, whose id was made this many milliseconds before it arrives.
    New {
        delay: u64,
        amount: i64,
        ulid: bool,
    },
    /// The same bytes again as some earlier one.
    Again(Index),
    Delete,
    Reset,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let delay = prop_oneof![3 => Just(0), 2 => 0..4u64, 1 => 0..60u64];
    let new =
        (delay, -2..3i64, any::<bool>()).prop_map(|(delay, amount, ulid)| Act::New { delay, amount, ulid });
    vec(
        prop_oneof![6 => new, 6 => any::<Index>().prop_map(Act::Again), 1 => Just(Act::Delete), 1 => Just(Act::Reset)],
        1..80,
    )
}

fn sent(amount: i64, id: &SubmissionId) -> Submission {
    Submission::new(Score::new(amount).unwrap(), Score::ZERO, None, Some(id))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_timed_id_counts_once_however_late(rules in rules(), acts in acts()) {
        let mut record = Record::unborn(Default::default());
        let mut all: Vec<Submission> = Vec::new();
        let mut counted: HashMap<[u8; 16], u32> = HashMap::new();
        let mut last = DAWN;
        for (n, act) in (0u64..).zip(acts) {
            last = sequence(last, 1, &[(Event::Delete, 1)])[0].at;
            let submission = match act {
                Act::Reset => {
                    record = Record::unborn(record.window);
                    continue;
                }
                Act::Delete => {
                    record = record.delete(last).unwrap_or(record);
                    continue;
                }
                Act::New { delay, amount, ulid: as_ulid } => {
                    let made = 1_750_000_000_000 + 2 * n - delay;
                    let id = if as_ulid { ulid(made, (n % 32) as usize) } else { uuid_v7(made, n) };
                    sent(amount, &id)
                }
                Act::Again(_) if all.is_empty() => continue,
                Act::Again(which) => which.get(&all).clone(),
            };
            let id = submission.key.unwrap().id;
            match record.submit(&rules, &submission, last, WINDOW) {
                Ok(Applied::Changed(after, _)) => {
                    record = after;
                    *counted.entry(id).or_default() += 1;
                    prop_assert_eq!(counted[&id], 1, "counted twice");
                }
                Ok(Applied::Duplicate) => prop_assert_eq!(counted.get(&id), Some(&1)),
                Err(refusal) => prop_assert_eq!(refusal, Refusal::Expired),
            }
            all.push(submission);
        }
    }

    /// The last W of any kind: a repeat is a duplicate and another body a conflict; one before them counts again
    /// if its id has no time in it, which is what the documentation says.
    #[test]
    fn any_id_is_remembered_while_among_the_last(
        rules in rules(), first in submission(), between in 0..2 * WINDOW, delete: bool, reset: bool,
    ) {
        let rules = Rules { operator: Operator::Set, ..rules };
        let named = |n: usize| SubmissionId::new(&format!("name-{n}")).unwrap();
        let first = Submission::new(first.score, first.subscore, first.metadata, Some(&named(0)));
        let mut at = DAWN;
        let mut next = || {
            at = sequence(at, 1, &[(Event::Delete, 1)])[0].at;
            at
        };
        let mut record = Record::unborn(Default::default());
        for n in 0..=between {
            let one = if n == 0 { first.clone() } else { sent(1, &named(n)) };
            match record.submit(&rules, &one, next(), WINDOW) {
                Ok(Applied::Changed(after, _)) => record = after,
                other => prop_assert!(false, "{:?}", other),
            }
        }
        if delete {
            record = record.delete(next()).unwrap();
        }
        if reset {
            record = Record::unborn(record.window);
        }
        let other_body = Submission::new(first.score, Score::new(77).unwrap(), None, Some(&named(0)));
        let (again, conflict) =
            (record.submit(&rules, &first, next(), WINDOW), record.submit(&rules, &other_body, next(), WINDOW));
        if between < WINDOW {
            prop_assert_eq!(again, Ok(Applied::Duplicate));
            prop_assert_eq!(conflict, Err(Refusal::Conflict));
        } else {
            prop_assert!(matches!(again, Ok(Applied::Changed(..))), "{:?}", again);
        }
    }

    #[test]
    fn every_part_of_the_body_counts_for_a_conflict(rules in rules(), a in submission(), b in submission()) {
        let id = SubmissionId::new("one").unwrap();
        let [a, b] = [a, b].map(|one| Submission::new(one.score, one.subscore, one.metadata, Some(&id)));
        let at = sequence(DAWN, 1, &[(Event::Delete, 1), (Event::Delete, 1)]);
        let Ok(Applied::Changed(record, _)) =
            Record::unborn(Default::default()).submit(&rules, &a, at[0].at, WINDOW) else { panic!("the first counts") };
        let expected = if (a.score, a.subscore, &a.metadata) == (b.score, b.subscore, &b.metadata) {
            Ok(Applied::Duplicate)
        } else {
            Err(Refusal::Conflict)
        };
        prop_assert_eq!(record.submit(&rules, &b, at[1].at, WINDOW), expected);
    }
}
