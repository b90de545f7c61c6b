//! The wall clock, which only ever lifts stamps: whoever orders by it does so through the law.
//!
//! `HISCORE_CLOCK_AHEAD=SECONDS` makes it wrong by so much, or back if that is negative: the fault tests show that a wrong
//! clock changes no order. Nothing else reads that variable, and an operator has no reason to set it.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// By how many milliseconds the environment has it wrong.
static AHEAD: LazyLock<i64> = LazyLock::new(|| {
    let seconds = std::env::var("HISCORE_CLOCK_AHEAD").ok().and_then(|text| text.parse::<i64>().ok());
    seconds.unwrap_or(0).saturating_mul(1_000)
});

/// Milliseconds since the Unix epoch; 0 before it.
pub fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u64::try_from(now).unwrap_or(u64::MAX).saturating_add_signed(*AHEAD)
}
