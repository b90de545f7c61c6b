//! Reading: one leaderboard, or the list of them.

use async_graphql::{Context, ID, Object, Result};

use super::backend;
use super::check;
use super::cursor::InvalidCursor;
use super::error::{ErrorCode, trouble};
use super::leaderboard::{Leaderboard, LeaderboardConnection};

/// The root of all reading.
pub(crate) struct Query;

/// Reading.
#[Object]
impl Query {
    /// A leaderboard, or null if there is none of this id.
    async fn leaderboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name.")] id: ID,
    ) -> Result<Option<Leaderboard>> {
        let backend = backend(ctx)?;
        let id = check::leaderboard_id(&id, "id")?;
        let board = backend.service.leaderboard(&id).await.map_err(trouble)?;
        Ok(board.map(|board| Leaderboard { backend: backend.clone(), board }))
    }

    /// The leaderboards, in the order of their ids.
    async fn leaderboards(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many: 1 to 100.", default_with = "Some(50)")] first: Option<i32>,
        #[graphql(desc = "Begin right behind this cursor.")] after: Option<String>,
    ) -> Result<LeaderboardConnection> {
        let backend = backend(ctx)?;
        let first = check::count(first, 50, 1..=100, "first")?;
        let after = after.map(|cursor| {
            let id = backend.cursors.read_board(&cursor);
            id.map_err(|_| ErrorCode::Invalid.error_at(InvalidCursor::MESSAGE, &["after"]))
        });
        let after = after.transpose()?;
        let (boards, has_next) =
            backend.service.leaderboards(after.as_ref(), first).await.map_err(trouble)?;
        // Boards are never removed, so the one that the cursor names still stands before the page.
        Ok(LeaderboardConnection {
            backend: backend.clone(),
            boards,
            has_previous: after.is_some(),
            has_next,
        })
    }
}
