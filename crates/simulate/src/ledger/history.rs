//! What one player's submissions leave possible, by the operator of the board.

use hiscore_score::{Operator, Rules, Stamp};

use super::subset::{Sum, reachable};
use super::{Kind, Scores, Standing};

/// Submissions with an unknown outcome that are kept; with more, some questions stay undecided.
const MAX_DOUBTFUL: usize = 256;

/// One player's history, reduced to what a verdict needs.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// The submission under way.
    pub(super) open: Option<Scores>,
    /// The record before the first submission.
    base: Option<Standing>,
    acked: u64,
    unknown: u64,
    /// BEST: the best of the baseline and what was acknowledged. SET: the last of them.
    settled: Option<Scores>,
    /// INCREMENT: the sum of the baseline and what was acknowledged.
    sum: Sum,
    /// Unknown ones that could show: of BEST those better than `settled`, of SET those after it, of INCREMENT all.
    doubtful: Vec<Scores>,
    /// How many of them there were; more than are kept when there were too many.
    late: u64,
}

impl History {
    pub(super) fn baseline(&mut self, record: Standing) {
        self.base = Some(record);
        self.settled = Some(record.scores);
        self.sum = amount(&record.scores);
    }

    pub(super) fn acked(&mut self, rules: &Rules) {
        let Some(scores) = self.open.take() else { return };
        self.acked += 1;
        match rules.operator {
            Operator::Best => {
                if self.settled.is_none_or(|settled| better(rules, &scores, &settled)) {
                    self.settled = Some(scores);
                    let before = self.doubtful.len();
                    self.doubtful.retain(|doubtful| better(rules, doubtful, &scores));
                    self.late -= (before - self.doubtful.len()) as u64;
                }
            }
            Operator::Set => {
                self.settled = Some(scores);
                self.doubtful.clear();
                self.late = 0;
            }
            Operator::Increment => self.sum = plus(self.sum, amount(&scores)),
        }
    }

    pub(super) fn unknown(&mut self, rules: &Rules) {
        let Some(scores) = self.open.take() else { return };
        self.unknown += 1;
        let hidden = rules.operator == Operator::Best
            && self.settled.is_some_and(|settled| !better(rules, &scores, &settled));
        if hidden {
            return;
        }
        self.late += 1;
        if self.doubtful.len() < MAX_DOUBTFUL {
            self.doubtful.push(scores);
        }
    }

    fn overflowed(&self) -> bool {
        self.late > self.doubtful.len() as u64
    }

    /// What is wrong with the final record, if anything. Nothing may be open.
    pub(super) fn judge(&self, rules: &Rules, found: Option<Standing>) -> Option<(Kind, String)> {
        let before = self.base.map_or(0, |base| base.num_score);
        let least = before + self.acked;
        let most = least + self.unknown;
        let Some(found) = found else {
            let expected = format!("no record; acknowledged submissions: {}", self.acked);
            return match (self.base, self.acked) {
                (None, 0) => None,
                (Some(_), 0) => {
                    Some((Kind::Lost, "no record, although there was one at the start".to_owned()))
                }
                _ => Some((Kind::Lost, expected)),
            };
        };
        let Standing { scores, num_score } = found;
        let counted = format!("numScore is {num_score}");
        if num_score < least {
            let sent = format!("{before} at the start and {} acknowledged", self.acked);
            return Some((Kind::Lost, format!("{counted} with {scores}, expected at least {least}: {sent}")));
        }
        if num_score > most {
            // With others at work only BEST still promises something: nobody makes it worse.
            if rules.operator == Operator::Best
                && let Some(settled) = self.settled
                && better(rules, &settled, &scores)
            {
                return Some((Kind::Lost, format!("{scores}, although {settled} was acknowledged")));
            }
            return Some((
                Kind::MoreThanSent,
                format!("{counted} with {scores}, but at most {most} were sent"),
            ));
        }
        // So many of the unknown ones were applied.
        let applied = num_score - least;
        match rules.operator {
            Operator::Best => self.judge_best(rules, &scores, applied),
            Operator::Set => self.judge_set(&scores, applied),
            Operator::Increment => self.judge_sum(&scores, applied),
        }
    }

    fn judge_best(&self, rules: &Rules, found: &Scores, applied: u64) -> Option<(Kind, String)> {
        let settled = self.settled.as_ref();
        if settled == Some(found) {
            return None;
        }
        if let Some(settled) = settled
            && better(rules, settled, found)
        {
            return Some((Kind::Lost, format!("{found}, although {settled} was acknowledged")));
        }
        if applied > 0 && self.doubtful.contains(found) {
            return None;
        }
        if applied > 0 && self.overflowed() {
            return Some((Kind::Undecided, format!("{found} may be one of too many unanswered submissions")));
        }
        Some((Kind::NeverSubmitted, format!("{found}, better than anything that was submitted")))
    }

    fn judge_set(&self, found: &Scores, applied: u64) -> Option<(Kind, String)> {
        // Unknown ones from before the last acknowledged one may be among those that were applied.
        let earlier = self.unknown - self.late;
        if applied <= earlier && self.settled.as_ref() == Some(found) {
            return None;
        }
        // The last applied one shows, so no more than it and those before it can have been applied.
        let place = self.doubtful.iter().rposition(|doubtful| doubtful == found);
        if place.is_some_and(|place| applied > 0 && applied <= earlier + place as u64 + 1) {
            return None;
        }
        if applied > 0 && self.overflowed() {
            return Some((Kind::Undecided, format!("{found} may be one of too many unanswered submissions")));
        }
        let last = match &self.settled {
            Some(settled) => format!("the last acknowledged is {settled}"),
            None => "none was acknowledged".to_owned(),
        };
        let unanswered = format!("{applied} unanswered ones were applied, {} came after it", self.late);
        Some((Kind::Lost, format!("{found}, but {last} ({unanswered})")))
    }

    fn judge_sum(&self, found: &Scores, applied: u64) -> Option<(Kind, String)> {
        let rest = minus(amount(found), self.sum);
        let amounts: Vec<Sum> = self.doubtful.iter().map(amount).collect();
        let fits = if self.overflowed() && applied > 0 { None } else { reachable(&amounts, applied, rest) };
        match fits {
            Some(true) => None,
            Some(false) => Some((
                if applied == 0 { Kind::Lost } else { Kind::NeverSubmitted },
                format!(
                    "{found}, but the acknowledged ones add up to ({}, {}), and no {applied} of the {} unanswered \
                     ones make up for it",
                    self.sum.0, self.sum.1, self.unknown
                ),
            )),
            None => Some((Kind::Undecided, format!("{found} has too many unanswered submissions in it"))),
        }
    }
}

fn better(rules: &Rules, a: &Scores, b: &Scores) -> bool {
    let standing =
        |scores: &Scores| hiscore_score::Standing::new(rules, scores.score, scores.subscore, Stamp::ZERO);
    standing(a).scores_better_than(&standing(b))
}

fn amount(scores: &Scores) -> Sum {
    (scores.score.get().into(), scores.subscore.get().into())
}

fn plus(a: Sum, b: Sum) -> Sum {
    (a.0 + b.0, a.1 + b.1)
}

fn minus(a: Sum, b: Sum) -> Sum {
    (a.0 - b.0, a.1 - b.1)
}
