//! The lines of an export: NDJSON, each line one JSON object with one key that says what it is.
//!
//! ```text
//! {"hiscoreExport": …}   the header: format, a random id, shards, window, when
//! {"leaderboard": …}     each board, by name
//! {"record": …}          each record, by board, season and player; tombstones too
//! {"check": …}           after each thousand or so: the SHA-256 of everything before this line
//! {"end": …}             the trailer: how many of each, and the SHA-256 of everything before
//! ```
//!
//! Dates are for people. What counts are the `stamps` that they were made from: who stands first among equals hangs on
//! them. Positions are not in it, since they belong to the history of one deployment.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format that is written, and the only one that is read.
pub(super) const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    HiscoreExport(Header),
    Leaderboard(BoardLine),
    Record(Box<RecordLine>),
    Check(Check),
    End(End),
}

/// As much of the first line as every format has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnyHeader {
    pub(super) hiscore_export: AnyFormat,
}

#[derive(Debug, Deserialize)]
pub(super) struct AnyFormat {
    pub(super) format: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: u32,
    /// Random: two exports of the same data are two imports.
    pub(super) id: String,
    pub(super) shards: u16,
    pub(super) window: usize,
    pub(super) exported_at: String,
    /// Which hiscore wrote it.
    pub(super) hiscore: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BoardLine {
    pub(super) id: String,
    pub(super) operator: OperatorName,
    pub(super) sort_order: OrderName,
    pub(super) subscore_order: OrderName,
    pub(super) version_id: u32,
    pub(super) created_at: String,
    pub(super) opened_at: String,
    pub(super) stamps: BoardStamps,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OperatorName {
    Best,
    Set,
    Increment,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OrderName {
    Desc,
    Asc,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BoardStamps {
    pub(super) created: u64,
    pub(super) opened: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecordLine {
    pub(super) leaderboard_id: String,
    pub(super) version_id: u32,
    pub(super) player_id: String,
    /// A deleted player has no score, and nothing that goes with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subscore: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_score: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Value>,
    /// Its text, when that is not what the value would be written as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<String>,
    pub(super) updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted_at: Option<String>,
    pub(super) stamps: RecordStamps,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<WindowLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordStamps {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reached: Option<u64>,
    pub(super) updated: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted: Option<u64>,
}

/// The last submissions, oldest first, and the newest time inside an id that fell out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowLine {
    pub(super) submissions: Vec<SubmissionLine>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) horizon: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmissionLine {
    /// 32 hexadecimal digits: the hash of its id.
    pub(super) id: String,
    /// 16 hexadecimal digits: the hash of what it carried.
    pub(super) body: String,
    /// Its stamp.
    pub(super) at: u64,
    /// The time inside its id, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) leaderboards: u64,
    pub(super) records: u64,
    pub(super) sha256: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
