//! Histories that are wrong in one way each.

use hiscore_faults::history::event::Shown;
use hiscore_faults::history::violation::Whose;
use hiscore_faults::history::{
    Call, Event, Level, Operator, Outcome, Promises, Row, Scores, Violation, check, read,
};

/// A history of one player on one board, written step by step.
struct History(Vec<Event>);

fn on(operator: Operator) -> History {
    History(vec![Event::Board { board: "b".into(), operator }])
}

fn scores(score: i64, subscore: i64) -> Scores {
    Scores { score, subscore }
}

fn row(player: &str, rank: u64, score: i64, subscore: i64, num_score: u64) -> Row {
    Row {
        player: player.into(),
        rank: Some(rank),
        shown: Shown { scores: scores(score, subscore), num_score },
    }
}

fn whose(player: &str) -> Whose {
    Whose { board: "b".into(), version: 1, player: player.into() }
}

impl History {
    fn with(mut self, event: Event) -> Self {
        self.0.push(event);
        self
    }

    fn sent(self, op: u64, score: i64, subscore: i64, key: Option<&str>) -> Self {
        let (board, player, key) = ("b".into(), "p".into(), key.map(str::to_owned));
        let call = Call::Submit { board, player, scores: scores(score, subscore), key };
        self.with(Event::Invoke { op, client: 0, call })
    }

    fn ok(self, op: u64, outcome: Outcome) -> Self {
        let (level, outcome) = (Some(Level::Persisted), Some(outcome));
        self.with(Event::Ok { op, level, outcome, version: None, shown: None })
    }

    /// Sent and at once acknowledged.
    fn acked(self, op: u64, score: i64, subscore: i64) -> Self {
        self.sent(op, score, subscore, None).ok(op, Outcome::Improved)
    }

    fn unknown(self, op: u64, score: i64, subscore: i64) -> Self {
        self.sent(op, score, subscore, None).with(Event::Unknown { op })
    }

    fn deleted(self, op: u64) -> Self {
        let call = Call::Delete { board: "b".into(), player: "p".into() };
        self.with(Event::Invoke { op, client: 0, call }).ok(op, Outcome::Improved)
    }

    fn read(self, op: u64, score: i64, num_score: u64) -> Self {
        let call = Call::Read { board: "b".into(), player: "p".into() };
        let shown = Some(Shown { scores: scores(score, 0), num_score });
        let ok = Event::Ok { op, level: None, outcome: None, version: None, shown };
        self.with(Event::Invoke { op, client: 7, call }).with(ok)
    }

    fn in_the_end(self, tier: &str, rows: Vec<Row>) -> Self {
        self.with(Event::Final { tier: tier.into(), board: "b".into(), version: 1, rows })
    }

    /// What is found, in both tiers.
    fn ends(self, rows: &[Row]) -> Vec<Violation> {
        self.in_the_end("rank", rows.to_vec()).in_the_end("store", rows.to_vec()).found()
    }

    fn found(self) -> Vec<Violation> {
        // As it is kept, and read back.
        let lines: Vec<String> = self.0.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        let kept = read(lines.join("\n").as_bytes()).unwrap();
        assert_eq!(kept, self.0);
        check(&Promises::default(), &kept).violations
    }
}

fn lost(op: u64) -> Vec<Violation> {
    vec![Violation::Lost { whose: whose("p"), op }]
}

#[test]
fn an_acknowledged_one_is_lost() {
    assert_eq!(on(Operator::Best).acked(1, 5, 0).ends(&[]), lost(1));
    assert_eq!(on(Operator::Best).acked(1, 5, 0).acked(2, 7, 0).ends(&[row("p", 1, 5, 0, 2)]), lost(2));
    assert_eq!(on(Operator::Increment).acked(1, 5, 1).acked(2, 7, 2).ends(&[row("p", 1, 5, 1, 1)]), lost(2));
    let unknown = on(Operator::Increment).acked(1, 5, 1).unknown(2, 7, 2);
    assert_eq!(unknown.ends(&[row("p", 1, 7, 2, 1)]), lost(1));
}

#[test]
fn a_later_one_is_written_over() {
    let found = on(Operator::Set).acked(1, 5, 0).acked(2, 3, 0).ends(&[row("p", 1, 5, 0, 2)]);
    assert_eq!(found, [Violation::Overwritten { whose: whose("p"), op: 2, by: 1 }]);
}

#[test]
fn one_that_is_unknown_may_be_the_last_or_not_be_there() {
    for shown in [row("p", 1, 9, 0, 2), row("p", 1, 3, 0, 1), row("p", 1, 3, 0, 2)] {
        assert_eq!(on(Operator::Set).unknown(1, 9, 0).acked(2, 3, 0).ends(&[shown]), []);
    }
}

#[test]
fn an_increment_counted_twice() {
    let found = on(Operator::Increment).acked(1, 5, 1).acked(2, 7, 2).ends(&[row("p", 1, 17, 4, 3)]);
    assert_eq!(found, [Violation::CountedTwice { whose: whose("p"), op: 1 }]);
    let found = on(Operator::Increment).acked(1, 5, 1).unknown(2, 7, 2).ends(&[row("p", 1, 19, 5, 3)]);
    assert_eq!(found, [Violation::CountedTwice { whose: whose("p"), op: 2 }]);
}

#[test]
fn what_was_never_submitted() {
    let never = |score, subscore| {
        vec![Violation::NeverSubmitted { whose: whose("p"), found: scores(score, subscore) }]
    };
    // Better than anything; a mix of two; refused; surely not sent.
    assert_eq!(on(Operator::Best).acked(1, 5, 0).ends(&[row("p", 1, 6, 0, 1)]), never(6, 0));
    let mix = on(Operator::Best).acked(1, 5, 1).acked(2, 7, 2).ends(&[row("p", 1, 7, 1, 2)]);
    assert_eq!(mix, never(7, 1));
    let refused = Event::Refused { op: 2, code: "OUT_OF_RANGE".into() };
    let refused = on(Operator::Set).acked(1, 5, 0).sent(2, 7, 0, None).with(refused);
    assert_eq!(refused.ends(&[row("p", 1, 7, 0, 1)]), never(7, 0));
    let failed = on(Operator::Increment).acked(1, 5, 1).sent(2, 7, 2, None).with(Event::Failed { op: 2 });
    assert_eq!(failed.ends(&[row("p", 1, 12, 3, 2)]), never(12, 3));
    assert_eq!(on(Operator::Increment).acked(1, 5, 1).ends(&[row("p", 1, 6, 1, 1)]), never(6, 1));
}

#[test]
fn a_refusal_after_the_acknowledgement_is_no_loss() {
    let refused = Event::Refused { op: 2, code: "OUT_OF_RANGE".into() };
    let history = on(Operator::Increment).acked(1, 5, 1).acked(2, 7, 2).with(refused);
    assert_eq!(history.ends(&[row("p", 1, 5, 1, 1)]), []);
}

#[test]
fn what_was_deleted_is_back() {
    for operator in [Operator::Best, Operator::Set, Operator::Increment] {
        let found = on(operator).acked(1, 5, 1).deleted(2).ends(&[row("p", 1, 5, 1, 1)]);
        assert_eq!(found, [Violation::Returned { whose: whose("p"), op: 1, deletion: 2 }]);
        assert_eq!(on(operator).acked(1, 5, 1).deleted(2).ends(&[]), []);
        assert_eq!(on(operator).acked(1, 5, 1).deleted(2).acked(3, 4, 2).ends(&[row("p", 1, 4, 2, 1)]), []);
    }
    let found = on(Operator::Best).acked(1, 5, 1).deleted(2).acked(3, 4, 2).ends(&[]);
    assert_eq!(found, lost(3));
}

#[test]
fn a_wrong_count() {
    let found = on(Operator::Best).acked(1, 5, 0).acked(2, 3, 0).ends(&[row("p", 1, 5, 0, 3)]);
    assert_eq!(found, [Violation::Miscounted { whose: whose("p"), found: 3, least: 2, most: 2 }]);
    let found = on(Operator::Increment).acked(1, 5, 1).ends(&[row("p", 1, 5, 1, 2)]);
    assert_eq!(found, [Violation::Miscounted { whose: whose("p"), found: 2, least: 1, most: 1 }]);
}

#[test]
fn too_many_of_unknown_fate() {
    let found = |unknown: u64| {
        let history =
            (0..unknown).fold(on(Operator::Increment), |history, op| history.unknown(op, 1 << op, 0));
        history.ends(&[row("p", 1, 1, 0, 1)])
    };
    assert_eq!(found(20), []);
    assert_eq!(found(40), [Violation::Undecided { whose: whose("p"), unknown: 40 }]);
}

#[test]
fn tiers_differ() {
    let rank = vec![row("p", 1, 5, 0, 1)];
    let found =
        on(Operator::Best).unknown(1, 5, 0).in_the_end("rank", rank).in_the_end("store", vec![]).found();
    assert_eq!(found, [Violation::TiersDiffer { whose: whose("p"), tiers: ["rank".into(), "store".into()] }]);
}

#[test]
fn pages_repeat_leave_gaps_or_are_unsorted() {
    let play = || {
        let call = |player: &str| Call::Submit {
            board: "b".into(),
            player: player.into(),
            scores: scores(if player == "q" { 3 } else { 5 }, 0),
            key: None,
        };
        let mut history = on(Operator::Best);
        for (op, player) in [(1, "p"), (2, "q")] {
            history =
                history.with(Event::Invoke { op, client: 0, call: call(player) }).ok(op, Outcome::Improved);
        }
        history
    };
    let (p, q) = (row("p", 1, 5, 0, 1), row("q", 2, 3, 0, 1));
    assert_eq!(play().ends(&[p.clone(), q.clone()]), []);
    let rank = || "rank".to_owned();
    let twice = play().in_the_end("rank", vec![p.clone(), q, row("q", 3, 3, 0, 1)]).found();
    assert_eq!(twice, [Violation::Repeated { whose: whose("q"), tier: rank() }]);
    let gap = play().in_the_end("rank", vec![p, row("q", 3, 3, 0, 1)]).found();
    assert_eq!(gap, [Violation::RankGap { whose: whose("q"), tier: rank(), rank: 3, expected: 2 }]);
    let unsorted = play().in_the_end("rank", vec![row("q", 1, 3, 0, 1), row("p", 2, 5, 0, 1)]).found();
    assert_eq!(unsorted, [Violation::Unsorted { whose: whose("p"), tier: rank() }]);
}

#[test]
fn a_client_reads_backwards() {
    let play = || on(Operator::Best).acked(1, 5, 0).acked(2, 7, 0);
    let end = [row("p", 1, 7, 0, 2)];
    assert_eq!(play().read(3, 5, 1).read(4, 7, 2).ends(&end), []);
    let back = play().read(3, 7, 2).read(4, 5, 1).ends(&end);
    assert_eq!(back, [Violation::WentBack { whose: whose("p"), op: 4, earlier: 3 }]);
}

#[test]
fn the_same_id_is_answered_otherwise() {
    let key = Some("k");
    let first = || on(Operator::Best).sent(1, 5, 0, key).ok(1, Outcome::Improved);
    let end = [row("p", 1, 5, 0, 1)];
    let other = |op, earlier| vec![Violation::OtherAnswer { whose: whose("p"), op, earlier }];
    assert_eq!(first().sent(2, 5, 0, key).ok(2, Outcome::Duplicate).ends(&end), []);
    assert_eq!(first().sent(2, 5, 0, key).ok(2, Outcome::Unchanged).ends(&end), other(2, Some(1)));
    // Another body under the same id is a conflict, and only that.
    let conflict = |op| Event::Refused { op, code: "CONFLICT".into() };
    assert_eq!(first().sent(2, 4, 0, key).with(conflict(2)).ends(&end), []);
    let taken = first().sent(2, 4, 0, key).ok(2, Outcome::Unchanged).ends(&[row("p", 1, 5, 0, 2)]);
    assert_eq!(taken, other(2, Some(1)));
    assert_eq!(first().sent(2, 5, 0, key).with(conflict(2)).ends(&end), other(2, Some(1)));
    let repeated = on(Operator::Best).sent(1, 5, 0, key).ok(1, Outcome::Duplicate).ends(&end);
    assert_eq!(repeated, other(1, None));
}

#[test]
fn a_season_is_reset() {
    let told = |op, version| Event::Ok {
        op,
        level: Some(Level::Persisted),
        outcome: Some(Outcome::Improved),
        version,
        shown: None,
    };
    let reset = |history: History, op, from| {
        history.with(Event::Invoke { op, client: 0, call: Call::Reset { board: "b".into(), from } })
    };
    let opened = |history: History, op, from: u32| reset(history, op, from).with(told(op, Some(from + 1)));
    let ends = |history: History, seasons: &[&[Row]]| {
        let history = (1..).zip(seasons).fold(history, |history, (version, rows)| {
            let (tier, board) = ("store".into(), "b".into());
            history.with(Event::Final { tier, board, version, rows: rows.to_vec() })
        });
        history.found()
    };
    let of = |version| Whose { version, ..whose("p") };
    let (five, seven) = ([row("p", 1, 5, 1, 1)], [row("p", 1, 7, 2, 1)]);
    let both = [row("p", 1, 12, 3, 2)];
    for operator in [Operator::Best, Operator::Set, Operator::Increment] {
        // One before, one afterwards.
        let play = || opened(on(operator).acked(1, 5, 1), 2, 1).acked(3, 7, 2);
        assert_eq!(ends(play(), &[&five, &seven]), []);
        let lost = |op, version| vec![Violation::Lost { whose: of(version), op }];
        assert_eq!(ends(play(), &[&[], &seven]), lost(1, 1));
        assert_eq!(ends(play(), &[&five, &[]]), lost(3, 2));
        // What was before goes on in the next, or what is afterwards is in the one before.
        let never = |version, score, subscore| Violation::NeverSubmitted {
            whose: of(version),
            found: scores(score, subscore),
        };
        assert_ne!(ends(play(), &[&five, &five]), []);
        assert_ne!(ends(play(), &[&seven, &seven]), []);
        assert_ne!(ends(play(), &[&five, &both]), []);
        let carried = opened(on(operator).acked(1, 5, 1), 2, 1);
        assert_eq!(ends(carried, &[&five, &five]), [never(2, 5, 1)]);
        // Nobody opened another; and what was opened is gone.
        let third = Violation::NeverOpened { board: "b".into(), version: 3 };
        assert_eq!(ends(play(), &[&five, &seven, &[]]), [third]);
        let gone = opened(on(operator).acked(1, 5, 1), 2, 1);
        assert_eq!(ends(gone, &[&five]), [Violation::SeasonLost { board: "b".into(), version: 2, op: 2 }]);
        // A repetition is told the season that is there; it counted before that, which may be gone with who opened it.
        let key = Some("id");
        let reset_once = || reset(on(operator).sent(1, 5, 1, key).with(told(1, Some(1))), 2, 1);
        let again = |outcome| {
            let told = Event::Ok {
                op: 3,
                level: Some(Level::Persisted),
                outcome: Some(outcome),
                version: Some(2),
                shown: None,
            };
            ends(reset_once().with(Event::Unknown { op: 2 }).sent(3, 5, 1, key).with(told), &[&five])
        };
        assert_eq!(again(Outcome::Duplicate), []);
        let lost = Violation::SeasonLost { board: "b".into(), version: 2, op: 3 };
        assert!(again(Outcome::Improved).contains(&lost));
        let failed = reset(on(operator).acked(1, 5, 1), 2, 1).with(Event::Failed { op: 2 });
        assert_eq!(ends(failed, &[&five, &[]]), [Violation::NeverOpened { board: "b".into(), version: 2 }]);
        // Said to be of a season that is over, or that nobody has opened.
        let other = |op| Violation::OtherSeason { board: "b".into(), op };
        let late = opened(on(operator), 2, 1).sent(3, 7, 2, None).with(told(3, Some(1)));
        assert_eq!(ends(late, &[&seven, &[]]), [other(3)]);
        let early = opened(on(operator).sent(3, 7, 2, None).with(told(3, Some(2))), 2, 1);
        assert!(ends(early, &[&[], &seven]).contains(&other(3)));
    }
}

#[test]
fn a_submission_while_the_season_is_reset() {
    for operator in [Operator::Best, Operator::Set, Operator::Increment] {
        let play = |version| {
            let ok = |op, version| Event::Ok {
                op,
                level: Some(Level::Persisted),
                outcome: None,
                version,
                shown: None,
            };
            let reset = Call::Reset { board: "b".into(), from: 1 };
            let history = on(operator).with(Event::Invoke { op: 2, client: 1, call: reset });
            history.sent(1, 5, 1, None).with(ok(2, Some(2))).with(ok(1, version))
        };
        let ends = |history: History, seasons: [&[Row]; 2]| {
            let history = (1..).zip(seasons).fold(history, |history, (version, rows)| {
                let (tier, board) = ("store".into(), "b".into());
                history.with(Event::Final { tier, board, version, rows: rows.to_vec() })
            });
            history.found()
        };
        let five = [row("p", 1, 5, 1, 1)];
        // It may be in either; but it is in one, and in that of which was told.
        assert_eq!(ends(play(None), [&five, &[]]), []);
        assert_eq!(ends(play(None), [&[], &five]), []);
        assert_eq!(ends(play(Some(2)), [&[], &five]), []);
        let of = |version| Whose { version, ..whose("p") };
        assert_eq!(ends(play(None), [&[], &[]]), [Violation::Lost { whose: of(2), op: 1 }]);
        assert_eq!(ends(play(None), [&five, &five]), [Violation::CountedTwice { whose: of(2), op: 1 }]);
        assert_eq!(ends(play(Some(2)), [&[], &[]]), [Violation::Lost { whose: of(2), op: 1 }]);
        assert_ne!(ends(play(Some(2)), [&five, &[]]), []);
    }
}

#[test]
fn a_submission_stands_in_two_seasons() {
    // Sent, no answer, a reset, and sent again: to another primary, where there was no reset.
    let play = |operator, first: Event, surely: bool| {
        let told = |op, version| Event::Ok {
            op,
            level: Some(Level::Persisted),
            outcome: Some(Outcome::Improved),
            version: Some(version),
            shown: None,
        };
        let reset = Call::Reset { board: "b".into(), from: 1 };
        let history = on(operator).with(Event::Invoke { op: 2, client: 1, call: reset });
        let history = history.sent(1, 5, 1, Some("id"));
        let history = if surely { history.with(told(2, 2)) } else { history.with(Event::Unknown { op: 2 }) };
        let history = history.with(first).sent(3, 5, 1, Some("id")).with(told(3, 1));
        let five = vec![row("p", 1, 5, 1, 1)];
        (1..3).fold(history, |history, version| {
            let (tier, board, rows) = ("store".into(), "b".into(), five.clone());
            history.with(Event::Final { tier, board, version, rows })
        })
    };
    let merged = |history: History| {
        let promises = Promises { one_history: false, ..Promises::default() };
        check(&promises, &history.0).violations
    };
    let lost = || Event::Unknown { op: 1 };
    for operator in [Operator::Best, Operator::Set, Operator::Increment] {
        assert_ne!(play(operator, lost(), false).found(), [], "there is one history");
        assert_eq!(merged(play(operator, lost(), false)), []);
        // No answer was lost; or the season was surely there when it was sent again.
        assert_ne!(merged(play(operator, Event::Failed { op: 1 }, false)), []);
        assert_ne!(merged(play(operator, lost(), true)), []);
        // Taken by a primary that did not know yet that the season was over.
        let late = || {
            let ok = |op, version, outcome| Event::Ok {
                op,
                level: Some(Level::Persisted),
                outcome: Some(outcome),
                version: Some(version),
                shown: None,
            };
            let reset = Call::Reset { board: "b".into(), from: 1 };
            let history = on(operator).with(Event::Invoke { op: 2, client: 1, call: reset });
            let history = history.with(ok(2, 2, Outcome::Improved)).sent(1, 5, 1, Some("id")).with(lost());
            let history = history.sent(3, 5, 1, Some("id")).with(ok(3, 2, Outcome::Duplicate));
            let ends =
                |version, rows| Event::Final { tier: "store".into(), board: "b".into(), version, rows };
            history.with(ends(1, vec![row("p", 1, 5, 1, 1)])).with(ends(2, Vec::new()))
        };
        assert_eq!(merged(late()), []);
        assert_ne!(late().found(), [], "there is one history");
        // Once in each, and no more.
        let three = [row("p", 1, 10, 2, 2)];
        let history = on(operator).acked(1, 5, 1).in_the_end("store", three.to_vec());
        assert_ne!(merged(history), []);
    }
}

#[test]
fn what_was_deleted_in_one_season() {
    let reset = |history: History, op, from: u32| {
        let call = Call::Reset { board: "b".into(), from };
        let ok = Event::Ok {
            op,
            level: Some(Level::Persisted),
            outcome: None,
            version: Some(from + 1),
            shown: None,
        };
        history.with(Event::Invoke { op, client: 0, call }).with(ok)
    };
    let first = Event::Final {
        tier: "store".into(),
        board: "b".into(),
        version: 1,
        rows: vec![row("p", 1, 5, 1, 1)],
    };
    let second = |rows| Event::Final { tier: "store".into(), board: "b".into(), version: 2, rows };
    let play = || reset(on(Operator::Best).acked(1, 5, 1), 2, 1).acked(3, 7, 2).deleted(4);
    // The deletion is of the second season alone.
    assert_eq!(play().with(first.clone()).with(second(vec![])).found(), []);
    let returned = Violation::Returned { whose: Whose { version: 2, ..whose("p") }, op: 3, deletion: 4 };
    assert_eq!(play().with(first).with(second(vec![row("p", 1, 7, 2, 1)])).found(), [returned]);
}

#[test]
fn a_history_that_makes_no_sense() {
    let malformed = |found: Vec<Violation>, op| {
        assert!(matches!(found[..], [Violation::Malformed { op: of, .. }] if of == op), "{found:?}");
    };
    malformed(on(Operator::Best).ok(1, Outcome::Improved).ends(&[]), 1);
    malformed(on(Operator::Best).acked(1, 5, 0).ok(1, Outcome::Improved).ends(&[row("p", 1, 5, 0, 1)]), 1);
    malformed(on(Operator::Best).acked(1, 5, 0).sent(1, 5, 0, None).ends(&[row("p", 1, 5, 0, 1)]), 1);
    assert!(read(&b"{\"event\":\"failed\",\"op\":1}\nx"[..]).unwrap_err().starts_with("line 2"));
}
