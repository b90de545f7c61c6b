//! A command line, an environment and a file, without touching the process's own.

// Clippy does not see that a module of an integration test is a test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsString;

use hiscore_config::{Command, Failure, ServeSettings};

/// Parses a command line (without the program's name) in an environment.
pub(crate) fn run(line: &[&str], environment: &[(&str, &str)]) -> Result<Command, Failure> {
    let arguments = std::iter::once("hiscore").chain(line.iter().copied()).map(OsString::from);
    let look_up =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    hiscore_config::parse(arguments, &look_up)
}

/// As [`run`], for what must be `serve`.
#[allow(dead_code)] // not every test file needs it
pub(crate) fn serve(line: &[&str], environment: &[(&str, &str)]) -> ServeSettings {
    match run(line, environment) {
        Ok(Command::Serve(settings)) => *settings,
        other => panic!("expected serve, got {other:?}"),
    }
}

/// A configuration file that goes away with the returned guard, and its path.
#[allow(dead_code)] // not every test file needs it
pub(crate) fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hiscore.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}
