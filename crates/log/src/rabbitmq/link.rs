//! A connection to one of RabbitMQ's nodes, made again when it is needed and broken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::errors;
use crate::contract::LogError;
use crate::url::LogUrl;

/// How long a question to the broker, or a connection, may take.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// Seconds between heartbeats: a node that says nothing for twice as long is given up.
const HEARTBEAT: u16 = 5;

/// A connection, or none at the moment.
pub(super) struct Link {
    url: LogUrl,
    name: &'static str,
    connection: Mutex<Option<Connection>>,
    /// Which host is tried first: the one after the last that failed.
    host: AtomicUsize,
}

impl Link {
    /// Connects when it is first used.
    pub(super) fn new(url: &LogUrl, name: &'static str) -> Self {
        Self { url: url.clone(), name, connection: Mutex::new(None), host: AtomicUsize::new(0) }
    }

    /// A channel of its own for whoever asks, after connecting if need be.
    pub(super) async fn channel(&self) -> Result<Channel, LogError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.status().connected()) {
            let channel = answer(connection.create_channel()).await;
            if channel.is_err() {
                // Also when it has no channel left: whoever has one keeps the old connection alive.
                *slot = None;
            }
            return channel;
        }
        *slot = None;
        let connection = slot.insert(self.connect().await?);
        answer(connection.create_channel()).await
    }

    async fn connect(&self) -> Result<Connection, LogError> {
        let hosts = &self.url.hosts;
        let mut last = LogError::Unavailable("no host".to_owned());
        for _ in hosts {
            let at = self.host.load(Ordering::Relaxed) % hosts.len().max(1);
            let Some(host) = hosts.get(at) else { break };
            let properties = ConnectionProperties::default().with_connection_name(self.name.into());
            let made = timeout(ANSWER, Connection::connect_uri(self.uri(host), properties)).await;
            last = match made {
                Ok(Ok(connection)) => {
                    debug!(host, name = self.name, "connected to RabbitMQ");
                    return Ok(connection);
                }
                Ok(Err(error)) => errors::of_request(&error),
                Err(_) => LogError::Unavailable(format!("{host} does not answer")),
            };
            self.host.store(at + 1, Ordering::Relaxed);
        }
        Err(last)
    }

    fn uri(&self, host: &str) -> AMQPUri {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let url = &self.url;
        AMQPUri {
            scheme: if url.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: url.user.clone().unwrap_or_else(|| "guest".to_owned()),
                    password: url.password.clone().unwrap_or_else(|| "guest".to_owned()),
                },
                host: name.trim_matches(['[', ']']).to_owned(),
                port: port.parse().unwrap_or(5672),
            },
            vhost: url.vhost.clone(),
            query: AMQPQueryString { heartbeat: Some(HEARTBEAT), ..AMQPQueryString::default() },
        }
    }

    /// Whether the broker holds back everybody who publishes, for want of memory or disk.
    pub(super) async fn is_blocked(&self) -> bool {
        self.connection.lock().await.as_ref().is_some_and(|connection| connection.status().blocked())
    }

    /// Says goodbye to the broker.
    pub(super) async fn close(&self) {
        let Some(connection) = self.connection.lock().await.take() else { return };
        match timeout(ANSWER, connection.close(200, "done".into())).await {
            Ok(Ok(())) => {}
            other => warn!(?other, "a connection to RabbitMQ was not closed in order"),
        }
    }
}

/// The answer to a question, or that there was none.
pub(super) async fn answer<T>(asked: impl Future<Output = Result<T, lapin::Error>>) -> Result<T, LogError> {
    match timeout(ANSWER, asked).await {
        Ok(answered) => answered.map_err(|error| errors::of_request(&error)),
        Err(_) => Err(LogError::Unavailable(format!("RabbitMQ did not answer within {ANSWER:?}"))),
    }
}
