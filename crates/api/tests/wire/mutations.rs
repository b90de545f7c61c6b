//! Writing: user errors, results in their places, trouble behind us, and what the stages are asked for.

use hiscore_api::service::{Ack, Trouble, Wanted};
use serde_json::{Value, json};

use crate::support::client::Api;

const ERRORS: &str = "userErrors { code field message }";

async fn api(input: Value) -> Api {
    let api = Api::default();
    assert_eq!(api.create(input).await["userErrors"], json!([]));
    api
}

/// Code and field path of all user errors.
fn codes(payload: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = payload["userErrors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            assert!(!text(&error["message"]).is_empty());
            let field: Vec<String> = error["field"].as_array().unwrap().iter().map(text).collect();
            (text(&error["code"]), field.join("."))
        })
        .collect()
}

fn one(code: &str, field: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), field.to_owned())]
}

#[tokio::test]
async fn a_submission_and_its_payload() {
    let api = api(json!({ "id": "b" })).await;
    let first = api
        .submit(json!({ "leaderboardId": "b", "playerId": "p", "score": 5, "metadata": { "x": 1 } }))
        .await;
    let record = json!({ "rank": 1, "score": 5, "subscore": 0, "numScore": 1, "metadata": { "x": 1 } });
    let wanted = json!({ "record": record, "previousRank": null, "ack": "PERSISTED", "outcome": "IMPROVED", "userErrors": [] });
    assert_eq!(first, wanted);
    let second =
        api.submit(json!({ "leaderboardId": "b", "playerId": "q", "score": 6, "ack": "RANKED" })).await;
    assert_eq!((&second["record"]["rank"], &second["ack"]), (&json!(1), &json!("RANKED")));
    let third = api.submit(json!({ "leaderboardId": "b", "playerId": "p", "score": 7 })).await;
    assert_eq!((&third["record"]["rank"], &third["previousRank"]), (&json!(1), &json!(2)));
    let worse = api.submit(json!({ "leaderboardId": "b", "playerId": "p", "score": 1 })).await;
    assert_eq!((&worse["outcome"], &worse["record"]["numScore"]), (&json!("UNCHANGED"), &json!(3)));
}

#[tokio::test]
async fn inputs_against_the_rules() {
    let api = api(json!({ "id": "b" })).await;
    let ok = json!({ "leaderboardId": "b", "playerId": "p", "score": 1 });
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    for (field, bad) in [
        ("playerId", json!("")),
        ("playerId", json!("a\nb")),
        ("playerId", json!("{x}")),
        ("playerId", json!("\u{2028}")),
        ("playerId", json!("é".repeat(65))),
        ("leaderboardId", json!("")),
        ("leaderboardId", json!("x".repeat(129))),
        ("submissionId", json!("x".repeat(65))),
        ("submissionId", json!("")),
        ("metadata", json!("x".repeat(4095))),
        ("metadata", nested(9)),
    ] {
        let mut input = ok.clone();
        input[field] = bad;
        let payload = api.submit(input).await;
        assert_eq!(codes(&payload), one("INVALID", &format!("input.{field}")));
        assert_eq!(
            (&payload["record"], &payload["ack"], &payload["outcome"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
    }
    assert!(api.model.submits().is_empty());
    for (field, good) in [
        ("playerId", json!("x".repeat(128))),
        ("submissionId", json!("x".repeat(64))),
        ("metadata", json!("x".repeat(4094))),
        ("metadata", nested(8)),
    ] {
        let mut input = ok.clone();
        input[field] = good;
        assert_eq!(codes(&api.submit(input).await), []);
    }
    let all =
        json!({ "leaderboardId": "", "playerId": "", "score": 1, "submissionId": "", "metadata": nested(9) });
    assert_eq!(codes(&api.submit(all).await).len(), 4);
    let unknown = api.submit(json!({ "leaderboardId": "none", "playerId": "p", "score": 1 })).await;
    assert_eq!(codes(&unknown), one("NOT_FOUND", "input.leaderboardId"));
}

#[tokio::test]
async fn what_the_law_refuses() {
    let api = api(json!({ "id": "b", "operator": "INCREMENT" })).await;
    let submit = |score: i64, id: &str| {
        api.submit(json!({ "leaderboardId": "b", "playerId": "p", "score": score, "submissionId": id }))
    };
    assert_eq!(submit((1 << 53) - 1, "one").await["outcome"], "IMPROVED");
    assert_eq!(codes(&submit(1, "two").await), one("OUT_OF_RANGE", "input.score"));
    assert_eq!(submit((1 << 53) - 1, "one").await["outcome"], "DUPLICATE");
    assert_eq!(codes(&submit(3, "one").await), one("CONFLICT", "input.submissionId"));
    // UUIDv7: one that is older than the newest that fell out of the window.
    let uuid = |n: u32| format!("0190{n:04x}-0000-7000-8000-{n:012x}");
    for n in 2..40 {
        assert_eq!(submit(-1, &uuid(n)).await["outcome"], "IMPROVED");
    }
    assert_eq!(codes(&submit(-1, &uuid(1)).await), one("EXPIRED", "input.submissionId"));
}

#[tokio::test]
async fn trouble_behind_us_is_a_top_level_error() {
    let api = api(json!({ "id": "b" })).await;
    let query = "mutation { submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1}) { ack } }";
    for (trouble, code) in [
        (Trouble::Unavailable("the store is full".into()), "UNAVAILABLE"),
        (Trouble::Ambiguous("timed out".into()), "AMBIGUOUS"),
        (Trouble::Internal("secret".into()), "INTERNAL"),
    ] {
        api.model.fail_next(trouble);
        let answer = api.request(query, Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (200, json!(code)));
        assert_eq!(answer.json()["data"], Value::Null);
        assert!(answer.json().get("data").is_some() && !answer.text().contains("secret"));
    }
    api.model.fail_player("p", Trouble::Ambiguous("timed out".into()));
    assert_eq!(api.request(query, Value::Null).await.code(), "AMBIGUOUS");
    // A defect that panics is an answer too.
    api.model.set_bomb("p");
    let answer = api.request(query, Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (200, json!("INTERNAL")));
}

const BULK: &str = "mutation($input: SubmitScoresInput!) { submitScores(input: $input) {
    results { record { playerId rank } outcome ack userErrors { code field message } } userErrors { code field message } } }";

#[tokio::test]
async fn each_entry_of_a_bulk_has_its_own_result() {
    let api = api(json!({ "id": "b" })).await;
    api.model.fail_player("gone", Trouble::Unavailable("away".into()));
    api.model.fail_player("maybe", Trouble::Ambiguous("timed out".into()));
    let submissions = json!([
        { "playerId": "a", "score": 1 }, { "playerId": "", "score": 1 }, { "playerId": "gone", "score": 1 },
        { "playerId": "b", "score": 2, "metadata": "x".repeat(5000) }, { "playerId": "maybe", "score": 1 },
        { "playerId": "c", "score": 3, "submissionId": "s" }, { "playerId": "c", "score": 4, "submissionId": "s" },
        { "playerId": "c", "score": 3, "submissionId": "s" },
    ]);
    let input = json!({ "input": { "leaderboardId": "b", "submissions": submissions } });
    let payload = api.data(BULK, input).await["submitScores"].clone();
    assert_eq!(payload["userErrors"], json!([]));
    let results = payload["results"].as_array().unwrap();
    assert_eq!(results.len(), 8);
    assert_eq!(results[0]["record"], json!({ "playerId": "a", "rank": 1 }));
    assert_eq!(codes(&results[1]), one("INVALID", "input.submissions.1.playerId"));
    assert_eq!(codes(&results[2]), one("UNAVAILABLE", "input.submissions.2"));
    assert_eq!(codes(&results[3]), one("INVALID", "input.submissions.3.metadata"));
    assert_eq!(codes(&results[4]), one("AMBIGUOUS", "input.submissions.4"));
    assert_eq!(results[5]["outcome"], "IMPROVED");
    assert_eq!(codes(&results[6]), one("CONFLICT", "input.submissions.6.submissionId"));
    assert_eq!(results[7]["outcome"], "DUPLICATE");
    assert_eq!(api.model.submits().iter().map(|(entries, _)| *entries).collect::<Vec<_>>(), [6]);
}

#[tokio::test]
async fn a_bulk_as_a_whole() {
    let api = api(json!({ "id": "b" })).await;
    let bulk = async |board: &str, count: usize| {
        let submissions: Vec<Value> =
            (0..count).map(|n| json!({ "playerId": format!("p{n}"), "score": n })).collect();
        let input = json!({ "input": { "leaderboardId": board, "submissions": submissions } });
        api.data(BULK, input).await["submitScores"].clone()
    };
    for (board, count, code, field) in [
        ("b", 0, "INVALID", "input.submissions"),
        ("b", 10_001, "TOO_MANY", "input.submissions"),
        ("", 1, "INVALID", "input.leaderboardId"),
    ] {
        let payload = bulk(board, count).await;
        assert_eq!((codes(&payload), &payload["results"]), (one(code, field), &json!([])));
    }
    assert!(api.model.submits().is_empty());
    assert_eq!(codes(&bulk("none", 1).await), one("NOT_FOUND", "input.leaderboardId"));
    let only_bad =
        json!({ "input": { "leaderboardId": "none", "submissions": [{ "playerId": "", "score": 1 }] } });
    let payload = api.data(BULK, only_bad).await["submitScores"].clone();
    assert_eq!(codes(&payload["results"][0]), one("INVALID", "input.submissions.0.playerId"));
    let plain =
        "mutation($input: SubmitScoresInput!) { submitScores(input: $input) { results { outcome } } }";
    let submissions: Vec<Value> =
        (0..10_000).map(|n| json!({ "playerId": format!("p{n}"), "score": n })).collect();
    let input = json!({ "input": { "leaderboardId": "b", "submissions": submissions } });
    let results = api.data(plain, input).await["submitScores"]["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 10_000);
    assert!(results.as_array().unwrap().iter().all(|result| result["outcome"] == "IMPROVED"));
}

#[tokio::test]
async fn boards_are_created_reset_and_emptied() {
    let api = api(json!({ "id": "b", "operator": "SET", "sortOrder": "ASC" })).await;
    assert_eq!(codes(&api.create(json!({ "id": "b" })).await), one("ALREADY_EXISTS", "input.id"));
    assert_eq!(codes(&api.create(json!({ "id": "{b}" })).await), one("INVALID", "input.id"));
    let asc = api.create(json!({ "id": "c", "sortOrder": "ASC" })).await["leaderboard"].clone();
    assert_eq!((&asc["sortOrder"], &asc["subscoreOrder"]), (&json!("ASC"), &json!("ASC")));
    let reset = async |id: &str, expected: Value| {
        let query = format!(
            "mutation($id: ID!, $e: Int) {{ resetLeaderboard(id: $id, expectedVersionId: $e) {{ leaderboard {{ versionId }} {ERRORS} }} }}"
        );
        api.data(&query, json!({ "id": id, "e": expected })).await["resetLeaderboard"].clone()
    };
    assert_eq!(reset("b", json!(1)).await["leaderboard"]["versionId"], 2);
    assert_eq!(codes(&reset("b", json!(1)).await), one("CONFLICT", "expectedVersionId"));
    assert_eq!(codes(&reset("b", json!(0)).await), one("INVALID", "expectedVersionId"));
    assert_eq!(codes(&reset("none", Value::Null).await), one("NOT_FOUND", "id"));
    assert_eq!(codes(&reset("", Value::Null).await), one("INVALID", "id"));
    assert_eq!(reset("b", Value::Null).await["leaderboard"]["versionId"], 3);
    let delete = async |id: &str, player: &str| {
        let query = format!(
            "mutation($id: ID!, $p: ID!) {{ deleteRecord(leaderboardId: $id, playerId: $p) {{ deleted {ERRORS} }} }}"
        );
        api.data(&query, json!({ "id": id, "p": player })).await["deleteRecord"].clone()
    };
    api.submit(json!({ "leaderboardId": "b", "playerId": "p", "score": 1 })).await;
    assert_eq!(delete("b", "p").await["deleted"], true);
    assert_eq!(delete("b", "p").await, json!({ "deleted": false, "userErrors": [] }));
    assert_eq!(codes(&delete("none", "p").await), one("NOT_FOUND", "leaderboardId"));
    assert_eq!(codes(&delete("", "").await).len(), 2);
}

#[tokio::test]
async fn nothing_is_computed_for_nobody() {
    let api = api(json!({ "id": "b" })).await;
    let wanted = async |selection: &str, fragments: &str| {
        let query = format!(
            "mutation($yes: Boolean = true, $no: Boolean = false) {{ submitScore(input: {{leaderboardId: \"b\", playerId: \"p\", score: 1}}) {{ {selection} }}
             skip: deleteRecord(leaderboardId: \"b\", playerId: \"x\") @include(if: $no) {{ deleted @skip(if: $yes) }} }} {fragments}"
        );
        api.data(&query, Value::Null).await;
        let (_, Wanted { record, rank, previous_rank, .. }) = *api.model.submits().last().unwrap();
        (record, rank, previous_rank)
    };
    assert_eq!(wanted("ack", "").await, (false, false, false));
    assert_eq!(wanted("record { score }", "").await, (true, false, false));
    assert_eq!(wanted("record { r: rank }", "").await, (true, true, false));
    assert_eq!(wanted("p: previousRank", "").await, (false, false, true));
    assert_eq!(wanted("record { rank } previousRank @skip(if: $yes)", "").await, (true, true, false));
    assert_eq!(wanted("ack record @include(if: $no) { rank }", "").await, (false, false, false));
    assert_eq!(wanted("ack record { score rank @skip(if: true) }", "").await, (true, false, false));
    let fragments = "fragment F on SubmitScorePayload { record { ...R } } fragment R on Record { ... on Record { rank } }";
    assert_eq!(wanted("...F", fragments).await, (true, true, false));
    assert_eq!(wanted("ack ...F @skip(if: $yes)", fragments).await, (false, false, false));
    let query = "mutation { submitScores(input: {leaderboardId: \"b\", ack: REPLICATED, submissions: [{playerId: \"p\", score: 2}]}) {
        results { previousRank record { score } } } }";
    api.data(query, Value::Null).await;
    let (_, wanted) = *api.model.submits().last().unwrap();
    assert_eq!((wanted.record, wanted.rank, wanted.previous_rank), (true, false, true));
    assert_eq!(wanted.ack, Some(Ack::Replicated));
}
