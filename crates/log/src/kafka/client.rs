//! The connection that everything but appending and reading goes through, and the settings that all of them share.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::errors;
use crate::contract::{Bounds, LogError, Options};
use crate::url::LogUrl;

/// How long a question to the brokers may take.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How long a topic that was just made may be unknown to who leads it.
const SETTLES: Duration = Duration::from_secs(10);

/// Where the topic is, and a connection to ask about it.
pub(super) struct Client {
    pub(super) topic: String,
    pub(super) shards: u16,
    pub(super) config: ClientConfig,
    admin: Arc<AdminClient<Quiet>>,
}

/// What librdkafka says goes to our log: an unreachable broker is no error of ours, and shows in what is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "Kafka");
    }
}

impl ConsumerContext for Quiet {}

/// Passes on a line of librdkafka's log.
pub(super) fn say(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            warn!(facility, "Kafka: {message}");
        }
        _ => debug!(facility, "Kafka: {message}"),
    }
}

impl Client {
    /// Connects lazily: this only fails when the settings cannot be.
    pub(super) fn new(url: &LogUrl, options: &Options) -> Result<Self, LogError> {
        let config = config(url)?;
        let admin = config.create_with_context(Quiet).map_err(|error| errors::of_settings(&error))?;
        Ok(Self {
            topic: url.name(options.generation),
            shards: options.shards,
            config,
            admin: Arc::new(admin),
        })
    }

    pub(super) fn admin(&self) -> &AdminClient<Quiet> {
        &self.admin
    }

    /// What a partition holds, by its leader: only what a quorum has.
    pub(super) async fn bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        let (admin, topic) = (Arc::clone(&self.admin), self.topic.clone());
        let asked = spawn_blocking(move || admin.inner().fetch_watermarks(&topic, i32::from(shard), ANSWER));
        let (first, end) = join(asked.await)?.map_err(|error| errors::of_request(&error))?;
        // Negative: librdkafka's way to say that it has not heard of the partition yet.
        match (u64::try_from(first), u64::try_from(end)) {
            (Ok(first), Ok(end)) => Ok(Bounds { first, end }),
            _ => Err(LogError::Unavailable(format!("the bounds of shard {shard} are not known yet"))),
        }
    }

    /// The bounds of a partition that may just have been made: its leader needs a moment to know that it leads.
    pub(super) async fn settled_bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        let deadline = Instant::now() + SETTLES;
        loop {
            match self.bounds(shard).await {
                Err(LogError::Unavailable(_) | LogError::Gone(_)) if Instant::now() < deadline => {
                    sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }

    /// What the brokers say of the topic and of each other.
    pub(super) async fn metadata(&self, patience: Duration) -> Result<Metadata, LogError> {
        let (admin, topic) = (Arc::clone(&self.admin), self.topic.clone());
        let asked = spawn_blocking(move || admin.inner().fetch_metadata(Some(&topic), patience));
        join(asked.await)?.map_err(|error| errors::of_request(&error))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // librdkafka waits for its threads: not on one of ours.
        let admin = Arc::clone(&self.admin);
        drop(runtime.spawn_blocking(move || drop(admin)));
    }
}

/// For requests that make, describe or cut: several brokers have a part in them.
pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(3 * ANSWER)).operation_timeout(Some(2 * ANSWER))
}

/// What a blocking call gave.
pub(super) fn join<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T, LogError> {
    joined.map_err(|_| LogError::Unavailable("this process is shutting down".to_owned()))
}

fn config(url: &LogUrl) -> Result<ClientConfig, LogError> {
    if url.tls && !cfg!(feature = "kafka-tls") {
        let why = "kafkas:// needs a build with the feature kafka-tls";
        return Err(LogError::Invalid(why.to_owned()));
    }
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", url.hosts.join(","))
        .set("client.id", "hiscore")
        // Only we make the topic, with our settings: never a broker's defaults.
        .set("allow.auto.create.topics", "false")
        // How long a topic that a broker does not know is taken for one that it does not know yet.
        .set("topic.metadata.propagation.max.ms", "5000")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true");
    let protocol = match (url.tls, url.user.is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let (Some(user), Some(password)) = (&url.user, &url.password) {
        config.set("sasl.mechanism", "PLAIN").set("sasl.username", user).set("sasl.password", password);
    }
    Ok(config)
}
