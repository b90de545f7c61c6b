//! The command line of the `hiscore` binary: what to run, and with which settings.
//!
//! Every setting of `serve` is a flag, an environment variable and a line of a TOML file; [`parse`] layers them
//! (flag, environment, file, default) and hands back typed, checked settings, or one text that names everything
//! that is wrong and says what to do about it. Nothing is printed here, no server is touched, and the only file
//! that is read is the configuration file.
//!
//! The way through: `command_line` is what clap knows, `serve_table`, `simulate`, `transfer` and `log_tools` list the settings,
//! `setting` is one row of them, `file` reads the TOML, `layers` decides which value counts, and
//! `printed` writes the file back.

mod command_line;
mod file;
mod layers;
mod log_tools;
mod printed;
mod serve;
mod serve_table;
mod setting;
mod simulate;
mod transfer;
mod units;

use std::ffi::OsString;
use std::path::Path;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::file::ConfigFile;
pub use crate::layers::Environment;
use crate::layers::Resolved;
pub use crate::log_tools::{
    LogSettings, LogTiers, LogTool, RenewSettings, ReplaySettings, SecretUrl, TailSettings, VerifySettings,
};
pub use crate::serve::{ApiLimits, LogFormat, Roles, ServeSettings};
pub use crate::simulate::SimulateSettings;
pub use crate::transfer::{ExportSettings, ImportSettings, ImportSource, Place, SortedSet};
pub use crate::units::{show_bytes, show_duration};

const SERVE_PREFIX: &str = "HISCORE_";
const SIMULATE_PREFIX: &str = "HISCORE_SIMULATE_";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run the store.
    Serve(Box<ServeSettings>),
    /// Play against a server.
    Simulate(Box<SimulateSettings>),
    /// Write a deployment out.
    Export(Box<ExportSettings>),
    /// Put one in.
    Import(Box<ImportSettings>),
    /// Look at the log of a deployment, or go on with a new one.
    Log(Box<LogSettings>),
    /// Ask the server at this URL whether it is ready.
    Healthy(String),
    /// Print the GraphQL schema, which is not known here.
    Schema,
    /// Print this on standard output and exit with 0: help, version, completions, `config print`, `config check`.
    Print(String),
}

/// What is wrong with the command line, the environment or the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The whole text for standard error, with its line end.
    pub message: String,
}

impl Failure {
    /// What the process exits with.
    pub const EXIT_CODE: u8 = 2;
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message.trim_end())
    }
}

impl std::error::Error for Failure {}

/// Takes the process's arguments (the program's name first) and its environment.
///
/// In the binary: `parse(std::env::args_os(), &|name| std::env::var_os(name))`.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment<'_>,
) -> Result<Command, Failure> {
    let matches = match command_line::command().try_get_matches_from(with_command(arguments)) {
        Ok(matches) => matches,
        Err(error) => {
            let text = error.render().to_string();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked_for { Ok(Command::Print(text)) } else { Err(Failure { message: text }) };
        }
    };
    match matches.subcommand() {
        Some((command_line::SERVE, matches)) => {
            Ok(Command::Serve(Box::new(serve_settings(matches, environment)?.settings)))
        }
        Some((command_line::SIMULATE, matches)) => {
            let resolved = layers::resolve(simulate::TABLE, SIMULATE_PREFIX, matches, environment, None)
                .map_err(|problems| failure(&problems, "hiscore simulate --help"))?;
            Ok(Command::Simulate(Box::new(resolved.settings)))
        }
        Some((command_line::EXPORT, matches)) => transfer::export(matches, environment)
            .map(|settings| Command::Export(Box::new(settings)))
            .map_err(|problems| failure(&problems, "hiscore export --help")),
        Some((command_line::IMPORT, matches)) => transfer::import(matches, environment)
            .map(|settings| Command::Import(Box::new(settings)))
            .map_err(|problems| failure(&problems, "hiscore import --help")),
        Some((command_line::LOG, matches)) => log_tools::log(matches, environment)
            .map(|settings| Command::Log(Box::new(settings)))
            .map_err(|problems| failure(&problems, "hiscore log --help")),
        Some((command_line::CONFIG, matches)) => match matches.subcommand() {
            Some((command_line::CHECK, matches)) => {
                serve_settings(matches, environment)?;
                Ok(Command::Print("The configuration is valid.\n".to_owned()))
            }
            Some((_, matches)) => Ok(Command::Print(printed::print(&serve_settings(matches, environment)?))),
            None => Ok(Command::Print(help())),
        },
        Some((command_line::HEALTHY, matches)) => {
            Ok(Command::Healthy(matches.get_one::<String>(command_line::URL).cloned().unwrap_or_default()))
        }
        Some((command_line::SCHEMA, _)) => Ok(Command::Schema),
        Some((command_line::COMPLETIONS, matches)) => Ok(Command::Print(completions(matches))),
        _ => Ok(Command::Print(help())),
    }
}

/// Puts in `serve` when no command is named: nothing at all, or flags other than those of `hiscore` itself.
fn with_command(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.is_empty() {
        arguments.push("hiscore".into());
    }
    let own = ["-h", "--help", "-V", "--version"];
    let serves = match arguments.get(1) {
        None => true,
        Some(first) => first.as_encoded_bytes().starts_with(b"-") && !own.iter().any(|flag| first == *flag),
    };
    if serves {
        arguments.insert(1, command_line::SERVE.into());
    }
    arguments
}

fn serve_settings(
    matches: &ArgMatches,
    environment: Environment<'_>,
) -> Result<Resolved<ServeSettings>, Failure> {
    let manual = "hiscore serve --help";
    let path = match matches.get_one::<String>(command_line::FILE) {
        Some(path) => Some(path.clone()),
        None => layers::text_variable(environment, command_line::FILE_VARIABLE)
            .map_err(|problem| failure(&[problem], manual))?,
    };
    let file = path.as_deref().map(|path| ConfigFile::read(Path::new(path), serve_table::TABLE)).transpose();
    // A file that cannot be used does not hide what is wrong elsewhere.
    let (file, mut problems) = match file {
        Ok(file) => (file, Vec::new()),
        Err(problems) => (None, problems),
    };
    let resolved = layers::resolve(serve_table::TABLE, SERVE_PREFIX, matches, environment, file.as_ref());
    match resolved {
        Ok(resolved) if problems.is_empty() => {
            problems = resolved.settings.problems();
            if problems.is_empty() {
                return Ok(resolved);
            }
        }
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    Err(failure(&problems, manual))
}

fn failure(problems: &[String], manual: &str) -> Failure {
    let message = match problems {
        [one] => format!("error: {one}\n\nFor more: {manual}\n"),
        all => format!(
            "error: {} things are wrong:\n  - {}\n\nFor more: {manual}\n",
            all.len(),
            all.join("\n  - ")
        ),
    };
    Failure { message }
}

fn help() -> String {
    command_line::command().render_long_help().to_string()
}

fn completions(matches: &ArgMatches) -> String {
    let asked = matches.get_one::<String>(command_line::SHELL).map(String::as_str);
    let Some((_, shell)) = command_line::SHELLS.into_iter().find(|(name, _)| Some(*name) == asked) else {
        return String::new();
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command_line::command(), "hiscore", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
