//! What a machine asks: whether the process lives, whether it should be sent traffic, and what it counted.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::Server;

/// The media type of OpenMetrics, which the metrics are written in.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Alive: the process answers at all.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Ready when all checks are well; `?verbose` lists them.
pub(super) async fn ready(State(server): State<Arc<Server>>, RawQuery(query): RawQuery) -> Response {
    let checks = server.health.checks();
    let ready = checks.iter().all(|check| check.ok) && !server.shutdown.is_cancelled();
    let verbose = query
        .is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "verbose"));
    let mut text = String::new();
    if verbose {
        for check in &checks {
            let mark = if check.ok { "[+]" } else { "[-]" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mark} {}: {}", check.name, check.detail);
        }
    }
    text.push_str(match (ready, server.shutdown.is_cancelled()) {
        (true, _) => "ready\n",
        (false, true) => "not ready: shutting down\n",
        (false, false) => "not ready\n",
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text).into_response()
}

/// Everything that was counted, in the text format of OpenMetrics.
pub(super) async fn metrics(State(server): State<Arc<Server>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &server.registry) {
        Ok(()) => ([(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS))], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response(),
    }
}
