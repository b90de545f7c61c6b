//! Appending: an idempotent producer that batches by itself, and what its reports mean.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::client::{Client, join, say};
use super::errors;
use super::health::Health;
use crate::budget::Budget;
use crate::contract::{LogError, Options};

type Producer = Arc<ThreadedProducer<Context>>;

/// What appends.
pub(super) struct Writer {
    topic: String,
    config: ClientConfig,
    context: Context,
    /// Of a producer that failed for good, another is made in its place.
    producer: Mutex<Option<Producer>>,
    budget: Budget,
    append_timeout: Duration,
    end: CancellationToken,
}

/// An append under way. Its room is free again when librdkafka has let go of it, whoever waits.
struct Pending {
    answer: oneshot::Sender<Result<u64, LogError>>,
    _room: OwnedSemaphorePermit,
}

/// What reports come to.
#[derive(Clone)]
struct Context {
    topic: Arc<str>,
    health: Arc<Health>,
    /// For each partition the lowest offset that may still be given.
    floors: Arc<[AtomicU64]>,
    /// An offset that was given twice: the topic is not the one that it was.
    broken: Arc<OnceLock<LogError>>,
    /// The producer will never work again.
    fatal: Arc<AtomicBool>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if errors::is_fatal(&error) {
            warn!(%error, reason, "the producer of the log failed, and another takes its place");
            self.fatal.store(true, Ordering::Release);
        } else if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            self.health.doubt_all();
        }
        debug!(%error, reason, "Kafka");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, report: &DeliveryResult<'_>, pending: Box<Pending>) {
        let result = match report {
            Ok(message) => self.delivered(message.partition(), message.offset()),
            Err((error, message)) => {
                debug!(%error, partition = message.partition(), "not appended");
                if errors::is_fatal(error) {
                    self.fatal.store(true, Ordering::Release);
                }
                if error.rdkafka_error_code() == Some(Code::MessageTimedOut) {
                    self.health.doubt(u16::try_from(message.partition()).unwrap_or(u16::MAX));
                }
                Err(errors::of_delivery(error))
            }
        };
        // Whoever waited may have given up.
        drop(pending.answer.send(result));
    }
}

impl Context {
    /// In the order of the partition, as reports come.
    fn delivered(&self, partition: i32, offset: i64) -> Result<u64, LogError> {
        let Ok(offset) = u64::try_from(offset) else {
            return Err(LogError::Ambiguous("Kafka did not say where it appended".to_owned()));
        };
        let Some(floor) = usize::try_from(partition).ok().and_then(|at| self.floors.get(at)) else {
            return Ok(offset);
        };
        let lowest = floor.fetch_max(offset + 1, Ordering::AcqRel);
        if offset >= lowest {
            return Ok(offset);
        }
        let difference = format!(
            "shard {partition} had offsets up to {lowest} and now gave {offset}: it was deleted and made again"
        );
        error!(topic = %self.topic, difference, "nothing is appended any more");
        let foreign = LogError::Foreign { name: self.topic.to_string(), difference };
        Err(self.broken.get_or_init(|| foreign).clone())
    }
}

impl Writer {
    /// Starts a producer. `ends`: what each shard ends at.
    pub(super) fn start(
        client: &Arc<Client>,
        options: &Options,
        in_step: usize,
        ends: Vec<u64>,
    ) -> Result<Self, LogError> {
        let health = Arc::new(Health::new(usize::from(options.shards) + 1));
        let context = Context {
            topic: Arc::from(client.topic.as_str()),
            health: Arc::clone(&health),
            floors: ends.into_iter().map(AtomicU64::new).collect(),
            broken: Arc::default(),
            fatal: Arc::default(),
        };
        let mut config = client.config.clone();
        // Room for all that the budget lets through: an append that librdkafka has no room for would be a second bound.
        let kilobytes = (options.max_in_flight / 1024).clamp(1, 1 << 20);
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", options.append_timeout.as_millis().max(1000).to_string())
            .set("linger.ms", "0")
            .set("message.max.bytes", "1000000")
            .set("queue.buffering.max.kbytes", (2 * kilobytes + 1024).to_string())
            .set("queue.buffering.max.messages", (kilobytes + 1).to_string());
        let producer =
            config.create_with_context(context.clone()).map_err(|error| errors::of_settings(&error))?;
        let end = CancellationToken::new();
        // Ends with the token, which close and drop cancel.
        drop(tokio::spawn(health.watch(Arc::clone(client), in_step, end.clone())));
        Ok(Self {
            topic: client.topic.clone(),
            config,
            context,
            producer: Mutex::new(Some(Arc::new(producer))),
            budget: Budget::new(options.max_in_flight),
            append_timeout: options.append_timeout,
            end,
        })
    }

    /// Appends one entry to a partition, and says where it is.
    pub(super) async fn append(&self, partition: u16, entry: Vec<u8>) -> Result<u64, LogError> {
        if let Some(error) = self.context.broken.get() {
            return Err(error.clone());
        }
        if self.context.health.is_doubted(partition) {
            let why = format!("Kafka has too few brokers for shard {partition}, or does not answer");
            return Err(LogError::Unavailable(why));
        }
        let room = self.budget.take(entry.len())?;
        let (answer, answered) = oneshot::channel();
        self.send(partition, &entry, Box::new(Pending { answer, _room: room }))?;
        match timeout(self.append_timeout, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LogError::Ambiguous("the producer was closed meanwhile".to_owned())),
            Err(_) => {
                self.context.health.doubt(partition);
                Err(LogError::Ambiguous(format!("Kafka did not confirm within {:?}", self.append_timeout)))
            }
        }
    }

    /// Hands it to librdkafka, which copies it; never waits.
    fn send(&self, partition: u16, entry: &[u8], pending: Box<Pending>) -> Result<(), LogError> {
        let producer = self.producer()?;
        let record = BaseRecord::<(), [u8], _>::with_opaque_to(&self.topic, pending);
        let sent = producer.send(record.partition(i32::from(partition)).payload(entry));
        sent.map_err(|(error, _)| {
            if errors::is_fatal(&error) {
                self.context.fatal.store(true, Ordering::Release);
            }
            errors::of_send(&error)
        })
    }

    fn producer(&self) -> Result<Producer, LogError> {
        let mut producer = self.producer.lock();
        if self.context.fatal.swap(false, Ordering::AcqRel) && producer.is_some() {
            let another = self.config.create_with_context(self.context.clone());
            let another = Arc::new(another.map_err(|error| errors::of_settings(&error))?);
            // What it has under way is reported when it is dropped.
            drop_elsewhere(producer.replace(another));
        }
        producer.clone().ok_or(LogError::Closed)
    }

    /// Waits for what is under way, no longer than an append may take.
    pub(super) async fn close(&self) {
        self.end.cancel();
        let Some(producer) = self.producer.lock().take() else { return };
        let patience = self.append_timeout;
        let flushed = spawn_blocking(move || {
            let flushed = producer.flush(patience);
            producer.purge(PurgeConfig::default().queue().inflight());
            flushed
        });
        match join(flushed.await) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the log was closed with appends under way"),
            Err(error) => warn!(%error, "the log was not closed in order"),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end.cancel();
        drop_elsewhere(self.producer.lock().take());
    }
}

/// librdkafka waits for its threads: not on one of ours.
fn drop_elsewhere(producer: Option<Producer>) {
    if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn_blocking(move || drop(producer)));
    }
}
