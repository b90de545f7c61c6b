//! The API as its clients meet it: real HTTP through the front, real WebSockets through a listener, a model behind it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by them, in its helpers too

mod support;

mod wire {
    mod coercion;
    mod event_stream;
    mod http;
    mod limits;
    mod mutations;
    mod reading;
    mod unread;
    mod vocabulary;
    mod websocket;
}
