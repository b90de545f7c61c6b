//! Entries come back as they were, and no bytes whatever do any harm.

use hiscore_score::leaderboard::{Operator, Rules, SortOrder};
use hiscore_score::{LeaderboardId, Metadata, PlayerId, Score, Submission, SubmissionKey};
use proptest::prelude::*;

use super::{Entry, EntryError, Told, Work, pack};
use crate::MAX_ENTRY_BYTES;

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![Just("daily".to_owned()), "[a-z$.玩 ]{1,12}"]
}

fn submissions() -> impl Strategy<Value = Submission> {
    let metadata = prop::option::of(
        ("[a-z]{1,4}", -1e9..1e9)
            .prop_map(|(name, value)| Metadata::new(&serde_json::json!({ name: value })).unwrap().unwrap()),
    );
    let key = prop::option::of(any::<([u8; 16], u64, Option<u64>)>());
    let score = || (-Score::MAX.get()..=Score::MAX.get()).prop_map(|score| Score::new(score).unwrap());
    let subscore = prop_oneof![Just(Score::ZERO), score()];
    (score(), subscore, metadata, key).prop_map(|(score, subscore, metadata, key)| Submission {
        score,
        subscore,
        metadata,
        key: key.map(|(id, body, time_ms)| SubmissionKey { id, body, time_ms }),
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let order = || prop_oneof![Just(SortOrder::Asc), Just(SortOrder::Desc)];
    let operator = prop_oneof![Just(Operator::Best), Just(Operator::Set), Just(Operator::Increment)];
    (operator, order(), order()).prop_map(|(operator, sort_order, subscore_order)| Rules {
        operator,
        sort_order,
        subscore_order,
    })
}

fn works() -> impl Strategy<Value = Work> {
    let board = || ids().prop_map(|id| LeaderboardId::new(&id).unwrap());
    let player = || ids().prop_map(|id| PlayerId::new(&id).unwrap());
    prop_oneof![
        4 => (board(), player(), submissions(), any::<bool>()).prop_map(
            |(board, player, submission, auto_create)| Work::Submit { board, player, submission, auto_create }
        ),
        1 => (board(), player()).prop_map(|(board, player)| Work::Delete { board, player }),
        1 => (board(), rules()).prop_map(|(board, rules)| Work::Create { board, rules }),
        1 => (board(), any::<Option<u32>>()).prop_map(|(board, expected)| Work::Reset { board, expected }),
    ]
}

fn entries() -> impl Strategy<Value = Entry> {
    let told = any::<[bool; 4]>().prop_map(|[outcome, record, rank, previous_rank]| Told {
        outcome,
        record,
        rank,
        previous_rank,
    });
    (any::<u64>(), any::<u64>(), told, prop::collection::vec(works(), 0..8))
        .prop_map(|(origin, number, told, works)| Entry { origin, number, told, works })
}

/// Content with the checksum that belongs to it.
fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&content);
    content.extend_from_slice(&crc.to_le_bytes());
    content
}

fn content(entry: &Entry) -> Vec<u8> {
    let mut bytes = entry.encode();
    bytes.truncate(bytes.len() - 4);
    bytes
}

fn simple() -> Entry {
    let board = LeaderboardId::new("daily").unwrap();
    let submission = Submission::new(Score::new(7).unwrap(), Score::ZERO, None, None);
    let player = PlayerId::new("ann").unwrap();
    let works = vec![Work::Submit { board, player, submission, auto_create: false }];
    let told = Told { rank: true, ..Told::default() };
    Entry { origin: 0x0102_0304_0506_0708, number: 9, told, works }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn everything_comes_back(entry in entries()) {
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn any_bytes_do_no_harm(bytes: Vec<u8>) {
        drop(Entry::decode(&bytes));
        drop(Entry::decode(&sealed(bytes)));
    }

    /// With a checksum that is right, so that what is behind it meets the damage.
    #[test]
    fn damage_does_no_harm(
        entry in entries(),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4),
        end: prop::sample::Index,
    ) {
        let mut bytes = content(&entry);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(Entry::decode(&sealed(bytes.clone())));
        bytes.truncate(end.index(bytes.len()));
        drop(Entry::decode(&sealed(bytes)));
    }

    /// Whatever decodes is written again as the same bytes: nothing in it was lost on the way.
    #[test]
    fn what_decodes_was_understood(entry in entries(), at: prop::sample::Index, byte: u8) {
        let mut bytes = content(&entry);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = Entry::decode(&sealed(bytes)) {
            prop_assert_eq!(Entry::decode(&other.encode()), Ok(other));
        }
    }

    #[test]
    fn a_changed_bit_is_noticed(entry in entries(), bit: prop::sample::Index) {
        let mut bytes = entry.encode();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(Entry::decode(&bytes), Err(EntryError::Corrupt("the checksum is wrong")));
    }

}

proptest! {
    // Each is of up to half a megabyte.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn packs_keep_the_order_and_the_limit(works in prop::collection::vec(works(), 0..40), times in 1usize..200) {
        let works: Vec<Work> = works.iter().cycle().take(works.len() * times).cloned().collect();
        let packs = pack(works.clone());
        for pack in &packs {
            let entry = Entry { origin: u64::MAX, number: u64::MAX, told: Told::default(), works: pack.clone() };
            prop_assert!(!pack.is_empty() && entry.encode().len() <= MAX_ENTRY_BYTES);
        }
        prop_assert_eq!(packs.concat(), works);
    }
}

#[test]
fn the_bytes_never_change() {
    let bytes = simple().encode();
    let known =
        [1, 8, 7, 6, 5, 4, 3, 2, 1, 9, 4, 1, 1, 0, 5, b'd', b'a', b'i', b'l', b'y', 3, b'a', b'n', b'n', 14];
    assert_eq!(bytes[..bytes.len() - 4], known);
    assert_eq!(bytes[bytes.len() - 4..], crc32fast::hash(&known).to_le_bytes());
}

#[test]
fn what_is_newer_stops_and_says_so() {
    let newer = |at: usize, byte: u8| {
        let mut bytes = content(&simple());
        bytes[at] = byte;
        Entry::decode(&sealed(bytes))
    };
    // The version, what is told, the kind and the flags of the first work.
    for (at, byte) in [(0, 2), (10, 16), (12, 5), (13, 128), (13, 64)] {
        assert!(matches!(newer(at, byte), Err(EntryError::Newer(_))), "byte {at} as {byte}");
    }
    assert_eq!(newer(13, 1), Err(EntryError::Corrupt("the same board as none")));
}

#[test]
fn a_count_beyond_the_bytes_takes_no_memory() {
    let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(Entry::decode(&sealed(bytes)), Err(EntryError::Corrupt("more works than bytes for them")));
}
