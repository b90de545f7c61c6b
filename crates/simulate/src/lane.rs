//! A lane: players whose updates go out together, on a schedule that never waits for the server.
//!
//! An update is due at a fixed time, whenever the one before it was answered; a late one is sent as soon as its
//! lane is free and its latency counts from when it was due, so that a slow server cannot make itself look fast.
//! One update of a player is under way at a time, since only so the last one of a `SET` is known.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Update};
use crate::client::{Client, Trouble};
use crate::game::{Player, Random};
use crate::ledger::Ledger;
use crate::stats::Stats;

/// What all lanes share.
pub(crate) struct Course {
    pub(crate) client: Client,
    pub(crate) leaderboard: String,
    pub(crate) interval: Duration,
    pub(crate) start: Instant,
    /// Nothing that is due from here on is sent.
    pub(crate) end: Option<Instant>,
    /// Cancelled: nothing new is sent.
    pub(crate) stop: CancellationToken,
    /// Cancelled: nothing is tried again either.
    pub(crate) give_up: CancellationToken,
    pub(crate) stats: Stats,
}

/// Players whose updates share requests.
pub(crate) struct Lane {
    pub(crate) players: Vec<Player>,
    pub(crate) ledger: Ledger,
    pub(crate) random: Random,
    /// How long after the start its first round is due.
    pub(crate) phase: Duration,
}

impl Lane {
    /// Plays until the end or the stop, then returns what happened.
    pub(crate) async fn play(mut self, course: Arc<Course>) -> Ledger {
        let mut round: u64 = 0;
        loop {
            let due = self.due(&course, round);
            if course.end.is_some_and(|end| due >= end) {
                break;
            }
            tokio::select! {
                biased;
                () = course.stop.cancelled() => break,
                () = sleep_until(due) => {}
            }
            self.round(&course, due).await;
            round += 1;
        }
        let ended = course.end.map_or_else(Instant::now, |end| end.min(Instant::now()));
        let mut missed = 0;
        while self.due(&course, round + missed) < ended {
            missed += 1;
        }
        course.stats.behind(missed * self.players.len() as u64);
        self.ledger
    }

    fn due(&self, course: &Course, round: u64) -> Instant {
        let interval = u64::try_from(course.interval.as_nanos()).unwrap_or(u64::MAX);
        course.start + self.phase + Duration::from_nanos(interval.saturating_mul(round))
    }

    /// One update of each player, sent until every one is settled or given up.
    async fn round(&mut self, course: &Course, due: Instant) {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut open = Vec::with_capacity(self.players.len());
        for player in &mut self.players {
            let scores = player.next();
            self.ledger.invoke(&player.name, scores);
            let id = player.id(clock);
            open.push(Update { player: player.name.clone(), scores, id, perhaps_applied: false });
        }
        course.stats.sent(open.len());
        let mut tries = 0;
        while !open.is_empty() {
            let answers = tokio::select! {
                biased;
                answers = api::submit(&course.client, &course.leaderboard, &open, tries > 0) => answers,
                () = course.give_up.cancelled() => {
                    vec![Err(Trouble::Ambiguous("given up".to_owned())); open.len()]
                }
            };
            let mut trouble = String::new();
            let mut again = Vec::new();
            for (update, answer) in open.into_iter().zip(answers) {
                if let Some((update, why)) = self.settle(course, update, answer, due) {
                    again.push(update);
                    trouble = why;
                }
            }
            open = again;
            if open.is_empty() {
                return;
            }
            course.stats.troubled(open.len(), trouble);
            let pause = self.pause(tries);
            tries += 1;
            let goes_on = tokio::select! {
                biased;
                () = course.give_up.cancelled() => false,
                () = sleep(pause) => true,
            };
            course.stats.tried_again(open.len(), goes_on);
            if !goes_on {
                self.give_up(course, open);
                return;
            }
        }
    }

    /// Files the answer; gives the update back, and why, if it has to be tried again.
    fn settle(
        &mut self,
        course: &Course,
        mut update: Update,
        answer: Result<api::Acked, Trouble>,
        due: Instant,
    ) -> Option<(Update, String)> {
        match answer {
            Ok(acked) => {
                self.ledger.acked(&update.player);
                course.stats.acked(&acked.level, acked.duplicate, due.elapsed());
                None
            }
            Err(Trouble::NotApplied(why)) => Some((update, why)),
            Err(Trouble::Ambiguous(why)) => {
                update.perhaps_applied = true;
                Some((update, why))
            }
            // EXPIRED says itself that it may have been applied. After a try that may have been, only the law's
            // own refusal excludes it, since the law would have known the id.
            Err(Trouble::Refused(code, _))
                if code == "EXPIRED" || (update.perhaps_applied && code != "OUT_OF_RANGE") =>
            {
                self.ledger.unknown(&update.player);
                course.stats.gave_up(true);
                None
            }
            Err(Trouble::Refused(code, message)) => {
                self.ledger.refused(&update.player);
                course.stats.refused(code, message);
                None
            }
        }
    }

    fn give_up(&mut self, course: &Course, open: Vec<Update>) {
        for update in open {
            if update.perhaps_applied {
                self.ledger.unknown(&update.player);
            } else {
                // Every try was answered with "not applied", so finding it later would be a fault.
                self.ledger.refused(&update.player);
            }
            course.stats.gave_up(update.perhaps_applied);
        }
    }

    /// 50 ms, doubled with each try up to 1.6 s, and between half of it and all of it by chance.
    fn pause(&mut self, tries: u32) -> Duration {
        let most = 50_000 << tries.min(5);
        Duration::from_micros((most / 2 + self.random.below(most / 2)).unsigned_abs())
    }
}
