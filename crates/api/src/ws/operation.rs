//! One operation over a WebSocket: `next` for each result, then `complete`, or `error`.
//!
//! Its connection's task asks it for the next thing to say when the last one was written. So a client that is behind is told
//! of fewer changes, not of all of them later, and an event wakes one task and no more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_graphql::ServerError;
use async_graphql::parser::types::OperationType;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use crate::engine::Parameters;
use crate::fan_out::Rendered;
use crate::http::Server;
use crate::metrics::Outcome;
use crate::schema::error::ErrorCode;

/// A live stream ends when the stages close, which a shutdown does a moment before or after it is told here. A client that
/// heard `complete` would not come back; so long is waited for the close frame that makes it come back.
pub(crate) const CLOSING: Duration = Duration::from_secs(1);

/// What an operation says. After `Error` and `Complete` it says nothing more.
pub(super) enum Said {
    Next(Arc<Rendered>),
    Error(Vec<ServerError>),
    Complete,
}

type Events = BoxStream<'static, Arc<Rendered>>;

/// An operation under way.
pub(super) struct Operation {
    /// What the client calls it.
    pub(super) id: String,
    server: Arc<Server>,
    state: State,
}

enum State {
    /// In a box, so that what it takes to begin is given back when it has begun.
    Beginning(BoxFuture<'static, Begun>),
    /// A subscription.
    Telling(Events),
    /// The last that it says, now or in a moment.
    Ending(BoxFuture<'static, Option<Said>>),
    Over,
}

/// What came of the beginning.
enum Begun {
    Failed(Vec<ServerError>),
    Answered(Arc<Rendered>),
    /// With the first event, unless there is none.
    Subscribed(Option<Arc<Rendered>>, Events),
}

impl Operation {
    /// Nothing happens before it is asked.
    pub(super) fn new(server: Arc<Server>, id: String, parameters: Parameters) -> Self {
        server.metrics.operations.inc();
        let state = State::Beginning(begin(Arc::clone(&server), parameters).boxed());
        Self { id, server, state }
    }

    /// What it says next; `None` when it has ended. The client is told of a panic, which is a defect of ours.
    pub(super) fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<Option<Said>> {
        let said = catch_unwind(AssertUnwindSafe(|| self.poll(cx)));
        said.unwrap_or_else(|_| {
            self.state = State::Over;
            Poll::Ready(Some(Said::Error(vec![ErrorCode::Internal.request_error("internal error")])))
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Said>> {
        let event = match &mut self.state {
            State::Beginning(beginning) => match ready!(beginning.poll_unpin(cx)) {
                Begun::Failed(errors) => {
                    self.state = State::Over;
                    return Poll::Ready(Some(Said::Error(errors)));
                }
                Begun::Answered(answer) => {
                    self.state = State::Ending(async { Some(Said::Complete) }.boxed());
                    return Poll::Ready(Some(Said::Next(answer)));
                }
                Begun::Subscribed(None, _) => {
                    self.state = State::Over;
                    return Poll::Ready(Some(Said::Complete));
                }
                Begun::Subscribed(first, events) => {
                    self.state = State::Telling(events);
                    first
                }
            },
            State::Telling(events) => ready!(events.poll_next_unpin(cx)),
            State::Ending(last) => {
                let last = ready!(last.poll_unpin(cx));
                self.state = State::Over;
                return Poll::Ready(last);
            }
            State::Over => return Poll::Ready(None),
        };
        match event {
            Some(event) if event.lost => {
                self.state = State::Over;
                Poll::Ready(Some(Said::Error(event.errors.clone())))
            }
            Some(event) => {
                self.server.metrics.events.inc();
                Poll::Ready(Some(Said::Next(event)))
            }
            None => {
                self.state = State::Ending(closing(Arc::clone(&self.server)).boxed());
                self.poll(cx)
            }
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.server.metrics.operations.dec();
    }
}

async fn begin(server: Arc<Server>, parameters: Parameters) -> Begun {
    let mut measure = server.metrics.begin();
    let prepared = match server.engine.prepare(parameters, &mut measure) {
        Ok(prepared) => prepared,
        Err(errors) => return Begun::Failed(errors),
    };
    if prepared.operation != OperationType::Subscription {
        let answer = server.engine.execute(prepared, &mut measure).await;
        return match answer.is_refusal() {
            true => Begun::Failed(answer.errors),
            false => Begun::Answered(Rendered::from(answer)),
        };
    }
    let mut events = server.engine.subscribe(prepared).await;
    let first = events.next().await;
    let lost = first.as_ref().is_some_and(|first| first.lost);
    measure.outcome = if lost { Outcome::refused } else { Outcome::ok };
    Begun::Subscribed(first, events)
}

async fn closing(server: Arc<Server>) -> Option<Said> {
    timeout(CLOSING, server.shutdown.cancelled()).await.is_err().then_some(Said::Complete)
}
