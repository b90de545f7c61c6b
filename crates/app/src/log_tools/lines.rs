//! The lines of `hiscore log tail`: one JSON object a work, readable with `jq`.

use hiscore_log::entry::{Entry, Work};
use hiscore_log::{EntryError, LogEntry};
use hiscore_score::{LeaderboardId, Metadata, Operator, Rules, SortOrder};
use serde::Serialize;
use serde_json::Value;

use crate::transfer::convert::{hex, rfc3339};

/// One work of an entry, or an entry that does not decode.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    shard: u16,
    offset: u64,
    /// Of the entry, by the log's clock.
    time: String,
    /// The process that appended it: a random number, as text since it is beyond what JavaScript counts exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// Which of the origin's entries it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    /// Its place in the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum What {
    Submit {
        board: String,
        player: String,
        score: i64,
        subscore: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<Value>,
        /// The first half of the SHA-256 of its submissionId, if it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        keyed: Option<String>,
        auto_create: bool,
    },
    Delete {
        board: String,
        player: String,
    },
    Create {
        board: String,
        operator: &'static str,
        sort_order: &'static str,
        subscore_order: &'static str,
    },
    Reset {
        board: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_version_id: Option<u32>,
    },
    Undecodable {
        error: String,
        bytes: usize,
    },
}

/// The lines of an entry; only those of a board, if one is given. One that does not decode may be about any.
pub(super) fn lines(shard: u16, entry: &LogEntry, board: Option<&LeaderboardId>) -> Vec<Line> {
    let line = |what, of: Option<(&Entry, usize)>| Line {
        shard,
        offset: entry.offset,
        time: rfc3339(entry.time_ms),
        origin: of.map(|(content, _)| hex(&content.origin.to_be_bytes())),
        number: of.map(|(content, _)| content.number),
        index: of.map(|(_, index)| index),
        what,
    };
    match Entry::decode(&entry.bytes) {
        Ok(content) => {
            let works = content.works.iter().enumerate();
            let wanted = works.filter(|(_, work)| board.is_none_or(|board| board == work.board()));
            wanted.map(|(index, work)| line(what(work), Some((&content, index)))).collect()
        }
        Err(error) => vec![line(undecodable(&error, entry.bytes.len()), None)],
    }
}

fn undecodable(error: &EntryError, bytes: usize) -> What {
    What::Undecodable { error: error.to_string(), bytes }
}

fn what(work: &Work) -> What {
    let board = work.board().to_string();
    match work {
        Work::Submit { player, submission, auto_create, .. } => What::Submit {
            board,
            player: player.to_string(),
            score: submission.score.get(),
            subscore: submission.subscore.get(),
            metadata: submission.metadata.as_ref().map(Metadata::to_value),
            keyed: submission.key.map(|key| hex(&key.id)),
            auto_create: *auto_create,
        },
        Work::Delete { player, .. } => What::Delete { board, player: player.to_string() },
        Work::Create { rules: Rules { operator, sort_order, subscore_order }, .. } => What::Create {
            board,
            operator: match operator {
                Operator::Best => "BEST",
                Operator::Set => "SET",
                Operator::Increment => "INCREMENT",
            },
            sort_order: order(*sort_order),
            subscore_order: order(*subscore_order),
        },
        Work::Reset { expected, .. } => What::Reset { board, expected_version_id: *expected },
    }
}

fn order(order: SortOrder) -> &'static str {
    match order {
        SortOrder::Desc => "DESC",
        SortOrder::Asc => "ASC",
    }
}

#[cfg(test)]
mod tests {
    use hiscore_log::Told;
    use hiscore_score::{PlayerId, Score, Submission, SubmissionId};
    use serde_json::{from_str, json, to_string};

    use super::*;

    fn entry(bytes: Vec<u8>) -> LogEntry {
        LogEntry { offset: 7, time_ms: 951_782_400_000, bytes }
    }

    #[test]
    fn a_line_says_all_of_a_work() {
        let id = |name: &str| LeaderboardId::new(name).unwrap();
        let score = Score::new(-5).unwrap();
        let metadata = Metadata::new(&json!({ "car": 3 })).unwrap();
        let key = SubmissionId::new("once").unwrap();
        let submission = Submission::new(score, Score::ZERO, metadata, Some(&key));
        let player = PlayerId::new("ann").unwrap();
        let works = vec![
            Work::Submit { board: id("daily"), player, submission, auto_create: true },
            Work::Reset { board: id("other"), expected: Some(4) },
        ];
        let bytes = Entry { origin: u64::MAX, number: 9, told: Told::default(), works }.encode();
        let all = lines(2, &entry(bytes.clone()), None);
        let shown: Vec<Value> = all.iter().map(|line| from_str(&to_string(line).unwrap()).unwrap()).collect();
        assert_eq!(shown[0]["keyed"].as_str().map(str::len), Some(32));
        let mut first = shown[0].clone();
        first["keyed"] = json!("…");
        assert_eq!(
            first,
            json!({
                "shard": 2, "offset": 7, "time": "2000-02-29T00:00:00.000Z", "origin": "ffffffffffffffff",
                "number": 9, "index": 0, "kind": "submit", "board": "daily", "player": "ann", "score": -5,
                "subscore": 0, "metadata": { "car": 3 }, "keyed": "…", "autoCreate": true,
            })
        );
        assert_eq!(
            (&shown[1]["index"], &shown[1]["expectedVersionId"]),
            (&json!(1), &json!(4)),
            "{}",
            shown[1]
        );
        assert_eq!(lines(2, &entry(bytes), Some(&id("other"))).len(), 1);
    }

    #[test]
    fn what_does_not_decode_is_a_line_too() {
        let line = lines(0, &entry(vec![1, 2, 3]), None).pop().unwrap();
        let shown: Value = from_str(&to_string(&line).unwrap()).unwrap();
        assert_eq!((&shown["kind"], &shown["bytes"]), (&json!("undecodable"), &json!(3)));
        assert!(shown["error"].as_str().unwrap().contains("does not decode"), "{shown}");
    }
}
