//! What the tests of a log share: a deployment whose roles are processes of their own, and what Redis and a process say of
//! where each shard is in the log.

use std::sync::Arc;

use hiscore_faults::Process;
use hiscore_faults::servers::{self, Kafka, RabbitMq};
use hiscore_faults::wait::until;
use hiscore_log::{Expect, Log, LogError, Options};
use tokio::runtime::Runtime;

use crate::deployment::{Broker, Deployment, PATIENCE, SHARDS, missing};
use crate::load::{Load, Plan, Played};
use crate::wire::Level;

/// A Kafka of so many nodes, unless this machine has none.
pub(crate) fn kafka(nodes: usize) -> Option<Broker> {
    (!missing() && !servers::missing("kafka")).then(|| Broker::Kafka(Kafka::start(nodes)))
}

/// A RabbitMQ, unless this machine has none.
pub(crate) fn rabbitmq() -> Option<Broker> {
    (!missing() && !servers::missing("rabbitmq-server"))
        .then(|| Broker::RabbitMq(Box::new(RabbitMq::start())))
}

impl Deployment {
    /// The Kafka that it is behind.
    pub(crate) fn kafka(&self) -> &Kafka {
        match &self.log {
            Some(Broker::Kafka(kafka)) => kafka,
            other => panic!("it is behind {other:?}"),
        }
    }

    /// The RabbitMQ that it is behind.
    pub(crate) fn rabbitmq(&self) -> &RabbitMq {
        match &self.log {
            Some(Broker::RabbitMq(rabbit)) => rabbit,
            other => panic!("it is behind {other:?}"),
        }
    }

    /// What Redis has of a shard.
    pub(crate) fn of_shard(&self, shard: u16, field: &str) -> String {
        self.primary().command(&["HGET", &format!("{{hiscore:{shard}}}:m"), field])
    }

    /// How far Redis is in the log of a shard, if it serves that.
    pub(crate) fn applied(&self, shard: u16) -> Option<i64> {
        self.dirty_of(shard)?;
        self.of_shard(shard, "applied").parse().ok()
    }

    fn dirty_of(&self, shard: u16) -> Option<u64> {
        crate::deployment::dirty(self.primary(), shard)
    }

    /// Waits until no shard has anything in the log that was not applied.
    pub(crate) fn await_applied(&self, log: &Opened) {
        (0..SHARDS).for_each(|shard| {
            until("the log to be applied to its end", PATIENCE, || {
                let end = i64::try_from(log.bounds(shard)?.end).ok()?;
                (self.applied(shard)? >= end - 1).then_some(())
            });
        });
    }
}

/// The processes of a deployment behind a log.
pub(crate) struct Roles {
    pub(crate) ingest: Process,
    pub(crate) scoreboard: Process,
    pub(crate) persister: Process,
    pub(crate) applier: Process,
}

impl Roles {
    pub(crate) fn start(deployment: &Deployment) -> Self {
        let [ingest, scoreboard, persister, applier] =
            ["ingest", "scoreboard", "persist", "apply"].map(|role| deployment.listening(role, &[], &[]));
        let [ingest, scoreboard, persister, applier] =
            [ingest, scoreboard, persister, applier].map(Process::ready);
        Self { ingest, scoreboard, persister, applier }
    }

    /// Plays while `fault` does its work, and a while before and after it.
    pub(crate) fn play(&self, plan: Plan, fault: impl FnOnce(&Load)) -> Played {
        let load = Load::start(plan, &[&self.ingest]);
        load.await_acks(300);
        fault(&load);
        load.await_acks(300);
        let played = load.stop();
        println!("{played}");
        played
    }

    /// Checks that everything that was acknowledged is there, once it has settled.
    pub(crate) fn check(&self, deployment: &Deployment, played: &Played) {
        deployment.check_in_the_end(&self.scoreboard, &self.persister, played, Level::Logged);
    }
}

/// The log of a deployment, opened beside its processes.
pub(crate) struct Opened {
    pub(crate) runtime: Runtime,
    pub(crate) log: Arc<dyn Log>,
}

impl Opened {
    /// Opens the log that Redis names.
    pub(crate) fn of(deployment: &Deployment) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let url = deployment.log.as_ref().expect("a log").url().parse().expect("a URL");
        let name = until("a shard to join the log", PATIENCE, || {
            Some(deployment.of_shard(0, "log")).filter(|name| name.contains(':'))
        });
        let id = name.split_once(':').and_then(|(_, id)| id.parse().ok()).expect("a log's id");
        let options = Options::new(&deployment.of_shard(0, "deployment"), 1, SHARDS, Expect::Known(id));
        let log = until("the log to be opened", PATIENCE, || {
            match runtime.block_on(hiscore_log::open(&url, &options)) {
                Ok(log) => Some(log),
                Err(LogError::Unavailable(_)) => None,
                Err(error) => panic!("{error}"),
            }
        });
        Self { runtime, log }
    }

    /// What a shard holds.
    pub(crate) fn bounds(&self, shard: u16) -> Option<hiscore_log::Bounds> {
        self.runtime.block_on(self.log.bounds(shard)).ok()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.runtime.block_on(self.log.close());
    }
}

/// What a process says to whoever asks whether it is ready, and whether it is.
pub(crate) fn readiness(process: &Process) -> (bool, String) {
    let (status, text) = process.client().get("/readyz?verbose").expect("an answer");
    (status == 200, text)
}
