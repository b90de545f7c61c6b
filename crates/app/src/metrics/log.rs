//! What is counted of a log: appends by who takes submissions, entries by who applies them.

use std::sync::Arc;
use std::time::Duration;

use hiscore_log::LogError;
use hiscore_rank::redis::Applied;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::seconds;
use crate::apply::{ApplyTools, State};
use crate::log_link::LogLink;

/// What `ingest` counts.
#[derive(Debug, Clone)]
pub struct LogMetrics {
    appends: Histogram,
    appended: Counter,
    refused: Counter,
    ambiguous: Counter,
    held_back: Counter,
}

impl LogMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            appends: seconds(),
            appended: Counter::default(),
            refused: Counter::default(),
            ambiguous: Counter::default(),
            held_back: Counter::default(),
        };
        registry.register_with_unit(
            "hiscore_log_append",
            "One append to the log, until a quorum has it",
            Unit::Seconds,
            metrics.appends.clone(),
        );
        registry.register("hiscore_log_appended", "Works appended to the log", metrics.appended.clone());
        registry.register("hiscore_log_refused", "Works that the log did not take", metrics.refused.clone());
        registry.register(
            "hiscore_log_ambiguous",
            "Works of which nobody knows whether the log has them",
            metrics.ambiguous.clone(),
        );
        registry.register(
            "hiscore_log_held_back",
            "Works that were refused since too much of the log is not in the store yet, or since it was renewed",
            metrics.held_back.clone(),
        );
        metrics
    }

    /// So many were refused before they were appended.
    pub fn held_back(&self, works: usize) {
        self.held_back.inc_by(works as u64);
    }

    /// An append of `works` came back.
    pub fn appended(&self, works: usize, took: Duration, error: Option<&LogError>) {
        self.appends.observe(took.as_secs_f64());
        let counter = match error {
            None => &self.appended,
            Some(LogError::Ambiguous(_)) => &self.ambiguous,
            Some(_) => &self.refused,
        };
        counter.inc_by(works as u64);
    }
}

/// What `apply` counts.
#[derive(Debug, Clone)]
pub struct ApplyMetrics {
    batches: Histogram,
    entries: Counter,
    applied: Counter,
    refused: Counter,
    seen: Counter,
    rewinds: Counter,
}

impl ApplyMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            batches: seconds(),
            entries: Counter::default(),
            applied: Counter::default(),
            refused: Counter::default(),
            seen: Counter::default(),
            rewinds: Counter::default(),
        };
        registry.register_with_unit(
            "hiscore_apply_batch",
            "One batch of the log applied to Redis",
            Unit::Seconds,
            metrics.batches.clone(),
        );
        registry.register("hiscore_apply_entries", "Entries of the log applied", metrics.entries.clone());
        registry.register(
            "hiscore_apply_works",
            "Works of the log judged, and not refused",
            metrics.applied.clone(),
        );
        registry.register(
            "hiscore_apply_refused",
            "Works of the log that the law refused: duplicates of another body, overflows, unknown leaderboards",
            metrics.refused.clone(),
        );
        registry.register(
            "hiscore_apply_seen",
            "Works of the log that were part of what Redis had already",
            metrics.seen.clone(),
        );
        registry.register(
            "hiscore_apply_rewinds",
            "Times that a shard in Redis went back and was read again from there",
            metrics.rewinds.clone(),
        );
        metrics
    }

    /// A batch of so many entries was applied.
    pub fn applied(&self, entries: usize, took: Duration, applied: &Applied) {
        self.batches.observe(took.as_secs_f64());
        self.entries.inc_by(entries as u64);
        self.applied.inc_by(applied.applied);
        self.refused.inc_by(applied.refused);
        self.seen.inc_by(applied.seen);
    }

    /// A shard went back.
    pub fn rewound(&self) {
        self.rewinds.inc();
    }
}

/// What is seen of a log at the moment of a scrape.
#[derive(Debug)]
pub struct LogGauges {
    /// The link to it, if there is one.
    pub link: Option<Arc<LogLink>>,
    /// Who applies it here.
    pub applier: Option<Arc<ApplyTools>>,
}

impl Collector for LogGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(link) = &self.link else { return Ok(()) };
        let mut gauge = |name, help, value: f64| {
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(encoder)
        };
        gauge("hiscore_log_open", "Whether the log is open here", f64::from(u8::from(link.log().is_some())))?;
        let Some(applier) = &self.applier else { return Ok(()) };
        let replay = applier.replay.report();
        gauge(
            "hiscore_replay_shards",
            "Shards that this process replays: Redis was emptied, or was far behind the log",
            replay.shards as f64,
        )?;
        gauge(
            "hiscore_replay_left_entries",
            "Entries that a replay has in front of it, at most",
            replay.left as f64,
        )?;
        let states = applier.states.lock().clone();
        let lag: u64 = states.values().map(|state| state.lag).sum();
        let stopped = states.values().filter(|state| state.stopped.is_some()).count();
        gauge(
            "hiscore_apply_lag_entries",
            "Entries of the shards applied here that are in the log and not applied, at most",
            lag as f64,
        )?;
        let unpersisted: u64 = states.values().map(|state| state.span.bytes).sum();
        gauge(
            "hiscore_log_unpersisted_bytes",
            "About how many bytes of the log, of the shards applied here, are not in the store yet",
            unpersisted as f64,
        )?;
        gauge(
            "hiscore_log_retention_ratio",
            "The same of the shard that is worst, as a part of what may be before submissions are refused; 0 where the log is only cut \
             when we say so",
            states.values().map(State::ratio).fold(0.0, f64::max),
        )?;
        gauge(
            "hiscore_log_cut_too_early",
            "Shards of which the log has lost what is not in the store yet: an operator must look",
            states.values().filter(|state| state.span.gone > 0).count() as f64,
        )?;
        gauge("hiscore_apply_shards", "Shards that this process applies", states.len() as f64)?;
        gauge("hiscore_apply_stopped", "Shards that an operator must look at", stopped as f64)?;
        let encoder = encoder.encode_descriptor(
            "hiscore_replay_entries",
            "Entries that were applied by replays",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(replay.ever).encode(encoder)
    }
}
