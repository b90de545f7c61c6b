//! Checks of arguments where there is no payload for user errors: each gives a field error that names the argument.

use std::ops::RangeInclusive;

use async_graphql::{ID, Result};
use hiscore_score::{LeaderboardId, PlayerId, VersionId};

use super::error::ErrorCode;

pub(crate) fn leaderboard_id(id: &ID, field: &str) -> Result<LeaderboardId> {
    LeaderboardId::new(id).map_err(|error| ErrorCode::Invalid.error_at(error.to_string(), &[field]))
}

pub(crate) fn player_id(id: &ID, field: &[&str]) -> Result<PlayerId> {
    PlayerId::new(id).map_err(|error| ErrorCode::Invalid.error_at(error.to_string(), field))
}

/// A count within `range`; null (or nothing) is `default`.
pub(crate) fn count(
    value: Option<i32>,
    default: usize,
    range: RangeInclusive<usize>,
    field: &str,
) -> Result<usize> {
    let Some(value) = value else { return Ok(default) };
    match usize::try_from(value) {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => {
            let (low, high) = (range.start(), range.end());
            let message = format!("{field} must be from {low} to {high}, this is {value}");
            Err(ErrorCode::Invalid.error_at(message, &[field]))
        }
    }
}

/// A season, from 1; null (or nothing) is the present one.
pub(crate) fn version(value: Option<i32>) -> Result<Option<VersionId>> {
    match value.map(u32::try_from) {
        None => Ok(None),
        Some(Ok(version)) if version > 0 => Ok(Some(version)),
        Some(_) => Err(ErrorCode::Invalid.error_at("versionId counts from 1", &["versionId"])),
    }
}
