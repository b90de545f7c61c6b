//! A tier under test: a runtime, the client, and its shards opened as a persister would.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hiscore_faults::servers::{self, Redis};
use hiscore_faults::wait::until;
use hiscore_rank::redis::{
    CallError, Claim, Confirmed, Deployment, Done, Opening, Options, RedisRanks, Refused, Reply, Request,
    Work,
};
use hiscore_score::{
    LeaderboardId, Metadata, Operator, PlayerId, RecordKey, Rules, Score, Season, Stamp, Submission,
    SubmissionId,
};
use tokio::runtime::Runtime;

/// The holder of leases in tests.
pub(crate) const ME: &str = "me";
/// Long enough for every test.
pub(crate) const LONG: Duration = Duration::from_secs(600);
/// How long something may take that happens by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A client with a runtime of its own, so that a test can block.
pub(crate) struct Tier {
    pub(crate) ranks: Arc<RedisRanks>,
    runtime: Runtime,
    deployment: Deployment,
}

/// A server, or `None` (said loudly) where there is none.
pub(crate) fn server() -> Option<Redis> {
    (!servers::missing("redis-server")).then(Redis::start)
}

pub(crate) fn options(url: &str) -> Options {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut options = Options::new(url.parse().unwrap(), 1, 4);
    options.prefix = format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    options
}

impl Tier {
    /// A client of this Redis, with a prefix of its own, its one shard opened.
    pub(crate) fn on(url: &str) -> Self {
        Self::with(options(url))
    }

    pub(crate) fn with(options: Options) -> Self {
        let shards = options.shards;
        let tier = Self::closed(options);
        (0..shards).for_each(|shard| tier.open(shard, 1));
        tier
    }

    /// A client that has not opened anything.
    pub(crate) fn closed(options: Options) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let deployment =
            Deployment { id: "deployment".into(), shards: options.shards, window: options.window };
        let ranks = {
            let _guard = runtime.enter();
            RedisRanks::start(options)
        };
        Self { ranks, runtime, deployment }
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Asks until it is answered: a client connects in the background.
    pub(crate) fn patiently<T, E: std::fmt::Debug, F: Future<Output = Result<T, E>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> T {
        until("an answer of Redis", PATIENCE, || self.wait(ask()).ok())
    }

    pub(crate) fn deployment(&self) -> Deployment {
        self.deployment.clone()
    }

    /// Surveys the shard and opens it as it is.
    pub(crate) fn open(&self, shard: u16, epoch: u32) {
        let survey = self.patiently(|| self.ranks.survey(shard, ME, LONG));
        let opening = Opening {
            replication: survey.replication,
            epoch,
            stamp: Stamp::ZERO,
            persisted: survey.look.persisted,
            stored: survey.look.stored,
            deployment: self.deployment(),
            log: None,
        };
        self.wait(self.ranks.open(shard, ME, opening)).unwrap();
    }

    pub(crate) fn try_submit(&self, board: &LeaderboardId, works: Vec<Work>) -> Result<Reply, CallError> {
        self.wait(self.ranks.submit(request(board, works)))
    }

    /// The results of works, which must be judged.
    pub(crate) fn submit(&self, board: &LeaderboardId, works: Vec<Work>) -> Vec<Result<Done, Refused>> {
        self.try_submit(board, works).unwrap().results
    }

    /// Claims everything, confirms it, and returns what it was.
    pub(crate) fn flush(&self) -> Claim {
        let mut all = Claim::default();
        while let Some(claim) = self.wait(self.ranks.claim(0, ME, LONG, 100, 1 << 20)).unwrap() {
            self.confirm(&claim, claim.watermark);
            all.rows.extend(claim.rows);
            all.boards.extend(claim.boards);
            all.watermark = claim.watermark;
        }
        all
    }

    pub(crate) fn confirm(&self, claim: &Claim, watermark: u64) {
        let rows: Vec<_> = claim.rows.iter().map(|(first, key, _)| (*first, key.clone())).collect();
        let boards: Vec<_> = claim.boards.iter().map(|(first, mark, _)| (*first, mark.clone())).collect();
        let confirmed = Confirmed { claim: claim.number, rows: &rows, boards: &boards, watermark };
        self.wait(self.ranks.clear(0, ME, claim.epoch, confirmed)).unwrap();
    }

    pub(crate) fn look(&self) -> hiscore_rank::redis::Look {
        self.wait(self.ranks.look(&[0])).pop().unwrap().unwrap()
    }

    /// Ends the client; its tasks must end, too.
    pub(crate) fn close(self) {
        self.wait(self.ranks.close());
    }
}

pub(crate) fn request(board: &LeaderboardId, works: Vec<Work>) -> Request {
    Request {
        board: board.clone(),
        works,
        auto_create: false,
        want_record: true,
        want_rank: true,
        want_previous_rank: true,
        wake_persister: false,
        replicas: 0,
    }
}

pub(crate) fn board(id: &str) -> LeaderboardId {
    LeaderboardId::new(id).unwrap()
}

pub(crate) fn player(id: &str) -> PlayerId {
    PlayerId::new(id).unwrap()
}

pub(crate) fn key(leaderboard: &LeaderboardId, version: u32, player: &PlayerId) -> RecordKey {
    RecordKey { season: Season { leaderboard: leaderboard.clone(), version }, player: player.clone() }
}

pub(crate) fn rules(operator: Operator) -> Rules {
    Rules { operator, ..Rules::default() }
}

pub(crate) fn create(operator: Operator) -> Work {
    Work::Create { rules: rules(operator) }
}

pub(crate) fn score(who: &str, score: i64) -> Work {
    scored(who, score, 0, None, None)
}

pub(crate) fn keyed(who: &str, score: i64, id: &str) -> Work {
    scored(who, score, 0, None, Some(id))
}

pub(crate) fn scored(
    who: &str,
    score: i64,
    subscore: i64,
    metadata: Option<Metadata>,
    id: Option<&str>,
) -> Work {
    let id = id.map(|id| SubmissionId::new(id).unwrap());
    let [score, subscore] = [score, subscore].map(|score| Score::new(score).unwrap());
    Work::Submit { player: player(who), submission: Submission::new(score, subscore, metadata, id.as_ref()) }
}
