//! What mutations take, and how it becomes what the port takes.

use async_graphql::{ID, InputObject};
use hiscore_score::{InvalidMetadata, Metadata, PlayerId, Submission, SubmissionId};

use super::enums::{Ack, Operator, SortOrder};
use super::payload::UserError;
use super::scalar::{Json, Score};
use crate::service::Entry;

/// A new leaderboard. Its rules never change afterwards.
#[derive(InputObject)]
pub(crate) struct CreateLeaderboardInput {
    /// Its name: 1 to 128 bytes of printable text without braces.
    pub(crate) id: ID,
    /// What a submission does.
    #[graphql(default_with = "Some(Operator::Best)")]
    pub(crate) operator: Option<Operator>,
    /// Which scores stand first.
    #[graphql(default_with = "Some(SortOrder::Desc)")]
    pub(crate) sort_order: Option<SortOrder>,
    /// Which subscores stand first among equal scores; as `sortOrder` when absent.
    pub(crate) subscore_order: Option<SortOrder>,
}

/// One score update of one player.
#[derive(InputObject)]
pub(crate) struct SubmitScoreInput {
    /// The leaderboard.
    pub(crate) leaderboard_id: ID,
    /// The player: 1 to 128 bytes of printable text without braces.
    pub(crate) player_id: ID,
    /// The score; the amount to add, on an `INCREMENT` leaderboard.
    pub(crate) score: Score,
    /// The second column.
    #[graphql(default_with = "Some(Score(hiscore_score::Score::ZERO))")]
    pub(crate) subscore: Option<Score>,
    /// What the game keeps beside the score.
    pub(crate) metadata: Option<Json>,
    /// The idempotency key, 1 to 64 bytes: the same submission sent again under it counts once.
    pub(crate) submission_id: Option<ID>,
    /// Wait for at least this level; the deployment's default otherwise.
    pub(crate) ack: Option<Ack>,
}

/// Many score updates of one leaderboard. Not atomic: each has its own result.
#[derive(InputObject)]
pub(crate) struct SubmitScoresInput {
    /// The leaderboard.
    pub(crate) leaderboard_id: ID,
    /// Up to 10,000 updates, applied in this order.
    pub(crate) submissions: Vec<ScoreInput>,
    /// Wait for at least this level; the deployment's default otherwise.
    pub(crate) ack: Option<Ack>,
}

/// One score update of a bulk.
#[derive(InputObject)]
pub(crate) struct ScoreInput {
    /// The player: 1 to 128 bytes of printable text without braces.
    pub(crate) player_id: ID,
    /// The score; the amount to add, on an `INCREMENT` leaderboard.
    pub(crate) score: Score,
    /// The second column.
    #[graphql(default_with = "Some(Score(hiscore_score::Score::ZERO))")]
    pub(crate) subscore: Option<Score>,
    /// What the game keeps beside the score.
    pub(crate) metadata: Option<Json>,
    /// The idempotency key, 1 to 64 bytes: the same submission sent again under it counts once.
    pub(crate) submission_id: Option<ID>,
}

impl ScoreInput {
    /// The entry, or everything that is against the rules in it; `at` is where it stands in the input.
    pub(crate) fn entry(self, at: &[&str]) -> Result<Entry, Vec<UserError>> {
        let mut errors = Vec::new();
        let mut wrong = |field, message: String| {
            let path = at.iter().copied().chain([field]);
            errors.push(UserError::invalid(path, message));
        };
        let player = PlayerId::new(&self.player_id).map_err(|error| wrong("playerId", error.to_string()));
        let metadata = metadata(self.metadata).map_err(|error| wrong("metadata", error.to_string()));
        let key = self.submission_id.as_deref().map(|id| SubmissionId::new(id)).transpose();
        let key = key.map_err(|error| wrong("submissionId", error.to_string()));
        let (Ok(player), Ok(metadata), Ok(key)) = (player, metadata, key) else { return Err(errors) };
        let subscore = self.subscore.map_or(hiscore_score::Score::ZERO, |subscore| subscore.0);
        Ok(Entry { player, submission: Submission::new(self.score.0, subscore, metadata, key.as_ref()) })
    }
}

/// Metadata within the rules; null is none.
pub(crate) fn metadata(input: Option<Json>) -> Result<Option<Metadata>, InvalidMetadata> {
    let Some(Json(value)) = input else { return Ok(None) };
    let value = value.into_json().map_err(|_| InvalidMetadata::NotJson)?;
    Metadata::new(&value)
}
