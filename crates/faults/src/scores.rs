//! Submitting over GraphQL, and what each answer means for whoever sent it.
#![allow(clippy::panic, reason = "a test may fail by panicking")]

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, Failure};
use crate::wait::until;

const ONE: &str = "mutation One($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack outcome record { versionId } userErrors { code message } } }";
const BULK: &str = "mutation Bulk($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { ack outcome record { versionId } userErrors { code message } } userErrors { code message } } }";
const CREATE: &str = "mutation Create($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) { \
    userErrors { code message } } }";
const DELETE: &str = "mutation Delete($board: ID!, $player: ID!) { \
    deleteRecord(leaderboardId: $board, playerId: $player) { deleted userErrors { code message } } }";
const RESET: &str = "mutation Reset($board: ID!, $from: Int) { \
    resetLeaderboard(id: $board, expectedVersionId: $from) { leaderboard { versionId } userErrors { code message } } }";

/// One submission. Its number makes it unique: it is in its id, its subscore and its metadata, so that a record
/// tells which submission it shows, and a mix of two is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub player: String,
    /// The score.
    pub score: i64,
    /// The number.
    pub number: i64,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is safe. The outcome as it was told.
    Acked(String),
    /// It surely did nothing: try again.
    NotApplied(String),
    /// It may have been carried out: try again with the same id.
    Ambiguous(String),
    /// The law refuses it: code and message.
    Refused(String, String),
}

impl Entry {
    fn input(&self) -> Value {
        json!({
            "playerId": self.player,
            "score": self.score,
            "subscore": self.number,
            "metadata": { "n": self.number },
            "submissionId": format!("submission-{}", self.number),
        })
    }
}

impl Verdict {
    /// Whether it is safe.
    pub fn is_acked(&self) -> bool {
        matches!(self, Self::Acked(_))
    }
}

/// Submits one entry alone, more of them as a bulk; one verdict for each.
pub fn submit(client: &mut Client, board: &str, entries: &[Entry]) -> Vec<Verdict> {
    let answer = match entries {
        [one] => {
            let mut input = one.input();
            input["leaderboardId"] = json!(board);
            ask(client, ONE, json!({ "input": input })).map(|data| vec![verdict(&data["submitScore"])])
        }
        many => {
            let submissions: Vec<Value> = many.iter().map(Entry::input).collect();
            let input = json!({ "leaderboardId": board, "submissions": submissions });
            ask(client, BULK, json!({ "input": input }))
                .and_then(|data| bulk(&data["submitScores"], many.len()))
        }
    };
    answer.unwrap_or_else(|verdict| vec![verdict; entries.len()])
}

fn bulk(payload: &Value, entries: usize) -> Result<Vec<Verdict>, Verdict> {
    if let Some(error) = user_error(payload) {
        return Err(error);
    }
    match payload["results"].as_array() {
        Some(results) if results.len() == entries => Ok(results.iter().map(verdict).collect()),
        _ => panic!("a bulk of {entries} was answered with {payload}"),
    }
}

/// Creates a board, asking again while it is not known whether that was done.
///
/// # Panics
/// When it cannot be created.
pub fn create(client: &mut Client, board: &str, operator: &str) {
    let input = json!({ "input": { "id": board, "operator": operator } });
    let mut first = true;
    until("a board to be created", Duration::from_secs(20), || {
        let answer = ask(client, CREATE, input.clone());
        match answer.and_then(|data| user_error(&data["createLeaderboard"]).map_or(Ok(()), Err)) {
            Ok(()) => Some(()),
            Err(Verdict::Refused(code, _)) if code == "ALREADY_EXISTS" && !first => Some(()),
            Err(Verdict::Ambiguous(_)) => {
                first = false;
                None
            }
            Err(other) => panic!("{board} cannot be created: {other:?}"),
        }
    });
}

/// Deletes a record: whether there was one.
pub fn delete(client: &mut Client, board: &str, player: &str) -> Result<bool, Verdict> {
    let data = ask(client, DELETE, json!({ "board": board, "player": player }))?;
    let payload = &data["deleteRecord"];
    user_error(payload).map_or_else(|| Ok(payload["deleted"] == true), Err)
}

/// Opens the season after `from`: the present one after that.
pub fn reset(client: &mut Client, board: &str, from: i64) -> Result<i64, Verdict> {
    let data = ask(client, RESET, json!({ "board": board, "from": from }))?;
    let payload = &data["resetLeaderboard"];
    match user_error(payload) {
        Some(error) => Err(error),
        None => Ok(payload["leaderboard"]["versionId"].as_i64().unwrap_or(0)),
    }
}

/// Sends an operation; `data`, or what the trouble means.
fn ask(client: &mut Client, query: &str, variables: Value) -> Result<Value, Verdict> {
    match client.graphql(query, &variables) {
        Err(Failure::NotSent(why)) => Err(Verdict::NotApplied(why)),
        Err(Failure::Broken(why)) => Err(Verdict::Ambiguous(why)),
        Ok((_, mut answer)) => match answer["errors"].get(0) {
            None => Ok(answer["data"].take()),
            Some(error) => Err(trouble(
                text(&error["extensions"]["code"]),
                format!("at the top: {}", text(&error["message"])),
            )),
        },
    }
}

fn verdict(payload: &Value) -> Verdict {
    match (user_error(payload), payload["ack"].as_str()) {
        (Some(error), _) => error,
        (None, Some("PERSISTED")) => Verdict::Acked(text(&payload["outcome"]).to_owned()),
        _ => panic!("neither an error nor the only ack that this profile has: {payload}"),
    }
}

fn user_error(payload: &Value) -> Option<Verdict> {
    let error = payload["userErrors"].get(0)?;
    Some(trouble(text(&error["code"]), text(&error["message"]).to_owned()))
}

fn trouble(code: &str, message: String) -> Verdict {
    match code {
        "UNAVAILABLE" => Verdict::NotApplied(message),
        "AMBIGUOUS" => Verdict::Ambiguous(message),
        _ => Verdict::Refused(code.to_owned(), message),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
