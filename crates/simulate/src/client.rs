//! GraphQL over HTTP with kept connections, and what its failures mean for whoever sent something.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// More than 1000 records need; a server that sends more is not one of ours.
const MAX_ANSWER: usize = 16 << 20;

/// Why there is no answer, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// It surely did nothing: try again.
    #[error("{0}")]
    NotApplied(String),
    /// It may have been carried out: try again with the same submission id.
    #[error("{0}")]
    Ambiguous(String),
    /// Trying again will not help. The code of the error, and its message.
    #[error("{1} ({0})")]
    Refused(String, String),
}

/// A server, and the connections to it.
#[derive(Debug)]
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    uri: Uri,
    timeout: Duration,
    /// Requests under way: the pool would open a connection for each, without a limit.
    slots: Semaphore,
}

impl Client {
    /// A client of the endpoint `url` with at most `connections` requests under way, each bounded by `timeout`.
    pub(crate) fn new(url: &str, connections: usize, timeout: Duration) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url} is no URL: {error}"))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            return Err(format!("{url} is no http URL with a host"));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(connections)
            .build(connector);
        Ok(Self { http, uri, timeout, slots: Semaphore::new(connections) })
    }

    /// Sends one operation; `data` if there is no error at the top.
    pub(crate) async fn send(&self, query: &str, variables: Value) -> Result<Value, Trouble> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/graphql-response+json, application/json")
            .header(USER_AGENT, concat!("hiscore-simulate/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Trouble::Refused("REQUEST".to_owned(), error.to_string()))?;
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.map_err(|error| Trouble::NotApplied(error.to_string()))?;
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| {
                let message = root_cause(&error);
                // Nothing was sent before there was a connection.
                if error.is_connect() { Trouble::NotApplied(message) } else { Trouble::Ambiguous(message) }
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| Trouble::Ambiguous(format!("the answer broke off: {error}")))?;
            understand(status, &body.to_bytes())
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::Ambiguous(format!(
                "no answer within {}",
                hiscore_config::show_duration(self.timeout)
            ))),
        }
    }
}

/// What stands at the end of a chain of causes says most: "connection refused", not "client error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// The `data` of an answer, or what its status and first error mean.
fn understand(status: StatusCode, body: &[u8]) -> Result<Value, Trouble> {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice::<Value>(body) else {
        let message = format!("status {status} without a GraphQL answer");
        // Whoever stands in between may have passed the request on before it gave up.
        return Err(match status.as_u16() {
            429 => Trouble::NotApplied(message),
            408 | 500.. => Trouble::Ambiguous(message),
            _ => Trouble::Refused("HTTP".to_owned(), message),
        });
    };
    let first = answer.get("errors").and_then(|errors| errors.get(0));
    if let Some(error) = first {
        let code = error.pointer("/extensions/code").and_then(Value::as_str).unwrap_or("GRAPHQL");
        let message = error.get("message").and_then(Value::as_str).unwrap_or("an error without a message");
        return Err(trouble(code, message));
    }
    match answer.remove("data") {
        Some(data) if !data.is_null() => Ok(data),
        _ => Err(Trouble::Ambiguous(format!("status {status} with neither data nor errors"))),
    }
}

/// What an error code asks the client to do, at the top as of one entry of a bulk.
pub(crate) fn trouble(code: &str, message: &str) -> Trouble {
    match code {
        "UNAVAILABLE" | "RATE_LIMITED" => Trouble::NotApplied(message.to_owned()),
        "AMBIGUOUS" | "INTERNAL" => Trouble::Ambiguous(message.to_owned()),
        code => Trouble::Refused(code.to_owned(), message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_means() {
        let means =
            |status: u16, body: &str| understand(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        let error = |code: &str| {
            format!(r#"{{"errors":[{{"message":"m","extensions":{{"code":"{code}"}}}}],"data":null}}"#)
        };
        assert_eq!(means(200, r#"{"data":{"a":1}}"#), Ok(json!({ "a": 1 })));
        assert_eq!(means(503, &error("UNAVAILABLE")), Err(Trouble::NotApplied("m".into())));
        assert_eq!(means(200, &error("AMBIGUOUS")), Err(Trouble::Ambiguous("m".into())));
        assert_eq!(
            means(200, &error("UNAUTHENTICATED")),
            Err(Trouble::Refused("UNAUTHENTICATED".into(), "m".into()))
        );
        assert!(
            matches!(means(400, r#"{"errors":[{"message":"syntax"}]}"#), Err(Trouble::Refused(code, _)) if code == "GRAPHQL")
        );
        assert!(matches!(means(502, "<html>"), Err(Trouble::Ambiguous(_))));
        assert!(matches!(means(429, ""), Err(Trouble::NotApplied(_))));
        assert!(matches!(means(404, "not here"), Err(Trouble::Refused(..))));
        assert!(matches!(means(200, "{}"), Err(Trouble::Ambiguous(_))));
        assert!(matches!(means(200, "[]"), Err(Trouble::Refused(..))));
    }
}
