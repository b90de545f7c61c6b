//! Kafka fails while entries are appended, and nothing that was confirmed is lost, doubled or out of order.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use hiscore_faults::servers::{self, Kafka};
use hiscore_log::suite::tried::{PATIENCE, append, entry, id, read};
use hiscore_log::{Expect, Log, LogError, LogUrl, Options};
use load::{ALONE, Load};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tokio::time::{Instant, sleep};

const WRITERS: usize = 8;

fn options() -> Options {
    let mut options = Options::new("5eed", 1, 2, Expect::Fresh(id(1)));
    options.append_timeout = Duration::from_secs(2);
    options
}

async fn open(kafka: &Kafka, options: Options) -> Result<Arc<dyn Log>, LogError> {
    let url: LogUrl = kafka.url("scores").parse().expect("a URL");
    let deadline = Instant::now() + PATIENCE;
    loop {
        match hiscore_log::open(&url, &options).await {
            // It was just started, on a busy machine.
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => {}
            other => return other,
        }
    }
}

fn admin(kafka: &Kafka) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", kafka.servers()).create().expect("a client")
}

/// Makes a topic as an operator would, who knows nothing of what it is for.
async fn make(kafka: &Kafka, topic: &str, replicas: i32, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, 3, TopicReplication::Fixed(replicas));
    let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let results = admin(kafka).create_topics([&new], &AdminOptions::new()).await.expect("an answer");
        match &results[0] {
            Ok(_) => return,
            // It is still being deleted.
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Appends until that is refused for good, and says why.
async fn refused_for_good(log: &dyn Log) -> LogError {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match log.append(0, entry(1, 0)).await {
            Ok(_) | Err(LogError::Unavailable(_) | LogError::Ambiguous(_)) => {
                assert!(Instant::now() < deadline, "it still takes entries, or only for now not");
            }
            Err(error) => return error,
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_broker_is_killed_and_comes_back() {
    if servers::missing("kafka") {
        return;
    }
    let _alone = ALONE.lock().await;
    let kafka = Kafka::start(1);
    let log = open(&kafka, options()).await.unwrap();
    let load = Load::start(&log, WRITERS);
    load.until_more("appends", 300).await;
    kafka.kill(0);
    load.until("refusals", |_, refused, _| refused >= 50).await;
    kafka.restart(0);
    load.until_more("appends after the restart", 300).await;
    load.check().await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_broker_stands_still_for_a_while() {
    if servers::missing("kafka") {
        return;
    }
    let _alone = ALONE.lock().await;
    let kafka = Kafka::start(1);
    let log = open(&kafka, options()).await.unwrap();
    let load = Load::start(&log, WRITERS);
    load.until_more("appends", 300).await;
    kafka.pause(0);
    // What was sent is ambiguous, and from then on nothing is sent.
    load.until("ambiguous answers, then refusals", |_, refused, ambiguous| {
        ambiguous >= WRITERS && refused >= 50
    })
    .await;
    kafka.resume(0);
    load.until_more("appends after the pause", 300).await;
    load.check().await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_brokers_one_may_be_killed() {
    if servers::missing("kafka") {
        return;
    }
    let _alone = ALONE.lock().await;
    let kafka = Kafka::start(3);
    make(&kafka, "scores.g2", 3, &[("min.insync.replicas", "1")]).await;
    let mut careless = options();
    careless.generation = 2;
    let error = open(&kafka, careless).await.map(drop).unwrap_err();
    assert!(matches!(&error, LogError::Invalid(why) if why.contains("min.insync.replicas=1")), "{error}");

    let log = open(&kafka, options()).await.unwrap();
    let load = Load::start(&log, WRITERS);
    load.until_more("appends", 300).await;
    let leader = kafka.leader("scores.g1", 0);
    kafka.kill(leader);
    load.until_more("appends without a broker", 300).await;
    // With one left of three, nothing may be confirmed.
    let second = kafka.leader("scores.g1", 0);
    kafka.kill(second);
    load.until("refusals", |_, refused, _| refused >= 50).await;
    kafka.restart(leader);
    kafka.restart(second);
    load.until_more("appends with all of them", 300).await;
    load.check().await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_deleted_and_made_again_is_refused() {
    if servers::missing("kafka") {
        return;
    }
    let _alone = ALONE.lock().await;
    let kafka = Kafka::start(1);
    let log = open(&kafka, options()).await.unwrap();
    let mut reader = log.reader(0, None).await.unwrap();
    for number in 0..10 {
        append(log.as_ref(), 0, entry(0, number)).await;
    }
    assert_eq!(read(reader.as_mut(), 10, 1 << 20).await.len(), 10);
    admin(&kafka).delete_topics(&["scores.g1"], &AdminOptions::new()).await.unwrap();
    let settings =
        [("retention.ms", "-1"), ("retention.bytes", "-1"), ("message.timestamp.type", "LogAppendTime")];
    make(&kafka, "scores.g1", 1, &settings).await;

    let mut known = options();
    known.expect = Expect::Known(id(1));
    let error = open(&kafka, known).await.map(drop).unwrap_err();
    assert!(matches!(error, LogError::Foreign { .. }), "{error}");

    // Who has it open notices too: offsets that were given are given again.
    let error = refused_for_good(log.as_ref()).await;
    assert!(matches!(error, LogError::Foreign { .. } | LogError::Gone(_)), "{error}");
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        match reader.next(1 << 20, Duration::from_secs(1)).await {
            Ok(some) => assert!(some.is_empty(), "entries of another log: {some:?}"),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => break error,
        }
        assert!(Instant::now() < deadline, "the reader does not notice");
    };
    assert!(matches!(error, LogError::Behind { applied: 9, .. } | LogError::Gone(_)), "{error}");
    log.close().await;
}
