//! RabbitMQ passes the suite that every log passes.
#![cfg(feature = "rabbitmq")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

use hiscore_faults::servers::{self, RabbitMq};
use hiscore_log::suite::{self, tried::Tried};
use hiscore_log::{LogUrl, Options};

fn tried(rabbit: &RabbitMq) -> Tried {
    let url: LogUrl = rabbit.url().parse().expect("a URL");
    Tried::new(move |options: Options| {
        let url = url.clone();
        Box::pin(async move { hiscore_log::open(&url, &options).await })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_is_a_log() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let rabbit = RabbitMq::start();
    suite::run(&tried(&rabbit)).await;
}
