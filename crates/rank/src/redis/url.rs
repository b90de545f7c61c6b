//! Where Redis is: one server, what the Sentinels say, or a Cluster.
//!
//! A password in a URL is a secret: it is in no `Display`, no `Debug` and no error.

use std::fmt;
use std::str::FromStr;

use percent::decode;

/// A parsed URL of a Redis:
///
/// - `redis://[user:password@]host[:port][/db]`: one server.
/// - `redis+sentinel://[user:password@]host[:port],host[:port].../service[/db]`: the primary that the Sentinels name.
///   User and password are those of the servers; of the Sentinels, `sentinel_user` and `sentinel_password` after a `?`.
/// - `redis-cluster://[user:password@]host[:port],host[:port]...`: a Cluster, found by any of these.
///
/// The same with `rediss` for TLS, which the Sentinels are then spoken to with, too. Certificates are checked against those
/// that the system trusts, or those in the file that the environment names as `SSL_CERT_FILE`. User and password may be
/// percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    pub(super) hosts: Vec<Host>,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) db: i64,
}

/// What answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Standalone,
    Sentinel { service: String },
    Cluster,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

/// Who logs in. Not `Debug`, since it holds the password.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// Why a text is no URL of a Redis. It never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedisUrl {
    /// None of the schemes.
    #[error(
        "a Redis URL begins with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis-cluster:// or rediss-cluster://"
    )]
    Scheme,
    /// No host, an empty one, or several for one server.
    #[error(
        "a Redis URL names a host, as host:port, and only Sentinels and a Cluster may have several, separated by commas"
    )]
    Host,
    /// A port that is none.
    #[error("a port in a Redis URL is a number from 1 to 65535")]
    Port,
    /// A path that does not fit.
    #[error(
        "after the hosts of a Redis URL comes /db, for Sentinels /service or /service/db, for a Cluster nothing; db is a number"
    )]
    Path,
    /// A `?` that does not fit.
    #[error("only sentinel_user and sentinel_password may follow a ? in a Redis URL, and only for Sentinels")]
    Query,
    /// A percent sign without its two digits, or no UTF-8 behind it.
    #[error("a % in a Redis URL stands before two hexadecimal digits (a % itself is %25)")]
    Percent,
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidRedisUrl::Scheme)?;
        let (tls, cluster, sentinel, default_port) = match scheme {
            "redis" => (false, false, false, 6379),
            "rediss" => (true, false, false, 6379),
            "redis+sentinel" => (false, false, true, 26379),
            "rediss+sentinel" => (true, false, true, 26379),
            "redis-cluster" => (false, true, false, 6379),
            "rediss-cluster" => (true, true, false, 6379),
            _ => return Err(InvalidRedisUrl::Scheme),
        };
        // The last @ ends the login, so that one in a password that was not encoded does not become a host.
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (login_of(login)?, rest),
            None => (Login::default(), rest),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts: Vec<Host> =
            authority.split(',').map(|host| host_of(host, default_port)).collect::<Result<_, _>>()?;
        let number = |text: &str| match text {
            "" => Ok(0),
            text => text.parse().ok().filter(|db: &i64| *db >= 0).ok_or(InvalidRedisUrl::Path),
        };
        let (kind, db) = if sentinel {
            let (service, db) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(InvalidRedisUrl::Path);
            }
            (Kind::Sentinel { service: decode(service)? }, number(db)?)
        } else if cluster {
            if !path.is_empty() {
                return Err(InvalidRedisUrl::Path);
            }
            (Kind::Cluster, 0)
        } else {
            if hosts.len() != 1 {
                return Err(InvalidRedisUrl::Host);
            }
            (Kind::Standalone, number(path)?)
        };
        let sentinel_login = match query {
            Some(query) if sentinel => sentinel_login_of(query)?,
            Some(_) => return Err(InvalidRedisUrl::Query),
            None => Login::default(),
        };
        Ok(Self { kind, tls, hosts, login, sentinel_login, db })
    }
}

fn login_of(text: &str) -> Result<Login, InvalidRedisUrl> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let some = |text: &str| Ok(Some(decode(text)?).filter(|text| !text.is_empty()));
    Ok(Login { user: some(user)?, password: some(password)? })
}

fn sentinel_login_of(query: &str) -> Result<Login, InvalidRedisUrl> {
    let mut login = Login::default();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sentinel_user", value)) => login.user = Some(decode(value)?),
            Some(("sentinel_password", value)) => login.password = Some(decode(value)?),
            _ => return Err(InvalidRedisUrl::Query),
        }
    }
    Ok(login)
}

fn host_of(text: &str, default_port: u16) -> Result<Host, InvalidRedisUrl> {
    // An IPv6 address stands in brackets.
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or(InvalidRedisUrl::Host)?;
            match port {
                "" => (name, None),
                port => (name, Some(port.strip_prefix(':').ok_or(InvalidRedisUrl::Port)?)),
            }
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() {
        return Err(InvalidRedisUrl::Host);
    }
    let port = match port {
        None => default_port,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(InvalidRedisUrl::Port)?,
    };
    Ok(Host { name: name.to_owned(), port })
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        let kind = match self.kind {
            Kind::Standalone => "",
            Kind::Sentinel { .. } => "+sentinel",
            Kind::Cluster => "-cluster",
        };
        write!(f, "redis{s}{kind}://")?;
        if self.login != Login::default() {
            write!(f, "{}:***@", self.login.user.as_deref().unwrap_or_default())?;
        }
        for (at, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if at == 0 { "" } else { "," })?;
        }
        if let Kind::Sentinel { service } = &self.kind {
            write!(f, "/{service}")?;
        }
        if self.db != 0 { write!(f, "/{}", self.db) } else { Ok(()) }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// Percent-decoding, without a dependency for twelve lines.
mod percent {
    use super::InvalidRedisUrl;

    pub(super) fn decode(text: &str) -> Result<String, InvalidRedisUrl> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first != b'%' {
                bytes.push(*first);
                continue;
            }
            let [high, low, tail @ ..] = rest else { return Err(InvalidRedisUrl::Percent) };
            let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(InvalidRedisUrl::Percent);
            bytes.push((digit(high)? << 4 | digit(low)?) as u8);
            rest = tail;
        }
        String::from_utf8(bytes).map_err(|_| InvalidRedisUrl::Percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind() {
        let url = |text: &str| text.parse::<RedisUrl>().map(|url| url.to_string());
        for (text, shown) in [
            ("redis://h", "redis://h:6379"),
            ("redis://h:1/2", "redis://h:1/2"),
            ("rediss://u:p%40ss@[::1]:7", "rediss://u:***@[::1]:7"),
            ("redis://:p@ss@h", "redis://:***@h:6379"),
            ("redis+sentinel://a,b:2/main/3", "redis+sentinel://a:26379,b:2/main/3"),
            ("rediss-cluster://:secret@a:1,b:2", "rediss-cluster://:***@a:1,b:2"),
        ] {
            assert_eq!(url(text), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn the_password_is_nowhere() {
        let url: RedisUrl = "redis+sentinel://me:secret%3A@h/main?sentinel_password=secret".parse().unwrap();
        assert_eq!(url.login.password.as_deref(), Some("secret:"));
        assert!(!format!("{url} {url:?} {url:#?}").contains("secret"));
        for wrong in
            ["redis://me:secret@:1", "redis://me:secret@h:x", "http://me:secret@h", "redis://me:secret%@h"]
        {
            let error = wrong.parse::<RedisUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_refused() {
        use InvalidRedisUrl::{Host, Path, Percent, Port, Query, Scheme};
        for (text, error) in [
            ("localhost", Scheme),
            ("unix:///x", Scheme),
            ("redis://", Host),
            ("redis://a,b", Host),
            ("redis://h:0", Port),
            ("redis://h/x", Path),
            ("redis+sentinel://h", Path),
            ("redis-cluster://h/1", Path),
            ("redis://h?a=b", Query),
            ("redis+sentinel://h/m?a=b", Query),
            ("redis://%4@h", Percent),
        ] {
            assert_eq!(text.parse::<RedisUrl>(), Err(error), "{text}");
        }
    }
}
