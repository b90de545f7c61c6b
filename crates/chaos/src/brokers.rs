//! The log of a deployment: three brokers of Kafka or of RabbitMQ, and their faults.

use std::time::{Duration, Instant};

use hiscore_faults::servers::{Host, Kafka, RabbitMqCluster};

use crate::fault::{Fault, Profile};
use crate::inject::{Broken, in_halts, wait_for};
use crate::schedule::Step;

/// What the topic is called, and what the streams begin with.
const NAME: &str = "scores";

/// Brokers that run.
#[derive(Debug)]
pub(crate) enum Brokers {
    Kafka(Kafka),
    RabbitMq(RabbitMqCluster),
}

impl Brokers {
    /// Those of a profile, `how_many` of Kafka, if it has any.
    pub(crate) fn start(profile: Profile, hosts: &[Host], how_many: usize) -> Option<Self> {
        match profile {
            Profile::Embedded | Profile::Direct | Profile::DirectCluster => None,
            Profile::Logged => Some(Self::Kafka(Kafka::on(&hosts[..how_many], ""))),
            Profile::LoggedRabbitMq => Some(Self::RabbitMq(RabbitMqCluster::on(hosts))),
        }
    }

    /// As `--log-url` takes it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Kafka(kafka) => kafka.url(NAME),
            Self::RabbitMq(rabbit) => format!("{}?prefix={NAME}", rabbit.url()),
        }
    }

    /// Once the log is made: RabbitMQ 3.10 writes down some seconds later which streams it coordinates, and a node that is killed
    /// before does not know.
    pub(crate) fn settle(&self) {
        if let Self::RabbitMq(rabbit) = self {
            rabbit.sync();
        }
    }

    /// Everything that they wrote, by name.
    pub(crate) fn logs(&self) -> Vec<(String, String)> {
        let log = |at| match self {
            Self::Kafka(kafka) => (format!("kafka-{at}"), kafka.log(at)),
            Self::RabbitMq(rabbit) => (format!("rabbitmq-{at}"), rabbit.nodes()[at].log()),
        };
        (0..self.len()).map(log).collect()
    }

    /// Waits until all of them are one cluster, and each has everything of the log.
    pub(crate) fn await_whole(&self) {
        match self {
            Self::Kafka(kafka) => {
                kafka.await_all();
                kafka.await_in_step(&format!("{NAME}.g1"));
            }
            Self::RabbitMq(rabbit) => rabbit.await_all(),
        }
        // Replicas that are in step again are told to the controller within a moment.
        wait_for(Instant::now() + Duration::from_millis(200));
    }

    /// Breaks one or all of them, mends that, and waits until they are whole again.
    pub(crate) fn break_some(&self, step: &Step) -> Broken {
        let leader = self.leader(step.target % usize::from(crate::field::SHARDS));
        let begun = Instant::now();
        let end = begun + Duration::from_millis(step.lasts);
        match step.fault {
            Fault::BrokerKill => {
                self.kill(leader);
                wait_for(end);
                self.restart(leader);
            }
            Fault::BrokerPause => {
                self.pause(leader);
                wait_for(end);
                self.resume(leader);
            }
            _ => {
                let each = |what: fn(&Self, usize)| (0..self.len()).for_each(|node| what(self, node));
                in_halts(end, || each(Self::pause), || each(Self::resume));
            }
        }
        let healed = Instant::now();
        self.await_whole();
        Broken { begun, healed }
    }

    fn len(&self) -> usize {
        match self {
            Self::Kafka(kafka) => kafka.len(),
            Self::RabbitMq(rabbit) => rabbit.nodes().len(),
        }
    }

    /// Which one leads the log of a shard.
    fn leader(&self, shard: usize) -> usize {
        match self {
            Self::Kafka(kafka) => kafka.leader(&format!("{NAME}.g1"), shard),
            Self::RabbitMq(rabbit) => rabbit.leader(&format!("{NAME}.g1.{shard}")),
        }
    }

    fn kill(&self, node: usize) {
        match self {
            Self::Kafka(kafka) => kafka.kill(node),
            Self::RabbitMq(rabbit) => rabbit.nodes()[node].kill(),
        }
    }

    fn restart(&self, node: usize) {
        match self {
            Self::Kafka(kafka) => kafka.restart(node),
            Self::RabbitMq(rabbit) => rabbit.nodes()[node].restart(),
        }
    }

    fn pause(&self, node: usize) {
        match self {
            Self::Kafka(kafka) => kafka.pause(node),
            Self::RabbitMq(rabbit) => rabbit.nodes()[node].pause(),
        }
    }

    fn resume(&self, node: usize) {
        match self {
            Self::Kafka(kafka) => kafka.resume(node),
            Self::RabbitMq(rabbit) => rabbit.nodes()[node].resume(),
        }
    }
}
