//! What `hiscore export` reads and `hiscore import` writes: typed settings and their tables.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use hiscore_score::window::DEFAULT_LENGTH;
use hiscore_score::{LeaderboardId, Operator, Rules, SortOrder};

use crate::SERVE_PREFIX;
use crate::layers::{Environment, Origin, resolve};
use crate::setting::Kind::{Number, Text};
use crate::setting::{Setting, count, number};

/// The data of one deployment: where it is, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a data folder; to be written: of the embedded profile.
    Folder(PathBuf),
    /// In a data folder that is to be written for a deployment whose ranks are in Redis.
    Kept(PathBuf),
    /// In the MongoDB at this URL. May hold a password: never to be logged.
    MongoUrl(String),
    /// In the MongoDB whose URL is in this file.
    MongoUrlFile(PathBuf),
}

/// The settings of `hiscore export`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSettings {
    /// What is read.
    pub from: Place,
}

/// The settings of `hiscore import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSettings {
    /// What is written.
    pub into: Place,
    /// Shards of the deployment that is made: 1 to 1024; as in the export if not given.
    pub shards: Option<u16>,
    /// Submission ids remembered per player and board: 1 to 1024; as in the export if not given.
    pub window: Option<usize>,
    /// What is put in.
    pub source: ImportSource,
}

/// What is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportSource {
    /// An export from standard input.
    StandardInput,
    /// An export in a file.
    File(PathBuf),
    /// Plain sorted sets of a Redis.
    SortedSets {
        /// Which Redis. May hold a password: never to be logged.
        url: String,
        /// Which sets, at least one, and what becomes of each. No leaderboard twice.
        sets: Vec<SortedSet>,
    },
}

/// A sorted set that becomes a leaderboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedSet {
    /// Its key in Redis.
    pub key: String,
    /// The leaderboard that is made of it.
    pub leaderboard: LeaderboardId,
    /// The rules of that.
    pub rules: Rules,
}

const URL: &str = "url";
const KEYS: &str = "keys";
const LEADERBOARD: &str = "leaderboard";
const SORT_ORDER: &str = "sort-order";
const OPERATOR: &str = "operator";
const FILE: &str = "file";
pub(crate) const REDIS_ZSET: &str = "redis-zset";
const WHERE: &str = "Where";
const WHAT: &str = "What";

/// As given; which of them counts is decided by [`place`].
#[derive(Debug, Default)]
struct Places {
    folder: Option<PathBuf>,
    url: Option<String>,
    url_file: Option<PathBuf>,
}

/// What a new deployment is made for.
#[derive(Debug, Default)]
struct Made {
    shards: Option<u16>,
    window: Option<usize>,
}

/// The same names as those of `serve`, so that one environment serves all commands.
#[rustfmt::skip] // one row reads best as one block
const PLACES: &[Setting<Places>] = &[
    Setting {
        name: "data-dir", value: "DIR", kind: Text, heading: WHERE,
        help: "The data folder; hiscore-data if nothing else is given. No server may be using it.",
        set: |s, text| { s.folder = Some(PathBuf::from(given(text)?)); Ok(()) },
        get: |s| s.folder.as_ref().map(|path| path.display().to_string()),
    },
    Setting {
        name: "mongodb-url", value: "URL", kind: Text, heading: WHERE,
        help: "A MongoDB 6 or later, a replica set: mongodb://host:port,host:port/database?replicaSet=name. Without \
               a database in it: hiscore.",
        set: |s, text| { s.url = Some(given(text)?); Ok(()) },
        get: |s| s.url.clone(),
    },
    Setting {
        name: "mongodb-url-file", value: "FILE", kind: Text, heading: WHERE,
        help: "The file that holds the MongoDB URL.",
        set: |s, text| { s.url_file = Some(PathBuf::from(given(text)?)); Ok(()) },
        get: |s| s.url_file.as_ref().map(|path| path.display().to_string()),
    },
];

#[rustfmt::skip] // one row reads best as one block
const MADE: &[Setting<Made>] = &[
    Setting {
        name: "shards", value: "N", kind: Number, heading: WHERE,
        help: "Shards of the deployment that is made; as in the export if not given (32 for sorted sets). \
               `serve` must be started with the same.",
        set: |s, text| {
            s.shards = Some(u16::try_from(number(text, 1, 1024)?).unwrap_or(1024));
            Ok(())
        },
        get: |s| s.shards.map(|shards| shards.to_string()),
    },
    Setting {
        name: "window", value: "N", kind: Number, heading: WHERE,
        help: "Submission ids remembered of each player on each board; as in the export if not given (32 for \
               sorted sets). A shorter one lets the oldest go. `serve` must be started with the same.",
        set: |s, text| { s.window = Some(count(text, 1, 1024)?); Ok(()) },
        get: |s| s.window.map(|window| window.to_string()),
    },
];

/// Whether Redis ranks: what a data folder is made for.
#[derive(Debug, Default)]
struct Ranked {
    by_redis: bool,
}

#[rustfmt::skip] // one row reads best as one block
const RANKED: &[Setting<Ranked>] = &[
    Setting {
        name: "redis-url", value: "URL", kind: Text, heading: WHERE,
        help: "The data folder is for `serve` with this Redis (records alone, no journal). Nothing is asked of it here.",
        set: |s, text| { given(text)?; s.by_redis = true; Ok(()) },
        get: |_| None,
    },
    Setting {
        name: "redis-url-file", value: "FILE", kind: Text, heading: WHERE,
        help: "The same, if its URL is in a file.",
        set: |s, text| { given(text)?; s.by_redis = true; Ok(()) },
        get: |_| None,
    },
];

pub(crate) fn given(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// `command` with the flags that say where.
pub(crate) fn exporting(command: Command) -> Command {
    command.args(PLACES.iter().map(|setting| setting.argument(SERVE_PREFIX)))
}

/// `command` with the flags that say into what, and `FILE`, and the command beside it.
pub(crate) fn importing(command: Command, sorted_set_more: &'static str) -> Command {
    let sets = into(Command::new(REDIS_ZSET))
        .about("Makes leaderboards of plain sorted sets of a Redis")
        .after_help(sorted_set_more)
        .arg(Arg::new(URL).value_name("URL").required(true).help_heading(WHAT).help(
            "The Redis that has them: redis://[user:password@]host:port[/db], or rediss:// with TLS.",
        ))
        .arg(
            Arg::new(KEYS)
                .value_name("KEY")
                .required(true)
                .num_args(1..)
                .help_heading(WHAT)
                .help("The key of a sorted set, or several."),
        )
        .arg(
            repeated(LEADERBOARD, "ID")
                .required(true)
                .help("The leaderboard that is made of it; once for each key, in the same order."),
        )
        .arg(repeated(SORT_ORDER, "ORDER").help(
            "DESC (the largest first) or ASC; once for all or once for each key. [default: DESC]",
        ))
        .arg(repeated(OPERATOR, "OPERATOR").help(
            "What later submissions do, BEST, SET or INCREMENT; once for all or once for each key. [default: BEST]",
        ));
    into(command)
        .arg(
            Arg::new(FILE)
                .value_name("FILE")
                .default_value("-")
                .help_heading(WHAT)
                .help("What `hiscore export` wrote; - is standard input."),
        )
        .subcommand(sets)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
}

fn into(command: Command) -> Command {
    exporting(command)
        .args(RANKED.iter().map(|setting| setting.argument(SERVE_PREFIX)))
        .args(MADE.iter().map(|setting| setting.argument(SERVE_PREFIX)))
}

fn repeated(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help_heading(WHAT).action(ArgAction::Append)
}

/// What `hiscore export` is to do.
pub(crate) fn export(
    matches: &ArgMatches,
    environment: Environment<'_>,
) -> Result<ExportSettings, Vec<String>> {
    Ok(ExportSettings { from: place(matches, environment)? })
}

/// What `hiscore import` is to do.
pub(crate) fn import(
    matches: &ArgMatches,
    environment: Environment<'_>,
) -> Result<ImportSettings, Vec<String>> {
    if let Some((REDIS_ZSET, matches)) = matches.subcommand() {
        let url = matches.get_one::<String>(URL).cloned().unwrap_or_default();
        let sets = sorted_sets(matches);
        let (made, sets) = both(made(matches, environment), sets)?;
        // What an export would have said.
        let made = Made {
            shards: made.shards.or(Some(crate::ServeSettings::default().shards)),
            window: made.window.or(Some(DEFAULT_LENGTH)),
        };
        return settings(matches, environment, made, ImportSource::SortedSets { url, sets });
    }
    let source = match matches.get_one::<String>(FILE).map(String::as_str) {
        None | Some("-") => ImportSource::StandardInput,
        Some(path) => ImportSource::File(PathBuf::from(path)),
    };
    settings(matches, environment, made(matches, environment)?, source)
}

fn settings(
    matches: &ArgMatches,
    environment: Environment<'_>,
    made: Made,
    source: ImportSource,
) -> Result<ImportSettings, Vec<String>> {
    let ranked = resolve(RANKED, SERVE_PREFIX, matches, environment, None)?.settings;
    let into = match place(matches, environment)? {
        Place::Folder(path) if ranked.by_redis => Place::Kept(path),
        other => other,
    };
    Ok(ImportSettings { into, shards: made.shards, window: made.window, source })
}

/// Both, or everything that is wrong with either.
fn both<A, B>(a: Result<A, Vec<String>>, b: Result<B, Vec<String>>) -> Result<(A, B), Vec<String>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(a.err().into_iter().chain(b.err()).flatten().collect()),
    }
}

fn made(matches: &ArgMatches, environment: Environment<'_>) -> Result<Made, Vec<String>> {
    Ok(resolve(MADE, SERVE_PREFIX, matches, environment, None)?.settings)
}

/// The one place that counts: flags win over variables, and of each kind there may be one.
pub(crate) fn place(matches: &ArgMatches, environment: Environment<'_>) -> Result<Place, Vec<String>> {
    let resolved = resolve(PLACES, SERVE_PREFIX, matches, environment, None)?;
    let Places { folder, url, url_file } = resolved.settings;
    let all = [folder.map(Place::Folder), url.map(Place::MongoUrl), url_file.map(Place::MongoUrlFile)];
    let named = PLACES.iter().zip(resolved.origins).zip(all);
    let named = named.filter_map(|((setting, origin), place)| Some((setting.name, origin, place?)));
    let (flags, others): (Vec<_>, Vec<_>) =
        named.partition(|(_, origin, _)| matches!(origin, Origin::Flag(_)));
    let mut counts = if flags.is_empty() { others } else { flags };
    if let [(first, ..), (second, ..), ..] = counts.as_slice() {
        return Err(vec![format!("{first} and {second} are both given: leave one out")]);
    }
    Ok(counts.pop().map_or_else(|| Place::Folder(PathBuf::from("hiscore-data")), |(.., place)| place))
}

fn sorted_sets(matches: &ArgMatches) -> Result<Vec<SortedSet>, Vec<String>> {
    let keys = all(matches, KEYS);
    let mut problems = Vec::new();
    let mut sets: Vec<SortedSet> = Vec::new();
    let names = all(matches, LEADERBOARD);
    if names.len() != keys.len() {
        problems.push(format!(
            "--{LEADERBOARD} is given {} times for {} keys: name the leaderboard of each key, in their order",
            names.len(),
            keys.len()
        ));
    }
    let (orders, operators) = (all(matches, SORT_ORDER), all(matches, OPERATOR));
    for (name, texts) in [(SORT_ORDER, &orders), (OPERATOR, &operators)] {
        if texts.len() > 1 && texts.len() != keys.len() {
            problems.push(format!(
                "--{name} is given {} times for {} keys: give it once for all, or once for each",
                texts.len(),
                keys.len()
            ));
        }
    }
    let of = |texts: &[&str], at: usize, default: &'static str| -> String {
        let text = if texts.len() == 1 { texts.first() } else { texts.get(at) };
        text.map_or(default, |text| *text).to_ascii_uppercase()
    };
    for (at, (key, name)) in keys.iter().zip(names).enumerate() {
        let leaderboard = match LeaderboardId::new(name) {
            Ok(id) => id,
            Err(error) => {
                problems.push(format!("--{LEADERBOARD}: \"{name}\" is no id: {error}"));
                continue;
            }
        };
        if sets.iter().any(|set| set.leaderboard == leaderboard) {
            problems.push(format!("--{LEADERBOARD}: \"{name}\" is given twice"));
        }
        let mut rules = Rules::default();
        // The second column goes with the first, as when a leaderboard is created.
        match of(&orders, at, "DESC").as_str() {
            "DESC" => (rules.sort_order, rules.subscore_order) = (SortOrder::Desc, SortOrder::Desc),
            "ASC" => (rules.sort_order, rules.subscore_order) = (SortOrder::Asc, SortOrder::Asc),
            other => problems.push(format!("--{SORT_ORDER}: \"{other}\" must be DESC or ASC")),
        }
        match of(&operators, at, "BEST").as_str() {
            "BEST" => rules.operator = Operator::Best,
            "SET" => rules.operator = Operator::Set,
            "INCREMENT" => rules.operator = Operator::Increment,
            other => problems.push(format!("--{OPERATOR}: \"{other}\" must be BEST, SET or INCREMENT")),
        }
        sets.push(SortedSet { key: (*key).to_owned(), leaderboard, rules });
    }
    if problems.is_empty() { Ok(sets) } else { Err(problems) }
}

fn all<'a>(matches: &'a ArgMatches, name: &str) -> Vec<&'a str> {
    matches.get_many::<String>(name).map(|texts| texts.map(String::as_str).collect()).unwrap_or_default()
}
