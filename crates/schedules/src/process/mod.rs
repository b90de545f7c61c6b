//! Processes of hiscore: their roles are the real ones, wired as `serve` wires them, but for HTTP.

mod apply;
mod ingest;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hiscore::coalesce::persister::pace::Pace;
use hiscore::coalesce::persister::shard::ShardLoop;
use hiscore::coalesce::persister::{PersistOptions, Tools};
use hiscore::deployment::find;
use hiscore::log_link::{LinkOptions, LogLink};
use hiscore::metrics::PersistMetrics;
use hiscore::outside::Outside;
use hiscore::share::{Share, Terms};
use hiscore_api::service::{Accepted, BoardError, Entry, Rejected, Wanted};
use hiscore_rank::redis::{Deployment, Options, Outside as RanksOutside, RedisRanks, Trade};
use hiscore_score::{LeaderboardId, PlayerId, Rules, VersionId};
use hiscore_store::Store;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::journal::Journal;
use crate::log::{APPEND, Reached, SimBrokers};
use crate::redis::EPOCH_MS;
use crate::redis::front::Front;
use crate::store::{Backing, SimStore};

/// The length of an idempotency window.
pub(crate) const WINDOW: usize = 32;
/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How often a process looks at its shards.
const LOOK: Duration = Duration::from_millis(100);
/// Time-outs, of acknowledgements and of Redis.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What is the same for all processes of a schedule.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) journal: Journal,
    pub(crate) front: Front,
    pub(crate) backing: Backing,
    /// Behind which the ranks are, if they are.
    pub(crate) brokers: Option<SimBrokers>,
    pub(crate) shards: u16,
    /// Records of one bulk, and works that are applied at once.
    pub(crate) rows: usize,
    pub(crate) redis_url: String,
    /// How long what became of an entry of the log is waited for.
    pub(crate) apply_wait: Duration,
}

/// Something for an ingest to do.
pub(crate) enum Ask {
    Create(Rules),
    Submit(Box<Entry>, Wanted),
    Delete(PlayerId),
    /// From the season that is expected to be the present one.
    Reset(VersionId),
}

/// What it says.
pub(crate) enum Answer {
    Created,
    Submitted(Result<Accepted, Rejected>),
    Deleted(bool),
    /// The season that is the present one now.
    Reset(VersionId),
}

/// Those who wait for an answer of one process, kept outside of it: what a process that dies leaves behind goes in no order that a
/// seed repeats.
pub(crate) type Pending = Arc<Mutex<BTreeMap<u64, oneshot::Sender<Result<Answer, BoardError>>>>>;

/// A request on its way to an ingest.
pub(crate) struct Job {
    pub(crate) board: LeaderboardId,
    pub(crate) ask: Ask,
    pub(crate) answer: oneshot::Sender<Result<Answer, BoardError>>,
}

impl Setting {
    /// The client of the ranking tier of a host, and its store. Called on that host.
    pub(crate) fn tiers(&self, host: &str, chance: &Chance) -> (Arc<RedisRanks>, Arc<dyn Store>) {
        let drawn = chance.part();
        let outside =
            RanksOutside { dial: Some(self.front.dial(host)), chance: Some(Arc::new(move || drawn.any())) };
        #[expect(clippy::expect_used, reason = "it is a constant of the plan")]
        let url = self.redis_url.parse().expect("a URL of Redis");
        let options = Options {
            timeout: TIMEOUT,
            wait: Duration::from_millis(300),
            outside,
            ..Options::new(url, self.shards, WINDOW)
        };
        let store = SimStore { backing: self.backing.clone(), host: host.to_owned() };
        (RedisRanks::start(options), Arc::new(store))
    }

    pub(crate) fn deployment(&self) -> Deployment {
        Deployment { id: "0123456789abcdef0123456789abcdef".to_owned(), shards: self.shards, window: WINDOW }
    }

    /// The link of a host to the log, if there is one. Called on that host.
    fn link(&self, host: &str, ranks: &Arc<RedisRanks>, store: &Arc<dyn Store>) -> Option<Arc<LogLink>> {
        let brokers = self.brokers.clone()?;
        let link = Arc::<LogLink>::default();
        let options = LinkOptions {
            brokers: Arc::new(Reached { brokers, host: host.to_owned() }),
            deployment: self.deployment().id,
            shards: self.shards,
            timeout: APPEND,
            max_in_flight: 1 << 20,
            shard_bytes: 1 << 30,
        };
        let (ranks, store) = (Arc::clone(ranks), Arc::clone(store));
        tokio::spawn(Arc::clone(&link).connect(options, ranks, store, CancellationToken::new()));
        Some(link)
    }

    fn terms(&self, ranks: &Arc<RedisRanks>, trade: Trade, holder: String) -> Terms {
        Terms { ranks: Arc::clone(ranks), trade, holder, lease: LEASE, shards: self.shards, look: LOOK }
    }

    fn outside(&self, chance: &Chance) -> Outside {
        let (journal, drawn) = (self.journal.clone(), chance.part());
        Outside {
            clock: Arc::new(move || EPOCH_MS + journal.now_ms()),
            chance: Arc::new(move || drawn.any()),
        }
    }

    /// A persister, until it is killed or told to end.
    pub(crate) async fn persist(self, host: String, holder: String, chance: Chance, stop: CancellationToken) {
        let (ranks, store) = self.tiers(&host, &chance);
        let outside = self.outside(&chance);
        let Ok(deployment) = find(&ranks, &store, &self.deployment(), |_| {}).await else {
            return self.journal.tell(format_args!("{host} finds another deployment"));
        };
        let link = self.link(&host, &ranks, &store);
        let terms = self.terms(&ranks, Trade::Persist, holder.clone());
        let tools = Arc::new(Tools {
            ranks: Arc::clone(&ranks),
            store,
            options: PersistOptions {
                lease: LEASE,
                interval: Duration::from_millis(300),
                rows: self.rows,
                bytes: 1 << 20,
                deployment,
                keep: Duration::from_secs(3600),
            },
            holder,
            pace: Pace::new(outside.clone()),
            metrics: PersistMetrics::new(&mut Registry::default()),
            link,
            outside,
        });
        let begin = move |shard, seen, stop| {
            tokio::spawn(ShardLoop { tools: Arc::clone(&tools), shard, seen, stop }.run())
        };
        Share::new(terms, begin, Arc::default()).run(stop, Duration::from_secs(5)).await;
        ranks.close().await;
        self.journal.tell(format_args!("{host} has ended"));
    }
}
