//! Which seasons a board can have had, and when: a reset opens the one after that which it expects, and nothing else does.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use super::Promises;
use super::submissions::{End, Submission, Try};
use super::violation::Violation;
use crate::history::event::Outcome;

/// What is known of one board.
#[derive(Debug, Clone, Default)]
pub(super) struct Seasons {
    /// The resets that were tried, with the season that each opens.
    pub(super) resets: Vec<(u32, Try)>,
    /// From when on a season was surely there, and who shows it: answers that are safe.
    surely: BTreeMap<u32, (usize, u64)>,
}

impl Seasons {
    /// An answer says that a season is there, and is safe.
    fn is_there(&mut self, version: u32, at: usize, op: u64) {
        let first = self.surely.entry(version).or_insert((at, op));
        *first = (*first).min((at, op));
    }

    /// From when on there may be a season; `None`: nobody ever asked for it.
    fn may_begin(&self, version: u32) -> Option<usize> {
        let opens = |wanted: u32| {
            let live = self.resets.iter().filter(|(opens, one)| *opens == wanted && one.is_live());
            live.map(|(_, one)| one.invoked).min()
        };
        (2..=version).try_fold(0, |begun, wanted| Some(opens(wanted)?.max(begun)))
    }

    /// From when on a season was surely over.
    fn is_over(&self, version: u32) -> Option<usize> {
        self.surely.range(version + 1..).map(|(_, (at, _))| *at).min()
    }

    /// The seasons that there may have been between two places in the history; `None` as the end: whenever.
    pub(super) fn between(&self, begin: usize, end: Option<usize>) -> RangeInclusive<u32> {
        let last = self.resets.iter().map(|(opens, _)| *opens).max().unwrap_or(1);
        let may =
            |version: &u32| self.may_begin(*version).is_some_and(|begun| end.is_none_or(|end| begun <= end));
        let most = (1..=last).take_while(may).last().unwrap_or(1);
        let least = (1..=most).find(|version| self.is_over(*version).is_none_or(|over| over > begin));
        least.unwrap_or(most)..=most
    }

    /// Those in which a submission may count: also one that was over, where a primary that was cut off may not have known that.
    pub(super) fn of(&self, promises: &Promises, submission: &Submission) -> RangeInclusive<u32> {
        if let Some(version) = submission.version() {
            return version..=version;
        }
        let of = self.between(submission.invoked().unwrap_or_default(), submission.applied_by());
        if promises.one_history || !submission.was_answered_unsafely() { of } else { 1..=*of.end() }
    }

    /// What must be among the finals of this board, and what must not.
    pub(super) fn judge(&self, board: &str, finals: &[u32], violations: &mut Vec<Violation>) {
        let name = || board.to_owned();
        let never = finals.iter().filter(|version| self.may_begin(**version).is_none());
        violations.extend(never.map(|version| Violation::NeverOpened { board: name(), version: *version }));
        let lost = self.surely.iter().filter(|(version, _)| !finals.contains(version));
        violations.extend(lost.map(|(version, (_, op))| Violation::SeasonLost {
            board: name(),
            version: *version,
            op: *op,
        }));
    }
}

/// Of all boards, and the answers that name a season in which nothing can have counted then.
pub(super) fn of_all<'a>(
    resets: &HashMap<String, Vec<(u32, Try)>>,
    submissions: impl Iterator<Item = (&'a str, &'a Submission)> + Clone,
) -> (HashMap<String, Seasons>, Vec<(String, u64)>) {
    let mut all: HashMap<String, Seasons> = HashMap::new();
    for (board, resets) in resets {
        let of = all.entry(board.clone()).or_default();
        of.resets.clone_from(resets);
        for (opens, one) in resets {
            if let End::Ok { at, safe: true, version, .. } = one.end {
                of.is_there(version.unwrap_or(*opens), at, one.op);
            }
        }
    }
    let told = submissions.clone().flat_map(|(board, one)| one.tries.iter().map(move |one| (board, one)));
    for (board, one) in told.clone() {
        if let End::Ok { at, safe: true, version: Some(version), outcome } = one.end
            // What is safe of a repetition is what counted before, perhaps in an earlier season.
            && outcome != Some(Outcome::Duplicate)
        {
            all.entry(board.to_owned()).or_default().is_there(version, at, one.op);
        }
    }
    let mut wrong = Vec::new();
    for (board, one) in told {
        let End::Ok { at, safe: true, version: Some(version), outcome } = one.end else { continue };
        // A repetition is told the present record, wherever it counted.
        if outcome == Some(Outcome::Duplicate) {
            continue;
        }
        if all.get(board).is_some_and(|of| !of.between(one.invoked, Some(at)).contains(&version)) {
            wrong.push((board.to_owned(), one.op));
        }
    }
    (all, wrong)
}
