//! The command line, the environment, the configuration file, and the URLs in them. The first byte says which.

use std::ffi::OsString;
use std::io::Write;

use hiscore_config::{Command, Failure, ServeSettings};
use hiscore_log::LogUrl;
use hiscore_rank::redis::RedisUrl;
use tempfile::NamedTempFile;

/// Stands for a password in the inputs.
const SECRET: &str = "s3cr3t";

/// Settings that are taken are those that are printed; a password is in no message.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match kind % 4 {
        0 => drop(line(&text.lines().collect::<Vec<_>>(), &[])),
        1 => {
            let pairs: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
            drop(line(&["serve"], &pairs));
        }
        2 => file(text),
        _ => {
            url(text, text.parse::<RedisUrl>());
            url(text, text.parse::<LogUrl>());
        }
    }
}

fn line(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Command, Failure> {
    // Only what is made here may be read: the name of a file could be anything, a device that never ends, too.
    let names_a_file = |text: &str| text.starts_with("--config") || text.starts_with("HISCORE_CONFIG");
    if arguments.iter().any(|text| names_a_file(text))
        || environment.iter().any(|(name, _)| names_a_file(name))
    {
        return Err(Failure { message: String::new() });
    }
    parse(arguments, environment)
}

fn parse(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Command, Failure> {
    let arguments = std::iter::once("hiscore").chain(arguments.iter().copied()).map(OsString::from);
    let look_up =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    hiscore_config::parse(arguments, &look_up)
}

fn of_file(text: &str, arguments: &[&str]) -> Result<Command, Failure> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    parse(&[arguments, &["--config", &path]].concat(), &[])
}

fn settings(text: &str) -> Option<Box<ServeSettings>> {
    match of_file(text, &["serve"]) {
        Ok(Command::Serve(settings)) => Some(settings),
        _ => None,
    }
}

fn file(text: &str) {
    let Some(taken) = settings(text) else { return };
    let Ok(Command::Print(printed)) = of_file(text, &["config", "print"]) else { panic!("not printed") };
    assert_eq!(settings(&printed), Some(taken), "{printed}");
}

fn url<T: std::fmt::Display + std::fmt::Debug, E: std::error::Error>(text: &str, url: Result<T, E>) {
    let shown = match url {
        Ok(url) => format!("{url} {url:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    // Where the secret stands for a password, and for nothing else.
    let login = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    let password = login.and_then(|(login, _)| login.split_once(':')).map_or("", |(_, password)| password);
    if text.matches(SECRET).count() == password.matches(SECRET).count() {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
