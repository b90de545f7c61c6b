//! Where a log is: which brokers, and under which name.
//!
//! A password in a URL is a secret: it is in no `Display`, no `Debug` and no error.

use std::fmt;
use std::str::FromStr;

/// Under which name a log is made unless the URL says another.
const DEFAULT_PREFIX: &str = "hiscore";

/// The longest prefix: a topic's name has 249 characters at most, and the generation and the shard come behind it.
const LONGEST_PREFIX: usize = 128;

/// A parsed URL of a log:
///
/// - `kafka://[user:password@]host[:port][,host[:port]...][/prefix]`: Kafka, found by any of these brokers. The topic
///   of generation 1 is `prefix.g1`. With a user, SASL/PLAIN is spoken. `kafkas://`: over TLS (a build with the feature
///   `kafka-tls`).
/// - `amqp://[user:password@]host[:port][,host[:port]...][/vhost][?prefix=name]`: RabbitMQ, any of these nodes. The
///   stream of shard 3 of generation 1 is `prefix.g1.3`. `amqps://`: over TLS.
///
/// The prefix is `hiscore` unless given. User, password and vhost may be percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct LogUrl {
    pub(crate) broker: Broker,
    pub(crate) tls: bool,
    pub(crate) hosts: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) vhost: String,
    pub(crate) prefix: String,
}

/// What answers there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broker {
    /// Kafka.
    Kafka,
    /// RabbitMQ.
    RabbitMq,
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "Kafka",
            Self::RabbitMq => "RabbitMQ",
        })
    }
}

/// Why a text is no URL of a log. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogUrl {
    /// None of the schemes.
    #[error("a log URL begins with kafka://, kafkas://, amqp:// or amqps://")]
    Scheme,
    /// No host, or an empty one.
    #[error("a log URL names a host, or several with commas between them, as host:port")]
    Host,
    /// A port that is none.
    #[error("a port in a log URL is a number from 1 to 65535")]
    Port,
    /// A name that a topic or a stream cannot have.
    #[error(
        "the name in a log URL has 1 to {LONGEST_PREFIX} letters (a to z), digits, dots, dashes or underscores"
    )]
    Prefix,
    /// A `?` that does not fit.
    #[error("only prefix=name may follow a ? in a log URL, and only for RabbitMQ")]
    Query,
    /// A percent sign without its two digits, or no UTF-8 behind it.
    #[error("a % in a log URL stands before two hexadecimal digits (a % itself is %25)")]
    Percent,
}

impl LogUrl {
    /// What answers there.
    pub fn broker(&self) -> Broker {
        self.broker
    }

    /// What the names of everything that belongs to a generation begin with.
    pub(crate) fn name(&self, generation: u32) -> String {
        format!("{}.g{generation}", self.prefix)
    }
}

impl FromStr for LogUrl {
    type Err = InvalidLogUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidLogUrl::Scheme)?;
        let (broker, tls, port) = match scheme {
            "kafka" => (Broker::Kafka, false, 9092),
            "kafkas" => (Broker::Kafka, true, 9093),
            "amqp" => (Broker::RabbitMq, false, 5672),
            "amqps" => (Broker::RabbitMq, true, 5671),
            _ => return Err(InvalidLogUrl::Scheme),
        };
        // The last @ ends the login, so that one in a password that was not encoded does not become a host.
        let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (hosts, path) = rest.split_once('/').map_or((rest, None), |(hosts, path)| (hosts, Some(path)));
        let hosts = hosts.split(',').map(|host| with_port(host, port)).collect::<Result<_, _>>()?;
        let (user, password) = match login {
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (Some(decode(user)?), Some(decode(password)?))
            }
            None => (None, None),
        };
        let named =
            query.map(|query| query.strip_prefix("prefix=").ok_or(InvalidLogUrl::Query)).transpose()?;
        let (vhost, prefix) = match broker {
            Broker::Kafka if named.is_some() => return Err(InvalidLogUrl::Query),
            Broker::Kafka => (String::new(), path.filter(|path| !path.is_empty())),
            // As in the AMQP URI specification: no path is the default vhost, which is called "/".
            Broker::RabbitMq => {
                (path.filter(|path| !path.is_empty()).map_or(Ok("/".to_owned()), decode)?, named)
            }
        };
        let prefix = prefix.unwrap_or(DEFAULT_PREFIX);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if prefix.is_empty() || prefix.len() > LONGEST_PREFIX || !prefix.chars().all(fits) {
            return Err(InvalidLogUrl::Prefix);
        }
        Ok(Self { broker, tls, hosts, user, password, vhost, prefix: prefix.to_owned() })
    }
}

fn with_port(host: &str, default: u16) -> Result<String, InvalidLogUrl> {
    // An IPv6 address stands in brackets.
    let behind = host.rfind(']').map_or(0, |bracket| bracket + 1);
    let (_, rest) = host.split_at(behind);
    let (name, port) = match rest.rfind(':') {
        Some(colon) => (&host[..behind + colon], &rest[colon + 1..]),
        None => (host, ""),
    };
    let odd = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '@');
    if name.is_empty() || name.contains(odd) || (behind == 0 && name.contains([':', '['])) {
        return Err(InvalidLogUrl::Host);
    }
    match port {
        "" if rest.is_empty() || !rest.contains(':') => Ok(format!("{name}:{default}")),
        port => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(format!("{name}:{port}")),
            _ => Err(InvalidLogUrl::Port),
        },
    }
}

fn decode(text: &str) -> Result<String, InvalidLogUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return Err(InvalidLogUrl::Percent) };
        let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(InvalidLogUrl::Percent);
        bytes.push((digit(high)? << 4 | digit(low)?) as u8);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| InvalidLogUrl::Percent)
}

impl fmt::Display for LogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.broker {
            Broker::Kafka => "kafka",
            Broker::RabbitMq => "amqp",
        };
        write!(f, "{scheme}{}://", if self.tls { "s" } else { "" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}:***@")?;
        }
        f.write_str(&self.hosts.join(","))?;
        match self.broker {
            Broker::Kafka => write!(f, "/{}", self.prefix),
            Broker::RabbitMq => write!(f, "/{}?prefix={}", self.vhost.replace('/', "%2f"), self.prefix),
        }
    }
}

impl fmt::Debug for LogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind() {
        for (text, shown) in [
            ("kafka://h", "kafka://h:9092/hiscore"),
            ("kafka://a:1,b:2/scores", "kafka://a:1,b:2/scores"),
            ("kafkas://me:p%40ss@[::1]:7", "kafkas://me:***@[::1]:7/hiscore"),
            ("amqp://h", "amqp://h:5672/%2f?prefix=hiscore"),
            ("amqp://me:p@ss@[::1],b:2/games?prefix=x.y", "amqp://me:***@[::1]:5672,b:2/games?prefix=x.y"),
            ("amqps://h/%2f", "amqps://h:5671/%2f?prefix=hiscore"),
        ] {
            assert_eq!(text.parse::<LogUrl>().map(|url| url.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn the_password_is_nowhere() {
        let url: LogUrl = "amqp://me:secret%3A@h/main".parse().unwrap();
        assert_eq!(url.password.as_deref(), Some("secret:"));
        assert!(!format!("{url} {url:?} {url:#?}").contains("secret"));
        for wrong in
            ["amqp://me:secret@:1", "amqp://me:secret@h:x", "http://me:secret@h", "kafka://a:secret%@h"]
        {
            let error = wrong.parse::<LogUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_refused() {
        use InvalidLogUrl::{Host, Percent, Port, Prefix, Query, Scheme};
        for (text, error) in [
            ("localhost", Scheme),
            ("redis://h", Scheme),
            ("kafka://", Host),
            ("kafka://a,,b", Host),
            ("kafka://a:b:1", Host),
            ("kafka://h:0", Port),
            ("kafka://h:", Port),
            ("kafka://h/a/b", Prefix),
            ("kafka://h/a?prefix=b", Query),
            ("amqp://h?prefix=", Prefix),
            ("amqp://h/v?heartbeat=1", Query),
            ("amqp://h/%4", Percent),
        ] {
            assert_eq!(text.parse::<LogUrl>(), Err(error), "{text}");
        }
    }
}
