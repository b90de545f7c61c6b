//! `config print`: the settings in force as a commented file that is accepted again. It is the manual of the settings.

use std::fmt::Write;

use crate::SERVE_PREFIX;
use crate::layers::Resolved;
use crate::serve::ServeSettings;
use crate::serve_table::TABLE;
use crate::setting::Kind;

const HEAD: &str = "\
# The settings of `hiscore serve` as they are in force. Keep what you want to change, and give the file
# with --config FILE or HISCORE_CONFIG. A setting that is left out has its default.
#
# Each line is also a flag and an environment variable. A flag wins over the environment, the environment
# over the file, the file over the default.
";

/// The file.
pub(crate) fn print(resolved: &Resolved<ServeSettings>) -> String {
    let mut text = HEAD.to_owned();
    let mut heading = "";
    let defaults = ServeSettings::default();
    for (setting, origin) in TABLE.iter().zip(&resolved.origins) {
        if setting.heading != heading {
            heading = setting.heading;
            text.push_str(&format!("\n\n## {heading}\n"));
        }
        let literal = |settings| {
            let value = (setting.get)(settings).unwrap_or_default();
            if setting.kind == Kind::Text { quoted(&value) } else { value }
        };
        text.push('\n');
        for line in wrapped(setting.help, 108) {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("# --{}, {}", setting.name, setting.variable(SERVE_PREFIX)));
        text.push_str(&format!("; default {}; this value: {origin}\n", literal(&defaults)));
        text.push_str(&format!("{} = {}\n", setting.name, literal(&resolved.settings)));
    }
    text
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
