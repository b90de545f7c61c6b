//! How far a replay is: this process has Redis judge entries that have been in the log for a while.
//!
//! A few entries are always on their way. It is a replay when Redis was emptied and what it had is read for again, or
//! when a shard is far behind (nobody applied for some time). All shards of a process are told of as one, in the log when it
//! begins, every few seconds and when it ends, in metrics and in `/readyz?verbose`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hiscore_log::Bounds;
use parking_lot::Mutex;
use tokio::time::Instant;

/// A shard with more entries than this in front of it is far behind.
const FAR: u64 = 5_000;
/// Is not any more with at most so many. Less, or a process that can just keep up would begin and end all the time.
const NEAR: u64 = FAR / 10;
/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(5);

/// The replay of a process, if one is under way.
#[derive(Debug, Default)]
pub struct Replay(Mutex<Inner>);

/// Where a shard is. Everything is an offset of its log.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Is applied next.
    next: u64,
    /// The end of the log when it began. At least this must be reached.
    until: u64,
    /// The end of the log, when last looked.
    end: u64,
}

impl Place {
    fn left(self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    fn is_over(self) -> bool {
        self.next >= self.until && self.left() <= NEAR
    }
}

#[derive(Debug, Default)]
struct Inner {
    shards: BTreeMap<u16, Place>,
    began: Option<Instant>,
    told: Option<Instant>,
    replayed: u64,
    ever: u64,
    last: Option<(u64, Duration)>,
}

/// How a replay is doing. Offsets have gaps, so numbers of entries are upper bounds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report {
    /// Shards that are behind.
    pub shards: usize,
    /// Entries that were applied since it began.
    pub replayed: u64,
    /// Entries that are not applied yet; more come while it is under way.
    pub left: u64,
    /// Since it began.
    pub took: Duration,
    /// The shard that has most in front of it, what it applies next and the end of its log.
    pub furthest: Option<(u16, u64, u64)>,
    /// Entries of all replays since the process began.
    pub ever: u64,
    /// Of the last one that ended: its entries, and how long it took.
    pub last: Option<(u64, Duration)>,
}

impl Report {
    /// How much of it is done, from 0 to 100.
    fn percent(&self) -> u64 {
        self.replayed.saturating_mul(100) / (self.replayed + self.left).max(1)
    }

    /// Entries a second since it began.
    fn rate(&self) -> f64 {
        self.replayed as f64 / self.took.as_secs_f64().max(0.001)
    }

    /// Seconds until it ends, if it goes on like this; `None` before anything was applied.
    fn expected(&self) -> Option<u64> {
        (self.replayed > 0).then(|| (self.left as f64 / self.rate()).ceil() as u64)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((shard, next, end)) = self.furthest else {
            f.write_str("none is under way")?;
            return match self.last {
                Some((entries, took)) => {
                    write!(f, "; the last one: {entries} entries in {:.1} s", took.as_secs_f64())
                }
                None => Ok(()),
            };
        };
        let (replayed, all) = (self.replayed, self.replayed + self.left);
        write!(f, "{replayed} of {all} entries of {} shards ({} %), ", self.shards, self.percent())?;
        write!(f, "{:.0} a second, ", self.rate())?;
        match self.expected() {
            Some(seconds) => write!(f, "about {seconds} s left")?,
            None => f.write_str("nobody knows how long yet")?,
        }
        write!(f, "; shard {shard} is at {next} of {end}")
    }
}

impl Replay {
    /// Redis has applied everything up to an offset of a log that reaches from here to there; `warming`: it was emptied, and
    /// has not got back what it had.
    pub(super) fn look(&self, shard: u16, applied: Option<u64>, bounds: Bounds, warming: bool) {
        self.0.lock().look(shard, applied, bounds, warming, Instant::now());
    }

    /// Everything up to an offset is applied.
    pub(super) fn applied(&self, shard: u16, offset: Option<u64>) {
        self.0.lock().applied(shard, offset, Instant::now());
    }

    /// Nothing was applied; it is told how far it is all the same, if it is time.
    pub(super) fn waits(&self) {
        self.0.lock().tell(Instant::now());
    }

    /// The shard is another process's now.
    pub(super) fn leave(&self, shard: u16) {
        self.0.lock().leave(shard, Instant::now());
    }

    /// How it is doing.
    pub fn report(&self) -> Report {
        self.0.lock().report(Instant::now())
    }
}

impl Inner {
    fn look(&mut self, shard: u16, applied: Option<u64>, bounds: Bounds, warming: bool, now: Instant) {
        let next = applied.map_or(0, |applied| applied + 1).max(bounds.first);
        let left = bounds.end.saturating_sub(next);
        if let Some(place) = self.shards.get_mut(&shard) {
            (place.next, place.end) = (next, bounds.end);
            self.end(shard, now);
            return self.tell(now);
        }
        if left <= FAR && (left == 0 || !warming) {
            return;
        }
        self.shards.insert(shard, Place { next, until: bounds.end, end: bounds.end });
        if self.began.is_none() {
            (self.began, self.told, self.replayed) = (Some(now), Some(now), 0);
            tracing::info!(shard, position = next, end = bounds.end, left, "a replay of the log begins");
        }
    }

    fn applied(&mut self, shard: u16, offset: Option<u64>, now: Instant) {
        let Some(place) = self.shards.get_mut(&shard) else { return };
        let next = offset.map_or(0, |offset| offset + 1);
        let more = next.saturating_sub(place.next);
        (self.replayed, self.ever) = (self.replayed + more, self.ever + more);
        place.next = place.next.max(next);
        self.end(shard, now);
        self.tell(now);
    }

    /// The shard is where it was to come, or not.
    fn end(&mut self, shard: u16, now: Instant) {
        if self.shards.get(&shard).is_some_and(|place| place.is_over()) {
            self.leave(shard, now);
        }
    }

    fn leave(&mut self, shard: u16, now: Instant) {
        if self.shards.remove(&shard).is_none() || !self.shards.is_empty() {
            return;
        }
        let done = self.report(now);
        self.last = Some((done.replayed, done.took));
        (self.began, self.told) = (None, None);
        tracing::info!(
            replayed = done.replayed,
            seconds = done.took.as_secs_f64(),
            per_second = done.rate().round(),
            "the replay of the log is over in this process"
        );
    }

    fn tell(&mut self, now: Instant) {
        if self.told.is_none_or(|told| now.duration_since(told) < TELL) {
            return;
        }
        self.told = Some(now);
        let report = self.report(now);
        if let Some((shard, position, end)) = report.furthest {
            tracing::info!(
                shards = report.shards,
                replayed = report.replayed,
                left = report.left,
                percent = report.percent(),
                per_second = report.rate().round(),
                seconds_left = report.expected(),
                shard,
                position,
                end,
                "the log is being replayed"
            );
        }
    }

    fn report(&self, now: Instant) -> Report {
        let furthest = self.shards.iter().max_by_key(|(_, place)| place.left());
        Report {
            shards: self.shards.len(),
            replayed: self.replayed,
            left: self.shards.values().map(|place| place.left()).sum(),
            took: self.began.map(|began| now.duration_since(began)).unwrap_or_default(),
            furthest: furthest.map(|(shard, place)| (*shard, place.next, place.end)),
            ever: self.ever,
            last: self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bounds(first: u64, end: u64) -> Bounds {
        Bounds { first, end }
    }

    #[test]
    fn who_is_a_little_behind_replays_nothing() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        inner.look(0, Some(9), bounds(0, 10 + FAR), false, now);
        inner.look(1, Some(9), bounds(0, 10), true, now);
        inner.applied(0, Some(100), now);
        assert_eq!(inner.report(now), Report::default());
        assert_eq!(inner.report(now).to_string(), "none is under way");
    }

    #[test]
    fn it_says_how_far_it_is_and_how_long_it_will_take() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        inner.look(3, None, bounds(0, 6_000), false, now);
        inner.look(4, None, bounds(1_000, 3_000), true, now);
        let begun = inner.report(now);
        assert_eq!((begun.shards, begun.replayed, begun.left, begun.expected()), (2, 0, 8_000, None));

        inner.applied(3, Some(999), now + SECOND);
        inner.applied(4, Some(1_999), now + 2 * SECOND);
        let half = inner.report(now + 2 * SECOND);
        assert_eq!(
            half.to_string(),
            "2000 of 8000 entries of 2 shards (25 %), 1000 a second, about 6 s left; shard 3 is at 1000 of 6000"
        );

        inner.applied(4, Some(2_999), now + 3 * SECOND);
        assert_eq!(inner.report(now + 3 * SECOND).shards, 1);
        inner.applied(3, Some(5_999), now + 4 * SECOND);
        let over = inner.report(now + 5 * SECOND);
        assert_eq!((over.shards, over.left, over.ever), (0, 0, 8_000));
        assert_eq!(over.to_string(), "none is under way; the last one: 8000 entries in 4.0 s");
    }

    #[test]
    fn what_comes_meanwhile_belongs_to_it_until_it_is_live() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        inner.look(0, None, bounds(0, 10), true, now);
        inner.look(0, Some(4), bounds(0, 2 * FAR), true, now);
        inner.applied(0, Some(9), now);
        assert_eq!(inner.report(now).left, 2 * FAR - 10, "the first end is reached, and much is left");
        inner.applied(0, Some(2 * FAR - NEAR - 1), now);
        assert_eq!(inner.report(now).shards, 0);
    }

    #[test]
    fn a_redis_that_goes_back_again_is_where_it_is() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        inner.look(0, None, bounds(0, 100), true, now);
        inner.applied(0, Some(49), now);
        inner.look(0, None, bounds(0, 100), true, now);
        assert_eq!((inner.report(now).replayed, inner.report(now).left), (50, 100));
        inner.leave(0, now);
        assert_eq!((inner.report(now).left, inner.began), (0, None), "another process goes on with it");
    }

    #[test]
    fn it_is_told_every_few_seconds() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        inner.look(0, None, bounds(0, 100), true, now);
        inner.tell(now + SECOND);
        assert_eq!(inner.told, Some(now));
        inner.applied(0, Some(1), now + TELL);
        assert_eq!(inner.told, Some(now + TELL), "while something is applied");
        inner.tell(now + 2 * TELL);
        assert_eq!(inner.told, Some(now + 2 * TELL), "and while nothing is");
    }
}
