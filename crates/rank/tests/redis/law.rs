//! Random histories: every result, record, rank and packed state of the functions is the law's.

use hiscore_faults::servers::Redis;
use hiscore_rank::redis::{Request, Work};
use hiscore_score::{Metadata, Operator, Position, Rules, SortOrder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::model::Model;
use super::support::{LONG, ME, Tier, board, options, player, request, scored, server};

/// Short, so that ids fall out of it.
pub(crate) const WINDOW: usize = 3;

#[derive(Debug, Clone)]
enum Event {
    Works(Request),
    /// Everything that is dirty is stored.
    Flush,
    /// Something that is dirty is claimed, and the store never answers.
    Claim,
    Prune,
}

/// Few of each, so that histories meet; with the extremes, and ids with and without a time in them.
fn work() -> impl Strategy<Value = Work> {
    let most = hiscore_score::number::MAX;
    let number = || prop_oneof![6 => -2..=2i64, 1 => Just(most), 1 => Just(-most), 1 => Just(most - 1)];
    let metadata =
        select(vec![None, Metadata::new(&json!({"a.b": 1})).unwrap(), Metadata::new(&json!("$x")).unwrap()]);
    let timed = |ms: u64| format!("{:08x}-{:04x}-7000-8000-000000000000", ms >> 16, ms & 0xffff);
    let id = prop_oneof![
        3 => Just(None),
        3 => select(vec!["one", "two", "three", "four", "five"]).prop_map(|id| Some(id.to_owned())),
        3 => (1..9u64).prop_map(move |ms| Some(timed(ms << 14))),
        1 => Just(Some(timed(0))),
    ];
    let who = || select(vec!["a", "aa", "b", "玩家"]);
    let order = || select(vec![SortOrder::Desc, SortOrder::Asc]);
    let operator = select(vec![Operator::Best, Operator::Set, Operator::Increment]);
    let rules = (operator, order(), order()).prop_map(|(operator, sort_order, subscore_order)| Rules {
        operator,
        sort_order,
        subscore_order,
    });
    prop_oneof![
        30 => (who(), number(), number(), metadata, id)
            .prop_map(|(who, score, sub, metadata, id)| scored(who, score, sub, metadata, id.as_deref())),
        3 => who().prop_map(|who| Work::Delete { player: player(who) }),
        2 => rules.prop_map(|rules| Work::Create { rules }),
        2 => select(vec![None, None, Some(0), Some(1), Some(2)]).prop_map(|expected| Work::Reset { expected }),
    ]
}

/// Some of it for one board.
pub(crate) fn works() -> impl Strategy<Value = Request> {
    let works = (select(vec!["daily", "$score", "a.b"]), vec(work(), 1..12), any::<[bool; 2]>());
    works.prop_map(|(id, works, [auto_create, ranks])| Request {
        auto_create,
        want_rank: ranks,
        want_previous_rank: ranks,
        ..request(&board(id), works)
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => works().prop_map(Event::Works),
        1 => Just(Event::Flush),
        1 => Just(Event::Claim),
        1 => Just(Event::Prune),
    ]
}

fn play(redis: &Redis, history: Vec<Event>) {
    let mut options = options(&redis.url());
    options.window = WINDOW;
    // Smaller than some requests, so that those are split.
    options.max_batch = 8;
    let tier = Tier::with(options);
    let mut model = Model { window: WINDOW, ..Model::default() };
    for event in history {
        match event {
            Event::Works(request) => {
                let reply = tier.wait(tier.ranks.submit(request.clone())).unwrap();
                assert_eq!((reply.era, reply.results.len()), (1, request.works.len()));
                for (work, result) in request.works.iter().zip(&reply.results) {
                    model.check(&request, work, result);
                }
            }
            Event::Flush => flush(&tier, &mut model),
            Event::Claim => {
                tier.wait(tier.ranks.claim(0, ME, LONG, 2, 1 << 20)).unwrap();
            }
            Event::Prune => while tier.wait(tier.ranks.prune(0, ME, 2)).unwrap() {},
        }
        tier.wait(model.check_pages(&tier.ranks));
    }
    flush(&tier, &mut model);
    let look = tier.look();
    assert_eq!((look.dirty, look.in_flight, look.oldest), (0, 0, None));
    assert_eq!(look.persisted, look.sequence);
    let keys: Vec<_> = model.records.keys().cloned().collect();
    let present = tier.wait(tier.ranks.peek(0, ME, &keys)).unwrap();
    for (key, present) in keys.iter().zip(present) {
        let (leaderboard, _) = model.boards[&key.season.leaderboard];
        match present {
            Some(present) => assert_eq!(present, model.records[key], "{key:?}"),
            None => assert!(key.season.version + 2 <= leaderboard.version, "{key:?} is not there"),
        }
    }
    tier.close();
}

/// Stores everything: what is claimed is what the model has as dirty, each in its present state.
fn flush(tier: &Tier, model: &mut Model) {
    let claim = tier.flush();
    let mut expected = std::mem::take(&mut model.dirty);
    for (first, key, record) in claim.rows {
        assert_eq!(expected.remove(&key), Some(first), "{key:?}");
        assert_eq!(record, model.records[&key]);
    }
    assert!(expected.is_empty(), "not claimed: {expected:?}");
    for (_, _, state) in claim.boards {
        let (leaderboard, position) = model.boards[&state.id];
        assert_eq!(state.leaderboard, leaderboard);
        if position != Position::ZERO {
            assert_eq!(state.position, position);
        }
    }
}

#[test]
fn histories_agree_with_the_law() {
    let Some(redis) = server() else { return };
    let outcome = TestRunner::new(Config::with_cases(150)).run(&vec(event(), 1..25), |history| {
        play(&redis, history);
        redis.command(&["FLUSHALL"]);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.err().map(|e| e.to_string()).unwrap_or_default());
}
