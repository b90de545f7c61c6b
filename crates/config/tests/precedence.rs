//! Flag over environment over file over default, and which command a line asks for.

#![allow(clippy::unwrap_used, clippy::panic)] // its helpers are tests, which clippy does not see

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{file, run, serve};
use hiscore_config::{Command, LogFormat, ServeSettings};

#[test]
fn nothing_said_serves_with_the_defaults() {
    assert_eq!(serve(&[], &[]), ServeSettings::default());
    assert_eq!(serve(&["serve"], &[]), ServeSettings::default());
    assert_eq!(serve(&["--data-dir", "/srv/scores"], &[]).data_dir, PathBuf::from("/srv/scores"));
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let (_folder, path) = file("ack-timeout = \"1s\"\nwindow = 0x40\nauto-create = true\ncache = '8MiB'\n");
    let environment =
        [("HISCORE_CONFIG", path.as_str()), ("HISCORE_ACK_TIMEOUT", "2s"), ("HISCORE_WINDOW", "")];
    let settings = serve(&["--cache=16MiB"], &environment);
    assert_eq!(settings.ack_timeout, Duration::from_secs(2), "the environment over the file");
    assert_eq!(settings.cache, 16 << 20, "the flag over the file");
    assert_eq!(settings.window, 64, "an empty variable is not set");
    assert!(settings.auto_create, "the file over the default");
    assert_eq!(settings.max_batch, 4096, "the default");
    let settings = serve(&["serve", "--ack-timeout", "3s", "--auto-create=false"], &environment);
    assert_eq!(settings.ack_timeout, Duration::from_secs(3), "the flag over the environment");
    assert!(!settings.auto_create, "a flag can switch off what the file switched on");
}

#[test]
fn the_file_named_by_the_flag_wins_over_the_one_of_the_environment() {
    let (_first, first) = file("shards = 1\n");
    let (_second, second) = file("shards = 2\n");
    assert_eq!(serve(&["--config", &second], &[("HISCORE_CONFIG", &first)]).shards, 2);
}

#[test]
fn a_switch_is_a_flag_a_variable_and_a_line() {
    let (_folder, path) = file("auto-create = true\n");
    assert!(serve(&["--auto-create"], &[]).auto_create);
    assert!(serve(&["--auto-create=true"], &[]).auto_create);
    assert!(serve(&[], &[("HISCORE_AUTO_CREATE", "true")]).auto_create);
    assert!(serve(&["--config", &path], &[]).auto_create);
    assert!(!serve(&["--config", &path], &[("HISCORE_AUTO_CREATE", "false")]).auto_create);
}

#[test]
fn every_setting_can_be_given_in_each_way() {
    let settings = serve(
        &[
            "--listen",
            "0.0.0.0:9000",
            "--insecure-no-auth",
            "--max-pending-bytes",
            "1GiB",
            "--log-format",
            "json",
        ],
        &[("HISCORE_MAX_BODY", "16MiB"), ("HISCORE_LOG", "warn,hiscore=debug"), ("HISCORE_MAX_ALIASES", "0")],
    );
    assert_eq!(settings.listen.to_string(), "0.0.0.0:9000");
    assert_eq!((settings.max_pending_bytes, settings.limits.max_body), (1 << 30, 16 << 20));
    assert_eq!((settings.log.as_str(), settings.log_format), ("warn,hiscore=debug", LogFormat::Json));
    assert_eq!(settings.limits.max_aliases, 0);
}

#[test]
fn the_simulator_has_flags_and_variables_too() {
    let line = ["simulate", "--url", "http://store:8080", "--duration", "1m30s", "--no-verify"];
    let Ok(Command::Simulate(settings)) = run(&line, &[("HISCORE_SIMULATE_PLAYERS", "7")]) else {
        panic!("no simulate");
    };
    assert_eq!(settings.url, "http://store:8080/graphql");
    assert_eq!((settings.players, settings.duration), (7, Some(Duration::from_secs(90))));
    assert!(!settings.verify);
    assert_eq!(settings.interval, Duration::from_millis(90));
}

#[test]
fn the_texts_to_print() {
    let print = |line: &[&str]| match run(line, &[]) {
        Ok(Command::Print(text)) => text,
        other => panic!("{line:?}: {other:?}"),
    };
    assert!(print(&["--help"]).contains("First steps"));
    assert!(print(&["help", "serve"]).contains("--data-dir <DIR>"));
    assert!(print(&["-V"]).starts_with("hiscore "));
    assert!(print(&["serve", "--help"]).contains("[env: HISCORE_SHUTDOWN_TIMEOUT]"));
    assert!(print(&["simulate", "--help"]).contains("HISCORE_SIMULATE_URL"));
    assert!(print(&["config", "check"]).contains("valid"));
    assert!(print(&["completions", "bash"]).contains("_hiscore"));
    assert_eq!(run(&["schema"], &[]), Ok(Command::Schema));
}
