//! A patch: what submissions did to a record that nobody read.
//!
//! A submission without a key asks of a record only where it stands: score, subscore, and when they were reached. That the
//! order has. So a sequencer can judge it, and note what it does, without a look at the rest: how many came before, what
//! lies beside the score, which keys were seen. The patch is put [onto](Patch::onto) the record whenever somebody has it in
//! hand, and gives what [`Record::submit`] would have given one by one.

use crate::record::{Outcome, Refusal, Scored};
use crate::{Live, Metadata, Moment, Position, Record, Rules, Score, Stamp, Standing, Submission};

/// What one or more submissions, none with a key, did to a living record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    score: Score,
    subscore: Score,
    reached: Stamp,
    /// `None`: what is there stays.
    metadata: Option<Option<Metadata>>,
    submissions: u64,
    updated: Stamp,
    position: Position,
}

impl Patch {
    /// Applies `submission`, sequenced at `at`, to a living record that stands at `standing`. A key in it is not looked at:
    /// a submission with one needs the record.
    pub fn of(
        rules: &Rules,
        standing: &Standing,
        submission: &Submission,
        at: Moment,
    ) -> Result<(Self, Outcome), Refusal> {
        let (score, subscore) = (standing.score(rules), standing.subscore(rules));
        let after = Scored::after(rules, (score, subscore), submission)?;
        let outcome = after.outcome();
        let patch = Self {
            score: after.score,
            subscore: after.subscore,
            reached: if after.moved { at.stamp } else { standing.reached() },
            metadata: after.metadata,
            submissions: 1,
            updated: at.stamp,
            position: at.position,
        };
        Ok((patch, outcome))
    }

    /// Becomes both as one, if it was made of where `before` left the record.
    pub fn come_after(&mut self, before: &Self) {
        self.submissions = self.submissions.saturating_add(before.submissions);
        if self.metadata.is_none() {
            self.metadata.clone_from(&before.metadata);
        }
    }

    /// Where the record stands after it.
    pub fn standing(&self, rules: &Rules) -> Standing {
        Standing::new(rules, self.score, self.subscore, self.reached)
    }

    /// The score after it.
    pub fn score(&self) -> Score {
        self.score
    }

    /// The subscore after it.
    pub fn subscore(&self) -> Score {
        self.subscore
    }

    /// When they were reached.
    pub fn reached(&self) -> Stamp {
        self.reached
    }

    /// The record after it. `base` must be what the patch was made of; or be at the patch already, or beyond, and then
    /// stays as it is, so that whoever meets a record that was written meanwhile counts nothing twice.
    pub fn onto(&self, base: &Record) -> Record {
        if base.has_seen(self.position) {
            return base.clone();
        }
        let before = base.live.as_ref();
        let live = Live {
            score: self.score,
            subscore: self.subscore,
            metadata: match &self.metadata {
                Some(metadata) => metadata.clone(),
                None => before.and_then(|live| live.metadata.clone()),
            },
            num_score: before.map_or(0, |live| live.num_score).saturating_add(self.submissions),
            created: before.map_or(self.reached, |live| live.created),
            reached: self.reached,
        };
        Record { live: Some(live), updated: self.updated, position: self.position, ..base.clone() }
    }
}
