//! What is dirty over the table: a record is the same whichever part of it is where, and nothing is counted twice by a round
//! of the funnel that came into the table in part.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::sync::Arc;

use hiscore_faults::{Random, SimDisk};
use hiscore_score::{
    Applied, Moment, Operator, Patch, PlayerId, Position, Record, Rules, Score, Stamp, Submission, Window,
};
use hiscore_store::Options;
use hiscore_store::embedded::{Deployment, Embedded, RowKey, Sizes, State};

const RULES: Rules = Rules {
    operator: Operator::Increment,
    sort_order: hiscore_score::SortOrder::Desc,
    subscore_order: hiscore_score::SortOrder::Desc,
};
/// More than go into one transaction of the funnel.
const PLAYERS: u64 = 30_000;
/// Moments of a round at which it fails.
const PARTS: u64 = 10;

fn open(disk: &SimDisk) -> Embedded {
    let options = Options {
        journal: Sizes { segment: 4096, limit: 1 << 20 },
        cache: 1 << 20,
        deployment: Deployment { shards: 32, window: 4, secret: [7; 32] },
    };
    Embedded::open(Arc::new(disk.clone()), options).unwrap()
}

fn key(n: u64) -> RowKey {
    RowKey { board: 1, version: 1, player: PlayerId::new(&format!("player {n}")).unwrap() }
}

fn moment(sequence: u64) -> Moment {
    Moment { position: Position::new(1, sequence), stamp: Stamp::from_raw(sequence).unwrap() }
}

fn ten() -> Submission {
    Submission::new(Score::new(10).unwrap(), Score::ZERO, None, None)
}

/// One more submission of each player, after so many; `patched`: as what it did to the record.
fn play(store: &Embedded, turn: u64, patched: bool) {
    for n in 0..PLAYERS {
        let at = moment(turn * PLAYERS + n + 1);
        let record = expected(n, turn);
        let state = if patched {
            let standing = record.live.as_ref().unwrap().standing(&RULES);
            State::Patched(Box::new(Patch::of(&RULES, &standing, &ten(), at).unwrap().0))
        } else {
            State::Whole(Arc::new(after(&record, at)))
        };
        let mut publish = store.publish();
        publish.row(key(n), state);
        publish.up_to(at.position.sequence, at.stamp);
    }
}

fn after(record: &Record, at: Moment) -> Record {
    match record.submit(&RULES, &ten(), at, 4) {
        Ok(Applied::Changed(record, _)) => record,
        other => panic!("{other:?}"),
    }
}

/// The record of the n-th player after so many turns, by the law.
fn expected(n: u64, turns: u64) -> Record {
    let submit = |record, turn| after(&record, moment(turn * PLAYERS + n + 1));
    (0..turns).fold(Record::unborn(Window::default()), submit)
}

fn check(store: &Embedded, turns: u64, when: &str) {
    for n in (0..PLAYERS).step_by(97).chain(PLAYERS - 50..PLAYERS) {
        let found = store.get(&key(n)).unwrap().unwrap();
        assert_eq!(*found, expected(n, turns), "{when}: player {n}");
    }
}

#[test]
fn layers_give_the_record() {
    for first_patched in [false, true] {
        let disk = SimDisk::new();
        let store = open(&disk);
        play(&store, 0, false);
        check(&store, 1, "fresh");
        store.flush().unwrap();
        check(&store, 1, "in the table");
        play(&store, 1, first_patched);
        check(&store, 2, "fresh over the table");
        play(&store, 2, true);
        check(&store, 3, "two joined over the table");
        play(&store, 3, false);
        play(&store, 4, true);
        check(&store, 5, "a whole one between");
        assert_eq!(store.flush().unwrap().rows, PLAYERS as usize);
        check(&store, 5, "all in the table");
        assert_eq!(store.dirty_rows(), 0);
    }
}

/// Wherever a round of the funnel ends (before its first transaction, between two, in the last), what it claimed is written
/// again over what is there, and what came later over that.
#[test]
fn a_round_that_failed_half_way_counts_nothing_twice() {
    let whole_round = {
        let disk = SimDisk::new();
        let store = open(&disk);
        play(&store, 0, false);
        store.flush().unwrap();
        play(&store, 1, true);
        let before = disk.operations();
        store.flush().unwrap();
        disk.operations() - before
    };
    let mut halves = 0;
    for part in 0..=PARTS {
        let disk = SimDisk::new();
        let store = open(&disk);
        play(&store, 0, false);
        store.flush().unwrap();
        play(&store, 1, true);
        disk.die_at((whole_round * part / PARTS).max(1));
        let when = format!("part {part} of {PARTS}");
        let failed = store.flush().is_err();
        disk.revive();
        assert!(failed || part == PARTS, "{when}");
        halves += usize::from(is_half_there(&disk));
        play(&store, 2, true);
        assert_eq!(store.flush().unwrap().rows, PLAYERS as usize * (1 + usize::from(failed)), "{when}");
        check(&store, 3, &when);
    }
    println!("{halves} rounds came into the table in part");
    assert!(halves > 0, "no round came into the table in part");
}

/// Whether a process that started now would find some records after the second turn in the table, and some before.
fn is_half_there(disk: &SimDisk) -> bool {
    let mut later = 0;
    let store = open(&disk.crash(&mut Random::new(1)));
    store.scan(1, 1, |_, record| later += u64::from(record.live.unwrap().num_score > 1)).unwrap();
    later != 0 && later != PLAYERS
}
