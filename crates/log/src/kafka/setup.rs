//! The topic: how it is made, and what it must be like.
//!
//! | setting | value | why |
//! |---|---|---|
//! | partitions | one a shard, and one for the certificate | the order is that of a partition |
//! | replication factor | 3, or as many as there are brokers | one may be lost |
//! | `min.insync.replicas` | 2, or 1 when there is one replica | what is acknowledged is on two |
//! | `unclean.leader.election.enable` | false | a replica that was behind never leads |
//! | `cleanup.policy`, `retention.ms`, `retention.bytes` | delete, -1, -1 | only what is persisted goes, when we say so |
//! | `message.timestamp.type` | LogAppendTime | a replay gives the stamps that were given first |
//! | `compression.type` | producer | nothing is packed again at the broker |
//! | `max.message.bytes` | 1048588, Kafka's default | a batch with the largest entry fits |

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::admin::{NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::client::{ANSWER, Client, options as request};
use super::errors;
use crate::contract::{Expect, LogError, MAX_ENTRY_BYTES, Options};

/// How long a new topic may take until all partitions are led.
const LED: Duration = Duration::from_secs(30);

/// Kafka's own default.
const MAX_MESSAGE_BYTES: usize = 1_048_588;

/// What the topic says of itself.
enum Found {
    Nothing {
        brokers: usize,
    },
    /// It is there, but a partition has no leader at this moment.
    Unled,
    Topic {
        partitions: usize,
        fewest_replicas: usize,
    },
}

/// Finds the topic, or makes it if none is expected, waits until it is led, and checks it. Says how many replicas must be
/// in step for an append.
pub(super) async fn topic(client: &Client, options: &Options) -> Result<usize, LogError> {
    let deadline = Instant::now() + LED;
    let mut made = false;
    loop {
        match look(client).await? {
            Found::Topic { partitions, fewest_replicas } => {
                return check(client, options, partitions, fewest_replicas).await;
            }
            Found::Nothing { .. } if matches!(options.expect, Expect::Known(_)) => {
                return Err(LogError::Gone(format!("Kafka has no topic {}", client.topic)));
            }
            Found::Nothing { brokers } if !made => {
                match make(client, options, brokers).await {
                    Ok(()) => made = true,
                    // It may have been made all the same.
                    Err(LogError::Unavailable(_)) if Instant::now() < deadline => {}
                    Err(error) => return Err(error),
                }
            }
            Found::Nothing { .. } | Found::Unled => {}
        }
        if Instant::now() > deadline {
            return Err(LogError::Unavailable(format!("a partition of {} has no leader", client.topic)));
        }
        // The brokers tell nothing by themselves.
        sleep(Duration::from_millis(50)).await;
    }
}

async fn look(client: &Client) -> Result<Found, LogError> {
    let metadata = match client.metadata(ANSWER).await {
        Ok(metadata) => metadata,
        Err(LogError::Gone(_)) => return Ok(Found::Nothing { brokers: 1 }),
        Err(error) => return Err(error),
    };
    let topic = metadata.topics().iter().find(|topic| topic.name() == client.topic);
    let Some(topic) = topic else { return Ok(Found::Nothing { brokers: metadata.brokers().len() }) };
    match topic.error() {
        None => {}
        Some(
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
        ) => return Ok(Found::Nothing { brokers: metadata.brokers().len() }),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) => return Ok(Found::Unled),
        Some(other) => {
            return Err(errors::of_request(&KafkaError::MetadataFetch(other.into())));
        }
    }
    Ok(found(topic))
}

fn found(topic: &MetadataTopic) -> Found {
    let partitions = topic.partitions();
    if partitions.is_empty() || partitions.iter().any(|partition| partition.leader() < 0) {
        return Found::Unled;
    }
    let fewest_replicas = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
    Found::Topic { partitions: partitions.len(), fewest_replicas }
}

async fn make(client: &Client, options: &Options, brokers: usize) -> Result<(), LogError> {
    let replicas = options.replicas.map_or(brokers.clamp(1, 3), usize::from);
    let in_step = replicas.min(2).to_string();
    let largest = MAX_MESSAGE_BYTES.to_string();
    let topic = NewTopic::new(
        &client.topic,
        i32::from(options.shards) + 1,
        TopicReplication::Fixed(i32::try_from(replicas).unwrap_or(i32::MAX)),
    )
    .set("min.insync.replicas", &in_step)
    .set("unclean.leader.election.enable", "false")
    .set("cleanup.policy", "delete")
    .set("retention.ms", "-1")
    .set("retention.bytes", "-1")
    .set("message.timestamp.type", "LogAppendTime")
    .set("compression.type", "producer")
    .set("max.message.bytes", &largest);
    let results = client.admin().create_topics([&topic], &request()).await;
    for result in results.map_err(|error| errors::of_request(&error))? {
        match result {
            Ok(_) => info!(topic = client.topic, replicas, "the topic of the log was made"),
            // Another process was first.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(errors::of_request(&KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

async fn check(
    client: &Client,
    options: &Options,
    partitions: usize,
    fewest_replicas: usize,
) -> Result<usize, LogError> {
    let topic = &client.topic;
    let wanted = usize::from(options.shards) + 1;
    if partitions != wanted {
        return Err(LogError::Invalid(format!(
            "the topic {topic} has {partitions} partitions, not {wanted} (one a shard, and one more)"
        )));
    }
    let described = client.admin().describe_configs([&ResourceSpecifier::Topic(topic)], &request()).await;
    let described = described.map_err(|error| errors::of_request(&error))?;
    let mut settings = HashMap::new();
    for resource in described {
        let resource = resource.map_err(|code| errors::of_request(&KafkaError::AdminOp(code)))?;
        settings
            .extend(resource.entries.into_iter().map(|entry| (entry.name, entry.value.unwrap_or_default())));
    }
    if let Some(fault) = fault(&settings, fewest_replicas) {
        return Err(LogError::Invalid(format!("the topic {topic} {fault}")));
    }
    if fewest_replicas < 2 {
        warn!(
            topic,
            "the log has one replica: what it acknowledges does not survive the loss of that broker"
        );
    }
    Ok(settings.get("min.insync.replicas").and_then(|value| value.parse().ok()).unwrap_or(1))
}

/// What is wrong with a topic's settings, if anything is.
fn fault(settings: &HashMap<String, String>, replicas: usize) -> Option<String> {
    let value = |name: &str| settings.get(name).map_or("", String::as_str);
    let number = |name: &str| value(name).parse::<usize>().unwrap_or(0);
    let in_step = number("min.insync.replicas");
    if replicas > 1 && in_step < 2 {
        return Some(format!(
            "has min.insync.replicas={in_step} with {replicas} replicas: an acknowledged entry could be on one broker alone; \
             set it to 2 at least"
        ));
    }
    if in_step > replicas {
        return Some(format!(
            "has min.insync.replicas={in_step} with {replicas} replicas: nothing could be appended"
        ));
    }
    for (name, wanted) in [
        ("unclean.leader.election.enable", "false"),
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("message.timestamp.type", "LogAppendTime"),
    ] {
        if value(name) != wanted {
            return Some(format!("has {name}={}, and has to have {wanted}", value(name)));
        }
    }
    // With what a batch has around it.
    let least = MAX_ENTRY_BYTES + 4096;
    let largest = number("max.message.bytes");
    (largest < least).then(|| format!("has max.message.bytes={largest}, and has to have {least} at least"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(changes: &[(&str, &str)]) -> HashMap<String, String> {
        let good = [
            ("min.insync.replicas", "2"),
            ("unclean.leader.election.enable", "false"),
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
            ("message.timestamp.type", "LogAppendTime"),
            ("max.message.bytes", "1048588"),
        ];
        let all = good.iter().chain(changes);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_would_lose_entries_is_named() {
        assert_eq!(fault(&settings(&[]), 3), None);
        assert_eq!(fault(&settings(&[("min.insync.replicas", "1")]), 1), None);
        for (name, value, replicas) in [
            ("min.insync.replicas", "1", 3),
            ("min.insync.replicas", "1", 2),
            ("min.insync.replicas", "2", 1),
            ("unclean.leader.election.enable", "true", 3),
            ("cleanup.policy", "compact", 3),
            ("retention.ms", "604800000", 3),
            ("retention.bytes", "1000", 3),
            ("message.timestamp.type", "CreateTime", 3),
            ("max.message.bytes", "1000", 3),
        ] {
            let fault = fault(&settings(&[(name, value)]), replicas).unwrap();
            assert!(fault.contains(name) && fault.contains(value), "{fault}");
        }
    }
}
