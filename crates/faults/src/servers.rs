//! Real servers for tests: Redis alone, replicated, under Sentinels and in a Cluster, MongoDB replica sets,
//! Kafka, RabbitMQ, and a proxy to cut them off with.
//!
//! Each has its own folder and free ports on 127.0.0.1, and is killed and removed when dropped. They are started,
//! asked and awaited by blocking calls, so that a test of any runtime, or none, can use them. `scripts/servers.sh`
//! installs what is started here; where it is missing a test says so, and `make test` takes that for a failure:
//!
//! ```no_run
//! use hiscore_faults::servers::{self, Redis};
//!
//! fn it_survives() {
//!     if servers::missing("redis-server") {
//!         return;
//!     }
//!     let redis = Redis::start();
//!     assert_eq!(redis.command(&["PING"]), "PONG");
//! }
//! ```
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

mod certificates;
mod clock;
mod cluster;
mod daemon;
mod host;
mod kafka;
mod kafka_wire;
mod mongo;
mod op_msg;
mod proxy;
mod rabbitmq;
mod rabbitmq_cluster;
mod redis;
mod resp;
mod sentinel;

pub use certificates::Certificates;
pub use cluster::RedisCluster;
pub use daemon::free_port;
pub use host::Host;
pub use kafka::Kafka;
pub use mongo::Mongo;
pub use proxy::Proxy;
pub use rabbitmq::RabbitMq;
pub use rabbitmq_cluster::RabbitMqCluster;
pub use redis::Redis;
pub use resp::{Reply, Resp};
pub use sentinel::Sentinels;

/// Set by `make test`: a server that is not there is a failure.
const REQUIRE: &str = "HISCORE_REQUIRE_SERVERS";

/// Redis's server, when this machine has it.
pub fn redis_server() -> Option<PathBuf> {
    on_path("redis-server")
}

/// What makes certificates, when this machine has it.
fn openssl() -> Option<PathBuf> {
    on_path("openssl")
}

/// MongoDB's server, when this machine has it: what `HISCORE_MONGOD` names, what is on the `PATH`, or what
/// `scripts/servers.sh` installed.
pub fn mongod() -> Option<PathBuf> {
    if let Some(named) = set("HISCORE_MONGOD") {
        return Some(PathBuf::from(named)).filter(|path| is_file(path));
    }
    on_path("mongod").or_else(|| Some(tools()?.join("mongod")).filter(|path| is_file(path)))
}

/// Whether a test has to do without `name` (`redis-server`, `mongod`, `kafka`, `rabbitmq-server`, `libfaketime` or `openssl`) and
/// end here; it has been told why.
///
/// # Panics
/// When it is missing and the environment says that it must not be.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
pub fn missing(name: &str) -> bool {
    let found = match name {
        "redis-server" => redis_server(),
        "mongod" => mongod(),
        "openssl" => openssl(),
        "kafka" => kafka::folder(),
        "libfaketime" => clock::environment(0).and_then(|_| clock::library()),
        "rabbitmq-server" => rabbitmq::binary(),
        _ => panic!("no server of that name is known: {name}"),
    };
    if found.is_some() {
        return false;
    }
    let why = format!("no {name}; run scripts/servers.sh");
    assert!(set(REQUIRE).is_none(), "{why} ({REQUIRE} is set)");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("\n*** SKIPPED: {why} ({test}) ***\n");
    true
}

/// Where `scripts/servers.sh` puts what Debian does not have.
fn tools() -> Option<PathBuf> {
    if let Some(named) = set("HISCORE_TOOLS") {
        return Some(named.into());
    }
    let cache = match set("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(set("HOME")?).join(".cache"),
    };
    Some(cache.join("hiscore"))
}

fn set(variable: impl AsRef<OsStr>) -> Option<std::ffi::OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = set("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_file(path))
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}
