//! What the wiring hands to the API.

use std::sync::{Arc, OnceLock};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::Limits;
use crate::service::{Health, Service};

/// Everything that [`crate::front`] needs.
pub struct ApiParts {
    /// The stages behind the API.
    pub service: Arc<dyn Service>,
    /// What `/readyz` tells.
    pub health: Arc<dyn Health>,
    /// The metrics of the other stages, registered already; the API adds its own and serves all at `/metrics`.
    pub registry: Registry,
    /// What one request may ask for.
    pub limits: Limits,
    /// The key of all cursors: the same in every process of a deployment, and for as long as cursors shall be good. Set at
    /// the latest when the service first answers with anything but trouble.
    pub cursor_secret: Arc<OnceLock<[u8; 32]>>,
    /// Origins (`https://game.example`) whose pages may use the API beside the server's own; none by default.
    pub allowed_origins: Vec<String>,
    /// When cancelled, WebSockets are closed with 1001 and no new ones are taken.
    pub shutdown: CancellationToken,
    /// Every WebSocket runs under it: close it and wait for it after `shutdown`, since a server that drains its HTTP
    /// connections knows nothing of those that were upgraded.
    pub sockets: TaskTracker,
}
