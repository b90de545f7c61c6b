//! Submitting through a log: what is acknowledged is on a quorum of its brokers, and will be judged by the law.
//!
//! Nothing is decided here. Who wants to know what was decided waits for the verdict, not longer than may be; who wants it in
//! the store waits for that too.

use std::sync::Arc;
use std::time::Duration;

use hiscore_api::service::{Accepted, Ack, BoardError, Entry as Submitted, Rejected, Row, Trouble, Wanted};
use hiscore_log::entry::{Told, Work};
use hiscore_rank::redis::{Done, RedisRanks, Refused, Submitted as Judged};
use hiscore_score::{Leaderboard, LeaderboardId, PlayerId, Position, RecordKey, Rules, Season, VersionId};
use tokio::time::Instant;

use super::appender::{Appender, Known};
use super::remote::board_error;
use super::waiting::{Waited, Waiting};
use crate::metrics::SubmitMetrics;
use crate::scoreboard::boards::Boards;
use crate::scoreboard::remote::Remote;

/// Appends to the log.
#[derive(Debug)]
pub struct LogSubmitter {
    /// Appends.
    pub appender: Arc<Appender>,
    /// The ranking tier.
    pub ranks: Arc<RedisRanks>,
    /// Those who wait for the store.
    pub waiting: Arc<Waiting>,
    /// The boards there are.
    pub boards: Arc<Boards>,
    /// Where a board is looked for that is not among them.
    pub remote: Arc<Remote>,
    /// The longest wait for a level.
    pub ack_timeout: Duration,
    /// The longest wait for a verdict.
    pub apply_wait: Duration,
    /// Whether a submission creates the board that it is for.
    pub auto_create: bool,
    /// How many boards there may be.
    pub max_leaderboards: usize,
    /// What is counted.
    pub metrics: SubmitMetrics,
}

fn late(wait: Duration) -> BoardError {
    BoardError::Trouble(Trouble::Ambiguous(format!(
        "it is in the log, and was not applied within {wait:?}: it will be; look again"
    )))
}

impl LogSubmitter {
    /// Has `entries` of one board judged in their order. See [`hiscore_api::service::Service::submit`].
    pub async fn submit(
        &self,
        id: &LeaderboardId,
        entries: Vec<Submitted>,
        wanted: Wanted,
    ) -> Result<Vec<Result<Accepted, Rejected>>, BoardError> {
        let auto_create = self.creates(id).await?;
        let persisted = wanted.ack == Some(Ack::Persisted);
        let told = Told {
            outcome: wanted.outcome || wanted.record || wanted.previous_rank || persisted,
            record: wanted.record,
            rank: wanted.record && wanted.rank,
            previous_rank: wanted.previous_rank,
        };
        let players: Vec<PlayerId> = entries.iter().map(|entry| entry.player.clone()).collect();
        let works = entries.into_iter().map(|entry| Work::Submit {
            board: id.clone(),
            player: entry.player,
            submission: entry.submission,
            auto_create,
        });
        let began = Instant::now();
        let wait = if persisted { self.ack_timeout } else { self.apply_wait };
        let known = self.append(id, works.collect(), told, began + wait).await;
        let board_gone = |known: &Known| matches!(known, Ok(Some(Err(Refused::NotFound))));
        if known.iter().any(board_gone) {
            return Err(BoardError::NotFound);
        }
        let in_store = persisted && self.reach(id, &players, &known, began + self.ack_timeout).await;
        let results: Vec<_> = known
            .into_iter()
            .zip(players)
            .map(|(known, player)| match known {
                Ok(None) => Ok(unjudged()),
                Ok(Some(Ok(Done::Submitted(done)))) => Ok(judged(done, player, in_store, wanted)),
                Ok(Some(Ok(_))) => Err(Trouble::Internal("a verdict is about something else".into()).into()),
                Ok(Some(Err(Refused::Law(refusal)))) => Err(Rejected::Refused(refusal)),
                Ok(Some(Err(other))) => Err(Trouble::Unavailable(other.to_string()).into()),
                Err(trouble) => Err(Rejected::Trouble(trouble)),
            })
            .collect();
        self.metrics.submitted(&results);
        Ok(results)
    }

    /// Creates a board, and says at what position.
    pub async fn create(
        &self,
        id: &LeaderboardId,
        rules: Rules,
    ) -> Result<(Leaderboard, Position), BoardError> {
        if self.boards.len() >= self.max_leaderboards {
            return Err(self.too_many());
        }
        self.board_work(id, Work::Create { board: id.clone(), rules }).await
    }

    /// Opens a board's next season.
    pub async fn reset(
        &self,
        id: &LeaderboardId,
        expected: Option<VersionId>,
    ) -> Result<(Leaderboard, Position), BoardError> {
        self.board_work(id, Work::Reset { board: id.clone(), expected }).await
    }

    /// Deletes what a player has on the present season.
    pub async fn delete(&self, id: &LeaderboardId, player: &PlayerId) -> Result<bool, BoardError> {
        match self.one(id, Work::Delete { board: id.clone(), player: player.clone() }).await? {
            Done::Deleted(position) => Ok(position.is_some()),
            _ => Err(unexpected()),
        }
    }

    async fn board_work(
        &self,
        id: &LeaderboardId,
        work: Work,
    ) -> Result<(Leaderboard, Position), BoardError> {
        match self.one(id, work).await? {
            Done::Board(leaderboard, position) => {
                self.boards.put(id.clone(), leaderboard);
                Ok((leaderboard, position))
            }
            _ => Err(unexpected()),
        }
    }

    /// Rare work that is not a submission: what came of it is waited for as long as for any level.
    async fn one(&self, id: &LeaderboardId, work: Work) -> Result<Done, BoardError> {
        let told = Told { outcome: true, ..Told::default() };
        let deadline = Instant::now() + self.ack_timeout;
        match self.append(id, vec![work], told, deadline).await.pop() {
            Some(Ok(Some(Ok(done)))) => Ok(done),
            Some(Ok(Some(Err(refused)))) => Err(board_error(&refused)),
            Some(Ok(None)) => Err(late(self.ack_timeout)),
            Some(Err(trouble)) => Err(trouble.into()),
            None => Err(unexpected()),
        }
    }

    /// Whether a submission to this board may create it; refused at once if the board is surely not there and may not be made.
    async fn creates(&self, id: &LeaderboardId) -> Result<bool, BoardError> {
        if self.boards.get(id).is_some() {
            // Boards stay.
            return Ok(false);
        }
        let room = self.boards.len() < self.max_leaderboards;
        if self.auto_create && room {
            return Ok(true);
        }
        match self.remote.view(id).await {
            Ok(None) if self.auto_create => Err(self.too_many()),
            Ok(None) => Err(BoardError::NotFound),
            // If nobody can tell, it is judged when it is applied.
            Ok(Some(_)) | Err(_) => Ok(false),
        }
    }

    fn too_many(&self) -> BoardError {
        BoardError::TooMany(format!(
            "there are {} leaderboards already, the limit is --max-leaderboards {}",
            self.boards.len(),
            self.max_leaderboards
        ))
    }

    async fn append(
        &self,
        id: &LeaderboardId,
        works: Vec<Work>,
        told: Told,
        deadline: Instant,
    ) -> Vec<Known> {
        self.appender.append(self.ranks.shard_of(id), works, told, deadline).await
    }

    /// Whether everything that was judged is in the store by the deadline.
    async fn reach(
        &self,
        id: &LeaderboardId,
        players: &[PlayerId],
        known: &[Known],
        deadline: Instant,
    ) -> bool {
        let mut era = 0;
        let changes = known.iter().zip(players).filter_map(|(known, player)| match known {
            Ok(Some(Ok(Done::Submitted(done)))) if done.position != Position::ZERO => {
                era = done.position.era;
                let season = Season { leaderboard: id.clone(), version: done.version };
                Some((RecordKey { season, player: player.clone() }, done.position.sequence))
            }
            _ => None,
        });
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return false;
        }
        let shard = self.ranks.shard_of(id);
        // If nobody hears it, the flush interval does.
        let _ = self.ranks.wake(shard).await;
        self.waiting.wait(shard, era, changes, deadline).await == Waited::Persisted
    }
}

fn unexpected() -> BoardError {
    BoardError::Trouble(Trouble::Internal("a verdict is about something else".into()))
}

/// It is in the log; nobody waited for more.
fn unjudged() -> Accepted {
    Accepted { outcome: None, version: 0, record: None, previous_rank: None, ack: Ack::Logged }
}

fn judged(done: Judged, player: PlayerId, in_store: bool, wanted: Wanted) -> Accepted {
    let record = done.record.filter(|_| wanted.record);
    Accepted {
        outcome: Some(done.outcome),
        version: done.version,
        record: record.map(|(live, updated)| Row::new(player, done.rank, live, updated)),
        previous_rank: done.previous_rank,
        ack: if in_store { Ack::Persisted } else { Ack::Logged },
    }
}
