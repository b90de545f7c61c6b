//! Writing absolute states under the guard: one unordered `update` command per bulk.
//!
//! Every statement finds its document by `_id` alone, and decides by a pipeline whether to replace it. Were the position
//! part of the filter, an upsert that finds no match (since what is there is newer) would try to insert, and of two that
//! race one would be lost: measured, 9 to 14 of 150 contended keys ended stale. What the user gave stands inside of
//! `$literal`, so that nothing in it is ever read as an expression.

use std::time::Duration;

use hiscore_score::Position;
use mongodb::bson::raw::{RawBson, RawDocumentBuf};
use mongodb::bson::{Bson, Document, RawArrayBuf, rawdoc};

use super::link::{Failure, Link, by_code};
use crate::contract::StoreError;

/// The most bytes of statements in one command; a server takes 16 MiB.
const MOST_BYTES: usize = 12 << 20;
/// The most statements in one command.
const MOST_STATEMENTS: usize = 10_000;
/// How often statements are repeated that met a race or a change of the primary.
const ROUNDS: u32 = 10;

/// A state to be written.
pub(super) struct State {
    /// Which row or board of the caller's it is.
    pub at: usize,
    /// Its `_id`.
    pub id: RawBson,
    /// All of it.
    pub document: RawDocumentBuf,
    /// Its position.
    pub position: Position,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Those that are not known to be in the store, and why.
    pub failed: Vec<(usize, String)>,
    /// Those that found a state that was not older.
    pub superseded: u64,
}

/// Writes states of one collection.
pub(super) async fn write(
    link: &Link,
    collection: &'static str,
    states: Vec<State>,
) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let mut waiting = Vec::with_capacity(states.len());
    for state in states {
        let at = state.at;
        match statement(state) {
            Ok(statement) => waiting.push((at, statement)),
            Err(reason) => outcome.failed.push((at, reason)),
        }
    }
    for round in 1.. {
        let mut again = Vec::new();
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            let (bulk, others) = rest.split_at(fitting(rest));
            rest = others;
            let reply = link.command(command(link, collection, bulk)).await?;
            again.extend(judge(&reply, bulk, &mut outcome)?);
        }
        if again.is_empty() {
            break;
        }
        if round == ROUNDS {
            let reason = "another writer of the same document was always quicker; try again";
            outcome.failed.extend(again.iter().map(|(at, _)| (*at, reason.to_owned())));
            break;
        }
        waiting = again;
        tokio::time::sleep(Duration::from_millis(1 << round.min(6))).await;
    }
    Ok(outcome)
}

/// How many statements from the front make one command.
fn fitting(waiting: &[(usize, RawDocumentBuf)]) -> usize {
    let mut bytes = 0;
    let fit = waiting.iter().take(MOST_STATEMENTS).take_while(|(_, statement)| {
        // And the key in the array that it stands in.
        bytes += statement.as_bytes().len() + 8;
        bytes <= MOST_BYTES
    });
    // One that is too large by itself is for the server to refuse.
    fit.count().max(1)
}

fn statement(state: State) -> Result<RawDocumentBuf, String> {
    let position = sequence_of(state.position)?;
    let older = rawdoc! { "$lt": [["$epoch", "$sequence", "$index"], position] };
    let choice = rawdoc! { "$cond": [older, { "$literal": state.document }, "$$ROOT"] };
    Ok(rawdoc! { "q": { "_id": state.id }, "u": [{ "$replaceWith": choice }], "upsert": true })
}

/// A position as the array that the stored one is compared with, element by element; what is missing is null, which is
/// lower than every number.
fn sequence_of(position: Position) -> Result<RawArrayBuf, String> {
    let mut out = RawArrayBuf::new();
    out.push(i64::from(position.era));
    out.push(super::fields::integer(position.sequence, "a sequence")?);
    out.push(i64::from(position.index));
    Ok(out)
}

fn command(link: &Link, collection: &str, bulk: &[(usize, RawDocumentBuf)]) -> RawDocumentBuf {
    let mut updates = RawArrayBuf::new();
    for (_, statement) in bulk {
        updates.push(statement);
    }
    // A generic command takes neither the write concern nor the retries of the client: both are ours.
    rawdoc! {
        "update": collection,
        "ordered": false,
        "writeConcern": link.write_concern(),
        "maxTimeMS": link.server_ms(),
        "updates": updates,
    }
}

/// Reads a reply: counts, files what failed, and returns what is to be sent again.
///
/// A statement that changed nothing is confirmed like the others: the server waits until a majority has all that it
/// knew then, so what superseded it is durable.
fn judge(
    reply: &Document,
    bulk: &[(usize, RawDocumentBuf)],
    outcome: &mut Outcome,
) -> Result<Vec<(usize, RawDocumentBuf)>, StoreError> {
    let unreadable =
        |what: &str| StoreError::Invalid(format!("MongoDB: the reply to an update has no {what}"));
    let number = |name: &str| reply.get(name).and_then(count);
    let matched = number("n").ok_or_else(|| unreadable("n"))?;
    let modified = number("nModified").ok_or_else(|| unreadable("nModified"))?;
    let upserted = reply.get_array("upserted").map_or(0, |upserted| upserted.len() as u64);
    let errors = reply.get_array("writeErrors").map_or(&[][..], Vec::as_slice);
    if matched + errors.len() as u64 != bulk.len() as u64 {
        // It stopped half way: every statement that was carried out counts once, since all are upserts.
        return Ok(bulk.to_vec());
    }
    outcome.superseded += matched.saturating_sub(modified + upserted);
    let mut again = Vec::new();
    for error in errors {
        let error = error.as_document().ok_or_else(|| unreadable("readable writeErrors"))?;
        let index = error.get("index").and_then(count).and_then(|index| usize::try_from(index).ok());
        let (at, statement) =
            index.and_then(|index| bulk.get(index)).ok_or_else(|| unreadable("index of an error"))?;
        let code = error.get_i32("code").unwrap_or_default();
        let reason = error.get_str("errmsg").unwrap_or("no reason given").to_owned();
        match by_code(code, reason) {
            // Two upserts of one document raced: now that it is there, the guard decides.
            Failure::Invalid(_) if code == DUPLICATE_KEY => again.push((*at, statement.clone())),
            Failure::Again(_) => again.push((*at, statement.clone())),
            Failure::Unavailable(reason) | Failure::Invalid(reason) => outcome.failed.push((*at, reason)),
        }
    }
    Ok(again)
}

const DUPLICATE_KEY: i32 = 11_000;

fn count(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(value) => u64::try_from(*value).ok(),
        Bson::Int64(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}
