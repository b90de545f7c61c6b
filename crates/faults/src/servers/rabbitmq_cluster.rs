//! A real RabbitMQ of several nodes of a test's own.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;

use super::daemon::{PATIENCE, free_port};
use super::host::Host;
use super::rabbitmq::{Node, RabbitMq, port_mapper};
use crate::wait::until;

/// Nodes that know each other. Killed, and their folders removed, when dropped.
#[derive(Debug)]
pub struct RabbitMqCluster {
    nodes: Vec<RabbitMq>,
}

impl RabbitMqCluster {
    /// Starts a node on each of these hosts, and waits until all of them are one cluster.
    ///
    /// # Panics
    /// When there is none here (see [`super::missing`]), or that takes more than a minute.
    pub fn on(hosts: &[Host]) -> Self {
        // All find each other at the same port, each at its own address.
        let mapper = free_port();
        let nodes: Vec<Node> = (1..)
            .zip(hosts)
            .map(|(nth, host)| Node {
                name: format!("hiscore-{mapper}-{nth}@{}", host.address()),
                host: host.clone(),
                mapper,
            })
            .collect();
        let discovery = "cluster_formation.peer_discovery_backend = classic_config\n";
        let named = (1..)
            .zip(&nodes)
            .map(|(nth, node)| format!("cluster_formation.classic_config.nodes.{nth} = {}\n", node.name));
        // Clients come from other addresses; and what becomes of streams is told below the level of warnings.
        let settings = format!(
            "loopback_users = none\nlog.console.level = info\n{discovery}{}",
            named.collect::<String>()
        );
        let mut mappers = BTreeMap::new();
        for host in hosts {
            mappers.entry(host.address()).or_insert_with(|| port_mapper(host, mapper));
        }
        // Each waits for the others.
        let nodes = std::thread::scope(|scope| {
            let start = |node: Node| {
                let (mapper, settings) = (mappers[&node.host.address()].clone(), &settings);
                scope.spawn(move || RabbitMq::launch(node, mapper, settings))
            };
            let threads: Vec<_> = nodes.into_iter().map(start).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a node did not start; see above"))
                .collect()
        });
        let cluster = Self { nodes };
        cluster.await_all();
        cluster
    }

    /// `amqp://guest:guest@IP:PORT,IP:PORT,.../%2f`
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        format!("amqp://guest:guest@{}/%2f", addresses.join(","))
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[RabbitMq] {
        &self.nodes
    }

    /// Waits until a node that runs knows of all that run, and every stream has a replica on each of them that is in the cluster.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_all(&self) {
        let running: Vec<&RabbitMq> = self.nodes.iter().filter(|node| node.is_running()).collect();
        let Some(one) = running.first() else { return };
        let online = "[length(rabbit_nodes:all_running())] ++ [length(proplists:get_value(online, \
             rabbit_amqqueue:info(Q, [online]), [])) || Q <- rabbit_amqqueue:list()].";
        until("every node of RabbitMQ to have every stream", PATIENCE, || {
            let counts = one.try_control(&["eval", online])?;
            let mut counts = counts.trim().trim_matches(['[', ']']).split(',').map(str::trim);
            counts.all(|count| count.parse() == Ok(running.len())).then_some(())
        });
    }

    /// The node that leads a stream. Waits until there is one that runs.
    ///
    /// # Panics
    /// When there is none for a minute.
    pub fn leader(&self, stream: &str) -> usize {
        let all = "[{element(4, amqqueue:get_name(Q)), proplists:get_value(leader, \
             rabbit_amqqueue:info(Q, [leader]))} || Q <- rabbit_amqqueue:list()].";
        until("a stream to have a leader", PATIENCE, || {
            let one = self.nodes.iter().find(|node| node.is_running())?;
            let streams = one.try_control(&["eval", all])?;
            let of = streams.split('{').find(|of| of.contains(&format!("\"{stream}\"")))?;
            let named = |node: &&RabbitMq| of.contains(&format!("'{}'", node.name()));
            let leader = self.nodes.iter().find(named)?;
            leader
                .is_running()
                .then(|| self.nodes.iter().position(|node| node.name() == leader.name()))
                .flatten()
        })
    }

    /// Has each node that runs write to disk what there is besides the entries: see [`RabbitMq::sync`].
    pub fn sync(&self) {
        self.nodes.iter().filter(|node| node.is_running()).for_each(RabbitMq::sync);
    }
}
