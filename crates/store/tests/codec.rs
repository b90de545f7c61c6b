//! Every stored form comes back as it was, and no bytes, random or damaged, make a decoder panic or accept what
//! cannot be stored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use hiscore_score::window::{Entry, SubmissionKey, Window};
use hiscore_score::{
    Leaderboard, LeaderboardId, Live, Metadata, Operator, PlayerId, Position, Record, Rules, Score,
    SortOrder, Stamp, Submission,
};
use hiscore_store::embedded::bytes::Reader;
use hiscore_store::embedded::codec::{
    get_board, get_entry, get_record, player_of, put_board, put_entry, put_record, row_key, season_prefix,
};
use hiscore_store::embedded::{BoardRow, Change, JournalEntry, RowKey};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

const WINDOW: usize = 8;

fn stamp() -> impl Strategy<Value = Stamp> {
    prop_oneof![Just(0), 0..300u64, any::<u64>().prop_map(|n| n >> 11)]
        .prop_map(|raw| Stamp::from_raw(raw).unwrap())
}

fn score() -> impl Strategy<Value = Score> {
    prop_oneof![-100..100i64, Just(Score::MAX.get()), Just(Score::MIN.get())]
        .prop_map(|n| Score::new(n).unwrap())
}

fn metadata() -> impl Strategy<Value = Option<Metadata>> {
    let value = prop_oneof![
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!({ "a": [n, null] })),
        ".{0,40}".prop_map(|text| json!({ "text": text, "more": { "deep": [[true]] } })),
        Just(json!("x".repeat(4094))),
    ];
    option::of(value).prop_map(|value| value.and_then(|value| Metadata::new(&value).unwrap()))
}

fn submission_key() -> impl Strategy<Value = SubmissionKey> {
    (any::<[u8; 16]>(), any::<u64>(), option::of(0..1u64 << 50))
        .prop_map(|(id, body, time_ms)| SubmissionKey { id, body, time_ms })
}

fn window() -> impl Strategy<Value = Window> {
    let entry = (stamp(), submission_key()).prop_map(|(stamp, key)| Entry { stamp, key });
    (vec(entry, 0..12), prop_oneof![Just(0), 0..1u64 << 50])
        .prop_map(|(entries, horizon)| Window::from_parts(entries, horizon, WINDOW))
}

fn live() -> impl Strategy<Value = Live> {
    (score(), score(), metadata(), any::<u64>(), stamp(), stamp()).prop_map(
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

fn position() -> impl Strategy<Value = Position> {
    (any::<u32>(), any::<u64>(), any::<u32>()).prop_map(|(era, sequence, index)| Position {
        era,
        sequence,
        index,
    })
}

fn record() -> impl Strategy<Value = Record> {
    (option::of(live()), stamp(), stamp(), position(), window()).prop_map(
        |(live, deleted, updated, position, window)| Record { live, deleted, updated, position, window },
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

/// Ids in any script, up to the longest.
fn player() -> impl Strategy<Value = PlayerId> {
    prop_oneof!["[a-z]{1,128}", "[äßéλ日😀 ./]{1,30}"].prop_map(|text| PlayerId::new(&text).unwrap())
}

fn leaderboard_id() -> impl Strategy<Value = LeaderboardId> {
    "[a-zé日]{1,40}".prop_map(|text| LeaderboardId::new(&text).unwrap())
}

fn row() -> impl Strategy<Value = RowKey> {
    (any::<u32>(), any::<u32>(), player()).prop_map(|(board, version, player)| RowKey {
        board,
        version,
        player,
    })
}

fn entry() -> impl Strategy<Value = JournalEntry> {
    let submission = (score(), score(), metadata(), option::of(submission_key()));
    let submission =
        submission.prop_map(|(score, subscore, metadata, key)| Submission { score, subscore, metadata, key });
    let change = prop_oneof![
        (leaderboard_id(), rules()).prop_map(|(id, rules)| Change::Create { id, rules }),
        any::<u32>().prop_map(|board| Change::Reset { board }),
        (row(), submission).prop_map(|(key, submission)| Change::Submit { key, submission }),
        row().prop_map(|key| Change::Delete { key }),
    ];
    (stamp(), change).prop_map(|(stamp, change)| JournalEntry { stamp, change })
}

/// Bytes as a careless disk leaves them: some flipped, or cut off.
fn damaged(mut bytes: Vec<u8>, flips: &[(usize, u8)], keep: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - keep % (bytes.len() + 1));
    for (at, mask) in flips {
        let length = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at % length) {
            *byte ^= mask;
        }
    }
    bytes
}

fn read_entries(bytes: &[u8]) -> Option<Vec<JournalEntry>> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        entries.push(get_entry(&mut reader).ok()?);
    }
    Some(entries)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back(record in record()) {
        let mut bytes = Vec::new();
        put_record(&mut bytes, &record);
        prop_assert_eq!(get_record(&bytes, WINDOW), Ok(record));
    }

    #[test]
    fn boards_come_back(number: u32, sequence: u64, version: u32, id in leaderboard_id(), rules in rules(), created in stamp(), opened in stamp()) {
        let row = BoardRow { number, id, leaderboard: Leaderboard { rules, version, created, opened }, sequence };
        let mut bytes = Vec::new();
        put_board(&mut bytes, &row);
        prop_assert_eq!(get_board(row.id.as_str(), &bytes), Ok(row));
    }

    #[test]
    fn entries_come_back(entries in vec(entry(), 0..8)) {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| put_entry(&mut bytes, entry));
        prop_assert_eq!(read_entries(&bytes), Some(entries));
    }

    #[test]
    fn keys_come_back_and_sort_like_rows(a in row(), b in row()) {
        prop_assert_eq!(player_of(&row_key(&a)), Ok(a.player.clone()));
        prop_assert_eq!(row_key(&a).cmp(&row_key(&b)), a.cmp(&b));
        prop_assert!(row_key(&a).starts_with(&season_prefix(a.board, a.version)));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = (get_record(&bytes, WINDOW), get_board("b", &bytes), read_entries(&bytes), player_of(&bytes));
    }

    /// Whatever a damaged form still decodes to is something that could have been stored.
    #[test]
    fn damaged_forms_never_panic(record in record(), entries in vec(entry(), 1..4), flips in vec((any::<usize>(), any::<u8>()), 0..4), keep: usize) {
        let mut bytes = Vec::new();
        put_record(&mut bytes, &record);
        if let Ok(other) = get_record(&damaged(bytes, &flips, keep), WINDOW) {
            let mut again = Vec::new();
            put_record(&mut again, &other);
            prop_assert_eq!(get_record(&again, WINDOW), Ok(other));
        }
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| put_entry(&mut bytes, entry));
        if let Some(others) = read_entries(&damaged(bytes, &flips, keep)) {
            let mut again = Vec::new();
            others.iter().for_each(|entry| put_entry(&mut again, entry));
            prop_assert_eq!(read_entries(&again), Some(others));
        }
    }
}
