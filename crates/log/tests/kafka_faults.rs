//! Kafka fails while entries are appended, and nothing that was confirmed is lost, doubled or out of order.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use hiscore_faults::servers::{self, Kafka};
use hiscore_log::suite::tried::{PATIENCE, append, entry, id, read};
use hiscore_log::{Expect, Log, LogError, Options};
use load::{ALONE, Load, notices, options, refused_for_good, through_a_kill, through_a_pause};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tokio::time::{Instant, sleep};

async fn open(kafka: &Kafka, options: Options) -> Result<Arc<dyn Log>, LogError> {
    load::open(&kafka.url("scores"), &options).await
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

#[tokio::test(flavor = "multi_thread")]
async fn the_only_broker_is_killed_and_comes_back() {
    if servers::missing("kafka") {
        return;
    }
    let _alone = ALONE.lock().await;
    let kafka = Kafka::start(1);
    let log = open(&kafka, options(Expect::Fresh(id(1)))).await.unwrap();
    through_a_kill(&log, || kafka.kill(0), || kafka.restart(0)).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_broker_stands_still_for_a_while() {
    if servers::missing("kafka") {
        return;
    }
    let _alone = ALONE.lock().await;
    let kafka = Kafka::start(1);
    let log = open(&kafka, options(Expect::Fresh(id(1)))).await.unwrap();
    through_a_pause(&log, || kafka.pause(0), || kafka.resume(0)).await;
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
    let mut careless = options(Expect::Fresh(id(1)));
    careless.generation = 2;
    let error = open(&kafka, careless).await.map(drop).unwrap_err();
    assert!(matches!(&error, LogError::Invalid(why) if why.contains("min.insync.replicas=1")), "{error}");

    let log = open(&kafka, options(Expect::Fresh(id(1)))).await.unwrap();
    let load = Load::start(&log).await;
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
    let log = open(&kafka, options(Expect::Fresh(id(1)))).await.unwrap();
    let mut reader = log.reader(0, None).await.unwrap();
    for number in 0..10 {
        append(log.as_ref(), 0, entry(0, number)).await;
    }
    assert_eq!(read(reader.as_mut(), 10, 1 << 20).await.len(), 10);
    admin(&kafka).delete_topics(&["scores.g1"], &AdminOptions::new()).await.unwrap();
    let settings =
        [("retention.ms", "-1"), ("retention.bytes", "-1"), ("message.timestamp.type", "LogAppendTime")];
    make(&kafka, "scores.g1", 1, &settings).await;

    let error = open(&kafka, options(Expect::Known(id(1)))).await.map(drop).unwrap_err();
    assert!(matches!(error, LogError::Foreign { .. }), "{error}");

    // Who has it open notices too: offsets that were given are given again.
    let (error, _) = refused_for_good(log.as_ref()).await;
    assert!(matches!(error, LogError::Foreign { .. } | LogError::Gone(_)), "{error}");
    let error = notices(reader.as_mut()).await;
    assert!(matches!(error, LogError::Behind { applied: 9, .. } | LogError::Gone(_)), "{error}");
    log.close().await;
}
