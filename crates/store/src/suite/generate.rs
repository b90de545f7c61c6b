//! Random histories: boards with all rules, several seasons, names and metadata of the nasty kind, tombstones, windows.

use std::collections::HashSet;

use hiscore_score::leaderboard::{Leaderboard, Operator, Rules, SortOrder};
use hiscore_score::window::{Entry, SubmissionKey, Window};
use hiscore_score::{
    LeaderboardId, Live, Metadata, PlayerId, Position, Record, RecordKey, Score, Season, Stamp,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::contract::StoredBoard;

/// Names that a careless store would read as something else.
const NAMES: [&str; 10] =
    ["$score", "a.b", "__proto__", "a", "ab", "a b", "日", "$$ROOT", "[\"$gt\"]", "Ünïcode 😀"];

/// Metadata that a careless store would read as something else, or not give back.
const METADATA: [&str; 16] = [
    r#"{"$score":1,"$gt":"","a.b":[1,{"$literal":"$x"}],"__proto__":{},"":0}"#,
    r#"{"$gt":""}"#,
    r#"{"$ref":"a","$id":1,"$db":"b"}"#,
    r#"{"$ref":5}"#,
    r#""$playerId""#,
    "18446744073709551615",
    "-9223372036854775808",
    "9.675760593319148e-157",
    "-0.0",
    "1.0",
    "1e2",
    r#"{"b":1,"a":2}"#,
    r#"{"a":1,"a":2}"#,
    r#"{"nul\u0000key":"nul\u0000"}"#,
    r#"[[[[[[[[1]]]]]]],{"_id":1}]"#,
    "[ true, null ]",
];

/// Boards, and states of their records in the order in which they are written: any.
#[derive(Debug, Clone)]
pub struct Case {
    /// Boards, each with its shard.
    pub boards: Vec<(u16, StoredBoard)>,
    /// States: the board (by its place among `boards`), the key, the state. Of one key no position has two states.
    pub states: Vec<(usize, RecordKey, Record)>,
}

/// A strategy for cases.
pub fn case() -> impl Strategy<Value = Case> {
    let state = (any::<prop::sample::Index>(), 1..4u32, 0..NAMES.len(), record());
    (vec((0..3u16, board()), 1..5), vec(state, 0..60)).prop_map(|(boards, states)| {
        let mut boards: Vec<(u16, StoredBoard)> = boards;
        let mut names = HashSet::new();
        boards.retain(|(_, board)| names.insert(board.id.clone()));
        let mut seen = HashSet::new();
        let states = states.into_iter().filter_map(|(board, version, name, record)| {
            let board = board.index(boards.len());
            let leaderboard = boards[board].1.id.clone();
            let season = Season { leaderboard, version };
            let key = RecordKey { season, player: PlayerId::new(NAMES[name]).unwrap() };
            seen.insert((key.clone(), record.position)).then_some((board, key, record))
        });
        Case { states: states.collect(), boards }
    })
}

fn board() -> impl Strategy<Value = StoredBoard> {
    (0..NAMES.len(), rules(), 1..1000u32, stamp(), stamp(), position()).prop_map(
        |(name, rules, version, created, opened, position)| StoredBoard {
            id: LeaderboardId::new(NAMES[name]).unwrap(),
            leaderboard: Leaderboard { rules, version, created, opened },
            position,
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    let operator = prop_oneof![Just(Operator::Best), Just(Operator::Set), Just(Operator::Increment)];
    let order = || prop_oneof![Just(SortOrder::Desc), Just(SortOrder::Asc)];
    (operator, order(), order()).prop_map(|(operator, sort_order, subscore_order)| Rules {
        operator,
        sort_order,
        subscore_order,
    })
}

/// A state of a record.
fn record() -> impl Strategy<Value = Record> {
    (option::weighted(0.8, live()), stamp(), stamp(), position(), window()).prop_map(
        |(live, deleted, updated, position, window)| Record { live, deleted, updated, position, window },
    )
}

fn live() -> impl Strategy<Value = Live> {
    (score(), score(), option::of(metadata()), large(), stamp(), stamp()).prop_map(
        |(score, subscore, metadata, num_score, created, reached)| Live {
            score,
            subscore,
            metadata,
            num_score,
            created,
            reached,
        },
    )
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let given = prop::sample::select(&METADATA[..]).prop_map(str::to_owned);
    let any = prop_oneof![
        any::<f64>().prop_map(|number| serde_json::json!({ "a": [number, null] }).to_string()),
        ".{0,40}".prop_map(|text| serde_json::json!({ text.clone(): text }).to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just(serde_json::json!("x".repeat(4094)).to_string()),
    ];
    prop_oneof![given, any].prop_map(|text| Metadata::from_stored(&text).unwrap().unwrap())
}

/// Few scores, so that there are ties down to the player; and the ends.
fn score() -> impl Strategy<Value = Score> {
    prop_oneof![8 => -2..3i64, 1 => Just(Score::MAX.get()), 1 => Just(Score::MIN.get())]
        .prop_map(|number| Score::new(number).unwrap())
}

fn stamp() -> impl Strategy<Value = Stamp> {
    prop_oneof![3 => 0..3u64, 1 => any::<u64>().prop_map(|number| number >> 11)]
        .prop_map(|raw| Stamp::from_raw(raw).unwrap())
}

/// Numbers up to 2^63 − 1, the largest that every store holds.
fn large() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..3u64, 1 => any::<u64>().prop_map(|number| number >> 1), 1 => Just(i64::MAX as u64)]
}

fn position() -> impl Strategy<Value = Position> {
    let small = || prop_oneof![4 => 0..4u32, 1 => any::<u32>()];
    (small(), large(), small()).prop_map(|(era, sequence, index)| Position { era, sequence, index })
}

fn window() -> impl Strategy<Value = Window> {
    let key = (any::<[u8; 16]>(), any::<u64>(), option::of(0..1u64 << 50))
        .prop_map(|(id, body, time_ms)| SubmissionKey { id, body, time_ms });
    let entry = (stamp(), key).prop_map(|(stamp, key)| Entry { stamp, key });
    let entries = prop_oneof![Just(Vec::new()), vec(entry, 0..9)];
    (entries, prop_oneof![Just(0), 0..1u64 << 50])
        .prop_map(|(entries, horizon)| Window::from_parts(entries, horizon, 8))
}
