//! Waiting for what another process does: asking again until a deadline, never sleeping for luck.

use std::time::{Duration, Instant};

/// Between two questions: short against everything that is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// Lets a moment pass before something is tried again.
#[allow(
    clippy::disallowed_methods,
    reason = "another process tells nothing by itself: it has to be asked again"
)]
pub fn pause() {
    std::thread::sleep(PAUSE);
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within `patience`, with `what` was waited for.
pub fn until<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain for {what}");
        pause();
    }
}
