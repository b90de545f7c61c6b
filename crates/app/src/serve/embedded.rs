//! The wiring of the embedded profile: which stage gets what, in what order they start, and in what order they end.
//!
//! Start: the data folder is locked and its format known, the address bound, then HTTP answers (not ready), then
//! the folder is loaded, then requests are taken. End, in the order of a score's path: no new connections, requests
//! under way finish, sockets close, the committer empties its queue, the funnel makes a last round.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hiscore_api::ApiParts;
use hiscore_api::service::{Health, Service};
use hiscore_config::ServeSettings;
use hiscore_rank::MemoryRanks;
use hiscore_store::Options;
use hiscore_store::embedded::{Deployment, Embedded, Sizes};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{ServeError, bind, limits};
use crate::coalesce::{Funnel, FunnelParts, Pressure};
use crate::health::Checks;
use crate::metrics::{CommitMetrics, FunnelMetrics, Gauges};
use crate::scoreboard::directory::Directory;
use crate::scoreboard::live::Live;
use crate::scoreboard::reader::Reader;
use crate::scoreboard::source::Source;
use crate::service::{Recovered, Stages};
use crate::submit::books::Limits as BookLimits;
use crate::submit::{Committer, CommitterParts, Queue};
use crate::{listen, recover};

/// How often it is looked whether a thread of ours is still there.
const WATCH: Duration = Duration::from_millis(250);

/// A server with its folder locked and its address bound: nothing that a setting can be wrong about is left.
#[derive(Debug)]
pub struct EmbeddedServer {
    settings: ServeSettings,
    store: Arc<Embedded>,
    listener: TcpListener,
}

/// What runs besides HTTP.
struct Running {
    committer: Committer,
    funnel: Funnel,
    live: JoinHandle<()>,
}

impl EmbeddedServer {
    /// Opens the data folder and binds the address.
    pub async fn open(settings: ServeSettings) -> Result<Self, ServeError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| ServeError::System(error.to_string()))?;
        let options = Options {
            journal: Sizes { segment: settings.journal_segment, limit: settings.journal_limit },
            cache: usize::try_from(settings.cache).unwrap_or(usize::MAX),
            deployment: Deployment { shards: settings.shards, window: settings.window, secret },
        };
        let store = Embedded::open_folder(&settings.data_dir, options)
            .map_err(|error| ServeError::Open { folder: settings.data_dir.display().to_string(), error })?;
        let listener = bind(&settings).await?;
        Ok(Self { settings, store: Arc::new(store), listener })
    }

    /// Where it listens, the port known.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.settings.listen)
    }

    /// Serves until `shutdown`, then ends in order. `ready` is called once requests are taken.
    pub async fn run(self, shutdown: CancellationToken, ready: impl FnOnce()) -> Result<(), ServeError> {
        let Self { settings, store, listener } = self;
        let mut registry = Registry::default();
        let commit_metrics = CommitMetrics::new(&mut registry);
        let funnel_metrics = FunnelMetrics::new(&mut registry);
        let pending = usize::try_from(settings.max_pending_bytes).unwrap_or(usize::MAX);
        let queue = Arc::new(Queue::new(pending));
        registry
            .register_collector(Box::new(Gauges { store: Arc::clone(&store), queue: Arc::clone(&queue) }));
        let stages = Arc::new(Stages::new(Arc::clone(&queue), settings.ack_timeout));
        let pressure = Arc::new(Pressure::new(settings.max_dirty));
        let checks = Arc::new(Checks {
            stages: Arc::clone(&stages),
            pressure: Arc::clone(&pressure),
            store: Arc::clone(&store),
            stopping: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        });
        let (close_sockets, sockets) = (CancellationToken::new(), TaskTracker::new());
        let front = hiscore_api::front(ApiParts {
            service: Arc::clone(&stages) as Arc<dyn Service>,
            health: Arc::clone(&checks) as Arc<dyn Health>,
            registry,
            limits: limits(&settings),
            cursor_secret: Arc::new(OnceLock::from(store.deployment().secret)),
            allowed_origins: settings.allowed_origins.clone(),
            shutdown: close_sockets.clone(),
            sockets: sockets.clone(),
        });
        let stop_listening = CancellationToken::new();
        let http =
            tokio::spawn(listen::serve(listener, front, settings.max_connections, stop_listening.clone()));

        let ranks = Arc::<MemoryRanks>::default();
        let directory = Arc::<Directory>::default();
        let loaded = tokio::select! {
            loaded = load(&settings, &store, &ranks, &directory) => loaded?,
            () = shutdown.cancelled() => {
                // Nothing was taken. The loading thread ends with the process: a folder can be loaded again from
                // whatever state that leaves it in, as after a crash.
                tracing::info!("stopped while loading the data folder");
                stop_listening.cancel();
                return Ok(());
            }
        };
        let reader = Arc::new(Reader::new(Arc::clone(&store), Arc::clone(&ranks), Arc::clone(&directory)));
        let live =
            Live::new(Arc::clone(&reader) as Arc<dyn Source>, settings.live_interval, close_sockets.clone());
        let system = |error: std::io::Error| ServeError::System(error.to_string());
        let committer = Committer::start(CommitterParts {
            queue: Arc::clone(&queue),
            store: Arc::clone(&store),
            journal: loaded.1,
            books: loaded.0,
            ranks: Arc::clone(&ranks),
            directory: Arc::clone(&directory),
            pressure: Arc::clone(&pressure),
            metrics: commit_metrics,
            most: settings.max_batch,
        });
        let funnel = Funnel::start(FunnelParts {
            store,
            pressure: Arc::clone(&pressure),
            interval: settings.flush_interval,
            ranks,
            directory,
            metrics: funnel_metrics,
        })
        .map_err(system)?;
        let running = Running { committer, funnel, live: tokio::spawn(Arc::clone(&live).run()) };
        stages.recovered(Recovered { reader, live });
        ready();

        let died = watch(&running, &shutdown).await;
        checks.stopping.store(true, Ordering::Relaxed);
        checks.broken.store(died.is_some(), Ordering::Relaxed);
        tracing::info!("stopping: no new connections, finishing what is under way");
        stop_listening.cancel();
        close_sockets.cancel();
        sockets.close();
        let deadline = Instant::now() + settings.shutdown_timeout;
        let drained = tokio::time::timeout_at(deadline.into(), async {
            sockets.wait().await;
            http.await
        });
        if drained.await.is_err() {
            tracing::warn!("some connections did not end in time and are cut off");
        }
        finish(running, &queue, &pressure).await?;
        died.map_or(Ok(()), |who| Err(ServeError::Died(who)))
    }
}

type Loaded = (crate::submit::books::Books, hiscore_store::embedded::Journal);

/// Loads the folder on a thread of its own, since it reads the disk for as long as it takes.
async fn load(
    settings: &ServeSettings,
    store: &Arc<Embedded>,
    ranks: &Arc<MemoryRanks>,
    directory: &Arc<Directory>,
) -> Result<Loaded, ServeError> {
    let limits = BookLimits {
        leaderboards: settings.max_leaderboards,
        auto_create: settings.auto_create,
        window: settings.window,
    };
    let (store, ranks, directory) = (Arc::clone(store), Arc::clone(ranks), Arc::clone(directory));
    let loading = tokio::task::spawn_blocking(move || recover::recover(&store, &ranks, &directory, limits));
    let folder = settings.data_dir.display().to_string();
    match loading.await {
        Ok(loaded) => loaded.map_err(|error| ServeError::Open { folder, error }),
        Err(_) => Err(ServeError::Died("loading of the data folder")),
    }
}

/// Returns when told to stop, or with the name of a thread that ended early.
async fn watch(running: &Running, shutdown: &CancellationToken) -> Option<&'static str> {
    let mut ticks = tokio::time::interval(WATCH);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return None,
            _ = ticks.tick() => {}
        }
        if running.committer.is_finished() {
            return Some("committer");
        }
        if running.funnel.is_finished() {
            return Some("funnel");
        }
        if running.live.is_finished() {
            return Some("live task");
        }
    }
}

/// Empties the queue, then the funnel.
async fn finish(running: Running, queue: &Queue, pressure: &Pressure) -> Result<(), ServeError> {
    let Running { committer, funnel, live } = running;
    live.abort();
    queue.close();
    let committed = committer.join().await;
    pressure.close();
    let flushed = tokio::task::spawn_blocking(move || funnel.join()).await.unwrap_or(false);
    tracing::info!(flushed, "stopped");
    match (committed, flushed) {
        (false, _) => Err(ServeError::Died("committer")),
        (true, false) => Err(ServeError::NotFlushed),
        (true, true) => Ok(()),
    }
}
