//! What all calls share: the present topology with its nodes, and the task that keeps it up to date.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::calls::CallError;
use super::channel::Channel;
use super::connect::{Purpose, Trouble, replicas};
use super::lane::{Lane, Queue};
use super::library::{Keys, Library};
use super::options::{Options, Status};
use super::topology::{ASK_AGAIN, Place, Resolver};
use super::url::Host;

/// How often it is looked who is primary, when nothing gives reason to.
const LOOK: Duration = Duration::from_secs(1);
/// The pauses between looks while something is wrong: from, to.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A primary.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) reads: Channel,
    pub(super) control: Channel,
    pub(super) applies: Channel,
    lanes: Vec<Arc<Queue>>,
    replicas: Arc<AtomicU32>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Cancelled when it is not the primary any more.
    retired: CancellationToken,
}

/// Who has which shard.
#[derive(Debug, Default)]
struct Topology {
    nodes: Vec<Arc<Node>>,
    /// The number of the node, by shard.
    of_shard: Vec<Option<usize>>,
}

/// Everything that is shared.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) options: Options,
    pub(super) library: Arc<Library>,
    pub(super) keys: Arc<Keys>,
    pub(super) pending: Arc<AtomicUsize>,
    topology: RwLock<Topology>,
    pub(super) kick: Arc<Notify>,
    last_error: Mutex<Option<String>>,
    /// Tasks of nodes that are not primaries any more, until they have ended.
    retired: Mutex<Vec<JoinHandle<()>>>,
    closing: AtomicBool,
}

impl Hub {
    pub(super) fn new(mut options: Options) -> Self {
        options.shards = options.shards.max(1);
        options.window = options.window.max(1);
        options.connections = options.connections.max(1);
        options.max_batch = options.max_batch.clamp(1, 2_000);
        Self {
            library: Arc::new(Library::new()),
            keys: Arc::new(Keys::new(&options.prefix, options.shards)),
            options,
            pending: Arc::default(),
            topology: RwLock::default(),
            kick: Arc::default(),
            last_error: Mutex::new(Some("not connected yet".into())),
            retired: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// The primary of a shard, as last looked up.
    pub(super) fn node_of(&self, shard: u16) -> Result<Arc<Node>, Trouble> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Trouble::Unavailable("the connections to Redis are being closed".into()));
        }
        let topology = self.topology.read();
        let node = { topology.of_shard.get(usize::from(shard)) }
            .and_then(|node| topology.nodes.get((*node)?))
            .map(Arc::clone);
        node.ok_or_else(|| {
            let why = self.last_error.lock().clone();
            let why = why.unwrap_or_else(|| "nobody serves this shard".into());
            Trouble::Unavailable(format!("no primary of shard {shard}: {why}"))
        })
    }

    /// The queue that submissions of a shard go by.
    pub(super) fn lane_of(&self, shard: u16) -> Result<Arc<Queue>, Trouble> {
        let node = self.node_of(shard)?;
        let lane = node.lanes.get(usize::from(shard) % node.lanes.len().max(1)).map(Arc::clone);
        lane.ok_or_else(|| Trouble::Unavailable("no connection".into()))
    }

    /// A call of a function of the library, on a shard.
    pub(super) fn command(&self, function: &str, shard: u16, reads: bool) -> Cmd {
        let mut command = redis::cmd(if reads { "FCALL_RO" } else { "FCALL" });
        command.arg(self.library.function(function)).arg(1).arg(self.keys.meta(shard));
        command
    }

    /// Calls on the connection for persisters, which submissions are not in front of, nor behind.
    pub(super) async fn control(&self, shard: u16, command: Cmd) -> Result<Value, CallError> {
        let node = self.node_of(shard)?;
        self.call(&node.control, command).await
    }

    /// Calls on the connection for those who apply a log.
    pub(super) async fn apply(&self, shard: u16, command: Cmd) -> Result<Value, CallError> {
        let node = self.node_of(shard)?;
        self.call(&node.applies, command).await
    }

    async fn call(&self, channel: &Channel, command: Cmd) -> Result<Value, CallError> {
        let answers = channel.call(vec![command], None, &self.library, self.options.timeout).await;
        let answer = answers.and_then(|mut answers| answers.pop().unwrap_or(Ok(Value::Nil)));
        answer.map_err(|trouble| self.notice(trouble).into())
    }

    /// Has it looked again who is primary, if the trouble gives reason to.
    pub(super) fn notice(&self, trouble: Trouble) -> Trouble {
        if matches!(trouble, Trouble::Elsewhere(_) | Trouble::Ambiguous(_) | Trouble::Unavailable(_)) {
            self.kick.notify_one();
        }
        trouble
    }

    pub(super) fn status(&self) -> Status {
        let topology = self.topology.read();
        let replicas = topology.nodes.iter().map(|node| node.replicas.load(Ordering::Relaxed));
        Status {
            primaries: topology.nodes.len(),
            connected: topology.nodes.iter().filter(|node| node.control.is_up()).count(),
            replicas: replicas.min().unwrap_or(0),
            last_error: self.last_error.lock().clone(),
            pending_bytes: self.pending.load(Ordering::Acquire),
            max_pending_bytes: self.options.max_pending_bytes,
        }
    }

    pub(super) fn replicas_of(&self, shard: u16) -> u32 {
        self.node_of(shard).map_or(0, |node| node.replicas.load(Ordering::Relaxed))
    }

    /// Refuses everything from now on, and lets the task that keeps the topology end.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.kick.notify_one();
    }

    /// Keeps the topology until closed, then ends the lanes.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut resolver = Resolver::new(&self.options);
        let mut pause = BACK_OFF.0;
        while !self.closing.load(Ordering::Acquire) {
            let well = match resolver.resolve(&self.keys).await {
                Ok(places) => {
                    self.install(places);
                    self.look_or_move(&mut resolver).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = &well {
                tracing::debug!(error, "Redis is not as it should be");
            }
            let failed = well.is_err();
            *self.last_error.lock() = well.err();
            let rest = if failed { pause + self.jitter(pause) } else { LOOK };
            pause = if failed { (pause * 2).min(BACK_OFF.1) } else { BACK_OFF.0 };
            if tokio::time::timeout(rest, self.kick.notified()).await.is_ok() {
                // Kicks must not do away with the pause: while Redis is away, every call gives one.
                tokio::time::sleep(BACK_OFF.0).await;
            }
        }
        self.install(Vec::new());
        let tasks = std::mem::take(&mut *self.retired.lock());
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a connection's task ended badly");
            }
        }
    }

    /// Looks at the primaries; one that stands still is not waited for once another has its place.
    async fn look_or_move(&self, resolver: &mut Resolver) -> Result<(), String> {
        loop {
            tokio::select! {
                biased;
                looked = self.look() => return looked,
                places = self.moved(resolver) => self.install(places),
            }
        }
    }

    /// Waits until somebody else is the primary of a shard.
    async fn moved(&self, resolver: &mut Resolver) -> Vec<Place> {
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            if let Ok(places) = resolver.resolve(&self.keys).await
                && places.iter().any(|(host, shards)| shards.iter().any(|shard| !self.is_at(*shard, host)))
            {
                return places;
            }
        }
    }

    fn is_at(&self, shard: u16, host: &Host) -> bool {
        self.node_of(shard).is_ok_and(|node| node.control.host == *host)
    }

    /// Takes over the places: nodes that stay keep their connections, others end.
    fn install(&self, places: Vec<Place>) {
        let present = self.topology.read().nodes.clone();
        let mut topology =
            Topology { nodes: Vec::new(), of_shard: vec![None; usize::from(self.options.shards)] };
        for (number, (host, shards)) in places.into_iter().enumerate() {
            let known = present.iter().find(|node| node.control.host == host).map(Arc::clone);
            topology.nodes.push(known.unwrap_or_else(|| self.node(&host)));
            for shard in shards {
                if let Some(of_shard) = topology.of_shard.get_mut(usize::from(shard)) {
                    *of_shard = Some(number);
                }
            }
        }
        let kept = topology.nodes.clone();
        *self.topology.write() = topology;
        let gone = present.iter().filter(|node| !kept.iter().any(|kept| Arc::ptr_eq(kept, node)));
        // The new primary is not to wait for what is under way there. One that stands still never answers, so that is given up
        // soon; at the end, when nobody takes over, it may take its time.
        let mut retired = self.retired.lock();
        retired.retain(|task| !task.is_finished());
        for node in gone {
            if !kept.is_empty() {
                node.retired.cancel();
            }
            node.lanes.iter().for_each(|lane| lane.close());
            retired.append(&mut node.tasks.lock());
        }
    }

    fn node(&self, host: &Host) -> Arc<Node> {
        let options = &self.options;
        let retired = CancellationToken::new();
        let channel = || Channel::new(options, host, Purpose::Primary).until(&retired);
        let replicas: Arc<AtomicU32> = Arc::default();
        let lanes: Vec<Arc<Queue>> = (0..options.connections).map(|_| Arc::default()).collect();
        let tasks = lanes.iter().map(|queue| {
            let lane = Lane {
                queue: Arc::clone(queue),
                channel: channel(),
                replicas: Arc::clone(&replicas),
                library: Arc::clone(&self.library),
                keys: Arc::clone(&self.keys),
                kick: Arc::clone(&self.kick),
                max_batch: options.max_batch,
                wait: options.wait,
                timeout: options.timeout,
            };
            tokio::spawn(lane.run())
        });
        let tasks = Mutex::new(tasks.collect());
        let (reads, control, applies) = (channel(), channel(), channel());
        Arc::new(Node { reads, control, applies, lanes, replicas, tasks, retired })
    }

    /// By chance, up to as much again: those who lost the same Redis must not come back all at once.
    fn jitter(&self, pause: Duration) -> Duration {
        pause.mul_f64((self.options.outside.chance() >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// Asks every primary for its role and its replicas.
    async fn look(&self) -> Result<(), String> {
        let nodes = self.topology.read().nodes.clone();
        let timeout = self.options.timeout.min(BACK_OFF.1);
        let mut asked = JoinSet::new();
        for node in nodes {
            asked.spawn(async move {
                let answers = node.control.send(vec![redis::cmd("ROLE")], timeout).await;
                let role = answers.and_then(|mut answers| answers.pop().unwrap_or(Ok(Value::Nil)));
                let count = match role {
                    Ok(role) => replicas(&role).map_err(|error| format!("{}: {error}", node.control.host)),
                    Err(trouble) => Err(CallError::from(trouble).to_string()),
                };
                count.map(|count| node.replicas.store(count, Ordering::Relaxed))
            });
        }
        let mut first = Ok(());
        while let Some(answer) = asked.join_next().await {
            let answer = answer.map_err(|error| error.to_string()).and_then(|answer| answer);
            first = first.and(answer);
        }
        first
    }
}
