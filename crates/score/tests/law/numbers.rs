//! The range of a score: what is outside is refused, never rounded, and an increment never leaves it.

use hiscore_score::number::MAX;
use hiscore_score::{Applied, Operator, OutOfRange, Record, Refusal, Rules, Score, Submission};
use proptest::prelude::*;

use crate::history::{DAWN, WINDOW, after, events, id, rules, sequence, states};

fn any_integer() -> impl Strategy<Value = i64> {
    let near = |n: i64| (-3..=3i64).prop_map(move |d| n.saturating_add(d));
    prop_oneof![any::<i64>(), near(MAX), near(-MAX), near(i64::MAX), near(i64::MIN), near(0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_score_is_exactly_what_a_double_holds_exactly(n in any_integer()) {
        let inside = i128::from(n).abs() < 1i128 << 53;
        prop_assert_eq!(Score::new(n).map(Score::get), if inside { Ok(n) } else { Err(OutOfRange) });
        if inside {
            prop_assert_eq!((n as f64) as i64, n);
        }
    }

    #[test]
    fn sums_are_exact_or_refused(a in -MAX..=MAX, b in prop_oneof![-MAX..=MAX, -3..=3i64]) {
        let sum = i128::from(a) + i128::from(b);
        let got = Score::new(a).unwrap().checked_add(Score::new(b).unwrap());
        let expected = if sum.abs() <= i128::from(MAX) { Ok(sum as i64) } else { Err(OutOfRange) };
        prop_assert_eq!(got.map(Score::get), expected);
    }

    /// Refused whole: neither column moves, and the id is not taken, so that a smaller amount may use it.
    #[test]
    fn an_increment_beyond_the_range_changes_nothing(
        rules in rules(), events in events(0..10), id in id(), up: bool, in_subscore: bool,
    ) {
        let rules = Rules { operator: Operator::Increment, ..rules };
        let (end, step) = if up { (Score::MAX, 1) } else { (Score::MIN, -1) };
        let pair = |n: Score| if in_subscore { (Score::ZERO, n) } else { (n, Score::ZERO) };
        let one = |n: Score, id: Option<_>| Submission::new(pair(n).0, pair(n).1, None, id);
        let mut steps = sequence(DAWN, 1, &events);
        // To the very end of the range, whatever came before.
        let before = states(&rules, Record::unborn(Default::default()), &steps);
        let at = steps.last().map_or(DAWN, |step| step.at);
        let mut record = before[before.len() - 1].clone();
        let mut push = |submission: Submission, record: &Record| {
            let last = steps.last().map_or(at, |step| step.at);
            steps.extend(sequence(last, 1, &[(crate::history::Event::Submit(submission), 1)]));
            after(&rules, record, &steps[steps.len() - 1])
        };
        for _ in 0..3 {
            let present = record.live.as_ref().map_or(0, |live| if in_subscore { live.subscore } else { live.score }.get());
            let missing = end.get() - present;
            record = push(one(Score::new(missing.clamp(-MAX, MAX)).unwrap(), None), &record);
        }
        let full = record.clone();
        let over = one(Score::new(step).unwrap(), id.as_ref());
        let known = over.key.is_some_and(|key| {
            full.window.look_up(&key) != hiscore_score::window::Seen::New
        });
        let later = sequence(steps[steps.len() - 1].at, 1, &[(crate::history::Event::Delete, 1)])[0].at;
        let refused = full.submit(&rules, &over, later, WINDOW);
        if !known {
            prop_assert_eq!(refused, Err(Refusal::OutOfRange));
            let smaller = full.submit(&rules, &one(Score::ZERO, id.as_ref()), later, WINDOW);
            prop_assert!(matches!(smaller, Ok(Applied::Changed(..))), "{:?}", smaller);
        }
    }
}
