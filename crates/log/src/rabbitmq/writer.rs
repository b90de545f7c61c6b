//! Appending: one channel with publisher confirms for each stream, on a connection that only publishes.
//!
//! One for each: when a stream has another leader, RabbitMQ sends to that one what the one before had not confirmed, with the
//! numbers that entries have in their channel, not those that they have in the stream. These are the same as long as
//! nothing else goes through the channel. Else the numbers that follow are lower ones, which the new leader takes for
//! repetitions: it confirms them, and keeps none (3.10.8).
//!
//! A task keeps the channels alive, so that an append never waits for a connection: without one it is refused at once.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Consumer, PublisherConfirm};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::errors;
use super::link::{Link, answer};
use super::streams::{Begin, Streams, consume, find};
use crate::budget::Budget;
use crate::contract::{LogError, Options};

/// The name of the number beside an entry: when it was appended, in Unix milliseconds.
pub(super) const TIME: &str = "time-ms";

/// Between two tries to connect, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How often the channels are looked at: whether they are there, and whether the broker holds back who publishes.
const LOOK: Duration = Duration::from_millis(500);

/// What appends.
pub(super) struct Writer {
    shared: Arc<Shared>,
    streams: Arc<Streams>,
    budget: Budget,
    append_timeout: Duration,
    end: CancellationToken,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    link: Link,
    /// By shard; or why there are none.
    channels: RwLock<Result<Arc<[Channel]>, LogError>>,
    /// The log is gone, or not the one it was: nothing is appended any more.
    broken: OnceLock<LogError>,
    wanted: Notify,
}

/// An append under way. Its room stays taken until the broker or the connection has answered, whoever waits.
struct UnderWay {
    confirm: Option<PublisherConfirm>,
    room: Option<OwnedSemaphorePermit>,
}

impl Writer {
    /// Connects, and keeps connected from then on.
    pub(super) async fn start(
        link: Link,
        streams: Arc<Streams>,
        options: &Options,
    ) -> Result<Self, LogError> {
        let none = LogError::Unavailable("not connected to RabbitMQ".to_owned());
        let shared = Arc::new(Shared {
            link,
            channels: RwLock::new(Err(none)),
            broken: OnceLock::new(),
            wanted: Notify::new(),
        });
        let end = CancellationToken::new();
        let first = shared.connect(&streams).await?;
        *shared.channels.write() = Ok(Arc::clone(&first.channels));
        let keeper = keep(Arc::clone(&shared), Arc::clone(&streams), first, end.clone());
        let keeper = tokio::spawn(keeper);
        Ok(Self {
            shared,
            streams,
            budget: Budget::new(options.max_in_flight),
            append_timeout: options.append_timeout,
            end,
            keeper: Mutex::new(Some(keeper)),
        })
    }

    /// Appends one entry to the stream of a shard.
    pub(super) async fn append(&self, shard: u16, entry: Vec<u8>) -> Result<(), LogError> {
        if let Some(error) = self.shared.broken.get() {
            return Err(error.clone());
        }
        let channels = self.shared.channels.read().clone()?;
        let no_such = || LogError::Unavailable(format!("there is no shard {shard}"));
        let channel = channels.get(usize::from(shard)).cloned().ok_or_else(no_such)?;
        if !channel.status().connected() {
            self.shared.wanted.notify_one();
            return Err(LogError::Unavailable("the connection to RabbitMQ broke".to_owned()));
        }
        let room = Some(self.budget.take(entry.len())?);
        let mut under_way = UnderWay { confirm: None, room };
        let confirmed = async {
            let published = self.publish(&channel, shard, &entry).await?;
            let confirm = under_way.confirm.insert(published);
            let confirmed = confirm.await;
            under_way.confirm = None;
            confirmed
        };
        match timeout(self.append_timeout, confirmed).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            // The default exchange sends back what it has no stream for, and confirms it nevertheless.
            Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => Err(self
                .shared
                .breaks(LogError::Gone(format!("RabbitMQ has no stream {}", self.streams.of(shard))))),
            Ok(Ok(other)) => Err(LogError::Ambiguous(format!("RabbitMQ did not confirm: {other:?}"))),
            Ok(Err(error)) => {
                self.shared.wanted.notify_one();
                if errors::was_sent(&error) {
                    Err(LogError::Ambiguous(error.to_string()))
                } else {
                    Err(LogError::Unavailable(error.to_string()))
                }
            }
            Err(_) => {
                // Those that follow are refused at once, instead of waiting as long and being ambiguous then.
                *self.shared.channels.write() =
                    Err(LogError::Unavailable("RabbitMQ does not confirm".to_owned()));
                self.shared.wanted.notify_one();
                Err(LogError::Ambiguous(format!("RabbitMQ did not confirm within {:?}", self.append_timeout)))
            }
        }
    }

    async fn publish(
        &self,
        channel: &Channel,
        shard: u16,
        entry: &[u8],
    ) -> Result<PublisherConfirm, lapin::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut headers = FieldTable::default();
        headers.insert(TIME.into(), AMQPValue::LongLongInt(i64::try_from(now).unwrap_or(i64::MAX)));
        let properties = BasicProperties::default().with_headers(headers);
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        channel.basic_publish("".into(), self.streams.of(shard).into(), mandatory, entry, properties).await
    }

    /// Waits for what is under way, no longer than an append may take.
    pub(super) async fn close(&self) {
        let all = self.budget.all();
        if timeout(self.append_timeout, all).await.is_err() {
            info!("the log was closed with appends under way");
        }
        self.end.cancel();
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            error!(%error, "what keeps the log's connection failed");
        }
        self.shared.link.close().await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Given up by whoever waited, but still in somebody's memory.
        if let (Some(confirm), Some(room), Ok(runtime)) =
            (self.confirm.take(), self.room.take(), Handle::try_current())
        {
            drop(runtime.spawn(async move {
                drop(confirm.await);
                drop(room);
            }));
        }
    }
}

impl Shared {
    fn breaks(&self, error: LogError) -> LogError {
        error!(%error, "nothing is appended any more");
        self.broken.get_or_init(|| error).clone()
    }

    /// A channel with confirms for each shard, and one more for the watch.
    async fn connect(&self, streams: &Streams) -> Result<Connected, LogError> {
        let own = self.link.channel().await?;
        let watch = consume(&own, &streams.of_certificate(), Begin::Next, 1).await?;
        // After the watch has begun, so that nothing falls in between.
        streams.verify().await?;
        let mut channels = Vec::new();
        for _ in 0..streams.shards() {
            let channel = self.link.channel().await?;
            answer(channel.confirm_select(ConfirmSelectOptions::default())).await?;
            channels.push(channel);
        }
        Ok(Connected { channels: channels.into(), own, watch })
    }
}

/// What appends go through, and a consumer, on a channel of its own, that ends when the certificate's stream is deleted.
struct Connected {
    channels: Arc<[Channel]>,
    own: Channel,
    watch: Consumer,
}

impl Connected {
    fn works(&self) -> bool {
        std::iter::once(&self.own).chain(self.channels.iter()).all(|channel| channel.status().connected())
    }
}

/// Keeps the channels, until the end or until the log is not the one it was.
async fn keep(shared: Arc<Shared>, streams: Arc<Streams>, first: Connected, end: CancellationToken) {
    let keep = async {
        let mut pause = PAUSE.0;
        let mut connected = Ok(first);
        loop {
            match connected {
                Ok(connected) => {
                    pause = PAUSE.0;
                    watch_over(&shared, &streams, connected).await;
                    let none = LogError::Unavailable("the connection to RabbitMQ broke".to_owned());
                    *shared.channels.write() = Err(none);
                }
                Err(error @ (LogError::Gone(_) | LogError::Foreign { .. })) => {
                    shared.breaks(error);
                    return;
                }
                Err(error) => {
                    debug!(%error, "connecting to RabbitMQ");
                    *shared.channels.write() = Err(LogError::Unavailable(error.to_string()));
                    // Tried again and again: a broker that comes back tells nobody.
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
            connected = shared.connect(&streams).await;
        }
    };
    end.run_until_cancelled(keep).await;
}

/// Lends the channels to appends while they work.
async fn watch_over(shared: &Shared, streams: &Streams, mut connected: Connected) {
    while connected.works() {
        *shared.channels.write() = if shared.link.is_blocked().await {
            Err(LogError::Unavailable("RabbitMQ is short of memory or disk, and takes nothing".to_owned()))
        } else {
            Ok(Arc::clone(&connected.channels))
        };
        tokio::select! {
            // An entry would be a second certificate, which means nothing; the end means that the stream was deleted.
            news = connected.watch.next() => if !matches!(news, Some(Ok(_))) { return },
            // In doubt: whether it answers at all.
            () = shared.wanted.notified() => if find(&connected.own, &streams.of_certificate()).await.is_err() { return },
            () = sleep(LOOK) => {}
        }
    }
}
