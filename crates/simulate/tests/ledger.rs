//! The checker against wrong histories of each kind, and against what the law makes of right ones.

use hiscore_score::{
    Applied, Moment, Operator, Position, Record, Rules, Score, SortOrder, Stamp, Submission, Window,
};
use hiscore_simulate::ledger::{Kind, Ledger, Scores, Standing};
use proptest::prelude::*;

fn rules(operator: Operator) -> Rules {
    Rules { operator, ..Rules::default() }
}

fn scores(score: i64) -> Scores {
    Scores { score: Score::new(score).unwrap_or_default(), subscore: Score::ZERO }
}

fn standing(score: i64, num_score: u64) -> Standing {
    Standing { scores: scores(score), num_score }
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Acked,
    Refused,
    Unknown,
    Open,
}
use Answer::{Acked, Open, Refused, Unknown};

/// One player's ledger: a baseline, then submissions and how they were answered.
fn ledger(rules: Rules, base: Option<Standing>, history: &[(i64, Answer)]) -> Ledger {
    let mut ledger = Ledger::new(rules);
    if let Some(base) = base {
        ledger.baseline("p", base);
    }
    for (score, answer) in history {
        ledger.invoke("p", scores(*score));
        match answer {
            Acked => ledger.acked("p"),
            Refused => ledger.refused("p"),
            Unknown => ledger.unknown("p"),
            Open => {}
        }
    }
    ledger
}

fn verdict(ledger: &Ledger, found: Option<Standing>) -> Option<Kind> {
    let differences = ledger.check(found.map(|found| ("p", found)));
    assert!(differences.len() <= 1);
    differences.first().map(|difference| difference.kind)
}

#[test]
fn best() {
    let board = rules(Operator::Best);
    let base = Some(standing(5, 3));
    let history = ledger(board, base, &[(10, Acked), (7, Acked), (12, Unknown), (50, Refused), (6, Unknown)]);
    for (found, expected) in [
        (Some(standing(10, 5)), None),
        (Some(standing(10, 6)), None), // the 6 was applied
        (Some(standing(12, 6)), None),
        (Some(standing(12, 7)), None),
        (Some(standing(7, 5)), Some(Kind::Lost)),
        (Some(standing(10, 4)), Some(Kind::Lost)), // the 7 was not counted
        (None, Some(Kind::Lost)),
        (Some(standing(12, 5)), Some(Kind::NeverSubmitted)), // none of the unknown ones was counted
        (Some(standing(50, 7)), Some(Kind::NeverSubmitted)),
        (Some(standing(11, 6)), Some(Kind::NeverSubmitted)),
        (Some(standing(99, 8)), Some(Kind::MoreThanSent)),
        (Some(standing(9, 99)), Some(Kind::Lost)), // others cannot make it worse
    ] {
        assert_eq!(verdict(&history, found), expected, "{found:?}");
    }
    let ascending = Rules { sort_order: SortOrder::Asc, ..board };
    let history = ledger(ascending, None, &[(10, Acked), (7, Acked)]);
    assert_eq!(verdict(&history, Some(standing(7, 2))), None);
    assert_eq!(verdict(&history, Some(standing(10, 2))), Some(Kind::Lost));
}

#[test]
fn set() {
    let board = rules(Operator::Set);
    let history =
        ledger(board, Some(standing(1, 1)), &[(9, Unknown), (4, Acked), (3, Acked), (8, Unknown), (2, Open)]);
    for (found, expected) in [
        (Some(standing(3, 3)), None),
        (Some(standing(3, 4)), None), // the 9 was applied, before
        (Some(standing(8, 4)), None),
        (Some(standing(2, 4)), None),
        (Some(standing(2, 6)), None),
        (Some(standing(8, 6)), Some(Kind::Lost)), // all three were applied, so the last must show
        (Some(standing(3, 5)), Some(Kind::Lost)),
        (Some(standing(4, 3)), Some(Kind::Lost)),
        (Some(standing(9, 4)), Some(Kind::Lost)),
        (Some(standing(3, 2)), Some(Kind::Lost)),
        (None, Some(Kind::Lost)),
        (Some(standing(3, 7)), Some(Kind::MoreThanSent)),
    ] {
        assert_eq!(verdict(&history, found), expected, "{found:?}");
    }
}

#[test]
fn increment() {
    let board = rules(Operator::Increment);
    let history = ledger(
        board,
        Some(standing(100, 10)),
        &[(1, Acked), (2, Unknown), (4, Acked), (8, Refused), (-16, Unknown)],
    );
    for (found, expected) in [
        (Some(standing(105, 12)), None),
        (Some(standing(107, 13)), None),
        (Some(standing(89, 13)), None),
        (Some(standing(91, 14)), None),
        (Some(standing(101, 11)), Some(Kind::Lost)),
        (Some(standing(104, 12)), Some(Kind::Lost)),
        (Some(standing(109, 13)), Some(Kind::NeverSubmitted)), // the 2 twice, counted once
        (Some(standing(113, 13)), Some(Kind::NeverSubmitted)), // the refused 8
        (Some(standing(93, 15)), Some(Kind::MoreThanSent)),    // the 2 twice, counted twice
        (None, Some(Kind::Lost)),
    ] {
        assert_eq!(verdict(&history, found), expected, "{found:?}");
    }
}

#[test]
fn who_was_never_acknowledged_may_be_absent() {
    for operator in [Operator::Best, Operator::Set, Operator::Increment] {
        let history = ledger(rules(operator), None, &[(1, Refused), (2, Unknown)]);
        assert_eq!(verdict(&history, None), None);
        assert_eq!(verdict(&history, Some(standing(2, 1))), None);
        assert_ne!(verdict(&history, Some(standing(1, 1))), None);
        let untouched = ledger(rules(operator), Some(standing(3, 1)), &[]);
        assert_eq!(verdict(&untouched, Some(standing(3, 1))), None);
        assert_eq!(verdict(&untouched, None), Some(Kind::Lost));
    }
}

#[test]
fn too_many_unknown_ones_are_said_not_guessed() {
    let many: Vec<(i64, Answer)> = (1..=300).map(|score| (score, Unknown)).collect();
    for operator in [Operator::Best, Operator::Set, Operator::Increment] {
        let history = ledger(rules(operator), None, &many);
        assert_eq!(verdict(&history, Some(standing(300, 150))), Some(Kind::Undecided), "{operator:?}");
    }
    // An acknowledged one makes it all clear again.
    let mut history = ledger(rules(Operator::Set), None, &many);
    history.invoke("p", scores(7));
    history.acked("p");
    assert_eq!(verdict(&history, Some(standing(7, 150))), None);
    assert_eq!(verdict(&history, Some(standing(8, 150))), Some(Kind::Lost));
}

#[test]
fn players_are_told_apart_and_come_in_order() {
    let board = rules(Operator::Best);
    let mut all = ledger(board, None, &[(1, Acked)]);
    let mut other = Ledger::new(board);
    for player in ["z", "a"] {
        other.invoke(player, scores(2));
        other.acked(player);
    }
    all.absorb(other);
    let differences = all.check([("p", standing(1, 1)), ("stranger", standing(9, 9))]);
    let found: Vec<_> = differences.iter().map(|difference| difference.player.as_str()).collect();
    assert_eq!(found, ["a", "z"]);
    assert_eq!(differences[0].to_string(), "a: lost: no record; acknowledged submissions: 1");
}

fn operators() -> impl Strategy<Value = Operator> {
    prop_oneof![Just(Operator::Best), Just(Operator::Set), Just(Operator::Increment)]
}

proptest! {
    /// Whatever happened to the unknown ones: what the law makes of it is never reported; one count more or less is.
    #[test]
    fn the_law_is_never_accused(
        operator in operators(),
        ascending in any::<bool>(),
        base in proptest::option::of(-5i64..5),
        history in proptest::collection::vec((-20i64..20, 0..3u8, any::<bool>()), 0..40),
    ) {
        let sort_order = if ascending { SortOrder::Asc } else { SortOrder::Desc };
        let rules = Rules { operator, sort_order, subscore_order: sort_order };
        let mut record = Record::unborn(Window::default());
        let mut stamp = Stamp::ZERO;
        let mut apply = |record: &mut Record, score: i64| {
            stamp = stamp.next(0).unwrap();
            let submission = Submission::new(scores(score).score, Score::ZERO, None, None);
            let at = Moment { position: Position::ZERO, stamp };
            if let Ok(Applied::Changed(after, _)) = record.submit(&rules, &submission, at, 32) {
                *record = after;
            }
        };
        let read = |record: &Record| record.live.as_ref().map(|live| Standing {
            scores: Scores { score: live.score, subscore: live.subscore },
            num_score: live.num_score,
        });
        if let Some(base) = base {
            apply(&mut record, base);
        }
        let mut ledger = ledger(rules, read(&record), &[]);
        for (score, answer, applied) in history {
            ledger.invoke("p", scores(score));
            match answer {
                0 => { apply(&mut record, score); ledger.acked("p") }
                1 => ledger.refused("p"),
                _ => {
                    if applied { apply(&mut record, score) }
                    ledger.unknown("p");
                }
            }
        }
        prop_assert_eq!(verdict(&ledger, read(&record)), None);
        if let Some(found) = read(&record) {
            let more = Standing { num_score: found.num_score + 100, ..found };
            prop_assert_eq!(verdict(&ledger, Some(more)), Some(Kind::MoreThanSent));
            let beyond = Standing { scores: scores(if ascending { -100_000 } else { 100_000 }), ..found };
            prop_assert!(verdict(&ledger, Some(beyond)).is_some());
        }
    }
}
