//! The committer in a runtime, as it is served: one batch is judged while another is being synced, and syncs fail.
//! What was acknowledged is there, each once; what was refused is not, also where it was judged on top of what failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hiscore::submit::{Committer, Queue, Request, SubmitRequest, Work};
use hiscore_api::service::{Accepted, BoardError, Entry, Rejected, Trouble, Wanted};
use hiscore_faults::{Random, SimDisk};
use hiscore_score::{
    LeaderboardId, Operator, Outcome, PlayerId, Rules, Score, Season, Submission, SubmissionId,
};
use hiscore_store::embedded::{Embedded, RowKey};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::common::{Server, player};

const CLIENTS: u64 = 4;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(30);
const REQUESTS: u64 = 80;
const PLAYERS: u64 = 3;
/// Of each player in a large request: enough to be worth judging beside a sync.
const MANY: usize = 300;
/// Small requests at once: for the task, not for the thread.
const AT_ONCE: u64 = 24;

/// What one client was told: acknowledged, and what nobody knows, by player.
#[derive(Debug, Default, Clone)]
struct Told {
    acknowledged: BTreeMap<PlayerId, u64>,
    ambiguous: BTreeMap<PlayerId, u64>,
    refused: u64,
    /// Of these, how many because of what came before.
    on_top: u64,
}

fn board() -> LeaderboardId {
    LeaderboardId::new("sum").unwrap()
}

/// Adds 1 to a few players; each third time with an id, which is sent again at once, and else often many times over, in one
/// request or in many.
fn play(client: u64, random: &mut Random, disk: &SimDisk, store: &Embedded, asking: &Asking<'_>) -> Told {
    let mut told = Told::default();
    for n in 0..REQUESTS {
        if random.one_in(12) {
            disk.fail_syncs(1 + random.below(3));
        }
        if random.one_in(20) {
            // It may fail, and shows nothing and loses nothing then.
            let _ = store.flush();
        }
        let id = SubmissionId::new(&format!("{client}-{n}")).unwrap();
        let id = random.one_in(3).then_some(&id);
        let count = 1 + random.below(3);
        let entry = |player| Entry {
            player,
            submission: Submission::new(Score::new(1).unwrap(), Score::ZERO, None, id),
        };
        // Each player once, so that an id is not there twice.
        let once: Vec<_> = (0..count).map(|number| entry(player(number))).collect();
        let (copies, times) = match (id, random.below(4)) {
            (Some(_), _) => (1, 2),
            (None, 0) => (1, AT_ONCE),
            (None, 1) => (1, 1),
            (None, _) => (MANY, 1),
        };
        let entries: Vec<_> = std::iter::repeat_n(once, copies).flatten().collect();
        for (again, answer) in (0..).zip(asking.submit(&entries, times)) {
            match answer {
                Ok(results) => {
                    for (entry, result) in entries.iter().zip(results) {
                        match result.map(|accepted| accepted.outcome) {
                            Ok(Some(Outcome::Duplicate)) => {
                                assert_eq!(again, 1, "a first one is no repetition");
                            }
                            Ok(_) => *told.acknowledged.entry(entry.player.clone()).or_default() += 1,
                            // A table whose write failed is closed until the next round of the funnel.
                            Err(Rejected::Trouble(Trouble::Unavailable(_))) => told.refused += 1,
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                }
                Err(BoardError::Trouble(Trouble::Unavailable(why))) => {
                    told.refused += entries.len() as u64;
                    told.on_top += u64::from(why.starts_with("what came right before"));
                }
                Err(BoardError::Trouble(Trouble::Ambiguous(_))) => {
                    for entry in &entries {
                        *told.ambiguous.entry(entry.player.clone()).or_default() += 1;
                    }
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    told
}

/// Who asks the committer.
struct Asking<'a> {
    queue: &'a Queue,
    runtime: &'a Runtime,
}

impl Asking<'_> {
    fn answer<T>(&self, answered: oneshot::Receiver<T>) -> T {
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, answered).await });
        answer.expect("an answer in time").expect("answered")
    }

    /// Sends the same request so often, and waits for all answers.
    fn submit(
        &self,
        entries: &[Entry],
        times: u64,
    ) -> Vec<Result<Vec<Result<Accepted, Rejected>>, BoardError>> {
        let sent: Vec<_> = (0..times)
            .map(|_| {
                let (answer, answered) = oneshot::channel();
                let (id, entries, wanted) = (board(), entries.to_vec(), Wanted::default());
                let request = SubmitRequest { id, entries, wanted, answer };
                self.queue.push(Request::new(Work::Submit(request))).unwrap();
                answered
            })
            .collect();
        sent.into_iter().map(|answered| self.answer(answered)).collect()
    }
}

/// What a player has, and how often it submitted.
fn standing(store: &Embedded, player: &PlayerId) -> u64 {
    let key = RowKey { board: 1, version: 1, player: player.clone() };
    let record = store.get(&key).unwrap();
    let live = record.and_then(|record| record.live.clone());
    live.map_or(0, |live| {
        assert_eq!(live.score.get().unsigned_abs(), live.num_score, "each added 1");
        live.num_score
    })
}

#[test]
fn what_is_judged_on_top_of_a_failed_batch_fails_with_it() {
    let mut sum = Told::default();
    // Not dropped, which would wait for a committer that hangs, where the test is to fail.
    let runtime: &Runtime =
        Box::leak(Box::new(Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()));
    for seed in 0..30 {
        let disk = SimDisk::new();
        let parts = Server::open(&disk).unwrap().parts;
        let (queue, store, ranks) =
            (Arc::clone(&parts.queue), Arc::clone(&parts.store), Arc::clone(&parts.ranks));
        let committer = runtime.block_on(async { Committer::start(parts) });
        let (answer, answered) = oneshot::channel();
        let rules = Rules { operator: Operator::Increment, ..Rules::default() };
        queue.push(Request::new(Work::Create { id: board(), rules, answer })).unwrap();
        let asking = Asking { queue: &queue, runtime };
        asking.answer(answered).unwrap();

        let all: Vec<Told> = std::thread::scope(|scope| {
            let client = |n| {
                let (disk, store, asking) = (&disk, &store, &asking);
                move || play(n, &mut Random::new(seed * CLIENTS + n), disk, store, asking)
            };
            let clients: Vec<_> = (0..CLIENTS).map(|n| scope.spawn(client(n))).collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        disk.fail_syncs(0);
        queue.close();
        assert!(runtime.block_on(committer.join()));
        store.flush().unwrap();

        let counted = |of: fn(&Told) -> &BTreeMap<PlayerId, u64>, player: &PlayerId| -> u64 {
            all.iter().map(|told| of(told).get(player).copied().unwrap_or(0)).sum()
        };
        let after = Server::open(&disk.crash(&mut Random::new(seed))).unwrap().parts;
        let season = Season { leaderboard: board(), version: 1 };
        for n in 0..PLAYERS {
            let player = player(n);
            let acknowledged = counted(|told| &told.acknowledged, &player);
            let ambiguous = counted(|told| &told.ambiguous, &player);
            let when = format!("seed {seed}, {player}: {acknowledged} acknowledged, {ambiguous} ambiguous");
            // Until a crash nothing is shown that was not acknowledged.
            assert_eq!(standing(&store, &player), acknowledged, "{when}");
            let shown = ranks.board(&season).unwrap().read(|index| index.standing(&player));
            assert_eq!(shown.map_or(0, |shown| shown.score(&rules).get()), acknowledged as i64, "{when}");
            let found = standing(&after.store, &player);
            assert!((acknowledged..=acknowledged + ambiguous).contains(&found), "{when}: found {found}");
        }
        for told in all {
            sum.refused += told.refused;
            sum.on_top += told.on_top;
            for (player, count) in told.acknowledged {
                *sum.acknowledged.entry(player).or_default() += count;
            }
            for (player, count) in told.ambiguous {
                *sum.ambiguous.entry(player).or_default() += count;
            }
        }
    }
    println!("{sum:?}");
    assert!(sum.on_top > 20, "batches overlap, and fail with the one before: {sum:?}");
    assert!(sum.refused > 100 && sum.acknowledged.values().all(|count| *count > 1000), "{sum:?}");
}
