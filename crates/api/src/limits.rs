//! What one request, one connection and one process may ask for at most. Every bound has a default that a game
//! does not meet and an attacker does.

use serde::{Deserialize, Serialize};

/// The limits of the HTTP and GraphQL layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How deep fields may be nested. Default 15: exactly what the standard introspection query needs.
    pub depth: usize,
    /// How many fields a document may select, fragments written out, rows not counted. Default 400.
    pub complexity: usize,
    /// How many aliases a document may use, fragments written out. Default 30.
    pub aliases: usize,
    /// How many tokens a document may have, counted before it is parsed. Default 2,000; bulks go by variables.
    pub tokens: usize,
    /// How deep brackets of any kind may be nested in a document: what keeps the parser's stack small. Default 64.
    pub nesting: usize,
    /// How long the text of a document may be, in bytes. Default 256 KiB.
    pub document_bytes: usize,
    /// How many rows one request may ask for: the product of `first`, ranges and lists of ids along each path,
    /// summed over the document, known before anything is executed. Default 10,000.
    pub rows: u64,
    /// How many entries `submitScores` takes. Default 10,000.
    pub bulk_entries: usize,
    /// How long the body of a request may be, in bytes. Default 8 MiB.
    pub body_bytes: usize,
    /// How long the body of a request may take to arrive, in milliseconds. Default 30,000.
    pub body_timeout_ms: u64,
    /// How many parsed documents are kept. Default 1,000; 0 keeps none.
    pub document_cache_entries: usize,
    /// How many bytes of text the parsed documents that are kept may have together. Default 4 MiB; parsed, they take
    /// about ten times as much.
    pub document_cache_bytes: usize,
    /// Whether the hot mutations may go the short way, by a plan made of their document. Default true; it changes what
    /// they cost, and nothing that a client sees.
    pub plans: bool,
    /// Whether what all who select the same of a board are told is rendered once for all of them. Default true; it changes
    /// what they cost, and nothing that a client sees.
    pub shared_events: bool,
    /// The limits of WebSockets, and of event streams as far as they say so.
    pub websocket: WebSocketLimits,
}

/// The limits of what stays connected: WebSockets and event streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketLimits {
    /// How many WebSockets and event streams this process holds together. Default 10,000; one more is refused with 503.
    pub connections: usize,
    /// How many operations (subscriptions above all) one connection may have under way. Default 100; one more is
    /// answered with an `error` message, `TOO_MANY`.
    pub operations: usize,
    /// How long a client may take to send `connection_init`, in milliseconds. Default 5,000; then 4408.
    pub init_timeout_ms: u64,
    /// How long one message of a client may be, in bytes. Default 1 MiB.
    pub message_bytes: usize,
    /// How long one message may take to be written, in milliseconds. Default 10,000; then the client is cut off. Of an
    /// event stream: 64 KiB of it. Meanwhile nothing waits for the client: the next change is asked for when the last one was
    /// written, so that changes coalesce for a client that is behind.
    pub write_timeout_ms: u64,
    /// How often a connection is pinged, in milliseconds. Default 25,000; one that says nothing at all for two such
    /// intervals is cut off. On an event stream so long after the last event a comment is sent, to which nobody answers.
    pub ping_interval_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 15,
            complexity: 400,
            aliases: 30,
            tokens: 2_000,
            nesting: 64,
            document_bytes: 256 << 10,
            rows: 10_000,
            bulk_entries: 10_000,
            body_bytes: 8 << 20,
            body_timeout_ms: 30_000,
            document_cache_entries: 1_000,
            document_cache_bytes: 4 << 20,
            plans: true,
            shared_events: true,
            websocket: WebSocketLimits::default(),
        }
    }
}

impl Default for WebSocketLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            operations: 100,
            init_timeout_ms: 5_000,
            message_bytes: 1 << 20,
            write_timeout_ms: 10_000,
            ping_interval_ms: 25_000,
        }
    }
}
