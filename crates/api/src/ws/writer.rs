//! Writes to one client, one message at a time, and gives up on a client that does not read.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Receiver;

use super::protocol::{Close, next_message};
use crate::fan_out::Rendered;

/// What is handed to the writer; the queue is bounded, so whoever has more to say waits.
pub(super) enum Outgoing {
    Text(String),
    /// An event of a subscription. Its text is shared by all who are told the same, and written out only when it is sent.
    Next {
        id: Arc<str>,
        event: Arc<Rendered>,
        /// Given back when it is written: until then its subscription is asked for nothing more.
        turn: OwnedSemaphorePermit,
    },
    Ping,
    Close(Close),
}

/// Writes until the last of those who have something to say is gone, or the client is. The answer is why it ended early.
pub(super) async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut outgoing: Receiver<Outgoing>,
    patience: Duration,
) -> Result<(), Close> {
    while let Some(next) = outgoing.recv().await {
        let mut turn_of = None;
        let (message, last) = match next {
            Outgoing::Text(text) => (Message::Text(text.into()), false),
            Outgoing::Next { id, event, turn } => {
                turn_of = Some(turn);
                (Message::Text(next_message(&id, &event.text).into()), false)
            }
            Outgoing::Ping => (Message::Ping(Default::default()), false),
            Outgoing::Close(close) => {
                let frame = CloseFrame { code: close.code, reason: close.reason.into() };
                (Message::Close(Some(frame)), true)
            }
        };
        match tokio::time::timeout(patience, sink.send(message)).await {
            Ok(Ok(())) if last => break,
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Close::GONE),
            Err(_) => return Err(Close::NOT_READING),
        }
        drop(turn_of);
    }
    Ok(())
}
