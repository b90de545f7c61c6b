//! `config print` writes a file that is accepted again and means the same.

#![allow(clippy::unwrap_used, clippy::panic)] // its helpers are tests, which clippy does not see

mod common;

use common::{file, run, serve};
use hiscore_config::Command;

fn print(line: &[&str], environment: &[(&str, &str)]) -> String {
    match run(&[&["config", "print"], line].concat(), environment) {
        Ok(Command::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_printed_file_means_the_same() {
    let lines: [&[&str]; 3] = [
        &[],
        &["--listen=[::1]:0", "--ack-timeout=1m30s500ms", "--cache=1536KiB", "--auto-create", "--max-rows=1"],
        &["--data-dir", "a \"b\"\\c\u{7f}\té", "--log-format", "json", "--log", "info,a::b=trace"],
    ];
    for line in lines {
        let (_folder, path) = file(&print(line, &[]));
        assert_eq!(serve(&["--config", &path], &[]), serve(line, &[]));
        let again = print(&["--config", &path], &[]);
        let values = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        assert_eq!(values(&again), values(&print(line, &[])));
    }
}

#[test]
fn it_says_where_each_value_comes_from() {
    let (_folder, path) = file("\nshards = 8\n");
    let text = print(&["--config", &path, "--max-batch", "7"], &[("HISCORE_CACHE", "2MiB")]);
    for says in [
        "# --max-batch, HISCORE_MAX_BATCH; default 4096; this value: --max-batch\nmax-batch = 7\n".to_owned(),
        format!("# --shards, HISCORE_SHARDS; default 32; this value: {path}:2\nshards = 8\n"),
        "default \"64MiB\"; this value: HISCORE_CACHE\ncache = \"2MiB\"\n".to_owned(),
        "this value: default\nwindow = 32\n".to_owned(),
    ] {
        assert!(text.contains(&says), "{says}\nnot in\n{text}");
    }
}
