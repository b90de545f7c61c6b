//! Connecting to one server, and what its refusals mean.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, RedisResult, ServerError, Value,
};

use super::calls::CallError;
use super::outside::{Dial, Outside};
use super::url::{Host, Login, RedisUrl};

/// Why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Surely not done: nothing was sent, or the server refused it at the door.
    Unavailable(String),
    /// Likewise, and this server is not (or no longer) who it was taken for: look again who is.
    Elsewhere(String),
    /// Likewise, since it does not know the function (yet, or any more).
    NoFunction,
    /// Sent, and nobody can tell.
    Ambiguous(String),
    /// No Redis that we can work with.
    Invalid(String),
}

impl From<Trouble> for CallError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unavailable(text) | Trouble::Elsewhere(text) => Self::Unavailable(text),
            Trouble::NoFunction => Self::Unavailable("Redis does not keep its functions".into()),
            Trouble::Ambiguous(text) => Self::Ambiguous(text),
            Trouble::Invalid(text) => Self::Invalid(text),
        }
    }
}

impl Trouble {
    /// What a refusal means. What comes from inside a function may come after its first write; everything that is known
    /// to come before it is listed.
    pub(super) fn of(error: &ServerError) -> Self {
        let (code, detail) = (error.code(), error.details().unwrap_or_default());
        let text = format!("Redis says {code} {detail}");
        if detail.contains("script:") || detail.contains("user_function") {
            return Self::Ambiguous(text);
        }
        match code {
            "ERR" if detail.starts_with("Function not found") => Self::NoFunction,
            "ERR" if detail.starts_with("unknown command") || detail.starts_with("Unknown") => {
                Self::Invalid(format!("{text} (hiscore needs Redis 7.0 or later)"))
            }
            "MOVED" | "ASK" | "READONLY" | "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "LOADING" => {
                Self::Elsewhere(text)
            }
            "OOM" => Self::Unavailable(format!(
                "Redis has used up its maxmemory, so nothing new is taken until memory is free: {text}"
            )),
            "MISCONF" | "NOREPLICAS" | "BUSY" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "CROSSSLOT" => {
                Self::Unavailable(text)
            }
            _ => Self::Ambiguous(text),
        }
    }
}

/// What is expected behind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A primary: anything else is dropped at once.
    Primary,
    /// A server of any role, to ask it about the Cluster.
    Any,
    /// A Sentinel, which has another login and no databases.
    Sentinel,
}

/// A connection on which nothing was sent yet but what belongs to connecting.
pub(super) async fn connect(
    url: &RedisUrl,
    outside: &Outside,
    host: &Host,
    purpose: Purpose,
    timeout: Duration,
) -> Result<MultiplexedConnection, Trouble> {
    let failed =
        |error: &dyn std::fmt::Display| Trouble::Unavailable(format!("no connection to {host}: {error}"));
    let (login, db) = match purpose {
        Purpose::Sentinel => (&url.sentinel_login, 0),
        Purpose::Primary | Purpose::Any => (&url.login, url.db),
    };
    // Time is kept where the answer is awaited.
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(None);
    let settings = settings(login, db);
    let connecting = async {
        match &outside.dial {
            Some(dial) => dialed(dial, host, settings, config).await,
            None => client(url, host, settings)?.get_multiplexed_async_connection_with_config(&config).await,
        }
    };
    let mut connection = match tokio::time::timeout(timeout, connecting).await {
        Ok(connected) => connected.map_err(|error| match error.kind() {
            ErrorKind::AuthenticationFailed => failed(&"it refuses the user or password of its URL"),
            _ if error.to_string().contains("certificate") => failed(&format_args!(
                "{error} (trusted are those that the system trusts, or those in SSL_CERT_FILE)"
            )),
            _ => failed(&error),
        })?,
        Err(_) => return Err(failed(&"it takes too long")),
    };
    if purpose == Purpose::Primary {
        let role = tokio::time::timeout(timeout, role(&mut connection)).await;
        role.unwrap_or_else(|_| Err("it takes too long".into())).map_err(|error| failed(&error))?;
    }
    Ok(connection)
}

fn client(url: &RedisUrl, host: &Host, settings: RedisConnectionInfo) -> RedisResult<Client> {
    let address = if url.tls {
        ConnectionAddr::TcpTls { host: host.name.clone(), port: host.port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host.name.clone(), host.port)
    };
    let info = address.into_connection_info()?;
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// Over a connection that somebody else made.
async fn dialed(
    dial: &Dial,
    host: &Host,
    settings: RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    let stream = dial(&host.name, host.port).await?;
    let (connection, driver) = MultiplexedConnection::new_with_config(&settings, stream, config).await?;
    // Ends with the last clone of the connection.
    tokio::spawn(driver);
    Ok(connection)
}

fn settings(login: &Login, db: i64) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name()
        .set_db(db);
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}

/// How many replicas a primary has; an error for whoever is none.
async fn role(connection: &mut MultiplexedConnection) -> Result<u32, String> {
    let answer =
        connection.send_packed_command(&redis::cmd("ROLE")).await.map_err(|error| error.to_string())?;
    replicas(&answer)
}

/// Reads the answer to `ROLE`.
pub(super) fn replicas(role: &Value) -> Result<u32, String> {
    let Value::Array(fields) = role else {
        return Err(match role {
            Value::ServerError(error) => error.to_string(),
            _ => "its role cannot be read".into(),
        });
    };
    match (fields.first(), fields.get(2)) {
        (Some(Value::BulkString(role)), Some(Value::Array(replicas))) if role == b"master" => {
            Ok(u32::try_from(replicas.len()).unwrap_or(u32::MAX))
        }
        (Some(Value::BulkString(role)), _) => {
            Err(format!("it is no primary but a {}", String::from_utf8_lossy(role)))
        }
        _ => Err("its role cannot be read".into()),
    }
}
