//! One setting: a flag, an environment variable and a line of the configuration file, with one parser for all three.

use clap::{Arg, ArgAction};

/// What a setting is in the configuration file; on the command line and in the environment all are texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string: `"5s"`.
    Text,
    /// An integer.
    Number,
    /// `true` or `false`; as a flag it may stand alone.
    Switch,
}

/// A row of a table of settings that fill a `T`. The default is what `T::default()` holds.
pub(crate) struct Setting<T> {
    /// The flag without its dashes, which is the key in the file.
    pub(crate) name: &'static str,
    /// What stands for the value in the help.
    pub(crate) value: &'static str,
    /// Its type in the file.
    pub(crate) kind: Kind,
    /// Under which heading it is shown.
    pub(crate) heading: &'static str,
    /// What it means, in one to three sentences.
    pub(crate) help: &'static str,
    /// Parses, checks and stores; the message goes on from the quoted value: `is no duration: …`.
    pub(crate) set: fn(&mut T, &str) -> Result<(), String>,
    /// The value in the form that `set` reads; `None`: not set, and no default to show.
    pub(crate) get: fn(&T) -> Option<String>,
}

impl<T: Default> Setting<T> {
    /// Its environment variable: `prefix` and the name, in capitals.
    pub(crate) fn variable(&self, prefix: &str) -> String {
        prefix.to_owned() + &self.name.replace('-', "_").to_ascii_uppercase()
    }

    /// Its flag. The value is taken as text: [`Setting::set`] judges it, wherever it comes from.
    pub(crate) fn argument(&self, prefix: &str) -> Arg {
        let default = match (self.get)(&T::default()) {
            Some(_) if self.kind == Kind::Switch => String::new(),
            Some(default) => format!(" [default: {default}]"),
            None => String::new(),
        };
        let argument = Arg::new(self.name)
            .long(self.name)
            .value_name(self.value)
            .help_heading(self.heading)
            .help(format!("{}{default}", self.help))
            .long_help(format!("{}\n[env: {}]{default}", self.help, self.variable(prefix)))
            .action(ArgAction::Set);
        match self.kind {
            Kind::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
            // So that `--score -5` is a wrong value with a good message, not an unknown flag.
            Kind::Number => argument.allow_negative_numbers(true),
            Kind::Text => argument,
        }
    }
}

/// `true` or `false`.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// An integer within these bounds.
pub(crate) fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.trim().parse::<u64>() {
        Ok(value) if value >= least && value <= most => Ok(value),
        _ => Err(format!("must be an integer from {least} to {most}")),
    }
}

/// As [`number`], for what is counted in a `usize`.
pub(crate) fn count(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let value = number(text, least as u64, most as u64)?;
    usize::try_from(value).map_err(|_| format!("must be an integer from {least} to {most}"))
}
