//! What a client sees: GraphQL over HTTP and WebSocket, the page, health and metrics.
//!
//! This crate knows no tier: [`service`] says what it needs of the stages behind it, and the wiring provides that.

pub mod service;
