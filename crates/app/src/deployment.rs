//! Which deployment a process belongs to: found in Redis or in the store, whichever answers, and made if it is new.
//!
//! A process starts before its tiers are there and waits for one of them. The store is what a new deployment is made
//! in; Redis knows it from the first reconcile on, so that a process can start while the store is away.

use std::sync::Arc;
use std::time::Duration;

use hiscore_rank::redis::{Deployment, RedisRanks};
use hiscore_store::Store;
use hiscore_store::contract::{DeploymentInfo, StoreError};
use sha2::{Digest, Sha256};

use crate::transfer::database::refuse_unfinished;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two lines in the log about what is waited for.
const TOLD_EVERY: u32 = 20;

/// How long a store is asked whether it belongs to what Redis has: one that is away is no reason not to start.
const ASKED: Duration = Duration::from_secs(2);

/// What is there does not fit.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The deployment was made with another setting.
    #[error(
        "this deployment was created with --{setting} {there}, not {asked}; start with --{setting} {there}"
    )]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it was made with.
        there: usize,
        /// What this process was told.
        asked: usize,
    },
    /// It is played through a log.
    #[error(
        "a log stands in front of this deployment, and may hold what was acknowledged and not applied yet: start every process \
         with its --log-url"
    )]
    Logged,
    /// Redis and the store are of two deployments.
    #[error(
        "Redis is of deployment {redis}, the store of deployment {store}; give both URLs of one deployment, or a \
         --redis-prefix or a database that no other deployment has"
    )]
    Foreign {
        /// What Redis has.
        redis: String,
        /// What the store has.
        store: String,
    },
}

/// Whether the deployment is played through a log, as far as Redis or the store can be asked.
pub async fn is_logged(ranks: &RedisRanks, store: &dyn Store, shards: u16) -> bool {
    let shards: Vec<u16> = (0..shards).collect();
    if ranks.look(&shards).await.into_iter().flatten().any(|look| look.log.is_some()) {
        return true;
    }
    matches!(tokio::time::timeout(ASKED, store.log()).await, Ok(Ok(Some(_))))
}

/// The key of all cursors of a deployment: known to every process that knows the deployment, and to nobody outside.
pub fn secret_of(id: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"hiscore cursors\0");
    hasher.update(id.as_bytes());
    hasher.finalize().into()
}

/// Waits until the deployment is known. `told` hears what is waited for.
pub async fn find(
    ranks: &RedisRanks,
    store: &Arc<dyn Store>,
    wanted: &Deployment,
    mut told: impl FnMut(String),
) -> Result<Deployment, Mismatch> {
    let mut tries = 0u32;
    loop {
        let why = match attempt(ranks, store.as_ref(), wanted).await {
            Ok(found) => {
                let found = check(found, wanted)?;
                return belongs(store.as_ref(), found).await;
            }
            Err(why) => why,
        };
        if tries.is_multiple_of(TOLD_EVERY) {
            tracing::info!(why, "waiting for Redis or the store");
        }
        tries += 1;
        told(why);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn attempt(ranks: &RedisRanks, store: &dyn Store, wanted: &Deployment) -> Result<Deployment, String> {
    let shards: Vec<u16> = (0..wanted.shards).collect();
    let mut redis = None;
    for look in ranks.look(&shards).await {
        match look {
            Ok(look) => {
                if let Some(deployment) = look.deployment {
                    return Ok(deployment);
                }
            }
            Err(error) => redis = Some(error.to_string()),
        }
    }
    if let Some(why) = redis {
        // Redis may be of a deployment that the store has lost: as long as nobody can ask it, none is made.
        let there = store.shard(0).await.map_err(|error| format!("{why}; {error}"))?;
        if there.epoch == 0 {
            return Err(why);
        }
    }
    match store.deployment(&info(wanted)).await {
        Ok(there) => {
            // An import marks the first shard first, and completes it last.
            let first = store.shard(0).await.and_then(|first| refuse_unfinished(&first));
            first.map_err(|error| error.to_string())?;
            Ok(Deployment { id: there.id, shards: there.shards, window: there.window })
        }
        Err(StoreError::Unavailable(why) | StoreError::Invalid(why)) => Err(why),
    }
}

/// What the store keeps of a deployment.
pub fn info(of: &Deployment) -> DeploymentInfo {
    DeploymentInfo { id: of.id.clone(), shards: of.shards, window: of.window, secret: secret_of(&of.id) }
}

/// Whether the store is of what was found, as far as it answers. Persisters ask again before they write.
async fn belongs(store: &dyn Store, found: Deployment) -> Result<Deployment, Mismatch> {
    match tokio::time::timeout(ASKED, store.deployment(&info(&found))).await {
        Ok(Ok(there)) if there.id != found.id => Err(Mismatch::Foreign { redis: found.id, store: there.id }),
        _ => Ok(found),
    }
}

fn check(found: Deployment, wanted: &Deployment) -> Result<Deployment, Mismatch> {
    for (setting, there, asked) in [
        ("shards", usize::from(found.shards), usize::from(wanted.shards)),
        ("window", found.window, wanted.window),
    ] {
        if there != asked {
            return Err(Mismatch::Setting { setting, there, asked });
        }
    }
    Ok(found)
}

/// A new deployment's random name: 32 hexadecimal digits.
pub fn new_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
