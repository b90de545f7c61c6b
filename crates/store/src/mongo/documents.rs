//! What is stored as documents, and read again. Fields that a person looks for come first, then the protocol's.

use hiscore_score::leaderboard::{Leaderboard, Operator, Rules, SortOrder};
use hiscore_score::window::{Entry, SubmissionKey, Window};
use hiscore_score::{
    LeaderboardId, Live, Metadata, PlayerId, Position, Record, RecordKey, Season, Stamp, Standing,
};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{RawDocument, RawDocumentBuf, cstr};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, RawArrayBuf, rawdoc};

use super::fields::{Fields, Read, date, integer};
use super::metadata;
use crate::contract::{DeploymentInfo, LogPlace, ShardState, StoredBoard, StoredLog, Stray};
use crate::order;

/// The number of this layout. A document with a higher one is refused: a newer hiscore wrote it.
const FORMAT: i32 = 1;
/// The same of a deployment and of shards that have a log: who knows no logs refuses them, rather than forget it.
pub(super) const LOGGED: i32 = 2;

/// A record's `_id`: its key, in the order that records are sorted by.
pub(super) fn record_id(key: &RecordKey) -> RawDocumentBuf {
    rawdoc! {
        "l": key.season.leaderboard.as_str(),
        "v": i64::from(key.season.version),
        "p": key.player.as_str(),
    }
}

/// The document of a record; an error says which number MongoDB has no room for.
pub(super) fn record(shard: u16, key: &RecordKey, record: &Record, rules: &Rules) -> Read<RawDocumentBuf> {
    let mut out = rawdoc! {
        "_id": record_id(key),
        "format": FORMAT,
        "leaderboardId": key.season.leaderboard.as_str(),
        "versionId": i64::from(key.season.version),
        "playerId": key.player.as_str(),
    };
    let mut stamps = rawdoc! { "updated": integer(record.updated.raw(), "a stamp")? };
    match &record.live {
        Some(live) => {
            out.append(cstr!("score"), live.score.get());
            out.append(cstr!("subscore"), live.subscore.get());
            out.append(cstr!("numScore"), integer(live.num_score, "numScore")?);
            if let Some(metadata) = &live.metadata {
                let stored = metadata::store(metadata);
                if let Some(value) = stored.value {
                    out.append(cstr!("metadata"), value);
                }
                if let Some(text) = stored.text {
                    out.append(cstr!("metadataJson"), text);
                }
            }
            out.append(cstr!("createdAt"), date(live.created));
            out.append(cstr!("updatedAt"), date(record.updated));
            let (score, subscore, reached) = columns(&live.standing(rules), rules);
            out.append(cstr!("order"), rawdoc! { "score": score, "subscore": subscore, "reached": reached });
            stamps.append(cstr!("created"), integer(live.created.raw(), "a stamp")?);
        }
        None => {
            out.append(cstr!("deleted"), true);
            if record.deleted != Stamp::ZERO {
                out.append(cstr!("deletedAt"), date(record.deleted));
            }
            out.append(cstr!("updatedAt"), date(record.updated));
        }
    }
    stamps.append(cstr!("deleted"), integer(record.deleted.raw(), "a stamp")?);
    out.append(cstr!("stamps"), stamps);
    position(&mut out, shard, record.position)?;
    if !record.window.is_empty() {
        out.append(cstr!("window"), window(&record.window)?);
    }
    Ok(out)
}

/// The columns of the order as MongoDB has them.
pub(super) fn columns(standing: &Standing, rules: &Rules) -> (i64, i64, i64) {
    let (score, subscore, reached) = order::columns(standing, rules);
    // A stamp has 53 bits.
    (score, subscore, reached.cast_signed())
}

fn position(out: &mut RawDocumentBuf, shard: u16, position: Position) -> Read<()> {
    out.append(cstr!("shard"), i32::from(shard));
    out.append(cstr!("epoch"), i64::from(position.era));
    out.append(cstr!("sequence"), integer(position.sequence, "a sequence")?);
    out.append(cstr!("index"), i64::from(position.index));
    Ok(())
}

fn window(window: &Window) -> Read<RawDocumentBuf> {
    let mut submissions = RawArrayBuf::new();
    for entry in window.entries() {
        let mut one = rawdoc! {
            "id": binary(&entry.key.id),
            // All 64 bits of a hash: the sign means nothing.
            "body": entry.key.body.cast_signed(),
            "at": integer(entry.stamp.raw(), "a stamp")?,
        };
        if let Some(time) = entry.key.time_ms {
            one.append(cstr!("time"), integer(time, "the time in a submissionId")?);
        }
        submissions.push(one);
    }
    let horizon = integer(window.horizon_ms(), "the time in a submissionId")?;
    Ok(rawdoc! { "submissions": submissions, "horizon": horizon })
}

pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

/// Reads a record.
pub(super) fn get_record(document: &RawDocument) -> Read<(RecordKey, Record)> {
    let fields = Fields(document);
    fields.format(FORMAT)?;
    let key = RecordKey { season: get_season(fields)?, player: get_player(fields)? };
    let stamps = fields.sub("stamps")?;
    let live = if fields.has("score")? {
        let order = fields.sub("order")?;
        Some(Live {
            score: fields.score("score")?,
            subscore: fields.score("subscore")?,
            metadata: get_metadata(fields)?,
            num_score: fields.u64("numScore")?,
            created: stamps.stamp("created")?,
            reached: order.stamp("reached")?,
        })
    } else {
        None
    };
    let window = if fields.has("window")? { get_window(fields.sub("window")?)? } else { Window::default() };
    let record = Record {
        live,
        deleted: stamps.stamp("deleted")?,
        updated: stamps.stamp("updated")?,
        position: get_position(fields)?,
        window,
    };
    Ok((key, record))
}

fn get_season(fields: Fields<'_>) -> Read<Season> {
    let leaderboard = LeaderboardId::new(fields.text("leaderboardId")?).map_err(|error| error.to_string())?;
    Ok(Season { leaderboard, version: fields.u32("versionId")? })
}

fn get_player(fields: Fields<'_>) -> Read<PlayerId> {
    PlayerId::new(fields.text("playerId")?).map_err(|error| error.to_string())
}

fn get_metadata(fields: Fields<'_>) -> Read<Option<Metadata>> {
    let text = match (fields.has("metadataJson")?, fields.get("metadata")?) {
        (true, _) => fields.text("metadataJson")?.to_owned(),
        (false, Some(value)) => metadata::to_text(value).ok_or("metadata is not JSON")?,
        (false, None) => return Ok(None),
    };
    Metadata::from_stored(&text).map_err(|error| error.to_string())
}

fn get_position(fields: Fields<'_>) -> Read<Position> {
    Ok(Position { era: fields.u32("epoch")?, sequence: fields.u64("sequence")?, index: fields.u32("index")? })
}

fn get_window(fields: Fields<'_>) -> Read<Window> {
    let mut entries = Vec::new();
    for one in fields.documents("submissions")? {
        let one = Fields(one?);
        let key = SubmissionKey {
            id: one.bytes("id")?,
            body: one.i64("body")?.cast_unsigned(),
            time_ms: if one.has("time")? { Some(one.u64("time")?) } else { None },
        };
        entries.push(Entry { stamp: one.stamp("at")?, key });
    }
    // It was cut when it was made.
    Ok(Window::from_parts(entries, fields.u64("horizon")?, usize::MAX))
}

/// The document of a board.
pub(super) fn board(shard: u16, board: &StoredBoard) -> Read<RawDocumentBuf> {
    let Leaderboard { rules, version, created, opened } = board.leaderboard;
    let mut out = rawdoc! {
        "_id": board.id.as_str(),
        "format": FORMAT,
        "leaderboardId": board.id.as_str(),
        "operator": match rules.operator {
            Operator::Best => "BEST",
            Operator::Set => "SET",
            Operator::Increment => "INCREMENT",
        },
        "sortOrder": direction(rules.sort_order),
        "subscoreOrder": direction(rules.subscore_order),
        "versionId": i64::from(version),
        "createdAt": date(created),
        "openedAt": date(opened),
        "stamps": {
            "created": integer(created.raw(), "a stamp")?,
            "opened": integer(opened.raw(), "a stamp")?,
        },
    };
    position(&mut out, shard, board.position)?;
    Ok(out)
}

fn direction(order: SortOrder) -> &'static str {
    match order {
        SortOrder::Desc => "DESC",
        SortOrder::Asc => "ASC",
    }
}

/// Reads a board.
pub(super) fn get_board(document: &RawDocument) -> Read<StoredBoard> {
    let fields = Fields(document);
    fields.format(FORMAT)?;
    let direction = |name| match fields.text(name)? {
        "DESC" => Ok(SortOrder::Desc),
        "ASC" => Ok(SortOrder::Asc),
        other => Err(format!("{name} is {other:?}")),
    };
    let rules = Rules {
        operator: match fields.text("operator")? {
            "BEST" => Operator::Best,
            "SET" => Operator::Set,
            "INCREMENT" => Operator::Increment,
            other => return Err(format!("operator is {other:?}")),
        },
        sort_order: direction("sortOrder")?,
        subscore_order: direction("subscoreOrder")?,
    };
    let Season { leaderboard: id, version } = get_season(fields)?;
    let stamps = fields.sub("stamps")?;
    let leaderboard =
        Leaderboard { rules, version, created: stamps.stamp("created")?, opened: stamps.stamp("opened")? };
    Ok(StoredBoard { id, leaderboard, position: get_position(fields)? })
}

/// The document of a shard. `opened` names the call that opened the epoch.
pub(super) fn shard(shard: u16, state: &ShardState, opened: ObjectId) -> Read<RawDocumentBuf> {
    let mut strays = RawArrayBuf::new();
    for stray in &state.strays {
        strays
            .push(rawdoc! { "epoch": i64::from(stray.epoch), "above": integer(stray.above, "a sequence")? });
    }
    let mut out = rawdoc! {
        "_id": i32::from(shard),
        "format": if state.log.is_some() { LOGGED } else { FORMAT },
        "epoch": i64::from(state.epoch),
        "watermark": integer(state.watermark, "a watermark")?,
        "bulk": integer(state.bulk, "the number of a bulk")?,
        "stamp": integer(state.stamp.raw(), "a stamp")?,
        "strays": strays,
        "opened": opened,
    };
    if let Some(log) = &state.log {
        let mut place = rawdoc! { "generation": i64::from(log.generation), "era": i64::from(log.era) };
        if let Some(offset) = log.offset {
            place.append(cstr!("offset"), integer(offset, "an offset")?);
        }
        place.append(cstr!("stamp"), integer(log.stamp.raw(), "a stamp")?);
        out.append(cstr!("log"), place);
    }
    Ok(out)
}

/// Reads a shard, and which call opened its epoch.
pub(super) fn get_shard(document: &RawDocument) -> Read<(ShardState, ObjectId)> {
    let fields = Fields(document);
    fields.format(LOGGED)?;
    let mut strays = Vec::new();
    for stray in fields.documents("strays")? {
        let stray = Fields(stray?);
        strays.push(Stray { epoch: stray.u32("epoch")?, above: stray.u64("above")? });
    }
    let state = ShardState {
        epoch: fields.u32("epoch")?,
        watermark: fields.u64("watermark")?,
        bulk: if fields.has("bulk")? { fields.u64("bulk")? } else { 0 },
        stamp: fields.stamp("stamp")?,
        strays,
        log: if fields.has("log")? { Some(get_place(fields.sub("log")?)?) } else { None },
    };
    Ok((state, fields.object_id("opened")?))
}

fn get_place(fields: Fields<'_>) -> Read<LogPlace> {
    Ok(LogPlace {
        generation: fields.u32("generation")?,
        era: fields.u32("era")?,
        offset: if fields.has("offset")? { Some(fields.u64("offset")?) } else { None },
        stamp: fields.stamp("stamp")?,
    })
}

/// The fields of a deployment, but for its `_id`.
pub(super) fn deployment(info: &DeploymentInfo) -> Read<RawDocumentBuf> {
    Ok(rawdoc! {
        "format": FORMAT,
        "id": info.id.as_str(),
        "shards": i32::from(info.shards),
        "window": integer(info.window as u64, "the length of a window")?,
        "secret": binary(&info.secret),
    })
}

/// Reads a deployment.
pub(super) fn get_deployment(document: &RawDocument) -> Read<DeploymentInfo> {
    let fields = Fields(document);
    fields.format(LOGGED)?;
    Ok(DeploymentInfo {
        id: fields.text("id")?.to_owned(),
        shards: u16::try_from(fields.u32("shards")?).map_err(|_| "shards is out of range")?,
        window: usize::try_from(fields.u64("window")?).map_err(|_| "window is out of range")?,
        secret: fields.bytes("secret")?,
    })
}

/// The log of a deployment. `adopted` names the call that has it remembered.
pub(super) fn log(log: &StoredLog, adopted: ObjectId) -> RawDocumentBuf {
    rawdoc! { "generation": i64::from(log.generation), "id": log.id.as_str(), "adopted": adopted }
}

/// Reads the log of a deployment, and which call had it remembered.
pub(super) fn get_log(deployment: &RawDocument) -> Read<Option<(StoredLog, ObjectId)>> {
    let fields = Fields(deployment);
    fields.format(LOGGED)?;
    if !fields.has("log")? {
        return Ok(None);
    }
    let log = fields.sub("log")?;
    let stored = StoredLog { generation: log.u32("generation")?, id: log.text("id")?.to_owned() };
    Ok(Some((stored, log.object_id("adopted")?)))
}
