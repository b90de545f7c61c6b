//! What the final record of a player may be, by the operator of the board.

use std::collections::{HashMap, HashSet};

use super::event::{Operator, Scores, Shown};
use super::seasons::Seasons;
use super::submissions::{Fate, Player, Submission, Submissions};
use super::sums::{Sum, amount, minus, reachable};
use super::tiers::{Rows, Tiers};
use super::violation::{Violation, Whose};
use super::{Promises, Report};

/// Of how many submissions it is asked which one was lost or counted twice, when a sum is wrong.
const ASKED: usize = 64;

/// One player's final record, with what was submitted.
pub(super) struct Case<'a> {
    pub(super) promises: &'a Promises,
    pub(super) whose: Whose,
    pub(super) all: Vec<(&'a Submission, Fate)>,
}

/// Judges every final record.
pub(super) fn all(promises: &Promises, submissions: &Submissions, tiers: &Tiers, report: &mut Report) {
    let unknown =
        |submission: &&Submission| submission.invoked().is_some() && submission.applied_by().is_none();
    let every = submissions.players.values().flat_map(|player| &player.submissions);
    report.unknown = every.filter(unknown).count() as u64;
    let every = submissions.players.iter();
    let every = every
        .flat_map(|((board, _), player)| player.submissions.iter().map(move |one| (board.as_str(), one)));
    let (seasons, wrong) = super::seasons::of_all(&submissions.resets, every);
    report.violations.extend(wrong.into_iter().map(|(board, op)| Violation::OtherSeason { board, op }));
    let mut seen: HashSet<Violation> = HashSet::new();
    let (nobody, one_season) = (Player::default(), Seasons::default());
    let mut of_board: HashMap<&str, Vec<&str>> = HashMap::new();
    for (board, player) in submissions.players.keys() {
        of_board.entry(board).or_default().push(player);
    }
    let player_of = |board: &str, name: &str| {
        submissions.players.get(&(board.to_owned(), name.to_owned())).unwrap_or(&nobody)
    };
    // By board and player: those of whom something is wrong in one season.
    let mut judged: HashSet<(String, String)> = HashSet::new();
    for (board, version, tier) in tiers.finals() {
        let Some(operator) = submissions.boards.get(board) else { continue };
        let seasons = seasons.get(board).unwrap_or(&one_season);
        let mut names: Vec<&str> = tier.keys().map(String::as_str).collect();
        let others = of_board.get(board).into_iter().flatten();
        names.extend(others.filter(|player| !tier.contains_key(**player)));
        names.sort_unstable();
        for name in names {
            let player = player_of(board, name);
            let deletions = player.deletions(seasons, version);
            let fate = |one| (one, deletions.fate(promises, one, seasons, version));
            let case = Case {
                promises,
                whose: Whose { board: board.to_owned(), version, player: name.to_owned() },
                all: player.submissions.iter().map(fate).collect(),
            };
            report.checked +=
                case.all.iter().filter(|(_, fate)| !matches!(fate, Fate::Never(_))).count() as u64;
            if let Some(violation) = case.judge(*operator, tier.get(name).copied()) {
                judged.insert((board.to_owned(), name.to_owned()));
                report.violations.extend(seen.insert(violation.clone()).then_some(violation));
            }
        }
    }
    for (board, by_season) in tiers.seasons() {
        let Some(operator) = submissions.boards.get(board) else { continue };
        let seasons = seasons.get(board).unwrap_or(&one_season);
        let versions: Vec<u32> = by_season.iter().map(|(version, _)| *version).collect();
        seasons.judge(board, &versions, &mut report.violations);
        let (Some(last), true) = (versions.last(), versions.len() > 1) else { continue };
        let mut names: Vec<&str> = of_board.get(board).cloned().unwrap_or_default();
        names.sort_unstable();
        for name in names.into_iter().filter(|name| !judged.contains(&(board.to_owned(), (*name).to_owned())))
        {
            let player = player_of(board, name);
            // Of which season a deletion was need not be known.
            let stays = player.deletions.iter().all(|one| !one.is_live());
            let fate = |one: &Submission| match one.invoked() {
                None => Fate::Never(None),
                Some(_) if stays && one.is_safe() => Fate::Must,
                Some(_) => Fate::May,
            };
            // What may stand in two seasons, once more.
            let may_twice = player.submissions.iter().filter(|one| one.may_stand_twice(promises));
            let besides = may_twice.map(|one| (one, Fate::May));
            let case = Case {
                promises,
                whose: Whose { board: board.to_owned(), version: *last, player: name.to_owned() },
                all: player.submissions.iter().map(|one| (one, fate(one))).chain(besides).collect(),
            };
            let shown = |(version, rows): &(u32, &Rows)| Some((*version, rows.get(name).copied()?));
            let found: Vec<(u32, Shown)> = by_season.iter().filter_map(shown).collect();
            report.violations.extend(super::across::judge(&case, *operator, seasons, &found));
        }
    }
}

impl<'a> Case<'a> {
    fn with(&self, wanted: Fate) -> impl Iterator<Item = &'a Submission> {
        self.all.iter().filter(move |(_, fate)| *fate == wanted).map(|(one, _)| *one)
    }

    pub(super) fn lost(&self, one: &Submission) -> Option<Violation> {
        Some(Violation::Lost { whose: self.whose.clone(), op: one.op() })
    }

    fn judge(&self, operator: Operator, found: Option<Shown>) -> Option<Violation> {
        let Some(Shown { scores, num_score }) = found else {
            return self.first_lost();
        };
        if operator == Operator::Increment {
            return self.sum(amount(&scores), num_score);
        }
        if let Some(violation) = self.shows(&scores) {
            return Some(violation);
        }
        let wrong = match operator {
            Operator::Best => {
                let mut better = self.with(Fate::Must).filter(|one| one.scores > scores);
                better.next().and_then(|one| self.lost(one))
            }
            _ => self.last(&scores),
        };
        wrong.or_else(|| self.count(num_score, 1))
    }

    /// What must be there, where nothing is.
    pub(super) fn first_lost(&self) -> Option<Violation> {
        self.with(Fate::Must).next().and_then(|one| self.lost(one))
    }

    /// On `BEST` and `SET` boards: all that must be counted, and some of what may be; at least `any`.
    pub(super) fn count(&self, found: u64, any: u64) -> Option<Violation> {
        let must = self.with(Fate::Must).count() as u64;
        let most = must + self.with(Fate::May).count() as u64;
        let least = if self.promises.one_history { must.max(any) } else { any };
        let whose = self.whose.clone();
        (found < least || found > most).then_some(Violation::Miscounted { whose, found, least, most })
    }

    /// It must show one submission.
    fn shows(&self, found: &Scores) -> Option<Violation> {
        let mut back = None;
        for (one, fate) in self.all.iter().filter(|(one, _)| one.scores == *found) {
            match fate {
                Fate::Must | Fate::May => return None,
                Fate::Never(Some(deletion)) => back = Some((one.op(), *deletion)),
                Fate::Never(None) => {}
            }
        }
        let whose = self.whose.clone();
        Some(match back {
            Some((op, deletion)) => Violation::Returned { whose, op, deletion },
            None => Violation::NeverSubmitted { whose, found: *found },
        })
    }

    /// On a `SET` board: one that was surely over before an acknowledged one was sent cannot be the last.
    fn last(&self, found: &Scores) -> Option<Violation> {
        let last = self.with(Fate::Must).max_by_key(|one| one.invoked())?;
        let shown = |one: &&Submission| one.scores == *found;
        let candidates: Vec<_> = self.with(Fate::Must).chain(self.with(Fate::May)).filter(shown).collect();
        let fits = |one: &&Submission| one.applied_by().is_none_or(|applied| Some(applied) >= last.invoked());
        if candidates.iter().any(fits) {
            return None;
        }
        let by = candidates.first().map_or(0, |one| one.op());
        Some(Violation::Overwritten { whose: self.whose.clone(), op: last.op(), by })
    }

    /// On an `INCREMENT` board: all that must be, and some of what may be, each once.
    pub(super) fn sum(&self, found: Sum, num_score: u64) -> Option<Violation> {
        let may: Vec<Sum> = self.with(Fate::May).map(|one| amount(&one.scores)).collect();
        let must = self.with(Fate::Must);
        let (known, sum) =
            must.fold((0i128, found), |(known, rest), one| (known + 1, minus(rest, amount(&one.scores))));
        // Counting them makes it surer; but where two histories were merged it is the larger count that stands.
        let count = i128::from(num_score) - known;
        let fits =
            |more: i128, rest: Sum| reachable(&may, self.promises.one_history.then_some(count + more), rest);
        match fits(0, sum) {
            Some(true) => return None,
            Some(false) => {}
            None => return Some(Violation::Undecided { whose: self.whose.clone(), unknown: may.len() }),
        }
        let whose = self.whose.clone();
        for (one, fate) in self.all.iter().take(ASKED) {
            let (op, amount) = (one.op(), amount(&one.scores));
            let missing = (sum.0 + amount.0, sum.1 + amount.1);
            if *fate == Fate::Must && fits(1, missing) == Some(true) {
                return Some(Violation::Lost { whose, op });
            }
            if fits(-1, minus(sum, amount)) == Some(true) {
                return Some(match fate {
                    Fate::Must | Fate::May => Violation::CountedTwice { whose, op },
                    Fate::Never(Some(deletion)) => Violation::Returned { whose, op, deletion: *deletion },
                    Fate::Never(None) => self.never(found),
                });
            }
        }
        // The sum alone is right.
        if reachable(&may, None, sum) == Some(true) {
            let least = known.try_into().unwrap_or(0);
            return Some(Violation::Miscounted {
                whose,
                found: num_score,
                least,
                most: least + may.len() as u64,
            });
        }
        Some(self.never(found))
    }

    fn never(&self, found: Sum) -> Violation {
        let narrow = |wide: i128| i64::try_from(wide).unwrap_or(i64::MAX);
        let found = Scores { score: narrow(found.0), subscore: narrow(found.1) };
        Violation::NeverSubmitted { whose: self.whose.clone(), found }
    }
}
