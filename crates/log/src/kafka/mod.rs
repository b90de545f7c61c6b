//! Kafka: one topic a generation, one partition a shard, and one more for the certificate.
//!
//! The topic is made with the settings in [`setup`], and refused when it has others that would lose entries. Appends wait
//! for all replicas in step (`acks=all`), and go through an idempotent producer, so that what librdkafka sends again is
//! there once. Transactions are not used: an entry is the unit.

mod client;
mod errors;
mod health;
mod reader;
mod setup;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::certificate;
use crate::contract::{
    Appended, Bounds, Expect, Identity, Log, LogError, LogId, MAX_ENTRY_BYTES, Options, Reader, Retention,
};
use crate::url::LogUrl;
use client::Client;
use reader::KafkaReader;
use writer::Writer;

/// How long the certificate may take to be written, or to be read when it is there.
const CERTIFICATE: Duration = Duration::from_secs(20);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A log in Kafka.
pub(crate) struct KafkaLog {
    client: Arc<Client>,
    writer: Writer,
    identity: Identity,
    closed: AtomicBool,
}

impl KafkaLog {
    /// Finds or makes the topic, checks it, and finds or writes its certificate.
    pub(crate) async fn open(url: &LogUrl, options: &Options) -> Result<Self, LogError> {
        let client = Arc::new(Client::new(url, options)?);
        let in_step = setup::topic(&client, options).await?;
        let mut ends = Vec::new();
        for shard in 0..options.shards {
            ends.push(client.settled_bounds(shard).await?.end);
        }
        let found = match (certificate_of(&client).await?, options.expect) {
            (Some(found), _) => found,
            (None, Expect::Known(id)) => return Err(certificate::missing(&client.topic, id)),
            (None, Expect::Fresh(id)) if ends.iter().any(|end| *end > 0) => {
                return Err(certificate::missing(&client.topic, id));
            }
            (None, Expect::Fresh(id)) => certify(&client, options, in_step, id).await?,
        };
        let identity = certificate::judge(&client.topic, &found, options)?;
        let writer = Writer::start(&client, options, in_step, ends)?;
        info!(topic = client.topic, id = %identity.id, "the log in Kafka is open");
        Ok(Self { client, writer, identity, closed: AtomicBool::new(false) })
    }

    fn check(&self, shard: u16) -> Result<(), LogError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(LogError::Closed);
        }
        if shard < self.identity.shards {
            Ok(())
        } else {
            Err(LogError::Invalid(format!("the log has no shard {shard}")))
        }
    }
}

/// Appends a certificate, until one is there: ours, or that of another who was first.
async fn certify(
    client: &Arc<Client>,
    options: &Options,
    in_step: usize,
    id: LogId,
) -> Result<Vec<u8>, LogError> {
    let writer = Writer::start(client, options, in_step, Vec::new())?;
    let draft = certificate::encode(&certificate::draft(options, id));
    let deadline = Instant::now() + CERTIFICATE;
    let made = loop {
        match writer.append(options.shards, draft.clone()).await {
            Ok(_) | Err(LogError::Ambiguous(_) | LogError::Unavailable(_)) => {}
            Err(error) => break Err(error),
        }
        match certificate_of(client).await {
            Ok(Some(found)) => break Ok(found),
            // A broker that was just started needs a moment until it takes anything.
            Ok(None) if Instant::now() < deadline => sleep(PAUSE).await,
            Ok(None) => break Err(LogError::Unavailable("Kafka does not take the certificate".to_owned())),
            Err(error) => break Err(error),
        }
    };
    writer.close().await;
    made
}

/// The first entry of the partition beside the shards.
async fn certificate_of(client: &Arc<Client>) -> Result<Option<Vec<u8>>, LogError> {
    let bounds = client.settled_bounds(client.shards).await?;
    if bounds.end == 0 {
        return Ok(None);
    }
    let mut reader = KafkaReader::open(Arc::clone(client), client.shards, None).await?;
    let first = reader.next(1, CERTIFICATE).await?.into_iter().next();
    match first {
        Some(first) => Ok(Some(first.bytes)),
        None => Err(LogError::Unavailable(format!("the certificate of {} cannot be read", client.topic))),
    }
}

#[async_trait]
impl Log for KafkaLog {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn retention(&self) -> Retention {
        Retention::UntilTrimmed
    }

    async fn append(&self, shard: u16, entry: Vec<u8>) -> Result<Appended, LogError> {
        self.check(shard)?;
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(LogError::TooLarge { bytes: entry.len() });
        }
        let offset = self.writer.append(shard, entry).await?;
        Ok(Appended { offset: Some(offset) })
    }

    async fn reader(&self, shard: u16, after: Option<u64>) -> Result<Box<dyn Reader>, LogError> {
        self.check(shard)?;
        Ok(Box::new(KafkaReader::open(Arc::clone(&self.client), shard, after).await?))
    }

    async fn bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        self.check(shard)?;
        self.client.bounds(shard).await
    }

    async fn trim(&self, shard: u16, below: u64) -> Result<u64, LogError> {
        self.check(shard)?;
        let Bounds { first, end } = self.client.bounds(shard).await?;
        let below = below.min(end);
        if below <= first {
            return Ok(first);
        }
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(below).unwrap_or(i64::MAX));
        list.add_partition_offset(&self.client.topic, i32::from(shard), offset)
            .map_err(|error| errors::of_request(&error))?;
        let admin = self.client.admin();
        let deleted = admin.delete_records(&list, &client::options()).await;
        let deleted = deleted.map_err(|error| errors::of_request(&error))?;
        for element in deleted.elements() {
            element.error().map_err(|error| errors::of_request(&error))?;
        }
        Ok(self.client.bounds(shard).await?.first)
    }

    async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.writer.close().await;
        }
    }
}
