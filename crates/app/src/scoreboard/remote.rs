//! Reading where Redis ranks: one call a page, all of one moment; from the store what Redis does not hold.
//!
//! While a shard is being reconciled its boards say `WARMING` and tell no rank; while Redis is away they say `STALE`.

use std::sync::Arc;

use async_trait::async_trait;
use hiscore_api::service::{Board, BoardError, Columns, Page, RankState, Row, Start, Total, Trouble};
use hiscore_rank::Query;
use hiscore_rank::redis::{BoardView, PageView, ReadError, RedisRanks};
use hiscore_score::{Leaderboard, LeaderboardId, PlayerId, Season, VersionId};

use super::boards::Boards;
use super::source::Source;
use super::stored::{Reading, Stored, is_version_of};

/// Reads boards.
#[derive(Debug)]
pub struct Remote {
    ranks: Arc<RedisRanks>,
    stored: Stored,
    boards: Arc<Boards>,
    /// A log may know of boards that nobody else has heard of (again) yet.
    is_logged: bool,
}

fn shown(id: &LeaderboardId, view: &BoardView) -> Board {
    Board {
        id: id.clone(),
        leaderboard: view.leaderboard,
        total: view.total,
        state: if view.warming { RankState::Warming } else { RankState::Exact },
        revision: format!(
            "{}.{}{}",
            view.leaderboard.version,
            view.revision,
            if view.warming { ".warming" } else { "" }
        ),
    }
}

fn page_of(view: PageView) -> Page {
    let (mut least, mut most) = (u64::MAX, 0);
    let rows = view.rows.into_iter().filter_map(|(placed, record)| {
        (least, most) = (least.min(placed.rank), most.max(placed.rank));
        let live = record.live?;
        let rank = (!view.board.warming).then_some(placed.rank);
        Some(Row::new(placed.player, rank, live, record.updated))
    });
    let rows: Vec<Row> = rows.collect();
    Page {
        version: view.version,
        rules: view.board.leaderboard.rules,
        has_previous: !rows.is_empty() && least > 1,
        has_next: most != 0 && most < view.board.total,
        total: Total::Known(view.board.total),
        rows,
    }
}

impl Remote {
    /// Reads from these, behind a log or not.
    pub fn new(ranks: Arc<RedisRanks>, stored: Stored, boards: Arc<Boards>, is_logged: bool) -> Self {
        Self { ranks, stored, boards, is_logged }
    }

    /// A board as it is shown.
    pub async fn view(&self, id: &LeaderboardId) -> Result<Option<Board>, BoardError> {
        let error = match self.ranks.board(id).await {
            Ok(view) => return Ok(view.map(|view| shown(id, &view))),
            Err(ReadError::NoBoard) => return Ok(None),
            Err(error) => error,
        };
        let Some(leaderboard) = self.known(id).await? else { return Ok(None) };
        self.behind(id, leaderboard, &error).await.map(Some)
    }

    /// A page of the list of boards.
    pub async fn list(
        &self,
        after: Option<&LeaderboardId>,
        first: usize,
    ) -> Result<(Vec<Board>, bool), Trouble> {
        if !self.boards.is_complete() {
            return Err(Trouble::Unavailable("the leaderboards are still being loaded".into()));
        }
        let (known, more) = self.boards.list(after, first);
        let views = known.iter().map(|(id, _)| self.view(id));
        let views = futures_util::future::join_all(views).await;
        let mut list = Vec::with_capacity(views.len());
        for view in views {
            match view {
                Ok(view) => list.extend(view),
                Err(BoardError::Trouble(trouble)) => return Err(trouble),
                Err(other) => return Err(Trouble::Internal(other.to_string())),
            }
        }
        Ok((list, more))
    }

    /// A page from `start` on.
    pub async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        start: Start,
        first: usize,
    ) -> Result<Page, BoardError> {
        // One more than asked for, to know whether anybody follows.
        let limit = first.saturating_add(1);
        let query = match start.clone() {
            Start::Top => Query::FromRank { rank: 1, limit },
            Start::Rank(rank) => Query::FromRank { rank, limit },
            Start::After(key) => Query::After { key, limit },
        };
        match self.ranks.page(id, version, &query).await {
            Ok(view) => {
                let mut page = page_of(view);
                if page.rows.len() > first {
                    page.rows.truncate(first);
                    page.has_next = true;
                }
                Ok(page)
            }
            Err(error) => {
                let reading = self.elsewhere(id, version, &error).await?;
                self.stored.page(&reading, &start, first).await
            }
        }
    }

    /// A player and its neighbours.
    pub async fn around(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        player: &PlayerId,
        range: usize,
    ) -> Result<Page, BoardError> {
        match self.ranks.page(id, version, &Query::Around { player: player.clone(), range }).await {
            Ok(view) => Ok(page_of(view)),
            Err(error) => {
                let reading = self.elsewhere(id, version, &error).await?;
                self.stored.around(&reading, player, range).await
            }
        }
    }

    /// These players, in the order asked.
    pub async fn rows(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        players: &[PlayerId],
    ) -> Result<Page, BoardError> {
        match self.ranks.page(id, version, &Query::Players(players.to_vec())).await {
            Ok(view) => Ok(page_of(view)),
            Err(error) => {
                let reading = self.elsewhere(id, version, &error).await?;
                self.stored.rows(&reading, players).await
            }
        }
    }

    /// What is known of a board while Redis cannot be asked.
    async fn known(&self, id: &LeaderboardId) -> Result<Option<Leaderboard>, BoardError> {
        if let Some(leaderboard) = self.boards.get(id) {
            return Ok(Some(leaderboard));
        }
        let stored = self.stored.board(id, self.ranks.shard_of(id)).await?;
        if stored.is_none() && self.is_logged {
            let why = "whether there is this leaderboard is known once the log is applied";
            return Err(Trouble::Unavailable(why.to_owned()).into());
        }
        Ok(stored)
    }

    async fn behind(
        &self,
        id: &LeaderboardId,
        leaderboard: Leaderboard,
        error: &ReadError,
    ) -> Result<Board, BoardError> {
        let season = Season { leaderboard: id.clone(), version: leaderboard.version };
        let state = state_of(error);
        let total = self.stored.total(&season, false).get().await?;
        // Another revision than any that Redis gives, so that whoever follows reads again when it is back.
        let revision = match state {
            RankState::Warming => format!("{}.warming", leaderboard.version),
            _ => format!("{}.stale", leaderboard.version),
        };
        Ok(Board { id: id.clone(), leaderboard, total, state, revision })
    }

    /// Where to read instead, after this error.
    async fn elsewhere(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        error: &ReadError,
    ) -> Result<Reading, BoardError> {
        let leaderboard = match error {
            ReadError::NoBoard => return Err(BoardError::NotFound),
            ReadError::NoSeason(leaderboard) => *leaderboard,
            ReadError::Fenced { .. } | ReadError::Unavailable(_) => {
                self.known(id).await?.ok_or(BoardError::NotFound)?
            }
        };
        let version = version.unwrap_or(leaderboard.version);
        if !is_version_of(version, &leaderboard) {
            return Err(BoardError::NotFound);
        }
        let season = Season { leaderboard: id.clone(), version };
        let ranked = state_of(error) != RankState::Warming;
        let total = self.stored.total(&season, version < leaderboard.version);
        Ok(Reading { season, rules: leaderboard.rules, ranked, total })
    }
}

fn state_of(error: &ReadError) -> RankState {
    match error {
        ReadError::Fenced { .. } => RankState::Warming,
        ReadError::Unavailable(_) => RankState::Stale,
        ReadError::NoBoard | ReadError::NoSeason(_) => RankState::Exact,
    }
}

#[async_trait]
impl Source for Remote {
    async fn view(&self, id: &LeaderboardId) -> Result<Option<Board>, Trouble> {
        Remote::view(self, id).await.map_err(|error| match error {
            BoardError::Trouble(trouble) => trouble,
            other => Trouble::Internal(other.to_string()),
        })
    }

    async fn top(&self, id: &LeaderboardId, first: usize) -> Result<(Board, Vec<Row>), BoardError> {
        let query = Query::FromRank { rank: 1, limit: first };
        match self.ranks.page(id, None, &query).await {
            Ok(view) => Ok((shown(id, &view.board), page_of(view).rows)),
            Err(error) => {
                let reading = self.elsewhere(id, None, &error).await?;
                let leaderboard = self.known(id).await?.ok_or(BoardError::NotFound)?;
                let page = self.stored.page(&reading, &Start::Top, first).await?;
                Ok((self.behind(id, leaderboard, &error).await?, page.rows))
            }
        }
    }

    async fn standings(
        &self,
        id: &LeaderboardId,
        players: &[PlayerId],
        _: Columns,
    ) -> Result<(VersionId, Vec<Row>), BoardError> {
        let page = self.rows(id, None, players).await?;
        Ok((page.version, page.rows))
    }
}
