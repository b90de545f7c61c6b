//! The wiring where Redis ranks: which role gets what, in what order it starts, and in what order it ends.
//!
//! Start: the URLs are read, the address bound, then HTTP answers (not ready), then it is waited for Redis or the store
//! to say which deployment this is, then requests are taken and shards persisted. End, in the order of a score's path: no
//! new connections, requests under way finish, sockets close, the persister makes a last round and gives its shards back.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hiscore_api::ApiParts;
use hiscore_api::service::{Health, Service};
use hiscore_config::ServeSettings;
use hiscore_log::LogUrl;
use hiscore_rank::redis::{Deployment, Options as RedisOptions, RedisRanks, RedisUrl, Trade};
use hiscore_store::Store;
use hiscore_store::embedded::Kept;
use hiscore_store::mongo::{MongoOptions, MongoStore};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{ServeError, bind, limits};
use crate::apply::{ApplyTools, Replay};
use crate::coalesce::persister::pace::Pace;
use crate::coalesce::persister::shard::ShardLoop;
use crate::coalesce::persister::{PersistOptions, Tools};
use crate::deployment::{self, Mismatch, find, is_logged, secret_of};
use crate::direct::{Direct, Way};
use crate::health::RemoteChecks;
use crate::listen;
use crate::log_link::{LinkOptions, LogLink};
use crate::metrics::{ApplyMetrics, LogGauges, LogMetrics, PersistMetrics, RemoteGauges, SubmitMetrics};
use crate::outside::Outside;
use crate::scoreboard::boards::Boards;
use crate::scoreboard::live::Live;
use crate::scoreboard::remote::Remote;
use crate::scoreboard::source::Source;
use crate::scoreboard::stored::Stored;
use crate::share::{Overview, Share, Terms};
use crate::submit::appender::Appender;
use crate::submit::guard::Guard;
use crate::submit::logged::LogSubmitter;
use crate::submit::remote::Submitter;
use crate::submit::verdicts::Verdicts;
use crate::submit::waiting::Waiting;

/// How soon a persister notices that somebody waits for the store (looks at 32 shards at rest take 2 % of a core of Redis); how soon an applier that a shard was opened or went back.
const PERSISTER_LOOK: Duration = Duration::from_millis(50);
const APPLIER_LOOK: Duration = Duration::from_millis(250);

/// A server with its address bound and its URLs understood.
pub struct DirectServer {
    settings: ServeSettings,
    redis: RedisUrl,
    store: Arc<dyn Store>,
    listener: TcpListener,
}

/// What runs besides HTTP.
struct Running {
    tasks: TaskTracker,
    applier: Option<tokio::task::JoinHandle<()>>,
    persister: Option<tokio::task::JoinHandle<()>>,
}

impl DirectServer {
    /// Reads the URLs and binds the address. Connects to nothing yet.
    pub async fn open(settings: ServeSettings) -> Result<Self, ServeError> {
        let url = url("redis-url", settings.redis_url.as_ref(), settings.redis_url_file.as_ref())?;
        let redis =
            url.parse().map_err(|error| ServeError::Url { setting: "redis-url", why: format!("{error}") })?;
        let store = store(&settings)?;
        let listener = bind(&settings).await?;
        Ok(Self { settings, redis, store, listener })
    }

    /// Where it listens, the port known.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.settings.listen)
    }

    /// Serves until `shutdown`, then ends in order. `ready` is called once requests are taken.
    pub async fn run(self, shutdown: CancellationToken, ready: impl FnOnce()) -> Result<(), ServeError> {
        let Self { settings, redis, store, listener } = self;
        let system = |error: getrandom::Error| ServeError::System(error.to_string());
        let wanted = Deployment {
            id: deployment::new_id().map_err(system)?,
            shards: settings.shards,
            window: settings.window,
        };
        let ranks = RedisRanks::start(redis_options(&settings, redis));
        let mut registry = Registry::default();
        let submit_metrics = SubmitMetrics::new(&mut registry);
        let persist_metrics = settings.roles.persist.then(|| PersistMetrics::new(&mut registry));
        let overview = Arc::<Mutex<Overview>>::default();
        registry.register_collector(Box::new(RemoteGauges {
            ranks: Arc::clone(&ranks),
            overview: settings.roles.persist.then(|| Arc::clone(&overview)),
        }));

        let (close_sockets, sockets) = (CancellationToken::new(), TaskTracker::new());
        let waiting_for = Arc::new(Mutex::new(Some("starting".to_owned())));
        let boards = Arc::<Boards>::default();
        let waiting = Arc::new(Waiting::new(Arc::clone(&ranks)));
        let log_url = log_url(&settings)?;
        let stored = Stored::new(Arc::clone(&store));
        let remote =
            Arc::new(Remote::new(Arc::clone(&ranks), stored, Arc::clone(&boards), log_url.is_some()));
        let live =
            Live::new(Arc::clone(&remote) as Arc<dyn Source>, settings.live_interval, close_sockets.clone());
        let link = log_url.as_ref().map(|_| Arc::<LogLink>::default());
        let origin = getrandom::u64().map_err(system)?;
        let verdicts = Arc::new(Verdicts::new(Arc::clone(&ranks), origin));
        let appends = TaskTracker::new();
        let guard = link
            .as_ref()
            .map(|link| Arc::new(Guard::new(Arc::clone(&ranks), Arc::clone(link), settings.shards)));
        let submitter = match link.as_ref().zip(guard.clone()) {
            None => Way::Redis(Submitter {
                ranks: Arc::clone(&ranks),
                waiting: Arc::clone(&waiting),
                boards: Arc::clone(&boards),
                ack_timeout: settings.ack_timeout,
                auto_create: settings.auto_create,
                max_leaderboards: settings.max_leaderboards,
                metrics: submit_metrics,
            }),
            Some((link, guard)) => Way::Log(LogSubmitter {
                appender: Arc::new(Appender::new(
                    Arc::clone(link),
                    guard,
                    Arc::clone(&verdicts),
                    LogMetrics::new(&mut registry),
                    origin,
                    usize::try_from(settings.max_pending_bytes).unwrap_or(usize::MAX),
                    appends.clone(),
                )),
                ranks: Arc::clone(&ranks),
                waiting: Arc::clone(&waiting),
                boards: Arc::clone(&boards),
                remote: Arc::clone(&remote),
                ack_timeout: settings.ack_timeout,
                apply_wait: settings.apply_wait,
                auto_create: settings.auto_create,
                max_leaderboards: settings.max_leaderboards,
                metrics: submit_metrics,
            }),
        };
        let applier = link.as_ref().filter(|_| settings.roles.apply).map(|link| {
            Arc::new(ApplyTools {
                ranks: Arc::clone(&ranks),
                link: Arc::clone(link),
                works: settings.persist_batch.min(1_000),
                outside: Outside::default(),
                metrics: ApplyMetrics::new(&mut registry),
                states: Mutex::default(),
                replay: Replay::default(),
            })
        });
        registry.register_collector(Box::new(LogGauges { link: link.clone(), applier: applier.clone() }));
        let service = Arc::new(Direct {
            roles: settings.roles,
            submitter,
            remote,
            live: Arc::clone(&live),
            waiting_for: Arc::clone(&waiting_for),
        });
        let checks = Arc::new(RemoteChecks {
            roles: settings.roles,
            ranks: Arc::clone(&ranks),
            waiting_for: Arc::clone(&waiting_for),
            tools: OnceLock::new(),
            link: link.clone(),
            applier: applier.clone(),
            overview: Arc::clone(&overview),
            stopping: AtomicBool::new(false),
        });
        let cursor_secret = Arc::<OnceLock<[u8; 32]>>::default();
        let front = hiscore_api::front(ApiParts {
            service: service as Arc<dyn Service>,
            health: Arc::clone(&checks) as Arc<dyn Health>,
            registry,
            limits: limits(&settings),
            cursor_secret: Arc::clone(&cursor_secret),
            allowed_origins: settings.allowed_origins.clone(),
            shutdown: close_sockets.clone(),
            sockets: sockets.clone(),
        });
        let stop_listening = CancellationToken::new();
        let http =
            tokio::spawn(listen::serve(listener, front, settings.max_connections, stop_listening.clone()));

        let told = |why| *waiting_for.lock() = Some(why);
        let found = tokio::select! {
            found = find(&ranks, &store, &wanted, told) => found?,
            () = shutdown.cancelled() => {
                tracing::info!("stopped while waiting for Redis or the store");
                stop_listening.cancel();
                ranks.close().await;
                return Ok(());
            }
        };
        if link.is_none() && is_logged(&ranks, store.as_ref(), settings.shards).await {
            return Err(Mismatch::Logged.into());
        }
        // Only the first call sets it, and this is the first.
        let _ = cursor_secret.set(secret_of(&found.id));

        let stop_tasks = CancellationToken::new();
        let mut running = Running { tasks: TaskTracker::new(), applier: None, persister: None };
        running.tasks.spawn(waiting.run(stop_tasks.clone()));
        if let (Some(link), Some(url)) = (&link, log_url) {
            let options = link_options(&settings, url, &found);
            let connecting =
                Arc::clone(link).connect(options, Arc::clone(&ranks), Arc::clone(&store), stop_tasks.clone());
            running.tasks.spawn(connecting);
            running.tasks.spawn(Arc::clone(&verdicts).run(stop_tasks.clone()));
        }
        if let Some(guard) = guard.filter(|_| settings.roles.ingest) {
            running.tasks.spawn(guard.run(Arc::clone(&store), stop_tasks.clone()));
        }
        running.tasks.spawn(Arc::clone(&boards).follow(
            Arc::clone(&ranks),
            Arc::clone(&store),
            settings.shards,
            stop_tasks.clone(),
        ));
        running.tasks.spawn(live.run());
        running.tasks.close();
        let stop_persisting = CancellationToken::new();
        let terms = |trade, look| Terms {
            ranks: Arc::clone(&ranks),
            trade,
            holder: holder(&wanted.id),
            lease: settings.lease_time,
            shards: settings.shards,
            look,
        };
        if let Some(applier) = applier {
            let begin = move |shard, seen, stop| applier.begin(shard, seen, stop);
            let share = Share::new(terms(Trade::Apply, APPLIER_LOOK), begin, Arc::default());
            running.applier = Some(tokio::spawn(share.run(stop_tasks.clone(), settings.shutdown_timeout)));
        }
        if let Some(metrics) = persist_metrics {
            let tools = Arc::new(Tools {
                ranks: Arc::clone(&ranks),
                store,
                options: persist_options(&settings, found),
                holder: holder(&wanted.id),
                pace: Pace::new(Outside::default()),
                metrics,
                link: link.clone(),
                outside: Outside::default(),
            });
            let _ = checks.tools.set(Arc::clone(&tools));
            let begin = move |shard, seen, stop| {
                tokio::spawn(ShardLoop { tools: Arc::clone(&tools), shard, seen, stop }.run())
            };
            let share = Share::new(terms(Trade::Persist, PERSISTER_LOOK), begin, overview);
            running.persister =
                Some(tokio::spawn(share.run(stop_persisting.clone(), settings.shutdown_timeout)));
        }
        *waiting_for.lock() = None;
        ready();

        shutdown.cancelled().await;
        checks.stopping.store(true, Ordering::Relaxed);
        tracing::info!("stopping: no new connections, finishing what is under way");
        stop_listening.cancel();
        close_sockets.cancel();
        sockets.close();
        let deadline = Instant::now() + settings.shutdown_timeout;
        let drained = tokio::time::timeout_at(deadline, async {
            sockets.wait().await;
            http.await
        });
        if drained.await.is_err() {
            tracing::warn!("some connections did not end in time and are cut off");
        }
        stop_tasks.cancel();
        stop_persisting.cancel();
        if let Some(applier) = running.applier
            && applier.await.is_err()
        {
            return Err(ServeError::Died("applier"));
        }
        if let Some(persister) = running.persister
            && persister.await.is_err()
        {
            return Err(ServeError::Died("persister"));
        }
        running.tasks.wait().await;
        if let Some(link) = &link {
            link.close().await;
            appends.close();
            appends.wait().await;
        }
        ranks.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The text of a URL, from its setting or the file that another names.
fn url(setting: &'static str, url: Option<&String>, file: Option<&PathBuf>) -> Result<String, ServeError> {
    let text = match (url, file) {
        (Some(url), _) => url.clone(),
        (None, Some(path)) => std::fs::read_to_string(path)
            .map_err(|error| ServeError::Url { setting, why: format!("{}: {error}", path.display()) })?,
        (None, None) => String::new(),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(ServeError::Url { setting, why: "is empty".to_owned() });
    }
    Ok(text.to_owned())
}

/// MongoDB, or without one the data folder, which one process has to itself.
fn store(settings: &ServeSettings) -> Result<Arc<dyn Store>, ServeError> {
    if !settings.has_mongodb() {
        let cache = usize::try_from(settings.cache).unwrap_or(usize::MAX);
        let kept = Kept::open_folder(&settings.data_dir, cache)
            .map_err(|error| ServeError::Open { folder: settings.data_dir.display().to_string(), error })?;
        return Ok(Arc::new(kept));
    }
    let refused =
        |why: hiscore_store::StoreError| ServeError::Url { setting: "mongodb-url", why: why.to_string() };
    let url = url("mongodb-url", settings.mongodb_url.as_ref(), settings.mongodb_url_file.as_ref())?;
    let options = MongoOptions { timeout: settings.mongodb_timeout, ..MongoOptions::default() };
    Ok(Arc::new(MongoStore::connect(&url, options).map_err(refused)?))
}

fn redis_options(settings: &ServeSettings, url: RedisUrl) -> RedisOptions {
    RedisOptions {
        connections: settings.redis_connections,
        max_pending_bytes: usize::try_from(settings.max_pending_bytes).unwrap_or(usize::MAX),
        wait: settings.redis_wait.min(settings.ack_timeout),
        timeout: settings.ack_timeout,
        prefix: settings.redis_prefix.clone(),
        ..RedisOptions::new(url, settings.shards, settings.window)
    }
}

fn log_url(settings: &ServeSettings) -> Result<Option<LogUrl>, ServeError> {
    if !settings.has_log() {
        return Ok(None);
    }
    let text = url("log-url", settings.log_url.as_ref(), settings.log_url_file.as_ref())?;
    let url: Result<LogUrl, _> = text.parse();
    url.map(Some).map_err(|error| ServeError::Url { setting: "log-url", why: error.to_string() })
}

fn link_options(settings: &ServeSettings, url: LogUrl, deployment: &Deployment) -> LinkOptions {
    LinkOptions {
        brokers: Arc::new(url),
        deployment: deployment.id.clone(),
        shards: deployment.shards,
        timeout: settings.log_timeout,
        max_in_flight: usize::try_from(settings.max_pending_bytes).unwrap_or(usize::MAX),
        shard_bytes: settings.log_shard_bytes,
    }
}

fn persist_options(settings: &ServeSettings, deployment: Deployment) -> PersistOptions {
    PersistOptions {
        lease: settings.lease_time,
        interval: settings.flush_interval,
        rows: settings.persist_batch,
        bytes: usize::try_from(settings.persist_bytes).unwrap_or(usize::MAX),
        deployment,
        keep: settings.log_keep,
    }
}

/// A name that no other process has: where it runs helps who reads the log, and the random part tells two apart.
fn holder(random: &str) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "process".to_owned());
    let host: String = host.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("{host}-{}-{}", std::process::id(), &random[..8.min(random.len())])
}
