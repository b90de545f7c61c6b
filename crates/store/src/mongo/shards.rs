//! The documents of shards and of the deployment: each is changed by one atomic `findAndModify`, majority and journaled,
//! which may be repeated when its reply was lost.

use hiscore_score::Stamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{RawBson, RawDocumentBuf, cstr};
use mongodb::bson::{Document, RawArrayBuf, rawdoc};

use super::fields::{Read, integer};
use super::link::Link;
use super::{DEPLOYMENT, SHARDS, documents, unreadable};
use crate::contract::{Advanced, DeploymentInfo, Progress, ShardState, StoreError, StoredLog, no_deployment};

/// What stands for a generation or an offset that is not there: below all that are.
const NONE: i64 = -1;

/// Changes one document, and returns what it is afterwards.
async fn change(
    link: &Link,
    collection: &str,
    id: impl Into<RawBson>,
    update: impl Into<RawBson>,
    upsert: bool,
) -> Result<Option<RawDocumentBuf>, StoreError> {
    let command = rawdoc! {
        "findAndModify": collection,
        "query": { "_id": id },
        "update": update,
        "upsert": upsert,
        "new": true,
        "writeConcern": link.write_concern(),
        "maxTimeMS": link.server_ms(),
    };
    // Two that race to insert it: the second finds it there.
    let reply = match link.command(command.clone()).await {
        Err(StoreError::Invalid(text)) if text.contains("E11000") => link.command(command).await?,
        done => done?,
    };
    value_of(&reply).map_err(|error| unreadable(collection, error))
}

fn value_of(reply: &Document) -> Read<Option<RawDocumentBuf>> {
    let Ok(value) = reply.get_document("value") else { return Ok(None) };
    RawDocumentBuf::try_from(value).map(Some).map_err(|error| error.to_string())
}

/// The deployment, made as `wanted` if there is none.
pub(super) async fn deployment(link: &Link, wanted: &DeploymentInfo) -> Result<DeploymentInfo, StoreError> {
    let fields = documents::deployment(wanted).map_err(StoreError::Invalid)?;
    let update = rawdoc! { "$setOnInsert": fields };
    let there = change(link, DEPLOYMENT, DEPLOYMENT, update, true).await?;
    let there = there.ok_or_else(|| unreadable(DEPLOYMENT, "no document in the reply".to_owned()))?;
    documents::get_deployment(&there).map_err(|error| unreadable(DEPLOYMENT, error))
}

/// Remembers a log if that of the generation `from` is remembered.
pub(super) async fn adopt_log(link: &Link, from: Option<u32>, log: &StoredLog) -> Result<bool, StoreError> {
    log.comes_after(from)?;
    // As with an epoch: whose it is when a reply was lost.
    let call = ObjectId::new();
    let from = from.map_or(NONE, i64::from);
    let fits = rawdoc! { "$eq": [{ "$ifNull": ["$log.generation", NONE] }, from] };
    let with_log = rawdoc! { "$mergeObjects": ["$$ROOT", {
        "format": { "$max": ["$format", documents::LOGGED] },
        "log": { "$literal": documents::log(log, call) },
    }] };
    let there = change(link, DEPLOYMENT, DEPLOYMENT, replace_if(fits, with_log), false).await?;
    let there = documents::get_log(&there.ok_or_else(no_deployment)?);
    let there = there.map_err(|error| unreadable(DEPLOYMENT, error))?;
    Ok(there.is_some_and(|(_, adopted)| adopted == call))
}

/// Opens an epoch of a shard that has the epoch `from`, and did not go back.
pub(super) async fn open(link: &Link, shard: u16, from: u32, state: &ShardState) -> Result<bool, StoreError> {
    // Tells this call from another that opens the same epoch: when a reply is lost and the command repeated, the
    // epoch is there already, and the question is whose it is.
    let call = ObjectId::new();
    let document = documents::shard(shard, state, call).map_err(StoreError::Invalid)?;
    let fits = rawdoc! { "$and": [
        { "$eq": [{ "$ifNull": ["$epoch", 0] }, i64::from(from)] },
        { "$gte": [bulk_there(), integer(state.bulk, "the number of a bulk").map_err(StoreError::Invalid)?] },
    ] };
    let update = replace_if(fits, rawdoc! { "$literal": document });
    let there = change(link, SHARDS, i32::from(shard), update, from == 0 && state.bulk == 0).await?;
    let Some(there) = there else { return Ok(false) };
    let (_, opened) = documents::get_shard(&there).map_err(|error| unreadable(SHARDS, error))?;
    Ok(opened == call)
}

/// Moves a watermark.
pub(super) async fn advance(
    link: &Link,
    shard: u16,
    epoch: u32,
    expected: Progress,
    reached: Progress,
    stamp: Stamp,
    place: Option<(u64, Stamp)>,
) -> Result<Advanced, StoreError> {
    let number = |value| integer(value, "a watermark, or the number of a bulk").map_err(StoreError::Invalid);
    let fits = rawdoc! { "$and": [
        { "$eq": ["$epoch", i64::from(epoch)] },
        { "$gte": ["$watermark", number(expected.watermark)?] },
        { "$gte": [bulk_there(), number(expected.bulk)?] },
    ] };
    let mut moved = rawdoc! {
        "watermark": { "$max": ["$watermark", number(reached.watermark)?] },
        "bulk": { "$max": ["$bulk", number(reached.bulk)?] },
        "stamp": { "$max": ["$stamp", stamp.raw().cast_signed()] },
    };
    if let Some(place) = place {
        moved.append(cstr!("log"), moved_log(place).map_err(StoreError::Invalid)?);
    }
    let moved = rawdoc! { "$mergeObjects": ["$$ROOT", moved] };
    if epoch == 0 {
        // Before anybody opened an epoch there may be no document to move.
        let nothing = documents::shard(shard, &ShardState::default(), ObjectId::new());
        let nothing = rawdoc! { "$setOnInsert": nothing.map_err(StoreError::Invalid)? };
        change(link, SHARDS, i32::from(shard), nothing, true).await?;
    }
    let there = change(link, SHARDS, i32::from(shard), replace_if(fits, moved), false).await?;
    let state = match there {
        Some(there) => documents::get_shard(&there).map_err(|error| unreadable(SHARDS, error))?.0,
        None => ShardState::default(),
    };
    Ok(if state.epoch != epoch {
        Advanced::Fenced(state)
    } else if state.is_behind(expected) {
        Advanced::WentBack(state)
    } else {
        Advanced::Done
    })
}

/// The number of the last bulk. A shard that was written before bulks had numbers has none.
fn bulk_there() -> RawDocumentBuf {
    rawdoc! { "$ifNull": ["$bulk", 0] }
}

/// What becomes of a shard's log: moved to a higher offset, else as it is, which may be that there is none.
fn moved_log((offset, stamp): (u64, Stamp)) -> Read<RawDocumentBuf> {
    let offset = integer(offset, "an offset")?;
    let higher = rawdoc! { "$and": [
        { "$eq": [{ "$type": "$log" }, "object"] },
        { "$lt": [{ "$ifNull": ["$log.offset", NONE] }, offset] },
    ] };
    let there = rawdoc! { "offset": offset, "stamp": integer(stamp.raw(), "a stamp")? };
    Ok(rawdoc! { "$cond": [higher, { "$mergeObjects": ["$log", there] }, "$log"] })
}

/// A pipeline that makes `then` of the document if `fits`, and leaves it alone otherwise.
fn replace_if(fits: RawDocumentBuf, then: RawDocumentBuf) -> RawArrayBuf {
    let mut pipeline = RawArrayBuf::new();
    pipeline.push(rawdoc! { "$replaceWith": { "$cond": [fits, then, "$$ROOT"] } });
    pipeline
}
