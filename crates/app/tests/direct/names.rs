//! Names and metadata that mean something to MongoDB or to JavaScript are data here.

use bson::{Bson, Document, doc};
use serde_json::{Value, json};

use crate::deployment::{Deployment, missing};
use crate::load::create;
use crate::shown::documents;
use crate::wire;

const NAMES: [&str; 9] = [
    "$score",
    "a.b",
    "__proto__",
    "constructor",
    "$where",
    ".",
    "score.$[]",
    "'; return true; //",
    "ſcore\u{301}✓",
];
const SUBMIT: &str = "mutation S($input: SubmitScoreInput!) { submitScore(input: $input) { ack userErrors { code message } } }";
const READ: &str = "query R($board: ID!, $player: ID!) { leaderboard(id: $board) { record(playerId: $player) { \
    leaderboardId playerId rank score metadata } } }";

#[test]
fn names_are_stored_as_they_are() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("all");
    let mut client = server.client();
    let metadata = [
        json!({ "$gt": "" }),
        json!({ "$set": { "score": 1 }, "a.b": { "c.d": [1, { "$where": "true" }] } }),
        json!({ "__proto__": { "admin": true }, "constructor": "x" }),
        json!("$score"),
        json!(["$$ROOT", { "$literal": 1 }]),
        json!({ "": { ".": "$" } }),
    ];
    let mut expected = Vec::new();
    for (at, board) in NAMES.iter().enumerate() {
        create(&mut client, board, ["BEST", "SET", "INCREMENT"][at % 3]);
        for (score, player) in (1..).zip(NAMES) {
            let metadata = &metadata[(at + score as usize) % metadata.len()];
            expected.push((*board, player, score, metadata.clone()));
        }
    }
    for (board, player, score, metadata) in &expected {
        let input = json!({ "leaderboardId": board, "playerId": player, "score": score, "metadata": metadata,
            "submissionId": "$id", "ack": "PERSISTED" });
        let data = client.data(SUBMIT, &json!({ "input": input }));
        assert_eq!(data["submitScore"], json!({ "ack": "PERSISTED", "userErrors": [] }), "{board}, {player}");
    }
    for (board, player, score, metadata) in &expected {
        let rank = NAMES.len() as i64 + 1 - score;
        let data = client.data(READ, &json!({ "board": board, "player": player }));
        let record = json!({ "leaderboardId": board, "playerId": player, "rank": rank, "score": score,
            "metadata": metadata });
        assert_eq!(data["leaderboard"]["record"], record);

        let id = doc! { "l": *board, "v": 1_i64, "p": *player };
        let stored = documents(&deployment.mongo, doc! { "_id": id });
        let [stored] = &stored[..] else { panic!("{board}, {player}: {stored:?}") };
        assert_eq!(stored.get_str("leaderboardId").ok(), Some(*board));
        assert_eq!(stored.get_str("playerId").ok(), Some(*player));
        assert_eq!(stored.get_i64("score").ok(), Some(*score), "{stored}");
        assert_eq!(plain(stored.get("metadata").expect("metadata")), *metadata, "{stored}");
    }
    let all = documents(&deployment.mongo, Document::new());
    assert_eq!(all.len(), expected.len(), "and nothing else");
    // Braces would confuse Redis Cluster, so nobody has them in a name.
    let input = json!({ "leaderboardId": NAMES[0], "playerId": "{a}", "score": 1 });
    let data = client.data(SUBMIT, &json!({ "input": input }));
    assert_eq!(data["submitScore"]["userErrors"][0]["code"], "INVALID", "{data}");
    assert!(wire::create(&mut client, NAMES[0], "BEST").is_err(), "it is there already");
}

/// What JSON has of BSON, name by name.
fn plain(value: &Bson) -> Value {
    match value {
        Bson::Document(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        Bson::Array(values) => values.iter().map(plain).collect(),
        Bson::String(text) => json!(text),
        Bson::Int32(number) => json!(number),
        Bson::Int64(number) => json!(number),
        Bson::Boolean(truth) => json!(truth),
        other => panic!("not what was sent: {other:?}"),
    }
}
