//! `submitScores`: one call of the port for all entries that are within the rules, and each result in its place.

use async_graphql::{Context, Result};
use hiscore_score::LeaderboardId;

use super::enums::UserErrorCode;
use super::input::SubmitScoresInput;
use super::payload::{SubmitScorePayload, SubmitScoresPayload, UserError, board_refused, result_missing};
use crate::service::Wanted;

/// Submits a bulk. An entry against the rules has its own `INVALID`, and the rest apply.
pub(super) async fn submit(
    ctx: &Context<'_>,
    input: SubmitScoresInput,
    wanted: Wanted,
) -> Result<SubmitScoresPayload> {
    let board = match whole(&input, super::backend(ctx)?.bulk_entries) {
        Ok(board) => board,
        Err(error) => return Ok(refused(error)),
    };
    let mut entries = Vec::with_capacity(input.submissions.len());
    // The result of an entry that was refused here, in its place; `None` for one that the port judges.
    let mut results = Vec::with_capacity(input.submissions.len());
    for (at, submission) in input.submissions.into_iter().enumerate() {
        match submission.entry(&["input", "submissions", &at.to_string()]) {
            Ok(entry) => {
                entries.push(entry);
                results.push(None);
            }
            Err(errors) => results.push(Some(SubmitScorePayload::refused(errors))),
        }
    }
    let judged = if entries.is_empty() {
        Vec::new()
    } else {
        match super::submit(ctx, &board, entries, wanted).await? {
            Ok(judged) => judged,
            Err(error) => {
                let error = board_refused(error, &["input", "leaderboardId"], &["input"])?;
                return Ok(refused(error));
            }
        }
    };
    let mut judged = judged.into_iter();
    let mut fill = |(at, result): (usize, Option<SubmitScorePayload>)| match result {
        Some(result) => Ok(result),
        None => match judged.next().ok_or_else(result_missing)? {
            Ok(accepted) => SubmitScorePayload::accepted(&board, accepted),
            Err(rejected) => {
                Ok(SubmitScorePayload::rejected(rejected, &["input", "submissions", &at.to_string()]))
            }
        },
    };
    let results = results.into_iter().enumerate().map(&mut fill).collect::<Result<Vec<_>>>()?;
    Ok(SubmitScoresPayload { results, user_errors: Vec::new() })
}

/// What must hold of the bulk as a whole.
fn whole(input: &SubmitScoresInput, most: usize) -> Result<LeaderboardId, UserError> {
    const SUBMISSIONS: [&str; 2] = ["input", "submissions"];
    let count = input.submissions.len();
    if count == 0 {
        return Err(UserError::invalid(SUBMISSIONS, "a bulk must have at least one submission"));
    }
    if count > most {
        let message = format!("a bulk may have at most {most} submissions, this has {count}");
        return Err(UserError::new(UserErrorCode::TooMany, SUBMISSIONS, message));
    }
    LeaderboardId::new(&input.leaderboard_id)
        .map_err(|error| UserError::invalid(["input", "leaderboardId"], error.to_string()))
}

fn refused(error: UserError) -> SubmitScoresPayload {
    SubmitScoresPayload { results: Vec::new(), user_errors: vec![error] }
}
