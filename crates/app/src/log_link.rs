//! The log of a deployment, as a process finds it: which one it is, from the store or from Redis; then the log itself, which
//! is opened in the background and waited for visibly.
//!
//! Its identity is in the store before anything is appended, so that a log that was deleted and made again, or that of
//! another deployment, is told from the right one by whoever comes later.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use hiscore_log::{Expect, Log, LogError, LogId, LogUrl, Options, open};
use hiscore_rank::redis::{RedisRanks, log_name};
use hiscore_store::Store;
use hiscore_store::contract::StoredLog;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Between two tries: of a broker that is away, and of a log that an operator must look at.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// The generation of a deployment's first log.
const FIRST: u32 = 1;

/// Those who have the log: brokers at a URL. A simulation gives its own.
#[async_trait]
pub trait Brokers: fmt::Display + Send + Sync + 'static {
    /// Opens the log: see [`open`].
    async fn open(&self, options: &Options) -> Result<Arc<dyn Log>, LogError>;

    /// The id of a log that is to be made: one that no other has.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] if the operating system has no random bytes.
    fn fresh(&self) -> Result<LogId, LogError> {
        let mut bytes = [0; 16];
        let refused = |error| LogError::Unavailable(format!("the operating system refused: {error}"));
        getrandom::fill(&mut bytes).map_err(refused)?;
        Ok(LogId::new(bytes))
    }
}

#[async_trait]
impl Brokers for LogUrl {
    async fn open(&self, options: &Options) -> Result<Arc<dyn Log>, LogError> {
        open(self, options).await
    }
}

/// How the log is opened.
#[derive(Clone)]
pub struct LinkOptions {
    /// Where it is.
    pub brokers: Arc<dyn Brokers>,
    /// The deployment that it must be of.
    pub deployment: String,
    /// Its shards.
    pub shards: u16,
    /// The longest that an append is waited for.
    pub timeout: Duration,
    /// Bytes that may be on their way into it.
    pub max_in_flight: usize,
    /// Bytes that a shard of a new log keeps, where the broker cannot cut it.
    pub shard_bytes: u64,
}

/// A process's link to the log.
#[derive(Default)]
pub struct LogLink {
    known: OnceLock<StoredLog>,
    log: OnceLock<Arc<dyn Log>>,
    trouble: Mutex<Option<String>>,
}

impl fmt::Debug for LogLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLink").field("known", &self.known.get()).finish_non_exhaustive()
    }
}

/// Why it was not opened, and whether an operator must look.
struct NotOpened {
    why: String,
    is_final: bool,
}

impl LogLink {
    /// Which log it is, once that is known.
    pub fn known(&self) -> Option<&StoredLog> {
        self.known.get()
    }

    /// What Redis calls it.
    pub fn name(&self) -> Option<String> {
        self.known().map(|known| log_name(known.generation, &known.id))
    }

    /// The log, once it is open.
    pub fn log(&self) -> Option<&Arc<dyn Log>> {
        self.log.get()
    }

    /// Why it is not open (yet).
    pub fn waiting_for(&self) -> Option<String> {
        if self.log.get().is_some() {
            return None;
        }
        Some(self.trouble.lock().clone().unwrap_or_else(|| "connecting".to_owned()))
    }

    /// Opens it, however long that takes, or until shutdown. Run by one task.
    pub async fn connect(
        self: Arc<Self>,
        options: LinkOptions,
        ranks: Arc<RedisRanks>,
        store: Arc<dyn Store>,
        shutdown: CancellationToken,
    ) {
        let mut told = None;
        loop {
            let pause = match self.attempt(&options, &ranks, store.as_ref()).await {
                Ok(log) => {
                    tracing::info!(log = %options.brokers, generation = log.identity().generation, "the log is open");
                    // Nobody else sets it.
                    let _ = self.log.set(log);
                    return;
                }
                Err(NotOpened { why, is_final }) => {
                    if told.as_ref() != Some(&why) {
                        if is_final {
                            tracing::error!(why, "the log cannot be used");
                        } else {
                            tracing::info!(why, "waiting for the log");
                        }
                    }
                    told = Some(why.clone());
                    *self.trouble.lock() = Some(why);
                    if is_final { PAUSE.1 } else { PAUSE.0 }
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Ends it: appends under way get their answer.
    pub async fn close(&self) {
        if let Some(log) = self.log.get() {
            log.close().await;
        }
    }

    async fn attempt(
        &self,
        options: &LinkOptions,
        ranks: &RedisRanks,
        store: &dyn Store,
    ) -> Result<Arc<dyn Log>, NotOpened> {
        let known = match self.known.get() {
            Some(known) => Some(known.clone()),
            None => find(options.shards, ranks, store).await?,
        };
        let (generation, expect) = match &known {
            Some(known) => {
                let id = known.id.parse().map_err(|error| NotOpened {
                    why: format!("the store names the log {}: {error}", known.id),
                    is_final: true,
                })?;
                let _ = self.known.set(known.clone());
                (known.generation, Expect::Known(id))
            }
            None => (FIRST, Expect::Fresh(options.brokers.fresh().map_err(not_opened)?)),
        };
        let mut open_with = Options::new(&options.deployment, generation, options.shards, expect);
        open_with.append_timeout = options.timeout;
        open_with.max_in_flight = options.max_in_flight;
        open_with.shard_bytes = options.shard_bytes;
        let log = options.brokers.open(&open_with).await.map_err(not_opened)?;
        if known.is_none() {
            let made = StoredLog { generation, id: log.identity().id.to_string() };
            if let Err(why) = adopt(store, &made).await {
                log.close().await;
                return Err(why);
            }
            let _ = self.known.set(made);
        }
        Ok(log)
    }
}

/// Which log the deployment has: from the store, or while that is away from Redis.
async fn find(shards: u16, ranks: &RedisRanks, store: &dyn Store) -> Result<Option<StoredLog>, NotOpened> {
    let error = match store.log().await {
        Ok(known) => return Ok(known),
        Err(error) => error,
    };
    let shards: Vec<u16> = (0..shards).collect();
    let looks = ranks.look(&shards).await;
    let names = looks.into_iter().filter_map(|look| look.ok()?.log.map(|log| log.name));
    // While it is renewed some shards may still be behind the one before.
    let found = names.filter_map(|name| parse(&name)).max_by_key(|log| log.generation);
    found.map(Some).ok_or(NotOpened { why: error.to_string(), is_final: false })
}

/// The opposite of [`log_name`].
fn parse(name: &str) -> Option<StoredLog> {
    let (generation, id) = name.split_once(':')?;
    Some(StoredLog { generation: generation.parse().ok()?, id: id.to_owned() })
}

async fn adopt(store: &dyn Store, made: &StoredLog) -> Result<(), NotOpened> {
    let not = |why: String| NotOpened { why, is_final: false };
    let adopted = store.adopt_log(None, made).await.map_err(|error| not(error.to_string()))?;
    if adopted {
        return Ok(());
    }
    // Another process was first; it found the same log, or one that it must be told apart from.
    match store.log().await.map_err(|error| not(error.to_string()))? {
        Some(there) if there == *made => Ok(()),
        _ => Err(not("another process opened another log at the same time".to_owned())),
    }
}

fn not_opened(error: LogError) -> NotOpened {
    let is_final = !matches!(error, LogError::Unavailable(_) | LogError::Ambiguous(_));
    NotOpened { why: error.to_string(), is_final }
}
