//! What a request may ask for at most, known before anything is executed.

use serde_json::{Value, json};

use crate::support::client::Api;

/// graphql-js 16's `getIntrospectionQuery()` with everything on.
const INTROSPECTION: &str = include_str!("introspection.graphql");

async fn refused(api: &Api, query: &str, code: &str) {
    let before = api.model.calls();
    let answer = api.request(query, Value::Null).await;
    let json = answer.json();
    let shown = &query[..query.len().min(200)];
    assert_eq!((answer.status.as_u16(), answer.code()), (400, json!(code)), "{shown}: {json}");
    assert!(json.get("data").is_none());
    assert_eq!(api.model.calls(), before, "{shown}");
}

async fn passes(api: &Api, query: &str) {
    api.data(query, Value::Null).await;
}

async fn api() -> Api {
    let api = Api::default();
    api.create(json!({ "id": "b" })).await;
    api
}

#[tokio::test]
async fn the_standard_introspection_passes() {
    let api = api().await;
    let schema = api.data(INTROSPECTION, Value::Null).await;
    assert!(schema["__schema"]["types"].as_array().unwrap().len() > 30);
}

#[tokio::test]
async fn depth() {
    let api = api().await;
    let deep = |depth: usize| {
        format!(
            "{{ __type(name: \"Query\") {{ {}name{} }} }}",
            "ofType { ".repeat(depth - 2),
            " }".repeat(depth - 2)
        )
    };
    passes(&api, &deep(15)).await;
    refused(&api, &deep(16), "TOO_COMPLEX").await;
    let through = "{ __type(name: \"Q\") { ...F } } fragment F on __Type { ofType { ofType { ofType { ofType { ...G } } } } }
        fragment G on __Type { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } }";
    refused(&api, through, "TOO_COMPLEX").await;
}

#[tokio::test]
async fn complexity_and_aliases() {
    let api = api().await;
    let fields = |count: usize| format!("{{ leaderboard(id: \"b\") {{ {} }} }}", "id ".repeat(count - 1));
    passes(&api, &fields(400)).await;
    refused(&api, &fields(401), "TOO_COMPLEX").await;
    let aliases = |count: usize| {
        let each: String = (0..count).map(|n| format!("a{n}: id ")).collect();
        format!("{{ leaderboard(id: \"b\") {{ {each} }} }}")
    };
    passes(&api, &aliases(30)).await;
    refused(&api, &aliases(31), "TOO_COMPLEX").await;
    // Ten aliases in a fragment that is used four times.
    let each: String = (0..10).map(|n| format!("a{n}: id ")).collect();
    let used: String =
        (0..4).map(|n| format!("leaderboards(first: {}) {{ nodes {{ ...F }} }} ", n + 1)).collect();
    refused(&api, &format!("{{ {used} }} fragment F on Leaderboard {{ {each} }}"), "TOO_COMPLEX").await;
}

#[tokio::test]
async fn fragments_that_double_or_go_round() {
    let api = api().await;
    let mut bomb = "{ leaderboard(id: \"b\") { ...F0 } }".to_owned();
    for at in 0..100 {
        bomb += &format!(" fragment F{at} on Leaderboard {{ ...F{next} ...F{next} }}", next = at + 1);
    }
    bomb += " fragment F100 on Leaderboard { id }";
    refused(&api, &bomb, "TOO_COMPLEX").await;
    for cycle in [
        "{ ...A } fragment A on Query { ...A ...A }",
        "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }",
        "{ __typename } fragment A on Query { leaderboard(id: \"b\") { id } ...A }",
    ] {
        refused(&api, cycle, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn tokens_nesting_and_length() {
    let api = api().await;
    let ids = |count: usize| {
        format!(
            "{{ leaderboard(id: \"b\") {{ recordsByPlayerIds(playerIds: [{}]) {{ rank }} }} }}",
            "\"x\" ".repeat(count)
        )
    };
    passes(&api, &ids(900)).await;
    refused(&api, &"{ __typename } ".repeat(1000), "TOO_COMPLEX").await;
    refused(&api, &format!("{{ a {} }}", "b ".repeat(2000)), "TOO_COMPLEX").await;
    for opening in ["{", "[", "(", "{a(b:[", "{a(b:{c:"] {
        refused(&api, &format!("{{ a {}", opening.repeat(1990 / opening.len())), "TOO_COMPLEX").await;
    }
    // As deep as the lexer lets pass must not overflow the parser's stack.
    for opening in ["{a", "[", "{...{"] {
        let nested = format!("{{ a(b: {}", opening.repeat(30));
        refused(&api, &nested, "BAD_REQUEST").await;
    }
    let long = format!("{{ leaderboard(id: \"b\") {{ id }} }} # {}", "x".repeat(300 << 10));
    refused(&api, &long, "TOO_COMPLEX").await;
}

#[tokio::test]
async fn rows_are_multiplied_along_paths_and_summed() {
    let api = api().await;
    let of = |selection: &str| format!("{{ leaderboard(id: \"b\") {{ {selection} }} }}");
    let pages = |count: usize, first: usize| -> String {
        (0..count).map(|n| format!("a{n}: records(first: {first}) {{ nodes {{ rank }} }} ")).collect()
    };
    passes(&api, &of(&pages(10, 1000))).await;
    refused(
        &api,
        &of(&(pages(10, 1000)
            + "record(playerId: \"p\") { rank } around(playerId: \"p\", range: 0) { rank }")),
        "TOO_COMPLEX",
    )
    .await;
    // Defaults count, and lists in lists multiply: 50 + 50 × 10, 100 + 100 × 99, 100 + 100 × 100.
    passes(&api, "{ leaderboards { nodes { records { nodes { rank } } } } }").await;
    passes(&api, "{ leaderboards(first: 100) { nodes { records(first: 99) { nodes { rank } } } } }").await;
    refused(
        &api,
        "{ leaderboards(first: 100) { nodes { records(first: 100) { nodes { rank } } } } }",
        "TOO_COMPLEX",
    )
    .await;
    let fragments = "{ a: leaderboard(id: \"b\") { ...F } b: leaderboard(id: \"b\") { ...F ... on Leaderboard { records(first: 1) { nodes { rank } } } } }
        fragment F on Leaderboard { x: records(first: 1000) { nodes { rank } } y: records(first: 1000) { nodes { rank } }
        z: records(first: 1000) { nodes { rank } } u: records(first: 1000) { nodes { rank } } v: records(first: 1000) { nodes { rank } } }";
    refused(&api, fragments, "TOO_COMPLEX").await;
    refused(
        &api,
        "{ leaderboards(first: 50) { edges { node { around(playerId: \"p\", range: 100) { rank } } } } }",
        "TOO_COMPLEX",
    )
    .await;
}

#[tokio::test]
async fn rows_by_variables() {
    let api = api().await;
    let refused = async |query: &str, variables: Value| {
        let before = api.model.calls();
        let answer = api.request(query, variables).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, json!("TOO_COMPLEX")), "{query}");
        assert_eq!(api.model.calls(), before);
    };
    let nested = "query($n: Int, $m: Int = 100) { leaderboards(first: $n) { nodes { records(first: $m) { nodes { rank } } } } }";
    refused(nested, json!({ "n": 100 })).await;
    refused(nested, json!({ "m": 1000 })).await;
    api.data(nested, json!({ "n": 100, "m": 10 })).await;
    let ids: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let each: String =
        (0..11).map(|n| format!("a{n}: recordsByPlayerIds(playerIds: $ids) {{ rank }} ")).collect();
    refused(&format!("query($ids: [ID!]!) {{ leaderboard(id: \"b\") {{ {each} }} }}"), json!({ "ids": ids }))
        .await;
    // Two bulks of ten thousand in one document are twenty thousand entries.
    let submissions: Vec<Value> =
        (0..10_000).map(|n| json!({ "playerId": format!("{n}"), "score": n })).collect();
    let two = "mutation($i: SubmitScoresInput!) { a: submitScores(input: $i) { results { ack } } b: submitScores(input: $i) { results { ack } } }";
    refused(two, json!({ "i": { "leaderboardId": "b", "submissions": submissions } })).await;
    let two = "mutation($s: [ScoreInput!]!) { a: submitScores(input: {leaderboardId: \"b\", submissions: $s}) { results { ack } }
        b: submitScores(input: {leaderboardId: \"b\", submissions: $s}) { results { ack } } }";
    refused(two, json!({ "s": submissions })).await;
}

#[tokio::test]
async fn limits_are_settings() {
    let limits: hiscore_api::Limits =
        serde_json::from_value(json!({ "depth": 2, "websocket": { "connections": 1 } })).unwrap();
    assert_eq!((limits.depth, limits.aliases, limits.websocket.connections), (2, 30, 1));
    assert!(serde_json::from_value::<hiscore_api::Limits>(json!({ "dept": 2 })).is_err());
    let api = Api::over(Default::default(), |parts| parts.limits = limits);
    refused(&api, "{ leaderboard(id: \"b\") { records { nodes { rank } } } }", "TOO_COMPLEX").await;
}
