//! The settings of `hiscore serve`, one row each: the source of the flags, the variables, the file and the manual.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::serve::{LogFormat, Roles, ServeSettings};
use crate::setting::Kind::{Number, Switch, Text};
use crate::setting::{Setting, count, number, switch};
use crate::units::{bytes_in, duration_in, show_bytes, show_duration};

const SERVING: &str = "Serving";
const TIERS: &str = "Redis and MongoDB (without them the process needs no other server)";
const SAFETY: &str = "Acknowledging and stopping";
const STORING: &str = "Storing";
const SCOREBOARD: &str = "Score board";
const LOGGING: &str = "Logging";
const LIMITS: &str = "Limits of the API";

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// `get` for what prints itself.
macro_rules! shown {
    ($($field:ident).+) => { |s| Some(s.$($field).+.to_string()) };
}

/// A row that is a count.
macro_rules! count_row {
    ($name:literal, $heading:expr, $least:literal..=$most:literal, $($field:ident).+, $help:literal) => {
        Setting {
            name: $name, value: "N", kind: Number, heading: $heading, help: $help,
            set: |s, text| { s.$($field).+ = count(text, $least, $most)?; Ok(()) },
            get: shown!($($field).+),
        }
    };
}

/// A row that is a size.
macro_rules! bytes_row {
    ($name:literal, $heading:expr, $least:expr, $most:expr, $($field:ident).+, $help:literal) => {
        Setting {
            name: $name, value: "SIZE", kind: Text, heading: $heading, help: $help,
            set: |s, text| { s.$($field).+ = bytes_in(text, $least, $most)?; Ok(()) },
            get: |s| Some(show_bytes(s.$($field).+)),
        }
    };
}

/// A row that is a duration.
macro_rules! duration_row {
    ($name:literal, $heading:expr, $least:expr, $most:expr, $field:ident, $help:literal) => {
        Setting {
            name: $name,
            value: "TIME",
            kind: Text,
            heading: $heading,
            help: $help,
            set: |s, text| {
                s.$field = duration_in(text, $least, $most)?;
                Ok(())
            },
            get: |s| Some(show_duration(s.$field)),
        }
    };
}

/// Every setting, in the order in which it is shown.
#[rustfmt::skip] // one row reads best as one block
pub(crate) const TABLE: &[Setting<ServeSettings>] = &[
    Setting {
        name: "listen", value: "ADDRESS:PORT", kind: Text, heading: SERVING,
        help: "Where to listen; port 0 takes a free one. Beyond this machine only with --insecure-no-auth.",
        set: |s, text| { s.listen = address(text)?; Ok(()) },
        get: shown!(listen),
    },
    Setting {
        name: "data-dir", value: "DIR", kind: Text, heading: SERVING,
        help: "The folder that holds everything; created if it is not there.",
        set: |s, text| { s.data_dir = folder(text)?; Ok(()) },
        get: |s| Some(s.data_dir.display().to_string()),
    },
    Setting {
        name: "auto-create", value: "BOOL", kind: Switch, heading: SERVING,
        help: "A submission to a leaderboard that is not there creates it: BEST, largest first.",
        set: |s, text| { s.auto_create = switch(text)?; Ok(()) },
        get: shown!(auto_create),
    },
    Setting {
        name: "insecure-no-auth", value: "BOOL", kind: Switch, heading: SERVING,
        help: "Listen beyond this machine although whoever reaches it may read and write everything.",
        set: |s, text| { s.insecure_no_auth = switch(text)?; Ok(()) },
        get: shown!(insecure_no_auth),
    },
    Setting {
        name: "allowed-origins", value: "ORIGINS", kind: Text, heading: SERVING,
        help: "Pages of other origins that may use the API from a browser, separated by commas, as browsers name them: \
               https://game.example or http://localhost:5173.",
        set: |s, text| { s.allowed_origins = origins(text)?; Ok(()) },
        get: |s| Some(s.allowed_origins.join(",")),
    },
    count_row!("max-connections", SERVING, 1..=1_000_000, max_connections,
        "Connections at once; more wait to be accepted."),
    Setting {
        name: "threads", value: "N", kind: Text, heading: SERVING,
        help: "Threads that answer requests; auto: one for each processor, of which the ranks in process leave one to the threads \
               that commit and store.",
        set: |s, text| {
            s.threads = if text == "auto" { None } else { Some(count(text, 1, 1024).map_err(|why| why + ", or auto")?) };
            Ok(())
        },
        get: |s| Some(s.threads.map_or_else(|| "auto".to_owned(), |threads| threads.to_string())),
    },
    count_row!("max-leaderboards", SERVING, 1..=10_000_000, max_leaderboards,
        "Leaderboards there may be; creating one more is refused."),

    Setting {
        name: "role", value: "ROLES", kind: Text, heading: TIERS,
        help: "What this process does: all, or some of ingest (takes submissions), apply (from the log into Redis), \
               persist (carries them into the store) and scoreboard (queries, subscriptions, the page), separated by commas. One role alone needs \
               both URLs, since such processes share nothing else.",
        set: |s, text| { s.roles = Roles::parse(text)?; Ok(()) },
        get: |s| Some(s.roles.to_string()),
    },
    Setting {
        name: "redis-url", value: "URL", kind: Text, heading: TIERS,
        help: "Rank in this Redis 7 or later: redis://[user:password@]host:port, rediss:// with TLS, \
               redis+sentinel://[user:password@]host:port,host:port/service or redis-cluster://host:port,host:port.",
        set: |s, text| { s.redis_url = optional(text); Ok(()) },
        get: |s| Some(s.redis_url.clone().unwrap_or_default()),
    },
    Setting {
        name: "redis-url-file", value: "FILE", kind: Text, heading: TIERS,
        help: "The file that holds the Redis URL, for those who keep secrets in files.",
        set: |s, text| { s.redis_url_file = optional(text).map(PathBuf::from); Ok(()) },
        get: |s| Some(s.redis_url_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()),
    },
    Setting {
        name: "mongodb-url", value: "URL", kind: Text, heading: TIERS,
        help: "Store in this MongoDB 6 or later, a replica set: mongodb://host:port,host:port/database?replicaSet=name. \
               Without a database in it: hiscore. Needs a Redis URL.",
        set: |s, text| { s.mongodb_url = optional(text); Ok(()) },
        get: |s| Some(s.mongodb_url.clone().unwrap_or_default()),
    },
    Setting {
        name: "mongodb-url-file", value: "FILE", kind: Text, heading: TIERS,
        help: "The file that holds the MongoDB URL.",
        set: |s, text| { s.mongodb_url_file = optional(text).map(PathBuf::from); Ok(()) },
        get: |s| Some(s.mongodb_url_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()),
    },
    Setting {
        name: "log-url", value: "URL", kind: Text, heading: TIERS,
        help: "Put this log in front of Redis: kafka://host:port,host:port or amqp://user:password@host:port (RabbitMQ streams), \
               kafkas:// and amqps:// with TLS. Every process of a deployment needs it.",
        set: |s, text| { s.log_url = optional(text); Ok(()) },
        get: |s| Some(s.log_url.clone().unwrap_or_default()),
    },
    Setting {
        name: "log-url-file", value: "FILE", kind: Text, heading: TIERS,
        help: "A file that holds the log-url, so that no password is in a command line.",
        set: |s, text| { s.log_url_file = optional(text).map(PathBuf::from); Ok(()) },
        get: |s| Some(s.log_url_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()),
    },
    duration_row!("log-timeout", TIERS, MS * 100, MINUTE * 10, log_timeout,
        "The longest that an append to the log is waited for."),
    duration_row!("log-keep", TIERS, Duration::ZERO, HOUR * 87_600, log_keep,
        "How long entries stay in the log after all that they did is in the store: as old a backup of the store can be \
         caught up with. Kafka; RabbitMQ keeps log-shard-bytes."),
    bytes_row!("log-shard-bytes", TIERS, 64 << 20, 16 << 40, log_shard_bytes,
        "Bytes that each shard of a new RabbitMQ log keeps."),
    duration_row!("apply-wait", TIERS, Duration::ZERO, MINUTE, apply_wait,
        "The longest that a submission through the log waits for its outcome, record or rank, if they are selected."),
    Setting {
        name: "redis-prefix", value: "TEXT", kind: Text, heading: TIERS,
        help: "What every key in Redis begins with, so that deployments can share one.",
        set: |s, text| { s.redis_prefix = prefix(text)?; Ok(()) },
        get: shown!(redis_prefix),
    },
    count_row!("redis-connections", TIERS, 1..=64, redis_connections,
        "Connections for submissions to each Redis primary."),
    duration_row!("redis-wait", TIERS, MS, MINUTE, redis_wait,
        "The longest that a submission waits for Redis's replicas before it is acknowledged as RANKED instead."),
    duration_row!("mongodb-timeout", TIERS, MS * 100, MINUTE * 10, mongodb_timeout,
        "The longest that one operation of the store may take."),
    duration_row!("lease-time", TIERS, SECOND, HOUR, lease_time,
        "How long a persister that does not answer keeps its shards from the others."),
    count_row!("persist-batch", TIERS, 1..=50_000, persist_batch,
        "Records in one bulk into the store; a slow store gets fewer and larger ones up to this."),
    bytes_row!("persist-bytes", TIERS, 64 << 10, 32 << 20, persist_bytes,
        "The size of one bulk into the store."),

    duration_row!("ack-timeout", SAFETY, MS, MINUTE * 10, ack_timeout,
        "The longest that a submission waits to be as safe as it asked for. After it the answer says what was \
         reached, or that it is unknown."),
    duration_row!("shutdown-timeout", SAFETY, Duration::ZERO, HOUR, shutdown_timeout,
        "The longest that a shutdown may take to finish what was begun."),

    Setting {
        name: "shards", value: "N", kind: Number, heading: STORING,
        help: "Shards that the leaderboards are spread over. Fixed when the data folder is created.",
        set: |s, text| {
            s.shards = u16::try_from(number(text, 1, 1024)?).unwrap_or(1024);
            Ok(())
        },
        get: shown!(shards),
    },
    count_row!("window", STORING, 1..=1024, window,
        "Submission ids remembered of each player on each board, so that a retry counts once. Fixed when the \
         data folder is created."),
    bytes_row!("max-pending-bytes", STORING, 64 << 10, 1 << 40, max_pending_bytes,
        "Submissions that may wait to be committed; more are answered UNAVAILABLE."),
    count_row!("max-batch", STORING, 1..=1_000_000, max_batch,
        "Submissions in one commit."),
    bytes_row!("journal-segment", STORING, 64 << 10, 4 << 30, journal_segment,
        "The size of one file of the journal."),
    bytes_row!("journal-limit", STORING, 128 << 10, 16 << 40, journal_limit,
        "Journal that may wait to reach the store; beyond it submissions are answered UNAVAILABLE."),
    duration_row!("flush-interval", STORING, MS, HOUR, flush_interval,
        "The pause before changed records go to the store, if that was not busy for longer with the last ones: then as long as \
         those took, in the data folder ten times as long, 10s at most."),
    count_row!("max-dirty", STORING, 1_000..=1_000_000_000, max_dirty,
        "Records that may wait in memory for the store, about 300 bytes each without metadata and submission ids; \
         when there are as many, commits wait for the store."),
    bytes_row!("cache", STORING, 1 << 20, 16 << 40, cache,
        "Memory for the store's page cache."),

    duration_row!("live-interval", SCOREBOARD, MS * 10, MINUTE, live_interval,
        "The least time between two pushes of a leaderboard to those who watch it."),

    Setting {
        name: "log", value: "FILTER", kind: Text, heading: LOGGING,
        help: "What to log: off, error, warn, info, debug or trace, or target=level, separated by commas.",
        set: |s, text| { s.log = directives(text)?; Ok(()) },
        get: shown!(log),
    },
    Setting {
        name: "log-format", value: "FORMAT", kind: Text, heading: LOGGING,
        help: "How to log: text or json.",
        set: |s, text| {
            s.log_format = match text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err("must be text or json".to_owned()),
            };
            Ok(())
        },
        get: |s| Some(match s.log_format { LogFormat::Text => "text", LogFormat::Json => "json" }.to_owned()),
    },

    bytes_row!("max-body", LIMITS, 1 << 10, 1 << 30, limits.max_body,
        "The body of a request."),
    count_row!("max-depth", LIMITS, 1..=100, limits.max_depth,
        "How deep a selection may nest; 15 lets the standard introspection query pass."),
    count_row!("max-complexity", LIMITS, 1..=1_000_000, limits.max_complexity,
        "Fields of a request, rows not counted."),
    count_row!("max-aliases", LIMITS, 0..=10_000, limits.max_aliases,
        "Aliases of a document."),
    count_row!("max-tokens", LIMITS, 1..=1_000_000, limits.max_tokens,
        "Tokens of a document; bulks go by variables, which are not counted."),
    Setting {
        name: "max-rows", value: "N", kind: Number, heading: LIMITS,
        help: "Rows of a request, over all its paths and aliases.",
        set: |s, text| { s.limits.max_rows = number(text, 1, 1_000_000)?; Ok(()) },
        get: shown!(limits.max_rows),
    },
    count_row!("max-subscriptions", LIMITS, 1..=100_000, limits.max_subscriptions,
        "Subscriptions of one connection."),
];

fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:")
        && let Ok(port) = port.parse()
    {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| {
        "is no address with a port: write for example 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080".to_owned()
    })
}

/// Origins exactly as a browser sends them; `*` and `null` would let everybody in.
fn origins(text: &str) -> Result<Vec<String>, String> {
    let mut origins = Vec::new();
    for origin in text.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if !authority.is_some_and(|authority| !authority.is_empty() && authority.chars().all(fits)) {
            return Err(format!(
                "holds {origin:?}, which is no origin: write for example https://game.example, without a path or a \
                 slash at the end"
            ));
        }
        origins.push(origin.to_owned());
    }
    Ok(origins)
}

/// An empty text is none.
fn optional(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        return Err("must be 1 to 64 letters, digits, or any of _ - . :".to_owned());
    }
    Ok(text.to_owned())
}

fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("is empty: name a folder, for example hiscore-data".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// The grammar of `tracing`'s plain target filters, checked here so that `config check` finds a slip.
fn directives(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for part in text.split(',').map(str::trim) {
        let (target, level) = part.split_once('=').unwrap_or(("-", part));
        let named = !target.is_empty()
            && target.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.'));
        if !named || !LEVELS.contains(&level) {
            return Err(format!(
                "is no filter: \"{part}\" must be a level ({}) or target=level, for example info,hiscore=debug",
                LEVELS.join(", ")
            ));
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_accepted_by_its_own_parser() {
        for setting in TABLE {
            let defaults = ServeSettings::default();
            let text = (setting.get)(&defaults).unwrap();
            let mut settings = ServeSettings::default();
            assert_eq!((setting.set)(&mut settings, &text), Ok(()), "{}", setting.name);
            assert_eq!(settings, defaults, "{}", setting.name);
        }
        assert_eq!(ServeSettings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn threads_are_a_number_or_as_many_as_there_is_room_for() {
        let threads = |text: &str| {
            let mut settings = ServeSettings::default();
            let setting = TABLE.iter().find(|setting| setting.name == "threads").unwrap();
            (setting.set)(&mut settings, text).map(|()| settings)
        };
        let auto = threads("auto").unwrap();
        assert_eq!([1, 2, 8].map(|processors| auto.threads_of(processors)), [1, 1, 7]);
        let direct = ServeSettings { redis_url: Some("redis://localhost".to_owned()), ..auto };
        assert_eq!([1, 2, 8].map(|processors| direct.threads_of(processors)), [1, 2, 8]);
        assert_eq!(threads("5").unwrap().threads_of(2), 5);
        for wrong in ["0", "1025", "-1", "many", ""] {
            assert!(threads(wrong).unwrap_err().ends_with("from 1 to 1024, or auto"), "{wrong}");
        }
    }

    #[test]
    fn origins_are_exact() {
        let two = "https://game.example, http://localhost:5173";
        assert_eq!(origins(two).unwrap(), ["https://game.example", "http://localhost:5173"]);
        assert_eq!(origins("").unwrap(), Vec::<String>::new());
        for wrong in ["*", "null", "game.example", "https://", "https://game.example/", "ftp://x"] {
            assert!(origins(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_and_filters() {
        assert_eq!(address("localhost:8080"), Ok(ServeSettings::default().listen));
        assert!(address("[::1]:0").is_ok());
        for wrong in ["8080", ":8080", "localhost", "example.org:80", "127.0.0.1"] {
            assert!(address(wrong).unwrap_err().contains("127.0.0.1:8080"), "{wrong}");
        }
        for right in ["info", "off", "warn,hiscore=debug", "info, hiscore_api::http=trace"] {
            assert_eq!(directives(right), Ok(right.to_owned()));
        }
        for wrong in ["", "loud", "info,", "a=", "=info", "a[b]=info"] {
            assert!(directives(wrong).is_err(), "{wrong}");
        }
    }
}
