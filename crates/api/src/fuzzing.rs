//! For `fuzz/`: texts as cursors, and bytes behind a seal that is right.

#![allow(clippy::unwrap_used, reason = "for tests only")]

use std::sync::{Arc, OnceLock};

use hiscore_score::{LeaderboardId, Operator, Rules, SortOrder};

use crate::schema::cursor::Cursors;

/// What is taken for a cursor is written again as the same text; panics if it is not.
pub fn cursor(bytes: &[u8]) {
    let cursors = Cursors::new(Arc::new(OnceLock::from([42; 32])));
    let board = LeaderboardId::new("daily").unwrap();
    let of = |first: u8| Rules {
        operator: Operator::Best,
        sort_order: if first & 1 == 0 { SortOrder::Desc } else { SortOrder::Asc },
        subscore_order: if first & 2 == 0 { SortOrder::Desc } else { SortOrder::Asc },
    };
    let text = String::from_utf8_lossy(bytes);
    let check = |text: &str, rules: &Rules, version| {
        if let Ok(place) = cursors.read_row(&board, version, rules, text) {
            assert_eq!(cursors.row(&board, version, rules, &place), text);
        }
        if let Ok(id) = cursors.read_board(text) {
            assert_eq!(cursors.board(&id), text);
        }
    };
    check(&text, &Rules::default(), 1);
    let Some((first, body)) = bytes.split_first() else { return };
    let version = body.first_chunk().map_or(1, |version| u32::from_be_bytes(*version));
    for sealed in
        [cursors.seal(b"row", board.as_str(), body.to_vec()), cursors.seal(b"board", "", body.to_vec())]
    {
        check(&sealed, &of(*first), version);
    }
}
