//! What the API counts, in base units, under `hiscore_`. No label ever holds an id.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What kind of operation a request ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)] // the variants are the values of the label
pub(crate) enum Kind {
    query,
    mutation,
    subscription,
    /// None: refused before it was known.
    none,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)] // the variants are the values of the label
pub(crate) enum Outcome {
    /// Without errors (user errors in a payload are none).
    ok,
    /// Refused before anything was executed.
    refused,
    /// Executed, with errors in some fields.
    failed,
    /// The client was gone before it ended.
    dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: Kind,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    operation: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabel {
    code: u16,
}

/// Why an event stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)] // the variants are the values of the label
pub(crate) enum StreamEnd {
    /// There was no more to tell, or an error was told.
    complete,
    /// The client left.
    gone,
    /// The client did not read, and was cut off.
    not_reading,
    /// The server shuts down.
    shutdown,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamEndLabel {
    reason: StreamEnd,
}

impl Kind {
    const COUNT: usize = Self::none as usize + 1;
}

impl Outcome {
    const COUNT: usize = Self::dropped as usize + 1;
}

/// A metric of a family, looked up when it is first needed: a look-up hashes its labels under a lock, and every request
/// needs three.
type Found<M> = OnceLock<M>;

/// What every request counts.
#[derive(Default)]
struct Hot {
    requests: [[Found<Counter>; Outcome::COUNT]; Kind::COUNT],
    durations: [Found<Histogram>; Kind::COUNT],
    /// Responses with status 200.
    ok: Found<Counter>,
}

/// The metrics of the API.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<KindLabel, Histogram>,
    responses: Family<StatusLabel, Counter>,
    hot: Arc<Hot>,
    closes: Family<CloseLabel, Counter>,
    /// WebSockets open.
    pub(crate) connections: Gauge,
    /// Operations under way over WebSockets, subscriptions above all.
    pub(crate) operations: Gauge,
    /// Events handed to the writers of WebSockets.
    pub(crate) events: Counter,
    /// Event streams open.
    pub(crate) streams: Gauge,
    /// Events sent on event streams.
    pub(crate) stream_events: Counter,
    stream_ends: Family<StreamEndLabel, Counter>,
    /// Events rendered for subscribers of either kind.
    pub(crate) renders: Counter,
}

/// 100 µs to about 3 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 16))
}

impl Metrics {
    /// Registers them.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds),
            responses: Family::default(),
            hot: Arc::default(),
            closes: Family::default(),
            connections: Gauge::default(),
            operations: Gauge::default(),
            events: Counter::default(),
            streams: Gauge::default(),
            stream_events: Counter::default(),
            stream_ends: Family::default(),
            renders: Counter::default(),
        };
        registry.register(
            "hiscore_graphql_requests",
            "GraphQL requests by kind of operation and how they ended",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "hiscore_graphql_request_duration",
            "From a read body to a written answer; of subscriptions, to the first event",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "hiscore_http_responses",
            "HTTP responses by status, of all paths",
            metrics.responses.clone(),
        );
        registry.register("hiscore_websocket_connections", "WebSockets open", metrics.connections.clone());
        registry.register(
            "hiscore_websocket_operations",
            "Operations under way over WebSockets, subscriptions above all",
            metrics.operations.clone(),
        );
        registry.register("hiscore_websocket_events", "Events sent to subscribers", metrics.events.clone());
        registry.register(
            "hiscore_websocket_closes",
            "WebSockets closed, by the code of the close frame that was sent; 1005 without one",
            metrics.closes.clone(),
        );
        registry.register("hiscore_event_streams", "Event streams open", metrics.streams.clone());
        registry.register(
            "hiscore_event_stream_events",
            "Events sent on event streams",
            metrics.stream_events.clone(),
        );
        registry.register(
            "hiscore_event_stream_ends",
            "Event streams that ended, by the reason",
            metrics.stream_ends.clone(),
        );
        registry.register(
            "hiscore_subscription_renders",
            "Events of subscriptions rendered; those who select the same of a board share one",
            metrics.renders.clone(),
        );
        metrics
    }

    pub(crate) fn stream_ended(&self, reason: StreamEnd) {
        self.stream_ends.get_or_create(&StreamEndLabel { reason }).inc();
    }

    pub(crate) fn responded(&self, status: StatusCode) {
        let label = StatusLabel { status: status.as_u16() };
        if status == StatusCode::OK {
            self.hot.ok.get_or_init(|| self.responses.get_or_create_owned(&label)).inc();
        } else {
            self.responses.get_or_create(&label).inc();
        }
    }

    pub(crate) fn closed(&self, code: u16) {
        self.closes.get_or_create(&CloseLabel { code }).inc();
    }

    /// Begins to measure a request.
    pub(crate) fn begin(&self) -> Measure<'_> {
        Measure { metrics: self, started: Instant::now(), kind: Kind::none, outcome: Outcome::dropped }
    }
}

/// A request under way; counted when it is dropped, so that one whose client left is counted too.
pub(crate) struct Measure<'a> {
    metrics: &'a Metrics,
    started: Instant,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
}

impl Drop for Measure<'_> {
    fn drop(&mut self) {
        let took: Duration = self.started.elapsed();
        let Self { metrics, kind: operation, outcome, .. } = *self;
        let requests = || metrics.requests.get_or_create_owned(&RequestLabels { operation, outcome });
        let durations = || metrics.durations.get_or_create_owned(&KindLabel { operation });
        metrics.hot.requests[operation as usize][outcome as usize].get_or_init(requests).inc();
        metrics.hot.durations[operation as usize].get_or_init(durations).observe(took.as_secs_f64());
    }
}
