//! The law once more, written another way: the whole past is kept, and every answer is worked out from it.
//!
//! It shares nothing with the crate but the types of what comes in, so that a slip in one shows in the other.

use hiscore_score::{
    Applied, Metadata, Operator, Outcome, Record, Refusal, Rules, SortOrder, Stamp, Submission, SubmissionKey,
};
use proptest::prelude::*;

use crate::history::{DAWN, Event, WINDOW, events, rules, sequence};

/// All that ever counted for one player on one board, over all its seasons.
#[derive(Debug, Default)]
struct Past {
    /// Every key that counted, the oldest first.
    keys: Vec<SubmissionKey>,
    /// What counted since the player began, or began afresh.
    counted: Vec<(Submission, Stamp)>,
    deleted: Stamp,
}

/// What a player sees: score, subscore, reached, metadata, submissions, created.
type Shown = (i128, i128, Stamp, Option<Metadata>, usize, Stamp);

const LIMIT: i128 = 9_007_199_254_740_991;

impl Past {
    fn shown(&self, rules: &Rules) -> Option<Shown> {
        let (first, last) = (self.counted.first()?, self.counted.last()?);
        let pair = |one: &Submission| (i128::from(one.score.get()), i128::from(one.subscore.get()));
        let ((score, subscore), reached, metadata) = match rules.operator {
            Operator::Best => {
                let turned = |value: i128, order| if order == SortOrder::Asc { value } else { -value };
                // The first of the best: `min_by_key` keeps the earliest of equals.
                let (best, at) = self.counted.iter().min_by_key(|(one, _)| {
                    let (score, subscore) = pair(one);
                    (turned(score, rules.sort_order), turned(subscore, rules.subscore_order))
                })?;
                (pair(best), *at, best.metadata.clone())
            }
            Operator::Set => {
                let run = self.counted.iter().rev().take_while(|(one, _)| pair(one) == pair(&last.0));
                (pair(&last.0), run.last()?.1, last.0.metadata.clone())
            }
            Operator::Increment => {
                let sum = self.counted.iter().map(|(one, _)| pair(one));
                let sum = sum.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
                let moved = self.counted.iter().skip(1).rev().find(|(one, _)| pair(one) != (0, 0));
                let told = self.counted.iter().rev().find_map(|(one, _)| one.metadata.clone());
                (sum, moved.unwrap_or(first).1, told)
            }
        };
        Some((score, subscore, reached, metadata, self.counted.len(), first.1))
    }

    /// The verdict, and if it counts the past that includes it.
    fn submit(&mut self, rules: &Rules, submission: &Submission, stamp: Stamp) -> Result<Outcome, Refusal> {
        if let Some(key) = submission.key {
            let (fell_out, held) = self.keys.split_at(self.keys.len().saturating_sub(WINDOW));
            if let Some(same) = held.iter().find(|held| held.id == key.id) {
                return if same.body == key.body { Ok(Outcome::Duplicate) } else { Err(Refusal::Conflict) };
            }
            let newest_out = fell_out.iter().filter_map(|key| key.time_ms).max();
            if key.time_ms.is_some() && key.time_ms <= newest_out {
                return Err(Refusal::Expired);
            }
        }
        let before = self.shown(rules).map(|shown| (shown.0, shown.1));
        self.counted.push((submission.clone(), stamp));
        let now = self.shown(rules).map(|shown| (shown.0, shown.1));
        if now.is_some_and(|(score, subscore)| score.abs() > LIMIT || subscore.abs() > LIMIT) {
            self.counted.pop();
            return Err(Refusal::OutOfRange);
        }
        self.keys.extend(submission.key);
        Ok(if before == now { Outcome::Unchanged } else { Outcome::Improved })
    }

    fn delete(&mut self, stamp: Stamp) -> bool {
        let present = !self.counted.is_empty();
        if present {
            self.counted.clear();
            self.deleted = stamp;
        }
        present
    }
}

fn shown(record: &Record) -> Option<Shown> {
    let live = record.live.as_ref()?;
    let pair = (i128::from(live.score.get()), i128::from(live.subscore.get()));
    Some((pair.0, pair.1, live.reached, live.metadata.clone(), live.num_score as usize, live.created))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_law_agrees_with_the_whole_past(rules in rules(), events in events(1..40), resets in proptest::collection::vec(0..12u8, 40)) {
        let (mut past, mut record) = (Past::default(), Record::unborn(Default::default()));
        for (step, reset) in sequence(DAWN, 1, &events).iter().zip(resets) {
            if reset == 0 {
                record = Record::unborn(record.window);
                past = Past { keys: past.keys, ..Past::default() };
            }
            match &step.event {
                Event::Submit(submission) => {
                    let expected = past.submit(&rules, submission, step.at.stamp);
                    let got = record.submit(&rules, submission, step.at, WINDOW);
                    let verdict = got.as_ref().map_err(|refusal| *refusal).map(|applied| match applied {
                        Applied::Changed(_, outcome) => *outcome,
                        Applied::Duplicate => Outcome::Duplicate,
                    });
                    prop_assert_eq!(verdict, expected);
                    if let Ok(Applied::Changed(after, _)) = got {
                        prop_assert_eq!((after.position, after.updated), (step.at.position, step.at.stamp));
                        record = after;
                    }
                }
                Event::Delete => {
                    let after = record.delete(step.at);
                    prop_assert_eq!(after.is_some(), past.delete(step.at.stamp));
                    record = after.unwrap_or(record);
                }
            }
            prop_assert_eq!(shown(&record), past.shown(&rules));
            prop_assert_eq!(record.deleted, past.deleted);
        }
    }
}
