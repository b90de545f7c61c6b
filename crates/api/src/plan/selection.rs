//! What a plan shows, and how it is written: as the full path does, in the order of the selection.

use async_graphql::Positioned;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use hiscore_score::{LeaderboardId, Outcome, Score, Stamp, VersionId};

use crate::schema::scalar::{Json, rfc3339};
use crate::service::{Accepted, Ack, Board, Page, RankState, Rejected, Row, Total, Wanted};

/// Fields with what stands before their values: `"key":`.
pub(super) type Fields<F> = Vec<(String, F)>;

/// A field of `SubmitScorePayload`.
pub(super) enum PayloadField {
    Typename,
    Record(Fields<RecordField>),
    PreviousRank,
    Ack,
    Outcome,
    /// None, in what a plan writes.
    UserErrors,
}

/// A field of `SubmitScoresPayload`.
pub(super) enum BulkField {
    Typename,
    Results(Fields<PayloadField>),
    /// None, in what a plan writes.
    UserErrors,
}

/// A field of `Record`.
pub(super) enum RecordField {
    Typename,
    LeaderboardId,
    VersionId,
    PlayerId,
    Rank,
    Score,
    Subscore,
    NumScore,
    Metadata,
    CreatedAt,
    UpdatedAt,
}

/// A field of `RecordConnection`.
pub(super) enum RecordsField {
    Typename,
    Nodes(Fields<RecordField>),
    TotalCount,
    PageInfo(Fields<PageField>),
}

/// A field of `PageInfo`, of which a plan writes no cursors.
pub(super) enum PageField {
    Typename,
    HasNext,
    HasPrevious,
}

/// A field of `Leaderboard` that has no arguments.
pub(super) enum BoardField {
    Typename,
    Id,
    VersionId,
    TotalCount,
    RankState,
    Revision,
}

/// The fields of a selection, none of which has arguments; `None` if it is not plain.
pub(super) fn fields<F>(set: &SelectionSet, of: impl Fn(&Field) -> Option<F>) -> Option<Fields<F>> {
    fields_with(set, |field| if field.arguments.is_empty() { of(field) } else { None })
}

/// The same with arguments. A key that is there twice is merged by the library, so it is not plain.
pub(super) fn fields_with<F>(set: &SelectionSet, of: impl Fn(&Field) -> Option<F>) -> Option<Fields<F>> {
    let mut fields: Fields<F> = Vec::with_capacity(set.items.len());
    for item in &set.items {
        let Selection::Field(Positioned { node: field, .. }) = &item.node else { return None };
        let key = format!("\"{}\":", field.response_key().node);
        let again = fields.iter().any(|(known, _)| *known == key);
        if again || !field.directives.is_empty() {
            return None;
        }
        fields.push((key, of(field)?));
    }
    Some(fields)
}

impl PayloadField {
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match field.name.node.as_str() {
            "__typename" => Self::Typename,
            "record" => Self::Record(fields(&field.selection_set.node, RecordField::of)?),
            "previousRank" => Self::PreviousRank,
            "ack" => Self::Ack,
            "outcome" => Self::Outcome,
            "userErrors" => Self::UserErrors,
            _ => return None,
        })
    }
}

impl BulkField {
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match field.name.node.as_str() {
            "__typename" => Self::Typename,
            "results" => Self::Results(fields(&field.selection_set.node, PayloadField::of)?),
            "userErrors" => Self::UserErrors,
            _ => return None,
        })
    }
}

impl RecordField {
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match field.name.node.as_str() {
            "__typename" => Self::Typename,
            "leaderboardId" => Self::LeaderboardId,
            "versionId" => Self::VersionId,
            "playerId" => Self::PlayerId,
            "rank" => Self::Rank,
            "score" => Self::Score,
            "subscore" => Self::Subscore,
            "numScore" => Self::NumScore,
            "metadata" => Self::Metadata,
            "createdAt" => Self::CreatedAt,
            "updatedAt" => Self::UpdatedAt,
            _ => return None,
        })
    }
}

impl RecordField {
    /// Whether it is more than a place in the order.
    pub(super) fn is_detail(&self) -> bool {
        matches!(self, Self::NumScore | Self::Metadata | Self::CreatedAt | Self::UpdatedAt)
    }
}

impl RecordsField {
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match field.name.node.as_str() {
            "__typename" => Self::Typename,
            "nodes" => Self::Nodes(fields(&field.selection_set.node, RecordField::of)?),
            "totalCount" => Self::TotalCount,
            "pageInfo" => Self::PageInfo(fields(&field.selection_set.node, PageField::of)?),
            _ => return None,
        })
    }
}

impl PageField {
    fn of(field: &Field) -> Option<Self> {
        Some(match field.name.node.as_str() {
            "__typename" => Self::Typename,
            "hasNextPage" => Self::HasNext,
            "hasPreviousPage" => Self::HasPrevious,
            _ => return None,
        })
    }
}

impl BoardField {
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match field.name.node.as_str() {
            "__typename" => Self::Typename,
            "id" => Self::Id,
            "versionId" => Self::VersionId,
            "totalCount" => Self::TotalCount,
            "rankState" => Self::RankState,
            "revision" => Self::Revision,
            _ => return None,
        })
    }
}

/// What the port must tell for such a selection.
pub(super) fn wanted(payload: &Fields<PayloadField>) -> Wanted {
    let mut wanted = Wanted::default();
    for (_, field) in payload {
        match field {
            PayloadField::Record(record) => {
                wanted.record = true;
                wanted.details |= record.iter().any(|(_, field)| field.is_detail());
                wanted.rank |= record.iter().any(|(_, field)| matches!(field, RecordField::Rank));
            }
            PayloadField::PreviousRank => wanted.previous_rank = true,
            PayloadField::Outcome => wanted.outcome = true,
            _ => {}
        }
    }
    wanted
}

/// The same of a bulk.
pub(super) fn bulk_wanted(payload: &Fields<BulkField>) -> Wanted {
    let results = payload.iter().filter_map(|(_, field)| match field {
        BulkField::Results(fields) => Some(wanted(fields)),
        _ => None,
    });
    results.fold(Wanted::default(), |all, one| Wanted {
        outcome: all.outcome || one.outcome,
        record: all.record || one.record,
        details: all.details || one.details,
        rank: all.rank || one.rank,
        previous_rank: all.previous_rank || one.previous_rank,
        ack: None,
    })
}

/// Writes a payload of `submitScore`; `None` if something in it cannot be shown.
pub(super) fn payload(
    out: &mut Vec<u8>,
    fields: &Fields<PayloadField>,
    board: &LeaderboardId,
    accepted: &Accepted,
) -> Option<()> {
    // The full path refuses to show a rank that is too large, wanted or not.
    let previous_rank = accepted.previous_rank.map(i32::try_from).transpose().ok()?;
    object(out, fields, |out, field| {
        match field {
            PayloadField::Typename => quoted(out, "SubmitScorePayload"),
            PayloadField::Record(fields) => match &accepted.record {
                Some(row) => record(out, fields, board, accepted.version, row)?,
                None => out.extend_from_slice(b"null"),
            },
            PayloadField::PreviousRank => nullable(out, previous_rank),
            PayloadField::Ack => quoted(
                out,
                match accepted.ack {
                    Ack::Ranked => "RANKED",
                    Ack::Replicated => "REPLICATED",
                    Ack::Logged => "LOGGED",
                    Ack::Persisted => "PERSISTED",
                },
            ),
            PayloadField::Outcome => match accepted.outcome {
                Some(Outcome::Improved) => quoted(out, "IMPROVED"),
                Some(Outcome::Unchanged) => quoted(out, "UNCHANGED"),
                Some(Outcome::Duplicate) => quoted(out, "DUPLICATE"),
                None => out.extend_from_slice(b"null"),
            },
            PayloadField::UserErrors => out.extend_from_slice(b"[]"),
        }
        Some(())
    })
}

/// Writes a payload of `submitScores`; `None` unless all were accepted.
pub(super) fn bulk(
    out: &mut Vec<u8>,
    fields: &Fields<BulkField>,
    board: &LeaderboardId,
    results: &[Result<Accepted, Rejected>],
) -> Option<()> {
    if results.iter().any(Result::is_err) {
        return None;
    }
    object(out, fields, |out, field| {
        match field {
            BulkField::Typename => quoted(out, "SubmitScoresPayload"),
            BulkField::Results(fields) => {
                out.push(b'[');
                for (at, accepted) in results.iter().flatten().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    payload(out, fields, board, accepted)?;
                }
                out.push(b']');
            }
            BulkField::UserErrors => out.extend_from_slice(b"[]"),
        }
        Some(())
    })
}

/// Writes a record; `None` if a number is beyond what can be said.
pub(super) fn record(
    out: &mut Vec<u8>,
    fields: &Fields<RecordField>,
    board: &LeaderboardId,
    version: VersionId,
    row: &Row,
) -> Option<()> {
    object(out, fields, |out, field| {
        match field {
            RecordField::Typename => quoted(out, "Record"),
            RecordField::LeaderboardId => json(out, board.as_str())?,
            RecordField::VersionId => json(out, &i32::try_from(version).ok()?)?,
            RecordField::PlayerId => json(out, row.player.as_str())?,
            RecordField::Rank => nullable(out, row.rank.map(i32::try_from).transpose().ok()?),
            RecordField::Score => json(out, &row.score.get())?,
            RecordField::Subscore => json(out, &row.subscore.get())?,
            RecordField::NumScore => {
                let count = i64::try_from(row.details.as_ref()?.num_score).ok()?;
                json(out, &Score::new(count).ok()?.get())?;
            }
            // Read and written as the full path does it, whatever that makes of a number.
            RecordField::Metadata => {
                let metadata = &row.details.as_ref()?.metadata;
                json(out, &metadata.as_ref().map(|kept| Json::shown(kept).0))?;
            }
            RecordField::CreatedAt => moment(out, row.details.as_ref()?.created),
            RecordField::UpdatedAt => moment(out, row.details.as_ref()?.updated),
        }
        Some(())
    })
}

/// Writes what a board says of itself.
pub(super) fn board(out: &mut Vec<u8>, field: &BoardField, board: &Board) -> Option<()> {
    match field {
        BoardField::Typename => quoted(out, "Leaderboard"),
        BoardField::Id => json(out, board.id.as_str())?,
        BoardField::VersionId => json(out, &i32::try_from(board.leaderboard.version).ok()?)?,
        BoardField::TotalCount => json(out, &i32::try_from(board.total).ok()?)?,
        BoardField::RankState => quoted(
            out,
            match board.state {
                RankState::Exact => "EXACT",
                RankState::Warming => "WARMING",
                RankState::Stale => "STALE",
            },
        ),
        BoardField::Revision => json(out, board.revision.as_str())?,
    }
    Some(())
}

/// Writes a page; `None` also if its players were not counted.
pub(super) fn records(
    out: &mut Vec<u8>,
    fields: &Fields<RecordsField>,
    board: &LeaderboardId,
    page: &Page,
) -> Option<()> {
    object(out, fields, |out, field| {
        match field {
            RecordsField::Typename => quoted(out, "RecordConnection"),
            RecordsField::Nodes(fields) => rows(out, fields, board, page)?,
            RecordsField::TotalCount => match page.total {
                Total::Known(total) => json(out, &i32::try_from(total).ok()?)?,
                Total::Counted(_) => return None,
            },
            RecordsField::PageInfo(fields) => object(out, fields, |out, field| {
                match field {
                    PageField::Typename => quoted(out, "PageInfo"),
                    PageField::HasNext => json(out, &page.has_next)?,
                    PageField::HasPrevious => json(out, &page.has_previous)?,
                }
                Some(())
            })?,
        }
        Some(())
    })
}

/// Writes the rows of a page as a list.
pub(super) fn rows(
    out: &mut Vec<u8>,
    fields: &Fields<RecordField>,
    board: &LeaderboardId,
    page: &Page,
) -> Option<()> {
    out.push(b'[');
    for (at, row) in page.rows.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        record(out, fields, board, page.version, row)?;
    }
    out.push(b']');
    Some(())
}

/// Writes each field behind its key.
pub(super) fn object<F>(
    out: &mut Vec<u8>,
    fields: &Fields<F>,
    mut value: impl FnMut(&mut Vec<u8>, &F) -> Option<()>,
) -> Option<()> {
    out.push(b'{');
    for (at, (key, field)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key.as_bytes());
        value(out, field)?;
    }
    out.push(b'}');
    Some(())
}

fn json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Option<()> {
    serde_json::to_writer(out, value).ok()
}

/// A text without anything to escape.
fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn nullable(out: &mut Vec<u8>, number: Option<i32>) {
    match number {
        Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

fn moment(out: &mut Vec<u8>, stamp: Stamp) {
    quoted(out, &rfc3339(stamp.unix_ms()));
}
