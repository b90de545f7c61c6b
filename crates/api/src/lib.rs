//! What a client sees: GraphQL over HTTP, WebSocket and server-sent events, the page, health and metrics.
//!
//! This crate knows no tier: [`service`] says what it needs of the stages behind it, and the wiring provides that.

mod aside;
mod engine;
mod fan_out;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod http;
mod limits;
mod metrics;
mod parts;
mod plan;
mod schema;
pub mod service;
mod ws;

use std::sync::Arc;

pub use aside::Aside;
pub use http::Front;
pub use limits::{Limits, WebSocketLimits};
pub use parts::ApiParts;
pub use schema::error::ErrorCode;
pub use schema::sdl;

/// The whole HTTP interface: `/graphql` (with WebSockets and event streams), `/livez`, `/readyz`, `/metrics`, `/` and `/graphiql`.
///
/// The server that it is given to must bound the time in which a client sends the *head* of a request, and the number
/// of its connections; bodies, answers and WebSockets are bounded here. It needs HTTP/1.1 upgrades
/// (`serve_connection_with_upgrades` or `axum::serve`).
pub fn front(parts: ApiParts) -> Front {
    let ApiParts { service, health, mut registry, limits, cursor_secret, allowed_origins, shutdown, sockets } =
        parts;
    let cursors = schema::cursor::Cursors::new(cursor_secret);
    let backend = schema::Backend { service, cursors, bulk_entries: limits.bulk_entries };
    let metrics = metrics::Metrics::new(&mut registry);
    let engine = engine::Engine::new(Arc::new(backend), &limits, metrics.renders.clone());
    let places = ws::Places::new(limits.websocket.connections);
    Front::new(Arc::new(http::Server {
        engine,
        aside: Aside::default(),
        limits,
        metrics,
        registry,
        health,
        allowed_origins,
        shutdown,
        sockets,
        places,
    }))
}
