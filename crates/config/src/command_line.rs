//! The sub-commands and their flags, as clap knows them. Values are texts here; the tables judge them.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;

use crate::setting::Setting;
use crate::{SERVE_PREFIX, SIMULATE_PREFIX, log_tools, serve_table, simulate, transfer};

pub(crate) const SERVE: &str = "serve";
pub(crate) const SIMULATE: &str = "simulate";
pub(crate) const EXPORT: &str = "export";
pub(crate) const IMPORT: &str = "import";
pub(crate) const LOG: &str = "log";
pub(crate) const CONFIG: &str = "config";
pub(crate) const CHECK: &str = "check";
pub(crate) const PRINT: &str = "print";
pub(crate) const SCHEMA: &str = "schema";
pub(crate) const COMPLETIONS: &str = "completions";
/// The argument that names the file, beside the table since it cannot stand in the file.
pub(crate) const FILE: &str = "config";
pub(crate) const FILE_VARIABLE: &str = "HISCORE_CONFIG";
pub(crate) const SHELL: &str = "shell";
pub(crate) const HEALTHY: &str = "healthy";
pub(crate) const URL: &str = "url";

const ABOUT: &str = "hiscore keeps the scores of a game: send it every score change of every player, and get back live\n\
leaderboards that stay right and stay up, whatever breaks behind them.";

const FIRST_STEPS: &str = "\
First steps:
  hiscore                      serve on http://127.0.0.1:8080, with everything in ./hiscore-data
  hiscore simulate             in a second terminal: 20 players, every score checked at the end
  hiscore config print         all settings with their meaning, as a file to start from
  hiscore serve --help         the same as flags and environment variables

Flags alone serve too: `hiscore --data-dir DIR` is `hiscore serve --data-dir DIR`.";

const PRECEDENCE: &str = "\
Every flag is also an environment variable (--data-dir: HISCORE_DATA_DIR; an empty one counts as not set) and a \
line of the configuration file (data-dir = \"...\"). A flag wins over the environment, the environment over the \
file, the file over the default. `hiscore config print` shows what is in force and where it comes from.";

const SIMULATE_MORE: &str = "\
Each flag is also an environment variable (--players: HISCORE_SIMULATE_PLAYERS).

An update that is not answered, or answered with UNAVAILABLE or AMBIGUOUS, is sent again with the same submissionId \
until it is acknowledged. At the end (Ctrl-C, or --duration) the final scores are read back, and every acknowledged \
update is accounted for.

Exit code: 0 when nothing is missing, 1 when something is, 2 when the settings are wrong or no server answers.";

const EXPORT_MORE: &str = "\
Writes NDJSON on standard output: leaderboards, then every record of every season with all that makes retries safe, \
deleted players too. Stop what serves the deployment first; an export is refused while it changes.

Exit code: 0 when all of it was written, 1 when not, 2 when the settings are wrong.";

const IMPORT_MORE: &str = "\
The deployment must be empty, and no server may be using it. Every piece is checked before it is written. An import that was \
cut off is not served from: run the same again and it goes on where it was. One that is complete is left alone.

  hiscore export --data-dir hiscore-data | hiscore import --mongodb-url mongodb://...

Exit code: 0 when all of it is there, 1 when not, 2 when the settings are wrong.";

const REDIS_ZSET_MORE: &str = "\
Members become players. Everything is checked before anything is written: scores must be integers within \
\u{b1}(2^53 - 1), members valid player ids. All get the same moment, so that equal scores stand in the order of the \
player ids. Nothing may write the sets meanwhile: they are read twice, and must be the same.

  hiscore import redis-zset redis://127.0.0.1:6379 game:daily --leaderboard daily

Exit code: 0 when all of it is there, 1 when not, 2 when the settings are wrong.";

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("hiscore")
        // Or help would show the name of whatever link it was started by.
        .bin_name("hiscore")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(FIRST_STEPS)
        .subcommand_required(true)
        .max_term_width(110)
        .subcommand(
            serving(Command::new(SERVE).about("Runs the score store; also without any command"))
                .after_help(PRECEDENCE),
        )
        .subcommand(
            table(Command::new(SIMULATE), simulate::TABLE, SIMULATE_PREFIX)
                .about("Plays a game against a server and checks that no acknowledged score is missing")
                .after_help(SIMULATE_MORE),
        )
        .subcommand(
            transfer::exporting(Command::new(EXPORT))
                .about("Writes everything that is in a data folder or a MongoDB as NDJSON")
                .after_help(EXPORT_MORE),
        )
        .subcommand(
            transfer::importing(Command::new(IMPORT), REDIS_ZSET_MORE)
                .about("Puts an export, or sorted sets of a Redis, into an empty data folder or MongoDB")
                .after_help(IMPORT_MORE),
        )
        .subcommand(log_tools::logging(
            Command::new(LOG)
                .about("Looks at the log in front of Redis: prints, verifies, replays, renews it"),
        ))
        .subcommand(
            Command::new(CONFIG)
                .about("Checks or prints the settings of `serve`")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .disable_help_subcommand(true)
                .subcommand(
                    serving(
                        Command::new(CHECK).about("Says whether the settings are valid: exit code 0 or 2"),
                    )
                    .after_help(PRECEDENCE),
                )
                .subcommand(
                    serving(
                        Command::new(PRINT)
                            .about("Prints the settings in force as a commented configuration file"),
                    )
                    .after_help(PRECEDENCE),
                ),
        )
        .subcommand(
            Command::new(HEALTHY)
                .about("Asks a server whether it is ready: exit code 0 or 1; for health checks of containers")
                .arg(Arg::new(URL).value_name("URL").default_value("http://127.0.0.1:8080")),
        )
        .subcommand(Command::new(SCHEMA).about("Prints the GraphQL schema"))
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Prints what makes a shell complete hiscore's commands and flags")
                .after_help("For example: hiscore completions bash > /etc/bash_completion.d/hiscore")
                .arg(
                    Arg::new(SHELL)
                        .value_name("SHELL")
                        .required(true)
                        .value_parser(PossibleValuesParser::new(SHELLS.map(|(name, _)| name))),
                ),
        )
}

/// The shells there are completions for.
pub(crate) const SHELLS: [(&str, Shell); 5] = [
    ("bash", Shell::Bash),
    ("elvish", Shell::Elvish),
    ("fish", Shell::Fish),
    ("powershell", Shell::PowerShell),
    ("zsh", Shell::Zsh),
];

/// `command` with the flags of `serve`.
fn serving(command: Command) -> Command {
    let file = Arg::new(FILE)
        .long(FILE)
        .value_name("FILE")
        .help_heading("Serving")
        .help("A configuration file; `hiscore config print` writes one to start from.")
        .long_help(format!(
            "A configuration file; `hiscore config print` writes one to start from.\n[env: {FILE_VARIABLE}]"
        ))
        .action(ArgAction::Set);
    table(command.arg(file), serve_table::TABLE, SERVE_PREFIX)
}

fn table<T: Default>(command: Command, table: &'static [Setting<T>], prefix: &str) -> Command {
    command.args(table.iter().map(|setting| setting.argument(prefix)))
}
