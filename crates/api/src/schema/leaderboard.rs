//! A leaderboard as it is shown, and the ways to read it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::Backend;
use super::check;
use super::cursor::InvalidCursor;
use super::enums::{Operator, RankState, SortOrder};
use super::error::{ErrorCode, unreadable};
use super::record::{PageInfo, Record, RecordConnection, columns, int};
use crate::service::{Board, Start};

/// A leaderboard.
pub(crate) struct Leaderboard {
    pub(crate) backend: Arc<Backend>,
    pub(crate) board: Board,
}

/// A leaderboard: its rules, its present version, and its records.
#[Object]
impl Leaderboard {
    /// Its name.
    async fn id(&self) -> ID {
        ID(self.board.id.as_str().to_owned())
    }

    /// What a submission does to the record that is there.
    async fn operator(&self) -> Operator {
        self.board.leaderboard.rules.operator.into()
    }

    /// Which scores stand first.
    async fn sort_order(&self) -> SortOrder {
        self.board.leaderboard.rules.sort_order.into()
    }

    /// Which subscores stand first among equal scores.
    async fn subscore_order(&self) -> SortOrder {
        self.board.leaderboard.rules.subscore_order.into()
    }

    /// The present version (season); 1 at first, one more with each reset.
    async fn version_id(&self) -> Result<i32> {
        int(self.board.leaderboard.version.into())
    }

    /// How many players have a record on the present version.
    async fn total_count(&self) -> Result<i32> {
        int(self.board.total)
    }

    /// How far the ranks can be trusted.
    async fn rank_state(&self) -> RankState {
        self.board.state.into()
    }

    /// Changes whenever an order or a score changes.
    async fn revision(&self) -> &str {
        &self.board.revision
    }

    /// A page of records, best first.
    async fn records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many: 1 to 1000.", default_with = "Some(10)")] first: Option<i32>,
        #[graphql(desc = "Begin right behind this cursor. Not together with `fromRank`.")] after: Option<
            String,
        >,
        #[graphql(desc = "Begin at this rank, from 1.")] from_rank: Option<i32>,
        #[graphql(desc = "A version; the present one otherwise.")] version_id: Option<i32>,
    ) -> Result<RecordConnection> {
        let first = check::count(first, 10, 1..=1000, "first")?;
        // Always a named season: a reset between two reads must not answer with another one than the object says.
        let version = check::version(version_id)?.unwrap_or(self.board.leaderboard.version);
        let start = match (after, from_rank) {
            (Some(_), Some(_)) => {
                return Err(
                    ErrorCode::Invalid.error_at("after and fromRank cannot be used together", &["fromRank"])
                );
            }
            (None, None) => Start::Top,
            (None, Some(rank)) => match u64::try_from(rank) {
                Ok(rank) if rank > 0 => Start::Rank(rank),
                _ => return Err(ErrorCode::Invalid.error_at("fromRank counts from 1", &["fromRank"])),
            },
            (Some(cursor), None) => {
                let rules = &self.board.leaderboard.rules;
                let key = self.backend.cursors.read_row(&self.board.id, version, rules, &cursor);
                Start::After(
                    key.map_err(|_| ErrorCode::Invalid.error_at(InvalidCursor::MESSAGE, &["after"]))?,
                )
            }
        };
        let page = self.backend.service.page(&self.board.id, Some(version), start, first, columns(ctx)).await;
        let page = page.map_err(|error| unreadable(error, "versionId"))?;
        Ok(RecordConnection { backend: self.backend.clone(), board: self.board.id.clone(), page })
    }

    /// A player's record with the records right above and below it; fewer at the ends, none without the player.
    async fn around(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The player in the middle.")] player_id: ID,
        #[graphql(desc = "How many above and how many below: 0 to 100.", default_with = "Some(5)")]
        range: Option<i32>,
        #[graphql(desc = "A version; the present one otherwise.")] version_id: Option<i32>,
    ) -> Result<Vec<Record>> {
        let player = check::player_id(&player_id, &["playerId"])?;
        let range = check::count(range, 5, 0..=100, "range")?;
        let version = check::version(version_id)?.unwrap_or(self.board.leaderboard.version);
        let page =
            self.backend.service.around(&self.board.id, Some(version), &player, range, columns(ctx)).await;
        Ok(Record::list(&self.board.id, page.map_err(|error| unreadable(error, "versionId"))?))
    }

    /// A player's record, or null.
    async fn record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The player.")] player_id: ID,
        #[graphql(desc = "A version; the present one otherwise.")] version_id: Option<i32>,
    ) -> Result<Option<Record>> {
        let player = check::player_id(&player_id, &["playerId"])?;
        let version = check::version(version_id)?.unwrap_or(self.board.leaderboard.version);
        let page = self.backend.service.rows(&self.board.id, Some(version), &[player], columns(ctx)).await;
        Ok(Record::list(&self.board.id, page.map_err(|error| unreadable(error, "versionId"))?).pop())
    }

    /// The records of these players, in the order asked; unknown ones are left out.
    async fn records_by_player_ids(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Up to 1000 players.")] player_ids: Vec<ID>,
        #[graphql(desc = "A version; the present one otherwise.")] version_id: Option<i32>,
    ) -> Result<Vec<Record>> {
        if player_ids.len() > 1000 {
            let message = format!("at most 1000 playerIds, these are {}", player_ids.len());
            return Err(ErrorCode::Invalid.error_at(message, &["playerIds"]));
        }
        let player = |(at, id)| check::player_id(id, &["playerIds", &format!("{at}")]);
        let players = player_ids.iter().enumerate().map(player).collect::<Result<Vec<_>>>()?;
        let version = check::version(version_id)?.unwrap_or(self.board.leaderboard.version);
        let page = self.backend.service.rows(&self.board.id, Some(version), &players, columns(ctx)).await;
        Ok(Record::list(&self.board.id, page.map_err(|error| unreadable(error, "versionId"))?))
    }
}

/// A leaderboard and its place in the list.
#[derive(SimpleObject)]
pub(crate) struct LeaderboardEdge {
    /// Its place, for `after`.
    cursor: String,
    /// The leaderboard.
    node: Leaderboard,
}

/// A page of leaderboards.
pub(crate) struct LeaderboardConnection {
    pub(crate) backend: Arc<Backend>,
    pub(crate) boards: Vec<Board>,
    pub(crate) has_previous: bool,
    pub(crate) has_next: bool,
}

impl LeaderboardConnection {
    fn cursor(&self, board: &Board) -> String {
        self.backend.cursors.board(&board.id)
    }

    fn node(&self, board: &Board) -> Leaderboard {
        Leaderboard { backend: self.backend.clone(), board: board.clone() }
    }
}

/// A page of leaderboards, in the order of their ids.
#[Object]
impl LeaderboardConnection {
    /// The leaderboards with their cursors.
    async fn edges(&self) -> Vec<LeaderboardEdge> {
        let edge = |board| LeaderboardEdge { cursor: self.cursor(board), node: self.node(board) };
        self.boards.iter().map(edge).collect()
    }

    /// The leaderboards.
    async fn nodes(&self) -> Vec<Leaderboard> {
        self.boards.iter().map(|board| self.node(board)).collect()
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: self.boards.first().map(|board| self.cursor(board)),
            end_cursor: self.boards.last().map(|board| self.cursor(board)),
        }
    }
}
