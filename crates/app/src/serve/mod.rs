//! A server: which profile its settings ask for, what can be wrong with them, and what both profiles share.
//!
//! Only the wirings name a backend: [`embedded`], where one process needs no other server, and [`direct`], where Redis
//! ranks and any number of processes share the work.

pub mod direct;
pub mod embedded;

use std::net::SocketAddr;

use hiscore_api::{Limits, WebSocketLimits};
use hiscore_config::ServeSettings;
use hiscore_store::OpenError;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Why the server did not start, or did not end well. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder.
    #[error("{folder}: {error}")]
    Open {
        /// Which.
        folder: String,
        /// Why.
        error: OpenError,
    },
    /// The address.
    #[error("cannot listen on {address}: {error}; give another --listen, or stop what is listening there")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A URL, or the file that holds it.
    #[error("--{setting}: {why}")]
    Url {
        /// Of which setting.
        setting: &'static str,
        /// Why.
        why: String,
    },
    /// The deployment was made with other settings.
    #[error(transparent)]
    Mismatch(#[from] crate::deployment::Mismatch),
    /// The operating system gives no random bytes or no threads.
    #[error("the operating system refused: {0}")]
    System(String),
    /// A thread of ours ended early. Acknowledged submissions are safe; start again.
    #[error("the {0} ended early; what was acknowledged is safe, start hiscore again and report this")]
    Died(&'static str),
    /// The last round of the funnel failed. The journal has everything.
    #[error(
        "the table could not be written at the end; nothing is lost, the next start reads it from the journal"
    )]
    NotFlushed,
}

/// A server with its address bound (and its folder locked, if it has one).
pub enum Server {
    /// Everything in this process.
    Embedded(embedded::EmbeddedServer),
    /// Redis ranks.
    Direct(direct::DirectServer),
}

impl Server {
    /// Opens what the settings name, as far as that can be wrong at once, and binds the address.
    pub async fn open(settings: ServeSettings) -> Result<Self, ServeError> {
        if settings.has_redis() {
            direct::DirectServer::open(settings).await.map(Self::Direct)
        } else {
            embedded::EmbeddedServer::open(settings).await.map(Self::Embedded)
        }
    }

    /// Where it listens, the port known.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Embedded(server) => server.address(),
            Self::Direct(server) => server.address(),
        }
    }

    /// Serves until `shutdown`, then ends in order. `ready` is called once requests are taken.
    pub async fn run(self, shutdown: CancellationToken, ready: impl FnOnce()) -> Result<(), ServeError> {
        match self {
            Self::Embedded(server) => server.run(shutdown, ready).await,
            Self::Direct(server) => Box::pin(server.run(shutdown, ready)).await,
        }
    }
}

async fn bind(settings: &ServeSettings) -> Result<TcpListener, ServeError> {
    TcpListener::bind(settings.listen)
        .await
        .map_err(|error| ServeError::Bind { address: settings.listen, error })
}

fn limits(settings: &ServeSettings) -> Limits {
    let asked = &settings.limits;
    Limits {
        depth: asked.max_depth,
        complexity: asked.max_complexity,
        aliases: asked.max_aliases,
        tokens: asked.max_tokens,
        rows: asked.max_rows,
        body_bytes: usize::try_from(asked.max_body).unwrap_or(usize::MAX),
        websocket: WebSocketLimits {
            connections: settings.max_connections,
            operations: asked.max_subscriptions,
            ..WebSocketLimits::default()
        },
        ..Limits::default()
    }
}
