//! What is shown of every record, by the API and in MongoDB's documents.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use hiscore_faults::Client;
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

/// Documents of `records`, without their windows, as a majority has them.
pub(crate) fn documents(mongo: &Mongo, filter: Document) -> Vec<Document> {
    let command = doc! {
        "find": "records", "$db": "hiscore", "filter": filter, "projection": { "window": 0 },
        "batchSize": 100_000, "readConcern": { "level": "majority" },
    };
    let reply = mongo.command(mongo.primary(), command);
    let cursor = reply.get_document("cursor").unwrap_or_else(|_| panic!("{reply}"));
    assert_eq!(integer(cursor, "id"), 0, "all of it in one reply");
    let batch = cursor.get_array("firstBatch").expect("a batch");
    batch.iter().map(|document| document.as_document().expect("a document").clone()).collect()
}

/// A field that holds an integer, of whichever type.
pub(crate) fn integer(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{name} is {other:?} in {document}"),
    }
}
