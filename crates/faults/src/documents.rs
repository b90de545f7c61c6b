//! What MongoDB has of a deployment's records, document by document, as any program reads it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use bson::{Bson, Document, doc};

use crate::servers::Mongo;

/// Documents of `records`, without their windows, as a majority has them.
///
/// # Panics
/// When MongoDB does not answer, or not with all of them at once.
pub fn documents(mongo: &Mongo, filter: Document) -> Vec<Document> {
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
///
/// # Panics
/// When it does not.
pub fn integer(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{name} is {other:?} in {document}"),
    }
}
