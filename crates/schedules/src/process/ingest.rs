//! A process that takes submissions: for Redis, or for the log.

use std::sync::Arc;

use hiscore::deployment::find;
use hiscore::direct::Way;
use hiscore::metrics::{LogMetrics, SubmitMetrics};
use hiscore::scoreboard::boards::Boards;
use hiscore::scoreboard::remote::Remote;
use hiscore::scoreboard::stored::Stored;
use hiscore::submit::appender::Appender;
use hiscore::submit::guard::Guard;
use hiscore::submit::logged::LogSubmitter;
use hiscore::submit::remote::Submitter;
use hiscore::submit::verdicts::Verdicts;
use hiscore::submit::waiting::Waiting;
use hiscore_api::service::BoardError;
use hiscore_rank::redis::RedisRanks;
use hiscore_score::LeaderboardId;
use hiscore_store::Store;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Answer, Ask, Job, Pending, Setting, TIMEOUT};
use crate::chance::Chance;

impl Setting {
    /// An ingest, until it is killed.
    pub(crate) async fn ingest(
        self,
        host: String,
        chance: Chance,
        mut jobs: mpsc::Receiver<Job>,
        pending: Pending,
    ) {
        let (ranks, store) = self.tiers(&host, &chance);
        let waiting = Arc::new(Waiting::new(Arc::clone(&ranks)));
        if find(&ranks, &store, &self.deployment(), |_| {}).await.is_err() {
            return self.journal.tell(format_args!("{host} finds another deployment"));
        }
        tokio::spawn(Arc::clone(&waiting).run(CancellationToken::new()));
        let way = match self.appending(&host, &chance, &ranks, &store, &waiting) {
            Some(log) => Way::Log(log),
            None => Way::Redis(Submitter {
                ranks,
                waiting,
                boards: Arc::new(Boards::default()),
                ack_timeout: TIMEOUT,
                auto_create: false,
                max_leaderboards: 100,
                metrics: SubmitMetrics::new(&mut Registry::default()),
            }),
        };
        let way = Arc::new(way);
        let mut number = 0;
        while let Some(Job { board, ask, answer }) = jobs.recv().await {
            number += 1;
            pending.lock().insert(number, answer);
            let (way, pending) = (Arc::clone(&way), Arc::clone(&pending));
            tokio::spawn(async move {
                let done = done(&way, &board, ask).await;
                let answer = pending.lock().remove(&number);
                answer.map(|answer| answer.send(done).is_ok())
            });
        }
    }

    /// What appends to the log, if there is one.
    fn appending(
        &self,
        host: &str,
        chance: &Chance,
        ranks: &Arc<RedisRanks>,
        store: &Arc<dyn Store>,
        waiting: &Arc<Waiting>,
    ) -> Option<LogSubmitter> {
        let link = self.link(host, ranks, store)?;
        let (ranks, store, metrics) = (Arc::clone(ranks), Arc::clone(store), &mut Registry::default());
        let (boards, origin) = (Arc::<Boards>::default(), chance.any());
        let verdicts = Arc::new(Verdicts::new(Arc::clone(&ranks), origin));
        let guard = Arc::new(Guard::new(Arc::clone(&ranks), Arc::clone(&link), self.shards));
        let stored = Stored::new(Arc::clone(&store));
        let never = CancellationToken::new();
        tokio::spawn(Arc::clone(&verdicts).run(never.clone()));
        tokio::spawn(Arc::clone(&guard).run(Arc::clone(&store), never.clone()));
        tokio::spawn(Arc::clone(&boards).follow(Arc::clone(&ranks), store, self.shards, never));
        Some(LogSubmitter {
            appender: Arc::new(Appender::new(
                link,
                guard,
                verdicts,
                LogMetrics::new(metrics),
                origin,
                1 << 20,
                TaskTracker::new(),
            )),
            remote: Arc::new(Remote::new(Arc::clone(&ranks), stored, Arc::clone(&boards), true)),
            ranks,
            waiting: Arc::clone(waiting),
            boards,
            ack_timeout: TIMEOUT,
            apply_wait: self.apply_wait,
            auto_create: false,
            max_leaderboards: 100,
            metrics: SubmitMetrics::new(metrics),
        })
    }
}

async fn done(way: &Way, board: &LeaderboardId, ask: Ask) -> Result<Answer, BoardError> {
    match ask {
        Ask::Create(rules) => {
            let created = match way {
                Way::Redis(redis) => redis.create(board, rules).await,
                Way::Log(log) => log.create(board, rules).await,
            };
            created.map(|_| Answer::Created)
        }
        Ask::Delete(player) => {
            let deleted = match way {
                Way::Redis(redis) => redis.delete(board, &player).await,
                Way::Log(log) => log.delete(board, &player).await,
            };
            deleted.map(Answer::Deleted)
        }
        Ask::Reset(from) => {
            let reset = match way {
                Way::Redis(redis) => redis.reset(board, Some(from)).await,
                Way::Log(log) => log.reset(board, Some(from)).await,
            };
            reset.map(|(leaderboard, _)| Answer::Reset(leaderboard.version))
        }
        Ask::Submit(entry, wanted) => {
            let results = match way {
                Way::Redis(redis) => redis.submit(board, vec![*entry], wanted).await,
                Way::Log(log) => log.submit(board, vec![*entry], wanted).await,
            };
            results?.pop().map(Answer::Submitted).ok_or(BoardError::NotFound)
        }
    }
}
