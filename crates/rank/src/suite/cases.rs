//! Random histories on several seasons, every answer compared with the model; and the edges by name.

use hiscore_score::{
    LeaderboardId, OrderKey, PlayerId, Rules, Score, Season, SortOrder, Stamp, Standing, VersionId,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Subject;
use super::model::Model;
use crate::{Query, RankError};

/// What happens to one season.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Upsert(PlayerId, Standing),
    Remove(PlayerId),
    Close,
}

/// Few players, so that histories meet; in several scripts and lengths, some the beginning of others.
pub(super) fn players() -> Vec<PlayerId> {
    ["a", "aa", "ab", "b", "B", "player-0001", "player-0002", "玩家", "é", "z"]
        .iter()
        .filter_map(|id| PlayerId::new(id).ok())
        .collect()
}

/// Every direction in both columns.
pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let order = || prop_oneof![Just(SortOrder::Desc), Just(SortOrder::Asc)];
    (order(), order()).prop_map(|(sort_order, subscore_order)| Rules {
        sort_order,
        subscore_order,
        ..Rules::default()
    })
}

/// Few values, so that every column ties, the stamp too (as after merging two histories); and the extremes.
pub(super) fn standing(rules: Rules) -> impl Strategy<Value = Standing> {
    let score = || {
        prop_oneof![
            6 => (-2..=2i64).prop_map(|n| Score::new(n).unwrap_or_default()),
            1 => Just(Score::MAX),
            1 => Just(Score::MIN),
        ]
    };
    let stamp = (0..4u64).prop_map(|n| Stamp::from_raw(n).unwrap_or_default());
    (score(), score(), stamp).prop_map(move |(score, sub, at)| Standing::new(&rules, score, sub, at))
}

pub(super) fn player() -> impl Strategy<Value = PlayerId> {
    proptest::sample::select(players())
}

pub(super) fn season(leaderboard: &str, version: VersionId) -> Option<Season> {
    Some(Season { leaderboard: LeaderboardId::new(leaderboard).ok()?, version })
}

/// Two boards, one of them with two seasons.
fn seasons() -> Vec<Season> {
    [("daily", 1), ("daily", 2), ("weekly", 1)].iter().filter_map(|(id, n)| season(id, *n)).collect()
}

pub(super) fn event(rules: Rules) -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (player(), standing(rules)).prop_map(|(player, at)| Event::Upsert(player, at)),
        4 => player().prop_map(Event::Remove),
        1 => Just(Event::Close),
    ]
}

fn query(rules: Rules) -> impl Strategy<Value = Query> {
    let key = || (player(), standing(rules)).prop_map(|(player, standing)| OrderKey { standing, player });
    let limit = prop_oneof![0..12usize, Just(usize::MAX)];
    let rank = prop_oneof![0..14u64, Just(u64::MAX)];
    prop_oneof![
        Just(Query::Count),
        (rank, limit.clone()).prop_map(|(rank, limit)| Query::FromRank { rank, limit }),
        (key(), limit.clone()).prop_map(|(key, limit)| Query::After { key, limit }),
        (key(), limit.clone()).prop_map(|(key, limit)| Query::Before { key, limit }),
        (player(), limit).prop_map(|(player, range)| Query::Around { player, range }),
        vec(player(), 0..12).prop_map(Query::Players),
    ]
}

/// Applies one event to the tier and to the model. A closed season opens with the next change of it.
fn apply(subject: &impl Subject, model: &mut Model, season: &Season, event: Event, revision: u64) {
    if matches!(event, Event::Close) {
        subject.close(season);
        model.seasons.remove(season);
        return;
    }
    subject.open(season);
    let ordered = model.seasons.entry(season.clone()).or_default();
    match event {
        Event::Upsert(player, standing) => {
            subject.upsert(season, &player, standing, revision);
            ordered.upsert(&player, standing, revision);
        }
        Event::Remove(player) => {
            subject.remove(season, &player, revision);
            ordered.remove(&player, revision);
        }
        Event::Close => {}
    }
}

/// Whatever happens on several seasons, in every direction and with every tie, each answer is the model's.
pub fn histories_agree_with_a_sorted_list<S: Subject>(make: impl Fn() -> S) {
    let step = |rules| (proptest::sample::select(seasons()), event(rules), query(rules));
    let histories = rules().prop_flat_map(move |rules| vec(step(rules), 1..80));
    let outcome = TestRunner::new(Config::with_cases(1000)).run(&histories, |history| {
        let subject = make();
        let mut model = Model::default();
        for (revision, (season, event, query)) in (1u64..).zip(history) {
            apply(&subject, &mut model, &season, event, revision);
            for season in seasons() {
                let expected = model.read(&season, &query);
                prop_assert_eq!(subject.read(&season, query.clone()), expected);
            }
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.err().map(|e| e.to_string()).unwrap_or_default());
}

/// The empty season, the unknown season and player, both ends, nothing asked for, and beyond the end.
pub fn edges<S: Subject>(make: impl Fn() -> S) {
    let subject = make();
    let [Some(first), Some(other)] = [season("daily", 1), season("daily", 2)] else { return };
    assert_eq!(subject.read(&first, Query::Count), Err(RankError::NotFound));
    subject.open(&first);

    let rows = |query| subject.read(&first, query).map(|view| view.rows.len());
    let all = players();
    let standing = |n| {
        let at = Stamp::from_raw(n).unwrap_or_default();
        Standing::new(&Rules::default(), Score::ZERO, Score::ZERO, at)
    };
    let key = |n: u64, player: &PlayerId| OrderKey { standing: standing(n), player: player.clone() };
    let around = |player: &PlayerId, range| rows(Query::Around { player: player.clone(), range });
    for player in &all {
        assert_eq!(around(player, 5), Ok(0));
        assert_eq!(rows(Query::FromRank { rank: 1, limit: 10 }), Ok(0));
        assert_eq!(rows(Query::After { key: key(0, player), limit: 10 }), Ok(0));
        assert_eq!(rows(Query::Before { key: key(0, player), limit: 10 }), Ok(0));
        assert_eq!(rows(Query::Players(all.clone())), Ok(0));
    }
    for (n, player) in (1..).zip(&all) {
        subject.upsert(&first, player, standing(n), n);
    }
    let count = all.len();
    let view = subject.read(&first, Query::FromRank { rank: 0, limit: usize::MAX });
    let ranks = view.map(|view| view.rows.iter().map(|row| row.rank).collect::<Vec<_>>());
    assert_eq!(ranks, Ok((1..=count as u64).collect()), "ranks count from 1 without gaps");
    assert_eq!(rows(Query::FromRank { rank: count as u64, limit: 5 }), Ok(1));
    assert_eq!(rows(Query::FromRank { rank: count as u64 + 1, limit: 5 }), Ok(0));
    assert_eq!(rows(Query::FromRank { rank: 1, limit: 0 }), Ok(0));
    if let [top, .., bottom] = all.as_slice() {
        assert_eq!((around(top, 0), around(top, 2), around(bottom, 2)), (Ok(1), Ok(3), Ok(3)));
        assert_eq!(around(top, usize::MAX), Ok(count));
        subject.remove(&first, top, count as u64 + 1);
        assert_eq!(around(top, 2), Ok(0), "who left has no neighbours");
        assert_eq!(rows(Query::After { key: key(1, top), limit: usize::MAX }), Ok(count - 1));
    }
    assert_eq!(subject.read(&other, Query::Count), Err(RankError::NotFound), "a season knows no other");
    subject.close(&first);
    assert_eq!(subject.read(&first, Query::Count), Err(RankError::NotFound));
}
