//! What the stages count, in base units (seconds, bytes), under `hiscore_`.

mod embedded;
mod log;
mod persist;
mod submit;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

pub use embedded::{CommitMetrics, FunnelMetrics, Gauges};
pub use log::{ApplyMetrics, LogGauges, LogMetrics};
pub use persist::{PersistMetrics, RemoteGauges};
pub use submit::SubmitMetrics;

type Labels = [(&'static str, &'static str); 1];

fn seconds() -> Histogram {
    // 50 µs to about 3 s.
    Histogram::new(exponential_buckets(0.000_05, 2.0, 17))
}
