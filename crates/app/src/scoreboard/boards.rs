//! The boards of a deployment, as one process last heard of them from Redis or, if that is away, from the store.
//!
//! A list, not a truth: what a board is now is asked with every read of it. It serves the page of all boards, and what
//! must be known of a board when Redis cannot be asked.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hiscore_rank::redis::RedisRanks;
use hiscore_score::{Leaderboard, LeaderboardId};
use hiscore_store::Store;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

/// How often the list is fetched again.
const REFRESH: Duration = Duration::from_secs(1);

/// The list.
#[derive(Debug, Default)]
pub struct Boards {
    known: RwLock<BTreeMap<LeaderboardId, Leaderboard>>,
    complete: AtomicBool,
}

impl Boards {
    /// Puts a board in, or its new season.
    pub fn put(&self, id: LeaderboardId, leaderboard: Leaderboard) {
        let mut known = self.known.write();
        let present = known.entry(id).or_insert(leaderboard);
        if present.version <= leaderboard.version {
            *present = leaderboard;
        }
    }

    /// A board, as last heard of.
    pub fn get(&self, id: &LeaderboardId) -> Option<Leaderboard> {
        self.known.read().get(id).copied()
    }

    /// At most `first` boards strictly after `after`, and whether more follow.
    pub fn list(
        &self,
        after: Option<&LeaderboardId>,
        first: usize,
    ) -> (Vec<(LeaderboardId, Leaderboard)>, bool) {
        let known = self.known.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = known.range::<LeaderboardId, _>((start, Bound::Unbounded));
        let list = rows.by_ref().take(first).map(|(id, leaderboard)| (id.clone(), *leaderboard)).collect();
        (list, rows.next().is_some())
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.read().len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all of them were heard of at least once.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    /// Fetches the list again and again, until shutdown. Run by one task.
    pub async fn follow(
        self: Arc<Self>,
        ranks: Arc<RedisRanks>,
        store: Arc<dyn Store>,
        shards: u16,
        shutdown: CancellationToken,
    ) {
        loop {
            let fetched = self.fetch(&ranks, store.as_ref(), shards).await;
            if fetched {
                self.complete.store(true, Ordering::Relaxed);
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(REFRESH) => {}
            }
        }
    }

    async fn fetch(&self, ranks: &RedisRanks, store: &dyn Store, shards: u16) -> bool {
        let asked = futures_util::future::join_all((0..shards).map(|shard| ranks.boards(shard))).await;
        let mut away = false;
        for boards in asked {
            match boards {
                Ok(boards) => boards.into_iter().for_each(|(id, leaderboard)| self.put(id, leaderboard)),
                Err(_) => away = true,
            }
        }
        if !away {
            return true;
        }
        match store.boards(None).await {
            Ok(boards) => {
                boards.into_iter().for_each(|board| self.put(board.id, board.leaderboard));
                true
            }
            Err(_) => false,
        }
    }
}
