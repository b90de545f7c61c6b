//! The account of what was acknowledged, and the check that a server shows exactly that. It knows nothing of
//! hiscore's own code, so that the two cannot be wrong together.
#![allow(clippy::panic, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::client::Client;
use crate::scores::Entry;

const PAGE: &str = "query Page($id: ID!, $first: Int, $after: String, $version: Int) { leaderboard(id: $id) { \
    totalCount rankState records(first: $first, after: $after, versionId: $version) { \
    nodes { playerId rank score subscore numScore metadata } pageInfo { hasNextPage endCursor } } } }";

/// What a player must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    score: i64,
    subscore: i64,
    submissions: i64,
    /// Of the submission that is shown; unknown where several clients add to one record.
    number: Option<i64>,
}

/// One row as a server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who.
    pub player: String,
    /// From 1.
    pub rank: i64,
    /// What.
    pub record: Expected,
}

/// Everything acknowledged, by board and player.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    boards: BTreeMap<String, (String, BTreeMap<String, Expected>)>,
    acked: u64,
}

impl Tally {
    /// A board there is.
    pub fn board(&mut self, board: &str, operator: &str) {
        self.boards.insert(board.to_owned(), (operator.to_owned(), BTreeMap::new()));
    }

    /// A submission was acknowledged, once; retries of it are no others.
    pub fn acked(&mut self, board: &str, entry: &Entry) {
        let Some((operator, players)) = self.boards.get_mut(board) else { panic!("no board {board}") };
        self.acked += 1;
        let new = Expected {
            score: entry.score,
            subscore: entry.number,
            submissions: 1,
            number: Some(entry.number),
        };
        let Some(had) = players.get_mut(&entry.player) else {
            let number = new.number.filter(|_| operator != "INCREMENT");
            players.insert(entry.player.clone(), Expected { number, ..new });
            return;
        };
        let submissions = had.submissions + 1;
        *had = match operator.as_str() {
            "BEST" if (new.score, new.subscore) <= (had.score, had.subscore) => *had,
            "BEST" | "SET" => new,
            _ => Expected {
                score: had.score + new.score,
                subscore: had.subscore + new.subscore,
                number: None,
                ..new
            },
        };
        had.submissions = submissions;
    }

    /// A record was deleted.
    pub fn deleted(&mut self, board: &str, player: &str) {
        if let Some((_, players)) = self.boards.get_mut(board) {
            players.remove(player);
        }
    }

    /// How many submissions were acknowledged.
    pub fn count(&self) -> u64 {
        self.acked
    }

    /// Whether a player must have a record.
    pub fn has(&self, board: &str, player: &str) -> bool {
        self.boards.get(board).is_some_and(|(_, players)| players.contains_key(player))
    }

    /// Compares every record of every board, walking the pages.
    ///
    /// # Panics
    /// When anything differs: all of it.
    pub fn check(&self, client: &mut Client) {
        let mut wrong = Vec::new();
        for (board, (operator, players)) in &self.boards {
            let rows = walk(client, board, None, 7);
            let shown: BTreeMap<&str, Expected> =
                rows.iter().map(|row| (row.player.as_str(), row.record)).collect();
            let names: BTreeSet<&str> =
                players.keys().map(String::as_str).chain(shown.keys().copied()).collect();
            for name in names {
                let (expected, found) = (players.get(name), shown.get(name));
                let number = found.and_then(|found| found.number).filter(|_| operator != "INCREMENT");
                let found = found.map(|found| Expected { number, ..*found });
                if expected.copied() != found {
                    wrong.push(format!(
                        "{board} ({operator}), {name}: expected {expected:?}, found {found:?}"
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "of {} acknowledged:\n{}", self.acked, wrong.join("\n"));
    }
}

/// All rows of a season by pages of `first`: nobody twice, nobody left out, ranks dense, sorted.
///
/// # Panics
/// When any of that does not hold.
pub fn walk(client: &mut Client, board: &str, version: Option<i64>, first: u32) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut after = Value::Null;
    let total = loop {
        let variables = json!({ "id": board, "first": first, "after": after, "version": version });
        let data = client.data(PAGE, &variables);
        let view = &data["leaderboard"];
        assert_eq!(view["rankState"], "EXACT", "{board}");
        let records = &view["records"];
        rows.extend(records["nodes"].as_array().into_iter().flatten().map(row));
        if records["pageInfo"]["hasNextPage"] != true {
            break view["totalCount"].as_i64();
        }
        after = records["pageInfo"]["endCursor"].clone();
        assert!(after.is_string(), "{board}: a next page without a cursor");
    };
    let names: BTreeSet<&str> = rows.iter().map(|row| row.player.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "{board}: somebody stands on two pages");
    if version.is_none() {
        assert_eq!(total, i64::try_from(rows.len()).ok(), "{board}: totalCount");
    }
    for (at, row) in (1..).zip(&rows) {
        assert_eq!(row.rank, at, "{board}: ranks are dense, {row:?}");
    }
    for pair in rows.windows(2) {
        let by = |row: &Row| (row.record.score, row.record.subscore);
        assert!(by(&pair[0]) >= by(&pair[1]), "{board} is not sorted: {pair:?}");
    }
    rows
}

impl Row {
    /// Its score.
    pub fn score(&self) -> i64 {
        self.record.score
    }

    /// Its second column.
    pub fn subscore(&self) -> i64 {
        self.record.subscore
    }

    /// How many submissions it says were applied.
    pub fn submissions(&self) -> i64 {
        self.record.submissions
    }

    /// The number in its metadata.
    pub fn number(&self) -> Option<i64> {
        self.record.number
    }
}

fn row(node: &Value) -> Row {
    let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no number in {node}"));
    Row {
        player: node["playerId"].as_str().unwrap_or_default().to_owned(),
        rank: number(&node["rank"]),
        record: Expected {
            score: number(&node["score"]),
            subscore: number(&node["subscore"]),
            submissions: number(&node["numScore"]),
            number: node["metadata"]["n"].as_i64(),
        },
    }
}
