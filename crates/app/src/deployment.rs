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

/// A deployment that was made with other settings.
#[derive(Debug, thiserror::Error)]
#[error("this deployment was created with --{setting} {there}, not {asked}; start with --{setting} {there}")]
pub struct Mismatch {
    setting: &'static str,
    there: usize,
    asked: usize,
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
            Ok(found) => return check(found, wanted),
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
    let info = DeploymentInfo {
        id: wanted.id.clone(),
        shards: wanted.shards,
        window: wanted.window,
        secret: secret_of(&wanted.id),
    };
    match store.deployment(&info).await {
        Ok(there) => {
            // An import marks the first shard first, and completes it last.
            let first = store.shard(0).await.and_then(|first| refuse_unfinished(&first));
            first.map_err(|error| error.to_string())?;
            Ok(Deployment { id: there.id, shards: there.shards, window: there.window })
        }
        Err(StoreError::Unavailable(why) | StoreError::Invalid(why)) => Err(why),
    }
}

fn check(found: Deployment, wanted: &Deployment) -> Result<Deployment, Mismatch> {
    for (setting, there, asked) in [
        ("shards", usize::from(found.shards), usize::from(wanted.shards)),
        ("window", found.window, wanted.window),
    ] {
        if there != asked {
            return Err(Mismatch { setting, there, asked });
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
