//! The embedded profile on a simulated disk, driven batch by batch: everything but threads and HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use hiscore::coalesce::Pressure;
use hiscore::metrics::CommitMetrics;
use hiscore::recover::recover;
use hiscore::scoreboard::directory::Directory;
use hiscore::submit::books::Limits;
use hiscore::submit::{CommitterParts, Queue, Request, SubmitRequest, Work};
use hiscore_api::service::{BoardError, Entry, Trouble, Wanted};
use hiscore_faults::{Random, SimDisk};
use hiscore_rank::MemoryRanks;
use hiscore_score::{
    LeaderboardId, Operator, PlayerId, Record, Rules, Score, Season, Submission, SubmissionId,
};
use hiscore_store::embedded::{BoardRow, Deployment, Embedded, RowKey, Sizes};
use hiscore_store::{OpenError, Options};
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

const PLAYERS: u64 = 6;

/// Everything that is in a deployment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Everything {
    boards: BTreeMap<LeaderboardId, BoardRow>,
    rows: BTreeMap<RowKey, Record>,
    /// Per season: the players in the order of their ranks.
    ranks: BTreeMap<Season, Vec<PlayerId>>,
}

/// A process that may be dropped and opened again.
pub(crate) struct Server {
    pub(crate) parts: CommitterParts,
}

fn options() -> Options {
    Options {
        journal: Sizes { segment: 4096, limit: 1 << 20 },
        cache: 1 << 20,
        deployment: Deployment { shards: 32, window: 4, secret: [7; 32] },
    }
}

impl Server {
    pub(crate) fn open(disk: &SimDisk) -> Result<Self, OpenError> {
        let store = Arc::new(Embedded::open(Arc::new(disk.clone()), options())?);
        let (ranks, directory) = (Arc::<MemoryRanks>::default(), Arc::<Directory>::default());
        let limits = Limits { leaderboards: 100, auto_create: true, window: 4 };
        let (books, journal) = recover(&store, &ranks, &directory, limits)?;
        let parts = CommitterParts {
            queue: Arc::new(Queue::new(1 << 20)),
            store,
            journal,
            books,
            ranks,
            directory,
            pressure: Arc::new(Pressure::new(1_000)),
            metrics: CommitMetrics::new(&mut Registry::default()),
            most: 100,
        };
        Ok(Self { parts })
    }

    /// `None`: the power is gone, so that not even the table can be read.
    pub(crate) fn everything(&self) -> Option<Everything> {
        let mut all = Everything::default();
        for row in self.parts.books.boards() {
            all.boards.insert(row.id.clone(), row.clone());
        }
        for row in all.boards.values() {
            for version in 1..=row.leaderboard.version {
                for n in 0..PLAYERS {
                    let key = RowKey { board: row.number, version, player: player(n) };
                    if let Some(record) = self.parts.store.get(&key).ok()? {
                        all.rows.insert(key, Record::clone(&record));
                    }
                }
            }
            let season = Season { leaderboard: row.id.clone(), version: row.leaderboard.version };
            let board = self.parts.ranks.board(&season).unwrap();
            let order = board.read(|index| index.from_rank(1, 100));
            all.ranks.insert(season, order.into_iter().map(|placed| placed.player).collect());
        }
        Some(all)
    }

    /// One batch of random requests. `None`: acknowledged; else the trouble that all of it met.
    pub(crate) fn batch(&mut self, random: &mut Random) -> Option<Trouble> {
        let mut troubles = Vec::new();
        let mut requests = Vec::new();
        for _ in 0..=random.below(3) {
            let (request, answer) = request(random);
            requests.push(request);
            troubles.push(answer);
        }
        self.parts.step(requests);
        let mut met: Vec<Option<Trouble>> = troubles.into_iter().map(|trouble| trouble()).collect();
        let first = met.pop().unwrap();
        assert!(met.iter().all(|other| *other == first), "a batch is in or out as one: {met:?} {first:?}");
        first
    }
}

pub(crate) fn player(n: u64) -> PlayerId {
    PlayerId::new(&format!("p{n}")).unwrap()
}

fn score(random: &mut Random) -> Score {
    Score::new(random.below(20) as i64 - 10).unwrap()
}

type Trouble1 = Box<dyn FnOnce() -> Option<Trouble>>;

fn trouble<T: 'static>(mut answered: oneshot::Receiver<Result<T, BoardError>>) -> Trouble1 {
    Box::new(move || match answered.try_recv().expect("answered by the step") {
        Err(BoardError::Trouble(trouble)) => Some(trouble),
        _ => None,
    })
}

fn request(random: &mut Random) -> (Request, Trouble1) {
    let boards = [("best", Operator::Best), ("set", Operator::Set), ("sum", Operator::Increment)];
    let (name, operator) = boards[random.below(3) as usize];
    let id = LeaderboardId::new(name).unwrap();
    match random.below(12) {
        0 => {
            let (answer, answered) = oneshot::channel();
            let rules = Rules { operator, ..Rules::default() };
            (Request::new(Work::Create { id, rules, answer }), trouble(answered))
        }
        1 => {
            let (answer, answered) = oneshot::channel();
            (Request::new(Work::Reset { id, expected: None, answer }), trouble(answered))
        }
        2 => {
            let (answer, answered) = oneshot::channel();
            (
                Request::new(Work::Delete { id, player: player(random.below(PLAYERS)), answer }),
                trouble(answered),
            )
        }
        _ => {
            let (answer, answered) = oneshot::channel();
            let entries = (0..=random.below(4)).map(|_| entry(random)).collect();
            let request = SubmitRequest { id, entries, wanted: Wanted::default(), answer };
            (Request::new(Work::Submit(request)), trouble(answered))
        }
    }
}

fn entry(random: &mut Random) -> Entry {
    // Few ids, so that duplicates, conflicts and ids that fell out are common.
    let id = SubmissionId::new(&format!("id{}", random.below(30))).unwrap();
    let id = (!random.one_in(3)).then_some(&id);
    Entry {
        player: player(random.below(PLAYERS)),
        submission: Submission::new(score(random), score(random), None, id),
    }
}

/// Stamps come from the clock, so two runs of one history differ in them and in nothing else.
pub(crate) fn without_stamps(all: &Everything) -> impl PartialEq + std::fmt::Debug {
    let rows: Vec<_> = all
        .rows
        .iter()
        .map(|(key, record)| {
            let live = record.live.as_ref().map(|live| (live.score, live.subscore, live.num_score));
            let ids: Vec<_> = record.window.entries().iter().map(|entry| entry.key.id).collect();
            (key.clone(), live, record.position, ids)
        })
        .collect();
    let boards: Vec<_> =
        all.boards.values().map(|row| (row.number, row.leaderboard.rules, row.leaderboard.version)).collect();
    (boards, rows, all.ranks.clone())
}

pub(crate) fn text(all: &Everything) -> String {
    let boards =
        all.boards.values().map(|row| format!("{} v{} @{}", row.id, row.leaderboard.version, row.sequence));
    let rows = all.rows.iter().map(|(key, record)| {
        let live = record.live.as_ref().map(|live| (live.score.get(), live.subscore.get(), live.num_score));
        let ids: Vec<_> = record.window.entries().iter().map(|entry| entry.key.id[0]).collect();
        format!(
            "{}.{} {}: {live:?} @{} {ids:?}",
            key.board, key.version, key.player, record.position.sequence
        )
    });
    boards.chain(rows).chain([format!("{:?}", all.ranks)]).collect::<Vec<_>>().join("\n")
}
