//! HTTP: which path leads where, and what every answer carries.

mod answer;
mod cors;
mod event_stream;
mod front;
mod graphql;
mod headers;
mod negotiate;
mod page;
mod probes;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use http::StatusCode;

use crate::aside::Aside;
use crate::engine::Engine;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::service::Health;
use crate::ws;

pub(crate) use cors::named as named_origin;
pub use front::Front;

/// The answer to a WebSocket handshake that is refused.
pub(crate) fn refused(status: StatusCode, message: &str) -> Response {
    answer::refused(status, negotiate::Media::Json, message)
}

/// What the handlers stand on.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) aside: Aside,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) sockets: TaskTracker,
    pub(crate) places: ws::Places,
}

/// All paths but `/graphql`.
fn rest(server: Arc<Server>) -> Router {
    Router::new()
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .route("/", get(page::index))
        .route("/graphiql", get(page::graphiql))
        .route("/favicon.svg", get(page::favicon))
        .route("/assets/{*name}", get(page::asset))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(server)
}
