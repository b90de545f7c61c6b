//! The streams of a log: how they are made, what they hold, and the certificate beside them.
//!
//! | argument | value | why |
//! |---|---|---|
//! | `x-queue-type` | stream | can be read again |
//! | `x-max-length-bytes` | [`Options::shard_bytes`] | the only limit by which old entries go |
//! | `x-stream-max-segment-size-bytes` | a sixteenth of that, 500 MB at most | what goes at a time |
//! | `x-queue-leader-locator` | least-leaders | the leaders are spread over the nodes |
//! | `x-initial-cluster-size` | [`Options::replicas`], if set | else RabbitMQ takes all nodes |

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Consumer};
use tokio::time::{Instant, sleep, timeout};

use super::ends::{EMPTY_AFTER, Ends, Shown};
use super::link::{Link, answer};
use crate::certificate;
use crate::contract::{Bounds, Expect, LogError, Options, Retention};

/// How long a stream may take to begin, until it counts as empty: RabbitMQ does not say that one is. It is no less than
/// [`QUESTIONS`] times what the broker takes to answer.
const BEGINS: Duration = Duration::from_millis(500);

/// So many questions could have been answered in the time after which a stream counts as empty.
const QUESTIONS: u32 = 10;

/// Between two looks at a stream that shows too little.
const PAUSE: Duration = Duration::from_millis(100);

/// A chunk has fewer entries: what RabbitMQ puts on disk at once.
const WHOLE_CHUNK: u16 = 20_000;

/// The largest segment.
const LARGEST_SEGMENT: u64 = 500_000_000;

/// The streams of one generation.
pub(super) struct Streams {
    pub(super) link: Link,
    name: String,
    options: Options,
    /// What is known to be in them.
    pub(super) ends: Ends,
    /// What the certificate has to be, once it is known.
    certificate: Option<Vec<u8>>,
}

/// Where a consumer begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    First,
    /// With the last chunk.
    Last,
    /// With what is appended from now on.
    Next,
    At(u64),
}

impl Streams {
    pub(super) fn new(link: Link, name: String, options: &Options) -> Self {
        let ends = Ends::new(options.shards);
        Self { link, name, options: options.clone(), ends, certificate: None }
    }

    pub(super) fn with_certificate(self, certificate: Vec<u8>) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// What the names of all of them begin with.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many there are, besides that of the certificate.
    pub(super) fn shards(&self) -> u16 {
        self.options.shards
    }

    /// The stream of a shard.
    pub(super) fn of(&self, shard: u16) -> String {
        format!("{}.{shard}", self.name)
    }

    /// The stream of the certificate.
    pub(super) fn of_certificate(&self) -> String {
        format!("{}.certificate", self.name)
    }

    fn all(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.of_certificate()).chain((0..self.options.shards).map(|shard| self.of(shard)))
    }

    pub(super) fn retention(&self) -> Retention {
        let shard = self.options.shard_bytes;
        Retention::Bytes { shard, segment: (shard / 16).clamp(1, LARGEST_SEGMENT) }
    }

    /// Looks whether all are there.
    pub(super) async fn find_all(&self) -> Result<(), LogError> {
        let channel = self.link.channel().await?;
        for stream in self.all() {
            find(&channel, &stream).await?;
        }
        Ok(())
    }

    /// Makes those that are not there. One that is, with another limit, is refused.
    pub(super) async fn declare_all(&self) -> Result<(), LogError> {
        let channel = self.link.channel().await?;
        let Retention::Bytes { shard, segment } = self.retention() else { return Ok(()) };
        let mut arguments = FieldTable::default();
        let number = |number: u64| AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX));
        arguments.insert("x-queue-type".into(), text("stream"));
        arguments.insert("x-max-length-bytes".into(), number(shard));
        arguments.insert("x-stream-max-segment-size-bytes".into(), number(segment));
        arguments.insert("x-queue-leader-locator".into(), text("least-leaders"));
        if let Some(replicas) = self.options.replicas {
            arguments.insert("x-initial-cluster-size".into(), number(u64::from(replicas)));
        }
        for stream in self.all() {
            let durable = QueueDeclareOptions::durable();
            answer(channel.queue_declare(stream.into(), durable, arguments.clone())).await?;
        }
        Ok(())
    }

    /// The first entry of the certificate's stream.
    pub(super) async fn certificate(&self) -> Result<Option<Vec<u8>>, LogError> {
        let channel = self.link.channel().await?;
        find(&channel, &self.of_certificate()).await?;
        let mut consumer = consume(&channel, &self.of_certificate(), Begin::First, 1).await?;
        let first = first(&channel, &self.of_certificate(), &mut consumer).await?;
        match first.as_ref().map(offset).transpose()? {
            None => Ok(None),
            Some(0) => Ok(first.map(|first| first.data.to_vec())),
            Some(_) => Err(self.foreign("its certificate was cut off")),
        }
    }

    /// Whether the log is still the one that was opened.
    pub(super) async fn verify(&self) -> Result<(), LogError> {
        let Some(known) = &self.certificate else { return Ok(()) };
        match self.certificate().await? {
            Some(found) if found == *known => Ok(()),
            Some(found) => {
                certificate::judge(&self.name, &found, &self.options)?;
                Err(self.foreign("it was deleted and made again"))
            }
            None => Err(self.silent()),
        }
    }

    /// Its certificate's stream shows nothing. That need not be so for long: a node shows nothing of a stream that got another
    /// leader until enough of the others have told it what they have.
    pub(super) fn silent(&self) -> LogError {
        LogError::Unavailable(format!(
            "the log {} says nothing of itself: the node that was asked is not in step yet, or it was deleted and made again",
            self.name
        ))
    }

    fn foreign(&self, difference: &str) -> LogError {
        LogError::Foreign { name: self.name.clone(), difference: difference.to_owned() }
    }

    /// Appends a certificate. Of several, the first counts.
    pub(super) async fn publish_certificate(&self, certificate: &[u8]) -> Result<(), LogError> {
        debug_assert!(matches!(self.options.expect, Expect::Fresh(_)));
        let channel = self.link.channel().await?;
        answer(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let stream = self.of_certificate();
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publish = async {
            let published = channel.basic_publish(
                "".into(),
                stream.into(),
                mandatory,
                certificate,
                BasicProperties::default(),
            );
            published.await?.await
        };
        match answer(publish).await? {
            Confirmation::Ack(None) => Ok(()),
            other => Err(LogError::Unavailable(format!("RabbitMQ does not take the certificate: {other:?}"))),
        }
    }

    /// What a stream holds. One that shows too little is asked again, for as long as it may take until it counts as empty.
    pub(super) async fn bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        let deadline = Instant::now() + EMPTY_AFTER;
        loop {
            let bounds = self.look(shard).await?;
            let shown = bounds.map(|bounds| (self.ends.judge(shard, bounds), bounds));
            match shown {
                Some((Shown::Empty | Shown::TooLittle, _)) | None if Instant::now() < deadline => {
                    sleep(PAUSE).await;
                }
                Some((Shown::TooLittle, _)) | None => return Err(self.not_in_step(shard)),
                Some((Shown::Believed | Shown::Empty, bounds)) => {
                    self.ends.reaches(shard, bounds.end);
                    return Ok(bounds);
                }
            }
        }
    }

    pub(super) fn not_in_step(&self, shard: u16) -> LogError {
        let why = "shows less than it has: the node that was asked is not in step yet";
        LogError::Unavailable(format!("{} {why}", self.of(shard)))
    }

    /// What a stream shows. It is asked for its first entry and for its last chunk, since it tells neither otherwise. `None`: it
    /// has a last chunk and does not show it, as a node that has not been told yet that enough of the others have it.
    pub(super) async fn look(&self, shard: u16) -> Result<Option<Bounds>, LogError> {
        let channel = self.link.channel().await?;
        let stream = self.of(shard);
        find(&channel, &stream).await?;
        let mut beginning = consume(&channel, &stream, Begin::First, 1).await?;
        let mut ending = consume(&channel, &stream, Begin::Last, WHOLE_CHUNK).await?;
        let Some(earliest) = first(&channel, &stream, &mut beginning).await? else {
            return Ok(Some(Bounds { first: 0, end: 0 }));
        };
        let Some(mut last) = first(&channel, &stream, &mut ending).await? else {
            return Ok(None);
        };
        // The whole chunk is sent at once, and this is answered behind it.
        find(&channel, &stream).await?;
        while let Some(Some(delivery)) = ending.next().now_or_never() {
            last = delivery.map_err(|error| super::errors::of_request(&error))?;
        }
        Ok(Some(Bounds { first: offset(&earliest)?, end: offset(&last)? + 1 }))
    }

    pub(super) async fn close(&self) {
        self.link.close().await;
    }
}

/// Asks whether a stream is there.
pub(super) async fn find(channel: &Channel, stream: &str) -> Result<(), LogError> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    answer(channel.queue_declare(stream.into(), passive, FieldTable::default())).await.map(drop)
}

/// Begins to read a stream: at most `ahead` entries that were not acknowledged are on the way.
pub(super) async fn consume(
    channel: &Channel,
    stream: &str,
    begin: Begin,
    ahead: u16,
) -> Result<Consumer, LogError> {
    answer(channel.basic_qos(ahead, BasicQosOptions::default())).await?;
    let begin = match begin {
        Begin::First => text("first"),
        Begin::Last => text("last"),
        Begin::Next => text("next"),
        Begin::At(offset) => AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX)),
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), begin);
    let consumer = channel.basic_consume(stream.into(), "".into(), BasicConsumeOptions::default(), arguments);
    answer(consumer).await
}

/// The first entry, if there is one.
async fn first(
    channel: &Channel,
    stream: &str,
    consumer: &mut Consumer,
) -> Result<Option<Delivery>, LogError> {
    let begun = Instant::now();
    loop {
        match timeout(BEGINS, consumer.next()).await {
            Err(_) => {}
            Ok(Some(Ok(delivery))) => return Ok(Some(delivery)),
            Ok(Some(Err(error))) => return Err(super::errors::of_request(&error)),
            Ok(None) => return Err(LogError::Unavailable("RabbitMQ ended the reading".to_owned())),
        }
        let asked = Instant::now();
        find(channel, stream).await?;
        if begun.elapsed() >= asked.elapsed() * QUESTIONS {
            return Ok(None);
        }
    }
}

/// Where an entry is. A queue that is no stream says nothing of the sort.
pub(super) fn offset(delivery: &Delivery) -> Result<u64, LogError> {
    header(delivery, "x-stream-offset")
        .ok_or_else(|| LogError::Invalid(format!("{} is no stream", delivery.routing_key)))
}

/// A number beside an entry.
pub(super) fn header(delivery: &Delivery, name: &str) -> Option<u64> {
    let value = delivery.properties.headers().as_ref()?.inner().get(name)?;
    match value {
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some(u64::from(*number)),
        _ => None,
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
