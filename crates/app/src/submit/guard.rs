//! What keeps `ingest` from appending what could be lost: to a shard of which too much waits to be stored already, where the broker
//! would let the oldest go; and to a log that was renewed meanwhile, which nobody applies any more.
//!
//! Looked at once a second, for the shards that were appended to; what is appended between two looks is counted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hiscore_api::service::Trouble;
use hiscore_log::{Log, Retention};
use hiscore_rank::redis::{LogLook, Look, RedisRanks};
use hiscore_store::Store;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::log_link::LogLink;
use crate::log_room::{most, of_entry, span};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long the first look is waited for.
const FIRST: Duration = Duration::from_secs(5);

/// What is known of one shard.
#[derive(Debug, Default)]
struct Shard {
    /// Bytes that were let through, in all.
    taken: AtomicU64,
    /// Bytes of which it is known what became of them, in all.
    ended: AtomicU64,
    seen: Mutex<Seen>,
}

/// As it was at the last look.
#[derive(Debug, Default)]
struct Seen {
    /// Bytes of the log that were not in the store.
    waiting: u64,
    /// `ended` right before: all that was not yet in it may not have been in the log.
    ended: u64,
    /// `taken` then: if it is the same, nothing came.
    taken: u64,
    /// Where Redis was in the log.
    place: Option<LogLook>,
    is_known: bool,
}

/// Asked before every append.
#[derive(Debug)]
pub struct Guard {
    ranks: Arc<RedisRanks>,
    link: Arc<LogLink>,
    shards: Vec<Shard>,
    /// Whether all shards were looked at.
    looked: watch::Sender<bool>,
    /// The generation that the shards are behind, if that is not ours any more.
    renewed: Mutex<Option<String>>,
}

/// Leave to append; what it is for has ended when it is dropped.
#[derive(Debug)]
pub struct Leave<'a> {
    ended: &'a AtomicU64,
    bytes: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.ended.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

impl Guard {
    /// Nothing was looked at yet.
    pub fn new(ranks: Arc<RedisRanks>, link: Arc<LogLink>, shards: u16) -> Self {
        let shards = (0..shards).map(|_| Shard::default()).collect();
        Self { ranks, link, shards, looked: watch::Sender::new(false), renewed: Mutex::default() }
    }

    /// Leave to append an entry of so many bytes. Waits for nothing once all shards were looked at.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`], with the numbers.
    pub async fn leave(&self, log: &dyn Log, shard: u16, bytes: usize) -> Result<Leave<'_>, Trouble> {
        if let Some(name) = &*self.renewed.lock() {
            return Err(Trouble::Unavailable(format!(
                "the log was renewed, the ranks are behind {name}: this process must be restarted"
            )));
        }
        let unknown = || Trouble::Unavailable(format!("shard {shard} is not known yet; try again"));
        let of = self.shards.get(usize::from(shard)).ok_or_else(unknown)?;
        let bytes = of_entry(bytes);
        let before = of.taken.fetch_add(bytes, Ordering::AcqRel);
        let leave = Leave { ended: &of.ended, bytes };
        let Some(most) = most(log.retention()) else { return Ok(leave) };
        if !*self.looked.borrow() {
            let mut looked = self.looked.subscribe();
            let known = tokio::time::timeout(FIRST, looked.wait_for(|looked| *looked)).await;
            if !matches!(known, Ok(Ok(_))) {
                return Err(unknown());
            }
        }
        let waiting = {
            let seen = of.seen.lock();
            seen.waiting.saturating_add(before.saturating_sub(seen.ended))
        };
        if waiting.saturating_add(bytes) <= most {
            return Ok(leave);
        }
        let Retention::Bytes { shard: limit, .. } = log.retention() else { return Ok(leave) };
        Err(Trouble::Unavailable(format!(
            "shard {shard}: about {waiting} bytes of the log are not in the store yet, of {most} that may be (--log-shard-bytes \
             {limit}, less two segments): the store is behind; try again later"
        )))
    }

    /// Looks, until shutdown. Run by one task.
    pub async fn run(self: Arc<Self>, store: Arc<dyn Store>, shutdown: CancellationToken) {
        loop {
            if let Some(log) = self.link.log() {
                let known = self.look(log.as_ref(), store.as_ref()).await;
                self.looked.send_if_modified(|looked| known && !std::mem::replace(looked, true));
            }
            let pause = if *self.looked.borrow() { LOOK } else { LOOK / 10 };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at the shards that were appended to, or are refused. Whether all are known.
    async fn look(&self, log: &dyn Log, store: &dyn Store) -> bool {
        let most = most(log.retention());
        let is_due = |of: &Shard| {
            let seen = of.seen.lock();
            !seen.is_known
                || seen.taken != of.taken.load(Ordering::Acquire)
                || most.is_some_and(|most| seen.waiting > most / 2)
        };
        let due = self.shards.iter().zip(0u16..).filter(|(of, _)| is_due(of));
        let due: Vec<u16> = due.map(|(_, shard)| shard).collect();
        if due.is_empty() {
            return true;
        }
        let name = self.link.name().unwrap_or_default();
        let looks = self.ranks.look(&due).await;
        let mut all = true;
        for (shard, look) in due.into_iter().zip(looks) {
            let look = look.ok();
            self.note_renewal(&name, look.as_ref());
            let place = look.and_then(|look| look.log).filter(|log| log.name == name);
            all &= self.look_at(log, store, shard, place, most.is_some()).await;
        }
        all
    }

    async fn look_at(
        &self,
        log: &dyn Log,
        store: &dyn Store,
        shard: u16,
        place: Option<LogLook>,
        is_limited: bool,
    ) -> bool {
        let Some(of) = self.shards.get(usize::from(shard)) else { return false };
        let (ended, taken) = (of.ended.load(Ordering::Acquire), of.taken.load(Ordering::Acquire));
        let mut waiting = 0;
        let mut place = place.or_else(|| of.seen.lock().place.clone());
        if is_limited {
            let Ok(bounds) = log.bounds(shard).await else { return of.seen.lock().is_known };
            if place.is_none() {
                // Redis is away, or is being reconciled: the store knows from where on all is in the log alone.
                let Ok(state) = store.shard(shard).await else { return false };
                let offset = state.log.and_then(|place| place.offset);
                let persisted = offset.map(|offset| (offset, 0));
                let (name, era) = (String::new(), 0);
                place = Some(LogLook { name, era, applied: offset, bytes: 0, persisted, warming: true });
            }
            waiting = place.as_ref().map_or(0, |place| span(place, bounds).bytes);
        }
        *of.seen.lock() = Seen { waiting, ended, taken, place, is_known: true };
        true
    }

    /// Generations only grow, so a shard that is behind a later one is never applied from ours again.
    fn note_renewal(&self, ours: &str, look: Option<&Look>) {
        let generation = |name: &str| name.split(':').next().and_then(|text| text.parse::<u32>().ok());
        let Some(there) = look.and_then(|look| look.log.as_ref()) else { return };
        if generation(&there.name) > generation(ours) {
            let mut renewed = self.renewed.lock();
            if renewed.is_none() {
                tracing::error!(ours, there = there.name, "the log was renewed: restart this process");
            }
            *renewed = Some(there.name.clone());
        }
    }
}
