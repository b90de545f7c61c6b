//! What followers are told, over a source that counts what it is asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use hiscore_api::service::{Board, RankState, Row};
use hiscore_score::{Leaderboard, Rules, Score, Stamp, VersionId};

use super::*;

/// Longer than anything here takes, so that a hang fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// A board on which every player has the board's revision as score, and the rank of their number.
#[derive(Debug, Default)]
struct Counting {
    revision: AtomicU64,
    tops: AtomicU64,
    reads: AtomicU64,
    players: AtomicU64,
    away: AtomicBool,
    /// Held: whoever reads the top waits.
    gate: tokio::sync::Mutex<()>,
}

fn id() -> LeaderboardId {
    LeaderboardId::new("b").unwrap()
}

fn player(n: u64) -> PlayerId {
    PlayerId::new(&format!("p{n}")).unwrap()
}

impl Counting {
    fn now(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    fn board(&self) -> Board {
        Board {
            id: id(),
            leaderboard: Leaderboard::new(Rules::default(), Stamp::ZERO),
            total: 0,
            state: RankState::Exact,
            revision: self.now().to_string(),
        }
    }

    fn trouble(&self) -> Result<(), Trouble> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(Trouble::Unavailable("away".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Source for Counting {
    async fn view(&self, _: &LeaderboardId) -> Result<Option<Board>, Trouble> {
        self.trouble()?;
        Ok(Some(self.board()))
    }

    async fn top(&self, _: &LeaderboardId, _: usize) -> Result<(Board, Vec<Row>), BoardError> {
        self.tops.fetch_add(1, Ordering::SeqCst);
        self.trouble()?;
        let board = self.board();
        drop(self.gate.lock().await);
        Ok((board, Vec::new()))
    }

    async fn standings(
        &self,
        _: &LeaderboardId,
        players: &[PlayerId],
        _: Columns,
    ) -> Result<(VersionId, Vec<Row>), BoardError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.players.fetch_add(players.len() as u64, Ordering::SeqCst);
        self.trouble()?;
        let known = players.iter().filter_map(|player| {
            let number: u64 = player.as_str().strip_prefix('p')?.parse().ok()?;
            let score = Score::new(i64::try_from(self.now()).ok()?).ok()?;
            let live = hiscore_score::Live {
                score,
                subscore: Score::default(),
                num_score: 1,
                created: Stamp::ZERO,
                reached: Stamp::ZERO,
                metadata: None,
            };
            Some(Row::new(player.clone(), Some(number), live, Stamp::ZERO))
        });
        Ok((1, known.collect()))
    }
}

fn live() -> (Arc<Counting>, Arc<Live>) {
    let source = Arc::<Counting>::default();
    let live =
        Live::new(Arc::clone(&source) as Arc<dyn Source>, Duration::from_millis(5), CancellationToken::new());
    (source, live)
}

async fn next<T>(stream: &mut (impl futures_util::Stream<Item = T> + Unpin)) -> T {
    tokio::time::timeout(DEADLINE, stream.next()).await.unwrap().unwrap()
}

/// Takes until it is as wanted.
async fn until<T>(
    stream: &mut (impl futures_util::Stream<Item = T> + Unpin),
    wanted: impl Fn(&T) -> bool,
) -> T {
    loop {
        let told = next(stream).await;
        if wanted(&told) {
            return told;
        }
    }
}

fn score(standing: &Result<Standing, Trouble>) -> Option<i64> {
    standing.as_ref().unwrap().as_ref().map(|(_, row)| row.score.get())
}

#[tokio::test]
async fn thousands_of_followers_cost_a_read_for_many_of_them() {
    let (source, live) = live();
    let mut followers = Vec::new();
    for n in 0..2_000 {
        // Two for each player, who are read once.
        followers.push(live.rank_changes(&id(), &player(n / 2), Columns::All).await.unwrap());
    }
    for follower in &mut followers {
        assert_eq!(score(&next(follower).await), Some(0));
    }
    let read = source.players.load(Ordering::SeqCst);
    assert!(read <= 1_000, "each player once, when first followed: {read}");
    source.reads.store(0, Ordering::SeqCst);
    source.players.store(0, Ordering::SeqCst);
    source.revision.store(7, Ordering::SeqCst);
    let running = tokio::spawn(Arc::clone(&live).run());
    for follower in &mut followers {
        assert_eq!(score(&next(follower).await), Some(7));
    }
    assert_eq!(source.players.load(Ordering::SeqCst), 1_000);
    assert_eq!(source.reads.load(Ordering::SeqCst), 4);
    // Who left is not asked for any more.
    followers.truncate(10);
    source.players.store(0, Ordering::SeqCst);
    source.revision.store(8, Ordering::SeqCst);
    for follower in &mut followers {
        assert_eq!(score(&next(follower).await), Some(8));
    }
    assert_eq!(source.players.load(Ordering::SeqCst), 5);
    running.abort();
}

#[tokio::test]
async fn who_has_no_record_is_told_so_and_nothing_more() {
    let (source, live) = live();
    let nobody = PlayerId::new("nobody").unwrap();
    let mut follower = live.rank_changes(&id(), &nobody, Columns::All).await.unwrap();
    assert_eq!(next(&mut follower).await, Ok(None));
    let mut other = live.rank_changes(&id(), &player(1), Columns::Scores).await.unwrap();
    let running = tokio::spawn(Arc::clone(&live).run());
    source.revision.store(1, Ordering::SeqCst);
    assert_eq!(score(&until(&mut other, |told| score(told) == Some(1)).await), Some(1));
    // Both were read in that look.
    assert!(futures_util::FutureExt::now_or_never(follower.next()).is_none());
    running.abort();
}

#[tokio::test]
async fn trouble_is_over_when_it_is_over() {
    let (source, live) = live();
    let mut board = live.changes(&id()).await.unwrap();
    let mut follower = live.rank_changes(&id(), &player(1), Columns::Scores).await.unwrap();
    assert_eq!(next(&mut board).await.unwrap().revision, "0");
    assert_eq!(score(&next(&mut follower).await), Some(0));
    source.away.store(true, Ordering::SeqCst);
    source.revision.store(1, Ordering::SeqCst);
    let other = live.rank_changes(&id(), &player(2), Columns::Scores).await;
    assert!(matches!(other.err(), Some(BoardError::Trouble(Trouble::Unavailable(_)))));
    // Nothing newer can be read: what is shown may not be the present any more, and says so.
    let old = next(&mut board).await.unwrap();
    assert_eq!((old.revision.as_str(), old.state), ("0", RankState::Stale));
    let running = tokio::spawn(Arc::clone(&live).run());
    source.away.store(false, Ordering::SeqCst);
    assert_eq!(next(&mut board).await.unwrap().revision, "1");
    assert_eq!(score(&next(&mut follower).await), Some(1));
    running.abort();
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_is_one_look() {
    let (source, live) = live();
    let mut first = live.changes(&id()).await.unwrap();
    assert!(next(&mut first).await.is_ok());
    source.tops.store(0, Ordering::SeqCst);
    let gate = source.gate.lock().await;
    source.revision.store(1, Ordering::SeqCst);
    let come = |n: usize| {
        let live = Arc::clone(&live);
        tokio::spawn(async move { (n, live.changes(&id()).await.unwrap()) })
    };
    let early = come(0);
    while source.tops.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // A look that read revision 1 is under way. Whoever comes now may have seen revision 2 already.
    source.revision.store(2, Ordering::SeqCst);
    let crowd: Vec<_> = (1..500).map(come).collect();
    drop(gate);
    drop(early.await.unwrap());
    for comer in crowd {
        let (n, mut changes) = comer.await.unwrap();
        assert_eq!(next(&mut changes).await.unwrap().revision, "2", "{n}");
    }
    assert!(source.tops.load(Ordering::SeqCst) <= 3, "{}", source.tops.load(Ordering::SeqCst));
}
