//! Histories as the law makes them, with answers that are lost, late and out of order: nothing is found in them, until
//! something in their end is changed.

use std::collections::BTreeMap;

use hiscore_faults::history::event::Shown;
use hiscore_faults::history::{
    Call, Event, Level, Operator, Outcome, Promises, Row, Scores, Violation, check,
};
use hiscore_score as law;
use proptest::prelude::*;

const WINDOW: usize = 32;
const BOARDS: [(&str, Operator, law::Operator); 3] = [
    ("best", Operator::Best, law::Operator::Best),
    ("set", Operator::Set, law::Operator::Set),
    ("sum", Operator::Increment, law::Operator::Increment),
];

/// What is rolled for each step.
type Roll = (u8, u8, u8, u16);

#[derive(Debug, Clone)]
struct Request {
    op: u64,
    call: Call,
    /// The answer, once it was carried out.
    answer: Option<Event>,
    /// Whether the client was told that nobody knows.
    given_up: bool,
}

/// A server that follows the law, with clients.
#[derive(Default)]
struct Run {
    events: Vec<Event>,
    flight: Vec<Request>,
    /// By board, player and season.
    records: BTreeMap<(String, String, u32), law::Record>,
    /// The present seasons.
    seasons: BTreeMap<String, u32>,
    sent: Vec<Call>,
    stamp: u64,
    op: u64,
}

impl Run {
    fn step(&mut self, (what, which, whom, score): Roll) {
        match what % 8 {
            0..=2 => self.invoke(which, whom, score),
            _ if self.flight.is_empty() => self.invoke(which, whom, score),
            n => {
                let at = usize::from(which) % self.flight.len();
                self.go_on(at, n);
            }
        }
    }

    fn invoke(&mut self, which: u8, whom: u8, score: u16) {
        let (board, operator, _) = BOARDS[usize::from(which) % 3];
        let (board, player) = (board.to_owned(), format!("p{}", whom % 2));
        let of = |call: &&Call| matches!(call, Call::Submit { board: b, player: p, .. } if *b == board && *p == player);
        let mine: Vec<Call> = self.sent.iter().filter(of).cloned().collect();
        let call = match whom / 2 % 8 {
            // A retry of an earlier one, too.
            _ if which.is_multiple_of(11) => {
                let present = self.seasons.get(&board).copied().unwrap_or(1);
                Call::Reset { board, from: present.saturating_sub(u32::from(score.is_multiple_of(5))).max(1) }
            }
            0 => Call::Delete { board, player },
            1 | 2 => Call::Read { board, player },
            // Again, perhaps with another body.
            3 | 4 if !mine.is_empty() => {
                let mut again = mine[usize::from(score) % mine.len()].clone();
                if let Call::Submit { scores, .. } = &mut again
                    && score.is_multiple_of(7)
                    && operator != Operator::Increment
                {
                    scores.score += 1;
                }
                again
            }
            _ if mine.len() < 28 => {
                let mark = if operator == Operator::Increment { 1 << mine.len() } else { mine.len() as i64 };
                let scores = Scores { score: i64::from(score % 50) * 2, subscore: mark };
                let call = Call::Submit { board, player, scores, key: Some(format!("k{}", mine.len())) };
                self.sent.push(call.clone());
                call
            }
            _ => return,
        };
        self.op += 1;
        let op = self.op;
        // Each a client of its own, but for the readers.
        let client = if matches!(call, Call::Read { .. }) { u64::from(whom % 2) } else { 100 + op };
        self.events.push(Event::Invoke { op, client, call: call.clone() });
        self.flight.push(Request { op, call, answer: None, given_up: false });
    }

    fn go_on(&mut self, at: usize, how: u8) {
        let mut request = self.flight.remove(at);
        match (request.answer.take(), how) {
            // It arrives.
            (None, 3..=5) => {
                request.answer = Some(self.carry_out(request.op, &request.call));
                self.flight.push(request);
            }
            // It never does, and that is known; or the client gives up, and it may arrive later.
            (None, 6) if !request.given_up => self.events.push(Event::Failed { op: request.op }),
            (None, _) => {
                if !request.given_up {
                    self.events.push(Event::Unknown { op: request.op });
                    self.flight.push(Request { given_up: true, ..request });
                }
            }
            (Some(_), _) if request.given_up => {}
            (Some(_), 7) => self.events.push(Event::Unknown { op: request.op }),
            (Some(answer), _) => self.events.push(answer),
        }
    }

    fn carry_out(&mut self, op: u64, call: &Call) -> Event {
        let (board, player) = match call {
            Call::Submit { board, player, .. }
            | Call::Delete { board, player }
            | Call::Read { board, player } => (board, player.as_str()),
            Call::Reset { board, .. } => (board, ""),
        };
        let present = self.seasons.entry(board.clone()).or_insert(1);
        let season = *present;
        if let Call::Reset { from, .. } = call {
            if *from != season {
                return Event::Refused { op, code: "VERSION_CONFLICT".into() };
            }
            *present += 1;
            let version = Some(*present);
            return Event::Ok { op, level: Some(Level::Persisted), outcome: None, version, shown: None };
        }
        let operator = BOARDS.iter().find(|(name, ..)| name == board).unwrap().2;
        let rules = law::Rules { operator, ..law::Rules::default() };
        let key = |season| (board.clone(), player.to_owned(), season);
        let before = (1..season).rev().find_map(|season| self.records.get(&key(season)));
        let window = before.map(|record| record.window.clone()).unwrap_or_default();
        let record = self.records.entry(key(season)).or_insert_with(|| law::Record::unborn(window));
        self.stamp += 1;
        let stamp = law::Stamp::from_raw(self.stamp).unwrap();
        let moment = law::Moment { position: law::Position::new(1, self.stamp), stamp };
        // Not everybody asks for the season; who reads has it in what is shown.
        let told = matches!(call, Call::Read { .. }) || op.is_multiple_of(3);
        let version = told.then_some(season);
        let ok = |outcome, shown| Event::Ok { op, level: Some(Level::Persisted), outcome, version, shown };
        match call {
            Call::Reset { .. } | Call::Read { .. } => ok(None, record.live.as_ref().map(shown)),
            Call::Delete { .. } => match record.delete(moment) {
                Some(after) => {
                    *record = after;
                    ok(Some(Outcome::Improved), None)
                }
                None => ok(Some(Outcome::Unchanged), None),
            },
            Call::Submit { scores, key, .. } => {
                let number = |value| law::Score::new(value).unwrap();
                let id = key.as_ref().map(|key| law::SubmissionId::new(key).unwrap());
                let (score, subscore) = (number(scores.score), number(scores.subscore));
                let submission = law::Submission::new(score, subscore, None, id.as_ref());
                match record.submit(&rules, &submission, moment, WINDOW) {
                    Ok(law::Applied::Changed(after, outcome)) => {
                        *record = after;
                        let improved = outcome == law::Outcome::Improved;
                        ok(Some(if improved { Outcome::Improved } else { Outcome::Unchanged }), None)
                    }
                    Ok(law::Applied::Duplicate) => ok(Some(Outcome::Duplicate), None),
                    Err(_) => Event::Refused { op, code: "CONFLICT".into() },
                }
            }
        }
    }

    fn end(&mut self) {
        let seasons = |board: &str| 1..=self.seasons.get(board).copied().unwrap_or(1);
        let all: Vec<_> = BOARDS
            .iter()
            .flat_map(|(board, ..)| seasons(board).map(move |season| (*board, season)))
            .collect();
        for (board, version) in all {
            let live = self.records.iter().filter(|((of, _, season), _)| of == board && *season == version);
            let mut rows: Vec<Row> = live
                .filter_map(|((_, player, _), record)| {
                    Some(Row { player: player.clone(), rank: None, shown: shown(record.live.as_ref()?) })
                })
                .collect();
            let end =
                |tier: &str, rows| Event::Final { tier: tier.into(), board: board.into(), version, rows };
            self.events.push(end("store", rows.clone()));
            rows.sort_by_key(|row| std::cmp::Reverse(row.shown.scores));
            (1..).zip(&mut rows).for_each(|(rank, row)| row.rank = Some(rank));
            self.events.push(end("rank", rows));
        }
    }
}

fn shown(live: &law::Live) -> Shown {
    let scores = Scores { score: live.score.get(), subscore: live.subscore.get() };
    Shown { scores, num_score: live.num_score }
}

/// A whole run.
fn played(rolls: Vec<Roll>) -> Run {
    let mut run = Run::default();
    for (board, operator, _) in BOARDS {
        run.events.push(Event::Board { board: board.into(), operator });
    }
    rolls.into_iter().for_each(|roll| run.step(roll));
    run.end();
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_changed_in_the_end_is_found(
        rolls in prop::collection::vec(any::<Roll>(), 1..200),
        (which, how) in any::<(usize, u8)>(),
    ) {
        let mut run = played(rolls);
        let finals = run.events.iter_mut().filter_map(|event| match event {
            Event::Final { board, version, rows, .. } => Some(((board.clone(), *version), rows)),
            _ => None,
        });
        let mut finals: Vec<_> = finals.filter(|(_, rows)| !rows.is_empty()).collect();
        prop_assume!(!finals.is_empty());
        let (board, player) = {
            let (board, rows) = &finals[which % finals.len()];
            (board.clone(), rows[which % rows.len()].player.clone())
        };
        // In all tiers alike.
        for (_, rows) in finals.iter_mut().filter(|(of, _)| *of == board) {
            let row = rows.iter_mut().find(|row| row.player == player).unwrap();
            let Shown { scores, num_score } = &mut row.shown;
            match how % 3 {
                0 => scores.score += 1_000_001,
                1 => scores.subscore += 1 << 40,
                _ => *num_score += 1_000,
            }
        }
        let report = check(&Promises::default(), &run.events);
        let of_player = |violation: &Violation| format!("{violation}").starts_with(&format!("{}/{}/{player}", board.0, board.1));
        prop_assert!(report.violations.iter().any(of_player), "{:?} of {:#?}", report.violations, run.events);
    }

    #[test]
    fn nothing_is_found_in_what_the_law_makes(rolls in prop::collection::vec(any::<Roll>(), 0..400)) {
        let run = played(rolls);
        let report = check(&Promises::default(), &run.events);
        prop_assert_eq!(&report.violations, &[], "{:#?}", run.events);
    }
}
