//! A real Kafka of a test's own, one node or several, without ZooKeeper.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::daemon::{Daemon, PATIENCE, free_port};
use super::host::Host;
use super::kafka_wire;
use crate::wait::until;

/// Any will do, but all nodes need the same: 16 bytes in base64.
const CLUSTER: &str = "aGlzY29yZS1mYXVsdHMtMQ";

/// For a question that a paused node must not hold up.
const SHORT: Duration = Duration::from_millis(500);

/// A running Kafka (KRaft) on 127.0.0.1, each node both broker and controller. A node counts as gone after 6 s. Killed,
/// and its folders removed, when dropped.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Daemon>,
}

/// Kafka's archives, when this machine has them and a Java: what `HISCORE_KAFKA` names, or what `scripts/servers.sh`
/// installed.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = match super::set("HISCORE_KAFKA") {
        Some(named) => PathBuf::from(named),
        None => super::tools()?.join("kafka"),
    };
    (folder.is_dir() && super::on_path("java").is_some()).then_some(folder)
}

impl Kafka {
    /// Starts 1 or 3 nodes and waits until all of them take requests.
    ///
    /// # Panics
    /// When there is no Kafka here (see [`super::missing`]), or that takes more than a minute.
    pub fn start(nodes: usize) -> Self {
        Self::with(nodes, "")
    }

    /// Starts them with more lines in their `server.properties`; a later line counts.
    pub fn with(nodes: usize, settings: &str) -> Self {
        Self::on(&vec![Host::here(); nodes], settings)
    }

    /// Starts one on each of 1 or 3 hosts.
    pub fn on(hosts: &[Host], settings: &str) -> Self {
        let nodes = hosts.len();
        let controllers: Vec<u16> = (0..nodes).map(|_| free_port()).collect();
        let voters: Vec<String> = controllers
            .iter()
            .enumerate()
            .map(|(node, port)| format!("{node}@{}", hosts[node].at(*port)))
            .collect();
        let start = |node: usize| {
            let (host, controller) = (&hosts[node], controllers[node]);
            let arguments = |port: u16, folder: &Path| {
                let file = folder.join("server.properties");
                let fixed =
                    properties(node, nodes, [host.at(port), host.at(controller)], &voters.join(","), folder);
                std::fs::write(&file, fixed + settings).expect("the settings can be written");
                let file = file.to_string_lossy().into_owned();
                format_storage(folder, &file);
                let mut arguments = java(folder);
                arguments.extend(["kafka.Kafka".to_owned(), file]);
                arguments
            };
            let binary = super::on_path("java").expect("no java; run scripts/servers.sh");
            // No broker answers before there is a majority of controllers.
            Daemon::start_on(host, &binary, arguments, |_, _| {
                TcpStream::connect_timeout(&host.at(controller), SHORT).is_ok()
            })
        };
        let kafka = Self { nodes: (0..nodes).map(start).collect() };
        kafka.await_all();
        kafka
    }

    /// `kafka://127.0.0.1:PORT,127.0.0.1:PORT.../TOPIC`
    pub fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.servers())
    }

    /// `127.0.0.1:PORT,127.0.0.1:PORT...`
    pub fn servers(&self) -> String {
        let addresses: Vec<String> = (0..self.len()).map(|node| self.address(node).to_string()).collect();
        addresses.join(",")
    }

    /// How many nodes it has.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Where a node listens.
    pub fn address(&self, node: usize) -> SocketAddr {
        self.nodes[node].address()
    }

    /// Waits until every running node answers and knows of as many brokers as run.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_all(&self) {
        let running: Vec<usize> = (0..self.len()).filter(|&node| self.is_running(node)).collect();
        until("every broker of Kafka to know the others", PATIENCE, || {
            running
                .iter()
                .all(|&node| {
                    kafka_wire::metadata(self.address(node), None, SHORT)
                        .is_ok_and(|metadata| metadata.brokers == running.len())
                })
                .then_some(())
        });
    }

    /// The node that leads a partition, as most recently told by a node that answers. Waits until there is one.
    ///
    /// # Panics
    /// When there is none for a minute.
    pub fn leader(&self, topic: &str, partition: usize) -> usize {
        until("a partition to have a leader", PATIENCE, || {
            let told = |node| kafka_wire::metadata(self.address(node), Some(topic), SHORT).ok();
            let metadata = (0..self.len()).filter(|&node| self.is_running(node)).find_map(told)?;
            let leader = usize::try_from(metadata.partitions.get(partition)?.leader).ok()?;
            self.nodes.get(leader)?.is_running().then_some(leader)
        })
    }

    /// Waits until each partition of a topic has as many replicas in step as there are nodes running.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub fn await_in_step(&self, topic: &str) {
        let running = (0..self.len()).filter(|&node| self.is_running(node)).count();
        until("every replica to be in step", PATIENCE, || {
            let told = |node| kafka_wire::metadata(self.address(node), Some(topic), SHORT).ok();
            let metadata = (0..self.len()).filter(|&node| self.is_running(node)).find_map(told)?;
            let in_step = metadata.partitions.iter().all(|partition| partition.in_step >= running);
            (in_step && !metadata.partitions.is_empty()).then_some(())
        });
    }

    /// A tool of Kafka's own by the name of its class, to be given its arguments:
    /// `org.apache.kafka.tools.ProducerPerformance`.
    pub fn tool(class: &str) -> Command {
        let mut command = Command::new("java");
        let folder = folder().expect("no Kafka; run scripts/servers.sh");
        command.args(["-Xmx256m", "-cp", &format!("{}/*", folder.display()), class]);
        command
    }

    /// Ends a node on the spot (SIGKILL).
    pub fn kill(&self, node: usize) {
        self.nodes[node].kill();
    }

    /// Stops a node where it is (SIGSTOP): its connections stay, and nothing answers.
    pub fn pause(&self, node: usize) {
        self.nodes[node].pause();
    }

    /// Lets a paused node go on.
    pub fn resume(&self, node: usize) {
        self.nodes[node].resume();
    }

    /// Starts a node again after [`Kafka::kill`], with the port and the folder that it had, and waits until it answers.
    pub fn restart(&self, node: usize) {
        let answers = |_, _| kafka_wire::metadata(self.address(node), None, SHORT).is_ok();
        self.nodes[node].restart(answers);
    }

    /// Whether a node's process is there, paused or not.
    pub fn is_running(&self, node: usize) -> bool {
        self.nodes[node].is_running()
    }

    /// A node's process id, unless it was killed.
    pub fn id(&self, node: usize) -> Option<u32> {
        self.nodes[node].id()
    }

    /// Where a node's files are.
    pub fn folder(&self, node: usize) -> &Path {
        self.nodes[node].folder()
    }

    /// Everything a node wrote to its log.
    pub fn log(&self, node: usize) -> String {
        self.nodes[node].log()
    }
}

/// Java's arguments up to the name of the class.
fn java(folder: &Path) -> Vec<String> {
    let archives = self::folder().expect("no Kafka; run scripts/servers.sh");
    // The program's log goes where all of its output goes.
    let log = folder.join("log4j2.properties");
    std::fs::write(
        &log,
        "appender.out.type = Console\nappender.out.name = out\nappender.out.layout.type = PatternLayout\n\
         appender.out.layout.pattern = %d %p %m (%c)%n\nrootLogger.level = warn\nrootLogger.appenderRef.out.ref = out\n",
    )
    .expect("the log's settings can be written");
    vec![
        "-Xmx400m".to_owned(),
        "-XX:+UseSerialGC".to_owned(),
        // Ready sooner: tests start many.
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-Xshare:auto".to_owned(),
        format!("-Dlog4j2.configurationFile={}", log.display()),
        "-cp".to_owned(),
        format!("{}/*", archives.display()),
    ]
}

/// Writes what a node must find in its folder.
fn format_storage(folder: &Path, file: &str) {
    let output = Command::new("java")
        .args(java(folder))
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", file])
        .output()
        .expect("java can be started");
    assert!(
        output.status.success(),
        "Kafka's folder could not be made: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn properties(
    node: usize,
    nodes: usize,
    [broker, controller]: [SocketAddr; 2],
    voters: &str,
    folder: &Path,
) -> String {
    let in_step = nodes.div_ceil(2);
    format!(
        "process.roles=broker,controller\n\
         node.id={node}\n\
         listeners=PLAINTEXT://{broker},CONTROLLER://{controller}\n\
         advertised.listeners=PLAINTEXT://{broker}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         controller.quorum.voters={voters}\n\
         log.dirs={}\n\
         num.network.threads=2\n\
         num.io.threads=2\n\
         default.replication.factor={nodes}\n\
         min.insync.replicas={in_step}\n\
         offsets.topic.replication.factor={nodes}\n\
         offsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor={nodes}\n\
         transaction.state.log.min.isr={in_step}\n\
         share.coordinator.state.topic.replication.factor={nodes}\n\
         share.coordinator.state.topic.min.isr={in_step}\n\
         group.initial.rebalance.delay.ms=0\n\
         broker.session.timeout.ms=6000\n\
         broker.heartbeat.interval.ms=1000\n\
         replica.lag.time.max.ms=6000\n\
         controlled.shutdown.enable=false\n\
         log.cleaner.enable=false\n\
         log.retention.check.interval.ms=1000\n\
         log.initial.task.delay.ms=500\n\
         file.delete.delay.ms=500\n",
        folder.join("data").display()
    )
}
