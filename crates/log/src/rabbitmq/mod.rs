//! RabbitMQ: one stream a shard, and one more for the certificate, over AMQP 0.9.1 with publisher confirms.
//!
//! A stream and not a queue: a queue cannot be read again. What streams cannot do, and what follows:
//!
//! - Whoever publishes is not told an offset, so [`Appended::offset`] is `None`.
//! - There is no clock of the broker in what is read: whoever appends puts its own time beside the entry.
//! - An offset that is gone is silently moved to the first there is, one beyond the end to the end: a reader asks for the
//!   entry that was read last, and compares.
//! - Offsets have gaps where a segment begins: a gap is looked into, and is an error only if something was cut off.
//! - A stream cannot be cut at an offset: [`Log::trim`] does nothing, and a limit of size applies.
//! - A node that has no replica of a stream cannot be asked to read it: all nodes in the URL should have one (RabbitMQ's
//!   default is a replica on every node).
//! - A stream confirms what carries the number of an earlier one without keeping it: no numbers are sent. RabbitMQ has its own, which
//!   it mixes up when a leader dies, unless each stream has a channel of its own (`writer`).

mod ends;
mod errors;
mod link;
mod reader;
mod streams;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tracing::info;

use crate::certificate;
use crate::contract::{
    Appended, Bounds, Expect, Identity, Log, LogError, MAX_ENTRY_BYTES, Options, Reader, Retention,
};
use crate::url::LogUrl;
use link::Link;
use reader::RabbitReader;
use streams::Streams;
use writer::Writer;

/// A log in RabbitMQ.
pub(crate) struct RabbitLog {
    /// For everything but appending: a broker that holds back who publishes must not hold back who reads.
    streams: Arc<Streams>,
    writer: Writer,
    identity: Identity,
    closed: AtomicBool,
}

impl RabbitLog {
    /// Finds or makes the streams, and finds or writes the certificate.
    pub(crate) async fn open(url: &LogUrl, options: &Options) -> Result<Self, LogError> {
        let streams = Streams::new(Link::new(url, "hiscore reads"), url.name(options.generation), options);
        let there = match streams.certificate().await {
            Err(LogError::Gone(_)) if matches!(options.expect, Expect::Fresh(_)) => None,
            other => other?,
        };
        match (&there, options.expect) {
            (Some(found), Expect::Known(_)) => {
                certificate::judge(streams.name(), found, options)?;
                streams.find_all().await?;
            }
            (Some(found), Expect::Fresh(_)) => drop(certificate::judge(streams.name(), found, options)?),
            (None, Expect::Known(_)) => return Err(streams.silent()),
            (None, Expect::Fresh(_)) => {}
        }
        // Also those that are there: whether their limits are what we would count on.
        streams.declare_all().await?;
        let found = match (there, options.expect) {
            (None, Expect::Fresh(id)) => {
                let draft = certificate::encode(&certificate::draft(options, id));
                streams.publish_certificate(&draft).await?;
                let written = streams.certificate().await?;
                written.ok_or_else(|| streams.silent())?
            }
            (there, _) => there.unwrap_or_default(),
        };
        let identity = certificate::judge(streams.name(), &found, options)?;
        let streams = Arc::new(streams.with_certificate(found));
        let writer = Writer::start(Link::new(url, "hiscore appends"), Arc::clone(&streams), options).await?;
        info!(streams = streams.name(), id = %identity.id, "the log in RabbitMQ is open");
        Ok(Self { streams, writer, identity, closed: AtomicBool::new(false) })
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

#[async_trait]
impl Log for RabbitLog {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn retention(&self) -> Retention {
        self.streams.retention()
    }

    async fn append(&self, shard: u16, entry: Vec<u8>) -> Result<Appended, LogError> {
        self.check(shard)?;
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(LogError::TooLarge { bytes: entry.len() });
        }
        self.writer.append(shard, entry).await?;
        self.streams.ends.reaches(shard, 1);
        Ok(Appended { offset: None })
    }

    async fn reader(&self, shard: u16, after: Option<u64>) -> Result<Box<dyn Reader>, LogError> {
        self.check(shard)?;
        Ok(Box::new(RabbitReader::open(Arc::clone(&self.streams), shard, after).await?))
    }

    async fn bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        self.check(shard)?;
        self.streams.bounds(shard).await
    }

    async fn trim(&self, shard: u16, _below: u64) -> Result<u64, LogError> {
        Ok(self.bounds(shard).await?.first)
    }

    async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.writer.close().await;
            self.streams.close().await;
        }
    }
}
