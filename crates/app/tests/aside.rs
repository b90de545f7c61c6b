//! What takes long is done while another thread answers, so that one large request does not hold up many small ones: seen by the
//! thread that a server with one that answers starts for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::path::Path;

use hiscore_faults::{Client, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

const SUBMIT: &str =
    "mutation($in: SubmitScoresInput!) { submitScores(input: $in) { userErrors { message } } }";
/// Whole records, which lie in the table.
const READ: &str = "query($first: Int) { leaderboard(id: \"b\") { records(first: $first) { nodes { playerId metadata } } } }";

struct Server {
    process: Process,
    client: Client,
    _folder: TempDir,
}

impl Server {
    /// With a board of 300 players.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()];
        arguments.extend(["--auto-create", "--threads", "1"]);
        let process = Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments).ready();
        let client = process.client();
        let mut server = Self { process, client, _folder: folder };
        server.submit(300, 0);
        server
    }

    /// So many players submit, in a body that is longer by `more` bytes.
    fn submit(&mut self, players: usize, more: usize) {
        let entries: Vec<Value> =
            (0..players).map(|n| json!({ "playerId": format!("p{n}"), "score": n })).collect();
        let variables =
            json!({ "in": { "leaderboardId": "b", "submissions": entries }, "not used": "x".repeat(more) });
        let done = self.client.data(SUBMIT, &variables);
        assert_eq!(done["submitScores"]["userErrors"], json!([]));
    }

    fn read(&mut self, first: usize) {
        let page = self.client.data(READ, &json!({ "first": first }));
        assert_eq!(page["leaderboard"]["records"]["nodes"].as_array().unwrap().len(), first);
    }

    /// Threads of the runtime; one that was started for something stays for ten seconds.
    fn threads(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("tokio")).count()
    }
}

/// Asserts that `small` is done by who answers, and `large` while another one does.
fn compare(what: &str, small: impl Fn(&mut Server), large: impl Fn(&mut Server)) {
    let mut server = Server::start();
    let before = server.threads();
    (0..20).for_each(|_| small(&mut server));
    assert_eq!(server.threads(), before, "{what}: who answers does little by itself");
    large(&mut server);
    let after = server.threads();
    assert!(after > before, "{what}: another one answers meanwhile");
    println!("{what}: {before} threads, and then {after}");
}

#[test]
fn a_page_of_many_whole_records_is_read_aside() {
    compare("a page", |server| server.read(90), |server| server.read(200));
}

#[test]
fn a_long_body_is_parsed_aside() {
    compare("a body", |server| server.submit(100, 10 << 10), |server| server.submit(100, 100 << 10));
}
