//! How fast the store is written: few bulks at once, and none too early after a failure.
//!
//! A slow store gets fewer and larger bulks by itself, since what changes meanwhile coalesces; so a pause after a round is
//! as long as its bulks took. But none counts for more than a pause after a failure: a bulk that waited for a store to come
//! back says nothing about how fast that is, and what was held up is to be made up for at once. And the pause after many
//! bulks has a bound. A store that fails is tried again after a pause that doubles, with jitter, by one shard at a time and
//! with half as many records each time: a bulk that takes longer than an operation may must not be all that is ever tried.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::outside::Outside;

/// Bulks at once. Each holds its records several times over while it is made and sent.
const AT_ONCE: usize = 2;
/// A bulk is halved so often at most.
const MOST_HALVINGS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// The longest rest after a round, however many bulks it had: what waits is behind by the round and the rest together.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// How long a store is left alone after a round that was worth `rest` before it had one more bulk.
pub fn rest_with(rest: Duration, bulk: Duration) -> Duration {
    (rest + bulk.min(LONGEST_BACKOFF)).min(LONGEST_REST)
}

/// The pace of one process.
#[derive(Debug)]
pub struct Pace {
    permits: Semaphore,
    /// Held beside a permit while the store fails.
    alone: Semaphore,
    state: Mutex<State>,
    outside: Outside,
}

/// Leave to write a bulk; dropped when that is done.
#[derive(Debug)]
pub struct Turn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _alone: Option<SemaphorePermit<'a>>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the last bulk failed, if it did.
    failing: Option<String>,
    backoff: Duration,
    halvings: u32,
    not_before: Option<Instant>,
}

impl Pace {
    /// Nothing has failed yet.
    pub fn new(outside: Outside) -> Self {
        let (permits, alone) = (Semaphore::new(AT_ONCE), Semaphore::new(1));
        Self { permits, alone, state: Mutex::default(), outside }
    }

    /// Waits until a bulk may be written.
    pub async fn turn(&self) -> Turn<'_> {
        // Neither is ever closed.
        let permit = self.permits.acquire().await.ok();
        let alone = if self.failing().is_some() { self.alone.acquire().await.ok() } else { None };
        loop {
            let not_before = self.state.lock().not_before;
            match not_before {
                Some(at) if at > Instant::now() => tokio::time::sleep_until(at).await,
                _ => break,
            }
        }
        Turn { _permit: permit, _alone: alone.filter(|_| self.failing().is_some()) }
    }

    /// How much of `most` a bulk may be now.
    pub fn portion(&self, most: usize) -> usize {
        (most >> self.state.lock().halvings).max(1)
    }

    /// The store answered.
    pub fn succeeded(&self) {
        let mut state = self.state.lock();
        if state.failing.take().is_some() {
            tracing::info!("the store answers again");
        }
        state.backoff = Duration::ZERO;
        state.halvings = state.halvings.saturating_sub(1);
        state.not_before = None;
    }

    /// It did not.
    pub fn failed(&self, why: &str) {
        let mut state = self.state.lock();
        if state.failing.is_none() {
            tracing::warn!(why, "the store fails; what changes meanwhile coalesces in Redis");
        }
        state.failing = Some(why.to_owned());
        state.halvings = (state.halvings + 1).min(MOST_HALVINGS);
        state.backoff = (state.backoff * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        state.not_before = Some(Instant::now() + self.outside.jittered(state.backoff));
    }

    /// Why the last bulk failed, if it did.
    pub fn failing(&self) -> Option<String> {
        self.state.lock().failing.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_that_waited_for_the_store_is_not_waited_for_again() {
        let quick = Duration::from_millis(300);
        assert_eq!(rest_with(Duration::ZERO, quick), quick);
        assert_eq!(rest_with(Duration::ZERO, Duration::from_secs(60)), LONGEST_BACKOFF);
    }

    #[test]
    fn a_round_of_many_bulks_is_not_rested_from_for_as_long() {
        let rest =
            |bulks: usize| vec![Duration::from_secs(1); bulks].into_iter().fold(Duration::ZERO, rest_with);
        assert_eq!(rest(150), LONGEST_REST);
        assert_eq!(rest(5), LONGEST_REST / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_tried_by_one_and_one_that_answers_at_once_by_all() {
        let pace = Pace::new(Outside::default());
        pace.failed("it is away");
        pace.failed("it is away");
        assert_eq!(pace.portion(1_000), 250);
        let began = Instant::now();
        let first = pace.turn().await;
        assert!(began.elapsed() > Duration::ZERO, "not at once");
        let second = tokio::time::timeout(LONGEST_BACKOFF * 2, pace.turn()).await;
        assert!(second.is_err(), "one at a time while it fails");
        pace.succeeded();
        drop(first);
        let now = Instant::now();
        let both = (pace.turn().await, pace.turn().await);
        assert_eq!(now.elapsed(), Duration::ZERO);
        drop(both);
        assert_eq!(pace.portion(1_000), 500);
    }
}
