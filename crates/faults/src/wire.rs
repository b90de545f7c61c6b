//! Submitting over GraphQL, and what each answer means whatever the profile: how safe it is, or what to do next.
#![allow(clippy::panic, reason = "a test may fail by panicking")]

use serde_json::{Value, json};

use crate::client::{Client, Failure};
pub use crate::history::Level;

const ONE: &str = "mutation One($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack outcome record { versionId } userErrors { code message } } }";
/// Behind a log who does not ask for the outcome is answered before there is one.
const ONE_UNJUDGED: &str = "mutation One($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack userErrors { code message } } }";
const BULK: &str = "mutation Bulk($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { ack outcome record { versionId } userErrors { code message } } userErrors { code message } } }";
const CREATE: &str = "mutation Create($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) { \
    userErrors { code message } } }";
const DELETE: &str = "mutation Delete($board: ID!, $player: ID!) { \
    deleteRecord(leaderboardId: $board, playerId: $player) { deleted userErrors { code message } } }";
const RESET: &str = "mutation Reset($board: ID!, $from: Int) { resetLeaderboard(id: $board, expectedVersionId: $from) { \
    leaderboard { versionId } userErrors { code message } } }";

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It counts, and is so safe: the outcome and the season of the record, as far as they were told.
    Acked(Level, String, Option<u32>),
    /// It surely did nothing: try again.
    NotApplied(String),
    /// It may have been carried out: try again with the same id.
    Ambiguous(String),
    /// It is refused for good: code and message.
    Refused(String, String),
}

/// Submits the inputs of some submissions as one bulk; one verdict for each.
///
/// # Panics
/// When the answer is none that the schema has.
pub fn submit(client: &mut Client, board: &str, submissions: &[Value], ack: Option<Level>) -> Vec<Verdict> {
    let mut input = json!({ "leaderboardId": board, "submissions": submissions });
    if let Some(level) = ack {
        input["ack"] = json!(level);
    }
    let answer = ask(client, BULK, &json!({ "input": input })).and_then(|data| {
        let payload = &data["submitScores"];
        let results = match user_error(payload) {
            Some(error) => return Err(error),
            None => payload["results"].as_array().cloned().unwrap_or_default(),
        };
        assert_eq!(results.len(), submissions.len(), "one result for each: {payload}");
        Ok(results.iter().map(verdict).collect())
    });
    answer.unwrap_or_else(|verdict| vec![verdict; submissions.len()])
}

/// Submits one alone, and asks for its outcome or not.
pub fn submit_one(
    client: &mut Client,
    board: &str,
    submission: &Value,
    ack: Option<Level>,
    judged: bool,
) -> Verdict {
    let mut input = submission.clone();
    input["leaderboardId"] = json!(board);
    if let Some(level) = ack {
        input["ack"] = json!(level);
    }
    let document = if judged { ONE } else { ONE_UNJUDGED };
    let answer = ask(client, document, &json!({ "input": input }));
    answer.map_or_else(|error| error, |data| verdict(&data["submitScore"]))
}

/// Creates a board.
pub fn create(client: &mut Client, board: &str, operator: &str) -> Result<(), Verdict> {
    let input = json!({ "input": { "id": board, "operator": operator } });
    let data = ask(client, CREATE, &input)?;
    user_error(&data["createLeaderboard"]).map_or(Ok(()), Err)
}

/// Deletes a record: whether there was one, if that is told.
pub fn delete(client: &mut Client, board: &str, player: &str) -> Result<Option<bool>, Verdict> {
    let data = ask(client, DELETE, &json!({ "board": board, "player": player }))?;
    let payload = &data["deleteRecord"];
    user_error(payload).map_or_else(|| Ok(payload["deleted"].as_bool()), Err)
}

/// Opens the season after `from`: the present one after that. Behind a log it may be left open whether that is so.
pub fn reset(client: &mut Client, board: &str, from: i64) -> Result<i64, Verdict> {
    let data = ask(client, RESET, &json!({ "board": board, "from": from }))?;
    let payload = &data["resetLeaderboard"];
    let version = payload["leaderboard"]["versionId"].as_i64();
    let open = || Verdict::Ambiguous("the season was not told".to_owned());
    user_error(payload).map_or_else(|| version.ok_or_else(open), Err)
}

/// Sends an operation; `data`, or what the trouble means.
pub fn ask(client: &mut Client, query: &str, variables: &Value) -> Result<Value, Verdict> {
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
        (None, Some(_)) => {
            let level: Level = serde_json::from_value(result["ack"].clone())
                .unwrap_or_else(|_| panic!("no level: {result}"));
            // What is safe in a log need not have been judged yet.
            let season = result["record"]["versionId"].as_u64().and_then(|season| season.try_into().ok());
            Verdict::Acked(level, result["outcome"].as_str().unwrap_or("LATER").to_owned(), season)
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
