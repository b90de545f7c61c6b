//! What came of a run: as values, as JSON for programs, and as an exit code. `summary` has it for people.

use std::collections::BTreeMap;
use std::time::Duration;

use hiscore_config::SimulateSettings;
use hiscore_score::Operator;
use serde_json::{Value, json};

use crate::api::operator_name;
use crate::ledger::{Difference, Kind};
use crate::stats::Counts;

/// Differences that are listed for programs.
const LISTED: usize = 100;

/// Whether the final records were what they must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// They were read and compared.
    Done {
        /// Players that were looked at.
        players: usize,
        /// Those whose record does not fit.
        differences: Vec<Difference>,
    },
    /// There is nothing to compare, and nobody's fault.
    Skipped(String),
    /// They could not be read, so nothing is known.
    Failed(String),
}

/// The summary of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where it was played.
    pub url: String,
    /// On which board.
    pub leaderboard: String,
    /// With this operator, which is the board's.
    pub operator: Operator,
    /// By so many.
    pub players: usize,
    /// With this seed.
    pub seed: u64,
    /// From the first update that was due to the last answer.
    pub elapsed: Duration,
    /// Updates that were sent.
    pub sent: u64,
    /// Acknowledged ones, by the level they reached.
    pub acked: BTreeMap<String, u64>,
    /// Refused ones by code, with the first message.
    pub refused: BTreeMap<String, (u64, String)>,
    /// Given up, and perhaps applied.
    pub unknown: u64,
    /// Given up, and surely not applied.
    pub not_applied: u64,
    /// Due, and never sent.
    pub behind: u64,
    /// Sent again, counted each time.
    pub retries: u64,
    /// Retries that had been applied before.
    pub duplicates: u64,
    /// From when an update was due to its acknowledgement: the 50th, 95th and 99th percentile, and the longest.
    pub latency: [Duration; 4],
    /// The read-back.
    pub check: Check,
    pub(crate) exclusive: bool,
}

impl Report {
    pub(crate) fn new(
        settings: &SimulateSettings,
        operator: Operator,
        seed: u64,
        elapsed: Duration,
        counts: Counts,
        check: Check,
    ) -> Self {
        let at = |quantile| Duration::from_micros(counts.latency.value_at_quantile(quantile));
        Self {
            url: settings.url.clone(),
            leaderboard: settings.leaderboard.clone(),
            operator,
            players: settings.players,
            seed,
            elapsed,
            sent: counts.sent,
            latency: [at(0.5), at(0.95), at(0.99), Duration::from_micros(counts.latency.max())],
            acked: counts.acked,
            refused: counts.refused,
            unknown: counts.unknown,
            not_applied: counts.not_applied,
            behind: counts.behind,
            retries: counts.retries,
            duplicates: counts.duplicates,
            check,
            exclusive: settings.exclusive,
        }
    }

    /// All acknowledged updates.
    pub fn acknowledged(&self) -> u64 {
        self.acked.values().sum()
    }

    /// Whether something acknowledged is missing, or something is there that cannot be. What others may have
    /// written counts only when nobody else was said to write.
    pub fn has_loss(&self) -> bool {
        self.differences().iter().any(|difference| match difference.kind {
            Kind::Lost | Kind::NeverSubmitted => true,
            Kind::MoreThanSent => self.exclusive,
            Kind::Undecided => false,
        })
    }

    /// 1 when something is missing, or when that could not be found out; otherwise 0.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.has_loss() || matches!(self.check, Check::Failed(_)))
    }

    fn differences(&self) -> &[Difference] {
        match &self.check {
            Check::Done { differences, .. } => differences,
            Check::Skipped(_) | Check::Failed(_) => &[],
        }
    }

    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.acknowledged() as f64 / seconds } else { 0.0 }
    }

    /// One JSON object on one line.
    pub fn json(&self) -> String {
        let ms = |latency: Duration| latency.as_micros() as f64 / 1000.0;
        let [p50, p95, p99, max] = self.latency.map(ms);
        let refused: BTreeMap<&String, u64> =
            self.refused.iter().map(|(code, (count, _))| (code, *count)).collect();
        let (state, why) = match &self.check {
            Check::Done { .. } if self.has_loss() => ("LOSS", None),
            Check::Done { .. } => ("PASSED", None),
            Check::Skipped(why) => ("SKIPPED", Some(why)),
            Check::Failed(why) => ("FAILED", Some(why)),
        };
        let differences: Vec<Value> =
            self.differences().iter().take(LISTED).map(|difference| json!(difference)).collect();
        let report = json!({
            "url": self.url,
            "leaderboard": self.leaderboard,
            "operator": operator_name(self.operator),
            "players": self.players,
            "seed": self.seed,
            "seconds": self.elapsed.as_secs_f64(),
            "sent": self.sent,
            "acknowledged": self.acknowledged(),
            "acks": self.acked,
            "perSecond": self.rate(),
            "latencyMs": { "p50": p50, "p95": p95, "p99": p99, "max": max },
            "refused": refused,
            "unknown": self.unknown,
            "notApplied": self.not_applied,
            "behind": self.behind,
            "retries": self.retries,
            "duplicates": self.duplicates,
            "check": {
                "state": state,
                "why": why,
                "differenceCount": self.differences().len(),
                "differences": differences,
            },
        });
        format!("{report}\n")
    }
}
