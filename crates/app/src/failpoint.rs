//! Places where a test makes a persister die: between the steps whose order the promises rest on.
//!
//! `HISCORE_FAILPOINT=NAME` aborts the process when it first comes by NAME, `NAME:N` the N-th time. Nothing else reads
//! that variable, and an operator has no reason to set it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the environment asks for: the name, and how many times it is passed first.
static ASKED: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
    let text = std::env::var("HISCORE_FAILPOINT").ok()?;
    let (name, times) = match text.split_once(':') {
        Some((name, times)) => (name.to_owned(), times.parse().unwrap_or(1)),
        None => (text, 1),
    };
    Some((name, AtomicU64::new(times)))
});

/// Dies here, if that was asked for.
pub fn reach(name: &str) {
    if let Some((asked, left)) = ASKED.as_ref()
        && asked == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        tracing::error!(name, "a failpoint was reached: aborting");
        std::process::abort();
    }
}
