//! A shard behind a log, with a store of its own: what persisters and appliers do to it, step by step.

use std::collections::BTreeMap;

use hiscore_faults::servers::Redis;
use hiscore_rank::redis::{
    Batch, BoardState, CallError, Confirmed, Install, LoggedEntry, OpenLog, Opening, Options,
};
use hiscore_score::{LeaderboardId, Position, Record, RecordKey, Stamp};

use super::support::{LONG, ME, Tier};

/// What Redis calls the log.
pub(crate) const LOG: &str = "1:1e57";
/// Of all positions that come from it.
const ERA: u32 = 1;
/// The keys of a shard that are neither its meta nor verdicts that somebody waits for, in one line.
const KEYS_LEFT: &str = "local left = {} for _, k in ipairs(redis.call('KEYS', ARGV[1])) do \
    if not string.find(k, ':m$') and not string.find(k, ':v:') then left[#left + 1] = k end end \
    return table.concat(left, ' ')";

/// How far what was claimed came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carried {
    Nowhere,
    /// The records are in the store, and its watermark is as before.
    Written,
    /// Redis was not told.
    Advanced,
    Cleared,
}

/// What the store has.
#[derive(Debug, Default, Clone)]
pub(crate) struct Stored {
    pub(crate) rows: BTreeMap<RecordKey, Record>,
    pub(crate) boards: BTreeMap<LeaderboardId, BoardState>,
    watermark: u64,
    bulk: u64,
    place: (Option<u64>, Stamp),
    epoch: u32,
}

/// The shard, its log and its store.
pub(crate) struct Subject<'a> {
    pub(crate) tier: Tier,
    pub(crate) store: Stored,
    redis: &'a Redis,
    prefix: String,
    log: &'a [LoggedEntry],
    saved: bool,
    copy: Option<Stored>,
}

/// A batch of our log.
pub(crate) fn judged(applied: Option<u64>, entries: &[LoggedEntry]) -> Batch<'_> {
    Batch { log: LOG, applied, end_in: None, entries }
}

impl<'a> Subject<'a> {
    /// A shard that has just joined the log.
    pub(crate) fn start(redis: &'a Redis, options: Options, log: &'a [LoggedEntry]) -> Self {
        let (prefix, tier) = (options.prefix.clone(), Tier::closed(options));
        let mut subject =
            Self { tier, store: Stored::default(), redis, prefix, log, saved: false, copy: None };
        subject.tier.patiently(|| subject.tier.ranks.survey(0, ME, LONG));
        subject.reconcile();
        subject
    }

    /// Applies entries by somebody who believes that `again` fewer are applied than are.
    pub(crate) fn apply(&mut self, entries: usize, again: usize) {
        let Tier { ranks, .. } = &self.tier;
        let there = self.tier.look().log.unwrap().applied;
        let at = self.log.partition_point(|entry| Some(entry.offset) <= there);
        if let Some(next) = self.log.get(at) {
            // Whoever believes that more is applied is told.
            let error = self.tier.wait(ranks.apply(0, judged(Some(next.offset), &[]))).unwrap_err();
            assert!(matches!(error, CallError::Behind { applied, .. } if applied == there), "{error:?}");
        }
        let from = at.saturating_sub(again);
        let upto = at.saturating_add(entries).min(self.log.len());
        let before = from.checked_sub(1).map(|last| self.log[last].offset);
        let batch = &self.log[from..upto.max(from)];
        // By somebody who looked for the end before the shard was opened as it is now.
        let batch = Batch { end_in: Some(self.store.epoch - 1), ..judged(before, batch) };
        let done = self.tier.wait(ranks.apply(0, batch)).unwrap();
        let last = self.log[..upto].last().map(|last| last.offset);
        assert_eq!(done.offset, last.max(there));
        assert!(self.tier.look().log.unwrap().warming, "somebody else's end of the log was taken for ours");
    }

    /// Applies everything that is left.
    pub(crate) fn finish(&mut self) {
        self.apply(usize::MAX, 1);
        let last = self.log.last().map(|last| last.offset);
        let end = Batch { end_in: Some(self.store.epoch), ..judged(last, &[]) };
        self.tier.wait(self.tier.ranks.apply(0, end)).unwrap();
        assert!(!self.tier.look().log.unwrap().warming);
    }

    /// Claims, and carries that as far as it is said. Whether anything was claimed.
    pub(crate) fn claim(&mut self, most: usize, carried: Carried) -> bool {
        let ranks = &self.tier.ranks;
        let Some(claim) = self.tier.wait(ranks.claim(0, ME, LONG, most, 1 << 20)).unwrap() else {
            return false;
        };
        let store = &mut self.store;
        if carried >= Carried::Written {
            for (_, _, board) in &claim.boards {
                let there = store.boards.get(&board.id);
                if there.is_none_or(|there| there.position < board.position) {
                    store.boards.insert(board.id.clone(), board.clone());
                }
            }
            for (_, key, record) in &claim.rows {
                let there = store.rows.get(key);
                if there.is_none_or(|there| there.position < record.position) {
                    store.rows.insert(key.clone(), record.clone());
                }
            }
        }
        if carried >= Carried::Advanced {
            store.watermark = store.watermark.max(claim.watermark);
            store.bulk = claim.number;
            if let Some((offset, stamp)) = claim.place {
                store.place = store.place.max((Some(offset), stamp));
            }
        }
        if carried >= Carried::Cleared {
            let rows: Vec<_> = claim.rows.iter().map(|(first, key, _)| (*first, key.clone())).collect();
            let boards: Vec<_> = claim.boards.iter().map(|(first, mark, _)| (*first, mark.clone())).collect();
            let watermark = claim.watermark;
            let confirmed = Confirmed { claim: claim.number, rows: &rows, boards: &boards, watermark };
            self.tier.wait(ranks.clear(0, ME, claim.epoch, confirmed)).unwrap();
        }
        claim.more || carried != Carried::Cleared
    }

    /// Makes a copy of all of the shard.
    pub(crate) fn save(&mut self) {
        self.each("redis.call('DEL', k)", "saved:");
        self.each("redis.call('COPY', k, 'saved:' .. k)", "");
        self.saved = true;
    }

    /// Puts the last copy in its place, as a failover to a replica that lacks the tail does.
    pub(crate) fn go_back(&mut self) {
        if self.saved {
            self.each("redis.call('DEL', k)", "");
            self.each("redis.call('COPY', k, string.sub(k, 7))", "saved:");
            self.reconcile();
            self.mend(false);
        }
    }

    /// Takes everything away.
    pub(crate) fn empty(&mut self) {
        self.each("redis.call('DEL', k)", "");
        self.reconcile();
    }

    /// Makes a copy of the store.
    pub(crate) fn copy(&mut self) {
        self.copy = Some(self.store.clone());
    }

    /// Puts the store's last copy in its place, and does what a persister then does.
    pub(crate) fn restore(&mut self) {
        let Some(copy) = self.copy.clone() else { return };
        let is_older = copy.epoch < self.store.epoch;
        // The persister lifts the epoch again.
        self.store = Stored { epoch: self.store.epoch, ..copy };
        self.mend(is_older);
    }

    /// Gives the store what it lacks, if it went back: it is of an older epoch, or Redis knows of more.
    fn mend(&mut self, is_older: bool) {
        let look = self.tier.look();
        if !is_older && look.persisted <= self.store.watermark && look.stored <= self.store.bulk {
            return;
        }
        if look.pruned > self.store.watermark {
            return self.forget();
        }
        let mut cursor = None;
        loop {
            let marked = self.tier.ranks.mark_above(0, ME, self.store.watermark, self.store.bulk, cursor);
            cursor = self.tier.wait(marked).unwrap();
            if cursor.is_none() {
                break;
            }
        }
    }

    /// As a persister does whose store lacks what left Redis.
    pub(crate) fn forget(&mut self) {
        let ranks = &self.tier.ranks;
        let survey = self.tier.wait(ranks.survey(0, ME, LONG)).unwrap();
        self.tier.wait(ranks.forget(0, ME, &survey.replication)).unwrap();
        // Nothing but who looks after it, who waits for it, and numbers that only grow.
        let pattern = format!("{{{}:0}}:*", self.prefix);
        let keys = self.redis.command(&["EVAL", KEYS_LEFT, "0", &pattern]);
        assert_eq!(keys, "", "these are left");
        let look = self.tier.look();
        let rest = (look.open, look.sequence, look.persisted, look.stored, look.pruned, look.log);
        assert_eq!(rest, (false, 0, 0, 0, 0, None));
        assert_eq!((look.epoch, look.holder.as_deref()), (survey.look.epoch, Some(ME)));
        self.reconcile();
    }

    fn each(&self, what: &str, before: &str) {
        let script = format!("for _, k in ipairs(redis.call('KEYS', ARGV[1])) do {what} end return 'OK'");
        let pattern = format!("{before}{{{}:0}}:*", self.prefix);
        assert_eq!(self.redis.command(&["EVAL", &script, "0", &pattern]), "OK");
    }

    /// What a persister does before a Redis is served from that was not served from before.
    fn reconcile(&mut self) {
        let ranks = &self.tier.ranks;
        let survey = self.tier.wait(ranks.survey(0, ME, LONG)).unwrap();
        let here = &survey.look;
        self.store.epoch += 1;
        let joins = self.store.epoch == 1;
        let there = here.log.as_ref().filter(|log| log.name == LOG && log.era == ERA);
        let loads = there.is_none_or(|log| log.applied < self.store.place.0);
        if loads {
            self.load(&survey.replication, here.sequence);
        }
        let opening = Opening {
            replication: survey.replication.clone(),
            epoch: self.store.epoch,
            stamp: self.store.place.1,
            persisted: self.store.watermark,
            stored: self.store.bulk,
            deployment: self.tier.deployment(),
            log: Some(OpenLog {
                name: LOG.to_owned(),
                era: ERA,
                from: (joins || loads).then_some(self.store.place),
            }),
        };
        self.tier.wait(ranks.open(0, ME, opening)).unwrap();
    }

    /// Puts in what the store has above what is here.
    fn load(&self, replication: &str, sequence: u64) {
        let ranks = &self.tier.ranks;
        let here = self.tier.wait(ranks.boards_raw(0, ME)).unwrap();
        let is_later = |board: &BoardState| {
            let there = here.iter().find(|there| there.id == board.id);
            there.is_none_or(|there| there.position < board.position)
        };
        self.tier.wait(ranks.loads(0, ME, replication, self.store.watermark, self.store.bulk)).unwrap();
        let boards = self.store.boards.values().filter(|board| is_later(board));
        let boards: Vec<_> = boards.map(|board| (board.clone(), false)).collect();
        self.tier.wait(ranks.install(0, ME, replication, &[], &boards)).unwrap();
        let above = Position::new(ERA, sequence + 1);
        let rows = self.store.rows.iter().filter(|(_, record)| record.position >= above);
        let (keys, records): (Vec<_>, Vec<_>) =
            rows.map(|(key, record)| (key.clone(), record.clone())).unzip();
        let here = self.tier.wait(ranks.peek(0, ME, &keys)).unwrap();
        let rows = keys.into_iter().zip(records).zip(here);
        let rows: Vec<_> = rows
            .filter(|((_, stored), here)| here.as_ref().is_none_or(|here| here.position < stored.position))
            .map(|((key, record), _)| Install { key, record, dirty: false })
            .collect();
        self.tier.wait(ranks.install(0, ME, replication, &rows, &[])).unwrap();
    }
}
