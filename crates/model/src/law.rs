//! Records in the model: the crate `score`'s own, judged and merged by its own code, with a hash for the explorer.
//!
//! A smaller abstraction would not have been cheaper: with a handful of submissions a record is a handful of numbers, and
//! what is merged here is then merged exactly as it is in a reconcile.

use std::hash::{Hash, Hasher};

use hiscore_score::merge::merge;
use hiscore_score::window::Window;
use hiscore_score::{
    Applied, Moment, Operator, Position, Record, Rules, Score, Stamp, Submission, SubmissionId,
};

use crate::bounds::{Flaw, Flaws};

/// Ids that a window holds: more than any model submits.
const WINDOW: usize = 32;

/// A record that can be hashed. Equal records hash alike; metadata is never used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rec(pub Record);

impl Hash for Rec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Record { live, deleted, updated, position, window } = &self.0;
        (deleted, updated, position, window.horizon_ms()).hash(state);
        if let Some(live) = live {
            (live.score.get(), live.num_score, live.created, live.reached).hash(state);
        }
        for entry in window.entries() {
            (entry.stamp, entry.key.id[0], entry.key.id[1]).hash(state);
        }
    }
}

/// What somebody sends, once or more often.
#[derive(Debug, Clone)]
pub enum Work {
    /// A submission with an id.
    Submit(Submission),
    /// A deletion.
    Delete,
}

impl Work {
    /// A submission without an id.
    ///
    /// # Panics
    /// When the score is out of range.
    #[allow(clippy::expect_used, reason = "only tests make these")]
    pub fn anonymous(score: i64) -> Self {
        let score = Score::new(score).expect("a small score");
        Self::Submit(Submission::new(score, Score::ZERO, None, None))
    }

    /// A submission that is told apart by its `number`, with this score.
    ///
    /// # Panics
    /// When the score is out of range.
    #[allow(clippy::expect_used, reason = "only tests make these")]
    pub fn submit(number: usize, score: i64) -> Self {
        let id = SubmissionId::new(&format!("s{number}")).expect("a short id");
        let score = Score::new(score).expect("a small score");
        Self::Submit(Submission::new(score, Score::ZERO, None, Some(&id)))
    }
}

/// What came of a work on a record.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The record after it; `None`: nothing changed.
    pub record: Option<Rec>,
    /// The position that holds it: of this change, or of the record in which it was found.
    pub at: Position,
    /// The stamp that it was applied at.
    pub stamp: u64,
}

/// Judges a work at the position; what the shard's sequencer does.
pub fn judge(rules: &Rules, record: Option<&Rec>, work: &Work, position: Position) -> Judged {
    let unborn;
    let before = match record {
        Some(record) => &record.0,
        None => {
            unborn = Record::unborn(Window::default());
            &unborn
        }
    };
    let stamp = Stamp::from_raw(position.sequence).unwrap_or(Stamp::LAST);
    let unchanged = |stamp| Judged { record: None, at: before.position, stamp };
    match work {
        Work::Submit(submission) => {
            match before.submit(rules, submission, Moment { position, stamp }, WINDOW) {
                Ok(Applied::Changed(record, _)) => {
                    Judged { record: Some(Rec(record)), at: position, stamp: stamp.raw() }
                }
                Ok(Applied::Duplicate) | Err(_) => unchanged(filed(before, submission)),
            }
        }
        Work::Delete => match before.delete(Moment { position, stamp }) {
            Some(record) => Judged { record: Some(Rec(record)), at: position, stamp: stamp.raw() },
            None => unchanged(before.deleted.raw()),
        },
    }
}

/// When the submission was applied that the window knows.
fn filed(record: &Record, submission: &Submission) -> u64 {
    let mut entries = record.window.entries().iter().rev();
    let found = entries.find(|entry| submission.key.is_some_and(|key| key.id == entry.key.id));
    found.map_or(0, |entry| entry.stamp.raw())
}

/// Merges two copies by the law. With [`Flaw::UnitedWindows`], increments as they were once merged: a retry of what only the
/// loser counted is told that it was counted.
pub fn join(rules: &Rules, a: &Rec, b: &Rec, flaws: Flaws) -> Rec {
    let joined = merge(rules, &a.0, &b.0, WINDOW);
    if rules.operator == Operator::Increment && flaws.has(Flaw::UnitedWindows) {
        let window = a.0.window.union(&b.0.window, WINDOW);
        return Rec(Record { window, ..joined });
    }
    Rec(joined)
}

/// Rules of a board with the operator, the largest first.
pub fn rules(operator: Operator) -> Rules {
    Rules { operator, ..Rules::default() }
}
