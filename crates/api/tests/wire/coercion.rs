//! A request with one bad input, wherever it is written, executes nothing and has no data.

use serde_json::{Value, json};

use crate::support::client::Api;

const SUBMIT: &str =
    "mutation($input: SubmitScoreInput!) { submitScore(input: $input) { ack userErrors { code } } }";

/// Sends a request with raw JSON of variables, which must be refused before anything is executed.
async fn refused(api: &Api, query: &str, variables: &str) {
    let before = api.model.calls();
    let body = format!("{{\"query\": {}, \"variables\": {variables}}}", json!(query));
    let answer = api.post(body).await;
    let json = answer.json();
    assert_eq!(answer.status, 400, "{query} {variables}: {json}");
    assert!(json.get("data").is_none() && !json["errors"].as_array().unwrap().is_empty(), "{json}");
    assert!(json["errors"][0]["extensions"]["code"].is_string(), "{json}");
    assert_eq!(api.model.calls(), before, "{query} {variables}");
}

async fn api() -> Api {
    let api = Api::default();
    api.create(json!({ "id": "b" })).await;
    api
}

/// None of these is a score.
const BAD: [&str; 18] = [
    "1.0",
    "1e3",
    "1E3",
    "1.5",
    "-0.0",
    "\"1\"",
    "\"\"",
    "true",
    "[1, 2]",
    "{}",
    "9007199254740992",
    "-9007199254740992",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "1000000000000000000000000000000",
    "null",
];

#[tokio::test]
async fn bad_scores_in_variables() {
    let api = api().await;
    for bad in BAD {
        let input = format!(r#"{{"input": {{"leaderboardId": "b", "playerId": "p", "score": {bad}}}}}"#);
        refused(&api, SUBMIT, &input).await;
        let one = "mutation($s: Score!) { submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: $s}) { ack } }";
        refused(&api, one, &format!("{{\"s\": {bad}}}")).await;
        if bad != "null" {
            let input = format!(
                r#"{{"input": {{"leaderboardId": "b", "playerId": "p", "score": 1, "subscore": {bad}}}}}"#
            );
            refused(&api, SUBMIT, &input).await;
        }
        let bulk = "mutation($input: SubmitScoresInput!) { submitScores(input: $input) { results { ack } } }";
        let input = format!(
            r#"{{"input": {{"leaderboardId": "b", "submissions": [{{"playerId": "p", "score": 1}}, {{"playerId": "q", "score": {bad}}}]}}}}"#
        );
        refused(&api, bulk, &input).await;
    }
}

#[tokio::test]
async fn bad_scores_in_literals_and_defaults_also_behind_a_good_mutation() {
    let api = api().await;
    for bad in BAD {
        let good = "a: submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1}) { ack }";
        let second = format!(
            "b: submitScore(input: {{leaderboardId: \"b\", playerId: \"p\", score: {bad}}}) {{ ack }}"
        );
        refused(&api, &format!("mutation {{ {good} {second} }}"), "null").await;
        refused(&api, &format!("mutation {{ {good} ...F }} fragment F on Mutation {{ {second} }}"), "null")
            .await;
        let by_variable = "b: submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: $s}) { ack }";
        refused(&api, &format!("mutation($s: Score! = {bad}) {{ {good} {by_variable} }}"), "null").await;
        refused(
            &api,
            &format!("mutation($s: Score!) {{ {good} {by_variable} }}"),
            &format!("{{\"s\": {bad}}}"),
        )
        .await;
        // Even where the field is left out: the value is in the document.
        refused(&api, &format!("mutation {{ {good} ... @skip(if: true) {{ {second} }} }}"), "null").await;
    }
}

#[tokio::test]
async fn the_ends_of_the_range_pass_in_literals_and_variables() {
    let api = api().await;
    for score in [0, 1, -1, (1i64 << 53) - 1, -((1i64 << 53) - 1)] {
        let input = json!({ "leaderboardId": "b", "playerId": format!("v{score}"), "score": score, "subscore": score });
        let record = api.submit(input).await["record"].clone();
        assert_eq!((&record["score"], &record["subscore"]), (&json!(score), &json!(score)));
        let literal = format!(
            "mutation {{ submitScore(input: {{leaderboardId: \"b\", playerId: \"l{score}\", score: {score}}}) {{ record {{ score subscore }} }} }}"
        );
        let data = api.data(&literal, Value::Null).await;
        assert_eq!(data["submitScore"]["record"], json!({ "score": score, "subscore": 0 }));
    }
}

#[tokio::test]
async fn other_inputs_are_coerced_first_too() {
    let api = api().await;
    let good = "a: submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1}) { ack }";
    for second in [
        // An object that is none, unknown and missing fields, null where there must be something.
        "submitScore(input: 5) { ack }",
        "submitScore(input: null) { ack }",
        "submitScore { ack }",
        "submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1, unknown: 1}) { ack }",
        "submitScore(input: {leaderboardId: \"b\", score: 1}) { ack }",
        "submitScore(input: {leaderboardId: \"b\", playerId: null, score: 1}) { ack }",
        "submitScore(input: {leaderboardId: \"b\", playerId: 1.5, score: 1}) { ack }",
        // Enums: a string in the document is no enum.
        "submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1, ack: \"RANKED\"}) { ack }",
        "submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1, ack: MAYBE}) { ack }",
        "createLeaderboard(input: {id: \"c\", operator: 1}) { leaderboard { id } }",
        // Int.
        "resetLeaderboard(id: \"b\", expectedVersionId: 1.0) { leaderboard { id } }",
        "resetLeaderboard(id: \"b\", expectedVersionId: 2147483648) { leaderboard { id } }",
        "resetLeaderboard(id: \"b\", expectedVersionId: \"1\") { leaderboard { id } }",
        // Lists.
        "submitScores(input: {leaderboardId: \"b\", submissions: [null]}) { results { ack } }",
        "submitScores(input: {leaderboardId: \"b\", submissions: null}) { results { ack } }",
        "submitScores(input: {leaderboardId: \"b\", submissions: [{playerId: \"p\"}]}) { results { ack } }",
    ] {
        refused(&api, &format!("mutation {{ {good} b: {second} }}"), "null").await;
    }
    for variables in [
        "{}",
        "{\"input\": null}",
        "{\"input\": []}",
        "{\"input\": \"x\"}",
        "{\"input\": {}}",
        r#"{"input": {"leaderboardId": "b", "playerId": "p", "score": 1, "unknown": null}}"#,
        r#"{"input": {"leaderboardId": "b", "playerId": "p", "score": 1, "ack": "ranked"}}"#,
        r#"{"input": {"leaderboardId": "b", "playerId": true, "score": 1}}"#,
        r#"{"input": {"leaderboardId": ["b"], "playerId": "p", "score": 1}}"#,
    ] {
        refused(&api, SUBMIT, variables).await;
    }
    // Variables of the wrong type for their place, of no input type, or of none at all.
    let with = |ty: &str| {
        format!(
            "mutation($s: {ty}) {{ {good} submitScore(input: {{leaderboardId: \"b\", playerId: \"p\", score: $s}}) {{ ack }} }}"
        )
    };
    for (ty, value) in [
        ("Int!", "1"),
        ("String!", "\"1\""),
        ("Score", "1"),
        ("[Score!]!", "[1]"),
        ("Record", "{}"),
        ("DateTime", "\"x\""),
        ("Nothing", "1"),
        ("[Nothing!] = 1", "1"),
        ("Float", "1"),
    ] {
        refused(&api, &with(ty), &format!("{{\"s\": {value}}}")).await;
    }
}

#[tokio::test]
async fn null_means_the_default() {
    let api = api().await;
    for player in 0..12 {
        api.submit(json!({ "leaderboardId": "b", "playerId": format!("p{player}"), "score": player, "subscore": null, "ack": null })).await;
    }
    let created =
        api.create(json!({ "id": "n", "operator": null, "sortOrder": null, "subscoreOrder": null })).await;
    let shown = json!({ "id": "n", "operator": "BEST", "sortOrder": "DESC", "subscoreOrder": "DESC", "versionId": 1 });
    assert_eq!(created["leaderboard"], shown);
    let query = "query($first: Int, $range: Int) { leaderboard(id: \"b\") {
        records(first: $first, after: null, fromRank: null, versionId: null) { nodes { rank } }
        around(playerId: \"p6\", range: $range) { rank } } }";
    for variables in [json!({ "first": null, "range": null }), json!({}), Value::Null] {
        let board = api.data(query, variables).await["leaderboard"].clone();
        assert_eq!(board["records"]["nodes"].as_array().unwrap().len(), 10);
        assert_eq!(board["around"].as_array().unwrap().len(), 11);
    }
    let literal =
        api.data("{ leaderboard(id: \"b\") { records(first: null) { nodes { rank } } } }", Value::Null).await;
    assert_eq!(literal["leaderboard"]["records"]["nodes"].as_array().unwrap().len(), 10);
    let own = api
        .data(
            "query($f: Int = 3) { leaderboard(id: \"b\") { records(first: $f) { nodes { rank } } } }",
            json!({}),
        )
        .await;
    assert_eq!(own["leaderboard"]["records"]["nodes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn ids_may_be_integers_and_one_value_is_a_list_of_one() {
    let api = api().await;
    let record = "mutation { submitScore(input: {leaderboardId: \"b\", playerId: 17, score: 1}) { record { playerId } } }";
    assert_eq!(api.data(record, Value::Null).await["submitScore"]["record"]["playerId"], "17");
    let query =
        "query($ids: [ID!]!) { leaderboard(id: \"b\") { recordsByPlayerIds(playerIds: $ids) { playerId } } }";
    let found = api.data(query, json!({ "ids": 17 })).await;
    assert_eq!(found["leaderboard"]["recordsByPlayerIds"], json!([{ "playerId": "17" }]));
}

#[tokio::test]
async fn metadata_is_any_json_and_may_hold_variables() {
    let api = api().await;
    let metadata = json!({ "a": [1, 2.5, -1e300, "x", null, true, { "$gt": "" }], "$serde_json::private::RawValue": "1" });
    let record =
        api.submit(json!({ "leaderboardId": "b", "playerId": "p", "score": 1, "metadata": metadata })).await;
    assert_eq!(record["record"]["metadata"], metadata);
    let query = "mutation($x: Int) { submitScore(input: {leaderboardId: \"b\", playerId: \"q\", score: 1,
        metadata: {a: $x, b: [FOO, \"bar\"]}}) { record { metadata } } }";
    let data = api.data(query, json!({ "x": 7 })).await;
    assert_eq!(data["submitScore"]["record"]["metadata"], json!({ "a": 7, "b": ["FOO", "bar"] }));
}
