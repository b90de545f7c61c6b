//! Live: tells viewers of changes, at most once an interval per board however many submissions there were.
//!
//! One task looks at every board that somebody follows. If its revision moved, the top is read once and shared by
//! all who follow it, and so is what each player that is followed has, many players a read. Whoever is slow skips to the
//! newest: a watch channel holds one value, never a queue.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use hiscore_api::service::{BoardError, Change, Columns, RankState, Trouble};
use hiscore_score::{LeaderboardId, PlayerId};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::players::{Players, Read};
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
    /// Those who are followed for their scores, and those for everything.
    scores: Players,
    all: Players,
    /// Held by whoever looks: of two looks at once, the one that read first could tell last.
    looking: tokio::sync::Mutex<()>,
    /// Looks that were begun.
    begun: AtomicU64,
}

impl Topic {
    /// It cannot be read anywhere: what viewers have stays what it is, and they are told that it may not be the present.
    fn grows_old(&self, shown: &Change) {
        if shown.state != RankState::Stale {
            self.latest.send_replace(Arc::new(Change { state: RankState::Stale, ..shown.clone() }));
        }
    }
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
            looks.for_each_concurrent(LOOKS_AT_ONCE, |topic| self.refresh(topic)).await;
        }
    }

    fn followed(&self) -> Vec<Arc<Topic>> {
        let mut topics = self.topics.lock();
        topics.retain(|_, topic| topic.strong_count() > 0);
        topics.values().filter_map(Weak::upgrade).collect()
    }

    /// Returns when a look has ended that was begun after this was called. A crowd that comes at once waits for the same one.
    async fn refresh(&self, topic: &Topic) {
        let came = topic.begun.load(Ordering::Acquire);
        let _alone = topic.looking.lock().await;
        if topic.begun.load(Ordering::Acquire) == came {
            topic.begun.fetch_add(1, Ordering::AcqRel);
            self.look(topic).await;
        }
    }

    async fn look(&self, topic: &Topic) {
        let before = Arc::clone(&topic.latest.borrow());
        let moved = match self.source.view(&topic.id).await {
            Ok(view) => view.is_some_and(|view| {
                view.revision != before.revision || view.state != before.state || view.total != before.total
            }),
            Err(error) => {
                tracing::debug!(%error, "a followed board could not be looked at");
                return topic.grows_old(&before);
            }
        };
        if moved {
            match self.change(&topic.id).await {
                Ok(change) => drop(topic.latest.send_replace(Arc::new(change))),
                // The next look tries again.
                Err(error) => {
                    tracing::warn!(%error, "a followed board could not be read");
                    return topic.grows_old(&before);
                }
            }
        }
        let read = if moved { Read::All } else { Read::Missing };
        for players in [&topic.scores, &topic.all] {
            if let Err(error) = players.read(self.source.as_ref(), &topic.id, read).await {
                tracing::warn!(%error, "followed players could not be read");
            }
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
        let topic = Arc::new(Topic {
            id: id.clone(),
            latest: watch::Sender::new(change),
            scores: Players::new(Columns::Scores),
            all: Players::new(Columns::All),
            looking: tokio::sync::Mutex::default(),
            begun: AtomicU64::new(0),
        });
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
        self.refresh(&topic).await;
        let mut receiver = topic.latest.subscribe();
        receiver.mark_changed();
        Ok(told(receiver, self.shutdown.clone(), topic).map(Ok).boxed())
    }

    /// What one player has, then every change of what is wanted of it or of its rank, as the looks find it.
    pub async fn rank_changes(
        self: &Arc<Self>,
        id: &LeaderboardId,
        player: &PlayerId,
        columns: Columns,
    ) -> Result<BoxStream<'static, Result<Standing, Trouble>>, BoardError> {
        let topic = self.topic(id).await?;
        // In the list before the look, which then is about this player too.
        let players = match columns {
            Columns::Scores => &topic.scores,
            Columns::All => &topic.all,
        };
        let followed = players.follow(player);
        self.refresh(&topic).await;
        let mut receiver = followed.subscribe();
        if receiver.borrow().is_none() {
            let trouble = Trouble::Unavailable("what the player has cannot be read".into());
            return Err(BoardError::Trouble(trouble));
        }
        receiver.mark_changed();
        let told = told(receiver, self.shutdown.clone(), (topic, followed));
        Ok(told.filter_map(|standing| ready(standing.map(Ok))).boxed())
    }
}

/// The latest value whenever there is another one, until shutdown. Meanwhile `alive` is kept, which is what is followed.
fn told<T: Clone + Send + Sync + 'static>(
    receiver: watch::Receiver<T>,
    shutdown: CancellationToken,
    alive: impl Send + 'static,
) -> impl futures_util::Stream<Item = T> + Send {
    // One wait for the shutdown for all changes: all who follow anything wait in one list, under one lock.
    let shutdown = Box::pin(shutdown.cancelled_owned());
    unfold((receiver, shutdown, alive), |(mut receiver, mut shutdown, alive)| async move {
        tokio::select! {
            biased;
            changed = receiver.changed() => {
                changed.ok()?;
                let value = receiver.borrow_and_update().clone();
                Some((value, (receiver, shutdown, alive)))
            }
            () = &mut shutdown => None,
        }
    })
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
