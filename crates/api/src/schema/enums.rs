//! The enums of the schema, and their way to and from the law and the port.

use async_graphql::Enum;
use hiscore_score as law;

use crate::service;

/// What a submission does to the record that is there.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "law::Operator")]
pub(crate) enum Operator {
    /// Keeps the better (score, subscore), as one with its metadata.
    Best,
    /// Keeps the later written.
    Set,
    /// Adds score and subscore.
    Increment,
}

/// Which end of the scores stands first.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "law::SortOrder")]
pub(crate) enum SortOrder {
    /// The largest first.
    Desc,
    /// The smallest first.
    Asc,
}

/// How safe an acknowledged submission is; a later level is a stronger one.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "service::Ack")]
pub(crate) enum Ack {
    /// In the ranking tier.
    Ranked,
    /// On the ranking tier's replicas too.
    Replicated,
    /// On a quorum of the log's brokers.
    Logged,
    /// In the store, synced.
    Persisted,
}

/// How far the ranks can be trusted.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "service::RankState")]
pub(crate) enum RankState {
    /// They are right.
    Exact,
    /// The ranking tier is still loading: no rank is told.
    Warming,
    /// The ranking tier is away: read from the store, which may be behind.
    Stale,
}

/// What an accepted submission did.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "law::Outcome")]
pub(crate) enum Outcome {
    /// The record is new, or its (score, subscore) is now what this submission made it.
    Improved,
    /// It counted, and (score, subscore) stayed as they were.
    Unchanged,
    /// It was applied before, under the same `submissionId`; nothing changed now.
    Duplicate,
}

/// What a client can go by in a user error.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserErrorCode {
    /// There is no such leaderboard, version or record.
    NotFound,
    /// The input is against the rules; the message says which.
    Invalid,
    /// The increment would leave the range of a score.
    OutOfRange,
    /// Used before with another body, or not at the version that was expected.
    Conflict,
    /// The `submissionId` is too old to tell whether it was applied.
    Expired,
    /// Not allowed to whoever asked.
    Forbidden,
    /// It is there already.
    AlreadyExists,
    /// More than there may be.
    TooMany,
    /// Of one entry of a bulk: surely not applied, try again later.
    Unavailable,
    /// Of one entry of a bulk: perhaps applied, try again with the same `submissionId`.
    Ambiguous,
}
