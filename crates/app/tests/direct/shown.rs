//! What is shown of every record, by the API and in MongoDB's documents.

use std::collections::BTreeMap;

use bson::doc;
use hiscore_faults::Client;
pub(crate) use hiscore_faults::documents::{documents, integer};
use hiscore_faults::servers::Mongo;
use hiscore_faults::tally::walk;

/// What one player has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) score: i64,
    pub(crate) subscore: i64,
    pub(crate) submissions: i64,
    /// Of the submission whose metadata it shows.
    pub(crate) number: Option<i64>,
}

/// By board and player.
pub(crate) type Shown = BTreeMap<String, BTreeMap<String, State>>;

/// What the API shows of these boards: ranks dense, sorted, nobody twice, `EXACT`.
pub(crate) fn by_the_api<'a>(client: &mut Client, boards: impl Iterator<Item = &'a str>) -> Shown {
    boards
        .map(|board| {
            let rows = walk(client, board, None, 500).into_iter().map(|row| {
                let state = State {
                    score: row.score(),
                    subscore: row.subscore(),
                    submissions: row.submissions(),
                    number: row.number(),
                };
                (row.player, state)
            });
            (board.to_owned(), rows.collect())
        })
        .collect()
}

/// What MongoDB's documents of these boards say, tombstones left out.
pub(crate) fn by_mongodb<'a>(mongo: &Mongo, boards: impl Iterator<Item = &'a str>) -> Shown {
    boards
        .map(|board| {
            let rows = documents(mongo, doc! { "leaderboardId": board, "deleted": { "$ne": true } });
            let rows = rows.iter().map(|row| {
                let state = State {
                    score: integer(row, "score"),
                    subscore: integer(row, "subscore"),
                    submissions: integer(row, "numScore"),
                    number: row.get_document("metadata").ok().map(|metadata| integer(metadata, "n")),
                };
                (row.get_str("playerId").expect("whose it is").to_owned(), state)
            });
            (board.to_owned(), rows.collect())
        })
        .collect()
}
