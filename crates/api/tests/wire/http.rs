//! HTTP itself: methods, media types, statuses, and that nothing which comes in ends in a panic or an empty answer.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::client::{Answer, Api};

const SUBMIT: &str =
    "mutation { submitScore(input: {leaderboardId: \"b\", playerId: \"p\", score: 1}) { ack } }";

async fn send(
    api: &Api,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(body.into()).unwrap()).await
}

fn encoded(query: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish()
}

/// Whether an answer has the shape of a GraphQL response without data.
fn is_refusal(answer: &Answer) -> bool {
    let json = answer.json();
    json["errors"][0]["message"].is_string()
        && json.get("data").is_none()
        && answer.header("content-type").contains("json")
}

#[tokio::test]
async fn methods() {
    let api = Api::default();
    api.create(json!({ "id": "b" })).await;
    let calls = api.model.calls();
    let answer = api.get(&format!("/graphql?{}", encoded("{ __typename }"))).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "data": { "__typename": "Query" } })));
    let answer = api.get(&format!("/graphql?{}", encoded(SUBMIT))).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
    assert!(is_refusal(&answer));
    let both = format!("query Q {{ __typename }} {}", SUBMIT.replace("mutation", "mutation M"));
    let answer = api.get(&format!("/graphql?{}&operationName=M", encoded(&both))).await;
    assert_eq!(answer.status, 405);
    let answer =
        api.get(&format!("/graphql?{}&operationName=Q&variables=%7B%7D&extensions=", encoded(&both))).await;
    assert_eq!(answer.status, 200);
    let subscription = "subscription { leaderboardChanged(id: \"b\") { revision } }";
    for answer in [
        api.get(&format!("/graphql?{}", encoded(subscription))).await,
        api.request(subscription, Value::Null).await,
    ] {
        assert!(
            answer.status == 400 && is_refusal(&answer) && answer.text().contains("graphql-transport-ws")
        );
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let answer = send(&api, method, "/graphql", &[], "").await;
        assert!(answer.status == 405 && is_refusal(&answer) && answer.header("allow").contains("POST"));
    }
    for bad in [
        "",
        "?query=",
        "?query=%7B",
        "?query=%FF",
        "?variables=%7B%7D",
        "?query=%7B__typename%7D&variables=1",
        "?query=%7B__typename%7D&query=%7B__typename%7D",
        "?query=%7B__typename%7D&extensions=%5B%5D",
    ] {
        let request =
            Request::get(format!("/graphql{bad}")).header("accept", "application/graphql-response+json");
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        assert!(answer.status == 400 && is_refusal(&answer), "{bad}: {}", answer.text());
    }
    assert_eq!(api.model.calls(), calls);
}

#[tokio::test]
async fn media_types_of_bodies() {
    let api = Api::default();
    api.create(json!({ "id": "b" })).await;
    let calls = api.model.calls();
    let body = json!({ "query": SUBMIT }).to_string();
    for media in [
        "text/plain",
        "text/plain; x=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "*/*",
    ] {
        let answer = send(&api, Method::POST, "/graphql", &[("content-type", media)], body.clone()).await;
        assert!(answer.status == 415 && is_refusal(&answer), "{media}");
    }
    assert_eq!(send(&api, Method::POST, "/graphql", &[], body.clone()).await.status, 415);
    assert_eq!(api.model.calls(), calls);
    let answer =
        send(&api, Method::POST, "/graphql", &[("content-type", "application/json;charset=UTF-8")], body)
            .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn media_types_of_answers_and_their_statuses() {
    let api = Api::default();
    let json = ("content-type", "application/json");
    let post = |accept: &'static str, query: &str| {
        let (api, body) = (&api, json!({ "query": query }).to_string());
        async move { send(api, Method::POST, "/graphql", &[json, ("accept", accept)], body).await }
    };
    for (accept, media, refusal) in [
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8", 400),
        ("application/json", "application/json; charset=utf-8", 200),
        ("*/*", "application/json; charset=utf-8", 200),
        (
            "text/html, application/graphql-response+json;q=0.1",
            "application/graphql-response+json; charset=utf-8",
            400,
        ),
    ] {
        let good = post(accept, "{ __typename }").await;
        assert_eq!((good.status.as_u16(), good.header("content-type")), (200, media));
        for bad in [
            "{",
            "{ unknown }",
            "{ leaderboards(first: 1.5) { nodes { id } } }",
            "fragment F on Query { __typename }",
            "",
        ] {
            let answer = post(accept, bad).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (refusal, media), "{bad}");
            assert!(is_refusal(&answer), "{bad}: {}", answer.text());
        }
        let failed = post(accept, "{ leaderboards(first: 0) { nodes { id } } }").await;
        assert_eq!((failed.status.as_u16(), failed.json()["data"].clone()), (200, Value::Null));
        assert!(failed.json().get("data").is_some());
    }
    let answer = post("text/html", "{ __typename }").await;
    assert!(answer.status == 406 && is_refusal(&answer));
}

#[tokio::test]
async fn bodies_that_are_no_requests() {
    let api = Api::default();
    let deep =
        |open: &str| format!("{{\"query\": \"{{__typename}}\", \"variables\": {}", open.repeat(500_000));
    for bad in [
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"[{\"query\": \"{__typename}\"}]".to_vec(),
        b"[\"{__typename}\"]".to_vec(),
        b"\"{__typename}\"".to_vec(),
        b"{}".to_vec(),
        b"{\"query\": null}".to_vec(),
        b"{\"query\": 1}".to_vec(),
        b"{\"query\": \"{__typename}\"".to_vec(),
        b"{\"query\": \"{__typename}\", \"variables\": []}".to_vec(),
        b"{\"query\": \"{__typename}\", \"variables\": {\"a\": 1e400}}".to_vec(),
        b"{\"query\": \"{__typename}\", \"extensions\": \"x\"}".to_vec(),
        b"{\"query\": \"{__typename}\", \"operationName\": \"Other\"}".to_vec(),
        b"{\"query\": \"query A {__typename} query B {__typename}\"}".to_vec(),
        b"{\"query\": \"query A {__typename} query B {__typename}\", \"operationName\": \"C\"}".to_vec(),
        b"{\"query\": \"query A {__typename} query A {__typename}\", \"operationName\": \"A\"}".to_vec(),
        b"{\"query\": \"\\ud800\"}".to_vec(),
        b"{\"query\": \"{ a\xff }\"}".to_vec(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        b"{\"query\": \"{ \\u0000 }\"}".to_vec(),
        deep("[").into_bytes(),
        deep("{\"a\":").into_bytes(),
        vec![b'{'; 1 << 20],
    ] {
        let shown = String::from_utf8_lossy(&bad[..bad.len().min(120)]).into_owned();
        let answer = api.post(bad).await;
        assert!(answer.status == 400 && is_refusal(&answer), "{shown}: {} {}", answer.status, answer.text());
    }
    let long = format!("{{\"query\": \"{{__typename}}\", \"x\": \"{}\"}}", "x".repeat(9 << 20));
    let answer = api.post(long.clone()).await;
    assert!(answer.status == 413 && is_refusal(&answer));
    let parts = futures_util::stream::iter((0..10).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1 << 20])));
    let answer = api.post(Body::from_stream(parts)).await;
    assert!(answer.status == 413 && is_refusal(&answer));
    let broken = futures_util::stream::iter([Ok(b"{".to_vec()), Err(std::io::Error::other("cut"))]);
    assert_eq!(api.post(Body::from_stream(broken)).await.status, 400);
    let exact = format!("{{\"query\": \"{{__typename}}\", \"x\": \"{}\"}}", "x".repeat((8 << 20) - 34));
    assert_eq!((exact.len(), api.post(exact).await.status.as_u16()), (8 << 20, 200));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes() {
    let api = Api::default();
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = api.post(Body::from_stream(never)).await;
    assert!(answer.status == 408 && is_refusal(&answer));
}

#[tokio::test]
async fn documents_that_are_none() {
    let api = Api::default();
    for bad in [
        "{",
        "}",
        "{ }",
        "{ a: }",
        "query",
        "query Q",
        "query Q($a) { __typename }",
        "mutation { }",
        "{ __typename @skip }",
        "{ __typename @unknown }",
        "{ __typename @skip(if: $undefined) }",
        "{ __typename @skip(if: 1) }",
        "query($a: Int, $a: Int) { __typename }",
        "query($unused: Int) { __typename }",
        "{ leaderboard(id: $undefined) { id } }",
        "{ leaderboard { id } }",
        "{ leaderboard(id: \"b\") }",
        "{ leaderboard(id: \"b\", id: \"b\") { id } }",
        "{ leaderboard(id: \"b\", more: 1) { id } }",
        "{ ...Unknown }",
        "{ __typename } fragment Unused on Query { __typename }",
        "{ ... on Nothing { __typename } }",
        "query($a: [Nothing]) { __typename }",
        "query($a: [Nothing!]! = [1]) { __typename }",
        "query($a: Record = {}) { leaderboard(id: $a) { id } }",
        "subscription { a: leaderboardChanged(id: \"b\") { revision } b: leaderboardChanged(id: \"b\") { revision } }",
        "subscription { ...F } fragment F on Subscription { leaderboardChanged(id: \"b\") { revision } }",
        "type Query { a: Int }",
        "{ \"string\" }",
        "{ a(b: \"\\u12\") }",
        "{ a(b: \"\"\" }",
        "\u{feff}",
        "#",
        "{ a(b: 1.) }",
        "{ a(b: 0123) }",
        "{ leaderboard(id: \"b\") { id: totalCount id } }",
    ] {
        let answer = api.request(bad, json!({ "a": [1] })).await;
        assert!(answer.status == 400 && is_refusal(&answer), "{bad}: {}", answer.text());
        assert_eq!(
            answer.code().as_str().map(|code| code == "BAD_REQUEST" || code == "INVALID"),
            Some(true),
            "{bad}"
        );
    }
    assert_eq!(api.model.calls(), 0);
}

#[tokio::test]
async fn probes_and_metrics() {
    let api = Api::default();
    assert_eq!(api.get("/livez").await.status, 200);
    assert_eq!(api.get("/readyz").await.text(), "ready\n");
    assert_eq!(api.get("/readyz?verbose").await.text(), "[+] model: a model in memory\nready\n");
    api.health.0.store(false, std::sync::atomic::Ordering::Relaxed);
    let answer = api.get("/readyz?verbose=1").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (503, "[-] model: a model in memory\nnot ready\n"));
    api.health.0.store(true, std::sync::atomic::Ordering::Relaxed);
    api.data("{ leaderboard(id: \"a secret board\") { id } }", Value::Null).await;
    api.request("{", Value::Null).await;
    let metrics = api.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "hiscore_graphql_requests_total{operation=\"query\",outcome=\"ok\"} 1",
        "hiscore_graphql_requests_total{operation=\"none\",outcome=\"refused\"} 1",
        "hiscore_graphql_request_duration_seconds_count{operation=\"query\"} 1",
        "hiscore_http_responses_total{status=\"503\"} 1",
        "hiscore_websocket_connections 0",
    ] {
        assert!(metrics.text().contains(line), "{line}\n{}", metrics.text());
    }
    assert!(!metrics.text().contains("secret"));
    api.shutdown.cancel();
    assert_eq!(api.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn headers_for_browsers() {
    let api = Api::default();
    for path in ["/", "/graphiql", "/graphql", "/livez", "/nothing", "/assets/nothing.js"] {
        let answer = api.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
    let body = json!({ "query": "{ __typename }" }).to_string();
    let from = async |origin: &str, method: Method| {
        let headers = [
            ("origin", origin),
            ("content-type", "application/json"),
            ("access-control-request-method", "POST"),
        ];
        send(&api, method, "/graphql", &headers, body.clone()).await
    };
    for method in [Method::POST, Method::OPTIONS] {
        let other = from("https://other.example", method.clone()).await;
        assert_eq!(other.header("access-control-allow-origin"), "");
        let named = from("https://game.example", method).await;
        assert_eq!(named.header("access-control-allow-origin"), "https://game.example");
        assert_eq!(named.header("vary"), "origin");
    }
}

#[tokio::test]
async fn the_page_or_how_to_build_it() {
    let api = Api::default();
    let page = api.get("/").await;
    if page.status == 404 {
        assert!(page.text().contains("npm run build"));
        return;
    }
    assert!(
        page.header("content-type").starts_with("text/html") && page.header("cache-control") == "no-cache"
    );
    assert!(!page.header("content-security-policy").contains("unsafe"));
    assert!(
        api.get("/graphiql")
            .await
            .header("content-security-policy")
            .contains("style-src 'self' 'unsafe-inline'")
    );
    let (_, script) = page.text().split_once("/assets/").unwrap();
    let script = format!("/assets/{}", script.split_once('"').unwrap().0);
    let plain = api.get(&script).await;
    assert_eq!(
        (plain.status.as_u16(), plain.header("cache-control")),
        (200, "public, max-age=31536000, immutable")
    );
    let gzip = send(&api, Method::GET, &script, &[("accept-encoding", "br, gzip")], "").await;
    assert_eq!((gzip.header("content-encoding"), gzip.header("vary")), ("gzip", "accept-encoding"));
    assert!(gzip.body.len() < plain.body.len());
    let known = send(&api, Method::GET, &script, &[("if-none-match", plain.header("etag"))], "").await;
    assert_eq!(
        (known.status.as_u16(), known.body.len(), known.header("etag")),
        (304, 0, plain.header("etag"))
    );
    for escape in ["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/"] {
        assert_eq!(api.get(escape).await.status, 404, "{escape}");
    }
}
