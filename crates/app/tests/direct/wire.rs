//! Submitting over GraphQL, and what each answer means where Redis ranks: how safe it is, or what to do next.

use hiscore_faults::{Client, Failure};
use serde_json::{Value, json};

use crate::account::Entry;

const BULK: &str = "mutation Bulk($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { ack outcome userErrors { code message } } userErrors { code message } } }";
const CREATE: &str = "mutation Create($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) { \
    userErrors { code message } } }";
const DELETE: &str = "mutation Delete($board: ID!, $player: ID!) { \
    deleteRecord(leaderboardId: $board, playerId: $player) { deleted userErrors { code message } } }";
const RESET: &str = "mutation Reset($board: ID!, $from: Int) { resetLeaderboard(id: $board, expectedVersionId: $from) { \
    leaderboard { versionId } userErrors { code message } } }";

/// How safe a submission was said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Ranked,
    Replicated,
    Logged,
    Persisted,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ranked => "RANKED",
            Self::Replicated => "REPLICATED",
            Self::Logged => "LOGGED",
            Self::Persisted => "PERSISTED",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "RANKED" => Self::Ranked,
            "REPLICATED" => Self::Replicated,
            "LOGGED" => Self::Logged,
            "PERSISTED" => Self::Persisted,
            _ => panic!("an ack that this profile does not have: {name}"),
        }
    }
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counts, and is so safe.
    Acked(Level, String),
    /// It surely did nothing: try again.
    NotApplied(String),
    /// It may have been carried out: try again with the same id.
    Ambiguous(String),
    /// It is refused for good: code and message.
    Refused(String, String),
}

/// Submits; one verdict for each entry.
pub(crate) fn submit(
    client: &mut Client,
    board: &str,
    entries: &[Entry],
    ack: Option<Level>,
) -> Vec<Verdict> {
    let submissions: Vec<Value> = entries.iter().map(Entry::input).collect();
    let mut input = json!({ "leaderboardId": board, "submissions": submissions });
    if let Some(level) = ack {
        input["ack"] = json!(level.name());
    }
    let answer = ask(client, BULK, &json!({ "input": input })).and_then(|data| {
        let payload = &data["submitScores"];
        let results = match user_error(payload) {
            Some(error) => return Err(error),
            None => payload["results"].as_array().cloned().unwrap_or_default(),
        };
        assert_eq!(results.len(), entries.len(), "one result for each: {payload}");
        Ok(results.iter().map(verdict).collect())
    });
    answer.unwrap_or_else(|verdict| vec![verdict; entries.len()])
}

/// Creates a board.
pub(crate) fn create(client: &mut Client, board: &str, operator: &str) -> Result<(), Verdict> {
    let input = json!({ "input": { "id": board, "operator": operator } });
    let data = ask(client, CREATE, &input)?;
    user_error(&data["createLeaderboard"]).map_or(Ok(()), Err)
}

/// Deletes a record.
pub(crate) fn delete(client: &mut Client, board: &str, player: &str) -> Result<(), Verdict> {
    let data = ask(client, DELETE, &json!({ "board": board, "player": player }))?;
    user_error(&data["deleteRecord"]).map_or(Ok(()), Err)
}

/// Opens the season after `from`: the present one after that.
pub(crate) fn reset(client: &mut Client, board: &str, from: i64) -> Result<i64, Verdict> {
    let data = ask(client, RESET, &json!({ "board": board, "from": from }))?;
    let payload = &data["resetLeaderboard"];
    let version = payload["leaderboard"]["versionId"].as_i64().unwrap_or_default();
    user_error(payload).map_or(Ok(version), Err)
}

/// Sends an operation; `data`, or what the trouble means.
pub(crate) fn ask(client: &mut Client, query: &str, variables: &Value) -> Result<Value, Verdict> {
    match client.graphql(query, variables) {
        Err(Failure::NotSent(why)) => Err(Verdict::NotApplied(why)),
        Err(Failure::Broken(why)) => Err(Verdict::Ambiguous(why)),
        Ok((_, mut answer)) => match answer["errors"].get(0) {
            None => Ok(answer["data"].take()),
            Some(error) => Err(trouble(&error["extensions"]["code"], &error["message"])),
        },
    }
}

fn verdict(result: &Value) -> Verdict {
    match (user_error(result), result["ack"].as_str()) {
        (Some(error), _) => error,
        (None, Some(ack)) => {
            let level = Level::named(ack);
            // What is safe in a log need not have been judged yet.
            let outcome = result["outcome"].as_str();
            assert!(outcome.is_some() || level == Level::Logged, "no outcome: {result}");
            Verdict::Acked(level, outcome.unwrap_or("LATER").to_owned())
        }
        (None, None) => panic!("neither an ack nor an error: {result}"),
    }
}

fn user_error(payload: &Value) -> Option<Verdict> {
    let error = payload["userErrors"].get(0)?;
    Some(trouble(&error["code"], &error["message"]))
}

fn trouble(code: &Value, message: &Value) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    match code.as_str() {
        Some("UNAVAILABLE") => Verdict::NotApplied(text(message)),
        Some("AMBIGUOUS") => Verdict::Ambiguous(text(message)),
        _ => Verdict::Refused(text(code), text(message)),
    }
}
