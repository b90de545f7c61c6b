//! Flag over environment over file over default, setting by setting, each value judged by the setting's one parser.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::ArgMatches;

use crate::file::ConfigFile;
use crate::setting::Setting;

/// The environment: a name to its value. Handed in, so that tests need not touch the process's own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where a value came from, as an error or `config print` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// A variable.
    Variable(String),
    /// The command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Settings, and where each row of the table was taken from.
#[derive(Debug)]
pub(crate) struct Resolved<T> {
    pub(crate) settings: T,
    pub(crate) origins: Vec<Origin>,
}

/// Resolves every row of `table`; the errors are all there are, so that nobody mends them one run at a time.
pub(crate) fn resolve<T: Default>(
    table: &[Setting<T>],
    prefix: &str,
    flags: &ArgMatches,
    environment: Environment<'_>,
    file: Option<&ConfigFile>,
) -> Result<Resolved<T>, Vec<String>> {
    let mut settings = T::default();
    let mut origins = Vec::with_capacity(table.len());
    let mut problems = Vec::new();
    for setting in table {
        let given = match given(setting, prefix, flags, environment, file) {
            Ok(given) => given,
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let Some((value, origin)) = given else {
            origins.push(Origin::Default);
            continue;
        };
        if let Err(problem) = (setting.set)(&mut settings, &value) {
            let key = match origin {
                Origin::File(..) => format!("{}: ", setting.name),
                _ => String::new(),
            };
            problems.push(format!("{origin}: {key}\"{value}\" {problem}"));
        }
        origins.push(origin);
    }
    if problems.is_empty() { Ok(Resolved { settings, origins }) } else { Err(problems) }
}

/// The value that counts, or `None` for the default.
fn given<T: Default>(
    setting: &Setting<T>,
    prefix: &str,
    flags: &ArgMatches,
    environment: Environment<'_>,
    file: Option<&ConfigFile>,
) -> Result<Option<(String, Origin)>, String> {
    if let Some(value) = flags.get_one::<String>(setting.name) {
        return Ok(Some((value.clone(), Origin::Flag(setting.name))));
    }
    let variable = setting.variable(prefix);
    if let Some(value) = text_variable(environment, &variable)? {
        return Ok(Some((value, Origin::Variable(variable))));
    }
    Ok(file.and_then(|file| {
        let (value, line) = file.get(setting.name)?;
        Some((value.to_owned(), Origin::File(file.path.clone(), line)))
    }))
}

/// A variable's text. Empty is as good as unset, since compose files pass on variables that nobody set that way.
pub(crate) fn text_variable(environment: Environment<'_>, name: &str) -> Result<Option<String>, String> {
    match environment(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) if value.is_empty() => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(value)) => Err(format!("{name}: {value:?} is not UTF-8")),
    }
}
