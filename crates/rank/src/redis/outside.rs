//! What the client takes from the machine that it runs on: connections and chance. A simulation gives its own, so that one
//! seed always leads the same way; everybody else leaves the default.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection on its way.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// A connection: what is written there is read by the server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to a server by its host and port.
pub type Dial = Arc<dyn Fn(&str, u16) -> Dialing + Send + Sync>;

/// Connections and chance.
#[derive(Clone, Default)]
pub struct Outside {
    /// How servers are reached; `None`: by TCP, and TLS if the URL says so.
    pub dial: Option<Dial>,
    /// Where chance comes from; `None`: the operating system.
    pub chance: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
}

impl Outside {
    /// Any number.
    pub(super) fn chance(&self) -> u64 {
        self.chance.as_ref().map_or_else(|| RandomState::new().hash_one(0u8), |chance| chance())
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_given = self.dial.is_some() || self.chance.is_some();
        f.write_str(if is_given { "Outside(given)" } else { "Outside(the machine's)" })
    }
}
