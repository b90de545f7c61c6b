//! The players of one board that somebody follows: who they are, and what they had at the last look.
//!
//! One list for who follows places and scores, which the order has, and one for who wants more, which may have to be fetched.
//! A rank moves when others do, so every look at a board that changed asks for all of them, many at once: in the order's
//! index that is a descent a player, never a walk of the board. Those who follow are woken only if something of their own
//! player changed.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use hiscore_api::service::{BoardError, Columns, Row};
use hiscore_score::{LeaderboardId, PlayerId, VersionId};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::source::{Source, Standing};

/// Players in one read: so long the board's writer may have to wait, and a remote tier be busy with one call.
const AT_ONCE: usize = 256;

/// What one player had when it was last read; `None` before that.
type Followed = watch::Sender<Option<Standing>>;

/// Whom a look asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Everybody: the board moved.
    All,
    /// Who was not read since the board moved.
    Missing,
}

/// The players of one board that are followed; each is gone when its last follower is.
#[derive(Debug)]
pub(super) struct Players {
    columns: Columns,
    followed: Mutex<HashMap<PlayerId, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    followed: Weak<Followed>,
    /// Not read since the board moved.
    missing: bool,
}

impl Players {
    /// Nobody is followed for these yet.
    pub(super) fn new(columns: Columns) -> Self {
        Self { columns, followed: Mutex::default() }
    }

    /// Puts a player on the list, or finds it there.
    pub(super) fn follow(&self, player: &PlayerId) -> Arc<Followed> {
        let mut players = self.followed.lock();
        if let Some(followed) = players.get(player).and_then(|entry| entry.followed.upgrade()) {
            return followed;
        }
        let followed = Arc::new(watch::Sender::new(None));
        players.insert(player.clone(), Entry { followed: Arc::downgrade(&followed), missing: true });
        followed
    }

    /// Reads and tells. After an error those who were not read are missing, so that the next look asks for them again.
    pub(super) async fn read(
        &self,
        source: &dyn Source,
        id: &LeaderboardId,
        read: Read,
    ) -> Result<(), BoardError> {
        for players in self.wanted(read).chunks(AT_ONCE) {
            let (version, rows) = source.standings(id, players, self.columns).await?;
            self.tell(players, version, rows);
            // A read may be no more than work in this process, and thousands of players a lot of it.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Tells what was read of `players` to those of whose player it is another thing than before.
    fn tell(&self, players: &[PlayerId], version: VersionId, rows: Vec<Row>) {
        let mut rows: HashMap<PlayerId, Row> =
            rows.into_iter().map(|row| (row.player.clone(), row)).collect();
        let mut entries = self.followed.lock();
        for player in players {
            let now = rows.remove(player).map(|row| (version, row));
            let Some(entry) = entries.get_mut(player) else { continue };
            entry.missing = false;
            let Some(followed) = entry.followed.upgrade() else { continue };
            followed.send_if_modified(|shown| {
                let moved = shown.as_ref() != Some(&now);
                if moved {
                    *shown = Some(now);
                }
                moved
            });
        }
    }

    fn wanted(&self, read: Read) -> Vec<PlayerId> {
        let mut players = self.followed.lock();
        players.retain(|_, entry| entry.followed.strong_count() > 0);
        if read == Read::All {
            players.values_mut().for_each(|entry| entry.missing = true);
        }
        players.iter().filter(|(_, entry)| entry.missing).map(|(player, _)| player.clone()).collect()
    }
}
