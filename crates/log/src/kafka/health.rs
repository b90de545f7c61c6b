//! Which partitions are in doubt: appends to those are refused at once, instead of waiting for a time-out each and being
//! ambiguous then. A look at the brokers ends the doubt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::client::Client;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(2);

/// What is known of the partitions.
#[derive(Debug)]
pub(super) struct Health {
    doubted: Vec<AtomicBool>,
    any: Notify,
}

impl Health {
    pub(super) fn new(partitions: usize) -> Self {
        Self { doubted: (0..partitions).map(|_| AtomicBool::new(false)).collect(), any: Notify::new() }
    }

    /// Whether an append should not even be tried.
    pub(super) fn is_doubted(&self, partition: u16) -> bool {
        self.doubted.get(usize::from(partition)).is_some_and(|doubted| doubted.load(Ordering::Relaxed))
    }

    /// An append got no answer in time.
    pub(super) fn doubt(&self, partition: u16) {
        if let Some(doubted) = self.doubted.get(usize::from(partition)) {
            doubted.store(true, Ordering::Relaxed);
            self.any.notify_one();
        }
    }

    /// No broker can be reached.
    pub(super) fn doubt_all(&self) {
        self.doubted.iter().for_each(|doubted| doubted.store(true, Ordering::Relaxed));
        self.any.notify_one();
    }

    /// Looks at the brokers while anything is in doubt, until it is cancelled.
    pub(super) async fn watch(
        self: Arc<Self>,
        client: Arc<Client>,
        replicas_in_step: usize,
        end: CancellationToken,
    ) {
        let watch = async {
            loop {
                self.any.notified().await;
                while self.doubted.iter().any(|doubted| doubted.load(Ordering::Relaxed)) {
                    self.look(&client, replicas_in_step).await;
                    // The brokers tell nothing by themselves.
                    sleep(PAUSE).await;
                }
            }
        };
        end.run_until_cancelled(watch).await;
    }

    async fn look(&self, client: &Client, replicas_in_step: usize) {
        let Ok(metadata) = client.metadata(LOOK).await else { return };
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == client.topic) else { return };
        // A topic that is gone is to be found out by an append, which can say so.
        let gone = topic.error().is_some() || topic.partitions().is_empty();
        for (number, doubted) in self.doubted.iter().enumerate() {
            let well = |partition: &rdkafka::metadata::MetadataPartition| {
                usize::try_from(partition.id()) == Ok(number)
                    && partition.leader() >= 0
                    && partition.isr().len() >= replicas_in_step
            };
            if gone || topic.partitions().iter().any(well) {
                doubted.store(false, Ordering::Relaxed);
            }
        }
    }
}
