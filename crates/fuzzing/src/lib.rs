//! What must hold for any bytes that reach a decoder: no panic, no memory beyond a measure of the input, and what is
//! understood can be said again.
//!
//! Each module is about one place where bytes come in from outside; its `check` takes any bytes, and panics if something
//! does not hold. `fuzz/` looks for such bytes (`make fuzz`); those that were found, and some of every kind, are in
//! `fuzz/corpus`, and the tests here try them in every `cargo test`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a check fails by panicking")]

pub mod config;
pub mod cursor;
pub mod embedded;
pub mod entry;
pub mod graphql;
pub mod import;
pub mod mongo;
pub mod redis;

/// A check: panics if something does not hold for these bytes.
pub type Check = fn(&[u8]);

/// Every check by its name, which is that of its target in `fuzz/` and of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Check); 8] = [
    ("config", config::check),
    ("cursor", cursor::check),
    ("embedded", embedded::check),
    ("entry", entry::check),
    ("graphql", graphql::check),
    ("import", import::check),
    ("mongo", mongo::check),
    ("redis", redis::check),
];

/// Allocated whatever the input is: a table, the text of an error.
const ROOM: u64 = 16 << 10;

/// Runs a decoder, which may at no time hold more than `times` the input's bytes.
fn measured<T>(input: &[u8], times: u64, decode: impl FnOnce() -> T) -> T {
    let mut decoded = None;
    let held = allocation_counter::measure(|| decoded = Some(decode())).bytes_max;
    let most = ROOM + times * input.len() as u64;
    assert!(held <= most, "{held} bytes held for an input of {}, at most {most} may be", input.len());
    decoded.expect("it was run")
}
