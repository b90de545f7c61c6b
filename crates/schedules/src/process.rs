//! Processes of hiscore: their roles are the real ones, wired as `serve` wires them, but for HTTP.

use std::sync::Arc;
use std::time::Duration;

use hiscore::coalesce::persister::pace::Pace;
use hiscore::coalesce::persister::shard::ShardLoop;
use hiscore::coalesce::persister::{PersistOptions, Tools};
use hiscore::deployment::find;
use hiscore::metrics::{PersistMetrics, SubmitMetrics};
use hiscore::outside::Outside;
use hiscore::scoreboard::boards::Boards;
use hiscore::share::{Share, Terms};
use hiscore::submit::remote::Submitter;
use hiscore::submit::waiting::Waiting;
use hiscore_api::service::{Accepted, BoardError, Entry, Rejected, Wanted};
use hiscore_rank::redis::{Deployment, Options, Outside as RanksOutside, RedisRanks, Trade};
use hiscore_score::{LeaderboardId, PlayerId, Rules};
use hiscore_store::Store;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::journal::Journal;
use crate::redis::EPOCH_MS;
use crate::redis::front::Front;
use crate::store::{Backing, SimStore};

/// The length of an idempotency window.
pub(crate) const WINDOW: usize = 32;
/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How often a persister looks at its shards.
const LOOK: Duration = Duration::from_millis(100);
/// Time-outs, of acknowledgements and of Redis.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What is the same for all processes of a schedule.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) journal: Journal,
    pub(crate) front: Front,
    pub(crate) backing: Backing,
    pub(crate) shards: u16,
    /// Records of one bulk.
    pub(crate) rows: usize,
    pub(crate) redis_url: String,
}

/// Something for an ingest to do.
pub(crate) enum Ask {
    Create(Rules),
    Submit(Box<Entry>, Wanted),
    Delete(PlayerId),
}

/// What it says.
pub(crate) enum Answer {
    Created,
    Submitted(Result<Accepted, Rejected>),
    Deleted(bool),
}

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

    fn outside(&self, chance: &Chance) -> Outside {
        let (journal, drawn) = (self.journal.clone(), chance.part());
        Outside {
            clock: Arc::new(move || EPOCH_MS + journal.now_ms()),
            chance: Arc::new(move || drawn.any()),
        }
    }

    /// An ingest, until it is killed.
    pub(crate) async fn ingest(self, host: String, chance: Chance, mut jobs: mpsc::Receiver<Job>) {
        let (ranks, store) = self.tiers(&host, &chance);
        let waiting = Arc::new(Waiting::new(Arc::clone(&ranks)));
        if find(&ranks, &store, &self.deployment(), |_| {}).await.is_err() {
            return self.journal.tell(format_args!("{host} finds another deployment"));
        }
        tokio::spawn(Arc::clone(&waiting).run(CancellationToken::new()));
        let submitter = Arc::new(Submitter {
            ranks,
            waiting,
            boards: Arc::new(Boards::default()),
            ack_timeout: TIMEOUT,
            auto_create: false,
            max_leaderboards: 100,
            metrics: SubmitMetrics::new(&mut Registry::default()),
        });
        while let Some(Job { board, ask, answer }) = jobs.recv().await {
            let submitter = Arc::clone(&submitter);
            tokio::spawn(async move {
                let done = match ask {
                    Ask::Create(rules) => submitter.create(&board, rules).await.map(|_| Answer::Created),
                    Ask::Delete(player) => submitter.delete(&board, &player).await.map(Answer::Deleted),
                    Ask::Submit(entry, wanted) => {
                        let results = submitter.submit(&board, vec![*entry], wanted).await;
                        results.and_then(|mut results| {
                            results.pop().map(Answer::Submitted).ok_or(BoardError::NotFound)
                        })
                    }
                };
                let _ = answer.send(done);
            });
        }
    }

    /// A persister, until it is killed or told to end.
    pub(crate) async fn persist(self, host: String, holder: String, chance: Chance, stop: CancellationToken) {
        let (ranks, store) = self.tiers(&host, &chance);
        let outside = self.outside(&chance);
        let Ok(deployment) = find(&ranks, &store, &self.deployment(), |_| {}).await else {
            return self.journal.tell(format_args!("{host} finds another deployment"));
        };
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
            holder: holder.clone(),
            pace: Pace::new(outside.clone()),
            metrics: PersistMetrics::new(&mut Registry::default()),
            link: None,
            outside,
        });
        let terms = Terms {
            ranks: Arc::clone(&ranks),
            trade: Trade::Persist,
            holder,
            lease: LEASE,
            shards: self.shards,
            look: LOOK,
        };
        let begin = move |shard, seen, stop| {
            tokio::spawn(ShardLoop { tools: Arc::clone(&tools), shard, seen, stop }.run())
        };
        Share::new(terms, begin, Arc::default()).run(stop, Duration::from_secs(5)).await;
        ranks.close().await;
        self.journal.tell(format_args!("{host} has ended"));
    }
}
