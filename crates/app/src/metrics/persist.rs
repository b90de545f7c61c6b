//! What a persister counts, and what is seen of Redis at the moment of a scrape.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hiscore_rank::redis::RedisRanks;
use hiscore_score::stamp::ORIGIN_UNIX_MS;
use hiscore_store::contract::Written;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::seconds;
use crate::share::Overview;

/// What a persister counts. Submissions (`hiscore_submissions_total` of all `ingest`) over `written` is how many updates
/// one write into the store carries.
#[derive(Debug, Clone)]
pub struct PersistMetrics {
    bulks: Histogram,
    sizes: Histogram,
    written: Counter,
    superseded: Counter,
    retries: Counter,
    loaded: Counter,
    reconciled: Counter,
    at_once: Arc<AtOnce>,
}

/// Bulks that are under way, each shard by itself: more than one of a shard at a time would be a defect.
#[derive(Debug, Default)]
struct AtOnce {
    shards: Mutex<HashMap<u16, i64>>,
    now: Gauge,
    /// The most of one shard, since the process began.
    most: Gauge,
}

/// A bulk that is under way, until this is dropped.
#[derive(Debug)]
pub struct UnderWay {
    at_once: Arc<AtOnce>,
    shard: u16,
}

impl UnderWay {
    fn new(at_once: &Arc<AtOnce>, shard: u16) -> Self {
        let of_shard = {
            let mut shards = at_once.shards.lock();
            let of_shard = shards.entry(shard).or_default();
            *of_shard += 1;
            *of_shard
        };
        at_once.now.inc();
        at_once.most.inner().fetch_max(of_shard, Ordering::Relaxed);
        Self { at_once: Arc::clone(at_once), shard }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.at_once.now.dec();
        if let Some(of_shard) = self.at_once.shards.lock().get_mut(&self.shard) {
            *of_shard -= 1;
        }
    }
}

impl PersistMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            bulks: seconds(),
            // 1 to 65,536 records.
            sizes: Histogram::new(exponential_buckets(1.0, 4.0, 9)),
            written: Counter::default(),
            superseded: Counter::default(),
            retries: Counter::default(),
            loaded: Counter::default(),
            reconciled: Counter::default(),
            at_once: Arc::default(),
        };
        registry.register_with_unit(
            "hiscore_funnel_bulk",
            "One bulk into the store",
            Unit::Seconds,
            metrics.bulks.clone(),
        );
        registry.register("hiscore_funnel_batch_size", "Records of one bulk", metrics.sizes.clone());
        registry.register(
            "hiscore_funnel_written",
            "Records written into the store",
            metrics.written.clone(),
        );
        registry.register(
            "hiscore_funnel_superseded",
            "Records that the store had in a state that was not older",
            metrics.superseded.clone(),
        );
        registry.register(
            "hiscore_funnel_retries",
            "Bulks that failed, wholly or in part, and were tried again",
            metrics.retries.clone(),
        );
        registry.register(
            "hiscore_reconcile_records",
            "Records read from the store to reconcile Redis",
            metrics.loaded.clone(),
        );
        registry.register(
            "hiscore_reconciled_shards",
            "Shards reconciled and opened",
            metrics.reconciled.clone(),
        );
        registry.register(
            "hiscore_funnel_bulks_under_way",
            "Bulks that are on their way into the store now, of all shards",
            metrics.at_once.now.clone(),
        );
        registry.register(
            "hiscore_funnel_shard_bulks_most",
            "The most bulks of one shard that were ever under way at once",
            metrics.at_once.most.clone(),
        );
        metrics
    }

    /// A bulk of a shard sets out; it is under way until what is returned is dropped.
    pub fn sets_out(&self, shard: u16) -> UnderWay {
        UnderWay::new(&self.at_once, shard)
    }

    /// A bulk of `rows` records came back.
    pub fn wrote(&self, rows: usize, written: &Written, took: Duration) {
        self.bulks.observe(took.as_secs_f64());
        self.sizes.observe(rows as f64);
        self.written.inc_by(rows.saturating_sub(written.failed_rows.len()) as u64);
        self.superseded.inc_by(written.superseded);
    }

    /// A bulk failed, or a part of it.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// Records were read for a reconcile.
    pub fn loaded(&self, rows: usize) {
        self.loaded.inc_by(rows as u64);
    }

    /// A shard was opened.
    pub fn reconciled(&self) {
        self.reconciled.inc();
    }
}

/// What is asked at the moment of a scrape.
#[derive(Debug)]
pub struct RemoteGauges {
    /// Of whom.
    pub ranks: Arc<RedisRanks>,
    /// What the persister last saw of its shards; `None` in a process that persists nothing.
    pub overview: Option<Arc<Mutex<Overview>>>,
}

impl Collector for RemoteGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name, help, unit: Option<&Unit>, value: f64| {
            let encoder = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
            ConstGauge::new(value).encode(encoder)
        };
        let status = self.ranks.status();
        gauge(
            "hiscore_redis_primaries",
            "Redis primaries that there should be",
            None,
            status.primaries as f64,
        )?;
        gauge("hiscore_redis_connected", "Redis primaries that answer", None, status.connected as f64)?;
        gauge("hiscore_redis_replicas", "The least replicas of a primary", None, f64::from(status.replicas))?;
        gauge("hiscore_pending", "Submissions waiting", Some(&Unit::Bytes), status.pending_bytes as f64)?;
        let Some(overview) = &self.overview else { return Ok(()) };
        let overview = overview.lock().clone();
        let looks = overview.looks.values();
        // Every persister sees every shard, so these are of the deployment, not of the process: take the maximum.
        let dirty: u64 = looks.clone().map(|look| look.dirty + look.in_flight).sum();
        let open = looks.clone().filter(|look| look.open).count();
        let age = looks.clone().filter_map(|look| {
            let since = ORIGIN_UNIX_MS + (look.oldest? >> 12);
            Some(look.now_unix_ms.saturating_sub(since))
        });
        let age = age.max().unwrap_or(0);
        let memory = looks.map(|look| look.memory).max().unwrap_or_default();
        gauge("hiscore_funnel_dirty_records", "Records not in the store yet", None, dirty as f64)?;
        gauge(
            "hiscore_funnel_oldest_dirty_age",
            "How long the oldest of them waits",
            Some(&Unit::Seconds),
            age as f64 / 1000.0,
        )?;
        gauge("hiscore_shards_open", "Shards that are served", None, open as f64)?;
        gauge("hiscore_shards_owned", "Shards that this process persists", None, overview.ours as f64)?;
        gauge("hiscore_redis_memory", "Memory that Redis uses", Some(&Unit::Bytes), memory.0 as f64)?;
        gauge("hiscore_redis_memory_limit", "maxmemory; 0: none", Some(&Unit::Bytes), memory.1 as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulks_of_one_shard_at_once_are_told_from_those_of_many() {
        let metrics = PersistMetrics::new(&mut Registry::default());
        let (now, most) = (|| metrics.at_once.now.get(), || metrics.at_once.most.get());
        let bulks: Vec<_> = (0..4).map(|shard| metrics.sets_out(shard)).collect();
        assert_eq!((now(), most()), (4, 1));
        drop(bulks);
        drop(metrics.sets_out(2));
        assert_eq!((now(), most()), (0, 1));
        let two = [metrics.sets_out(2), metrics.sets_out(2)];
        assert_eq!((now(), most()), (2, 2));
        drop(two);
        assert_eq!((now(), most()), (0, 2), "it is never forgotten");
    }
}
