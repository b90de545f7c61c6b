//! One operation over a WebSocket: `next` for each result, then `complete`, or `error`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::ServerError;
use async_graphql::parser::types::OperationType;
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::AbortHandle;

use super::protocol::ServerMessage;
use super::writer::Outgoing;
use crate::engine::Parameters;
use crate::http::Server;
use crate::metrics::{Metrics, Outcome};

/// A live stream ends when the stages close, which a shutdown does a moment before or after it is told here. A client that
/// heard `complete` would not come back; so long is waited for the close frame that makes it come back.
pub(crate) const CLOSING: Duration = Duration::from_secs(1);

/// The operations of one connection that are under way, by the id that the client gave.
pub(super) type Running = Arc<Mutex<HashMap<String, AbortHandle>>>;

/// Where one operation says what came of it.
pub(super) struct Speaker {
    pub(super) id: String,
    pub(super) to: Sender<Outgoing>,
    pub(super) running: Running,
}

impl Speaker {
    /// Says something; `false` when nobody listens any more.
    async fn say(&self, message: ServerMessage<'_>) -> bool {
        match message.to_json() {
            Some(text) => self.to.send(Outgoing::Text(text)).await.is_ok(),
            None => false,
        }
    }

    /// Frees the id, before the client can know that it is free; unless it was given to another operation meanwhile,
    /// because the client completed this one.
    fn free(&self) {
        let mut running = self.running.lock();
        if running.get(&self.id).is_some_and(|operation| Some(operation.id()) == tokio::task::try_id()) {
            running.remove(&self.id);
        }
    }

    /// Ends with errors.
    pub(super) async fn fail(&self, errors: &[ServerError]) {
        self.free();
        self.say(ServerMessage::Error { id: &self.id, payload: errors }).await;
    }

    async fn complete(&self) {
        self.free();
        self.say(ServerMessage::Complete { id: &self.id }).await;
    }
}

/// Counts an operation for as long as it is under way.
struct UnderWay<'a>(&'a Metrics);

impl<'a> UnderWay<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.operations.inc();
        Self(metrics)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.operations.dec();
    }
}

/// Runs one operation to its end.
pub(super) async fn run(server: Arc<Server>, parameters: Parameters, speaker: Speaker) {
    let _under_way = UnderWay::new(&server.metrics);
    let mut measure = server.metrics.begin();
    let prepared = match server.engine.prepare(parameters, &mut measure) {
        Ok(prepared) => prepared,
        Err(errors) => return speaker.fail(&errors).await,
    };
    if prepared.operation != OperationType::Subscription {
        let answer = server.engine.execute(prepared, &mut measure).await;
        drop(measure);
        if answer.is_refusal() {
            return speaker.fail(&answer.errors).await;
        }
        if speaker.say(ServerMessage::Next { id: &speaker.id, payload: &answer }).await {
            speaker.complete().await;
        }
        return;
    }
    let mut events = server.engine.subscribe(prepared);
    let mut measure = Some(measure);
    let mut seen = false;
    let shared_id: Arc<str> = Arc::from(speaker.id.as_str());
    let turns = Arc::new(Semaphore::new(1));
    loop {
        // While the client is behind the stream is not asked, and coalesces. A semaphore is closed by nobody here.
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let Some(event) = events.next().await else { break };
        let answer = &event.answer;
        let lost = answer.is_lost();
        if let Some(mut measure) = measure.take() {
            measure.outcome = if lost { Outcome::refused } else { Outcome::ok };
        }
        if lost {
            return speaker.fail(&answer.errors).await;
        }
        seen = true;
        server.metrics.events.inc();
        let next = Outgoing::Next { id: Arc::clone(&shared_id), event, turn };
        if speaker.to.send(next).await.is_err() {
            return;
        }
    }
    if let Some(mut measure) = measure.take() {
        measure.outcome = Outcome::ok;
    }
    if !seen || tokio::time::timeout(CLOSING, server.shutdown.cancelled()).await.is_err() {
        speaker.complete().await;
    }
}
