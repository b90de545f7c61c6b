//! The API's port, provided by the embedded profile: writes go to the committer, reads to the scoreboard.
//!
//! Until the data folder is recovered everything answers `UNAVAILABLE`, which is what `/readyz` says too.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use hiscore_api::service::{
    Accepted, Board, BoardError, Change, Columns, Entry, Page, Rejected, Row, Service, Start, Trouble, Wanted,
};
use hiscore_score::{LeaderboardId, PlayerId, Rules, VersionId};
use tokio::sync::oneshot;

use crate::scoreboard::live::Live;
use crate::scoreboard::reader::Reader;
use crate::submit::{Answer, Queue, Request, SubmitRequest, Work};

/// What answers, once recovered.
#[derive(Debug)]
pub struct Recovered {
    /// Reads pages.
    pub reader: Arc<Reader>,
    /// Tells of changes.
    pub live: Arc<Live>,
}

/// The stages of one process, behind the API's port.
#[derive(Debug)]
pub struct Stages {
    queue: Arc<Queue>,
    ack_timeout: Duration,
    recovered: OnceLock<Recovered>,
}

impl Stages {
    /// Stages that are not recovered yet.
    pub fn new(queue: Arc<Queue>, ack_timeout: Duration) -> Self {
        Self { queue, ack_timeout, recovered: OnceLock::new() }
    }

    /// From now on requests are answered. Only the first call counts.
    pub fn recovered(&self, recovered: Recovered) {
        if self.recovered.set(recovered).is_err() {
            tracing::error!("the stages were recovered twice");
        }
    }

    /// Whether requests are answered.
    pub fn is_recovered(&self) -> bool {
        self.recovered.get().is_some()
    }

    fn open(&self) -> Result<&Recovered, Trouble> {
        let loading = || Trouble::Unavailable("the data folder is still being loaded".into());
        self.recovered.get().ok_or_else(loading)
    }

    /// Sends work to the committer and waits for its answer, not longer than the ack's time-out.
    async fn ask<T>(
        &self,
        work: impl FnOnce(Answer<Result<T, BoardError>>) -> Work,
    ) -> Result<T, BoardError> {
        self.open()?;
        let (answer, answered) = oneshot::channel();
        self.queue.push(Request::new(work(answer)))?;
        match tokio::time::timeout(self.ack_timeout, answered).await {
            Ok(Ok(result)) => result,
            // The committer died with it in hand.
            Ok(Err(_)) => Err(Trouble::Ambiguous("the committer ended before it answered".into()).into()),
            Err(_) => {
                let waited = self.ack_timeout.as_secs_f64();
                Err(Trouble::Ambiguous(format!("no answer from the disk within {waited} s")).into())
            }
        }
    }

    async fn board(&self, id: &LeaderboardId) -> Result<Board, BoardError> {
        self.open()?.reader.view(id).ok_or(BoardError::NotFound)
    }
}

#[async_trait]
impl Service for Stages {
    async fn submit(
        &self,
        leaderboard: &LeaderboardId,
        entries: Vec<Entry>,
        wanted: Wanted,
    ) -> Result<Vec<Result<Accepted, Rejected>>, BoardError> {
        let id = leaderboard.clone();
        self.ask(|answer| Work::Submit(SubmitRequest { id, entries, wanted, answer })).await
    }

    async fn create(&self, id: &LeaderboardId, rules: Rules) -> Result<Board, BoardError> {
        self.ask(|answer| Work::Create { id: id.clone(), rules, answer }).await?;
        self.board(id).await
    }

    async fn reset(&self, id: &LeaderboardId, expected: Option<VersionId>) -> Result<Board, BoardError> {
        self.ask(|answer| Work::Reset { id: id.clone(), expected, answer }).await?;
        self.board(id).await
    }

    async fn delete(&self, id: &LeaderboardId, player: &PlayerId) -> Result<bool, BoardError> {
        self.ask(|answer| Work::Delete { id: id.clone(), player: player.clone(), answer }).await
    }

    async fn leaderboard(&self, id: &LeaderboardId) -> Result<Option<Board>, Trouble> {
        Ok(self.open()?.reader.view(id))
    }

    async fn leaderboards(
        &self,
        after: Option<&LeaderboardId>,
        first: usize,
    ) -> Result<(Vec<Board>, bool), Trouble> {
        Ok(self.open()?.reader.list(after, first))
    }

    async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        start: Start,
        first: usize,
        columns: Columns,
    ) -> Result<Page, BoardError> {
        self.open()?.reader.page(id, version, start, first, columns).await
    }

    async fn around(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        player: &PlayerId,
        range: usize,
        columns: Columns,
    ) -> Result<Page, BoardError> {
        self.open()?.reader.around(id, version, player, range, columns).await
    }

    async fn rows(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        players: &[PlayerId],
        columns: Columns,
    ) -> Result<Page, BoardError> {
        self.open()?.reader.rows(id, version, players, columns).await
    }

    async fn changes(
        &self,
        id: &LeaderboardId,
        _first: usize,
    ) -> Result<BoxStream<'static, Result<Arc<Change>, Trouble>>, BoardError> {
        self.open()?.live.changes(id).await
    }

    async fn rank_changes(
        &self,
        id: &LeaderboardId,
        player: &PlayerId,
        columns: Columns,
    ) -> Result<BoxStream<'static, Result<Option<(VersionId, Row)>, Trouble>>, BoardError> {
        self.open()?.live.rank_changes(id, player, columns).await
    }
}
