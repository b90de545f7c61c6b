//! The persister: carries what is dirty in Redis into the store, shard by shard, and reconciles the two.
//!
//! The shards are shared out among all persisters that live, by leases in Redis ([`crate::share`]); [`shard`] is the loop of
//! one that is ours: claim, write, clear, one bulk in flight at most; [`reconcile`] makes a Redis that is empty, restarted or failed
//! over fit to be served again; [`pace`] slows all down when the store is slow or away. Nothing here is needed for
//! safety by anybody else's being alone: two at once on a shard are waste, not damage, because of the store's guard and
//! the epoch.

pub mod pace;
pub mod reconcile;
pub mod shard;
pub mod trim;

use std::sync::Arc;
use std::time::Duration;

use hiscore_log::LogError;
use hiscore_rank::redis::{CallError, Deployment, RedisRanks};
use hiscore_store::Store;
use hiscore_store::contract::StoreError;

use crate::log_link::LogLink;
use crate::metrics::PersistMetrics;
use crate::outside::Outside;
use pace::Pace;

/// How a persister works.
#[derive(Debug, Clone)]
pub struct PersistOptions {
    /// How long a shard stays with one that does not answer.
    pub lease: Duration,
    /// The longest pause before what is dirty is written.
    pub interval: Duration,
    /// Records of one bulk.
    pub rows: usize,
    /// Bytes of one bulk.
    pub bytes: usize,
    /// The deployment that it works for.
    pub deployment: Deployment,
    /// How long entries stay in the log after all that they did is in the store.
    pub keep: Duration,
}

/// What every shard's loop shares.
pub struct Tools {
    /// The ranking tier.
    pub ranks: Arc<RedisRanks>,
    /// Where records stay.
    pub store: Arc<dyn Store>,
    /// How to work.
    pub options: PersistOptions,
    /// Who this is: in leases, and in the log.
    pub holder: String,
    /// How fast the store is.
    pub pace: Pace,
    /// What is counted.
    pub metrics: PersistMetrics,
    /// The log in front of the ranking tier, if there is one.
    pub link: Option<Arc<LogLink>>,
    /// Its clock, and chance.
    pub outside: Outside,
}

/// Why a step on a shard was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Redis.
    #[error(transparent)]
    Ranks(#[from] CallError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The epoch in the store is another's, and this Redis does not know it: it was cut off.
    #[error(
        "the store is at epoch {there}, this Redis at {here}: another Redis was reconciled, and this one is not written from"
    )]
    CutOff {
        /// This Redis's.
        here: u32,
        /// The store's.
        there: u32,
    },
    /// Redis and the store are of two deployments.
    #[error(
        "Redis is of deployment {redis}, the store of {store}: give both URLs of one deployment, or another --redis-prefix"
    )]
    Foreign {
        /// What Redis has.
        redis: String,
        /// What the store has.
        store: String,
    },
    /// The log, which is asked how far it reaches back.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It is not known yet which log the deployment has.
    #[error("waiting for the log: {0}")]
    LogUnknown(String),
    /// The shard is behind a later log than this process knows.
    #[error(
        "the shard is behind generation {there} of the log, this process knows generation {ours}: restart it, so that it \
         looks again"
    )]
    OldLog {
        /// What this process knows.
        ours: u32,
        /// Where the shard is.
        there: u32,
    },
    /// This Redis is not the one that should be served.
    #[error("this Redis is not the primary that the majority names; it is not reconciled")]
    NotNamed,
    /// Somebody else opened an epoch at the same time, or the store went back to one from before.
    #[error("another persister is reconciling this shard, or the store went back meanwhile")]
    Overtaken,
}

impl StepError {
    /// Whether the store is what is in trouble.
    fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}
