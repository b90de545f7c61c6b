//! A real RabbitMQ of a test's own.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use super::daemon::{Daemon, PATIENCE, free_port};
use super::host::Host;
use crate::wait::until;

/// Where Debian puts it: the script of the same name on the `PATH` is for the service, and becomes another user.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";

/// For a question that a paused server must not hold up.
const SHORT: Duration = Duration::from_millis(500);

/// A running RabbitMQ on 127.0.0.1 with no plugin, and an Erlang port mapper of its own. Killed, and its folder
/// removed, when dropped.
#[derive(Debug)]
pub struct RabbitMq {
    // Before the port mapper, so that it ends first.
    server: Daemon,
    node: Node,
    _mapper: Arc<Daemon>,
}

/// What a node is to others: its name, where it runs, and the port of the mapper by which they find it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) host: Host,
    pub(super) mapper: u16,
}

/// RabbitMQ's server, when this machine has it.
pub(super) fn binary() -> Option<PathBuf> {
    let here = [Path::new(SCRIPTS).join("rabbitmq-server")];
    here.into_iter().find(|path| path.is_file() && super::on_path("epmd").is_some())
}

impl RabbitMq {
    /// Starts it and waits until it takes connections.
    ///
    /// # Panics
    /// When there is none here (see [`super::missing`]), or that takes more than a minute.
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts it with more lines in its `rabbitmq.conf`.
    pub fn with(settings: &str) -> Self {
        let mapper = free_port();
        let node = Node { name: format!("hiscore-{mapper}@localhost"), host: Host::here(), mapper };
        let running = port_mapper(&node.host, mapper);
        Self::launch(node, running, settings)
    }

    /// Starts a node whose port mapper runs.
    pub(super) fn launch(node: Node, mapper: Arc<Daemon>, settings: &str) -> Self {
        let binary = binary().expect("no rabbitmq-server; run scripts/servers.sh");
        let host = node.host.clone();
        let arguments = |port: u16, folder: &Path| {
            let fixed = format!(
                "listeners.tcp.1 = {}\nlog.console = true\nlog.console.level = warning\n",
                host.at(port)
            );
            // Nodes of one cluster know each other by it. Nobody else may read it, or Erlang refuses it.
            let cookie = folder.join(".erlang.cookie");
            let files = [("rabbitmq.conf", fixed + settings), ("enabled_plugins", "[].\n".to_owned())];
            for (name, text) in files {
                std::fs::write(folder.join(name), text).expect("the settings can be written");
            }
            std::fs::write(&cookie, "hiscore-faults").expect("the cookie can be written");
            std::fs::set_permissions(&cookie, Permissions::from_mode(0o400)).expect("a file of ours");
            let mut arguments = environment(&node, folder);
            // Without this a shell stays in front of the server, and is all that a signal reaches.
            arguments.push("RABBITMQ_ALLOW_INPUT=true".to_owned());
            arguments.push(binary.to_string_lossy().into_owned());
            arguments.push("-noinput".to_owned());
            arguments
        };
        let server =
            Daemon::start_on(&host, Path::new("/usr/bin/env"), arguments, |port, _| answers(host.at(port)));
        Self { server, node, _mapper: mapper }
    }

    /// `amqp://guest:guest@127.0.0.1:PORT/%2f`
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address())
    }

    /// What it is called in its cluster.
    pub fn name(&self) -> &str {
        &self.node.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Does a command of `rabbitmqctl` and gives what it wrote.
    ///
    /// # Panics
    /// When it fails.
    pub fn control(&self, command: &[&str]) -> String {
        self.do_control(command).unwrap_or_else(|said| panic!("rabbitmqctl {command:?}: {said}"))
    }

    /// The same; `None` when it fails.
    pub fn try_control(&self, command: &[&str]) -> Option<String> {
        self.do_control(command).ok()
    }

    fn do_control(&self, command: &[&str]) -> Result<String, String> {
        let mut all = self.node.host.command(Path::new("/usr/bin/env"));
        all.args(environment(&self.node, self.server.folder()));
        all.arg(Path::new(SCRIPTS).join("rabbitmqctl")).arg("--quiet").args(command);
        let Output { status, stdout, stderr } = all.output().expect("rabbitmqctl can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if status.success() { Ok(text(&stdout)) } else { Err(text(&stderr)) }
    }

    /// Has it write to disk what there is besides the entries. RabbitMQ 3.10 does it by itself some seconds after a change: a
    /// node that is killed before that no longer knows of a coordinator for its streams, and none of them is led again,
    /// though nothing in them is lost.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn sync(&self) {
        // The registry of Raft's members is such a table (ra 2.2, `ra_directory`), and inserts into it are delayed.
        self.control(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]);
    }

    /// Ends it on the spot (SIGKILL).
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Stops it where it is (SIGSTOP): its connections stay, and nothing answers.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        self.server.resume();
    }

    /// Starts it again after [`RabbitMq::kill`], with the port and the folder that it had.
    pub fn restart(&self) {
        // The port mapper notices by itself that the one before is gone; until then it refuses the name.
        until("the port mapper to forget the server that was killed", PATIENCE, || {
            (!self.node.is_mapped()).then_some(())
        });
        self.server.restart(|_, _| answers(self.address()));
    }

    /// Whether its process is there, paused or not.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Its process id, unless it was killed.
    pub fn id(&self) -> Option<u32> {
        self.server.id()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// Everything it wrote to its log.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// What a node and the commands to it have to agree on.
fn environment(node: &Node, folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let address = node.host.address();
    let interface = address.octets().map(|part| part.to_string()).join(",");
    vec![
        format!("HOME={folder}"),
        format!("RABBITMQ_NODENAME={}", node.name),
        // A name with an address in it is a long one.
        format!("RABBITMQ_USE_LONGNAME={}", !node.name.ends_with("@localhost")),
        format!("RABBITMQ_DIST_PORT={}", free_port()),
        format!("RABBITMQ_MNESIA_BASE={folder}/data"),
        format!("RABBITMQ_LOG_BASE={folder}/log"),
        format!("RABBITMQ_CONFIG_FILE={folder}/rabbitmq.conf"),
        format!("RABBITMQ_ADVANCED_CONFIG_FILE={folder}/advanced.config"),
        format!("RABBITMQ_ENABLED_PLUGINS_FILE={folder}/enabled_plugins"),
        format!("RABBITMQ_CONF_ENV_FILE={folder}/rabbitmq-env.conf"),
        format!("RABBITMQ_PID_FILE={folder}/pid"),
        // No thread spins while it has nothing to do: tests share a small machine.
        format!(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {{{interface}}} +S 2:2 +sbwt none"
        ),
        format!("RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {{{interface}}}"),
        format!("ERL_EPMD_PORT={}", node.mapper),
        format!("ERL_EPMD_ADDRESS={address}"),
    ]
}

/// Whether an AMQP server says who it is: the greeting of the protocol is answered by the first frame.
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, SHORT)?;
        stream.set_read_timeout(Some(SHORT))?;
        stream.write_all(b"AMQP\0\0\x09\x01")?;
        let mut first = [0; 1];
        stream.read_exact(&mut first)?;
        Ok::<_, std::io::Error>(first[0])
    };
    // A frame of a method.
    ask().is_ok_and(|first| first == 1)
}

/// A port mapper of a test's own.
pub(super) fn port_mapper(host: &Host, port: u16) -> Arc<Daemon> {
    let epmd = super::on_path("epmd").expect("no epmd; run scripts/servers.sh");
    let arguments = |_: u16, _: &Path| {
        ["-port", &port.to_string(), "-address", &host.address().to_string()].map(str::to_owned).to_vec()
    };
    let answers = |_: u16, _: u32| TcpStream::connect_timeout(&host.at(port), SHORT).is_ok();
    Arc::new(Daemon::start_on(host, &epmd, arguments, answers))
}

impl Node {
    /// Whether the port mapper knows it.
    fn is_mapped(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&self.host.at(self.mapper), SHORT)?;
            stream.set_read_timeout(Some(SHORT))?;
            // Two bytes of length, and the request for all names.
            stream.write_all(&[0, 1, b'n'])?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
        };
        let name = self.name.split('@').next().unwrap_or_default();
        ask().map_or(true, |names| names.contains(&format!("name {name} at")))
    }
}
