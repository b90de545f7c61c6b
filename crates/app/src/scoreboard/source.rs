//! What is shown live, wherever it is read from.

use async_trait::async_trait;
use hiscore_api::service::{Board, BoardError, Columns, Row, Trouble};
use hiscore_score::{LeaderboardId, PlayerId, VersionId};

/// What one player has: the season, and the row.
pub type Standing = Option<(VersionId, Row)>;

/// Where followers' boards are read.
#[async_trait]
pub trait Source: Send + Sync + std::fmt::Debug + 'static {
    /// A board as it is shown; its revision moves whenever an order or a score does.
    async fn view(&self, id: &LeaderboardId) -> Result<Option<Board>, Trouble>;

    /// The top of a board's present season with what belongs to it. The revision never promises more than the rows show.
    async fn top(&self, id: &LeaderboardId, first: usize) -> Result<(Board, Vec<Row>), BoardError>;

    /// What these players have on a board's present season, at least what is wanted of it; those without a record are left out.
    async fn standings(
        &self,
        id: &LeaderboardId,
        players: &[PlayerId],
        columns: Columns,
    ) -> Result<(VersionId, Vec<Row>), BoardError>;
}
