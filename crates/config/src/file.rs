//! The configuration file: flat TOML, each key the name of a setting, read with the line it stands on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::setting::{Kind, Setting};

/// What a file says, every key known and of the right type, the values not yet judged.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    /// As it was given, for messages.
    pub(crate) path: PathBuf,
    values: BTreeMap<String, (String, usize)>,
}

impl ConfigFile {
    /// Reads and checks the file at `path`; the errors are all there are, each with file, line and key.
    pub(crate) fn read<T: Default>(path: &Path, table: &[Setting<T>]) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![format!("cannot read the configuration file {}: {error}", path.display())]
        })?;
        Self::parse(path, &text, table)
    }

    fn parse<T: Default>(path: &Path, text: &str, table: &[Setting<T>]) -> Result<Self, Vec<String>> {
        let shown = path.display();
        let root = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            vec![format!("{shown}:{line}: no valid TOML: {}", error.message().replace('\n', "; "))]
        })?;
        let mut file = Self { path: path.to_owned(), values: BTreeMap::new() };
        let mut problems = Vec::new();
        for (key, value) in root.get_ref() {
            let line = line_of(text, key.span().start);
            let name = key.get_ref().as_ref();
            let Some(setting) = table.iter().find(|setting| setting.name == name) else {
                problems
                    .push((line, format!("{shown}:{line}: unknown key \"{name}\"{}", nearest(name, table))));
                continue;
            };
            match scalar(value.get_ref(), setting.kind) {
                Ok(value) => {
                    file.values.insert(name.to_owned(), (value, line));
                }
                Err(expected) => problems.push((
                    line,
                    format!(
                        "{shown}:{line}: {name}: expected {expected}, found {}",
                        kind_of(value.get_ref())
                    ),
                )),
            }
        }
        if problems.is_empty() {
            return Ok(file);
        }
        // The parser hands keys out in alphabetical order; people read from the top.
        problems.sort();
        Err(problems.into_iter().map(|(_, problem)| problem).collect())
    }

    /// What it says about a setting, and on which line.
    pub(crate) fn get(&self, name: &str) -> Option<(&str, usize)> {
        self.values.get(name).map(|(value, line)| (value.as_str(), *line))
    }
}

/// The value as text if it has the type that `kind` wants, else what was expected.
fn scalar(value: &DeValue<'_>, kind: Kind) -> Result<String, &'static str> {
    match (kind, value) {
        (Kind::Text, DeValue::String(text)) => Ok(text.to_string()),
        (Kind::Text, _) => Err("a string in quotes"),
        (Kind::Switch, DeValue::Boolean(value)) => Ok(value.to_string()),
        (Kind::Switch, _) => Err("true or false"),
        (Kind::Number, DeValue::Integer(value)) => {
            let value =
                i128::from_str_radix(value.as_str(), value.radix()).map_err(|_| "a smaller integer")?;
            Ok(value.to_string())
        }
        (Kind::Number, _) => Err("an integer"),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table (the file has none: every key stands at the top)",
    }
}

fn nearest<T>(name: &str, table: &[Setting<T>]) -> String {
    let likeness = |setting: &Setting<T>| strsim::jaro(setting.name, &name.replace('_', "-"));
    let best = table.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best {
        Some(best) if likeness(best) > 0.7 => format!(": did you mean \"{}\"?", best.name),
        _ => ": `hiscore config print` shows all there are".to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let upto = text.len().min(offset);
    text.as_bytes()[..upto].iter().filter(|byte| **byte == b'\n').count() + 1
}
