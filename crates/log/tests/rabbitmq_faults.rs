//! RabbitMQ fails while entries are appended, and nothing that was confirmed is lost, doubled or out of order.
#![cfg(feature = "rabbitmq")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod load;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hiscore_faults::servers::{self, Host, RabbitMq, RabbitMqCluster};
use hiscore_log::suite::tried::{append, entry, id, read};
use hiscore_log::{Bounds, Expect, Log, LogError, Retention};
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use load::{ALONE, Load, PAUSE, notices, options, refused_for_good, through_a_kill, through_a_pause};
use tokio_util::sync::CancellationToken;

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

/// While another stream is appended to as well: RabbitMQ 3.10 numbers what it sends to the new leader by channel, not by stream.
#[tokio::test(flavor = "multi_thread")]
async fn the_leader_of_a_stream_dies_while_another_is_appended_to() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let cluster = RabbitMqCluster::on(&[Host::here(), Host::here(), Host::here()]);
    let log = load::open(&cluster.url(), &options(Expect::Fresh(id(1)))).await.unwrap();
    cluster.sync();
    let end = CancellationToken::new();
    let beside = tokio::spawn({
        let (log, end) = (Arc::clone(&log), end.clone());
        async move {
            for number in (0..).take_while(|_| !end.is_cancelled()) {
                if log.append(1, entry(1, number)).await.is_err() {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    let load = Load::start(&log).await;
    cluster.nodes()[cluster.leader("hiscore.g1.0")].kill();
    load.until_more("appends with another leader", 1_000).await;
    load.check().await;
    end.cancel();
    beside.await.unwrap();
    log.close().await;
}

/// As a node shows it for a while when the stream got another leader: an empty certificate is no other log's.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_seen_is_waited_for() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let rabbit = RabbitMq::start();
    let log = open(&rabbit, Expect::Fresh(id(1))).await.unwrap();
    append(log.as_ref(), 0, entry(0, 0)).await;

    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(&rabbit.url(), properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let stream = "hiscore.g1.certificate";
    let certificate = the_first_entry(&channel, stream).await;
    make_again(&rabbit, &channel, stream, log.retention()).await;

    let unseen = log.reader(0, None).await.map(drop).unwrap_err();
    assert!(matches!(unseen, LogError::Unavailable(_)), "{unseen}");
    let url = rabbit.url().parse().unwrap();
    let unseen = hiscore_log::open(&url, &options(Expect::Known(id(1)))).await.map(drop).unwrap_err();
    assert!(matches!(unseen, LogError::Unavailable(_)), "{unseen}");

    let publish = BasicPublishOptions::default();
    let properties = lapin::BasicProperties::default();
    channel.basic_publish("".into(), stream.into(), publish, &certificate, properties).await.unwrap();
    let again = open(&rabbit, Expect::Known(id(1))).await.unwrap();
    let mut reader = again.reader(0, None).await.unwrap();
    assert_eq!(read(reader.as_mut(), 1, 1 << 20).await.len(), 1);
    again.close().await;
    log.close().await;
    connection.close(200, "".into()).await.unwrap();
}

/// What a node shows of a shard then is not taken for the end of it: a rebuild would count as done before it has begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_cannot_be_seen_is_not_empty() {
    if servers::missing("rabbitmq-server") {
        return;
    }
    let _alone = ALONE.lock().await;
    let rabbit = RabbitMq::start();
    let log = open(&rabbit, Expect::Fresh(id(1))).await.unwrap();
    let begun = Instant::now();
    assert_eq!(log.bounds(1).await, Ok(Bounds { first: 0, end: 0 }));
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it counts as empty only when it has shown nothing for so long"
    );
    for number in 0..3 {
        append(log.as_ref(), 0, entry(0, number)).await;
    }
    assert_eq!(log.bounds(0).await, Ok(Bounds { first: 0, end: 3 }));
    // By somebody who only reads.
    let other = open(&rabbit, Expect::Known(id(1))).await.unwrap();
    let mut reader = other.reader(0, None).await.unwrap();
    assert_eq!(read(reader.as_mut(), 3, 1 << 20).await.len(), 3);

    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(&rabbit.url(), properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    make_again(&rabbit, &channel, "hiscore.g1.0", log.retention()).await;
    for log in [&log, &other] {
        let unseen = log.bounds(0).await.unwrap_err();
        assert!(matches!(unseen, LogError::Unavailable(_)), "{unseen}");
    }
    for _ in 0..3 {
        let (publish, properties) = (BasicPublishOptions::default(), lapin::BasicProperties::default());
        let stream = "hiscore.g1.0".into();
        channel.basic_publish("".into(), stream, publish, b"entry", properties).await.unwrap();
    }
    assert_eq!(log.bounds(0).await.unwrap().end, 3, "it is seen again");
    other.close().await;
    log.close().await;
    connection.close(200, "".into()).await.unwrap();
}

/// A stream that was there is there again, and empty.
async fn make_again(rabbit: &RabbitMq, channel: &lapin::Channel, stream: &str, retention: Retention) {
    rabbit.control(&["delete_queue", stream]);
    let mut kind = FieldTable::default();
    kind.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    kind.insert("x-queue-leader-locator".into(), AMQPValue::LongString("least-leaders".into()));
    let Retention::Bytes { shard, segment } = retention else { panic!("{retention:?}") };
    for (name, bytes) in [("x-max-length-bytes", shard), ("x-stream-max-segment-size-bytes", segment)] {
        kind.insert(name.into(), AMQPValue::LongLongInt(bytes.try_into().unwrap()));
    }
    channel.queue_declare(stream.into(), QueueDeclareOptions::durable(), kind).await.unwrap();
}

async fn the_first_entry(channel: &lapin::Channel, stream: &str) -> Vec<u8> {
    channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let mut from = FieldTable::default();
    from.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let consume = BasicConsumeOptions::default();
    let mut consumer = channel.basic_consume(stream.into(), "".into(), consume, from).await.unwrap();
    consumer.next().await.unwrap().unwrap().data.to_vec()
}
