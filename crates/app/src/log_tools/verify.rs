//! `hiscore log verify`: shard after shard, whether Redis, the store and the log say the same.
//!
//! Nothing is locked: a shard is looked at before and after, and if it moved meanwhile, again. All tiers are only read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hiscore_config::VerifySettings;
use hiscore_log::entry::Entry;
use hiscore_log::{Bounds, Log};
use hiscore_rank::Query;
use hiscore_rank::redis::{KEPT_SEASONS, Look, ReadError, RedisRanks, log_name};
use hiscore_score::{OrderKey, Position, Season};
use hiscore_store::Store;
use hiscore_store::contract::{ShardState, StoredBoard, StoredLog};
use tokio::time::Instant;

use super::ToolError;
use super::compare::{Counts, Difference, log_and_store, of_board, of_record, words};
use super::fold::{Fold, StoredShard};
use super::open::Tiers;
use super::tail::Walk;

/// How long a shard may take to come to rest.
const REST: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);
/// How often a shard that moved is compared again.
const TRIES: usize = 3;
/// Records of one question.
const CHUNK: usize = 2_000;

/// A shard as it is seen from outside.
#[derive(Debug, PartialEq)]
struct Seen {
    look: Look,
    state: ShardState,
    bounds: Bounds,
}

/// What became of one shard.
#[derive(Debug)]
pub enum Found {
    /// All was read, and these differ. The text says what the log could speak of.
    All(Counts, Vec<Difference>, String),
    /// It cannot be told, since it does not rest.
    Moving(String),
}

/// Compares the tiers of a deployment with each other and with its log.
pub struct Verify {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// Which log the store remembers.
    pub known: StoredLog,
    /// The length of an idempotency window.
    pub window: usize,
    /// The Redis that ranks.
    pub ranks: Arc<RedisRanks>,
    /// The log.
    pub log: Arc<dyn Log>,
}

/// Verifies, prints what was found, and gives the exit code.
pub(super) async fn verify(tiers: &Tiers, settings: &VerifySettings) -> Result<u8, ToolError> {
    use std::io::Write;
    let shards = tiers.shards(settings.shard)?;
    let work = Verify {
        store: Arc::clone(&tiers.store),
        known: tiers.known.clone(),
        window: tiers.deployment.window,
        ranks: tiers.ranks().await?,
        log: tiers.log().await?,
    };
    let (mut total, mut differing, mut moving) = (Counts::default(), Vec::new(), 0);
    let mut out = std::io::stdout().lock();
    for shard in shards {
        match work.shard(shard).await? {
            Found::All(counts, differences, spoken) => {
                total += counts;
                writeln!(out, "shard {shard}: {spoken}; {counts}; {}", differ(differences.len()))?;
                differing.extend(differences);
            }
            Found::Moving(why) => {
                moving += 1;
                writeln!(out, "shard {shard}: cannot be verified, {why}")?;
            }
        }
    }
    let many = differing.len();
    for difference in differing.iter().take(settings.differences) {
        writeln!(out, "  {difference}")?;
    }
    if many > settings.differences {
        writeln!(out, "  … and {} more (--differences)", many - settings.differences)?;
    }
    writeln!(out, "all: {total}; {}", differ(many))?;
    if moving > 0 {
        writeln!(
            out,
            "{moving} shards could not be verified: stop what submits, see that apply and persist run, and look again"
        )?;
    }
    work.log.close().await;
    work.ranks.close().await;
    Ok(u8::from(many > 0 || moving > 0))
}

fn differ(many: usize) -> String {
    match many {
        0 => "no difference".to_owned(),
        1 => "1 difference".to_owned(),
        many => format!("{many} differences"),
    }
}

impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Verify {
    /// Compares one shard, once it is at rest, or says why it does not come to rest. Nothing is locked or written.
    ///
    /// # Errors
    /// When one of the tiers cannot be read.
    pub async fn shard(&self, shard: u16) -> Result<Found, ToolError> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let before = match self.rest(shard).await? {
                Ok(before) => before,
                Err(why) => return Ok(Found::Moving(why)),
            };
            let found = match self.compare(shard, &before).await {
                // It is being reconciled.
                Err(ToolError::Read(ReadError::Fenced { .. })) => continue,
                found => found?,
            };
            let after = self.see(shard).await?;
            if same(&before, &after) {
                return Ok(found);
            }
            why = format!(
                "it moved from {} to {} of the log while it was compared",
                applied(&before.look),
                applied(&after.look)
            );
        }
        Ok(Found::Moving(why))
    }

    async fn see(&self, shard: u16) -> Result<Seen, ToolError> {
        let bounds = self.log.bounds(shard).await?;
        let look = self.ranks.look(&[shard]).await.pop().transpose()?.unwrap_or_default();
        Ok(Seen { look, state: self.store.shard(shard).await?, bounds })
    }

    /// Waits until nothing is left to be applied or written, or says what is.
    async fn rest(&self, shard: u16) -> Result<Result<Seen, String>, ToolError> {
        let deadline = Instant::now() + REST;
        loop {
            let seen = self.see(shard).await?;
            match self.restless(&seen) {
                None => return Ok(Ok(seen)),
                Some(why) if Instant::now() >= deadline => return Ok(Err(why)),
                Some(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn restless(&self, seen: &Seen) -> Option<String> {
        let Seen { look, state, bounds } = seen;
        let known = &self.known;
        if !look.open {
            return Some("it is not open in Redis (no persister has reconciled it)".to_owned());
        }
        let Some(there) = look.log.as_ref().filter(|log| log.name == log_name(known.generation, &known.id))
        else {
            return Some(format!("Redis has it not behind generation {} of the log", known.generation));
        };
        let Some(place) = state.log.filter(|place| place.era == there.era) else {
            return Some("the store has it in another era than Redis".to_owned());
        };
        let left = look.dirty + look.in_flight;
        if left > 0 || place.offset != there.applied {
            let (stored, ranked) = (shown(place.offset), shown(there.applied));
            return Some(format!(
                "the store is at offset {stored} of the log, Redis at {ranked} with {left} records not in the store"
            ));
        }
        // Offsets have gaps, so this alone does not say that something is left.
        let behind = bounds.end > there.applied.map_or(0, |applied| applied + 1);
        (behind && there.warming).then(|| format!("Redis is at {} of {}", shown(there.applied), bounds.end))
    }

    async fn compare(&self, shard: u16, seen: &Seen) -> Result<Found, ToolError> {
        let stored = self.stored(shard).await?;
        let mut counts = Counts::default();
        let era = seen.state.log.map_or(0, |place| place.era);
        let mut fold = Fold::new(&stored, era, self.window);
        let mut walk = Walk::begin(self.log.as_ref(), shard, None).await?;
        let mut last = None;
        let applied = seen.look.log.as_ref().and_then(|log| log.applied);
        while let Some(entries) = walk.next().await? {
            for entry in entries.iter().filter(|entry| Some(entry.offset) <= applied) {
                match Entry::decode(&entry.bytes) {
                    Ok(content) => fold.entry(entry.time_ms, &content.works),
                    Err(error) => {
                        let place = format!("offset {} of the log", entry.offset);
                        let what = format!("{error}; what follows is not folded");
                        let differences = vec![Difference { shard, place, what }];
                        return Ok(Found::All(
                            counts,
                            differences,
                            "the log cannot be read to its end".into(),
                        ));
                    }
                }
            }
            last = entries.last().map(|entry| entry.offset).or(last);
        }
        if last > applied {
            return Ok(Found::Moving(format!(
                "Redis is at offset {} of the log, which has {}",
                shown(applied),
                shown(last)
            )));
        }
        let mut differences = log_and_store(shard, &fold, &stored, &mut counts);
        if fold.works > 0 && fold.stamp.raw() != seen.look.sequence {
            let (log, redis) = (fold.stamp.raw(), seen.look.sequence);
            let what = format!("after the log it is {log}, in Redis {redis}");
            differences.push(Difference { shard, place: "the last stamp".to_owned(), what });
        }
        // In an order that is the same every time; an order that differs comes behind the records that make it so.
        differences.sort_by(|a, b| a.place.cmp(&b.place));
        differences.extend(self.ranked(shard, &stored, &mut counts).await?);
        Ok(Found::All(counts, differences, spoken(seen.bounds, last)))
    }

    async fn stored(&self, shard: u16) -> Result<StoredShard, ToolError> {
        let store = &self.store;
        let boards = store.boards(Some(shard)).await?;
        let mut stored = StoredShard {
            boards: boards.into_iter().map(|board| (board.id.clone(), board)).collect(),
            ..StoredShard::default()
        };
        let all = Position::ZERO..Position { era: u32::MAX, ..Position::ZERO };
        let mut after = None;
        loop {
            let rows = store.between(shard, all.clone(), after.as_ref(), CHUNK).await?;
            let Some((key, record)) = rows.last() else { return Ok(stored) };
            after = Some((record.position, key.clone()));
            stored.records.extend(rows);
        }
    }

    /// Compares Redis with the store: the boards, every record of the seasons that Redis keeps, and their order.
    async fn ranked(
        &self,
        shard: u16,
        stored: &StoredShard,
        counts: &mut Counts,
    ) -> Result<Vec<Difference>, ToolError> {
        let mut differences = Vec::new();
        for (id, _) in self.ranks.boards(shard).await? {
            if !stored.boards.contains_key(&id) {
                differences.push(of_board(shard, &id, "Redis has it, the store does not".to_owned()));
            }
        }
        let is_kept = |season: &Season| {
            let board = stored.boards.get(&season.leaderboard);
            board.is_some_and(|board| season.version + KEPT_SEASONS > board.leaderboard.version)
        };
        let mut rows: Vec<_> = stored.records.iter().filter(|(key, _)| is_kept(&key.season)).collect();
        // In an order that is the same every time.
        rows.sort_unstable_by_key(|(key, _)| *key);
        for chunk in rows.chunks(CHUNK) {
            let keys: Vec<_> = chunk.iter().map(|(key, _)| (*key).clone()).collect();
            let here = self.ranks.inspect(shard, &keys).await?;
            for ((key, record), here) in chunk.iter().zip(here) {
                counts.ranked += 1;
                let what = match here {
                    None => "the store has it, Redis does not".to_owned(),
                    Some(here) if here != **record => words(("Redis", &here), ("the store", record)),
                    Some(_) => continue,
                };
                differences.push(of_record(shard, key, what));
            }
        }
        for board in stored.boards.values() {
            for version in
                board.leaderboard.version.saturating_sub(KEPT_SEASONS - 1).max(1)..=board.leaderboard.version
            {
                differences.extend(self.order(shard, stored, board, version).await?);
            }
        }
        Ok(differences)
    }

    /// The first place where the order of a season in Redis is not that of the store's records.
    async fn order(
        &self,
        shard: u16,
        stored: &StoredShard,
        board: &StoredBoard,
        version: u32,
    ) -> Result<Option<Difference>, ToolError> {
        let season = Season { leaderboard: board.id.clone(), version };
        let rules = &board.leaderboard.rules;
        let rows = stored.records.iter().filter(|(key, _)| key.season == season);
        let mut keys: Vec<OrderKey> = rows
            .filter_map(|(key, record)| {
                let standing = record.live.as_ref()?.standing(rules);
                Some(OrderKey { standing, player: key.player.clone() })
            })
            .collect();
        keys.sort_unstable();
        let differs =
            |what: String| Ok(Some(of_board(shard, &board.id, format!("version {version}: {what}"))));
        let mut at = 0;
        loop {
            let query = Query::FromRank { rank: at as u64 + 1, limit: CHUNK };
            let page = match self.ranks.page(&board.id, Some(version), &query).await {
                Ok(page) => page,
                Err(ReadError::NoBoard) => return differs("Redis does not have this leaderboard".to_owned()),
                Err(ReadError::NoSeason(_)) if keys.is_empty() => return Ok(None),
                Err(ReadError::NoSeason(_)) => return differs("Redis does not have this season".to_owned()),
                Err(error) => return Err(error.into()),
            };
            if page.board.leaderboard != board.leaderboard {
                return differs("Redis has the leaderboard otherwise than the store".to_owned());
            }
            for (placed, _) in &page.rows {
                match keys.get(at) {
                    Some(key) if key.player == placed.player && key.standing == placed.standing => at += 1,
                    expected => {
                        let by_store = expected.map_or("nobody", |key| key.player.as_str());
                        return differs(format!(
                            "rank {} is {}, by the records in the store it is {by_store}",
                            placed.rank, placed.player
                        ));
                    }
                }
            }
            if page.rows.is_empty() || page.rows.len() < CHUNK {
                let missing = keys.get(at).map(|key| key.player.clone());
                return match missing {
                    None => Ok(None),
                    Some(player) => differs(format!("Redis ranks {at} of {}, {player} not", keys.len())),
                };
            }
        }
    }
}

fn same(before: &Seen, after: &Seen) -> bool {
    let of = |seen: &Seen| (seen.look.epoch, seen.look.sequence, seen.look.log.clone(), seen.bounds.end);
    of(before) == of(after) && before.state == after.state
}

fn shown(offset: Option<u64>) -> String {
    offset.map_or_else(|| "none".to_owned(), |offset| offset.to_string())
}

fn applied(look: &Look) -> String {
    shown(look.log.as_ref().and_then(|log| log.applied))
}

/// What of the log there is.
fn spoken(bounds: Bounds, last: Option<u64>) -> String {
    match (bounds.first, last) {
        (_, None) => "the log is empty".to_owned(),
        (0, Some(last)) => format!("the log from its beginning to offset {last}"),
        (first, Some(last)) => {
            format!("the log from offset {first} to {last}, what came before was cut off")
        }
    }
}
