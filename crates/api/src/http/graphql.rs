//! `/graphql`: POST for all operations, GET for all but mutations, and the way to a WebSocket. Subscriptions are for who
//! takes an event stream.
//!
//! Ours, since the library's own runs mutations sent by GET or as `text/plain`, which any page on the web can make a browser
//! send. A body must say that it is JSON, which a browser asks about first (and is told no, see [`super::cors`]).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Variables;
use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::FutureExt;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::negotiate::{self, Media};
use super::{Server, answer, cors, event_stream};
use crate::engine::{Answer, Parameters, Planned, Ran};
use crate::limits::Limits;
use crate::ws;

/// A body that is too long is read to its end (and forgotten) up to so many times the limit: a client that is still writing
/// would otherwise see a broken connection instead of the answer.
const DRAINED: usize = 4;

/// A body of more bytes takes about a millisecond to read what it says, or more.
const LARGE: usize = 64 << 10;

/// Everything that comes to `/graphql`.
pub(super) async fn handle<B: Incoming>(server: &Arc<Server>, request: Request<B>) -> Response {
    if ws::is_upgrade(request.headers()) {
        return ws::upgrade(Arc::clone(server), request.map(Body::new)).boxed().await;
    }
    if request.method() == Method::OPTIONS {
        return cors::preflight(server, request.headers());
    }
    let origin = cors::allowed(server, request.headers());
    let mut response = respond(server, request).await;
    cors::allow(&mut response, origin);
    response
}

/// A body as it comes in.
pub(super) trait Incoming: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static {}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static> Incoming for B {}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a request asks.
#[derive(Clone, Copy)]
struct Asked {
    media: Media,
    /// In a way that must change nothing.
    safely: bool,
    /// From a page of this server or of one that the operator named, or from no page.
    at_home: bool,
}

async fn respond<B: Incoming>(server: &Arc<Server>, request: Request<B>) -> Response {
    let Some(media) = negotiate::accepted(request.headers()) else {
        let message = "answers are application/graphql-response+json, application/json or text/event-stream";
        return answer::refused(StatusCode::NOT_ACCEPTABLE, Media::Json, message);
    };
    let at_home = ws::same_origin(server, request.headers());
    let asked = Asked { media, safely: request.method() != Method::POST, at_home };
    match *request.method() {
        Method::POST => post(server, request, asked).await,
        Method::GET | Method::HEAD => get(server, request.uri().query().unwrap_or(""), asked).boxed().await,
        _ => answer::not_allowed(media, "GET, HEAD, POST", "use POST, or GET for queries"),
    }
}

async fn post<B: Incoming>(server: &Arc<Server>, request: Request<B>, asked: Asked) -> Response {
    let media = asked.media;
    let (parts, body) = request.into_parts();
    if !negotiate::is_json(&parts.headers) {
        let message = "send the request as application/json";
        return answer::closing(answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, media, message));
    }
    let body = match read(&parts.headers, body, &server.limits).await {
        Ok(body) => body,
        Err((status, message)) => return answer::closing(answer::refused(status, media, &message)),
    };
    let large = body.len() > LARGE;
    if let Some(planned) = server.aside.run_if(large, || server.engine.planned(&body)).await {
        return shortly(server, planned, &body, media).await;
    }
    let parameters = match server.aside.run_if(large, || parameters(&body)).await {
        Ok(parameters) => parameters,
        Err(message) => return answer::refused(StatusCode::BAD_REQUEST, media, &message),
    };
    drop(body);
    run(server, parameters, asked).boxed().await
}

/// The short way; and where that ends without plain success, the full path with what came of it.
async fn shortly(server: &Server, planned: Planned, body: &[u8], media: Media) -> Response {
    let mut measure = server.metrics.begin();
    let judged = match server.engine.go(planned, &mut measure).await {
        Ran::Written(json) => return answer::written(json, media),
        Ran::Panicked(answer) => return answer::graphql(&answer, media),
        Ran::Judged(judged) => Some(judged),
        Ran::Declined => None,
    };
    let parameters = match server.aside.run_if(body.len() > LARGE, || parameters(body)).await {
        Ok(parameters) => parameters,
        Err(message) => return answer::refused(StatusCode::BAD_REQUEST, media, &message),
    };
    let answer = match server.engine.prepare(parameters, &mut measure) {
        Ok(mut prepared) => {
            prepared.judged = judged;
            server.engine.execute(prepared, &mut measure).boxed().await
        }
        Err(errors) => Answer::refused(errors),
    };
    answer::graphql(&answer, media)
}

async fn get(server: &Arc<Server>, query: &str, asked: Asked) -> Response {
    match query_parameters(query) {
        Ok(parameters) => run(server, parameters, asked).await,
        Err(message) => answer::refused(StatusCode::BAD_REQUEST, asked.media, &message),
    }
}

async fn run(server: &Arc<Server>, parameters: Parameters, asked: Asked) -> Response {
    let media = asked.media;
    if parameters.query.is_none() {
        return answer::refused(StatusCode::BAD_REQUEST, media, "the request has no query");
    }
    let mut measure = server.metrics.begin();
    let prepared = match server.engine.prepare(parameters, &mut measure) {
        Ok(prepared) => prepared,
        Err(errors) => return answer::graphql(&Answer::refused(errors), media),
    };
    match prepared.operation {
        OperationType::Subscription if media != Media::EventStream => {
            measure.outcome = crate::metrics::Outcome::refused;
            let message = "subscriptions are served over a WebSocket on this path, subprotocol \
                graphql-transport-ws, or to who accepts text/event-stream";
            answer::refused(StatusCode::BAD_REQUEST, media, message)
        }
        OperationType::Subscription if !asked.at_home => {
            measure.outcome = crate::metrics::Outcome::refused;
            let message = "pages of this origin may not open a stream here";
            answer::refused(StatusCode::FORBIDDEN, media, message)
        }
        OperationType::Subscription => event_stream::open(server, prepared, measure).await,
        OperationType::Mutation if asked.safely => {
            measure.outcome = crate::metrics::Outcome::refused;
            answer::not_allowed(media, "POST", "send mutations by POST")
        }
        OperationType::Mutation | OperationType::Query => {
            let answer = server.engine.execute(prepared, &mut measure).await;
            answer::graphql(&answer, media)
        }
    }
}

/// Reads a body within the limits of length and time.
async fn read<B: Incoming>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
) -> Result<Bytes, (StatusCode, String)> {
    let too_long =
        || (StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have at most {} bytes", limits.body_bytes));
    let most = limits.body_bytes;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let reading = async {
        match announced {
            Some(length) if length > most => {
                if length <= most.saturating_mul(DRAINED) {
                    drain(body).await;
                }
                Err(too_long())
            }
            _ => match Limited::new(body, most).collect().await {
                Ok(body) => Ok(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
                Err(_) => Err((StatusCode::BAD_REQUEST, "the body could not be read to its end".to_owned())),
            },
        }
    };
    let timeout = Duration::from_millis(limits.body_timeout_ms);
    let slow = |_| (StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive".to_owned());
    tokio::time::timeout(timeout, reading).await.map_err(slow)?
}

async fn drain(body: impl Incoming) {
    let mut body = pin!(body);
    while let Some(Ok(_)) = body.frame().await {}
}

/// The parameters in a body. Only an object: an array would be a batch, and would also pass for the fields in their order.
fn parameters(body: &[u8]) -> Result<Parameters, String> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {
            serde_json::from_slice(body).map_err(|error| format!("the body is no GraphQL request: {error}"))
        }
        Some(b'[') => Err("batches are not supported: send one request at a time".to_owned()),
        _ => Err("the body must be a JSON object".to_owned()),
    }
}

/// The parameters in a query string.
fn query_parameters(query: &str) -> Result<Parameters, String> {
    let mut parameters = Parameters::default();
    let mut seen = [false; 4];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let at = match &*name {
            "query" => 0,
            "operationName" => 1,
            "variables" => 2,
            "extensions" => 3,
            _ => continue,
        };
        if std::mem::replace(&mut seen[at], true) {
            return Err(format!("{name} is given twice"));
        }
        match at {
            0 => parameters.query = Some(value.into_owned()),
            1 => parameters.operation_name = Some(value.into_owned()).filter(|name| !name.is_empty()),
            2 if !value.is_empty() => parameters.variables = object::<Variables>(&name, &value)?,
            3 if !value.is_empty() => {
                object::<std::collections::HashMap<String, serde::de::IgnoredAny>>(&name, &value)?;
            }
            _ => {}
        }
    }
    Ok(parameters)
}

/// JSON inside a query string.
fn object<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{name} must be a JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_object_is_a_request() {
        assert!(
            parameters(br#" {"query": "{a}", "variables": null, "extensions": {"x": [1]}, "other": 1}"#)
                .is_ok()
        );
        for bad in [
            &b""[..],
            b"null",
            b"[]",
            br#"[{"query": "{a}"}]"#,
            br#"["{a}"]"#,
            br#"{"query": 1}"#,
            br#"{"query": "{a}", "variables": [1]}"#,
            br#"{"query": "{a}", "variables": "{}"}"#,
            br#"{"query": "{a}", "extensions": 1}"#,
            br#"{"query": "{a}", "operationName": {}}"#,
            br#"{"query": "{a}", "query": "{b}"}"#,
            br#"{"query": "{a}"} x"#,
            b"{\"query\": \"\xff\"}",
        ] {
            assert!(parameters(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let deep = format!("{{\"variables\": {}", "[".repeat(1 << 20));
        assert!(parameters(deep.as_bytes()).is_err());
    }
}
