//! What is said over a WebSocket: the messages of graphql-transport-ws and the codes that end a connection.

use std::collections::HashMap;

use async_graphql::{ServerError, Value};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::engine::Parameters;

/// The only subprotocol.
pub(super) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit {
        #[serde(default, rename = "payload")]
        _payload: Option<HashMap<String, IgnoredAny>>,
    },
    Ping {
        #[serde(default)]
        payload: Option<HashMap<String, Value>>,
    },
    Pong {
        #[serde(default, rename = "payload")]
        _payload: Option<HashMap<String, IgnoredAny>>,
    },
    Subscribe {
        id: String,
        payload: Parameters,
    },
    Complete {
        id: String,
    },
}

impl ClientMessage {
    /// Reads a message. Only an object: an array would pass for the fields in their order.
    pub(super) fn read(text: &str) -> Result<Self, Close> {
        if !text.trim_start().starts_with('{') {
            return Err(Close::INVALID);
        }
        let message = serde_json::from_str(text).map_err(|_| Close::INVALID)?;
        match &message {
            Self::Subscribe { id, .. } | Self::Complete { id } if id.is_empty() => Err(Close::INVALID),
            Self::Subscribe { payload, .. } if payload.query.is_none() => Err(Close::INVALID),
            _ => Ok(message),
        }
    }
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<HashMap<String, Value>>,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl ServerMessage<'_> {
    /// The message as JSON; `None` for what JSON cannot say, which is nothing that is said here.
    pub(super) fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// The message `next` around a payload that is text already.
pub(super) fn next_message(id: &str, payload: &str) -> String {
    // A text is always JSON.
    let id = serde_json::to_string(id).unwrap_or_default();
    format!(r#"{{"type":"next","id":{id},"payload":{payload}}}"#)
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    /// At most 123 bytes, as a close frame has it.
    pub(super) reason: &'static str,
}

impl Close {
    pub(super) const SHUTDOWN: Self = Self { code: 1001, reason: "the server is shutting down" };
    pub(super) const PROTOCOL: Self = Self { code: 1002, reason: "against the WebSocket protocol" };
    pub(super) const NOT_TEXT: Self = Self { code: 1007, reason: "a text message must be UTF-8" };
    pub(super) const SILENT: Self = Self { code: 1008, reason: "no answer to pings" };
    pub(super) const TOO_BIG: Self = Self { code: 1009, reason: "the message is too long" };
    pub(super) const NOT_READING: Self = Self { code: 1013, reason: "the client does not read its messages" };
    pub(super) const INVALID: Self = Self { code: 4400, reason: "Invalid message" };
    pub(super) const UNAUTHORIZED: Self = Self { code: 4401, reason: "Unauthorized" };
    pub(super) const SUBPROTOCOL: Self = Self { code: 4406, reason: "Subprotocol not acceptable" };
    pub(super) const INIT_TIMEOUT: Self = Self { code: 4408, reason: "Connection initialisation timeout" };
    pub(super) const DUPLICATE_ID: Self =
        Self { code: 4409, reason: "Subscriber for this id already exists" };
    pub(super) const TOO_MANY_INITS: Self = Self { code: 4429, reason: "Too many initialisation requests" };
    /// The client ended it, or is gone: nothing is sent.
    pub(super) const GONE: Self = Self { code: 1005, reason: "" };
}
