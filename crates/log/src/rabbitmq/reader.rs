//! Reading one stream, strictly after an offset.
//!
//! RabbitMQ moves an offset that is gone to the first there is, and says nothing. So the entry that was read last is asked
//! for again, and has to come; and where offsets have a gap, the stream has to reach back to before it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::{Channel, Consumer};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::errors;
use super::link::answer;
use super::streams::{Begin, Streams, consume, header, offset};
use super::writer::TIME;
use crate::contract::{LogEntry, LogError, Reader};

/// Entries on the way that were not taken yet: each may have half a megabyte.
const AHEAD: u16 = 256;

/// How long a stream may seem to end too early: a replica may be behind for a moment.
const SETTLES: Duration = Duration::from_secs(3);

/// Between two looks at that.
const PAUSE: Duration = Duration::from_millis(100);

/// A place in a stream.
pub(super) struct RabbitReader {
    streams: Arc<Streams>,
    shard: u16,
    /// What was given last.
    last: Option<u64>,
    /// None after an error: the next call looks where the log stands, and begins again.
    session: Option<Session>,
}

/// A consumer, and what it gave but nobody was given yet.
struct Session {
    channel: Channel,
    consumer: Consumer,
    /// What arrived last, also if it was read before.
    arrived: Option<u64>,
    held: Option<Delivery>,
    /// To be acknowledged when the next are asked for.
    given: Option<u64>,
}

impl RabbitReader {
    /// Looks whether the log still has what follows `after`.
    pub(super) async fn open(
        streams: Arc<Streams>,
        shard: u16,
        after: Option<u64>,
    ) -> Result<Self, LogError> {
        let mut reader = Self { streams, shard, last: after, session: None };
        reader.begin().await?;
        Ok(reader)
    }

    fn wanted(&self) -> u64 {
        self.last.map_or(0, |last| last.saturating_add(1))
    }

    async fn begin(&mut self) -> Result<(), LogError> {
        self.streams.verify().await?;
        self.check().await?;
        let channel = self.streams.link.channel().await?;
        let begin = self.last.map_or(Begin::First, Begin::At);
        let consumer = consume(&channel, &self.streams.of(self.shard), begin, AHEAD).await?;
        self.session = Some(Session { channel, consumer, arrived: None, held: None, given: None });
        Ok(())
    }

    /// Whether the stream has what is to be read next, or ends right before it.
    async fn check(&self) -> Result<(), LogError> {
        let deadline = Instant::now() + SETTLES;
        loop {
            let bounds = self.streams.look(self.shard).await?;
            let wanted = self.wanted();
            match (bounds, self.last) {
                (Some(bounds), _) if wanted < bounds.first => return Err(self.truncated(bounds.first)),
                (Some(bounds), Some(applied)) if applied >= bounds.end => {
                    if Instant::now() > deadline {
                        return Err(LogError::Behind { shard: self.shard, end: bounds.end, applied });
                    }
                }
                (Some(_), _) => return Ok(()),
                (None, _) if Instant::now() > deadline => return Err(self.streams.not_in_step(self.shard)),
                (None, _) => {}
            }
            sleep(PAUSE).await;
        }
    }

    fn truncated(&self, first: u64) -> LogError {
        LogError::Truncated { shard: self.shard, first, asked: self.wanted() }
    }

    /// Whether nothing is missing between what arrived before and what arrives now. Nothing of it is lost when this is
    /// dropped: it is held meanwhile.
    async fn look_into_gap(&mut self) -> Result<(), LogError> {
        let Some(session) = &self.session else { return Ok(()) };
        let Some(held) = &session.held else { return Ok(()) };
        let came = offset(held)?;
        match (session.arrived, self.last) {
            (Some(arrived), _) if came == arrived + 1 => Ok(()),
            // The very beginning, or the entry that was asked for again.
            (None, None) if came == 0 => Ok(()),
            (None, Some(last)) if came <= last => Ok(()),
            // Where a segment begins RabbitMQ takes an offset for itself. What was there to be read when this one came
            // cannot have been passed over.
            (Some(_), _) => {
                let first = self.streams.bounds(self.shard).await?.first;
                if first <= self.wanted() { Ok(()) } else { Err(self.truncated(first)) }
            }
            (None, _) => Err(self.truncated(came)),
        }
    }

    /// The next delivery into the session's hand.
    async fn receive(&mut self, deadline: Option<Instant>) -> Result<bool, LogError> {
        let Some(session) = &mut self.session else { return Ok(false) };
        if session.held.is_some() {
            return Ok(true);
        }
        let received = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                timeout(left, session.consumer.next()).await.ok()
            }
            None => session.consumer.next().now_or_never(),
        };
        match received {
            None => Ok(false),
            Some(Some(Ok(delivery))) => {
                session.held = Some(delivery);
                Ok(true)
            }
            Some(Some(Err(error))) => Err(errors::of_request(&error)),
            // The stream was deleted, or its node left: the next look tells which.
            Some(None) => Err(LogError::Unavailable("RabbitMQ ended the reading".to_owned())),
        }
    }

    /// What is held becomes an entry, unless it was read before or does not fit.
    fn take(&mut self, room: Option<usize>) -> Result<Taken, LogError> {
        let Some(session) = &mut self.session else { return Ok(Taken::Nothing) };
        let Some(held) = session.held.take() else { return Ok(Taken::Nothing) };
        if room.is_some_and(|room| held.data.len() > room) {
            session.held = Some(held);
            return Ok(Taken::Full);
        }
        let offset = offset(&held)?;
        session.arrived = Some(offset);
        session.given = Some(held.delivery_tag);
        if self.last.is_some_and(|last| offset <= last) {
            return Ok(Taken::Nothing);
        }
        let time_ms = header(&held, TIME).unwrap_or(0);
        self.last = Some(offset);
        self.streams.ends.reaches(self.shard, offset + 1);
        Ok(Taken::Entry(LogEntry { offset, time_ms, bytes: held.data.to_vec() }))
    }

    async fn batch(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<LogEntry>, LogError> {
        if let Some(session) = &mut self.session
            && let Some(given) = session.given.take()
        {
            let channel = session.channel.clone();
            answer(channel.basic_ack(given, BasicAckOptions { multiple: true })).await?;
        }
        let deadline = Instant::now() + wait;
        let mut taken = Vec::new();
        let mut bytes = 0;
        loop {
            let wait = taken.is_empty().then_some(deadline);
            match self.receive(wait).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if taken.is_empty() => return Err(error),
                Err(_) => break,
            }
            if !taken.is_empty() && self.has_gap()? {
                // What follows is looked into before it is given: that takes a question to the broker.
                break;
            }
            if taken.is_empty() {
                self.look_into_gap().await?;
            }
            let room = (!taken.is_empty()).then(|| max_bytes.saturating_sub(bytes));
            match self.take(room)? {
                Taken::Entry(entry) => {
                    bytes += entry.bytes.len();
                    taken.push(entry);
                }
                Taken::Nothing => {}
                Taken::Full => break,
            }
        }
        Ok(taken)
    }

    fn has_gap(&self) -> Result<bool, LogError> {
        let Some(session) = &self.session else { return Ok(false) };
        let Some(held) = &session.held else { return Ok(false) };
        let came = offset(held)?;
        Ok(session.arrived.is_none_or(|arrived| came != arrived + 1))
    }
}

enum Taken {
    Entry(LogEntry),
    Nothing,
    Full,
}

#[async_trait]
impl Reader for RabbitReader {
    async fn next(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<LogEntry>, LogError> {
        if self.session.is_none() {
            self.begin().await?;
        }
        let read = self.batch(max_bytes, wait).await;
        if let Err(error) = &read {
            debug!(%error, shard = self.shard, "reading the log");
            self.session = None;
        }
        read
    }
}
