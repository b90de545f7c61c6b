//! Reading one partition, strictly after an offset.
//!
//! A consumer of its own, of no group: who reads which shard is decided by leases, not by Kafka. Offsets have no gaps in
//! a topic without transactions, so a gap is what was cut off.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::client::{Client, Quiet};
use super::errors;
use crate::contract::{LogEntry, LogError, Reader};

/// How long a log may seem to end too early: right after a failover, the new leader does not know yet what a quorum has.
const SETTLES: Duration = Duration::from_secs(3);

/// Between two looks at that.
const PAUSE: Duration = Duration::from_millis(100);

/// A place in a partition.
pub(super) struct KafkaReader {
    client: Arc<Client>,
    place: Place,
    /// None after an error: the next call looks where the log stands, and begins again.
    consumer: Option<StreamConsumer<Quiet>>,
}

/// How far a reader is.
struct Place {
    shard: u16,
    /// What the consumer is to give next.
    next: u64,
    /// What did not fit any more into what was given last.
    held: Option<LogEntry>,
}

impl KafkaReader {
    /// Looks whether the log still has what follows `after`.
    pub(super) async fn open(client: Arc<Client>, shard: u16, after: Option<u64>) -> Result<Self, LogError> {
        let next = after.map_or(0, |after| after.saturating_add(1));
        let mut reader = Self { client, place: Place { shard, next, held: None }, consumer: None };
        reader.begin().await?;
        Ok(reader)
    }

    async fn begin(&mut self) -> Result<(), LogError> {
        let Place { shard, next, .. } = self.place;
        check(&self.client, shard, next).await?;
        let mut config = self.client.config.clone();
        config
            // librdkafka assigns no partition without the name of a group; it is never joined.
            .set("group.id", "hiscore")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // An offset that is not there is told, never moved.
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.message.max.bytes", "1048576")
            // What is fetched ahead of who reads.
            .set("queued.max.messages.kbytes", "8192");
        let consumer: StreamConsumer<Quiet> =
            config.create_with_context(Quiet).map_err(|error| errors::of_settings(&error))?;
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
        list.add_partition_offset(&self.client.topic, i32::from(shard), offset)
            .and_then(|()| consumer.assign(&list))
            .map_err(|error| errors::of_request(&error))?;
        self.consumer = Some(consumer);
        Ok(())
    }
}

/// Whether the log has what is to be read next, or ends right before it.
async fn check(client: &Client, shard: u16, next: u64) -> Result<(), LogError> {
    let deadline = Instant::now() + SETTLES;
    loop {
        let bounds = client.bounds(shard).await?;
        if next < bounds.first {
            return Err(LogError::Truncated { shard, first: bounds.first, asked: next });
        }
        if next <= bounds.end {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(LogError::Behind { shard, end: bounds.end, applied: next - 1 });
        }
        sleep(PAUSE).await;
    }
}

impl Place {
    /// An entry out of a message, which has to be the one that is due. None: it was read before.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<Option<LogEntry>, LogError> {
        let offset = u64::try_from(message.offset()).unwrap_or(0);
        if offset < self.next {
            return Ok(None);
        }
        if offset > self.next {
            return Err(LogError::Truncated { shard: self.shard, first: offset, asked: self.next });
        }
        let time = match message.timestamp() {
            Timestamp::LogAppendTime(time) | Timestamp::CreateTime(time) => time,
            Timestamp::NotAvailable => 0,
        };
        self.next = offset + 1;
        let bytes = message.payload().unwrap_or_default().to_vec();
        Ok(Some(LogEntry { offset, time_ms: u64::try_from(time).unwrap_or(0), bytes }))
    }

    /// What comes, and what came with it. Between the first entry and the end nothing is awaited, so that nothing is
    /// lost when this is dropped.
    async fn batch(
        &mut self,
        consumer: &StreamConsumer<Quiet>,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Vec<LogEntry>, KafkaOrLog> {
        let deadline = Instant::now() + wait;
        let mut taken = Vec::from_iter(self.held.take());
        let mut bytes: usize = taken.iter().map(|entry| entry.bytes.len()).sum();
        loop {
            let received = if taken.is_empty() {
                let left = deadline.saturating_duration_since(Instant::now());
                timeout(left, consumer.recv()).await.ok()
            } else {
                consumer.recv().now_or_never()
            };
            let entry = match received {
                None => break,
                Some(Ok(message)) => self.take(&message).map_err(KafkaOrLog::Log),
                Some(Err(error)) => Err(KafkaOrLog::Kafka(error)),
            };
            match entry {
                Ok(None) => {}
                Ok(Some(entry)) => {
                    bytes += entry.bytes.len();
                    if bytes > max_bytes && !taken.is_empty() {
                        self.held = Some(entry);
                        break;
                    }
                    taken.push(entry);
                }
                Err(error) if taken.is_empty() => return Err(error),
                // What came before it is given all the same. The error is found again, or is over.
                Err(_) => break,
            }
        }
        Ok(taken)
    }
}

enum KafkaOrLog {
    Kafka(KafkaError),
    Log(LogError),
}

#[async_trait]
impl Reader for KafkaReader {
    async fn next(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<LogEntry>, LogError> {
        if self.consumer.is_none() {
            self.begin().await?;
        }
        let Some(consumer) = &self.consumer else { return Ok(Vec::new()) };
        let error = match self.place.batch(consumer, max_bytes, wait).await {
            Ok(entries) => return Ok(entries),
            Err(error) => error,
        };
        drop_elsewhere(self.consumer.take());
        match error {
            KafkaOrLog::Log(error) => Err(error),
            KafkaOrLog::Kafka(error) => {
                debug!(%error, shard = self.place.shard, "reading the log");
                let told = errors::of_request(&error);
                if errors::is_out_of_range(&error) || matches!(told, LogError::Gone(_)) {
                    // What the leader says counts: another broker may not know a topic for a moment.
                    check(&self.client, self.place.shard, self.place.next).await?;
                    return Err(LogError::Unavailable(error.to_string()));
                }
                Err(told)
            }
        }
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        drop_elsewhere(self.consumer.take());
    }
}

/// librdkafka waits for its threads: not on one of ours.
fn drop_elsewhere(consumer: Option<StreamConsumer<Quiet>>) {
    if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn_blocking(move || drop(consumer)));
    }
}
