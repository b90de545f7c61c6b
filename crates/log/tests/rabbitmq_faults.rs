//! RabbitMQ fails while entries are appended, and nothing that was confirmed is lost, doubled or out of order.
#![cfg(feature = "rabbitmq")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod load;

use std::sync::Arc;

use hiscore_faults::servers::{self, RabbitMq};
use hiscore_log::suite::tried::{append, entry, id, read};
use hiscore_log::{Expect, Log, LogError};
use load::{ALONE, notices, options, refused_for_good, through_a_kill, through_a_pause};

async fn open(rabbit: &RabbitMq, expect: Expect) -> Result<Arc<dyn Log>, LogError> {
    load::open(&rabbit.url(), &options(expect)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_is_killed_and_comes_back() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let rabbit = RabbitMq::start();
    let log = open(&rabbit, Expect::Fresh(id(1))).await.unwrap();
    let kill = || {
        rabbit.sync();
        rabbit.kill();
    };
    through_a_kill(&log, kill, || rabbit.restart()).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_stands_still_for_a_while() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let rabbit = RabbitMq::start();
    let log = open(&rabbit, Expect::Fresh(id(1))).await.unwrap();
    through_a_pause(&log, || rabbit.pause(), || rabbit.resume()).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_deleted_and_made_again_are_refused() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let rabbit = RabbitMq::start();
    let log = open(&rabbit, Expect::Fresh(id(1))).await.unwrap();
    let mut reader = log.reader(0, None).await.unwrap();
    for number in 0..10 {
        append(log.as_ref(), 0, entry(0, number)).await;
    }
    assert_eq!(read(reader.as_mut(), 10, 1 << 20).await.len(), 10);
    for stream in ["certificate", "0", "1"] {
        rabbit.control(&["delete_queue", &format!("hiscore.g1.{stream}")]);
    }
    let error = open(&rabbit, Expect::Known(id(1))).await.map(drop).unwrap_err();
    assert!(matches!(error, LogError::Gone(_)), "{error}");
    let another = open(&rabbit, Expect::Fresh(id(2))).await.unwrap();
    append(another.as_ref(), 0, entry(1, 0)).await;
    let error = open(&rabbit, Expect::Known(id(1))).await.map(drop).unwrap_err();
    assert!(matches!(error, LogError::Foreign { .. }), "{error}");

    // Who has it open notices too.
    let (error, taken) = refused_for_good(log.as_ref()).await;
    assert_eq!(taken, 0, "appended to another log");
    assert!(matches!(error, LogError::Foreign { .. } | LogError::Gone(_)), "{error}");
    let error = notices(reader.as_mut()).await;
    assert!(matches!(error, LogError::Foreign { .. } | LogError::Gone(_)), "{error}");
    another.close().await;
    log.close().await;
}
