//! Writing: scores, one or many, and leaderboards.

use std::sync::Arc;

use async_graphql::{Context, ID, Lookahead, Object, Result};
use hiscore_score::{LeaderboardId, PlayerId, Rules};

use super::bulk;
use super::enums::{Ack, Operator, SortOrder};
use super::error::trouble;
use super::input::{CreateLeaderboardInput, ScoreInput, SubmitScoreInput, SubmitScoresInput};
use super::leaderboard::Leaderboard;
use super::payload::{
    DeleteRecordPayload, LeaderboardPayload, SubmitScorePayload, SubmitScoresPayload, UserError,
    board_refused, result_missing,
};
use super::record::DETAILS;
use super::{Backend, backend, submit};
use crate::service::{Board, BoardError, Rejected, Wanted};

/// The root of all writing.
pub(crate) struct Mutation;

/// What the selection on a `SubmitScorePayload` needs, so that no rank is looked up for nobody. Fragments and `@skip` and
/// `@include` are resolved by then.
pub(super) fn wanted(payload: &Lookahead<'_>, ack: Option<Ack>) -> Wanted {
    let record = payload.field("record");
    Wanted {
        outcome: payload.field("outcome").exists(),
        record: record.exists(),
        details: DETAILS.iter().any(|detail| record.field(detail).exists()),
        rank: record.field("rank").exists(),
        previous_rank: payload.field("previousRank").exists(),
        ack: ack.map(Into::into),
    }
}

/// The answer to a change of a board; `id` is where its name stands in the arguments.
fn changed(
    backend: &Arc<Backend>,
    board: Result<Board, BoardError>,
    id: &[&str],
) -> Result<LeaderboardPayload> {
    match board {
        Ok(board) => Ok(LeaderboardPayload {
            leaderboard: Some(Leaderboard { backend: backend.clone(), board }),
            user_errors: Vec::new(),
        }),
        Err(error) => Ok(LeaderboardPayload::refused(board_refused(error, id, &["expectedVersionId"])?)),
    }
}

/// Writing.
#[Object]
impl Mutation {
    /// Creates a leaderboard. One that is there is `ALREADY_EXISTS`, also with the same rules.
    async fn create_leaderboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to create.")] input: CreateLeaderboardInput,
    ) -> Result<LeaderboardPayload> {
        let id = match LeaderboardId::new(&input.id) {
            Ok(id) => id,
            Err(error) => {
                let error = UserError::invalid(["input", "id"], error.to_string());
                return Ok(LeaderboardPayload::refused(error));
            }
        };
        let sort_order = input.sort_order.unwrap_or(SortOrder::Desc);
        let rules = Rules {
            operator: input.operator.unwrap_or(Operator::Best).into(),
            sort_order: sort_order.into(),
            subscore_order: input.subscore_order.unwrap_or(sort_order).into(),
        };
        let backend = backend(ctx)?;
        changed(backend, backend.service.create(&id, rules).await, &["input", "id"])
    }

    /// Submits one score update of one player.
    async fn submit_score(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The update.")] input: SubmitScoreInput,
    ) -> Result<SubmitScorePayload> {
        let wanted = wanted(&ctx.look_ahead(), input.ack);
        let board = LeaderboardId::new(&input.leaderboard_id);
        let score = ScoreInput {
            player_id: input.player_id,
            score: input.score,
            subscore: input.subscore,
            metadata: input.metadata,
            submission_id: input.submission_id,
        };
        let (board, entry) = match (board, score.entry(&["input"])) {
            (Ok(board), Ok(entry)) => (board, entry),
            (board, entry) => {
                let board =
                    board.err().map(|e| UserError::invalid(["input", "leaderboardId"], e.to_string()));
                let errors = board.into_iter().chain(entry.err().unwrap_or_default()).collect();
                return Ok(SubmitScorePayload::refused(errors));
            }
        };
        let mut results = match submit(ctx, &board, vec![entry], wanted).await? {
            Ok(results) => results,
            Err(error) => {
                let error = board_refused(error, &["input", "leaderboardId"], &["input"])?;
                return Ok(SubmitScorePayload::refused(vec![error]));
            }
        };
        match results.pop().ok_or_else(result_missing)? {
            Ok(accepted) => SubmitScorePayload::accepted(&board, accepted),
            Err(Rejected::Refused(refusal)) => {
                Ok(SubmitScorePayload::refused(vec![UserError::refused(refusal, &["input"])]))
            }
            Err(Rejected::Trouble(behind)) => Err(trouble(behind)),
        }
    }

    /// Submits many score updates of one leaderboard, applied in their order. Not atomic: each has its own result.
    async fn submit_scores(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The updates.")] input: SubmitScoresInput,
    ) -> Result<SubmitScoresPayload> {
        let wanted = wanted(&ctx.look_ahead().field("results"), input.ack);
        bulk::submit(ctx, input, wanted).await
    }

    /// Opens the next version (season) of a leaderboard. The records of the former ones stay readable.
    async fn reset_leaderboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The leaderboard.")] id: ID,
        #[graphql(desc = "Only from exactly this version, so that a retry opens no second one.")]
        expected_version_id: Option<i32>,
    ) -> Result<LeaderboardPayload> {
        let backend = backend(ctx)?;
        let expected = match expected_version_id.map(u32::try_from) {
            None => None,
            Some(Ok(version)) if version > 0 => Some(version),
            Some(_) => {
                let error = UserError::invalid(["expectedVersionId"], "expectedVersionId counts from 1");
                return Ok(LeaderboardPayload::refused(error));
            }
        };
        match LeaderboardId::new(&id) {
            Ok(id) => changed(backend, backend.service.reset(&id, expected).await, &["id"]),
            Err(error) => Ok(LeaderboardPayload::refused(UserError::invalid(["id"], error.to_string()))),
        }
    }

    /// Deletes what a player has on the present version of a leaderboard.
    async fn delete_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The leaderboard.")] leaderboard_id: ID,
        #[graphql(desc = "The player.")] player_id: ID,
    ) -> Result<DeleteRecordPayload> {
        let refused = |user_errors| Ok(DeleteRecordPayload { deleted: false, user_errors });
        let board = LeaderboardId::new(&leaderboard_id);
        let player = PlayerId::new(&player_id);
        let (board, player) = match (board, player) {
            (Ok(board), Ok(player)) => (board, player),
            (board, player) => {
                let board = board.err().map(|e| UserError::invalid(["leaderboardId"], e.to_string()));
                let player = player.err().map(|e| UserError::invalid(["playerId"], e.to_string()));
                return refused(board.into_iter().chain(player).collect());
            }
        };
        match backend(ctx)?.service.delete(&board, &player).await {
            Ok(deleted) => Ok(DeleteRecordPayload { deleted, user_errors: Vec::new() }),
            Err(error) => refused(vec![board_refused(error, &["leaderboardId"], &["leaderboardId"])?]),
        }
    }
}
