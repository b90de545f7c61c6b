//! What `hiscore log …` reads: where the tiers of a deployment behind a log are, and what is to be done with that log.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use hiscore_score::LeaderboardId;

use crate::layers::{Environment, resolve};
use crate::setting::Kind::{Number, Switch, Text};
use crate::setting::{Setting, count, number, switch};
use crate::transfer::{Place, exporting, given, place};
use crate::units::{bytes_in, show_bytes};
use crate::{SERVE_PREFIX, ServeSettings};

/// The settings of `hiscore log …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Where records are, which also know which log it is.
    pub store: Place,
    /// Where the log is, and Redis.
    pub tiers: LogTiers,
    /// What is to be done.
    pub tool: LogTool,
}

/// A text that is a secret, or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretUrl {
    /// The text. May hold a password: never to be logged.
    Given(String),
    /// The file.
    File(PathBuf),
}

/// Where the log is, and the Redis behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTiers {
    log_url: Option<String>,
    log_url_file: Option<PathBuf>,
    redis_url: Option<String>,
    redis_url_file: Option<PathBuf>,
    /// What every key in Redis begins with.
    pub redis_prefix: String,
}

impl Default for LogTiers {
    fn default() -> Self {
        Self {
            log_url: None,
            log_url_file: None,
            redis_url: None,
            redis_url_file: None,
            redis_prefix: ServeSettings::default().redis_prefix,
        }
    }
}

impl LogTiers {
    /// The log, which was given.
    pub fn log(&self) -> Option<SecretUrl> {
        one(self.log_url.as_ref(), self.log_url_file.as_ref())
    }

    /// Redis, if it was given.
    pub fn redis(&self) -> Option<SecretUrl> {
        one(self.redis_url.as_ref(), self.redis_url_file.as_ref())
    }
}

fn one(url: Option<&String>, file: Option<&PathBuf>) -> Option<SecretUrl> {
    url.map(|url| SecretUrl::Given(url.clone())).or_else(|| file.map(|file| SecretUrl::File(file.clone())))
}

/// What is to be done with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTool {
    /// Print what is in it.
    Tail(TailSettings),
    /// Compare all three tiers.
    Verify(VerifySettings),
    /// Judge a range of it in an empty Redis.
    Replay(ReplaySettings),
    /// Go on with a new one.
    Renew(RenewSettings),
}

/// What `hiscore log tail` prints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TailSettings {
    /// This leaderboard alone.
    pub board: Option<LeaderboardId>,
    /// This shard alone.
    pub shard: Option<u16>,
    /// From this offset on; `None`: all there is.
    pub from: Option<u64>,
    /// Whether to wait for more at the end.
    pub follow: bool,
}

/// How `hiscore log verify` compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifySettings {
    /// This shard alone.
    pub shard: Option<u16>,
    /// How many differences are printed.
    pub differences: usize,
}

impl Default for VerifySettings {
    fn default() -> Self {
        Self { shard: None, differences: 10 }
    }
}

/// What `hiscore log replay` judges, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplaySettings {
    into_url: Option<String>,
    into_file: Option<PathBuf>,
    /// What every key there begins with; `None`: as in the deployment.
    pub into_prefix: Option<String>,
    /// This shard alone.
    pub shard: Option<u16>,
    /// From this offset of each shard on; `None`: all there is.
    pub from: Option<u64>,
    /// Up to this offset of each shard, itself included; `None`: to the end.
    pub to: Option<u64>,
}

impl ReplaySettings {
    /// The Redis that is filled, which was given.
    pub fn into_redis(&self) -> Option<SecretUrl> {
        one(self.into_url.as_ref(), self.into_file.as_ref())
    }
}

/// How `hiscore log renew` makes the new log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewSettings {
    /// Whether it may be done; else it is only said what would be given up.
    pub yes: bool,
    /// Bytes that a shard of it keeps, where the broker cannot cut it.
    pub shard_bytes: u64,
}

impl Default for RenewSettings {
    fn default() -> Self {
        Self { yes: false, shard_bytes: ServeSettings::default().log_shard_bytes }
    }
}

const TAIL: &str = "tail";
const VERIFY: &str = "verify";
const REPLAY: &str = "replay";
const RENEW: &str = "renew";
const YES: &str = "yes";
const WHERE: &str = "Where";
const WHAT: &str = "What";
const PREFIX: &str = "HISCORE_LOG_TOOL_";

#[rustfmt::skip] // one row reads best as one block
const TIERS: &[Setting<LogTiers>] = &[
    Setting {
        name: "log-url", value: "URL", kind: Text, heading: WHERE,
        help: "The log: kafka://host:port,host:port or amqp://user:password@host:port, as `serve` has it.",
        set: |s, text| { s.log_url = Some(given(text)?); Ok(()) },
        get: |s| s.log_url.clone(),
    },
    Setting {
        name: "log-url-file", value: "FILE", kind: Text, heading: WHERE,
        help: "The file that holds the log-url.",
        set: |s, text| { s.log_url_file = Some(PathBuf::from(given(text)?)); Ok(()) },
        get: |s| s.log_url_file.as_ref().map(|path| path.display().to_string()),
    },
    Setting {
        name: "redis-url", value: "URL", kind: Text, heading: WHERE,
        help: "The Redis that ranks, as `serve` has it. Only looked at.",
        set: |s, text| { s.redis_url = Some(given(text)?); Ok(()) },
        get: |s| s.redis_url.clone(),
    },
    Setting {
        name: "redis-url-file", value: "FILE", kind: Text, heading: WHERE,
        help: "The file that holds the Redis URL.",
        set: |s, text| { s.redis_url_file = Some(PathBuf::from(given(text)?)); Ok(()) },
        get: |s| s.redis_url_file.as_ref().map(|path| path.display().to_string()),
    },
    Setting {
        name: "redis-prefix", value: "TEXT", kind: Text, heading: WHERE,
        help: "What every key in Redis begins with.",
        set: |s, text| { s.redis_prefix = given(text)?; Ok(()) },
        get: |s| Some(s.redis_prefix.clone()),
    },
];

fn shard(text: &str) -> Result<Option<u16>, String> {
    Ok(u16::try_from(number(text, 0, 1023)?).ok())
}

fn offset(text: &str) -> Result<Option<u64>, String> {
    Ok(Some(number(text, 0, i64::MAX as u64)?))
}

fn shown<T: ToString>(value: Option<&T>) -> Option<String> {
    value.map(ToString::to_string)
}

#[rustfmt::skip] // one row reads best as one block
const TAIL_TABLE: &[Setting<TailSettings>] = &[
    Setting {
        name: "board", value: "ID", kind: Text, heading: WHAT,
        help: "What is submitted to this leaderboard alone.",
        set: |s, text| {
            s.board = Some(LeaderboardId::new(text).map_err(|error| format!("is no id: {error}"))?);
            Ok(())
        },
        get: |s| shown(s.board.as_ref()),
    },
    Setting {
        name: "shard", value: "N", kind: Number, heading: WHAT,
        help: "This shard alone; without it and without --board all, one after another.",
        set: |s, text| { s.shard = shard(text)?; Ok(()) },
        get: |s| shown(s.shard.as_ref()),
    },
    Setting {
        name: "from", value: "OFFSET", kind: Number, heading: WHAT,
        help: "From this offset on; else from the first that there is.",
        set: |s, text| { s.from = offset(text)?; Ok(()) },
        get: |s| shown(s.from.as_ref()),
    },
    Setting {
        name: "follow", value: "BOOL", kind: Switch, heading: WHAT,
        help: "Wait for more at the end, until interrupted.",
        set: |s, text| { s.follow = switch(text)?; Ok(()) },
        get: |s| Some(s.follow.to_string()),
    },
];

#[rustfmt::skip] // one row reads best as one block
const VERIFY_TABLE: &[Setting<VerifySettings>] = &[
    Setting {
        name: "shard", value: "N", kind: Number, heading: WHAT,
        help: "This shard alone.",
        set: |s, text| { s.shard = shard(text)?; Ok(()) },
        get: |s| shown(s.shard.as_ref()),
    },
    Setting {
        name: "differences", value: "N", kind: Number, heading: WHAT,
        help: "How many differences are printed; all are counted.",
        set: |s, text| { s.differences = count(text, 0, 1_000_000)?; Ok(()) },
        get: |s| Some(s.differences.to_string()),
    },
];

#[rustfmt::skip] // one row reads best as one block
const REPLAY_TABLE: &[Setting<ReplaySettings>] = &[
    Setting {
        name: "into-redis-url", value: "URL", kind: Text, heading: WHAT,
        help: "The Redis that is filled. It, or the part of it under --into-redis-prefix, must be empty.",
        set: |s, text| { s.into_url = Some(given(text)?); Ok(()) },
        get: |s| s.into_url.clone(),
    },
    Setting {
        name: "into-redis-url-file", value: "FILE", kind: Text, heading: WHAT,
        help: "The file that holds the URL of the Redis that is filled.",
        set: |s, text| { s.into_file = Some(PathBuf::from(given(text)?)); Ok(()) },
        get: |s| s.into_file.as_ref().map(|path| path.display().to_string()),
    },
    Setting {
        name: "into-redis-prefix", value: "TEXT", kind: Text, heading: WHAT,
        help: "What every key there begins with; as --redis-prefix if not given.",
        set: |s, text| { s.into_prefix = Some(given(text)?); Ok(()) },
        get: |s| s.into_prefix.clone(),
    },
    Setting {
        name: "shard", value: "N", kind: Number, heading: WHAT,
        help: "This shard alone; the others stay empty.",
        set: |s, text| { s.shard = shard(text)?; Ok(()) },
        get: |s| shown(s.shard.as_ref()),
    },
    Setting {
        name: "from", value: "OFFSET", kind: Number, heading: WHAT,
        help: "From this offset of each shard on; else from the first that there is.",
        set: |s, text| { s.from = offset(text)?; Ok(()) },
        get: |s| shown(s.from.as_ref()),
    },
    Setting {
        name: "to", value: "OFFSET", kind: Number, heading: WHAT,
        help: "Up to and with this offset of each shard; else to the end.",
        set: |s, text| { s.to = offset(text)?; Ok(()) },
        get: |s| shown(s.to.as_ref()),
    },
];

#[rustfmt::skip] // one row reads best as one block
const RENEW_TABLE: &[Setting<RenewSettings>] = &[
    Setting {
        name: "log-shard-bytes", value: "SIZE", kind: Text, heading: WHAT,
        help: "Bytes that each shard of the new log keeps, if it is RabbitMQ; as `serve` has it.",
        set: |s, text| { s.shard_bytes = bytes_in(text, 64 << 20, 16 << 40)?; Ok(()) },
        get: |s| Some(show_bytes(s.shard_bytes)),
    },
];

const VERIFY_MORE: &str = "\
Run it while nothing is submitted; the processes of the deployment may go on. All of a shard is held in memory at a time.

Exit code: 0 when all that can be told is the same, 1 when something differs or the deployment did not come to rest, 2 when the \
settings are wrong.";

const REPLAY_MORE: &str = "\
The new ranking tier is a deployment of its own, with no log in front of it: look at it with `hiscore serve --redis-url URL \
--data-dir NEW-FOLDER` and the --shards and --window of the deployment.";

/// `command` with everything below `hiscore log`.
pub(crate) fn logging(command: Command) -> Command {
    let tool = |name: &'static str| {
        exporting(Command::new(name)).args(TIERS.iter().map(|setting| setting.argument(SERVE_PREFIX)))
    };
    let yes = Arg::new(YES)
        .long(YES)
        .help_heading(WHAT)
        .action(ArgAction::SetTrue)
        .help("Do it. Without this it is only said what would be given up.");
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            table(tool(TAIL), TAIL_TABLE).about("Prints what is in the log as NDJSON, a line a submission"),
        )
        .subcommand(
            table(tool(VERIFY), VERIFY_TABLE)
                .about("Checks that Redis, the store and the log say the same")
                .after_help(VERIFY_MORE),
        )
        .subcommand(
            table(tool(REPLAY), REPLAY_TABLE)
                .about("Replays the log, or a range of it, into an empty Redis")
                .after_help(REPLAY_MORE),
        )
        .subcommand(
            RENEW_TABLE
                .iter()
                .fold(tool(RENEW).arg(yes), |command, setting| command.arg(setting.argument(SERVE_PREFIX)))
                .about("Goes on with a new log after the one that was there was lost, or cut too early"),
        )
}

fn table<T: Default>(command: Command, table: &'static [Setting<T>]) -> Command {
    command.args(table.iter().map(|setting| setting.argument(PREFIX)))
}

/// What `hiscore log …` is to do.
pub(crate) fn log(matches: &ArgMatches, environment: Environment<'_>) -> Result<LogSettings, Vec<String>> {
    let Some((name, matches)) = matches.subcommand() else { return Err(vec!["name a command".to_owned()]) };
    let tiers = resolve(TIERS, SERVE_PREFIX, matches, environment, None)?.settings;
    let store = place(matches, environment)?;
    let tool = match name {
        TAIL => LogTool::Tail(resolve(TAIL_TABLE, PREFIX, matches, environment, None)?.settings),
        VERIFY => LogTool::Verify(resolve(VERIFY_TABLE, PREFIX, matches, environment, None)?.settings),
        REPLAY => LogTool::Replay(resolve(REPLAY_TABLE, PREFIX, matches, environment, None)?.settings),
        _ => {
            let renew = resolve(RENEW_TABLE, SERVE_PREFIX, matches, environment, None)?.settings;
            LogTool::Renew(RenewSettings { yes: matches.get_flag(YES), ..renew })
        }
    };
    let mut problems = Vec::new();
    if tiers.log().is_none() {
        problems.push("log-url is not given: which log?".to_owned());
    }
    if tiers.redis().is_none() && matches!(tool, LogTool::Verify(_) | LogTool::Renew(_)) {
        problems.push("redis-url is not given: which Redis stands behind the log?".to_owned());
    }
    if let LogTool::Replay(replay) = &tool {
        if replay.into_redis().is_none() {
            problems.push("into-redis-url is not given: which Redis is to be filled?".to_owned());
        }
        if let (Some(from), Some(to)) = (replay.from, replay.to)
            && from > to
        {
            problems.push(format!("--from {from} is behind --to {to}"));
        }
    }
    if problems.is_empty() { Ok(LogSettings { store, tiers, tool }) } else { Err(problems) }
}
