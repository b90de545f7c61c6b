//! The operations that the simulator needs, as calls: a board, submissions, records.

use hiscore_score::{Operator, Rules, Score, SortOrder};
use serde_json::{Value, json};

use crate::client::{Client, Trouble, trouble};
use crate::ledger::{Scores, Standing};

const BOARD: &str =
    "query Board($id: ID!) { leaderboard(id: $id) { operator sortOrder subscoreOrder versionId } }";
const CREATE: &str = "mutation Create($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) { \
    leaderboard { operator sortOrder subscoreOrder versionId } userErrors { code message } } }";
const SUBMIT: &str = "mutation Submit($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack userErrors { code message } } }";
const SUBMIT_BULK: &str = "mutation SubmitBulk($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { ack userErrors { code message } } userErrors { code message } } }";
// The outcome is asked for in retries only: behind a log it has to be waited for, and it is a retry that may
// turn out to have been applied already.
const RETRY: &str = "mutation Retry($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack outcome userErrors { code message } } }";
const RETRY_BULK: &str = "mutation RetryBulk($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { ack outcome userErrors { code message } } userErrors { code message } } }";
const RECORDS: &str = "query Records($id: ID!, $players: [ID!]!) { leaderboard(id: $id) { versionId \
    recordsByPlayerIds(playerIds: $players) { playerId score subscore numScore } } }";

/// The most players that one query of records may name.
pub(crate) const RECORDS_AT_ONCE: usize = 1000;

/// What the simulator has to know of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Board {
    pub(crate) rules: Rules,
    pub(crate) version: i64,
}

/// One update on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) player: String,
    pub(crate) scores: Scores,
    pub(crate) id: String,
    /// An earlier try of it may have been carried out.
    pub(crate) perhaps_applied: bool,
}

/// How one update was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acked {
    /// The level reached.
    pub(crate) level: String,
    /// It had been applied before, by an earlier try.
    pub(crate) duplicate: bool,
}

/// The board, if it is there.
pub(crate) async fn board(client: &Client, id: &str) -> Result<Option<Board>, Trouble> {
    let data = client.send(BOARD, json!({ "id": id })).await?;
    match data.get("leaderboard") {
        None | Some(Value::Null) => Ok(None),
        Some(board) => read_board(board).map(Some),
    }
}

/// The board, created if it is not there.
pub(crate) async fn board_or_create(client: &Client, id: &str, operator: Operator) -> Result<Board, Trouble> {
    if let Some(board) = board(client, id).await? {
        return Ok(board);
    }
    let input = json!({ "id": id, "operator": operator_name(operator) });
    let data = client.send(CREATE, json!({ "input": input })).await?;
    let payload = &data["createLeaderboard"];
    match user_error(payload) {
        // Somebody was quicker, perhaps an earlier try of ours.
        Some(Trouble::Refused(code, _)) if code == "ALREADY_EXISTS" => board(client, id)
            .await?
            .ok_or_else(|| Trouble::NotApplied(format!("leaderboard {id} exists and cannot be read"))),
        Some(error) => Err(error),
        None => read_board(&payload["leaderboard"]),
    }
}

/// Sends one update or a bulk of them; one result each, in their order. `again`: some were sent before.
pub(crate) async fn submit(
    client: &Client,
    leaderboard: &str,
    updates: &[Update],
    again: bool,
) -> Vec<Result<Acked, Trouble>> {
    let answer = match updates {
        [one] => submit_one(client, leaderboard, one, again).await.map(|answer| vec![answer]),
        bulk => submit_bulk(client, leaderboard, bulk, again).await,
    };
    // What befalls a request befalls all that is in it.
    answer.unwrap_or_else(|trouble| vec![Err(trouble); updates.len()])
}

async fn submit_one(
    client: &Client,
    leaderboard: &str,
    update: &Update,
    again: bool,
) -> Result<Result<Acked, Trouble>, Trouble> {
    let mut input = entry(update);
    input["leaderboardId"] = json!(leaderboard);
    let data = client.send(if again { RETRY } else { SUBMIT }, json!({ "input": input })).await?;
    Ok(acked(&data["submitScore"]))
}

async fn submit_bulk(
    client: &Client,
    leaderboard: &str,
    updates: &[Update],
    again: bool,
) -> Result<Vec<Result<Acked, Trouble>>, Trouble> {
    let submissions: Vec<Value> = updates.iter().map(entry).collect();
    let input = json!({ "leaderboardId": leaderboard, "submissions": submissions });
    let data = client.send(if again { RETRY_BULK } else { SUBMIT_BULK }, json!({ "input": input })).await?;
    let payload = &data["submitScores"];
    if let Some(error) = user_error(payload) {
        return Err(error);
    }
    match payload["results"].as_array() {
        Some(results) if results.len() == updates.len() => Ok(results.iter().map(acked).collect()),
        _ => Err(Trouble::Ambiguous("a bulk was answered with another number of results".to_owned())),
    }
}

/// What these players have, and in which season of the board; `None`: there is no such board.
pub(crate) async fn records(
    client: &Client,
    leaderboard: &str,
    players: &[&str],
) -> Result<Option<(i64, Vec<(String, Standing)>)>, Trouble> {
    let data = client.send(RECORDS, json!({ "id": leaderboard, "players": players })).await?;
    let board = &data["leaderboard"];
    if board.is_null() {
        return Ok(None);
    }
    let records =
        board["recordsByPlayerIds"].as_array().and_then(|rows| rows.iter().map(read_record).collect());
    match (board["versionId"].as_i64(), records) {
        (Some(version), Some(records)) => Ok(Some((version, records))),
        _ => Err(misunderstood("records", board)),
    }
}

/// The operator's name in the API.
pub(crate) fn operator_name(operator: Operator) -> &'static str {
    match operator {
        Operator::Best => "BEST",
        Operator::Set => "SET",
        Operator::Increment => "INCREMENT",
    }
}

fn entry(update: &Update) -> Value {
    json!({
        "playerId": update.player,
        "score": update.scores.score.get(),
        "subscore": update.scores.subscore.get(),
        "submissionId": update.id,
    })
}

fn acked(payload: &Value) -> Result<Acked, Trouble> {
    if let Some(error) = user_error(payload) {
        return Err(error);
    }
    match payload["ack"].as_str() {
        Some(level) => {
            Ok(Acked { level: level.to_owned(), duplicate: payload["outcome"].as_str() == Some("DUPLICATE") })
        }
        None => Err(Trouble::Ambiguous("an answer with neither an ack nor an error".to_owned())),
    }
}

fn user_error(payload: &Value) -> Option<Trouble> {
    let error = payload["userErrors"].get(0)?;
    let text = |name: &str| error[name].as_str().unwrap_or("?");
    Some(trouble(text("code"), text("message")))
}

fn read_board(value: &Value) -> Result<Board, Trouble> {
    let read = || {
        let operator = match value["operator"].as_str()? {
            "BEST" => Operator::Best,
            "SET" => Operator::Set,
            "INCREMENT" => Operator::Increment,
            _ => return None,
        };
        let order = |name: &str| match value[name].as_str()? {
            "DESC" => Some(SortOrder::Desc),
            "ASC" => Some(SortOrder::Asc),
            _ => None,
        };
        let rules =
            Rules { operator, sort_order: order("sortOrder")?, subscore_order: order("subscoreOrder")? };
        Some(Board { rules, version: value["versionId"].as_i64()? })
    };
    read().ok_or_else(|| misunderstood("a leaderboard", value))
}

fn read_record(value: &Value) -> Option<(String, Standing)> {
    let score = |name: &str| Score::new(value[name].as_i64()?).ok();
    let scores = Scores { score: score("score")?, subscore: score("subscore")? };
    Some((
        value["playerId"].as_str()?.to_owned(),
        Standing { scores, num_score: value["numScore"].as_u64()? },
    ))
}

fn misunderstood(what: &str, value: &Value) -> Trouble {
    let shown: String = value.to_string().chars().take(200).collect();
    Trouble::Refused("ANSWER".to_owned(), format!("the server's answer does not look like {what}: {shown}"))
}
