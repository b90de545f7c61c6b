//! What the stages of the embedded profile count.

use std::sync::Arc;
use std::time::Duration;

use hiscore_api::service::{Accepted, Rejected};
use hiscore_store::embedded::Embedded;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{SubmitMetrics, seconds};
use crate::submit::Queue;

/// What the committer counts.
#[derive(Debug, Clone)]
pub struct CommitMetrics {
    submissions: SubmitMetrics,
    commits: Histogram,
    entries: Counter,
    failures: Counter,
}

impl CommitMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            submissions: SubmitMetrics::new(registry),
            commits: seconds(),
            entries: Counter::default(),
            failures: Counter::default(),
        };
        registry.register_with_unit(
            "hiscore_commit_duration",
            "Writing and syncing a batch of the journal",
            Unit::Seconds,
            metrics.commits.clone(),
        );
        registry.register("hiscore_commit_entries", "Entries committed", metrics.entries.clone());
        registry.register(
            "hiscore_commit_failures",
            "Batches that could not be committed",
            metrics.failures.clone(),
        );
        metrics
    }

    /// What came of submissions.
    pub fn submitted(&self, results: &[Result<Accepted, Rejected>]) {
        self.submissions.submitted(results);
    }

    /// A batch is durable.
    pub fn committed(&self, entries: usize, took: Duration) {
        if entries != 0 {
            self.entries.inc_by(entries as u64);
            self.commits.observe(took.as_secs_f64());
        }
    }

    /// A batch is not.
    pub fn failed(&self) {
        self.failures.inc();
    }
}

/// What the funnel counts.
#[derive(Debug, Clone)]
pub struct FunnelMetrics {
    rounds: Histogram,
    written: Counter,
    failures: Counter,
}

impl FunnelMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self { rounds: seconds(), written: Counter::default(), failures: Counter::default() };
        registry.register_with_unit(
            "hiscore_funnel_bulk",
            "One round of the funnel into the store",
            Unit::Seconds,
            metrics.rounds.clone(),
        );
        registry.register(
            "hiscore_funnel_written",
            "Records written into the store",
            metrics.written.clone(),
        );
        registry.register("hiscore_funnel_failures", "Rounds that failed", metrics.failures.clone());
        metrics
    }

    /// A round is done.
    pub fn flushed(&self, rows: usize, took: Duration) {
        if rows != 0 {
            self.written.inc_by(rows as u64);
            self.rounds.observe(took.as_secs_f64());
        }
    }

    /// A round failed.
    pub fn failed(&self) {
        self.failures.inc();
    }
}

/// What is asked at the moment of a scrape.
#[derive(Debug)]
pub struct Gauges {
    /// Of whom.
    pub store: Arc<Embedded>,
    /// And of what waits.
    pub queue: Arc<Queue>,
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let backlog = self.store.backlog();
        let mut gauge = |name, help, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            let encoder =
                encoder.encode_descriptor(name, help, unit, prometheus_client::metrics::MetricType::Gauge)?;
            gauge.encode(encoder)
        };
        gauge("hiscore_funnel_dirty_records", "Records not in the store yet", None, backlog.rows as f64)?;
        gauge(
            "hiscore_funnel_oldest_dirty_age",
            "How long the oldest of them waits",
            Some(&Unit::Seconds),
            backlog.oldest.as_secs_f64(),
        )?;
        gauge(
            "hiscore_journal_size",
            "Size of the journal",
            Some(&Unit::Bytes),
            backlog.journal_bytes as f64,
        )?;
        gauge("hiscore_pending", "Submissions waiting", Some(&Unit::Bytes), self.queue.bytes() as f64)
    }
}
