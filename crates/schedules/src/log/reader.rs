//! Reading a simulated log: slowly, in small portions, and now and then in vain.

use std::time::Duration;

use async_trait::async_trait;
use hiscore_log::{LogEntry, LogError, Reader};
use tokio::time::sleep;

use super::{SimBrokers, away};
use crate::mistake::Mistake;

/// A place in one shard.
pub(super) struct SimReader {
    pub(super) brokers: SimBrokers,
    pub(super) host: String,
    pub(super) shard: u16,
    pub(super) inner: Box<dyn Reader>,
    /// Read, and still on its way to whoever asked.
    pub(super) ready: Vec<LogEntry>,
}

#[async_trait]
impl Reader for SimReader {
    async fn next(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<LogEntry>, LogError> {
        let brokers = self.brokers.clone();
        if brokers.happens(brokers.noise.fail_read) {
            sleep(brokers.delay()).await;
            return Err(away());
        }
        if self.ready.is_empty() {
            self.ready = self.inner.next(max_bytes.min(brokers.noise.read_bytes), wait).await?;
        }
        if !self.ready.is_empty() {
            sleep(brokers.delay()).await;
            if brokers.happens(brokers.noise.fail_read) {
                return Err(away());
            }
        }
        if !self.ready.is_empty() && brokers.errs(Mistake::SkippedBatch) {
            self.ready.clear();
        }
        let read = std::mem::take(&mut self.ready);
        if let [first, .., last] | [first @ last] = &read[..] {
            let (host, shard) = (&self.host, self.shard);
            brokers
                .journal
                .tell(format_args!("{host} log {shard} read: {} to {}", first.offset, last.offset));
        }
        Ok(read)
    }
}
