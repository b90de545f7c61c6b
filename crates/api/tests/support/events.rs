//! Reads an event stream from the front, event by event.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::client::Api;

/// Longer than anything here takes, so that a hang fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// An answer that is read as it comes.
pub struct Events {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Body,
    /// What was received and not yet taken.
    received: String,
}

impl Events {
    /// The next event (or comment), without the empty line behind it; `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.received.split_once("\n\n") {
                let event = event.to_owned();
                self.received = rest.to_owned();
                return Some(event);
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame()).await.unwrap();
            let Some(frame) = frame else {
                assert_eq!(self.received, "", "it ended inside of an event");
                return None;
            };
            self.received += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
    }

    /// The payload of the next event, as text, which must be one.
    pub async fn text(&mut self) -> String {
        let event = self.next().await.unwrap();
        let payload = event.strip_prefix("event: next\ndata: ");
        payload.unwrap_or_else(|| panic!("{event}")).to_owned()
    }

    /// The same, read.
    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// What comes until the end.
    pub async fn rest(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(event) = self.next().await {
            rest.push(event);
        }
        rest
    }
}

impl Api {
    pub async fn stream(&self, request: Request<Body>) -> Events {
        let response = self.front.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Events { status: parts.status, headers: parts.headers, body, received: String::new() }
    }

    /// Posts a request for an event stream.
    pub async fn events(&self, query: &str, variables: Value) -> Events {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .body(Body::from(body));
        self.stream(request.unwrap()).await
    }

    /// A metric without labels, or with these.
    pub async fn metric(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics").await;
        let line = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}
