//! Uniting idempotency windows: commutative, associative, idempotent, bounded, and nothing timed is ever forgotten.

use hiscore_score::window::{Entry, Seen};
use hiscore_score::{Stamp, SubmissionKey, Window};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::history::WINDOW;

fn key() -> impl Strategy<Value = SubmissionKey> {
    // The time belongs to the id, as it does in a real one.
    (0..12u8, 0..2u64).prop_map(|(id, body)| SubmissionKey {
        id: [id; 16],
        body,
        time_ms: (id % 3 != 0).then_some(u64::from(id)),
    })
}

/// A window as it comes about: key by key, looked up first, with stamps that grow.
fn window() -> impl Strategy<Value = Window> {
    vec((key(), 1..4u64), 0..14).prop_map(|pushed| {
        let (mut window, mut stamp) = (Window::default(), 0);
        for (key, gap) in pushed {
            stamp += gap;
            if window.look_up(&key) == Seen::New {
                window.push(key, Stamp::from_raw(stamp).unwrap(), WINDOW);
            }
        }
        window
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_order_of_uniting_does_not_matter(a in window(), b in window(), c in window()) {
        let unite = |a: &Window, b: &Window| a.union(b, WINDOW);
        prop_assert_eq!(unite(&a, &b), unite(&b, &a), "commutative");
        prop_assert_eq!(unite(&unite(&a, &b), &c), unite(&a, &unite(&b, &c)), "associative");
        prop_assert_eq!(&unite(&a, &a), &a, "idempotent");
        prop_assert_eq!(unite(&a, &Window::default()), a.clone(), "nothing adds nothing");
        prop_assert_eq!(unite(&Window::default(), &a), a, "nothing adds nothing");
    }

    #[test]
    fn the_newest_stay_and_the_horizon_covers_the_rest(a in window(), b in window()) {
        let united = a.union(&b, WINDOW);
        let mut all: Vec<Entry> = [a.entries(), b.entries()].concat();
        all.sort();
        all.dedup();
        let (fallen, kept) = all.split_at(all.len().saturating_sub(WINDOW));
        prop_assert_eq!(united.entries(), kept);
        let newest = fallen.iter().filter_map(|entry| entry.key.time_ms).max().unwrap_or(0);
        prop_assert_eq!(united.horizon_ms(), newest.max(a.horizon_ms()).max(b.horizon_ms()));
    }

    #[test]
    fn nothing_with_a_time_becomes_new_again(a in window(), b in window(), key in key()) {
        let united = a.union(&b, WINDOW);
        if key.time_ms.is_some() && (a.look_up(&key) != Seen::New || b.look_up(&key) != Seen::New) {
            prop_assert_ne!(united.look_up(&key), Seen::New);
        }
        if a.look_up(&key) == Seen::New && b.look_up(&key) == Seen::New && key.time_ms.is_none() {
            prop_assert_eq!(united.look_up(&key), Seen::New, "nor does anything become old by itself");
        }
    }

    #[test]
    fn it_comes_back_from_its_parts(a in window(), seed in any::<u64>()) {
        let mut entries = a.entries().to_vec();
        if !entries.is_empty() {
            let by = seed as usize % entries.len();
            entries.rotate_left(by);
        }
        prop_assert_eq!(&Window::from_parts(entries, a.horizon_ms(), WINDOW), &a);
        prop_assert!(a.entries().len() <= WINDOW);
        prop_assert!(a.entries().is_sorted());
    }
}
