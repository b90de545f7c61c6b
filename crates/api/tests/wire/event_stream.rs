//! Server-sent events: the protocol, what is refused, and how a stream ends.

use axum::body::Body;
use hiscore_api::service::Trouble;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use crate::support::client::Api;
use crate::support::events::Events;
use crate::support::model::Model;

const WATCH: &str = "subscription { leaderboardChanged(id: \"b\") { totalCount } }";
const COMPLETE: &str = "event: complete\ndata:";

async fn board(websocket: serde_json::Value) -> Api {
    let api = Api::over(Model::default(), |parts| {
        parts.limits.websocket = serde_json::from_value(websocket).unwrap();
    });
    api.create(json!({ "id": "b" })).await;
    api
}

async fn submit(api: &Api, player: &str) {
    api.submit(json!({ "leaderboardId": "b", "playerId": player, "score": 1 })).await;
}

/// Asks by GET.
async fn get(api: &Api, query: &str, headers: &[(&str, &str)]) -> Events {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let mut request = Request::get(format!("/graphql?query={query}")).header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.stream(request.body(Body::empty()).unwrap()).await
}

fn total(count: u64) -> String {
    format!("event: next\ndata: {{\"data\":{{\"leaderboardChanged\":{{\"totalCount\":{count}}}}}}}")
}

#[tokio::test]
async fn a_subscription_is_a_stream_by_post_and_by_get() {
    let api = board(json!({})).await;
    let mut by_post = api.events(WATCH, json!({})).await;
    let mut by_get = get(&api, WATCH, &[]).await;
    for events in [&mut by_post, &mut by_get] {
        assert_eq!(events.status, StatusCode::OK);
        assert_eq!(events.headers["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(events.headers["cache-control"], "no-store");
        assert_eq!(events.headers["x-accel-buffering"], "no");
        assert_eq!(events.next().await, Some(total(0)));
    }
    submit(&api, "p").await;
    for events in [&mut by_post, &mut by_get] {
        assert_eq!(events.next().await, Some(total(1)));
    }
    let rank = "subscription { rankChanged(leaderboardId: \"b\", playerId: \"p\") { rank } }";
    let mut events = get(&api, rank, &[]).await;
    assert_eq!(events.next().await.unwrap(), "event: next\ndata: {\"data\":{\"rankChanged\":{\"rank\":1}}}");
    assert_eq!(api.metric("hiscore_event_streams").await, 3);
    drop((by_post, by_get, events));
    assert_eq!(api.metric("hiscore_event_streams").await, 0);
    assert_eq!(api.metric("hiscore_event_stream_ends_total{reason=\"gone\"}").await, 3);
}

#[tokio::test]
async fn queries_and_mutations_are_streams_of_one() {
    let api = board(json!({})).await;
    let next = |payload: &str| vec![format!("event: next\ndata: {payload}"), COMPLETE.to_owned()];
    let query = "{ leaderboard(id: \"b\") { totalCount } }";
    let read = "{\"data\":{\"leaderboard\":{\"totalCount\":0}}}";
    assert_eq!(api.events(query, json!({})).await.rest().await, next(read));
    assert_eq!(get(&api, query, &[]).await.rest().await, next(read));
    let mutation = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { outcome } }";
    let input = json!({ "in": { "leaderboardId": "b", "playerId": "p", "score": 1 } });
    let outcome = |outcome| next(&format!("{{\"data\":{{\"submitScore\":{{\"outcome\":\"{outcome}\"}}}}}}"));
    assert_eq!(api.events(mutation, input.clone()).await.rest().await, outcome("IMPROVED"));
    // By its plan now, which must be framed alike.
    assert_eq!(api.events(mutation, input).await.rest().await, outcome("UNCHANGED"));
}

#[tokio::test]
async fn what_is_refused_after_reading_the_request_is_told_as_an_event() {
    let api = board(json!({})).await;
    for (query, code) in [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "BAD_REQUEST"),
        ("subscription { leaderboardChanged(id: \"b\") { nothing } }", "BAD_REQUEST"),
        ("subscription { leaderboardChanged(id: \"none\") { totalCount } }", "NOT_FOUND"),
        ("subscription { leaderboardChanged(id: \"b\", first: 101) { totalCount } }", "INVALID"),
    ] {
        for mut events in [api.events(query, json!({})).await, get(&api, query, &[]).await] {
            assert_eq!(events.status, StatusCode::OK, "{query}");
            assert_eq!(events.json().await["errors"][0]["extensions"]["code"], code, "{query}");
            assert_eq!(events.rest().await, [COMPLETE], "{query}");
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_by_the_status() {
    let api = board(json!({})).await;
    let send = async |method: Method, uri: &str, content_type: &str, body: &'static str| {
        let request = Request::builder().method(method).uri(uri).header("accept", "text/event-stream");
        let request = request.header("content-type", content_type).body(Body::from(body)).unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        assert!(answer.json()["errors"][0]["message"].is_string());
        (answer.status.as_u16(), answer.header("allow").to_owned())
    };
    let json = "application/json";
    let ok = "{\"query\": \"{ leaderboards { nodes { id } } }\"}";
    assert_eq!(send(Method::POST, "/graphql", "text/plain", ok).await.0, 415);
    assert_eq!(send(Method::POST, "/graphql", json, "{").await.0, 400);
    assert_eq!(send(Method::POST, "/graphql", json, "{}").await.0, 400);
    assert_eq!(send(Method::GET, "/graphql", json, "").await.0, 400);
    assert_eq!(send(Method::PUT, "/graphql", json, ok).await.0, 405);
    assert_eq!(send(Method::DELETE, "/graphql?operationId=1", json, "").await.0, 405);
    // Any page could make a browser send this.
    let mutation =
        "/graphql?query=mutation%7BdeleteRecord(leaderboardId:%22b%22,playerId:%22p%22)%7Bdeleted%7D%7D";
    assert_eq!(send(Method::GET, mutation, json, "").await, (405, "POST".to_owned()));
}

#[tokio::test]
async fn pages_of_elsewhere_hold_no_streams() {
    let api = board(json!({})).await;
    let from = async |origin| get(&api, WATCH, &[("origin", origin), ("host", "scores.example")]).await;
    for origin in ["https://scores.example", "https://game.example"] {
        assert_eq!(from(origin).await.next().await, Some(total(0)), "{origin}");
    }
    assert_eq!(
        from("https://game.example").await.headers["access-control-allow-origin"],
        "https://game.example"
    );
    for origin in ["https://other.example", "null"] {
        assert_eq!(from(origin).await.status, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[tokio::test]
async fn streams_take_the_places_of_websockets() {
    let api = board(json!({ "connections": 2 })).await;
    let mut first = api.events(WATCH, json!({})).await;
    let second = api.events(WATCH, json!({})).await;
    assert_eq!(first.next().await, Some(total(0)));
    let refused = api.events(WATCH, json!({})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["content-type"], "application/json; charset=utf-8");
    // What ends by itself needs no place.
    assert_eq!(api.events("{ leaderboard(id: \"b\") { id } }", json!({})).await.status, StatusCode::OK);
    drop(second);
    assert_eq!(api.events(WATCH, json!({})).await.next().await, Some(total(0)));
}

#[tokio::test]
async fn a_stream_ends_with_its_source() {
    let api = board(json!({})).await;
    let mut events = api.events(WATCH, json!({})).await;
    assert_eq!(events.next().await, Some(total(0)));
    api.model.trouble_live(Some(Trouble::Unavailable("away".to_owned())));
    assert_eq!(events.json().await["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    assert_eq!(events.rest().await, [COMPLETE]);
    api.model.trouble_live(None);
    api.model.set_bomb("bomb");
    let rank = "subscription { rankChanged(leaderboardId: \"b\", playerId: \"bomb\") { rank } }";
    let mut events = api.events(rank, json!({})).await;
    assert_eq!(events.json().await["errors"][0]["extensions"]["code"], "INTERNAL");
    assert_eq!(events.rest().await, [COMPLETE]);
}

#[tokio::test]
async fn a_shutdown_ends_it_without_complete() {
    let api = board(json!({})).await;
    let mut events = api.events(WATCH, json!({})).await;
    assert_eq!(events.next().await, Some(total(0)));
    api.shutdown.cancel();
    assert_eq!(events.next().await, None);
    assert_eq!(api.events(WATCH, json!({})).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(api.metric("hiscore_event_stream_ends_total{reason=\"shutdown\"}").await, 1);
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_still_there() {
    let api = board(json!({ "ping_interval_ms": 20 })).await;
    let mut events = api.events(WATCH, json!({})).await;
    assert_eq!(events.next().await, Some(total(0)));
    assert_eq!(events.next().await.as_deref(), Some(":"));
    assert_eq!(events.next().await.as_deref(), Some(":"));
}

/// The body of a stream, whose pieces are written when they are dropped.
async fn body(api: &Api) -> Body {
    let uri = "/graphql?query=subscription%7BleaderboardChanged(id:%22b%22,first:100)%7BtotalCount,records%7BplayerId%7D%7D%7D";
    let request = Request::get(uri).header("accept", "text/event-stream").body(Body::empty());
    api.front.clone().oneshot(request.unwrap()).await.unwrap().into_body()
}

#[tokio::test]
async fn nothing_is_queued_for_who_is_behind() {
    let api = board(json!({})).await;
    let mut body = body(&api).await;
    let unwritten = body.frame().await.unwrap().unwrap();
    for player in 0..20 {
        submit(&api, &player.to_string()).await;
    }
    assert_eq!(api.metric("hiscore_subscription_renders_total").await, 1);
    drop(unwritten);
    let next = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(std::str::from_utf8(&next).unwrap().contains("\"totalCount\":20"));
    assert_eq!(api.metric("hiscore_subscription_renders_total").await, 2);
}

#[tokio::test]
async fn who_stays_behind_is_cut_off() {
    let api = board(json!({ "write_timeout_ms": 50 })).await;
    let mut body = body(&api).await;
    let unwritten = body.frame().await.unwrap().unwrap();
    // An error, and not an end: a server has to drop the connection for it, with what it could not write.
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(api.metric("hiscore_event_stream_ends_total{reason=\"gone\"}").await, 0);
    drop((unwritten, body));
    assert_eq!(api.metric("hiscore_event_stream_ends_total{reason=\"not_reading\"}").await, 1);
    assert_eq!(api.metric("hiscore_event_streams").await, 0);
}

#[tokio::test]
async fn large_events_go_in_pieces() {
    let api = board(json!({})).await;
    for player in 0..100 {
        let metadata = "x".repeat(2_000);
        let input = json!({ "leaderboardId": "b", "playerId": format!("p{player}"), "score": 1, "metadata": metadata });
        api.submit(input).await;
    }
    let query =
        "subscription { leaderboardChanged(id: \"b\", first: 100) { records { playerId metadata } } }";
    let mut events = api.events(query, json!({})).await;
    let records = events.json().await["data"]["leaderboardChanged"]["records"].clone();
    assert_eq!(records.as_array().unwrap().len(), 100);
}
