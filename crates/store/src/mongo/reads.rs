//! Reading.
//!
//! What the protocol decides by is read from the primary as a majority has it, so that nothing is seen that could be
//! taken back. Pages, ranks and counts are read from the primary while there is one and else from a secondary, as the
//! server has them: they are asked for when the ranking tier is away, say `STALE` anyway, and must not wait for
//! an election.
//!
//! Ranges of an index are given by its first and last key (`min`, `max`), never left to the planner.

use std::ops::Range;

use hiscore_score::{OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season};
use mongodb::bson::raw::{RawDocument, RawDocumentBuf};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{
    FindOptions, Hint, ReadConcern, ReadPreference, ReadPreferenceOptions, SelectionCriteria,
};

use super::documents::{columns, get_board, get_log, get_record};
use super::fields::Read;
use super::indexes::{ORDER, POSITION};
use super::link::{Failure, Link};
use super::{DEPLOYMENT, LEADERBOARDS, RECORDS, SHARDS, unreadable};
use crate::contract::{From, ShardState, StoreError, StoredBoard, StoredLog};

/// How many keys are asked for at once.
const KEYS: usize = 1_000;
/// From how many rows on a page's first row is looked for in the index alone, before any record is read.
const FAR: u64 = 100;

fn for_the_protocol(link: &Link) -> FindOptions {
    FindOptions::builder()
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::majority())
        .max_time(link.server_time())
        .build()
}

fn primary_preferred() -> SelectionCriteria {
    let options = ReadPreferenceOptions::builder().build();
    SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred { options: Some(options) })
}

fn for_pages(link: &Link) -> FindOptions {
    FindOptions::builder()
        .selection_criteria(primary_preferred())
        .read_concern(ReadConcern::local())
        .max_time(link.server_time())
        .build()
}

/// Reads at most `limit` documents.
async fn find<T: Send + 'static>(
    link: &Link,
    collection: &'static str,
    filter: Document,
    mut options: FindOptions,
    limit: usize,
    decode: fn(&RawDocument) -> Read<T>,
) -> Result<Vec<T>, StoreError> {
    if limit == 0 {
        // To the server it would mean all.
        return Ok(Vec::new());
    }
    options.limit = i64::try_from(limit).ok();
    options.batch_size = Some(u32::try_from(limit).unwrap_or(u32::MAX).min(i32::MAX as u32));
    let read = link.run(move |database| {
        let (filter, options) = (filter.clone(), options.clone());
        async move {
            let collection = database.collection::<RawDocumentBuf>(collection);
            let mut found = collection.find(filter).with_options(options).await?;
            let mut out = Vec::new();
            while found.advance().await? {
                out.push(decode(found.current()));
            }
            Ok::<_, Failure>(out)
        }
    });
    let decoded: Read<Vec<T>> = read.await?.into_iter().collect();
    decoded.map_err(|error| unreadable(collection, error))
}

/// What is known of a shard.
pub(super) async fn shard(link: &Link, shard: u16) -> Result<ShardState, StoreError> {
    let filter = doc! { "_id": i32::from(shard) };
    let found = find(link, SHARDS, filter, for_the_protocol(link), 1, super::documents::get_shard).await?;
    Ok(found.into_iter().next().map(|(state, _)| state).unwrap_or_default())
}

/// The log that is remembered.
pub(super) async fn log(link: &Link) -> Result<Option<StoredLog>, StoreError> {
    let filter = doc! { "_id": DEPLOYMENT };
    let found = find(link, DEPLOYMENT, filter, for_the_protocol(link), 1, get_log).await?;
    Ok(found.into_iter().next().flatten().map(|(log, _)| log))
}

/// Boards in the order of their names.
pub(super) async fn boards(link: &Link, shard: Option<u16>) -> Result<Vec<StoredBoard>, StoreError> {
    let filter = shard.map_or_else(Document::new, |shard| doc! { "shard": i32::from(shard) });
    let mut options = for_the_protocol(link);
    options.sort = Some(doc! { "_id": 1 });
    find(link, LEADERBOARDS, filter, options, usize::MAX, get_board).await
}

/// The board of a name.
pub(super) async fn boards_of(link: &Link, names: Vec<&str>) -> Result<Vec<StoredBoard>, StoreError> {
    let limit = names.len();
    find(link, LEADERBOARDS, doc! { "_id": { "$in": names } }, for_the_protocol(link), limit, get_board).await
}

/// Records of a shard by position.
pub(super) async fn between(
    link: &Link,
    shard: u16,
    range: Range<Position>,
    after: Option<&(Position, RecordKey)>,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, StoreError> {
    let bound = |position: Position, id: Bson| {
        // Beyond what can be stored: after everything.
        let sequence = i64::try_from(position.sequence).map_or(Bson::MaxKey, Bson::Int64);
        doc! {
            "shard": i32::from(shard), "epoch": i64::from(position.era), "sequence": sequence,
            "index": i64::from(position.index), "_id": id,
        }
    };
    if range.start >= range.end || after.is_some_and(|(position, _)| *position >= range.end) {
        return Ok(Vec::new());
    }
    let mut options = for_the_protocol(link);
    options.hint = Some(Hint::Name(POSITION.to_owned()));
    options.sort = Some(doc! { "shard": 1, "epoch": 1, "sequence": 1, "index": 1, "_id": 1 });
    options.min = Some(match after {
        Some((position, key)) if *position >= range.start => bound(*position, next_id(key).into()),
        _ => bound(range.start, Bson::MinKey),
    });
    options.max = Some(bound(range.end, Bson::MinKey));
    find(link, RECORDS, Document::new(), options, limit, get_record).await
}

fn id(key: &RecordKey) -> Document {
    doc! {
        "l": key.season.leaderboard.as_str(),
        "v": i64::from(key.season.version),
        "p": key.player.as_str(),
    }
}

/// The `_id` right after a key's: no text stands between one and the same with a NUL behind it.
fn next_id(key: &RecordKey) -> Document {
    let mut id = id(key);
    id.insert("p", next(&key.player));
    id
}

fn next(player: &PlayerId) -> String {
    format!("{player}\0")
}

/// Records by their keys.
pub(super) async fn get(link: &Link, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
    let mut found = std::collections::HashMap::with_capacity(keys.len());
    for keys in keys.chunks(KEYS) {
        let ids: Vec<Document> = keys.iter().map(id).collect();
        let filter = doc! { "_id": { "$in": ids } };
        found.extend(find(link, RECORDS, filter, for_the_protocol(link), keys.len(), get_record).await?);
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}

/// All records by key.
pub(super) async fn scan(
    link: &Link,
    after: Option<&RecordKey>,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, StoreError> {
    let filter = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": id(after) } });
    let mut options = for_the_protocol(link);
    options.hint = Some(Hint::Name("_id_".to_owned()));
    options.sort = Some(doc! { "_id": 1 });
    find(link, RECORDS, filter, options, limit, get_record).await
}

/// Counts by the index of the order alone.
async fn count_by(link: &Link, filter: Document) -> Result<u64, StoreError> {
    let ms = link.server_ms();
    let reply = link.run(move |database| {
        let command = doc! {
            "count": RECORDS, "query": filter.clone(), "hint": ORDER, "maxTimeMS": ms,
            "readConcern": { "level": "local" },
        };
        async move {
            let reply = database.run_command(command).selection_criteria(primary_preferred()).await?;
            Ok::<_, Failure>(reply)
        }
    });
    let reply = reply.await?;
    let count = reply.get_i32("n").map(i64::from).or_else(|_| reply.get_i64("n"));
    let count = count.ok().and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| unreadable(RECORDS, "the reply to a count has no n".to_owned()))
}

/// Those who are in the order of a season. That the column is compared (rather than asked for) is what lets the index
/// answer alone, although it is a partial one.
fn in_order(season: &Season) -> Document {
    doc! {
        "leaderboardId": season.leaderboard.as_str(), "versionId": i64::from(season.version),
        "order.score": { "$gte": i64::MIN },
    }
}

/// Players of a season.
pub(super) async fn count(link: &Link, season: &Season) -> Result<u64, StoreError> {
    count_by(link, in_order(season)).await
}

/// Players before a place: in proportion to them, about a microsecond each.
pub(super) async fn before(
    link: &Link,
    season: &Season,
    rules: &Rules,
    place: &OrderKey,
) -> Result<u64, StoreError> {
    let (score, subscore, reached) = columns(&place.standing, rules);
    let one = |more: Document| {
        let mut all = in_order(season);
        all.extend(more);
        all
    };
    let ranges = vec![
        one(doc! { "order.score": { "$lt": score } }),
        one(doc! { "order.score": score, "order.subscore": { "$lt": subscore } }),
        one(doc! { "order.score": score, "order.subscore": subscore, "order.reached": { "$lt": reached } }),
        one(doc! {
            "order.score": score, "order.subscore": subscore, "order.reached": reached,
            "playerId": { "$lt": place.player.as_str() },
        }),
    ];
    count_by(link, doc! { "$or": ranges }).await
}

/// A page of a season.
pub(super) async fn walk(
    link: &Link,
    season: &Season,
    rules: &Rules,
    from: &From,
    limit: usize,
) -> Result<Vec<(PlayerId, Record)>, StoreError> {
    let end = |end: Bson| bound(season, [end.clone(), end.clone(), end.clone(), end]);
    let place = |place: &OrderKey, player: String| {
        let (score, subscore, reached) = columns(&place.standing, rules);
        bound(season, [score.into(), subscore.into(), reached.into(), player.into()])
    };
    let (mut first, mut last, mut skip, mut up) = (end(Bson::MinKey), end(Bson::MaxKey), 0, false);
    match from {
        From::Skip(rows) if *rows >= FAR => match nth(link, season, *rows).await? {
            Some(nth) => first = nth,
            None => return Ok(Vec::new()),
        },
        From::Skip(rows) => skip = *rows,
        From::After(at) => first = place(at, next(&at.player)),
        From::Before(at) => {
            last = place(at, at.player.to_string());
            up = true;
        }
    }
    let mut options = for_pages(link);
    options.hint = Some(Hint::Name(ORDER.to_owned()));
    options.sort = Some(order(if up { -1 } else { 1 }));
    options.skip = (skip > 0).then_some(skip);
    (options.min, options.max) = (Some(first), Some(last));
    // What the index is of, for servers that want to hear it before they use a partial one.
    let filter = doc! { "order.score": { "$exists": true } };
    let mut rows = find(link, RECORDS, filter, options, limit, get_record).await?;
    if up {
        rows.reverse();
    }
    Ok(rows.into_iter().map(|(key, record)| (key.player, record)).collect())
}

fn order(direction: i32) -> Document {
    doc! {
        "leaderboardId": direction, "versionId": direction, "order.score": direction,
        "order.subscore": direction, "order.reached": direction, "playerId": direction,
    }
}

/// A key of the index of the order.
fn bound(season: &Season, [score, subscore, reached, player]: [Bson; 4]) -> Document {
    doc! {
        "leaderboardId": season.leaderboard.as_str(), "versionId": i64::from(season.version),
        "order.score": score, "order.subscore": subscore, "order.reached": reached, "playerId": player,
    }
}

/// The key of the row after so many, by the index alone: reading every record on the way would take ten times as long.
async fn nth(link: &Link, season: &Season, rows: u64) -> Result<Option<Document>, StoreError> {
    let mut options = for_pages(link);
    options.hint = Some(Hint::Name(ORDER.to_owned()));
    options.sort = Some(order(1));
    options.skip = Some(rows);
    options.projection = Some(doc! { "_id": 0, "order": 1, "playerId": 1 });
    options.projection = Some(doc! {
        "_id": 0, "order.score": 1, "order.subscore": 1, "order.reached": 1, "playerId": 1,
    });
    let season = season.clone();
    let found = find(link, RECORDS, in_order(&season), options, 1, |found| {
        let fields = super::fields::Fields(found);
        let order = fields.sub("order")?;
        Ok((
            [order.i64("score")?, order.i64("subscore")?, order.i64("reached")?],
            fields.text("playerId")?.to_owned(),
        ))
    });
    let found = found.await?.into_iter().next();
    Ok(found.map(|([score, subscore, reached], player)| {
        bound(&season, [score.into(), subscore.into(), reached.into(), player.into()])
    }))
}
