//! Server-sent events: one operation a request, as the protocol graphql-sse has it in its distinct connections mode.
//!
//! Each result is an event `next`. An event `complete` says that there are no more, so that nobody comes back for them; a
//! shutdown ends a stream without it. Nothing is queued for a client: the next change is asked for when the kernel has
//! taken the last one, so that changes coalesce for a client that is behind, and one that stays behind is cut off.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::negotiate::Media;
use super::{Server, answer};
use crate::engine::{Answer, Prepared};
use crate::fan_out::Rendered;
use crate::metrics::{Measure, Outcome, StreamEnd};
use crate::ws::{CLOSING, FULL};

/// There is nothing more. With a `data` line, without which a browser would not tell the page.
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// A comment, which every client skips.
const STILL_THERE: &[u8] = b":\n\n";
/// What is handed over at once. hyper asks a body nothing while it holds much more than this, and a body that is not asked
/// cannot end a connection.
const PIECE: usize = 64 << 10;
/// Proxies that would collect an answer before they pass it on are told not to.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The client does not read what it is sent.
#[derive(Debug, thiserror::Error)]
#[error("the client does not read its events")]
struct NotReading;

/// One result, and no more.
pub(super) fn once(json: &[u8]) -> Response {
    let next = [b"event: next\ndata: ", json, b"\n\n", COMPLETE].concat();
    streaming(Body::from(next))
}

fn streaming(body: Body) -> Response {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(Media::EventStream.content_type())), UNBUFFERED];
    (StatusCode::OK, headers, body).into_response()
}

fn framed(event: &Rendered) -> Bytes {
    event.framed(|text| Bytes::from(format!("event: next\ndata: {text}\n\n")))
}

type Events = BoxStream<'static, Arc<Rendered>>;

/// The next event. A panic behind it would cut the connection without a word.
async fn next(events: &mut Events) -> Option<Arc<Rendered>> {
    let next = AssertUnwindSafe(events.next()).catch_unwind();
    next.await.unwrap_or_else(|_| Some(Rendered::from(Answer::panicked())))
}

/// Runs a subscription, for as long as both sides want.
pub(super) async fn open(server: &Arc<Server>, prepared: Prepared, mut measure: Measure<'_>) -> Response {
    measure.outcome = Outcome::refused;
    let busy = |message| answer::refused(StatusCode::SERVICE_UNAVAILABLE, Media::EventStream, message);
    let Some(place) = server.places.take() else { return busy(FULL) };
    let begun = AssertUnwindSafe(async {
        let mut events = server.engine.subscribe(prepared).await;
        (events.next().await, events)
    });
    let begun = tokio::select! {
        biased;
        () = server.shutdown.cancelled() => return busy("the server is shutting down"),
        begun = begun.catch_unwind() => begun,
    };
    let panicked = |_| (Some(Rendered::from(Answer::panicked())), stream::empty().boxed());
    let (first, events) = begun.unwrap_or_else(panicked);
    let first = match first {
        Some(first) if first.lost => return once(first.text.as_bytes()),
        Some(first) => first,
        None => return streaming(Body::from(COMPLETE)),
    };
    measure.outcome = Outcome::ok;
    server.metrics.streams.inc();
    let told = Told {
        server: Arc::clone(server),
        events,
        first: Some(first),
        rest: Bytes::new(),
        turns: Arc::new(Semaphore::new(1)),
        over: false,
        end: StreamEnd::gone,
        _place: place,
    };
    streaming(Body::from_stream(stream::unfold(told, Told::piece)))
}

/// A stream under way.
struct Told {
    server: Arc<Server>,
    events: Events,
    first: Option<Arc<Rendered>>,
    /// What of the present event was not handed over yet.
    rest: Bytes,
    /// Taken by what the kernel has not taken.
    turns: Arc<Semaphore>,
    /// The rest is the last.
    over: bool,
    end: StreamEnd,
    _place: OwnedSemaphorePermit,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.server.metrics.streams.dec();
        self.server.metrics.stream_ended(self.end);
    }
}

/// A piece on its way: hyper drops it when it is written.
struct Piece {
    bytes: Bytes,
    _turn: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Waits until the last piece is written.
async fn turn(server: &Server, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StreamEnd> {
    let patience = Duration::from_millis(server.limits.websocket.write_timeout_ms);
    tokio::select! {
        biased;
        // Closed by nobody.
        turn = Arc::clone(turns).acquire_owned() => turn.map_err(|_| StreamEnd::gone),
        () = server.shutdown.cancelled() => Err(StreamEnd::shutdown),
        () = sleep(patience) => Err(StreamEnd::not_reading),
    }
}

impl Told {
    /// The next piece; an error ends the connection at once, whatever it still holds.
    async fn piece(mut self) -> Option<(Result<Bytes, NotReading>, Self)> {
        if self.over && self.rest.is_empty() {
            return None;
        }
        let turn = match turn(&self.server, &self.turns).await {
            Ok(turn) => turn,
            Err(end) => {
                self.end = end;
                (self.over, self.rest) = (true, Bytes::new());
                return Some((Err(NotReading), self));
            }
        };
        if self.rest.is_empty() {
            self.rest = self.event().await?;
        }
        let bytes = self.rest.split_to(self.rest.len().min(PIECE));
        Some((Ok(Bytes::from_owner(Piece { bytes, _turn: turn })), self))
    }

    /// The next event in its frame, or a sign of life; `None` ends the stream without a word, so that the client comes back.
    async fn event(&mut self) -> Option<Bytes> {
        let silence = Duration::from_millis(self.server.limits.websocket.ping_interval_ms.max(1));
        let event = match self.first.take() {
            Some(first) => Some(first),
            None => tokio::select! {
                biased;
                () = self.server.shutdown.cancelled() => {
                    self.end = StreamEnd::shutdown;
                    return None;
                }
                event = next(&mut self.events) => event,
                () = sleep(silence) => return Some(Bytes::from_static(STILL_THERE)),
            },
        };
        let Some(event) = event else {
            if timeout(CLOSING, self.server.shutdown.cancelled()).await.is_ok() {
                self.end = StreamEnd::shutdown;
                return None;
            }
            (self.over, self.end) = (true, StreamEnd::complete);
            return Some(Bytes::from_static(COMPLETE));
        };
        self.server.metrics.stream_events.inc();
        let framed = framed(&event);
        if event.lost {
            (self.over, self.end) = (true, StreamEnd::complete);
            return Some([&framed, COMPLETE].concat().into());
        }
        Some(framed)
    }
}
