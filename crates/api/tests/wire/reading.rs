//! Reading: pages, cursors that fit nowhere else, and arguments out of range.

use serde_json::{Value, json};

use crate::support::client::Api;
use crate::support::model::Model;

async fn api(players: usize) -> Api {
    let api = Api::default();
    api.create(json!({ "id": "b" })).await;
    for player in 0..players {
        api.submit(json!({ "leaderboardId": "b", "playerId": format!("p{player:02}"), "score": player }))
            .await;
    }
    api
}

async fn board(api: &Api, selection: &str) -> Value {
    api.data(&format!("{{ leaderboard(id: \"b\") {{ {selection} }} }}"), Value::Null).await["leaderboard"]
        .clone()
}

/// The request must give one field error INVALID (or another code) that names the argument.
async fn invalid(api: &Api, query: &str, field: &[&str], code: &str) {
    let answer = api.request(query, Value::Null).await;
    let error = answer.json()["errors"][0].clone();
    assert_eq!(error["extensions"]["code"], code, "{query}: {error}");
    assert_eq!(error["extensions"]["field"], json!(field), "{query}");
}

#[tokio::test]
async fn a_board_and_what_stands_on_it() {
    let api = api(3).await;
    let shown =
        board(&api, "id operator sortOrder subscoreOrder versionId totalCount rankState revision").await;
    assert_eq!(shown["totalCount"], 3);
    assert_eq!((&shown["rankState"], &shown["versionId"]), (&json!("EXACT"), &json!(1)));
    let all = "leaderboardId versionId playerId rank score subscore numScore metadata createdAt updatedAt";
    let record = board(&api, &format!("record(playerId: \"p01\") {{ {all} }}")).await["record"].clone();
    let time = record["createdAt"].as_str().unwrap();
    assert!(time.len() == 24 && time.starts_with("2025-01-02T00:00:00.") && time.ends_with('Z'), "{time}");
    assert_eq!(
        (&record["rank"], &record["score"], &record["metadata"]),
        (&json!(2), &json!(1), &Value::Null)
    );
    assert_eq!(board(&api, "record(playerId: \"nobody\") { rank }").await["record"], Value::Null);
    let asked = board(&api, "recordsByPlayerIds(playerIds: [\"p02\", \"x\", \"p00\"]) { rank }").await;
    assert_eq!(asked["recordsByPlayerIds"], json!([{ "rank": 1 }, { "rank": 3 }]));
    let around = board(
        &api,
        "around(playerId: \"p01\", range: 0) { playerId } none: around(playerId: \"x\") { rank }",
    )
    .await;
    assert_eq!(around, json!({ "around": [{ "playerId": "p01" }], "none": [] }));
    assert_eq!(
        api.data("{ leaderboard(id: \"none\") { id } }", Value::Null).await["leaderboard"],
        Value::Null
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let api = api(25).await;
    let (mut after, mut seen) = (Value::Null, Vec::new());
    let query = "query($after: String) { leaderboard(id: \"b\") { records(first: 10, after: $after) {
        nodes { playerId } edges { cursor node { playerId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    loop {
        let page = api.data(query, json!({ "after": after })).await["leaderboard"]["records"].clone();
        let (edges, info) = (page["edges"].as_array().unwrap(), &page["pageInfo"]);
        assert_eq!(info["hasPreviousPage"], !seen.is_empty());
        assert_eq!(
            (&info["startCursor"], &info["endCursor"]),
            (&edges[0]["cursor"], &edges[edges.len() - 1]["cursor"])
        );
        let nodes: Vec<Value> = edges.iter().map(|edge| edge["node"].clone()).collect();
        assert_eq!(page["nodes"], json!(nodes));
        seen.extend(nodes);
        if info["hasNextPage"] == false {
            break;
        }
        after = info["endCursor"].clone();
    }
    assert_eq!(seen.len(), 25);
    let jump = board(
        &api,
        "records(first: 2, fromRank: 24) { nodes { rank } pageInfo { hasNextPage hasPreviousPage } }",
    )
    .await;
    assert_eq!(jump["records"]["nodes"], json!([{ "rank": 24 }, { "rank": 25 }]));
    assert_eq!(jump["records"]["pageInfo"], json!({ "hasNextPage": false, "hasPreviousPage": true }));
    let beyond = board(&api, "records(fromRank: 99) { totalCount nodes { rank } pageInfo { endCursor } }")
        .await["records"]
        .clone();
    assert_eq!(beyond, json!({ "totalCount": 25, "nodes": [], "pageInfo": { "endCursor": null } }));
    // Of the version that the page is of, not of the present one.
    api.data("mutation { resetLeaderboard(id: \"b\") { userErrors { code } } }", Value::Null).await;
    let former = board(&api, "totalCount records(first: 1, versionId: 1) { totalCount }").await;
    assert_eq!((&former["totalCount"], &former["records"]["totalCount"]), (&json!(0), &json!(25)));
}

#[tokio::test]
async fn a_cursor_fits_nowhere_else() {
    let api = api(3).await;
    api.create(json!({ "id": "c" })).await;
    let page = board(&api, "records(first: 1) { pageInfo { endCursor } }").await;
    let cursor = page["records"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let with = |board: &str, cursor: &str, more: &str| {
        format!(
            "{{ leaderboard(id: \"{board}\") {{ records(after: \"{cursor}\"{more}) {{ nodes {{ rank }} }} }} }}"
        )
    };
    invalid(&api, &with("c", &cursor, ""), &["after"], "INVALID").await;
    invalid(&api, &with("b", &cursor[1..], ""), &["after"], "INVALID").await;
    invalid(&api, &with("b", &cursor[..cursor.len() - 2], ""), &["after"], "INVALID").await;
    for forged in ["", "x", "AAAA", &"A".repeat(60), &"A".repeat(10_000)] {
        invalid(&api, &with("b", forged, ""), &["after"], "INVALID").await;
        invalid(
            &api,
            &format!("{{ leaderboards(after: \"{forged}\") {{ nodes {{ id }} }} }}"),
            &["after"],
            "INVALID",
        )
        .await;
    }
    invalid(
        &api,
        &format!("{{ leaderboards(after: \"{cursor}\") {{ nodes {{ id }} }} }}"),
        &["after"],
        "INVALID",
    )
    .await;
    api.data("mutation { resetLeaderboard(id: \"b\") { userErrors { code } } }", Value::Null).await;
    invalid(&api, &with("b", &cursor, ""), &["after"], "INVALID").await;
    let former = api.data(&with("b", &cursor, ", versionId: 1"), Value::Null).await;
    assert_eq!(former["leaderboard"]["records"]["nodes"], json!([{ "rank": 2 }, { "rank": 3 }]));
}

#[tokio::test]
async fn boards_are_listed_in_pages() {
    let api = Api::default();
    for id in ["c", "a", "b"] {
        api.create(json!({ "id": id })).await;
    }
    let query = "query($after: String) { leaderboards(first: 2, after: $after) { nodes { id } edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage endCursor } } }";
    let first = api.data(query, Value::Null).await["leaderboards"].clone();
    assert_eq!(first["nodes"], json!([{ "id": "a" }, { "id": "b" }]));
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let second =
        api.data(query, json!({ "after": first["pageInfo"]["endCursor"] })).await["leaderboards"].clone();
    assert_eq!(second["nodes"], json!([{ "id": "c" }]));
    assert_eq!(
        (&second["pageInfo"]["hasNextPage"], &second["pageInfo"]["hasPreviousPage"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn arguments_out_of_range() {
    let api = api(1).await;
    let of_board = |selection: &str| format!("{{ leaderboard(id: \"b\") {{ {selection} }} }}");
    for first in ["0", "-1", "1001", "2147483647"] {
        invalid(
            &api,
            &of_board(&format!("records(first: {first}) {{ nodes {{ rank }} }}")),
            &["first"],
            "INVALID",
        )
        .await;
    }
    for first in ["0", "101"] {
        invalid(
            &api,
            &format!("{{ leaderboards(first: {first}) {{ nodes {{ id }} }} }}"),
            &["first"],
            "INVALID",
        )
        .await;
    }
    for range in ["-1", "101"] {
        let query = of_board(&format!("around(playerId: \"p00\", range: {range}) {{ rank }}"));
        invalid(&api, &query, &["range"], "INVALID").await;
    }
    for (selection, field) in [
        ("records(fromRank: 0) { nodes { rank } }", "fromRank"),
        ("records(fromRank: 1, after: \"x\") { nodes { rank } }", "fromRank"),
        ("records(versionId: 0) { nodes { rank } }", "versionId"),
        ("record(playerId: \"p00\", versionId: -1) { rank }", "versionId"),
        ("record(playerId: \"\") { rank }", "playerId"),
        ("around(playerId: \"a\\nb\") { rank }", "playerId"),
    ] {
        invalid(&api, &of_board(selection), &[field], "INVALID").await;
    }
    invalid(
        &api,
        &of_board("recordsByPlayerIds(playerIds: [\"a\", \"{\"]) { rank }"),
        &["playerIds", "1"],
        "INVALID",
    )
    .await;
    let many: Vec<String> = (0..1001).map(|n| format!("\"{n}\"")).collect();
    let many = format!("recordsByPlayerIds(playerIds: [{}]) {{ rank }}", many.join(" "));
    invalid(&api, &of_board(&many), &["playerIds"], "INVALID").await;
    invalid(&api, &of_board("record(playerId: \"p00\", versionId: 2) { rank }"), &["versionId"], "NOT_FOUND")
        .await;
    invalid(&api, "{ leaderboard(id: \"\") { id } }", &["id"], "INVALID").await;
}

#[tokio::test]
async fn no_rank_is_made_up() {
    let api = Api::over(Model::warming(), |_| {});
    api.create(json!({ "id": "b" })).await;
    let record = api.submit(json!({ "leaderboardId": "b", "playerId": "p", "score": 1 })).await;
    assert_eq!(record["record"]["rank"], Value::Null);
    let shown = board(&api, "rankState records { nodes { rank score } }").await;
    assert_eq!(
        shown,
        json!({ "rankState": "WARMING", "records": { "nodes": [{ "rank": null, "score": 1 }] } })
    );
}
