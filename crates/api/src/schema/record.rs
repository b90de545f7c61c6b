//! A player's record as it is shown, and pages of records.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SelectionField, SimpleObject};
use hiscore_score::{LeaderboardId, OrderKey, VersionId};

use super::Backend;
use super::error::{ErrorCode, trouble};
use super::scalar::{DateTime, Json, Score};
use crate::service::{self, Columns};

/// What one player has on one version of one leaderboard.
pub(crate) struct Record {
    board: LeaderboardId,
    version: VersionId,
    row: service::Row,
}

impl Record {
    pub(crate) fn new(board: &LeaderboardId, version: VersionId, row: service::Row) -> Self {
        Self { board: board.clone(), version, row }
    }

    /// The records of a page that is not shown as one.
    pub(crate) fn list(board: &LeaderboardId, page: service::Page) -> Vec<Self> {
        let version = page.version;
        page.rows.into_iter().map(|row| Self::new(board, version, row)).collect()
    }

    fn details(&self) -> Result<&service::Details> {
        let missing = || ErrorCode::Internal.error("a row came without what was wanted of it");
        self.row.details.as_ref().ok_or_else(missing)
    }
}

/// The fields of a record that are more than its place in the order.
pub(crate) const DETAILS: [&str; 4] = ["numScore", "metadata", "createdAt", "updatedAt"];

/// What is wanted of the rows below the field that is being resolved.
pub(crate) fn columns(ctx: &Context<'_>) -> Columns {
    fn has_details(field: &SelectionField<'_>) -> bool {
        field.selection_set().any(|field| DETAILS.contains(&field.name()) || has_details(&field))
    }
    if has_details(&ctx.field()) { Columns::All } else { Columns::Scores }
}

/// A count or rank as GraphQL has it; beyond 2^31 − 1 an error, never a wrong number.
pub(crate) fn int(value: u64) -> Result<i32> {
    i32::try_from(value)
        .map_err(|_| ErrorCode::Internal.error(format!("{value} is beyond what an Int can say")))
}

/// What one player has on one version of one leaderboard.
#[Object]
impl Record {
    /// The leaderboard.
    async fn leaderboard_id(&self) -> ID {
        ID(self.board.as_str().to_owned())
    }

    /// The version (season) of the leaderboard.
    async fn version_id(&self) -> Result<i32> {
        int(self.version.into())
    }

    /// The player.
    async fn player_id(&self) -> ID {
        ID(self.row.player.as_str().to_owned())
    }

    /// The place in the order, from 1; null while `rankState` is `WARMING`.
    async fn rank(&self) -> Result<Option<i32>> {
        self.row.rank.map(int).transpose()
    }

    /// The score.
    async fn score(&self) -> Score {
        Score(self.row.score)
    }

    /// The second column, which decides among equal scores.
    async fn subscore(&self) -> Score {
        Score(self.row.subscore)
    }

    /// How many submissions were applied.
    async fn num_score(&self) -> Result<Score> {
        let count =
            i64::try_from(self.details()?.num_score).ok().and_then(|n| hiscore_score::Score::new(n).ok());
        count.map(Score).ok_or_else(|| ErrorCode::Internal.error("more submissions than a Score can say"))
    }

    /// What the game keeps beside the score.
    async fn metadata(&self) -> Result<Option<Json>> {
        Ok(self.details()?.metadata.as_ref().map(Json::shown))
    }

    /// When the first submission was applied.
    async fn created_at(&self) -> Result<DateTime> {
        Ok(DateTime(self.details()?.created))
    }

    /// When the last submission was applied.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok(DateTime(self.details()?.updated))
    }
}

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether something follows the page.
    pub(crate) has_next_page: bool,
    /// Whether something stands before the page.
    pub(crate) has_previous_page: bool,
    /// The cursor of the first of the page.
    pub(crate) start_cursor: Option<String>,
    /// The cursor of the last of the page; hand it to `after`.
    pub(crate) end_cursor: Option<String>,
}

/// A record and where it stands.
#[derive(SimpleObject)]
pub(crate) struct RecordEdge {
    /// Its place, for `after`.
    cursor: String,
    /// The record.
    node: Record,
}

/// A page of records.
pub(crate) struct RecordConnection {
    pub(crate) backend: Arc<Backend>,
    pub(crate) board: LeaderboardId,
    pub(crate) page: service::Page,
}

impl RecordConnection {
    fn cursor(&self, row: &service::Row) -> String {
        let rules = &self.page.rules;
        let key = OrderKey { standing: row.standing(rules), player: row.player.clone() };
        self.backend.cursors.row(&self.board, self.page.version, rules, &key)
    }

    fn node(&self, row: &service::Row) -> Record {
        Record::new(&self.board, self.page.version, row.clone())
    }
}

/// A page of records, in order.
#[Object]
impl RecordConnection {
    /// The records with their cursors.
    async fn edges(&self) -> Vec<RecordEdge> {
        let edge = |row| RecordEdge { cursor: self.cursor(row), node: self.node(row) };
        self.page.rows.iter().map(edge).collect()
    }

    /// The records.
    async fn nodes(&self) -> Vec<Record> {
        self.page.rows.iter().map(|row| self.node(row)).collect()
    }

    /// How many players have a record on this version. While `rankState` is `STALE`, and of a version that has ended, it is
    /// counted in the store, and may be some seconds old.
    async fn total_count(&self) -> Result<i32> {
        int(self.page.total.get().await.map_err(trouble)?)
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.page.has_next,
            has_previous_page: self.page.has_previous,
            start_cursor: self.page.rows.first().map(|row| self.cursor(row)),
            end_cursor: self.page.rows.last().map(|row| self.cursor(row)),
        }
    }
}
