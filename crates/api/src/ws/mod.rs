//! WebSockets: all operations over one connection, in the subprotocol graphql-transport-ws.
//!
//! Here is who may open one; [`protocol`] is what is said, [`connection`] who says it when, [`operation`] runs one
//! operation.

mod connection;
mod operation;
mod protocol;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::{Server, named_origin, refused};
pub(crate) use operation::CLOSING;
use protocol::{Close, SUBPROTOCOL};

/// Why there is no place.
pub(crate) const FULL: &str = "this server holds as many WebSockets and event streams as it may";

/// What tungstenite reads at once for a connection: its default of 128 KiB times thousands of silent watchers is too much, and
/// as much is set to zero whenever it looks whether there is something to read.
const READ_BUFFER: usize = 512;

/// The connections that this process holds: WebSockets, and event streams.
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))))
    }

    /// A place for as long as it is kept; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Opens a WebSocket, or says why not.
pub(crate) async fn upgrade(server: Arc<Server>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if !same_origin(&server, &parts.headers) {
        return refused(StatusCode::FORBIDDEN, "pages of this origin may not open a WebSocket here");
    }
    if server.shutdown.is_cancelled() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down");
    }
    let Some(place) = server.places.take() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, FULL);
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            return refused(rejection.into_response().status(), "this is no WebSocket handshake");
        }
    };
    let limits = &server.limits.websocket;
    let mut upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .max_message_size(limits.message_bytes)
        .max_frame_size(limits.message_bytes);
    let spoken = upgrade.selected_protocol().is_some();
    if !spoken && let Some(asked) = first_protocol(&parts.headers) {
        // Taken only to be told 4406: a browser would drop a connection that selects nothing without a reason.
        upgrade.set_selected_protocol(asked);
    }
    upgrade.on_upgrade(move |socket| {
        let sockets = server.sockets.clone();
        sockets.track_future(async move {
            if spoken {
                connection::run(&server, socket).await;
            } else {
                connection::refuse(&server, socket, Close::SUBPROTOCOL).await;
            }
            drop(place);
        })
    })
}

/// Whether the page that asks (if it is a page) came from this server, or from where the operator allows.
pub(crate) fn same_origin(server: &Server, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    if named_origin(&server.allowed_origins, origin) {
        return true;
    }
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let authority =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    match (authority, host) {
        (Some(authority), Some(host)) => authority.as_bytes().eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn first_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    HeaderValue::from_str(asked.split(',').next()?.trim()).ok().filter(|first| !first.is_empty())
}
