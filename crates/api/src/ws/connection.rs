//! One WebSocket from its handshake to its end.
//!
//! One task does everything for a client: it hears it, asks its operations, and writes one message at a time. While that is
//! written nothing else is asked, so no message ever waits in a queue, and a client that does not read is cut off.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::StreamExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

use super::operation::{Operation, Said};
use super::protocol::{ClientMessage, Close, ServerMessage, next_message};
use crate::engine::Parameters;
use crate::http::Server;
use crate::metrics::Metrics;
use crate::schema::error::ErrorCode;

/// How long the client has to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long it has to read one where nothing more can be read of it: dropped at once, the connection would be reset.
const LAST_WORD: Duration = Duration::from_millis(500);

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
    let period = Duration::from_millis(limits.ping_interval_ms.max(1));
    let mut pings = interval_at(Instant::now() + period, period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = Connection {
        server,
        socket,
        operations: Operations::default(),
        acknowledged: false,
        heard: Instant::now(),
        pings,
    };
    let close = connection.converse().await;
    connection.end(close).await;
}

/// Ends a connection that never became one.
pub(super) async fn refuse(server: &Arc<Server>, socket: WebSocket, close: Close) {
    let _open = Open::new(&server.metrics);
    goodbye(server, socket, close).await;
}

/// Says why, and waits for the client to have heard it.
async fn goodbye(server: &Server, mut socket: WebSocket, close: Close) {
    server.metrics.closed(close.code);
    if close == Close::NOT_READING {
        return;
    }
    let said = async {
        if close != Close::GONE {
            let frame = CloseFrame { code: close.code, reason: close.reason.into() };
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
        // Also where the client ended it: reading on is what answers its close frame. And a connection that is dropped with
        // something unread is reset, and the close frame lost with it.
        while let Some(Ok(_)) = socket.next().await {}
        if [Close::TOO_BIG, Close::NOT_TEXT, Close::PROTOCOL].contains(&close) {
            // After such an error tungstenite reads nothing more.
            sleep(LAST_WORD).await;
        }
    };
    let _ = timeout(GOODBYE, said).await;
}

/// The operations of one connection that are under way. They are few, and asked in turn.
#[derive(Default)]
struct Operations {
    under_way: Vec<Operation>,
    turn: usize,
}

impl Operations {
    /// What one of them says next, with its place. Never, while there are none.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Said)> {
        for step in 0..self.under_way.len() {
            let at = (self.turn + step) % self.under_way.len();
            // Nothing: it ends without a word, because the connection is about to.
            if let Poll::Ready(Some(said)) = self.under_way[at].poll_say(cx) {
                self.turn = at + 1;
                return Poll::Ready((at, said));
            }
        }
        Poll::Pending
    }

    fn is_under_way(&self, id: &str) -> bool {
        self.under_way.iter().any(|operation| operation.id == id)
    }
}

struct Connection<'a> {
    server: &'a Arc<Server>,
    socket: WebSocket,
    operations: Operations,
    acknowledged: bool,
    /// When the client last said anything.
    heard: Instant,
    pings: Interval,
}

impl Connection<'_> {
    /// Hears and says until there is a reason to end.
    async fn converse(&mut self) -> Close {
        let server = Arc::clone(self.server);
        let shutdown = server.shutdown.cancelled();
        tokio::pin!(shutdown);
        let init = sleep(Duration::from_millis(server.limits.websocket.init_timeout_ms));
        tokio::pin!(init);
        loop {
            let turn = tokio::select! {
                biased;
                // First, since of thousands of connections nearly every one that wakes does so for this; what is looked at
                // behind it is looked at once an event, and not before and after it.
                (at, said) = poll_fn(|cx| self.operations.poll_say(cx)) => Turn::Says(at, said),
                () = &mut shutdown => return Close::SHUTDOWN,
                () = &mut init, if !self.acknowledged => return Close::INIT_TIMEOUT,
                // Before pings: whoever has answered one while something was written is not silent.
                message = self.socket.next() => Turn::Heard(message),
                _ = self.pings.tick() => Turn::Ping,
            };
            let done = tokio::select! {
                biased;
                done = self.take(turn) => done,
                () = &mut shutdown => return Close::SHUTDOWN,
            };
            if let Err(close) = done {
                return close;
            }
        }
    }

    async fn take(&mut self, turn: Turn) -> Result<(), Close> {
        match turn {
            Turn::Heard(message) => self.receive(message).await,
            Turn::Says(at, said) => self.pass_on(at, said).await,
            Turn::Ping if self.heard.elapsed() > self.pings.period() * 2 => Err(Close::SILENT),
            Turn::Ping => self.write(Message::Ping(Default::default())).await,
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
            ClientMessage::Subscribe { id, payload } => self.start(id, payload).await,
            ClientMessage::Complete { id } => {
                // One that is unknown has ended a moment ago.
                self.operations.under_way.retain(|operation| operation.id != id);
                Ok(())
            }
        }
    }

    /// Starts an operation, unless there are too many.
    async fn start(&mut self, id: String, parameters: Parameters) -> Result<(), Close> {
        if self.operations.is_under_way(&id) {
            return Err(Close::DUPLICATE_ID);
        }
        let most = self.server.limits.websocket.operations;
        if self.operations.under_way.len() >= most {
            let message = format!("one connection may have at most {most} operations under way");
            let errors = [ErrorCode::TooMany.request_error(message)];
            return self.say(ServerMessage::Error { id: &id, payload: &errors }).await;
        }
        self.operations.under_way.push(Operation::new(Arc::clone(self.server), id, parameters));
        Ok(())
    }

    /// Says it. The id of an operation that has ended is free before the client can know that it is.
    async fn pass_on(&mut self, at: usize, said: Said) -> Result<(), Close> {
        match said {
            Said::Next(event) => {
                let id = &self.operations.under_way[at].id;
                self.write(Message::Text(next_message(id, &event.text).into())).await
            }
            Said::Error(errors) => {
                let operation = self.operations.under_way.swap_remove(at);
                self.say(ServerMessage::Error { id: &operation.id, payload: &errors }).await
            }
            Said::Complete => {
                let operation = self.operations.under_way.swap_remove(at);
                self.say(ServerMessage::Complete { id: &operation.id }).await
            }
        }
    }

    async fn say(&mut self, message: ServerMessage<'_>) -> Result<(), Close> {
        match message.to_json() {
            Some(text) => self.write(Message::Text(text.into())).await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Close> {
        let patience = Duration::from_millis(self.server.limits.websocket.write_timeout_ms);
        match timeout(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close::GONE),
            Err(_) => Err(Close::NOT_READING),
        }
    }

    /// Ends the operations, and the connection.
    async fn end(self, close: Close) {
        let Self { server, socket, operations, .. } = self;
        drop(operations);
        goodbye(server, socket, close).await;
    }
}

/// What a connection does next.
enum Turn {
    Heard(Option<Result<Message, axum::Error>>),
    Says(usize, Said),
    Ping,
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
