//! While the data folder is loaded nothing is answered but that it is being loaded; and whoever stops the server
//! then need not wait for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::path::Path;
use std::sync::OnceLock;

use hiscore_faults::wait::until;
use hiscore_faults::{Entry, Process, Verdict, scores};
use hiscore_score::{LeaderboardId, PlayerId, Rules, Score, Stamp, Submission};
use hiscore_store::Options;
use hiscore_store::embedded::{Change, Deployment, Embedded, JournalEntry, RowKey, Sizes};
use serde_json::json;
use tempfile::TempDir;

/// Takes the debug profile seconds to replay, and the release profile still a hundred times as long as a request.
const ENTRIES: u64 = 250_000;
const PLAYERS: u64 = 1000;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A folder with a journal that takes a while to replay, written as the server would have.
fn write(folder: &Path) {
    let options = Options {
        journal: Sizes { segment: 64 << 20, limit: 1 << 30 },
        cache: 64 << 20,
        deployment: Deployment { shards: 32, window: 32, secret: [7; 32] },
    };
    let store = Embedded::open_folder(folder, options).unwrap();
    let mut journal = store.recover(|_, _| Ok(())).unwrap();
    let mut stamp = Stamp::ZERO.next(1_750_000_000_000).unwrap();
    let id = LeaderboardId::new("b").unwrap();
    journal
        .append(&[JournalEntry { stamp, change: Change::Create { id, rules: Rules::default() } }])
        .unwrap();
    let players: Vec<PlayerId> = (0..PLAYERS).map(|n| PlayerId::new(&format!("p{n}")).unwrap()).collect();
    let mut entries = Vec::new();
    for n in 0..ENTRIES {
        stamp = stamp.next(0).unwrap();
        let player = players[(n % PLAYERS) as usize].clone();
        let score = Score::new(n as i64).unwrap();
        let submission = Submission::new(score, Score::ZERO, None, None);
        let change = Change::Submit { key: RowKey { board: 1, version: 1, player }, submission };
        entries.push(JournalEntry { stamp, change });
        if entries.len() == 4096 {
            journal.append(&entries).unwrap();
            entries.clear();
        }
    }
    journal.append(&entries).unwrap();
}

/// Made once; both tests work on copies.
fn folder() -> TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        folder
    });
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(made.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn start(folder: &TempDir) -> Process {
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()];
    Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments)
}

#[test]
fn nothing_is_answered_before_it_is_loaded() {
    let folder = folder();
    let server = start(&folder);
    let mut client = server.client();
    let query = "{ leaderboard(id: \"b\") { totalCount records(first: 1) { nodes { score } } } }";
    let (status, text) = client.get("/readyz?verbose").unwrap();
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("[-] recovered"), "{text}");
    let (_, answer) = client.graphql(query, &json!({})).unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    let entry = Entry { player: "new".into(), score: 1, number: 1 };
    let verdict = scores::submit(&mut client, "b", &[entry]).remove(0);
    assert!(matches!(verdict, Verdict::NotApplied(_)), "{verdict:?}");
    assert_eq!(client.get("/livez").unwrap().0, 200);
    let mut asked = 0;
    until("the folder to be loaded", PATIENCE, || {
        asked += 1;
        match client.get("/readyz").unwrap().0 {
            503 => None,
            200 => Some(()),
            other => panic!("/readyz answered {other}"),
        }
    });
    let board = client.data(query, &json!({}))["leaderboard"].take();
    assert_eq!(board["totalCount"], PLAYERS, "{board}");
    assert_eq!(board["records"]["nodes"][0]["score"], ENTRIES - 1, "{board}");
    println!("ready at the {asked}. time of asking");
}

#[test]
fn whoever_stops_it_then_need_not_wait() {
    let folder = folder();
    let mut server = start(&folder);
    assert_eq!(server.client().get("/readyz").unwrap().0, 503);
    server.terminate();
    let ended = server.wait();
    assert_eq!(ended.code, Ok(0), "{}", ended.said);
    // The greeting has a `/readyz` in it.
    let was_ready = ended.said.lines().any(|line| line.ends_with(" ready"));
    assert!(!was_ready, "it loaded to the end first: {}", ended.said);
    // And it is all there for the next one.
    let server = start(&folder).ready();
    let board = server.client().data("{ leaderboard(id: \"b\") { totalCount } }", &json!({}));
    assert_eq!(board["leaderboard"]["totalCount"], PLAYERS);
    println!("stopped while loading, and loaded whole by the next");
}
