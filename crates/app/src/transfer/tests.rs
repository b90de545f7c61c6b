//! The format to the byte, and a database as a target, on records kept in a folder: the same promises as MongoDB's.
//! Real processes, MongoDB and Redis: `tests/transfer.rs`.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use hiscore_config::SortedSet;
use hiscore_faults::Random;
use hiscore_faults::servers::{Redis, missing};
use hiscore_score::window::Entry;
use hiscore_score::{
    Leaderboard, LeaderboardId, Live, Metadata, Operator, PlayerId, Position, Record, RecordKey, Rules,
    Score, Season, SortOrder, Stamp, SubmissionKey, Window,
};
use hiscore_store::Store;
use hiscore_store::contract::{Advanced, Progress, ShardState};
use hiscore_store::embedded::Kept;

use super::database::{DatabaseTarget, UNFINISHED, refuse_unfinished};
use super::export::from_store;
use super::import::Input;
use super::lines::{FORMAT, Header};
use super::reader::Reader;
use super::sorted_sets::{SetError, SortedSets};
use super::target::{Begun, Plan, Target};
use super::writer::Writer;
use super::{Counts, Item, TransferError};

fn stamp(random: &mut Random) -> Stamp {
    Stamp::from_raw(random.below(1 << 53)).unwrap()
}

fn record(random: &mut Random, length: usize) -> Record {
    const METADATA: [&str; 7] = [
        "[ true, null ]",
        r#"{"a":1,"a":2}"#,
        "1e2",
        "18446744073709551615",
        r#"{"$score":{"$gt":""},"a.b":"\u0000\n"}"#,
        "9.675760593319148e-157",
        r#""\u2028""#,
    ];
    let score = |random: &mut Random| {
        let most = hiscore_score::number::MAX;
        Score::new([0, 1, -1, most, -most, 4711][random.below(6) as usize]).unwrap()
    };
    let live = (!random.one_in(4)).then(|| Live {
        score: score(random),
        subscore: score(random),
        metadata: (!random.one_in(3))
            .then(|| Metadata::from_stored(METADATA[random.below(7) as usize]).unwrap().unwrap()),
        num_score: random.below(1 << 53),
        created: stamp(random),
        reached: stamp(random),
    });
    let mut entry = || {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&random.any().to_be_bytes());
        let time_ms = random.one_in(2).then(|| random.below(1 << 48));
        Entry { stamp: stamp(random), key: SubmissionKey { id, body: random.any(), time_ms } }
    };
    let entries = (0..length).map(|_| entry()).collect();
    let horizon = if random.one_in(2) { random.below(1 << 48) } else { 0 };
    Record {
        live,
        deleted: if random.one_in(2) { stamp(random) } else { Stamp::ZERO },
        updated: stamp(random),
        position: Position::ZERO,
        window: Window::from_parts(entries, horizon, 1024),
    }
}

/// Boards of all rules, with players on several seasons.
fn items(seed: u64, players: u32) -> Vec<Item> {
    let mut random = Random::new(seed);
    let mut items = Vec::new();
    let orders = [SortOrder::Desc, SortOrder::Asc];
    for (n, operator) in [Operator::Best, Operator::Set, Operator::Increment].into_iter().enumerate() {
        let rules = Rules { operator, sort_order: orders[n % 2], subscore_order: orders[(n + 1) % 2] };
        let created = stamp(&mut random);
        let board = Leaderboard { rules, version: 3, created, opened: stamp(&mut random) };
        items.push(Item::Board(LeaderboardId::new(&format!("$b.{n}")).unwrap(), board));
    }
    for n in 0..3 {
        for version in 1..=3 {
            for player in 0..players {
                let leaderboard = LeaderboardId::new(&format!("$b.{n}")).unwrap();
                let player = PlayerId::new(&format!("__proto__ \u{1f600}{player:06}")).unwrap();
                let length = random.below(4) as usize;
                let key = RecordKey { season: Season { leaderboard, version }, player };
                items.push(Item::Record(key, record(&mut random, length)));
            }
        }
    }
    items
}

fn written(items: &[Item]) -> Vec<u8> {
    let header = Header {
        format: FORMAT,
        id: "0".repeat(32),
        shards: 4,
        window: 1024,
        exported_at: String::new(),
        hiscore: String::new(),
    };
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text, header).unwrap();
    for item in items {
        match item {
            Item::Board(id, board) => writer.board(id, board).unwrap(),
            Item::Record(key, record) => writer.record(key, record).unwrap(),
        }
    }
    writer.end().unwrap();
    text
}

fn read(text: &[u8]) -> Vec<Item> {
    let (mut reader, ..) = Reader::open(text).unwrap();
    let mut items = Vec::new();
    while let Some(piece) = reader.next().unwrap() {
        items.extend(piece);
    }
    items
}

#[test]
fn what_is_read_is_what_was_written() {
    let mut all = items(1, 300);
    // The longest windows there are, which end a piece by their bytes.
    if let Some(Item::Record(_, last)) = all.last_mut() {
        *last = record(&mut Random::new(2), 1024);
    }
    let text = written(&all);
    assert_eq!(read(&text), all);
    assert!(text.windows(8).any(|bytes| bytes == b"{\"check\""), "there are several pieces");
    assert_eq!(read(&written(&[])), []);
}

#[test]
fn no_flipped_bit_is_taken() {
    let all = items(3, 3);
    let text = written(&all);
    let mut random = Random::new(4);
    for _ in 0..2_000 {
        let mut damaged = text.clone();
        damaged[random.below(text.len() as u64) as usize] ^= 1 << random.below(8);
        let taken = Reader::open(damaged.as_slice()).and_then(|(mut reader, ..)| {
            while reader.next()?.is_some() {}
            Ok(())
        });
        assert!(taken.is_err());
    }
}

fn plan(fingerprint: &str) -> Plan {
    Plan {
        fingerprint: fingerprint.repeat(16),
        shards: 4,
        window: 1024,
        stamp: Stamp::from_raw(1_000).unwrap(),
    }
}

fn kept(folder: &Path) -> Arc<Kept> {
    Arc::new(Kept::open_folder(folder, 1 << 20).unwrap())
}

async fn begin(folder: &Path, plan: &Plan) -> Result<Begun, TransferError> {
    DatabaseTarget::new(kept(folder), "here".to_owned()).begin(plan).await
}

/// As a process that is killed leaves it after so many pieces, or to the end.
async fn put(folder: &Path, all: &[Item], pieces: Option<usize>) -> Begun {
    let mut target = DatabaseTarget::new(kept(folder), "here".to_owned());
    let begun = target.begin(&plan("a")).await.unwrap();
    let mut first = 1;
    for (at, piece) in all.chunks(50).enumerate() {
        if pieces == Some(at) {
            return begun;
        }
        target.write(first, piece.to_vec()).await.unwrap();
        first += piece.len() as u64;
    }
    target.finish(first - 1).await.unwrap();
    begun
}

#[tokio::test]
async fn a_database_is_marked_until_all_of_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let all = items(5, 40);
    for (pieces, before) in [(0, false), (1, true), (7, true), (6, true)] {
        let begun = put(folder.path(), &all, Some(pieces)).await;
        assert!(matches!(begun, Begun::Here { again, .. } if again == before), "{begun:?}");
        let store = kept(folder.path());
        for shard in 0..4 {
            let state = store.shard(shard).await.unwrap();
            assert_eq!(state.epoch, UNFINISHED);
            assert!(refuse_unfinished(&state).is_err());
        }
        let refused = from_store(&*store, "here", &mut Vec::new()).await;
        assert!(matches!(refused, Err(TransferError::Unfinished(_))), "{refused:?}");
        drop(store);
        let other = begin(folder.path(), &plan("b")).await;
        assert!(matches!(other, Err(TransferError::Other(_))), "{other:?}");
        let mismatch = begin(folder.path(), &Plan { window: 7, ..plan("a") }).await;
        assert!(matches!(mismatch, Err(TransferError::Mismatch { setting: "window", .. })), "{mismatch:?}");
    }
    put(folder.path(), &all, None).await;
    let store = kept(folder.path());
    for shard in 0..4 {
        let state = store.shard(shard).await.unwrap();
        assert_eq!((state.epoch, state.watermark), (1, all.len() as u64));
        assert!(refuse_unfinished(&state).is_ok());
    }
    let mut text = Vec::new();
    from_store(&*store, "here", &mut text).await.unwrap();
    assert_eq!(read(&text), all);
    drop(store);
    let again = begin(folder.path(), &plan("a")).await;
    assert!(matches!(again, Ok(Begun::Complete)), "{again:?}");
    let other = begin(folder.path(), &plan("b")).await;
    assert!(matches!(other, Err(TransferError::Used(_))), "{other:?}");
}

#[tokio::test]
async fn whoever_opens_an_epoch_ends_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let store = kept(folder.path());
    let mut target = DatabaseTarget::new(Arc::clone(&store) as Arc<dyn Store>, "here".to_owned());
    target.begin(&plan("a")).await.unwrap();
    let opened = ShardState { epoch: 2, ..ShardState::default() };
    for shard in 0..4 {
        assert!(store.open_epoch(shard, UNFINISHED, &opened).await.unwrap());
    }
    target.write(1, items(7, 1)).await.unwrap();
    let finished = target.finish(12).await;
    assert!(matches!(finished, Err(TransferError::Raced(_))), "{finished:?}");
}

/// Writes a watermark on as soon as anything is written out.
struct Meddler<'a>(&'a Kept, bool);

impl Write for Meddler<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !std::mem::replace(&mut self.1, true) {
            let store = self.0;
            let moved = std::thread::scope(|scope| {
                let work = scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    let at = |watermark| Progress { watermark, bulk: 0 };
                    runtime.block_on(store.advance(1, 1, at(1), at(1_000_000), Stamp::LAST, None)).unwrap()
                });
                work.join().unwrap()
            });
            assert_eq!(moved, Advanced::Done);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_changes_meanwhile_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &items(6, 2), None).await;
    let store = kept(folder.path());
    let changed = from_store(&*store, "here", Meddler(&store, false)).await;
    assert!(matches!(changed, Err(TransferError::Changing)), "{changed:?}");
    let empty = tempfile::tempdir().unwrap();
    let nothing = from_store(&*kept(empty.path()), "here", io::sink()).await;
    assert!(matches!(nothing, Err(TransferError::Nothing(_))), "{nothing:?}");
    assert_eq!(Counts { leaderboards: 1, records: 2 }.to_string(), "1 leaderboard and 2 records");
}

#[tokio::test]
async fn sorted_sets_that_change_between_the_readings_are_not_taken() {
    if missing("redis-server") {
        return;
    }
    let redis = Redis::start();
    for n in 0..1_500 {
        redis.command(&["ZADD", "k", &n.to_string(), &format!("m{n}")]);
    }
    let sets = [SortedSet {
        key: "k".to_owned(),
        leaderboard: LeaderboardId::new("b").unwrap(),
        rules: Rules::default(),
    }];
    let mut fingerprints = Vec::new();
    for change in [None, Some("1499.5"), Some("7"), Some("7")] {
        let (mut input, fingerprint) = SortedSets::check(&redis.url(), &sets).await.unwrap();
        fingerprints.push(fingerprint);
        if let Some(score) = change {
            redis.command(&["ZADD", "k", score, "m3"]);
        }
        let mut taken = 0;
        let end = loop {
            match input.next().await {
                Ok(Some(items)) => taken += items.len(),
                end => break end,
            }
        };
        if change.is_none() || fingerprints.len() == 4 {
            assert!(matches!(end, Ok(None)), "{end:?}");
            assert_eq!(taken, 1_501);
        } else {
            assert!(matches!(end, Err(TransferError::Set(SetError::Changed))), "{end:?}");
        }
        if change == Some("1499.5") {
            redis.command(&["ZADD", "k", "3", "m3"]);
        }
    }
    assert!(fingerprints[0] == fingerprints[2] && fingerprints[0] != fingerprints[3], "{fingerprints:?}");
}
