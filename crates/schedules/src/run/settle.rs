//! The end of a schedule: both tiers are waited for until they are at rest, and what is in them is read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hiscore_faults::history::{Event, Row, Scores, event::Shown};
use hiscore_rank::Query;
use hiscore_rank::redis::{KEPT_SEASONS, ReadError, RedisRanks};
use hiscore_score::{LeaderboardId, Record, Season};
use tokio::sync::oneshot;

use super::{LONG_TICK, PATIENCE, Schedule, TICK};
use crate::players::BOARDS;

/// How long both must stay at rest, for the audits to see it twice.
const REST: u64 = 12_000;
/// The same where somebody may write late into an epoch that ended: that is looked for after 5, 15 and 35 s.
const LONG_REST: u64 = 40_000;

/// What is wrong with what settled, or why it did not.
pub(super) type Settled = Result<Vec<String>, String>;

impl Schedule {
    /// Waits until both tiers are at rest, and stays a while; then reads and compares them. What is wrong with them, or why
    /// they do not settle.
    pub(super) fn settle(&mut self) -> Result<Settled, Box<dyn std::error::Error>> {
        let (runtime, _) = self.world.host("checker")?;
        let setting = self.setting.clone();
        let chance = self.chance.part();
        let ranks = runtime.block_on(async move { setting.tiers("checker", &chance).0 });
        let deadline = self.world.now_ms() + PATIENCE;
        let mut at_rest_since = None;
        let rest = if self.plan.has_strays() { LONG_REST } else { REST };
        while at_rest_since.is_none_or(|since| self.world.now_ms() < since + rest) {
            if self.world.now_ms() > deadline {
                return Ok(Err(format!("it does not settle: {}", self.why_not(&ranks, &runtime))));
            }
            for _ in 0..10 {
                self.world.tick(LONG_TICK);
            }
            let is_at_rest =
                self.field.playing.load(Ordering::Relaxed) == 0 && self.why_not(&ranks, &runtime).is_empty();
            if !is_at_rest {
                at_rest_since = None;
            } else if at_rest_since.is_none() {
                at_rest_since = Some(self.world.now_ms());
            }
        }
        match self.pages(&ranks, &runtime)? {
            Ok(pages) => self.field.events.lock().extend(pages),
            Err(wrong) => return Ok(Err(wrong)),
        }
        let stored = self.stored();
        self.field.events.lock().extend(stored);
        Ok(Ok(self.verified(&ranks, &runtime)))
    }

    /// Has something asked on the checker's host.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        runtime: &tokio::runtime::Handle,
        asked: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, mut answered) = oneshot::channel();
        runtime.spawn(async move { answer.send(asked.await).is_ok() });
        for _ in 0..1_000 {
            self.world.tick(TICK);
            if let Ok(answer) = answered.try_recv() {
                return Some(answer);
            }
        }
        None
    }

    /// Why it is not at rest; empty: it is.
    fn why_not(&mut self, ranks: &Arc<RedisRanks>, runtime: &tokio::runtime::Handle) -> String {
        let shards: Vec<u16> = (0..self.plan.shards).collect();
        let (ranks, asked) = (Arc::clone(ranks), shards.clone());
        let looks = self.ask(runtime, async move { ranks.look(&asked).await }).unwrap_or_default();
        for (shard, look) in shards.into_iter().zip(looks) {
            let look = match look {
                Ok(look) => look,
                Err(error) => return format!("shard {shard}: {error}"),
            };
            let there = self.setting.backing.table.lock().shards.get(&shard).cloned().unwrap_or_default();
            let waiting = look.dirty + look.in_flight;
            if !look.open
                || waiting > 0
                || there.epoch != look.epoch
                || !self.is_through(shard, &look, &there)
            {
                return format!("shard {shard}: {look:?}, the store has {there:?}");
            }
        }
        String::new()
    }

    /// Every season of every board that the ranks keep.
    fn pages(
        &mut self,
        ranks: &Arc<RedisRanks>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Result<Vec<Event>, String>, Box<dyn std::error::Error>> {
        let mut events = Vec::new();
        for (board, ..) in BOARDS {
            let (mut version, mut kept) = (None, 0);
            loop {
                let (ranks, id) = (Arc::clone(ranks), LeaderboardId::new(board)?);
                let query = Query::FromRank { rank: 1, limit: 1_000 };
                let page = self.ask(runtime, async move { ranks.page(&id, version, &query).await });
                let (read, rows) = match page.ok_or("the ranks do not answer")? {
                    Ok(page) => (page.version, page.rows),
                    // Nobody played it.
                    Err(ReadError::NoSeason(_)) => (version.unwrap_or(1), Vec::new()),
                    Err(error) => return Ok(Err(format!("{board} cannot be read: {error}"))),
                };
                let rows = rows
                    .iter()
                    .map(|(placed, record)| row(placed.player.as_str(), Some(placed.rank), record));
                events.push(Event::Final {
                    tier: "ranks".to_owned(),
                    board: board.to_owned(),
                    version: read,
                    rows: rows.flatten().collect(),
                });
                (version, kept) = (read.checked_sub(1), kept + 1);
                if read <= 1 || kept >= KEPT_SEASONS {
                    break;
                }
            }
        }
        Ok(Ok(events))
    }

    /// Every season of every board that the store has.
    fn stored(&self) -> Vec<Event> {
        let table = self.setting.backing.table.lock();
        let mut events = Vec::new();
        for (id, (_, stored)) in &table.boards {
            let played = table.records.keys().map(|key| &key.season).filter(|of| of.leaderboard == *id);
            let last = played.map(|season| season.version).max().unwrap_or(1).max(stored.leaderboard.version);
            for version in 1..=last {
                let season = Season { leaderboard: id.clone(), version };
                let order = table.order(&season, &stored.leaderboard.rules);
                let rows = (1..)
                    .zip(&order)
                    .filter_map(|(rank, (_, player, record))| row(player.as_str(), Some(rank), record));
                events.push(Event::Final {
                    tier: "store".to_owned(),
                    board: id.as_str().to_owned(),
                    version,
                    rows: rows.collect(),
                });
            }
        }
        events
    }
}

fn row(player: &str, rank: Option<u64>, record: &Record) -> Option<Row> {
    let live = record.live.as_ref()?;
    let scores = Scores { score: live.score.get(), subscore: live.subscore.get() };
    let shown = Shown { scores, num_score: live.num_score };
    Some(Row { player: player.to_owned(), rank, shown })
}
