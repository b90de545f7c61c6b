//! The log in front of the ranks: what was submitted, on a quorum of brokers, before the player hears of it.
//!
//! [`contract`] is what `ingest` and `apply` may rely on in any log; [`entry`] is what the bytes in it mean. Which
//! broker it is, a [`LogUrl`] says, and [`open`] is the only place that cares.

mod budget;
mod certificate;
pub mod contract;
pub mod entry;
#[cfg(feature = "kafka")]
mod kafka;
pub mod memory;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "suite")]
pub mod suite;
mod url;

use std::sync::Arc;

pub use contract::{
    Appended, Bounds, Expect, Identity, Log, LogEntry, LogError, LogId, MAX_ENTRY_BYTES, Options, Reader,
    Retention,
};
pub use entry::{Entry, EntryError, Told, Work};
pub use memory::MemoryBroker;
pub use url::{Broker, InvalidLogUrl, LogUrl};

/// Opens the log that `url` names, creating it if `options` expect none; see [`Options`] for what is checked.
///
/// # Errors
/// [`LogError::Unavailable`]: the broker is not there (yet). Anything else an operator must look at.
pub async fn open(url: &LogUrl, options: &Options) -> Result<Arc<dyn Log>, LogError> {
    match url.broker() {
        #[cfg(feature = "kafka")]
        Broker::Kafka => Ok(Arc::new(kafka::KafkaLog::open(url, options).await?)),
        #[cfg(feature = "rabbitmq")]
        Broker::RabbitMq => Ok(Arc::new(rabbitmq::RabbitLog::open(url, options).await?)),
        #[allow(unreachable_patterns, reason = "unreachable with all features")]
        other => Err(LogError::Invalid(format!("this build knows nothing of {other}"))),
    }
}
