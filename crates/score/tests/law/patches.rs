//! A patch gives what submitting one by one gives, however submissions are gathered into patches, and never counts twice.

use hiscore_score::{Applied, Patch, Record, Rules, Submission};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::history::{DAWN, Event, Step, WINDOW, events, metadata, rules, score, sequence, states};

/// A living record after some history, and submissions without keys behind it.
fn played_on() -> impl Strategy<Value = (Rules, Record, Vec<Step>)> {
    let more = vec(((score(), score(), metadata()), 1u64..5000), 1..12);
    (rules(), events(1..12), more).prop_filter_map("somebody must be there", |(rules, events, more)| {
        let steps = sequence(DAWN, 1, &events);
        let states = states(&rules, Record::unborn(Default::default()), &steps);
        let record = states[states.len() - 1].clone();
        let submit =
            |(score, subscore, metadata)| Event::Submit(Submission::new(score, subscore, metadata, None));
        let more: Vec<_> = more.into_iter().map(|(sent, pause)| (submit(sent), pause)).collect();
        let more = sequence(steps[steps.len() - 1].at, 1, &more);
        record.live.is_some().then_some((rules, record, more))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn patches_are_the_law(
        (rules, record, steps) in played_on(), cuts in vec(any::<bool>(), 12), seen in vec(any::<bool>(), 12),
    ) {
        // One by one, by the record itself, beside patches of which some are joined before they are put onto it.
        let (mut one_by_one, mut patched) = (record.clone(), record.clone());
        let mut standing = record.live.as_ref().unwrap().standing(&rules);
        let mut waiting: Option<Patch> = None;
        for ((step, cut), seen) in steps.iter().zip(&cuts).zip(&seen) {
            let Event::Submit(submission) = &step.event else { unreachable!() };
            let judged = one_by_one.submit(&rules, submission, step.at, WINDOW);
            let patch = Patch::of(&rules, &standing, submission, step.at);
            match judged {
                Err(refusal) => prop_assert_eq!(patch, Err(refusal)),
                Ok(Applied::Duplicate) => prop_assert!(false, "none has a key"),
                Ok(Applied::Changed(after, outcome)) => {
                    let (mut patch, patch_outcome) = patch.unwrap();
                    prop_assert_eq!(patch_outcome, outcome);
                    standing = patch.standing(&rules);
                    prop_assert_eq!(standing, after.live.as_ref().unwrap().standing(&rules));
                    one_by_one = after;
                    waiting = Some(match waiting.take() {
                        Some(before) => {
                            patch.come_after(&before);
                            patch
                        }
                        None => patch,
                    });
                }
            }
            if *cut && let Some(patch) = waiting.take() {
                patched = patch.onto(&patched);
                prop_assert_eq!(&patched, &one_by_one);
                if *seen {
                    prop_assert_eq!(&patch.onto(&patched), &one_by_one, "seen already");
                }
            }
        }
        if let Some(patch) = waiting {
            patched = patch.onto(&patched);
        }
        prop_assert_eq!(patched, one_by_one);
    }
}
