//! An event stream whose client does not read, over a real socket: what hyper holds of it must not keep it alive.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::Api;
use crate::support::model::Model;

/// Longer than anything here takes, so that a hang fails.
const DEADLINE: Duration = Duration::from_secs(40);

/// With so many bytes beside each of the hundred scores of an event.
async fn is_cut_off(metadata: usize) {
    let websocket = json!({ "write_timeout_ms": 200, "ping_interval_ms": 10 });
    let api = Api::over(Model::default(), |parts| {
        parts.limits.websocket = serde_json::from_value(websocket).unwrap();
    });
    api.create(json!({ "id": "b" })).await;
    for player in 0..100 {
        let metadata = "x".repeat(metadata);
        let input = json!({ "leaderboardId": "b", "playerId": format!("p{player}"), "score": 1, "metadata": metadata });
        api.submit(input).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(
        axum::serve(
            listener,
            axum::ServiceExt::<axum::extract::Request>::into_make_service(api.front.clone()),
        )
        .into_future(),
    );
    let mut unread = TcpStream::connect(address).await.unwrap();
    let query =
        "subscription { leaderboardChanged(id: \"b\", first: 100) { records { playerId metadata } } }";
    let body = json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    unread.write_all(request.as_bytes()).await.unwrap();
    let cut_off = async {
        // Changes keep coming, nobody reads them, and at some point the kernel's buffers are full.
        let mut score = 1;
        while api.metric("hiscore_event_stream_ends_total{reason=\"not_reading\"}").await == 0 {
            score += 1;
            // Nothing here waits for anything, and the server is to have its turn.
            tokio::task::yield_now().await;
            api.submit(json!({ "leaderboardId": "b", "playerId": "p0", "score": score })).await;
        }
        assert_eq!(api.metric("hiscore_event_streams").await, 0);
        // What the kernel has is still to be had, and then it is over, inside of an event.
        let mut rest = Vec::new();
        let _ = unread.read_to_end(&mut rest).await;
        assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks like an end in good order");
    };
    tokio::time::timeout(DEADLINE, cut_off).await.unwrap();
    // The place is free, and the server well.
    let request =
        Request::get("/graphql?query=subscription%7BleaderboardChanged(id:%22b%22)%7BtotalCount%7D%7D")
            .header("accept", "text/event-stream");
    assert!(api.stream(request.body(Body::empty()).unwrap()).await.next().await.unwrap().contains("100"));
    serving.abort();
}

#[tokio::test]
async fn a_stream_of_small_events_that_nobody_reads_is_cut_off() {
    is_cut_off(100).await;
}

/// Larger than what hyper holds of a body before it asks for no more.
#[tokio::test]
async fn a_stream_of_large_events_that_nobody_reads_is_cut_off() {
    is_cut_off(4_000).await;
}
