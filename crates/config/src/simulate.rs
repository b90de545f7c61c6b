//! What `hiscore simulate` plays, and against which server: typed settings and their table.

use std::time::Duration;

use hiscore_score::{LeaderboardId, Operator};

use crate::setting::Kind::{Number, Switch, Text};
use crate::setting::{Setting, count, number, switch};
use crate::units::{duration_in, show_duration};

/// The settings of `hiscore simulate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulateSettings {
    /// The GraphQL endpoint: `http://host:port/path`, never without a path.
    pub url: String,
    /// The board to play on.
    pub leaderboard: String,
    /// The operator of the board if it has to be created.
    pub operator: Operator,
    /// Players: 1 to 1,000,000, 20 by default.
    pub players: usize,
    /// Each player's time between two updates: 1 ms to 1 h, 90 ms by default.
    pub interval: Duration,
    /// How long to play; `None` until stopped.
    pub duration: Option<Duration>,
    /// Updates of one request, each of another player: 1 to 1000, 1 (a request an update) by default.
    pub bulk: usize,
    /// Requests under way at once, each on a connection that is kept: 1 to 10,000, 20 by default.
    pub connections: usize,
    /// What the scores and the submission ids are drawn from; `None` draws it too.
    pub seed: Option<u64>,
    /// How long one request may take before it is tried again: 10 ms to 10 min, 10 s by default.
    pub timeout: Duration,
    /// How long to wait for the server at the start, and at the end for what is still open: 0 to 1 h, 15 s by default.
    pub patience: Duration,
    /// Whether the final state is read back and compared with what was acknowledged.
    pub verify: bool,
    /// Nobody else writes these players: more than was sent is an error too.
    pub exclusive: bool,
    /// No progress, only the summary.
    pub quiet: bool,
    /// The summary as one JSON object, and no progress.
    pub json: bool,
}

impl Default for SimulateSettings {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8080/graphql".to_owned(),
            leaderboard: "demo".to_owned(),
            operator: Operator::Best,
            players: 20,
            interval: Duration::from_millis(90),
            duration: None,
            bulk: 1,
            connections: 20,
            seed: None,
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(15),
            verify: true,
            exclusive: false,
            quiet: false,
            json: false,
        }
    }
}

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const WHERE: &str = "Where";
const WHAT: &str = "What";
const CHECKING: &str = "Checking and telling";

/// Every setting, in the order in which it is shown.
#[rustfmt::skip] // one row reads best as one block
pub(crate) const TABLE: &[Setting<SimulateSettings>] = &[
    Setting {
        name: "url", value: "URL", kind: Text, heading: WHERE,
        help: "The server: http://host:port, and /graphql unless another path is given. No https yet: put a \
               proxy in between.",
        set: |s, text| { s.url = endpoint(text)?; Ok(()) },
        get: |s| Some(s.url.clone()),
    },
    Setting {
        name: "leaderboard", value: "ID", kind: Text, heading: WHERE,
        help: "The leaderboard; created if it is not there.",
        set: |s, text| {
            s.leaderboard = LeaderboardId::new(text).map_err(|error| format!("is no id: {error}"))?.to_string();
            Ok(())
        },
        get: |s| Some(s.leaderboard.clone()),
    },
    Setting {
        name: "operator", value: "OPERATOR", kind: Text, heading: WHERE,
        help: "best, set or increment, if the leaderboard has to be created; an existing one keeps its own.",
        set: |s, text| {
            s.operator = match text {
                "best" => Operator::Best,
                "set" => Operator::Set,
                "increment" => Operator::Increment,
                _ => return Err("must be best, set or increment".to_owned()),
            };
            Ok(())
        },
        get: |s| Some(match s.operator {
            Operator::Best => "best",
            Operator::Set => "set",
            Operator::Increment => "increment",
        }.to_owned()),
    },
    Setting {
        name: "connections", value: "N", kind: Number, heading: WHERE,
        help: "Requests under way at once, each on a connection of its own.",
        set: |s, text| { s.connections = count(text, 1, 10_000)?; Ok(()) },
        get: |s| Some(s.connections.to_string()),
    },
    Setting {
        name: "timeout", value: "TIME", kind: Text, heading: WHERE,
        help: "How long one request may take before it is tried again with the same submission ids.",
        set: |s, text| { s.timeout = duration_in(text, MS * 10, HOUR / 6)?; Ok(()) },
        get: |s| Some(show_duration(s.timeout)),
    },
    Setting {
        name: "patience", value: "TIME", kind: Text, heading: WHERE,
        help: "How long to wait for the server at the start, and at the end for what is still unanswered.",
        set: |s, text| { s.patience = duration_in(text, Duration::ZERO, HOUR)?; Ok(()) },
        get: |s| Some(show_duration(s.patience)),
    },

    Setting {
        name: "players", value: "N", kind: Number, heading: WHAT,
        help: "How many play.",
        set: |s, text| { s.players = count(text, 1, 1_000_000)?; Ok(()) },
        get: |s| Some(s.players.to_string()),
    },
    Setting {
        name: "interval", value: "TIME", kind: Text, heading: WHAT,
        help: "Each player's time between two updates. The schedule never slows down with the server: who is \
               late catches up, and the wait counts as latency.",
        set: |s, text| { s.interval = duration_in(text, MS, HOUR)?; Ok(()) },
        get: |s| Some(show_duration(s.interval)),
    },
    Setting {
        name: "duration", value: "TIME", kind: Text, heading: WHAT,
        help: "How long to play; until Ctrl-C if not given.",
        set: |s, text| { s.duration = Some(duration_in(text, MS, HOUR * 24 * 365)?); Ok(()) },
        get: |s| s.duration.map(show_duration),
    },
    Setting {
        name: "bulk", value: "N", kind: Number, heading: WHAT,
        help: "Updates of one request, each of another player; 1 sends every update by itself.",
        set: |s, text| { s.bulk = count(text, 1, 1000)?; Ok(()) },
        get: |s| Some(s.bulk.to_string()),
    },
    Setting {
        name: "seed", value: "N", kind: Number, heading: WHAT,
        help: "What the scores are drawn from: the same seed plays the same scores; another one each time if not \
               given.",
        set: |s, text| { s.seed = Some(number(text, 0, u64::MAX)?); Ok(()) },
        get: |s| s.seed.map(|seed| seed.to_string()),
    },

    Setting {
        name: "no-verify", value: "BOOL", kind: Switch, heading: CHECKING,
        help: "Do not read the final scores back to compare them with what was acknowledged.",
        set: |s, text| { s.verify = !switch(text)?; Ok(()) },
        get: |s| Some((!s.verify).to_string()),
    },
    Setting {
        name: "exclusive", value: "BOOL", kind: Switch, heading: CHECKING,
        help: "Nobody else writes these players, so that more than was sent is an error too.",
        set: |s, text| { s.exclusive = switch(text)?; Ok(()) },
        get: |s| Some(s.exclusive.to_string()),
    },
    Setting {
        name: "quiet", value: "BOOL", kind: Switch, heading: CHECKING,
        help: "No progress, only the summary.",
        set: |s, text| { s.quiet = switch(text)?; Ok(()) },
        get: |s| Some(s.quiet.to_string()),
    },
    Setting {
        name: "json", value: "BOOL", kind: Switch, heading: CHECKING,
        help: "The summary as one JSON object, and no progress.",
        set: |s, text| { s.json = switch(text)?; Ok(()) },
        get: |s| Some(s.json.to_string()),
    },
];

/// The endpoint with its path; what else a URL can be wrong in, the HTTP client will say.
fn endpoint(text: &str) -> Result<String, String> {
    const HINT: &str = "write for example http://127.0.0.1:8080";
    if text.starts_with("https://") {
        return Err(
            "is https, which the simulator does not speak yet: go through a proxy that takes http".to_owned()
        );
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return Err(format!("is no http URL: {HINT}"));
    };
    if rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Err(format!("has a character that a URL cannot have: {HINT}"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || authority.contains('@') {
        return Err(format!("must have a host and no user: {HINT}"));
    }
    Ok(match path {
        "" | "/" => format!("http://{authority}/graphql"),
        path => format!("http://{authority}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (given, taken) in [
            ("http://a:1", "http://a:1/graphql"),
            ("http://a:1/", "http://a:1/graphql"),
            ("http://[::1]:8080/x/graphql", "http://[::1]:8080/x/graphql"),
        ] {
            assert_eq!(endpoint(given), Ok(taken.to_owned()));
        }
        for (wrong, says) in [
            ("https://a", "https"),
            ("a:8080", "no http URL"),
            ("http://", "a host"),
            ("http:///graphql", "a host"),
            ("http://me:secret@a", "no user"),
            ("http://a b", "character"),
        ] {
            assert!(endpoint(wrong).unwrap_err().contains(says), "{wrong}");
        }
    }
}
