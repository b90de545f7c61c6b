//! `hiscore log …`: what is needed for which, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic)] // its helpers are tests, which clippy does not see

mod common;

use common::run;
use hiscore_config::{Command, LogSettings, LogTool, Place, SecretUrl};

fn log(line: &[&str], environment: &[(&str, &str)]) -> Result<LogSettings, String> {
    match run(&[&["log"], line].concat(), environment) {
        Ok(Command::Log(settings)) => Ok(*settings),
        Ok(other) => panic!("expected log, got {other:?}"),
        Err(failure) => Err(failure.message),
    }
}

#[test]
fn the_environment_of_serve_serves_these_too() {
    let environment =
        [("HISCORE_LOG_URL", "kafka://k"), ("HISCORE_REDIS_URL", "r"), ("HISCORE_MONGODB_URL", "m")];
    let settings = log(&["verify", "--shard", "3"], &environment).unwrap();
    assert_eq!(settings.store, Place::MongoUrl("m".into()));
    assert_eq!(settings.tiers.log(), Some(SecretUrl::Given("kafka://k".into())));
    assert_eq!(settings.tiers.redis(), Some(SecretUrl::Given("r".into())));
    assert_eq!(settings.tiers.redis_prefix, "hiscore");
    let LogTool::Verify(verify) = settings.tool else { panic!("verify") };
    assert_eq!((verify.shard, verify.differences), (Some(3), 10));
    let LogTool::Renew(renew) = log(&["renew"], &environment).unwrap().tool else { panic!("renew") };
    assert!(!renew.yes, "never without being told");
    let LogTool::Renew(renew) = log(&["renew", "--yes"], &environment).unwrap().tool else { panic!("renew") };
    assert!(renew.yes);
}

#[test]
fn tail_needs_no_redis() {
    let line = ["tail", "--log-url-file", "f", "--board", "daily", "--from", "7", "--follow"];
    let settings = log(&line, &[]).unwrap();
    assert_eq!(settings.tiers.log(), Some(SecretUrl::File("f".into())));
    let LogTool::Tail(tail) = settings.tool else { panic!("tail") };
    assert_eq!((tail.board.unwrap().as_str(), tail.from, tail.follow), ("daily", Some(7), true));
}

#[test]
fn what_is_missing_is_named() {
    let log_url = [("HISCORE_LOG_URL", "amqp://a")];
    for (line, environment, says) in [
        (&["tail"][..], &[][..], "log-url is not given"),
        (&["verify"], &log_url, "redis-url is not given"),
        (&["renew"], &log_url, "redis-url is not given"),
        (&["replay"], &log_url, "into-redis-url is not given"),
        (
            &["replay", "--into-redis-url", "r", "--from", "2", "--to", "1"],
            &log_url,
            "--from 2 is behind --to 1",
        ),
        (&["tail", "--board", "{x}"], &log_url, "is no id"),
        (&["verify", "--shard", "1024"], &log_url, "--shard: \"1024\" must be"),
    ] {
        let found = log(line, environment).unwrap_err();
        assert!(found.contains(says), "{line:?}: {found}");
    }
}
