//! Where servers run: on this machine, or in a network namespace that can be cut off from the others; perhaps with memory of
//! their own that can run out.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::memory_group::MemoryGroup;

/// An address, the network namespace that has it, and the memory group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    address: Ipv4Addr,
    /// As a file that stands for it: `/proc/PID/ns/net`.
    namespace: Option<PathBuf>,
    /// Where a process enters itself, if it is to be in a memory group.
    group: Option<PathBuf>,
}

/// A process of the group from its first instruction on: it enters itself, and becomes what it is to run.
const ENTER: &str = r#"echo $$ > "$0" && exec "$@""#;

impl Host {
    /// 127.0.0.1, without any other namespace.
    pub fn here() -> Self {
        Self { address: Ipv4Addr::LOCALHOST, namespace: None, group: None }
    }

    /// An address of a namespace that whoever asks can reach.
    pub fn within(namespace: PathBuf, address: Ipv4Addr) -> Self {
        Self { address, namespace: Some(namespace), group: None }
    }

    /// The same place, with the memory of a group.
    pub fn in_group(&self, group: &MemoryGroup) -> Self {
        Self { group: Some(group.processes()), ..self.clone() }
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
        let mut before: Vec<OsString> = Vec::new();
        if let Some(group) = &self.group {
            before.extend(["/bin/sh", "-c", ENTER].map(OsString::from));
            before.push(group.into());
        }
        if let Some(namespace) = &self.namespace {
            let net = format!("--net={}", namespace.display());
            before.extend(["/usr/bin/nsenter", &net, "--"].map(OsString::from));
        }
        before.push(binary.into());
        let mut command = Command::new(&before[0]);
        command.args(&before[1..]);
        command
    }
}
