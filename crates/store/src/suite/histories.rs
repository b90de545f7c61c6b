//! Random histories in any order, then everything that can be read, against the plain model.

use std::collections::{BTreeSet, HashSet};

use hiscore_score::{LeaderboardId, OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::Tried;
use super::generate::{Case, case};
use super::model::Model;
use super::plain::{board, key, record};
use crate::contract::{From, ShardState, Writes, Written};

/// How a case is written: each step one bulk of the states picked, some of them again and again.
#[derive(Debug, Clone)]
struct Plan {
    order: Vec<Index>,
    bulk: usize,
    page: usize,
    picks: Vec<(Position, Position, Index)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let position =
        || {
            (0..5u32, prop_oneof![0..4u64, Just(u64::MAX)], 0..4u32)
                .prop_map(|(era, sequence, index)| Position { era, sequence, index })
        };
    let pick = (position(), prop_oneof![position(), Just(MOST)], any::<Index>());
    (
        proptest::collection::vec(any::<Index>(), 0..40),
        1..30usize,
        1..9usize,
        proptest::collection::vec(pick, 4),
    )
        .prop_map(|(order, bulk, page, picks)| Plan { order, bulk, page, picks })
}

const MOST: Position = Position { era: u32::MAX, sequence: u64::MAX, index: u32::MAX };

pub(super) fn any_order_leaves_the_highest(
    runtime: &tokio::runtime::Runtime,
    cases: u32,
    fresh: &impl Fn() -> Tried,
) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let tried = runner.run(&(case(), plan()), |(case, plan)| {
        let store = fresh();
        runtime.block_on(async {
            let model = write(&store, &case, &plan).await;
            read_back(&store, &case, &plan, &model).await;
        });
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
}

/// Writes all states of a case, those that the plan picks before the others, and again.
async fn write(store: &Tried, case: &Case, plan: &Plan) -> Model {
    let mut model = Model::default();
    for (shard, board) in &case.boards {
        let writes = Writes { shard: *shard, rows: &[], boards: std::slice::from_ref(board) };
        let written = store.write(writes).await.unwrap();
        assert_eq!((written.superseded, written.failed_boards), (0, vec![]));
        model.board(*shard, board);
        // A late, older state of it.
        let mut older = board.clone();
        older.position = Position::ZERO;
        older.leaderboard.version += 1;
        let written = store.write(Writes { shard: *shard, rows: &[], boards: &[older] }).await.unwrap();
        assert_eq!(written.superseded, 1);
    }
    let picked = plan.order.iter().filter(|_| !case.states.is_empty()).map(|at| at.get(&case.states));
    let states: Vec<_> = picked.chain(&case.states).collect();
    let mut states = states.as_slice();
    while let Some((board, ..)) = states.first() {
        // A bulk is of one shard and has no key twice.
        let shard = case.boards[*board].0;
        let mut keys = HashSet::new();
        let fitting = states.iter().take(plan.bulk).take_while(|state| {
            let (board, key, _): &(usize, RecordKey, Record) = state;
            case.boards[*board].0 == shard && keys.insert(key)
        });
        let bulk: Vec<_> = fitting.collect();
        let rows: Vec<_> = bulk.iter().map(|(_, key, record)| (key.clone(), record.clone())).collect();
        let superseded = rows.iter().filter(|(key, record)| model.record(shard, key, record)).count();
        let written = store.write(Writes { shard, rows: &rows, boards: &[] }).await.unwrap();
        assert_eq!((written.failed_rows, written.superseded), (vec![], superseded as u64));
        states = &states[rows.len()..];
    }
    model
}

async fn read_back(store: &Tried, case: &Case, plan: &Plan, model: &Model) {
    for shard in [None, Some(0), Some(1), Some(7)] {
        assert_eq!(store.boards(shard).await.unwrap(), model.boards(shard));
    }
    let all = model.all();
    let mut scanned = Vec::new();
    loop {
        let after = scanned.last().map(|(key, _): &(RecordKey, Record)| key);
        let page = store.scan(after, plan.page).await.unwrap();
        let end = page.len() < plan.page;
        assert!(page.len() <= plan.page);
        scanned.extend(page);
        if end {
            break;
        }
    }
    assert_eq!(scanned, all);
    let mut keys: Vec<RecordKey> = all.iter().map(|(key, _)| key.clone()).rev().collect();
    let mut expected: Vec<Option<Record>> =
        all.iter().map(|(_, record)| Some(record.clone())).rev().collect();
    for (_, board) in &case.boards {
        keys.push(key(board.id.as_str(), 9, "nobody"));
        expected.push(None);
    }
    assert_eq!(store.get(&keys).await.unwrap(), expected);
    let mut ranges = vec![Position::ZERO..MOST];
    ranges.extend(plan.picks.iter().map(|(start, end, _)| *start..*end));
    for range in ranges {
        for shard in 0..3 {
            read_between(store, model, shard, range.clone(), plan.page).await;
        }
    }
    let seasons: BTreeSet<(&Season, usize)> =
        case.states.iter().map(|(board, key, _)| (&key.season, *board)).collect();
    for (season, board) in seasons {
        read_season(store, model, season, &case.boards[board].1.leaderboard.rules, plan).await;
    }
}

async fn read_between(
    store: &Tried,
    model: &Model,
    shard: u16,
    range: std::ops::Range<Position>,
    page: usize,
) {
    let expected = model.between(shard, &range);
    let mut found: Vec<(RecordKey, Record)> = Vec::new();
    loop {
        let after = found.last().map(|(key, record)| (record.position, key.clone()));
        let next = store.between(shard, range.clone(), after.as_ref(), page).await.unwrap();
        let end = next.len() < page;
        found.extend(next);
        if end {
            break;
        }
    }
    assert_eq!(found, expected, "between {range:?}");
}

async fn read_season(store: &Tried, model: &Model, season: &Season, rules: &Rules, plan: &Plan) {
    let order = model.order(season, rules);
    assert_eq!(store.count(season).await.unwrap(), order.len() as u64);
    let mut starts = vec![From::Skip(0), From::Skip(1), From::Skip(order.len() as u64)];
    for (start, _, pick) in &plan.picks {
        if let Some((there, ..)) = (!order.is_empty()).then(|| pick.get(&order)) {
            // A place that somebody has, and one that nobody needs to have.
            let player = PlayerId::new("b").unwrap();
            for place in [there.clone(), OrderKey { standing: there.standing, player }] {
                let before = order.partition_point(|(key, ..)| *key < place) as u64;
                assert_eq!(store.before(season, rules, &place).await.unwrap(), before, "before {place:?}");
                starts.extend([From::After(place.clone()), From::Before(place)]);
            }
        }
        starts.push(From::Skip(u64::from(start.index)));
    }
    for from in starts {
        for limit in [0, 1, plan.page, 1000] {
            let found = store.walk(season, rules, &from, limit).await.unwrap();
            assert_eq!(found, model.walk(season, rules, &from, limit), "walk from {from:?}");
        }
    }
}

pub(super) async fn an_empty_store_is_empty(store: Tried) {
    let season = Season { leaderboard: LeaderboardId::new("none").unwrap(), version: 1 };
    assert_eq!(store.shard(3).await.unwrap(), ShardState::default());
    assert_eq!(store.boards(None).await.unwrap(), vec![]);
    assert_eq!(store.count(&season).await.unwrap(), 0);
    assert_eq!(store.walk(&season, &Rules::default(), &From::Skip(0), 9).await.unwrap(), vec![]);
    assert_eq!(store.walk(&season, &Rules::default(), &From::Skip(1 << 40), 9).await.unwrap(), vec![]);
    assert_eq!(store.scan(None, 9).await.unwrap(), vec![]);
    assert_eq!(store.between(0, Position::ZERO..MOST, None, 9).await.unwrap(), vec![]);
    assert_eq!(store.get(&[]).await.unwrap(), vec![]);
    let nothing = store.write(Writes { shard: 0, rows: &[], boards: &[] }).await.unwrap();
    assert_eq!(nothing, Written::default());
}

/// A board and its first rows in one bulk, under names that are syntax elsewhere; and many rows, for what pages far out.
pub(super) async fn names_are_data(store: Tried) {
    let board = board("$score.__proto__");
    let names = ["$score", "a.b", "__proto__", "[\"$gt\":\"\"]", "' OR 1=1"];
    let many = (0..300).map(|number| format!("p{number:03}"));
    let rows: Vec<_> = names
        .iter()
        .map(|name| (*name).to_owned())
        .chain(many)
        .enumerate()
        .map(|(at, name)| (key(board.id.as_str(), 1, &name), record(at as u64 + 2, at as i64)))
        .collect();
    let written =
        store.write(Writes { shard: 5, rows: &rows, boards: std::slice::from_ref(&board) }).await.unwrap();
    assert_eq!(written, Written::default());
    let keys: Vec<_> = rows.iter().map(|(key, _)| key.clone()).collect();
    let expected: Vec<_> = rows.iter().map(|(_, record)| Some(record.clone())).collect();
    assert_eq!(store.get(&keys).await.unwrap(), expected);
    let season = Season { leaderboard: board.id.clone(), version: 1 };
    let rules = board.leaderboard.rules;
    assert_eq!(store.count(&season).await.unwrap(), rows.len() as u64);
    for skip in [99, 100, 101, 304, 305, 306] {
        let page = store.walk(&season, &rules, &From::Skip(skip), 2).await.unwrap();
        let expected: Vec<_> = rows.iter().rev().skip(skip as usize).take(2).collect();
        assert_eq!(page.len(), expected.len(), "skip {skip}");
        for ((player, found), (key, record)) in page.iter().zip(expected) {
            assert_eq!((player, found), (&key.player, record), "skip {skip}");
        }
    }
}

/// What is there is never replaced by another state of its own position, nor in one bulk with what is newer.
pub(super) async fn the_first_of_one_position_stays(store: Tried) {
    let mut other = board("guarded");
    other.leaderboard.version = 9;
    let first = board("guarded");
    let rows = [(key("guarded", 1, "a"), record(5, 1)), (key("guarded", 1, "b"), record(5, 1))];
    let again = [(key("guarded", 1, "a"), record(5, 2)), (key("guarded", 1, "b"), record(6, 2))];
    let write = async |rows: &[(RecordKey, Record)], board| {
        store.write(Writes { shard: 1, rows, boards: &[board] }).await.unwrap()
    };
    assert_eq!(write(&rows, first.clone()).await, Written::default());
    assert_eq!(write(&again, other).await, Written { superseded: 2, ..Written::default() });
    let found = store.get(&[rows[0].0.clone(), rows[1].0.clone()]).await.unwrap();
    assert_eq!(found, [Some(rows[0].1.clone()), Some(again[1].1.clone())]);
    assert_eq!(store.boards(None).await.unwrap(), [first]);
}
