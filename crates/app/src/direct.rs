//! The API's port, provided by Redis and a store: writes go to Redis's function or into the log, reads to the scoreboard.
//!
//! Until it is known which deployment this is, everything answers `UNAVAILABLE`, which is what `/readyz` says too. A
//! process answers only what its roles are for, and says where the rest is answered.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use hiscore_api::service::{
    Accepted, Board, BoardError, Change, Columns, Entry, Page, RankState, Rejected, Row, Service, Start,
    Trouble, Wanted,
};
use hiscore_config::Roles;
use hiscore_score::{Leaderboard, LeaderboardId, PlayerId, Position, Rules, VersionId};
use parking_lot::Mutex;

use crate::scoreboard::live::Live;
use crate::scoreboard::remote::Remote;
use crate::submit::logged::LogSubmitter;
use crate::submit::remote::Submitter;

/// Where work goes.
#[derive(Debug)]
pub enum Way {
    /// To Redis, which is the sequencer.
    Redis(Submitter),
    /// Into the log, whose order is that of judging.
    Log(LogSubmitter),
}

/// The stages of one process, behind the API's port.
#[derive(Debug)]
pub struct Direct {
    /// What this process does.
    pub roles: Roles,
    /// Where work goes.
    pub submitter: Way,
    /// Reads.
    pub remote: Arc<Remote>,
    /// Tells of changes.
    pub live: Arc<Live>,
    /// What is waited for before anything is answered; `None`: nothing any more.
    pub waiting_for: Arc<Mutex<Option<String>>>,
}

impl Direct {
    fn started(&self) -> Result<(), Trouble> {
        match &*self.waiting_for.lock() {
            None => Ok(()),
            Some(why) => Err(Trouble::Unavailable(format!("waiting for Redis or the store: {why}"))),
        }
    }

    fn takes(&self, does: bool, what: &str, role: &str) -> Result<(), Trouble> {
        if does {
            return self.started();
        }
        Err(Trouble::Unavailable(format!(
            "this process (role {}) does not answer {what}: send them to one with the role {role}",
            self.roles
        )))
    }

    fn ingests(&self) -> Result<(), Trouble> {
        self.takes(self.roles.ingest, "mutations", "ingest")
    }

    fn reads(&self) -> Result<&Remote, Trouble> {
        self.takes(self.roles.ingest || self.roles.scoreboard, "queries", "scoreboard")?;
        Ok(&self.remote)
    }

    fn follows(&self) -> Result<&Arc<Live>, Trouble> {
        self.takes(self.roles.scoreboard, "subscriptions", "scoreboard")?;
        Ok(&self.live)
    }

    /// A board as it is shown right after it was changed; read again if that works, else as the change left it.
    async fn changed(&self, id: &LeaderboardId, done: (Leaderboard, Position)) -> Board {
        let (leaderboard, position) = done;
        match self.remote.view(id).await {
            Ok(Some(board)) if board.leaderboard.version >= leaderboard.version => board,
            _ => Board {
                id: id.clone(),
                leaderboard,
                total: 0,
                state: RankState::Exact,
                revision: format!("{}.{}", leaderboard.version, position.sequence),
            },
        }
    }
}

#[async_trait]
impl Service for Direct {
    async fn submit(
        &self,
        leaderboard: &LeaderboardId,
        entries: Vec<Entry>,
        wanted: Wanted,
    ) -> Result<Vec<Result<Accepted, Rejected>>, BoardError> {
        self.ingests()?;
        match &self.submitter {
            Way::Redis(redis) => redis.submit(leaderboard, entries, wanted).await,
            Way::Log(log) => log.submit(leaderboard, entries, wanted).await,
        }
    }

    async fn create(&self, id: &LeaderboardId, rules: Rules) -> Result<Board, BoardError> {
        self.ingests()?;
        let done = match &self.submitter {
            Way::Redis(redis) => redis.create(id, rules).await?,
            Way::Log(log) => log.create(id, rules).await?,
        };
        Ok(self.changed(id, done).await)
    }

    async fn reset(&self, id: &LeaderboardId, expected: Option<VersionId>) -> Result<Board, BoardError> {
        self.ingests()?;
        let done = match &self.submitter {
            Way::Redis(redis) => redis.reset(id, expected).await?,
            Way::Log(log) => log.reset(id, expected).await?,
        };
        Ok(self.changed(id, done).await)
    }

    async fn delete(&self, id: &LeaderboardId, player: &PlayerId) -> Result<bool, BoardError> {
        self.ingests()?;
        match &self.submitter {
            Way::Redis(redis) => redis.delete(id, player).await,
            Way::Log(log) => log.delete(id, player).await,
        }
    }

    async fn leaderboard(&self, id: &LeaderboardId) -> Result<Option<Board>, Trouble> {
        self.reads()?.view(id).await.map_err(|error| match error {
            BoardError::Trouble(trouble) => trouble,
            other => Trouble::Internal(other.to_string()),
        })
    }

    async fn leaderboards(
        &self,
        after: Option<&LeaderboardId>,
        first: usize,
    ) -> Result<(Vec<Board>, bool), Trouble> {
        self.reads()?.list(after, first).await
    }

    async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        start: Start,
        first: usize,
        // One call has all of a row.
        _: Columns,
    ) -> Result<Page, BoardError> {
        self.reads()?.page(id, version, start, first).await
    }

    async fn around(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        player: &PlayerId,
        range: usize,
        // One call has all of a row.
        _: Columns,
    ) -> Result<Page, BoardError> {
        self.reads()?.around(id, version, player, range).await
    }

    async fn rows(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        players: &[PlayerId],
        // One call has all of a row.
        _: Columns,
    ) -> Result<Page, BoardError> {
        self.reads()?.rows(id, version, players).await
    }

    async fn changes(
        &self,
        id: &LeaderboardId,
        _first: usize,
    ) -> Result<BoxStream<'static, Result<Arc<Change>, Trouble>>, BoardError> {
        self.follows()?.changes(id).await
    }

    async fn rank_changes(
        &self,
        id: &LeaderboardId,
        player: &PlayerId,
        columns: Columns,
    ) -> Result<BoxStream<'static, Result<Option<(VersionId, Row)>, Trouble>>, BoardError> {
        self.follows()?.rank_changes(id, player, columns).await
    }
}
