//! The log in memory passes the suite that every log passes.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hiscore_log::suite::{self, tried::Tried};
use hiscore_log::{MemoryBroker, Options};

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_a_log() {
    let brokers: Arc<Mutex<HashMap<u32, MemoryBroker>>> = Arc::default();
    let tried = Tried::new(move |options: Options| {
        let broker = brokers.lock().unwrap().entry(options.generation).or_default().clone();
        Box::pin(async move { broker.open(&options) })
    });
    suite::run(&tried).await;
}
