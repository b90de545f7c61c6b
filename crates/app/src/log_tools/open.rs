//! The tiers of a deployment, found as the settings say. Nothing is made here that is not there.

use std::sync::Arc;
use std::time::Duration;

use hiscore_config::{LogSettings, LogTiers, SecretUrl, ServeSettings};
use hiscore_log::{Expect, Log, LogUrl, Options, open};
use hiscore_rank::redis::{Deployment, Options as RedisOptions, RedisRanks, RedisUrl};
use hiscore_store::Store;
use hiscore_store::contract::{DeploymentInfo, StoredLog};

use super::ToolError;
use crate::deployment::{new_id, secret_of};
use crate::transfer::place;

/// How long Redis is waited for.
const CONNECT: Duration = Duration::from_secs(15);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What a tool works with.
pub(super) struct Tiers {
    /// Where records are.
    pub(super) store: Arc<dyn Store>,
    /// Which deployment it is.
    pub(super) deployment: Deployment,
    /// Which log the store remembers.
    pub(super) known: StoredLog,
    /// Where that is.
    pub(super) url: LogUrl,
    places: LogTiers,
}

impl Tiers {
    /// Finds out from the store which deployment this is, and which log it has.
    pub(super) async fn open(settings: &LogSettings) -> Result<Self, ToolError> {
        let text = secret("log-url", settings.tiers.log())?;
        let url = text.parse().map_err(|error| ToolError::Setting(format!("log-url: {error}")))?;
        let store = place::store(&settings.store)?;
        // Asking for the deployment would make one; it is there if a log is.
        let known = store.log().await?.ok_or(ToolError::NoLog)?;
        let id = new_id().map_err(|error| ToolError::Setting(error.to_string()))?;
        let ServeSettings { shards, window, .. } = ServeSettings::default();
        let wanted = DeploymentInfo { secret: secret_of(&id), id, shards, window };
        let DeploymentInfo { id, shards, window, .. } = store.deployment(&wanted).await?;
        let deployment = Deployment { id, shards, window };
        Ok(Self { store, deployment, known, url, places: settings.tiers.clone() })
    }

    /// Options of a log of this deployment.
    pub(super) fn options(&self, generation: u32, expect: Expect) -> Options {
        Options::new(&self.deployment.id, generation, self.deployment.shards, expect)
    }

    /// The log that the store remembers.
    pub(super) async fn log(&self) -> Result<Arc<dyn Log>, ToolError> {
        let id = self.known.id.parse();
        let id =
            id.map_err(|error| ToolError::Setting(format!("the store names the log wrongly: {error}")))?;
        Ok(open(&self.url, &self.options(self.known.generation, Expect::Known(id))).await?)
    }

    /// The Redis that ranks, connected.
    pub(super) async fn ranks(&self) -> Result<Arc<RedisRanks>, ToolError> {
        self.redis("redis-url", self.places.redis(), &self.places.redis_prefix).await
    }

    /// What every key in the Redis of the deployment begins with.
    pub(super) fn redis_prefix(&self) -> &str {
        &self.places.redis_prefix
    }

    /// A Redis with the shards of this deployment, connected.
    pub(super) async fn redis(
        &self,
        setting: &'static str,
        url: Option<SecretUrl>,
        prefix: &str,
    ) -> Result<Arc<RedisRanks>, ToolError> {
        let text = secret(setting, url)?;
        let url: RedisUrl =
            text.parse().map_err(|error| ToolError::Setting(format!("{setting}: {error}")))?;
        let Deployment { shards, window, .. } = &self.deployment;
        let options = RedisOptions { prefix: prefix.to_owned(), ..RedisOptions::new(url, *shards, *window) };
        let ranks = RedisRanks::start(options);
        let deadline = tokio::time::Instant::now() + CONNECT;
        loop {
            let looked = ranks.look(&[0]).await.pop().transpose();
            match looked {
                Ok(_) => return Ok(ranks),
                Err(error) if tokio::time::Instant::now() >= deadline => {
                    return Err(ToolError::Setting(format!("{setting}: {error}")));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// The shards that are asked for: one, or all.
    pub(super) fn shards(&self, one: Option<u16>) -> Result<Vec<u16>, ToolError> {
        let shards = self.deployment.shards;
        match one {
            Some(shard) if shard >= shards => Err(ToolError::Setting(format!(
                "there is no shard {shard}: this deployment has {shards}, counted from 0"
            ))),
            Some(shard) => Ok(vec![shard]),
            None => Ok((0..shards).collect()),
        }
    }
}

fn secret(setting: &'static str, url: Option<SecretUrl>) -> Result<String, ToolError> {
    let text = match url {
        Some(SecretUrl::Given(text)) => text,
        Some(SecretUrl::File(path)) => place::read(&path)?,
        None => String::new(),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(ToolError::Setting(format!("{setting} is empty")));
    }
    Ok(text.to_owned())
}
