//! What must hold among the seasons of a board: a submission counts in one of them (but for those of which a merge of two histories
//! may show it in two), and whether it was before or after a reset that was under way at the same time is known of few.

use super::event::{Operator, Scores, Shown};
use super::judge::Case;
use super::seasons::Seasons;
use super::submissions::{Fate, Submission};
use super::sums::amount;
use super::violation::Violation;

/// What all seasons together have of one player: `found` by season.
pub(super) fn judge(
    case: &Case<'_>,
    operator: Operator,
    seasons: &Seasons,
    found: &[(u32, Shown)],
) -> Option<Violation> {
    let total = found.iter().fold((Scores::default(), 0), |(sum, count), (_, shown)| {
        let scores = Scores {
            score: sum.score.saturating_add(shown.scores.score),
            subscore: sum.subscore.saturating_add(shown.scores.subscore),
        };
        (scores, count + shown.num_score)
    });
    if operator == Operator::Increment {
        return match found {
            [] => case.first_lost(),
            _ => case.sum(amount(&total.0), total.1),
        };
    }
    twice(case, found)
        .or_else(|| {
            let must = || case.all.iter().filter(|(_, fate)| *fate == Fate::Must).map(|(one, _)| *one);
            let mut lost = must().filter(|one| {
                !found.iter().any(|(version, shown)| {
                    seasons.of(case.promises, one).contains(version) && may_be_in(case, operator, one, shown)
                })
            });
            lost.next().and_then(|one| case.lost(one))
        })
        .or_else(|| case.count(total.1, 0))
}

/// Whether a season's final record may come of a submission and others.
fn may_be_in(case: &Case<'_>, operator: Operator, one: &Submission, shown: &Shown) -> bool {
    if operator == Operator::Best {
        return shown.scores >= one.scores;
    }
    let mut candidates =
        case.all.iter().filter(|(other, _)| other.scores == shown.scores).map(|(other, _)| *other);
    candidates.any(|other| other.applied_by().is_none_or(|applied| Some(applied) >= one.invoked()))
}

/// A submission that more seasons show than it was sent for.
fn twice(case: &Case<'_>, found: &[(u32, Shown)]) -> Option<Violation> {
    found.iter().find_map(|(_, shown)| {
        let showing = found.iter().filter(|(_, other)| other.scores == shown.scores).count();
        let mut sent = case.all.iter().filter(|(one, _)| one.scores == shown.scores).map(|(one, _)| *one);
        let first = sent.next()?;
        (showing > 1 + sent.count())
            .then(|| Violation::CountedTwice { whose: case.whose.clone(), op: first.op() })
    })
}
