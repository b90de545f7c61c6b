//! Measures MongoDB as the store, with servers of its own: bulks of guarded upserts, of replacements and of repetitions
//! that find nothing to do, and how fast it is read again.
//!
//! `cargo run --release -p hiscore-store --example mongo -- MEMBERS [PLAYERS]`
//!
//! Measured without `--release` and with MongoDB 6.0.5 on 2 cores that were busy compiling other things, so as a floor;
//! 20,000 players, documents a second or milliseconds:
//!
//! ```text
//!                                 1 member   3 members
//! insert                             2,577       4,640
//! replace                            2,426       4,219
//! replace, 4 at once                 2,194       4,063
//! repeat                             4,546       5,268
//! read by position                   3,842      10,889
//! a page of 100 from the middle    65.6 ms     12.9 ms
//! the next one                      8.3 ms      5.9 ms
//! the rank 10001 of one             9.9 ms      7.9 ms
//! the count of 20000               52.9 ms      8.2 ms
//! ```
//!
//! That three members look quicker than one is the compiling: the two runs were a minute apart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an example may fail by panicking, and prints what it measured"
)]

use std::time::Instant;

use hiscore_faults::servers::Mongo;
use hiscore_score::{Live, Metadata, OrderKey, Position, Record, RecordKey, Rules};
use hiscore_store::contract::{From, Writes};
use hiscore_store::suite::{board, key, record};
use hiscore_store::{MongoOptions, MongoStore, Store};

const BULK: u64 = 1_000;
const BOARD: &str = "daily";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let members = arguments.next().unwrap_or(1);
    let players = arguments.next().unwrap_or(100_000);
    let mongo = Mongo::start(usize::try_from(members).unwrap());
    let store = MongoStore::connect(&mongo.url(), MongoOptions::default()).unwrap();
    store.write(Writes { shard: 0, rows: &[], boards: &[board(BOARD)] }).await.unwrap();
    println!("{members} members, {players} players, bulks of {BULK}, w: majority, j: true");

    let mut next = 0;
    for (what, tasks) in [("insert", 1), ("replace", 1), ("replace, 4 at once", 4), ("repeat", 1)] {
        if what != "repeat" {
            next += players;
        }
        let began = Instant::now();
        write(&store, players, next, tasks).await;
        per_second(what, players, began);
    }

    let began = Instant::now();
    let mut after: Option<(Position, RecordKey)> = None;
    let mut found = 0;
    loop {
        let range = Position::ZERO..Position::new(2, 0);
        let rows = store.between(0, range, after.as_ref(), BULK as usize).await.unwrap();
        found += rows.len() as u64;
        after = rows.last().map(|(key, record)| (record.position, key.clone()));
        if rows.len() < BULK as usize {
            break;
        }
    }
    per_second("read by position", found, began);

    let season = key(BOARD, 1, "x").season;
    let rules = Rules::default();
    let began = Instant::now();
    let page = store.walk(&season, &rules, &From::Skip(players / 2), 100).await.unwrap();
    millis("a page of 100 from the middle", began);
    let (player, middle) = &page[0];
    let standing = middle.live.as_ref().map(|live| live.standing(&rules)).unwrap();
    let place = OrderKey { standing, player: player.clone() };
    let began = Instant::now();
    store.walk(&season, &rules, &From::After(place.clone()), 100).await.unwrap();
    millis("the next one", began);
    let began = Instant::now();
    let before = store.before(&season, &rules, &place).await.unwrap();
    millis(&format!("the rank {} of one", before + 1), began);
    let began = Instant::now();
    let count = store.count(&season).await.unwrap();
    millis(&format!("the count of {count}"), began);
}

/// Writes every player once, at sequences from `first` on, by so many tasks at once.
async fn write(store: &MongoStore, players: u64, first: u64, tasks: u64) {
    let bulk = async |begin: u64| {
        let rows: Vec<_> =
            (begin..(begin + BULK).min(players)).map(|player| row(player, first + player)).collect();
        let written = store.write(Writes { shard: 0, rows: &rows, boards: &[] }).await.unwrap();
        assert_eq!(written.failed_rows, []);
    };
    let lane = async |lane: u64| {
        let mut begin = lane * BULK;
        while begin < players {
            bulk(begin).await;
            begin += tasks * BULK;
        }
    };
    if tasks == 1 {
        lane(0).await;
    } else {
        tokio::join!(lane(0), lane(1), lane(2), lane(3));
    }
}

fn row(player: u64, sequence: u64) -> (RecordKey, Record) {
    let plain = record(sequence, (player * 7_919 % 1_000_003) as i64);
    let metadata = Metadata::from_stored(r#"{"car":"red","lap":3}"#).unwrap();
    let live = plain.live.clone().map(|live| Live { metadata, ..live });
    (key(BOARD, 1, &format!("player-{player:08}")), Record { live, ..plain })
}

fn per_second(what: &str, rows: u64, began: Instant) {
    println!("{what:30} {:>8.0} documents/s", rows as f64 / began.elapsed().as_secs_f64());
}

fn millis(what: &str, began: Instant) {
    println!("{what:30} {:>8.1} ms", began.elapsed().as_secs_f64() * 1e3);
}
