//! Every wrong setting is named with where it stands and what to do, all of them at once.

#![allow(clippy::unwrap_used, clippy::panic)] // its helpers are tests, which clippy does not see

mod common;

use common::{file, run};

fn refusal(line: &[&str], environment: &[(&str, &str)]) -> String {
    run(line, environment).unwrap_err().message
}

fn refusal_of_file(text: &str) -> String {
    let (_folder, path) = file(text);
    refusal(&["config", "check", "--config", &path], &[]).replace(&path, "F")
}

#[test]
fn a_wrong_value_is_named_with_its_source() {
    let says = refusal(&["--ack-timeout", "5"], &[]);
    assert!(says.contains("--ack-timeout: \"5\" has no unit") && says.contains("5s"), "{says}");
    let says = refusal(&[], &[("HISCORE_SHARDS", "1025")]);
    assert!(says.contains("HISCORE_SHARDS: \"1025\" must be an integer from 1 to 1024"), "{says}");
    let says = refusal_of_file("\n# more of it\ncache = \"64 MB\"\n");
    assert!(says.contains("F:3: cache: \"64 MB\" has an unknown unit \"MB\""), "{says}");
    let says = refusal(&["--shards", "-1"], &[]);
    assert!(says.contains("--shards: \"-1\" must be an integer from 1 to 1024"), "{says}");
    let says = refusal(&["--auto-create=yes"], &[]);
    assert!(says.contains("must be true or false"), "{says}");
    let says = refusal(&["simulate", "--operator", "worst"], &[]);
    assert!(says.contains("must be best, set or increment") && says.contains("simulate --help"), "{says}");
}

#[test]
fn the_file_s_keys_and_types_are_checked() {
    for (text, says) in [
        ("lisden = \"a\"", "F:1: unknown key \"lisden\": did you mean \"listen\"?"),
        ("auto_create = true", "did you mean \"auto-create\"?"),
        ("zzz = 1", "hiscore config print"),
        ("\nshards = \"32\"", "F:2: shards: expected an integer, found a string"),
        ("cache = 64", "F:1: cache: expected a string in quotes, found an integer"),
        ("auto-create = 'yes'", "F:1: auto-create: expected true or false, found a string"),
        ("[limits]\nmax-body = '1MiB'", "unknown key \"limits\""),
        ("log = ['info']", "expected a string in quotes, found a list"),
        ("shards = 99999999999999999999999", "must be an integer from 1 to 1024"),
        ("shards = 1\nshards = 2", "F:2: no valid TOML: duplicate key"),
        ("shards = ", "F:1: no valid TOML"),
    ] {
        let found = refusal_of_file(text);
        assert!(found.contains(says), "{text}: {found}");
    }
    let says = refusal(&["--config", "/nowhere/hiscore.toml"], &[]);
    assert!(says.contains("cannot read the configuration file /nowhere/hiscore.toml"), "{says}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let (_folder, path) = file("window = 0\nlisden = 'a'\n");
    let says = refusal(&["--config", &path, "--cache", "1B"], &[("HISCORE_SHARDS", "no")]);
    for part in ["3 things are wrong", "unknown key", "--cache", "HISCORE_SHARDS"] {
        assert!(says.contains(part), "{part}: {says}");
    }
}

#[test]
fn nobody_serves_strangers_by_accident() {
    for address in ["0.0.0.0:8080", "[::]:8080", "192.168.1.1:80"] {
        let says = refusal(&["config", "check", "--listen", address], &[]);
        assert!(says.contains(address) && says.contains("--insecure-no-auth"), "{says}");
        assert!(run(&["config", "check", "--listen", address, "--insecure-no-auth"], &[]).is_ok());
    }
    assert!(run(&["config", "check", "--listen", "[::1]:8080"], &[]).is_ok());
}

#[test]
fn settings_must_fit_together() {
    let says = refusal(&["--journal-segment", "64MiB", "--journal-limit", "100MiB"], &[]);
    assert!(says.contains("journal-limit (100MiB) must hold at least two segments"), "{says}");
    let says = refusal(&["--max-pending-bytes", "1MiB"], &[]);
    assert!(says.contains("max-pending-bytes (1MiB)") && says.contains("max-body (8MiB)"), "{says}");
}

#[test]
fn a_wrong_line_is_a_usage_error() {
    assert!(refusal(&["--lisen", "a"], &[]).contains("--listen"));
    assert!(refusal(&["surve"], &[]).contains("serve"));
    assert!(refusal(&["completions", "dos"], &[]).contains("bash"));
    assert!(refusal(&["config"], &[]).contains("check"));
}

#[cfg(unix)]
#[test]
fn what_is_not_utf_8_is_refused_not_mangled() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let look_up = |name: &str| (name == "HISCORE_DATA_DIR").then(|| OsString::from_vec(vec![0xff]));
    let failure = hiscore_config::parse([OsString::from("hiscore")], &look_up).unwrap_err();
    assert!(failure.message.contains("HISCORE_DATA_DIR"), "{failure}");
}
