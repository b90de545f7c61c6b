//! A fold of any end of a log finds nothing wrong with what the whole of it made, and finds what is wrong.

use hiscore_faults::Random;
use hiscore_log::entry::Work;
use hiscore_score::stamp::ORIGIN_UNIX_MS;
use hiscore_score::{LeaderboardId, Operator, PlayerId, Rules, Score, Submission, SubmissionId};
use hiscore_store::contract::StoredBoard;

use super::compare::{Counts, Difference, log_and_store};
use super::fold::{Fold, State, StoredShard};

const ERA: u32 = 3;
const WINDOW: usize = 4;

fn board(number: u64) -> LeaderboardId {
    LeaderboardId::new(&format!("b{number}")).unwrap()
}

/// Entries as games make them: retries, resets that come too late, deletions, boards that are created twice.
fn entries(seed: u64, count: usize) -> Vec<(u64, Vec<Work>)> {
    let mut random = Random::new(seed);
    let mut one = |_| match random.below(40) {
        0..=2 => {
            let operators = [Operator::Best, Operator::Set, Operator::Increment];
            let number = random.below(4);
            let operator = operators[(number % 3) as usize];
            Work::Create { board: board(number), rules: Rules { operator, ..Rules::default() } }
        }
        3 => Work::Reset { board: board(random.below(4)), expected: None },
        4 => Work::Reset { board: board(random.below(4)), expected: Some(random.below(3) as u32 + 1) },
        5..=6 => Work::Delete { board: board(random.below(4)), player: player(&mut random) },
        _ => {
            let id = SubmissionId::new(&format!("s{}", random.below(60))).unwrap();
            let key = (random.below(2) == 0).then_some(&id);
            let score = Score::new(random.below(5) as i64).unwrap();
            Work::Submit {
                board: board(random.below(4)),
                player: player(&mut random),
                submission: Submission::new(score, Score::ZERO, None, key),
                auto_create: random.below(8) == 0,
            }
        }
    };
    let works: Vec<Work> = (0..count).map(&mut one).collect();
    works.chunks(3).zip(1u64..).map(|(works, at)| (ORIGIN_UNIX_MS + 10 * at, works.to_vec())).collect()
}

fn player(random: &mut Random) -> PlayerId {
    PlayerId::new(&format!("p{}", random.below(5))).unwrap()
}

fn compared(stored: &StoredShard, entries: &[(u64, Vec<Work>)]) -> (Vec<Difference>, Counts) {
    let mut fold = Fold::new(stored, ERA, WINDOW);
    entries.iter().for_each(|(time, works)| fold.entry(*time, works));
    let mut counts = Counts::default();
    (log_and_store(0, &fold, stored, &mut counts), counts)
}

/// What a store has after all of it.
fn stored(entries: &[(u64, Vec<Work>)]) -> StoredShard {
    let nothing = StoredShard::default();
    let mut fold = Fold::new(&nothing, ERA, WINDOW);
    entries.iter().for_each(|(time, works)| fold.entry(*time, works));
    let boards = fold.boards.into_iter().map(|(id, board)| {
        let (leaderboard, position) = board.known.unwrap();
        (id.clone(), StoredBoard { id, leaderboard, position })
    });
    let records = fold.records.into_iter().map(|(key, state)| match state {
        State::Known(record) => (key, *record),
        State::Vague { .. } => panic!("all of it was read"),
    });
    StoredShard { boards: boards.collect(), records: records.collect() }
}

#[test]
fn no_end_of_a_log_speaks_against_the_whole() {
    for seed in 1..60 {
        let all = entries(seed, 150);
        let stored = stored(&all);
        assert!(stored.records.len() > 5, "something is played");
        let mut exact = Vec::new();
        for cut in 0..=all.len() {
            let (differences, counts) = compared(&stored, &all[cut..]);
            assert_eq!(differences, [], "seed {seed}, from {cut} on");
            let kinds = counts.exact + counts.older + counts.vague;
            assert_eq!(kinds, stored.records.len() as u64, "seed {seed}, from {cut} on");
            exact.push(counts.exact);
        }
        assert_eq!(exact.first(), Some(&(stored.records.len() as u64)));
        assert_eq!(exact.last(), Some(&0));
    }
}

#[test]
fn whatever_is_changed_is_found() {
    for seed in 1..20 {
        let all = entries(seed, 150);
        let stored = stored(&all);
        for key in stored.records.keys() {
            let with = |change: &dyn Fn(&mut StoredShard)| {
                let mut changed =
                    StoredShard { boards: stored.boards.clone(), records: stored.records.clone() };
                change(&mut changed);
                compared(&changed, &all).0.len()
            };
            assert_eq!(with(&|shard| drop(shard.records.remove(key))), 1);
            let touch = |shard: &mut StoredShard| {
                shard.records.get_mut(key).unwrap().position.sequence += 1;
            };
            assert_eq!(with(&touch), 1);
            let forget = |shard: &mut StoredShard| {
                shard.records.get_mut(key).unwrap().window = hiscore_score::Window::default();
            };
            assert!(with(&forget) <= 1);
            assert_eq!(with(&forget) == 1, !stored.records[key].window.is_empty());
        }
    }
}
