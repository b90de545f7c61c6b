//! A real RabbitMQ of a test's own.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::daemon::{Daemon, PATIENCE, free_port, local};
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
    mapper: Daemon,
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
        let binary = binary().expect("no rabbitmq-server; run scripts/servers.sh");
        let mapper = {
            let epmd = super::on_path("epmd").expect("no epmd; run scripts/servers.sh");
            let arguments = |port: u16, _: &Path| {
                ["-port", &port.to_string(), "-address", "127.0.0.1"].map(str::to_owned).to_vec()
            };
            Daemon::start(&epmd, arguments, |port, _| TcpStream::connect_timeout(&local(port), SHORT).is_ok())
        };
        let arguments = |port: u16, folder: &Path| {
            let file = folder.join("rabbitmq.conf");
            let fixed = format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\nlog.console.level = warning\n"
            );
            std::fs::write(&file, fixed + settings).expect("the settings can be written");
            std::fs::write(folder.join("enabled_plugins"), "[].\n").expect("the plugins can be written");
            let mut arguments = environment(port, mapper.port(), folder);
            // Without this a shell stays in front of the server, and is all that a signal reaches.
            arguments.push("RABBITMQ_ALLOW_INPUT=true".to_owned());
            arguments.push(binary.to_string_lossy().into_owned());
            arguments.push("-noinput".to_owned());
            arguments
        };
        let server = Daemon::start(Path::new("/usr/bin/env"), arguments, |port, _| answers(port));
        Self { server, mapper }
    }

    /// `amqp://guest:guest@127.0.0.1:PORT/%2f`
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        local(self.server.port())
    }

    /// Does a command of `rabbitmqctl` and gives what it wrote.
    ///
    /// # Panics
    /// When it fails.
    pub fn control(&self, command: &[&str]) -> String {
        let Output { status, stdout, stderr } = Command::new("/usr/bin/env")
            .args(environment(self.server.port(), self.mapper.port(), self.server.folder()))
            .arg(Path::new(SCRIPTS).join("rabbitmqctl"))
            .arg("--quiet")
            .args(command)
            .output()
            .expect("rabbitmqctl can be started");
        assert!(status.success(), "rabbitmqctl {command:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
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
            (!mapped(self.mapper.port())).then_some(())
        });
        self.server.restart(|port, _| answers(port));
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
fn environment(port: u16, mapper: u16, folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    vec![
        format!("HOME={folder}"),
        format!("RABBITMQ_NODENAME=hiscore-{port}@localhost"),
        format!("RABBITMQ_DIST_PORT={}", free_port()),
        format!("RABBITMQ_MNESIA_BASE={folder}/data"),
        format!("RABBITMQ_LOG_BASE={folder}/log"),
        format!("RABBITMQ_CONFIG_FILE={folder}/rabbitmq.conf"),
        format!("RABBITMQ_ADVANCED_CONFIG_FILE={folder}/advanced.config"),
        format!("RABBITMQ_ENABLED_PLUGINS_FILE={folder}/enabled_plugins"),
        format!("RABBITMQ_CONF_ENV_FILE={folder}/rabbitmq-env.conf"),
        format!("RABBITMQ_PID_FILE={folder}/pid"),
        // No thread spins while it has nothing to do: tests share a small machine.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
            .to_owned(),
        "RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        format!("ERL_EPMD_PORT={mapper}"),
        "ERL_EPMD_ADDRESS=127.0.0.1".to_owned(),
    ]
}

/// Whether an AMQP server says who it is: the greeting of the protocol is answered by the first frame.
fn answers(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&local(port), SHORT)?;
        stream.set_read_timeout(Some(SHORT))?;
        stream.write_all(b"AMQP\0\0\x09\x01")?;
        let mut first = [0; 1];
        stream.read_exact(&mut first)?;
        Ok::<_, std::io::Error>(first[0])
    };
    // A frame of a method.
    ask().is_ok_and(|first| first == 1)
}

/// Whether the port mapper knows any node.
fn mapped(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&local(port), SHORT)?;
        stream.set_read_timeout(Some(SHORT))?;
        // Two bytes of length, and the request for all names.
        stream.write_all(&[0, 1, b'n'])?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        // Four bytes of its own port come first.
        Ok::<_, std::io::Error>(answer.len() > 4)
    };
    ask().unwrap_or(true)
}
