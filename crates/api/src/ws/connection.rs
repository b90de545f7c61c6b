//! One WebSocket from its handshake to its end.
//!
//! This task reads and decides; the writer and each operation are tasks of their own, which it ends and joins.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

use super::operation::{self, Running, Speaker};
use super::protocol::{ClientMessage, Close, ServerMessage};
use super::writer::{self, Outgoing};
use crate::engine::Parameters;
use crate::http::Server;
use crate::metrics::Metrics;
use crate::schema::error::ErrorCode;

/// How long the client has to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// Counts a connection for as long as it is there.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// Talks to a client until one of both ends it.
pub(super) async fn run(server: &Arc<Server>, socket: WebSocket) {
    let _open = Open::new(&server.metrics);
    let limits = &server.limits.websocket;
    let (sink, incoming) = socket.split();
    let (to, outgoing) = mpsc::channel(limits.buffer_messages.max(1));
    let patience = Duration::from_millis(limits.write_timeout_ms);
    let mut writer = tokio::spawn(writer::write(sink, outgoing, patience));
    let period = Duration::from_millis(limits.ping_interval_ms.max(1));
    let mut pings = interval_at(Instant::now() + period, period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = Connection {
        server,
        incoming,
        to,
        operations: JoinSet::new(),
        running: Running::default(),
        acknowledged: false,
        heard: Instant::now(),
        pings,
    };
    let close = connection.converse(&mut writer).await;
    connection.end(close, writer).await;
}

/// Ends a connection that never became one.
pub(super) async fn refuse(server: &Arc<Server>, socket: WebSocket, close: Close) {
    let _open = Open::new(&server.metrics);
    let (sink, mut incoming) = socket.split();
    let (to, outgoing) = mpsc::channel(1);
    // The channel has room for it, so this neither waits nor fails.
    let _ = to.try_send(Outgoing::Close(close));
    drop(to);
    let _ = writer::write(sink, outgoing, GOODBYE).await;
    server.metrics.closed(close.code);
    let _ = timeout(GOODBYE, drain(&mut incoming)).await;
}

struct Connection<'a> {
    server: &'a Arc<Server>,
    incoming: SplitStream<WebSocket>,
    to: Sender<Outgoing>,
    operations: JoinSet<()>,
    running: Running,
    acknowledged: bool,
    /// When the client last said anything.
    heard: Instant,
    pings: Interval,
}

impl Connection<'_> {
    /// Reads until there is a reason to end.
    async fn converse(&mut self, writer: &mut JoinHandle<Result<(), Close>>) -> Close {
        let shutdown = self.server.shutdown.clone();
        let wait = Duration::from_millis(self.server.limits.websocket.init_timeout_ms);
        let init = sleep(wait);
        tokio::pin!(init);
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Close::SHUTDOWN,
                ended = &mut *writer => return why(ended),
                () = &mut init, if !self.acknowledged => return Close::INIT_TIMEOUT,
                // Joined as they end, so that the set holds only those under way.
                Some(ended) = self.operations.join_next_with_id() => match ended {
                    Ok(_) => continue,
                    Err(error) => self.fell(error.id()).await,
                },
                message = self.incoming.next() => self.receive(message).await,
                _ = self.pings.tick() => self.ping(),
            };
            if let Err(close) = next {
                return close;
            }
        }
    }

    async fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Close> {
        self.heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.obey(ClientMessage::read(&text)?).await,
            Some(Ok(Message::Binary(_))) => Err(Close::INVALID),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(Close::GONE),
            Some(Err(error)) => Err(broken(&error)),
        }
    }

    async fn obey(&mut self, message: ClientMessage) -> Result<(), Close> {
        match message {
            ClientMessage::ConnectionInit { .. } if self.acknowledged => Err(Close::TOO_MANY_INITS),
            ClientMessage::ConnectionInit { .. } => {
                self.acknowledged = true;
                self.say(ServerMessage::ConnectionAck).await
            }
            ClientMessage::Ping { payload } => self.say(ServerMessage::Pong { payload }).await,
            ClientMessage::Pong { .. } => Ok(()),
            ClientMessage::Subscribe { .. } if !self.acknowledged => Err(Close::UNAUTHORIZED),
            ClientMessage::Subscribe { id, payload } => {
                let speaker = Speaker { id, to: self.to.clone(), running: self.running.clone() };
                let Some(speaker) = self.start(speaker, payload)? else { return Ok(()) };
                let most = self.server.limits.websocket.operations;
                let message = format!("one connection may have at most {most} operations under way");
                speaker.fail(&[ErrorCode::TooMany.request_error(message)]).await;
                Ok(())
            }
            ClientMessage::Complete { id } => {
                // One that is unknown has ended a moment ago.
                if let Some(operation) = self.running.lock().remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
        }
    }

    /// Starts an operation, or gives the speaker back when there are too many.
    fn start(&mut self, speaker: Speaker, parameters: Parameters) -> Result<Option<Speaker>, Close> {
        let running = self.running.clone();
        let mut running = running.lock();
        if running.contains_key(&speaker.id) {
            return Err(Close::DUPLICATE_ID);
        }
        if running.len() >= self.server.limits.websocket.operations {
            return Ok(Some(speaker));
        }
        let id = speaker.id.clone();
        // Entered under the lock: the operation, which frees the id when it ends, cannot do so before.
        let task = operation::run(self.server.clone(), parameters, speaker);
        running.insert(id, self.operations.spawn(task));
        Ok(None)
    }

    /// An operation ended without a word: by a defect of ours, unless the client completed it and it is unknown by now.
    async fn fell(&self, task: tokio::task::Id) -> Result<(), Close> {
        let id = {
            let mut running = self.running.lock();
            let id = running.iter().find(|(_, operation)| operation.id() == task).map(|(id, _)| id.clone());
            id.inspect(|id| drop(running.remove(id)))
        };
        let Some(id) = id else { return Ok(()) };
        let errors = [ErrorCode::Internal.request_error("internal error")];
        self.say(ServerMessage::Error { id: &id, payload: &errors }).await
    }

    async fn say(&self, message: ServerMessage<'_>) -> Result<(), Close> {
        match message.to_json() {
            Some(text) => self.to.send(Outgoing::Text(text)).await.map_err(|_| Close::NOT_READING),
            None => Ok(()),
        }
    }

    fn ping(&self) -> Result<(), Close> {
        if self.heard.elapsed() > self.pings.period() * 2 {
            return Err(Close::SILENT);
        }
        // No room means that there is something to write, which tells as much as a ping.
        let _ = self.to.try_send(Outgoing::Ping);
        Ok(())
    }

    /// Ends the operations, says why, and waits for the client to have heard it.
    async fn end(mut self, close: Close, mut writer: JoinHandle<Result<(), Close>>) {
        self.server.metrics.closed(close.code);
        self.operations.shutdown().await;
        if close != Close::NOT_READING {
            let Self { to, mut incoming, .. } = self;
            let said = async {
                if close != Close::GONE {
                    let _ = to.send(Outgoing::Close(close)).await;
                    let _ = (&mut writer).await;
                }
                // Also where the client ended it: reading on is what answers its close frame.
                drain(&mut incoming).await;
            };
            let _ = timeout(GOODBYE, said).await;
        }
        writer.abort();
    }
}

/// Reads what is still on its way: a connection dropped with something unread is reset, and the close frame lost with it.
async fn drain(incoming: &mut SplitStream<WebSocket>) {
    while let Some(Ok(_)) = incoming.next().await {}
}

/// Why the writer ended.
fn why(ended: Result<Result<(), Close>, tokio::task::JoinError>) -> Close {
    match ended {
        Ok(Err(close)) => close,
        Ok(Ok(())) | Err(_) => Close::GONE,
    }
}

/// The code for a connection that broke. axum hides tungstenite's error; its words are held by tests over a real socket.
fn broken(error: &axum::Error) -> Close {
    let words = error.to_string();
    if words.starts_with("Space limit exceeded") {
        Close::TOO_BIG
    } else if words.starts_with("UTF-8 encoding error") {
        Close::NOT_TEXT
    } else if words.starts_with("WebSocket protocol error") && !words.contains("without closing handshake") {
        Close::PROTOCOL
    } else {
        Close::GONE
    }
}
