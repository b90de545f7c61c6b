//! The tier in process passes the conformance suite, and publishes whole changes only.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test may fail it")]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use hiscore_rank::suite::{self, Subject};
use hiscore_rank::{Index, MemoryRanks, Query, RankError, RankState, Ranking, View};
use hiscore_score::{LeaderboardId, PlayerId, Rules, Score, Season, Stamp, Standing};

struct InProcess(MemoryRanks);

fn in_process() -> InProcess {
    InProcess(MemoryRanks::new())
}

impl Subject for InProcess {
    fn open(&self, season: &Season) {
        self.0.create(season);
    }

    fn close(&self, season: &Season) {
        self.0.remove(season);
    }

    fn upsert(&self, season: &Season, player: &PlayerId, standing: Standing, revision: u64) {
        self.0.board(season).unwrap().update(|index| {
            index.upsert(player, standing);
            index.set_revision(revision);
        });
    }

    fn remove(&self, season: &Season, player: &PlayerId, revision: u64) {
        self.0.board(season).unwrap().update(|index| {
            index.remove(player);
            index.set_revision(revision);
        });
    }

    fn read(&self, season: &Season, query: Query) -> Result<View, RankError> {
        match pin!(self.0.read(season, query)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("reading memory never waits"),
        }
    }
}

#[test]
fn histories_agree_with_a_sorted_list() {
    suite::histories_agree_with_a_sorted_list(in_process);
}

#[test]
fn pages_neither_repeat_nor_skip() {
    suite::pages_neither_repeat_nor_skip(in_process);
}

#[test]
fn edges() {
    suite::edges(in_process);
}

fn standing(score: i64) -> Standing {
    Standing::new(&Rules::default(), Score::new(score).unwrap(), Score::ZERO, Stamp::ZERO)
}

fn daily() -> Season {
    Season { leaderboard: LeaderboardId::new("daily").unwrap(), version: 1 }
}

#[test]
fn a_reader_sees_all_of_an_update_or_none() {
    let (ranks, done) = (MemoryRanks::new(), AtomicBool::new(false));
    let board = ranks.create(&daily());
    let [a, b] = ["a", "b"].map(|id| PlayerId::new(id).unwrap());
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for revision in 1..20_000 {
                board.update(|index| {
                    index.upsert(&a, standing(revision));
                    index.upsert(&b, standing(-revision));
                    index.set_revision(revision as u64);
                });
            }
            done.store(true, Ordering::Release);
        });
        threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let view = board.read(|index| index.view(&Query::FromRank { rank: 1, limit: 2 }));
                let scores: Vec<_> =
                    view.rows.iter().map(|row| row.standing.score(&Rules::default()).get()).collect();
                let now = view.revision as i64;
                assert!(now >= last && (now == 0 || scores == [now, -now]), "{view:?}");
                last = now;
            }
        });
    });
}

#[test]
fn no_rank_is_told_while_warming() {
    let ranks = MemoryRanks::new();
    let mut index = Index::from_rows([(PlayerId::new("a").unwrap(), standing(1))]);
    index.set_state(RankState::Warming);
    let board = ranks.install(&daily(), index);
    let look = || in_process_read(&ranks);
    assert_eq!((look().state, look().rank(&look().rows[0])), (RankState::Warming, None));
    board.update(|index| index.set_state(RankState::Exact));
    assert_eq!((look().state, look().rank(&look().rows[0])), (RankState::Exact, Some(1)));
    assert_eq!(ranks.seasons(), [daily()]);
}

fn in_process_read(ranks: &MemoryRanks) -> View {
    ranks.board(&daily()).unwrap().read(|index| index.view(&Query::FromRank { rank: 1, limit: 1 }))
}
