//! What mutations answer: the state after them, or user errors.

use async_graphql::{Result, SimpleObject};
use hiscore_score::{LeaderboardId, Refusal};

use super::enums::{Ack, Outcome, UserErrorCode};
use super::error::{self, ErrorCode};
use super::leaderboard::Leaderboard;
use super::record::{Record, int};
use crate::service::{Accepted, BoardError, Rejected, Trouble};

/// Why an input was not accepted.
#[derive(SimpleObject, Debug)]
pub(crate) struct UserError {
    /// What is wrong, for a person.
    message: String,
    /// Where in the arguments, from the outside in; list indices from 0.
    field: Option<Vec<String>>,
    /// What is wrong, for a program.
    code: UserErrorCode,
}

impl UserError {
    pub(crate) fn new<'a>(
        code: UserErrorCode,
        field: impl IntoIterator<Item = &'a str>,
        message: impl Into<String>,
    ) -> Self {
        let field = Some(field.into_iter().map(str::to_owned).collect());
        Self { message: message.into(), field, code }
    }

    pub(crate) fn invalid<'a>(field: impl IntoIterator<Item = &'a str>, message: impl Into<String>) -> Self {
        Self::new(UserErrorCode::Invalid, field, message)
    }

    /// What the law says to a submission that stands at `at` in the arguments.
    pub(crate) fn refused(refusal: Refusal, at: &[&str]) -> Self {
        let (code, field) = match refusal {
            Refusal::OutOfRange => (UserErrorCode::OutOfRange, "score"),
            Refusal::Conflict => (UserErrorCode::Conflict, "submissionId"),
            Refusal::Expired => (UserErrorCode::Expired, "submissionId"),
        };
        Self::new(code, at.iter().copied().chain([field]), refusal.to_string())
    }
}

/// Why a board did not do as asked: a user error, or a field error when it is not the user's doing.
pub(crate) fn board_refused(
    refused: BoardError,
    id_field: &[&str],
    version_field: &[&str],
) -> Result<UserError> {
    let (code, field) = match refused {
        BoardError::NotFound => (UserErrorCode::NotFound, id_field),
        BoardError::AlreadyExists => (UserErrorCode::AlreadyExists, id_field),
        BoardError::TooMany(_) => (UserErrorCode::TooMany, id_field),
        BoardError::VersionConflict { .. } => (UserErrorCode::Conflict, version_field),
        BoardError::Trouble(trouble) => return Err(error::trouble(trouble)),
    };
    Ok(UserError::new(code, field.iter().copied(), refused.to_string()))
}

/// What came of one score update.
#[derive(SimpleObject, Default)]
pub(crate) struct SubmitScorePayload {
    /// The record after it; null if it was not accepted.
    record: Option<Record>,
    /// The rank before it, if there was one.
    previous_rank: Option<i32>,
    /// The level reached; after the time-out it may be lower than asked for.
    ack: Option<Ack>,
    /// What it did.
    outcome: Option<Outcome>,
    /// Why it was not accepted.
    user_errors: Vec<UserError>,
}

impl SubmitScorePayload {
    pub(crate) fn accepted(board: &LeaderboardId, accepted: Accepted) -> Result<Self> {
        let version = accepted.version;
        Ok(Self {
            record: accepted.record.map(|row| Record::new(board, version, row)),
            previous_rank: accepted.previous_rank.map(int).transpose()?,
            ack: Some(accepted.ack.into()),
            outcome: accepted.outcome.map(Into::into),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn refused(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }

    /// Of one entry of a bulk, which has trouble of its own.
    pub(crate) fn rejected(rejected: Rejected, at: &[&str]) -> Self {
        let here = at.iter().copied();
        let error = match rejected {
            Rejected::Refused(refusal) => UserError::refused(refusal, at),
            Rejected::Trouble(trouble @ Trouble::Unavailable(_)) => {
                UserError::new(UserErrorCode::Unavailable, here, trouble.to_string())
            }
            Rejected::Trouble(trouble @ Trouble::Ambiguous(_)) => {
                UserError::new(UserErrorCode::Ambiguous, here, trouble.to_string())
            }
            // There is no INTERNAL of an entry. Nobody knows how far it got, which is what AMBIGUOUS says.
            Rejected::Trouble(Trouble::Internal(_)) => {
                UserError::new(UserErrorCode::Ambiguous, here, "internal error")
            }
        };
        Self::refused(vec![error])
    }
}

/// What came of a bulk.
#[derive(SimpleObject)]
pub(crate) struct SubmitScoresPayload {
    /// One for each update, in the order of the input; empty when `userErrors` is not.
    pub(crate) results: Vec<SubmitScorePayload>,
    /// Why the bulk as a whole was not accepted; nothing of it was applied then.
    pub(crate) user_errors: Vec<UserError>,
}

/// A leaderboard after a change of it.
#[derive(SimpleObject)]
pub(crate) struct LeaderboardPayload {
    /// The leaderboard; null if it was not changed.
    pub(crate) leaderboard: Option<Leaderboard>,
    /// Why it was not changed.
    pub(crate) user_errors: Vec<UserError>,
}

impl LeaderboardPayload {
    pub(crate) fn refused(error: UserError) -> Self {
        Self { leaderboard: None, user_errors: vec![error] }
    }
}

/// What came of a deletion.
#[derive(SimpleObject)]
pub(crate) struct DeleteRecordPayload {
    /// Whether there was a record.
    pub(crate) deleted: bool,
    /// Why nothing was deleted.
    pub(crate) user_errors: Vec<UserError>,
}

/// The service answered with fewer results than it was asked for.
pub(crate) fn result_missing() -> async_graphql::Error {
    ErrorCode::Internal.error("internal error")
}
