//! Where servers run: on this machine, or in a network namespace that can be cut off from the others.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// An address, and the network namespace that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    address: Ipv4Addr,
    /// As a file that stands for it: `/proc/PID/ns/net`.
    namespace: Option<PathBuf>,
}

impl Host {
    /// 127.0.0.1, without any other namespace.
    pub fn here() -> Self {
        Self { address: Ipv4Addr::LOCALHOST, namespace: None }
    }

    /// An address of a namespace that whoever asks can reach.
    pub fn within(namespace: PathBuf, address: Ipv4Addr) -> Self {
        Self { address, namespace: Some(namespace) }
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A port of it.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.address, port))
    }

    /// What runs `binary` there. The process that is started is the binary's own.
    pub fn command(&self, binary: &Path) -> Command {
        let Some(namespace) = &self.namespace else { return Command::new(binary) };
        let mut command = Command::new("/usr/bin/nsenter");
        command.arg(format!("--net={}", namespace.display())).arg("--").arg(binary);
        command
    }
}
