//! Live: tells viewers of changes, at most once an interval per board however many submissions there were.
//!
//! One task looks at every board that somebody follows. If its revision moved, the top is read once and shared by
//! all who follow it. Whoever is slow skips to the newest: a watch channel holds one value, never a queue.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use hiscore_api::service::{BoardError, Change, Trouble};
use hiscore_score::{LeaderboardId, PlayerId};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::source::{Source, Standing};

/// The most rows that a follower of a board can ask for.
pub const MOST_ROWS: usize = 100;

/// Boards looked at at the same time.
const LOOKS_AT_ONCE: usize = 64;

/// Everybody who follows a board.
#[derive(Debug)]
pub struct Live {
    source: Arc<dyn Source>,
    topics: Mutex<HashMap<LeaderboardId, Weak<Topic>>>,
    interval: Duration,
    shutdown: CancellationToken,
}

/// One board that is followed; gone when its last follower is.
#[derive(Debug)]
struct Topic {
    id: LeaderboardId,
    latest: watch::Sender<Arc<Change>>,
}

impl Live {
    /// Follows boards through `source`.
    pub fn new(source: Arc<dyn Source>, interval: Duration, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self { source, topics: Mutex::default(), interval, shutdown })
    }

    /// Looks at every followed board once an interval, until shutdown. Run by one task.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let followed = self.followed();
            let looks = futures_util::stream::iter(followed.iter());
            // One board that is slow to read does not hold up the others.
            looks.for_each_concurrent(LOOKS_AT_ONCE, |topic| self.look(topic)).await;
        }
    }

    fn followed(&self) -> Vec<Arc<Topic>> {
        let mut topics = self.topics.lock();
        topics.retain(|_, topic| topic.strong_count() > 0);
        topics.values().filter_map(Weak::upgrade).collect()
    }

    async fn look(&self, topic: &Topic) {
        let before = Arc::clone(&topic.latest.borrow());
        let moved = match self.source.view(&topic.id).await {
            Ok(view) => view.is_some_and(|view| {
                view.revision != before.revision || view.state != before.state || view.total != before.total
            }),
            Err(error) => {
                tracing::debug!(%error, "a followed board could not be looked at");
                false
            }
        };
        if !moved {
            return;
        }
        match self.change(&topic.id).await {
            Ok(change) => drop(topic.latest.send_replace(Arc::new(change))),
            // The next look tries again; what viewers have stays true as of its revision.
            Err(error) => tracing::warn!(%error, "a followed board could not be read"),
        }
    }

    async fn change(&self, id: &LeaderboardId) -> Result<Change, BoardError> {
        let (view, rows) = self.source.top(id, MOST_ROWS).await?;
        Ok(Change {
            version: view.leaderboard.version,
            revision: view.revision,
            state: view.state,
            total: view.total,
            rows,
        })
    }

    async fn topic(&self, id: &LeaderboardId) -> Result<Arc<Topic>, BoardError> {
        if let Some(topic) = self.topics.lock().get(id).and_then(Weak::upgrade) {
            return Ok(topic);
        }
        // Read outside the lock; of two who do this at once, the first to put it in wins.
        let change = Arc::new(self.change(id).await?);
        let mut topics = self.topics.lock();
        if let Some(topic) = topics.get(id).and_then(Weak::upgrade) {
            return Ok(topic);
        }
        let topic = Arc::new(Topic { id: id.clone(), latest: watch::Sender::new(change) });
        topics.insert(id.clone(), Arc::downgrade(&topic));
        Ok(topic)
    }

    /// The present top of a board, then every coalesced change.
    pub async fn changes(
        self: &Arc<Self>,
        id: &LeaderboardId,
    ) -> Result<BoxStream<'static, Result<Arc<Change>, Trouble>>, BoardError> {
        let topic = self.topic(id).await?;
        // The topic may be as old as its last look; the first event is the present.
        self.look(&topic).await;
        let mut receiver = topic.latest.subscribe();
        receiver.mark_changed();
        let state = (topic, receiver, self.shutdown.clone());
        Ok(unfold(state, |(topic, mut receiver, shutdown)| async move {
            tokio::select! {
                () = shutdown.cancelled() => None,
                changed = receiver.changed() => {
                    changed.ok()?;
                    let change = Arc::clone(&receiver.borrow_and_update());
                    Some((Ok(change), (topic, receiver, shutdown)))
                }
            }
        })
        .boxed())
    }

    /// What one player has, then every change of it or of its rank.
    pub async fn rank_changes(
        self: &Arc<Self>,
        id: &LeaderboardId,
        player: &PlayerId,
    ) -> Result<BoxStream<'static, Result<Standing, Trouble>>, BoardError> {
        let topic = self.topic(id).await?;
        let mut receiver = topic.latest.subscribe();
        receiver.mark_changed();
        let follower =
            Follower { live: Arc::clone(self), topic, receiver, player: player.clone(), shown: None };
        Ok(unfold(follower, |mut follower| async move {
            let next = follower.next().await?;
            Some((next, follower))
        })
        .boxed())
    }
}

/// Somebody who follows one player.
struct Follower {
    live: Arc<Live>,
    topic: Arc<Topic>,
    receiver: watch::Receiver<Arc<Change>>,
    player: PlayerId,
    /// What was told last; `None` before the first.
    shown: Option<Standing>,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Standing, Trouble>> {
        loop {
            tokio::select! {
                () = self.live.shutdown.cancelled() => return None,
                changed = self.receiver.changed() => changed.ok()?,
            }
            self.receiver.mark_unchanged();
            match self.live.source.row(&self.topic.id, &self.player).await {
                Ok(now) if self.shown.as_ref() == Some(&now) => {}
                Ok(now) => {
                    self.shown = Some(now.clone());
                    return Some(Ok(now));
                }
                Err(BoardError::Trouble(trouble)) => return Some(Err(trouble)),
                Err(error) => return Some(Err(Trouble::Internal(error.to_string()))),
            }
        }
    }
}
