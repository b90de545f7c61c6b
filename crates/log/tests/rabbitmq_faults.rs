//! RabbitMQ fails while entries are appended, and nothing that was confirmed is lost, doubled or out of order.
#![cfg(feature = "rabbitmq")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use hiscore_faults::servers::{self, RabbitMq};
use hiscore_log::suite::tried::{PATIENCE, append, entry, id, read};
use hiscore_log::{Expect, Log, LogError, LogUrl, Options};
use load::{ALONE, Load};
use tokio::time::{Instant, sleep};

const WRITERS: usize = 8;

fn options(expect: Expect) -> Options {
    let mut options = Options::new("5eed", 1, 2, expect);
    options.append_timeout = Duration::from_secs(2);
    options
}

async fn open(rabbit: &RabbitMq, expect: Expect) -> Result<Arc<dyn Log>, LogError> {
    let url: LogUrl = rabbit.url().parse().expect("a URL");
    let deadline = Instant::now() + PATIENCE;
    loop {
        match hiscore_log::open(&url, &options(expect)).await {
            // It was just started, on a busy machine.
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => {}
            other => return other,
        }
    }
}

/// Most times the node's streams stay "down or inaccessible" after the restart, and nothing is taken any more: refused, not
/// lost. It is not understood yet whether that is RabbitMQ 3.10 alone on one node, or how it is started here.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "RabbitMQ 3.10 on one node does not always lead its streams again after SIGKILL"]
async fn the_only_node_is_killed_and_comes_back() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let rabbit = RabbitMq::start();
    let log = open(&rabbit, Expect::Fresh(id(1))).await.unwrap();
    let load = Load::start(&log, WRITERS);
    load.until_more("appends", 300).await;
    rabbit.kill();
    load.until("refusals", |_, refused, _| refused >= 50).await;
    rabbit.restart();
    load.until_more("appends after the restart", 300).await;
    load.check().await;
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
    let load = Load::start(&log, WRITERS);
    load.until_more("appends", 300).await;
    rabbit.pause();
    // What was sent is ambiguous. After two heartbeats that did not come the connection is given up.
    load.until("ambiguous answers, then refusals", |_, refused, ambiguous| {
        ambiguous >= WRITERS && refused >= 50
    })
    .await;
    rabbit.resume();
    load.until_more("appends after the pause", 300).await;
    load.check().await;
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
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        match log.append(0, entry(0, 10)).await {
            Err(LogError::Unavailable(_) | LogError::Ambiguous(_)) => {}
            Err(error) => break error,
            Ok(_) => panic!("appended to another log"),
        }
        assert!(Instant::now() < deadline, "the writer does not notice");
        sleep(Duration::from_millis(20)).await;
    };
    assert!(matches!(error, LogError::Foreign { .. } | LogError::Gone(_)), "{error}");
    let error = loop {
        match reader.next(1 << 20, Duration::from_secs(1)).await {
            Ok(some) => assert!(some.is_empty(), "entries of another log: {some:?}"),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => break error,
        }
        assert!(Instant::now() < deadline, "the reader does not notice");
    };
    assert!(matches!(error, LogError::Foreign { .. } | LogError::Gone(_)), "{error}");
    another.close().await;
    log.close().await;
}
