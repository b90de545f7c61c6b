//! The record: what one player has on one season of one leaderboard, and what a submission or a deletion makes of it.

use crate::leaderboard::{Operator, Rules};
use crate::window::{Seen, Window};
use crate::{Metadata, OutOfRange, Position, Score, Stamp, Standing, Submission};

/// The state of one player on one season: a living score or a tombstone, and what makes both safe to retry and merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The score; `None` in a tombstone.
    pub live: Option<Live>,
    /// When it was last deleted; [`Stamp::ZERO`] if never. Stays when the player submits again.
    pub deleted: Stamp,
    /// When the last submission or deletion was applied.
    pub updated: Stamp,
    /// The position of the last submission or deletion that changed it, whatever its operator.
    pub position: Position,
    /// The last submissions with a key.
    pub window: Window,
}

/// The part of a record that a player sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The score.
    pub score: Score,
    /// The second column.
    pub subscore: Score,
    /// What the game keeps beside them.
    pub metadata: Option<Metadata>,
    /// How many submissions were applied since the player began (or began afresh after a deletion).
    pub num_score: u64,
    /// When the first of them was applied.
    pub created: Stamp,
    /// When the present (score, subscore) was reached: the tie-break of the order.
    pub reached: Stamp,
}

/// What an applied submission did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The record is new, or its (score, subscore) is now what this submission made it.
    Improved,
    /// It counted, and (score, subscore) stayed as they were.
    Unchanged,
    /// It was applied before; nothing changed now.
    Duplicate,
}

/// What came of a submission that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The record after it.
    Changed(Record, Outcome),
    /// A retry: the record (if the player has one) stays as it is.
    Duplicate,
}

/// Why the law refuses a submission. Nothing has changed, and nothing will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The increment would leave ±(2^53 − 1).
    #[error("the sum would leave the range of a score")]
    OutOfRange,
    /// The same submission id came before with other scores or metadata.
    #[error("this submissionId was used before with another body")]
    Conflict,
    /// The submission id is too old to tell whether it was applied.
    #[error(
        "this submissionId is older than what is remembered of this player; it may have been applied already"
    )]
    Expired,
}

impl From<OutOfRange> for Refusal {
    fn from(_: OutOfRange) -> Self {
        Self::OutOfRange
    }
}

/// The place of one submission in the order of its shard, given by the sequencer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its position.
    pub position: Position,
    /// Its stamp.
    pub stamp: Stamp,
}

impl Live {
    /// Where it stands in the order of a board with these rules.
    pub fn standing(&self, rules: &Rules) -> Standing {
        Standing::new(rules, self.score, self.subscore, self.reached)
    }
}

impl Record {
    /// A record of a player of whom this season knows nothing: only the window of an earlier season, if any.
    pub fn unborn(inherited: Window) -> Self {
        Self {
            live: None,
            deleted: Stamp::ZERO,
            updated: Stamp::ZERO,
            position: Position::ZERO,
            window: inherited,
        }
    }

    /// Applies `submission`, sequenced at `at`. `window_length` is the deployment's.
    ///
    /// Refusals change nothing. The caller must not offer a position that this record has seen (see
    /// [`Record::has_seen`]): only a replay meets such a one, and skips it.
    pub fn submit(
        &self,
        rules: &Rules,
        submission: &Submission,
        at: Moment,
        window_length: usize,
    ) -> Result<Applied, Refusal> {
        if let Some(key) = &submission.key {
            match self.window.look_up(key) {
                Seen::New => {}
                Seen::Duplicate => return Ok(Applied::Duplicate),
                Seen::Conflict => return Err(Refusal::Conflict),
                Seen::Expired => return Err(Refusal::Expired),
            }
        }
        let (live, outcome) = match &self.live {
            None => (Live::first(submission, at.stamp), Outcome::Improved),
            Some(live) => live.after(rules, submission, at.stamp)?,
        };
        let mut window = self.window.clone();
        if let Some(key) = submission.key {
            window.push(key, at.stamp, window_length);
        }
        let record = Self {
            live: Some(live),
            deleted: self.deleted,
            updated: at.stamp,
            position: at.position,
            window,
        };
        Ok(Applied::Changed(record, outcome))
    }

    /// Deletes the score and leaves a tombstone, or `None` when there is no score to delete.
    pub fn delete(&self, at: Moment) -> Option<Self> {
        self.live.as_ref()?;
        Some(Self {
            live: None,
            deleted: at.stamp,
            updated: at.stamp,
            position: at.position,
            window: self.window.clone(),
        })
    }

    /// Whether `position` is already part of this record, so that a replay must skip it.
    pub fn has_seen(&self, position: Position) -> bool {
        position <= self.position
    }
}

impl Live {
    fn first(submission: &Submission, stamp: Stamp) -> Self {
        Self {
            score: submission.score,
            subscore: submission.subscore,
            metadata: submission.metadata.clone(),
            num_score: 1,
            created: stamp,
            reached: stamp,
        }
    }

    fn after(
        &self,
        rules: &Rules,
        submission: &Submission,
        stamp: Stamp,
    ) -> Result<(Self, Outcome), Refusal> {
        let after = Scored::after(rules, (self.score, self.subscore), submission)?;
        let outcome = after.outcome();
        let live = Self {
            score: after.score,
            subscore: after.subscore,
            metadata: after.metadata.unwrap_or_else(|| self.metadata.clone()),
            num_score: self.num_score.saturating_add(1),
            created: self.created,
            reached: if after.moved { stamp } else { self.reached },
        };
        Ok((live, outcome))
    }
}

/// What an operator makes of a living record's scores and metadata.
pub(crate) struct Scored {
    pub(crate) score: Score,
    pub(crate) subscore: Score,
    /// `None`: what is there stays.
    pub(crate) metadata: Option<Option<Metadata>>,
    /// Whether score or subscore became another.
    pub(crate) moved: bool,
}

impl Scored {
    /// What `submission` makes of (score, subscore) on a board with these rules.
    pub(crate) fn after(
        rules: &Rules,
        before: (Score, Score),
        submission: &Submission,
    ) -> Result<Self, Refusal> {
        let offered = (submission.score, submission.subscore);
        let ((score, subscore), metadata) = match rules.operator {
            Operator::Best => {
                // The stamp has no say in which is better.
                let standing = |(score, subscore)| Standing::new(rules, score, subscore, Stamp::ZERO);
                if standing(offered).scores_better_than(&standing(before)) {
                    (offered, Some(submission.metadata.clone()))
                } else {
                    (before, None)
                }
            }
            Operator::Set => (offered, Some(submission.metadata.clone())),
            // An increment that carries no metadata says nothing about it, so what is there stays.
            Operator::Increment => (
                (before.0.checked_add(offered.0)?, before.1.checked_add(offered.1)?),
                submission.metadata.clone().map(Some),
            ),
        };
        Ok(Self { score, subscore, metadata, moved: (score, subscore) != before })
    }

    /// What the submission did.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.moved { Outcome::Improved } else { Outcome::Unchanged }
    }
}
