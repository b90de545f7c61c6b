//! The short way of the hot operations is the full path, only shorter: the same requests to twin servers, one of which may
//! make plans and one of which may not, are answered alike to the byte, and leave the same behind.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by them, in its helpers too

#[path = "../support/mod.rs"]
mod support;

mod read;
mod submit;
mod twins;
