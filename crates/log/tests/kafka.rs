//! Kafka passes the suite that every log passes.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

use hiscore_faults::servers::{self, Kafka};
use hiscore_log::suite::{self, tried::Tried};
use hiscore_log::{LogUrl, Options};

fn tried(kafka: &Kafka) -> Tried {
    let url: LogUrl = kafka.url("scores").parse().expect("a URL");
    Tried::new(move |options: Options| {
        let url = url.clone();
        Box::pin(async move { hiscore_log::open(&url, &options).await })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_is_a_log() {
    if servers::missing("kafka") {
        return;
    }
    let kafka = Kafka::start(1);
    suite::run(&tried(&kafka)).await;
}
