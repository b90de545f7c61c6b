//! Submitting where Redis is the sequencer: from what the API hands over to one call of a function, and back.
//!
//! What is decided is decided there. Here is only how safe it has become, and what to say when nobody knows.

use std::sync::Arc;
use std::time::Duration;

use hiscore_api::service::{Accepted, Ack, BoardError, Entry, Rejected, Row, Trouble, Wanted};
use hiscore_rank::redis::{CallError, Done, RedisRanks, Refused, Reply, Request, Submitted, Work};
use hiscore_score::{Leaderboard, LeaderboardId, PlayerId, Position, RecordKey, Rules, Season, VersionId};

use super::waiting::{Waited, Waiting};
use crate::metrics::SubmitMetrics;
use crate::scoreboard::boards::Boards;

/// Sends work to Redis.
#[derive(Debug)]
pub struct Submitter {
    /// The sequencer.
    pub ranks: Arc<RedisRanks>,
    /// Those who wait for the store.
    pub waiting: Arc<Waiting>,
    /// The boards there are, which bounds how many there may be.
    pub boards: Arc<Boards>,
    /// The longest wait for a level.
    pub ack_timeout: Duration,
    /// Whether a submission creates the board that it is for.
    pub auto_create: bool,
    /// How many boards there may be.
    pub max_leaderboards: usize,
    /// What is counted.
    pub metrics: SubmitMetrics,
}

fn trouble(error: &CallError) -> Trouble {
    match error {
        CallError::Unavailable(_) | CallError::Fenced { .. } => Trouble::Unavailable(error.to_string()),
        CallError::Ambiguous(_) => Trouble::Ambiguous(error.to_string()),
        CallError::Behind { .. }
        | CallError::OtherLog { .. }
        | CallError::LeaseLost { .. }
        | CallError::Invalid(_) => Trouble::Internal(error.to_string()),
    }
}

pub(super) fn board_error(refused: &Refused) -> BoardError {
    match refused {
        Refused::NotFound => BoardError::NotFound,
        Refused::AlreadyExists => BoardError::AlreadyExists,
        Refused::VersionConflict(present) => BoardError::VersionConflict { present: *present },
        Refused::Exhausted => BoardError::TooMany(refused.to_string()),
        Refused::Law(_) => BoardError::Trouble(Trouble::Internal(refused.to_string())),
    }
}

fn unexpected() -> BoardError {
    BoardError::Trouble(Trouble::Internal("Redis answered something else than it was asked".into()))
}

impl Submitter {
    /// Judges `entries` of one board in their order. See [`hiscore_api::service::Service::submit`].
    pub async fn submit(
        &self,
        id: &LeaderboardId,
        entries: Vec<Entry>,
        wanted: Wanted,
    ) -> Result<Vec<Result<Accepted, Rejected>>, BoardError> {
        let level = self.level(id, wanted.ack);
        let players: Vec<PlayerId> = entries.iter().map(|entry| entry.player.clone()).collect();
        let works = entries
            .into_iter()
            .map(|Entry { player, submission }| Work::Submit { player, submission })
            .collect();
        let room = self.boards.len() < self.max_leaderboards;
        let request = Request {
            board: id.clone(),
            works,
            auto_create: self.auto_create && room,
            want_record: wanted.record,
            want_rank: wanted.record && wanted.rank,
            want_previous_rank: wanted.previous_rank,
            wake_persister: level == Ack::Persisted,
            replicas: self.replicas_for(id, level),
        };
        let began = tokio::time::Instant::now();
        let reply = self.ranks.submit(request).await.map_err(|error| trouble(&error))?;
        if reply.results.iter().any(|result| matches!(result, Err(Refused::NotFound))) {
            return Err(if self.auto_create && !room { self.too_many() } else { BoardError::NotFound });
        }
        let ack = self.reach(level, id, &players, &reply, began).await?;
        let results: Vec<_> = reply
            .results
            .into_iter()
            .zip(players)
            .map(|(result, player)| match result {
                Ok(Done::Submitted(done)) => Ok(accepted(done, player, ack, wanted)),
                Ok(_) => Err(Trouble::Internal("Redis answered something else".into()).into()),
                Err(Refused::Law(refusal)) => Err(Rejected::Refused(refusal)),
                Err(other) => Err(Trouble::Unavailable(other.to_string()).into()),
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
        self.board_work(id, Work::Create { rules }).await
    }

    /// Opens a board's next season.
    pub async fn reset(
        &self,
        id: &LeaderboardId,
        expected: Option<VersionId>,
    ) -> Result<(Leaderboard, Position), BoardError> {
        self.board_work(id, Work::Reset { expected }).await
    }

    /// Deletes what a player has on the present season.
    pub async fn delete(&self, id: &LeaderboardId, player: &PlayerId) -> Result<bool, BoardError> {
        match self.one(id, Work::Delete { player: player.clone() }).await? {
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

    /// Rare work that is not a submission: on the replicas if there are any, and the persister is woken for it.
    async fn one(&self, id: &LeaderboardId, work: Work) -> Result<Done, BoardError> {
        let request = Request {
            board: id.clone(),
            works: vec![work],
            auto_create: false,
            want_record: false,
            want_rank: false,
            want_previous_rank: false,
            wake_persister: true,
            replicas: self.replicas_for(id, Ack::Replicated),
        };
        let reply = self.ranks.submit(request).await.map_err(|error| trouble(&error))?;
        match reply.results.into_iter().next() {
            Some(Ok(done)) => Ok(done),
            Some(Err(refused)) => Err(board_error(&refused)),
            None => Err(unexpected()),
        }
    }

    fn too_many(&self) -> BoardError {
        BoardError::TooMany(format!(
            "there are {} leaderboards already, the limit is --max-leaderboards {}",
            self.boards.len(),
            self.max_leaderboards
        ))
    }

    /// The level to wait for: what was asked, or the next stronger one that there is here.
    fn level(&self, board: &LeaderboardId, asked: Option<Ack>) -> Ack {
        let replicas = self.ranks.replicas_of(board) > 0;
        match asked {
            None if replicas => Ack::Replicated,
            None | Some(Ack::Ranked) => Ack::Ranked,
            Some(Ack::Replicated) if replicas => Ack::Replicated,
            Some(Ack::Replicated | Ack::Logged | Ack::Persisted) => Ack::Persisted,
        }
    }

    /// One replica is what makes the loss of one server harmless. Who waits for the store has it on a replica too, so that
    /// a store that is away leaves that much.
    fn replicas_for(&self, board: &LeaderboardId, level: Ack) -> u32 {
        u32::from(level >= Ack::Replicated && self.ranks.replicas_of(board) > 0)
    }

    /// The level that was reached, not longer than the ack's time-out.
    async fn reach(
        &self,
        level: Ack,
        id: &LeaderboardId,
        players: &[PlayerId],
        reply: &Reply,
        began: tokio::time::Instant,
    ) -> Result<Ack, BoardError> {
        let lower = if reply.replicas > 0 { Ack::Replicated } else { Ack::Ranked };
        if level != Ack::Persisted {
            return Ok(lower.min(level));
        }
        let changes = reply.results.iter().zip(players).filter_map(|(result, player)| match result {
            // A duplicate of a player without a record has nothing to wait for.
            Ok(Done::Submitted(done)) if done.position != Position::ZERO => {
                let season = Season { leaderboard: id.clone(), version: done.version };
                Some((RecordKey { season, player: player.clone() }, done.position.sequence))
            }
            _ => None,
        });
        let shard = self.ranks.shard_of(id);
        let deadline = began + self.ack_timeout;
        match self.waiting.wait(shard, reply.era, changes.collect(), deadline).await {
            Waited::Persisted => Ok(Ack::Persisted),
            Waited::NotYet => Ok(lower),
            Waited::Unknown => Err(BoardError::Trouble(Trouble::Ambiguous(
                "Redis failed or failed over before it was in the store".into(),
            ))),
        }
    }
}

fn accepted(done: Submitted, player: PlayerId, ack: Ack, wanted: Wanted) -> Accepted {
    let record = done.record.filter(|_| wanted.record);
    Accepted {
        outcome: Some(done.outcome),
        version: done.version,
        record: record.map(|(live, updated)| Row::new(player, done.rank, live, updated)),
        previous_rank: done.previous_rank,
        ack,
    }
}
