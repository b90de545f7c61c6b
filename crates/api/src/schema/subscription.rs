//! Live: the top of a leaderboard and the rank of a player, now and after every change.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, Subscription};
use futures_util::{Stream, StreamExt, stream};
use hiscore_score::LeaderboardId;

use super::backend;
use super::check;
use super::enums::RankState;
use super::error::{trouble, unreadable};
use super::record::{Record, columns, int};
use crate::fan_out::{Opened, Tap};
use crate::service;

/// The root of everything live.
pub(crate) struct Subscription;

/// Everything live.
#[Subscription]
impl Subscription {
    /// The top of a leaderboard: its present state first, then after every change, coalesced.
    async fn leaderboard_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The leaderboard.")] id: ID,
        #[graphql(desc = "How many records: 1 to 100.", default_with = "Some(10)")] first: Option<i32>,
    ) -> Result<impl Stream<Item = Result<LeaderboardChange>> + use<>> {
        let board = check::leaderboard_id(&id, "id")?;
        let first = check::count(first, 10, 1..=100, "first")?;
        let open = async || {
            let changes = backend(ctx)?.service.changes(&board, first).await;
            changes.map_err(|error| unreadable(error, "id"))
        };
        let changes = match ctx.data_opt::<Arc<Tap>>().map(Arc::as_ref) {
            None => open().await?,
            Some(Tap::Open(opened)) => {
                let changes = open().await?;
                *opened.lock() = Some(Opened::Board(changes));
                stream::empty().boxed()
            }
            Some(Tap::Show(change)) => stream::iter(change.lock().take()).boxed(),
        };
        Ok(changes.map(move |change| {
            let change = change.map_err(trouble)?;
            Ok(LeaderboardChange { board: board.clone(), first, change })
        }))
    }

    /// What one player has: now, and after every change of it or of its rank; null when there is no record (any more).
    async fn rank_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The leaderboard.")] leaderboard_id: ID,
        #[graphql(desc = "The player.")] player_id: ID,
    ) -> Result<impl Stream<Item = Result<Option<Record>>> + use<>> {
        let board = check::leaderboard_id(&leaderboard_id, "leaderboardId")?;
        let player = check::player_id(&player_id, &["playerId"])?;
        let changes = backend(ctx)?.service.rank_changes(&board, &player, columns(ctx)).await;
        let mut changes = changes.map_err(|error| unreadable(error, "leaderboardId"))?;
        if let Some(Tap::Open(opened)) = ctx.data_opt::<Arc<Tap>>().map(Arc::as_ref) {
            *opened.lock() = Some(Opened::Player(board.clone(), changes));
            changes = stream::empty().boxed();
        }
        Ok(changes.map(move |change| {
            let change = change.map_err(trouble)?;
            Ok(change.map(|(version, row)| Record::new(&board, version, row)))
        }))
    }
}

/// One change of a leaderboard.
pub(crate) struct LeaderboardChange {
    board: LeaderboardId,
    first: usize,
    /// Shared by all who watch the board.
    change: Arc<service::Change>,
}

/// The top of a leaderboard after a change.
#[Object]
impl LeaderboardChange {
    /// The version (season).
    async fn version_id(&self) -> Result<i32> {
        int(self.change.version.into())
    }

    /// The revision shown. Changes in between were coalesced into it.
    async fn revision(&self) -> &str {
        &self.change.revision
    }

    /// How far the ranks can be trusted.
    async fn rank_state(&self) -> RankState {
        self.change.state.into()
    }

    /// How many players have a record.
    async fn total_count(&self) -> Result<i32> {
        int(self.change.total)
    }

    /// The first records, best first.
    async fn records(&self) -> Vec<Record> {
        let rows = self.change.rows.iter().take(self.first);
        rows.map(|row| Record::new(&self.board, self.change.version, row.clone())).collect()
    }
}
