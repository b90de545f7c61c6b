//! For `fuzz/`: what is read of what Redis keeps is packed again to the same meaning, and no answer does any harm.

use hiscore_score::Record;
use redis::{Value, parse_redis_value};

use super::answer::{Fields, fields};
use super::calls::BoardState;
use super::codec::{
    Mark, mark_of_board, mark_of_row, put_board, put_record, take_board, take_mark, take_record,
};
use super::{apply, connect, persister, reads, topology, url, whole, wire};

/// The length of windows.
const WINDOW: usize = 32;

/// Panics if it does not hold. The first byte says what the rest is taken for.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 6 {
        0 => {
            if let Ok(record) = take_record(bytes, WINDOW) {
                assert_eq!(take_record(&put_record(&record), WINDOW), Ok(record));
            }
        }
        1 => {
            if let Ok((leaderboard, position)) = take_board(bytes)
                && let Ok(id) = hiscore_score::LeaderboardId::new("b")
            {
                let state = BoardState { id, leaderboard, position };
                assert_eq!(take_board(&put_board(&state)), Ok((leaderboard, position)));
            }
        }
        2 => match take_mark(bytes) {
            Ok(Mark::Row(key)) => assert_eq!(mark_of_row(&key), bytes),
            // One that waits for its board's records has a place before its name.
            Ok(Mark::Board(id)) => assert!(mark_of_board(&id) == bytes || bytes.starts_with(b"o")),
            Err(_) => {}
        },
        3 => drop(wire::take_result(bytes)),
        4 => drop(whole::other_primaries(&String::from_utf8_lossy(bytes))),
        _ => answer(bytes),
    }
}

/// A record as Redis keeps it.
pub fn packed(record: &Record) -> Vec<u8> {
    put_record(record)
}

/// A record as it comes back from its packed form.
pub fn kept(record: &Record) -> Option<Record> {
    take_record(&put_record(record), usize::MAX).ok()
}

fn answer(bytes: &[u8]) {
    let Ok(value) = parse_redis_value(bytes) else { return };
    let behind = || fields(value.clone(), 0).ok();
    drop(persister::take_look(value.clone(), 0));
    drop(behind().map(|fields| persister::take_claim(fields, WINDOW)));
    drop(behind().map(reads::take_boards));
    drop(behind().map(|mut fields| apply::take_verdict(&mut fields)));
    drop(Fields::of(value.clone()).map(|fields| reads::take_page(fields, 0, WINDOW)));
    let asked = url::Host { name: "asked".into(), port: 1 };
    drop((topology::host_of(&value), topology::slot_ranges(&value, &asked), connect::replicas(&value)));
    if let Value::BulkString(bytes) = &value {
        drop(wire::take_result(bytes));
    }
}
