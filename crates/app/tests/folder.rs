//! What a data folder refuses at the start, in words that say what to do, without touching anything; and what a
//! restart must keep.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hiscore_faults::process::command;
use hiscore_faults::tally::walk;
use hiscore_faults::{Client, Ended, Entry, Process, Verdict, scores};
use serde_json::{Value, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_hiscore");

fn arguments<'a>(folder: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--listen", "127.0.0.1:0", "--data-dir", folder.to_str().unwrap()];
    arguments.extend(["--journal-segment", "64KiB", "--cache", "1MiB"]);
    arguments.extend(more);
    arguments
}

fn start(folder: &Path, more: &[&str]) -> Process {
    Process::start(Path::new(BINARY), &arguments(folder, more)).ready()
}

/// Starts it, and hands back how it ended, which must be by itself and with an error.
fn refused(folder: &Path, more: &[&str]) -> String {
    let ended = match Process::try_start(command(Path::new(BINARY), &arguments(folder, more))) {
        Err(ended) => ended,
        // What only loading the folder finds out is told a moment after it listens.
        Ok(mut process) => process.wait(),
    };
    let Ended { code, said } = ended;
    assert_eq!(code, Ok(1), "{said}");
    let error = said.lines().find(|line| line.starts_with("error: ")).expect("an error is told");
    println!("{error}");
    error.to_owned()
}

/// Every file with its bytes, its time and its inode.
fn everything(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, i64, i64, u64)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let about = fs::metadata(&path).unwrap();
            let seen = (fs::read(&path).unwrap(), about.mtime(), about.mtime_nsec(), about.ino());
            (path, seen)
        })
        // The lock is taken even to look, and holds nothing.
        .filter(|(path, _)| !path.ends_with("LOCK"))
        .collect()
}

fn entries(players: std::ops::Range<i64>) -> Vec<Entry> {
    players.map(|n| Entry { player: format!("p{n}"), score: n % 10, number: n }).collect()
}

/// A folder in which 20 players have been acknowledged, one after another, and nothing has reached the table since:
/// the journal is all there is of them.
fn killed_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--flush-interval", "1h"]);
    let mut client = server.client();
    scores::create(&mut client, "b", "BEST");
    for entry in entries(0..20) {
        assert!(scores::submit(&mut client, "b", &[entry])[0].is_acked());
    }
    server.kill();
    folder
}

fn journal(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.strip_prefix("journal-").is_some_and(|rest| u64::from_str_radix(rest, 16).is_ok())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_folder_is_made_with_its_parents() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a/b/c");
    let server = start(&inside, &[]);
    scores::create(&mut server.client(), "b", "BEST");
    server.kill();
    assert!(walk(&mut start(&inside, &[]).client(), "b", None, 10).is_empty());
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(refused(&folder.path().join("file"), &[]).contains("exists"));
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let mut client = server.client();
    scores::create(&mut client, "b", "BEST");
    let error = refused(folder.path(), &[]);
    assert!(error.contains("another process is using this data folder"), "{error}");
    assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    assert!(scores::submit(&mut client, "b", &entries(0..3)).iter().all(Verdict::is_acked));
    server.kill();
    // The lock goes with its process, however that ended.
    assert_eq!(walk(&mut start(folder.path(), &[]).client(), "b", None, 10).len(), 3);
}

#[test]
fn a_folder_that_is_not_ours_or_not_of_our_format_is_left_alone() {
    let folder = killed_folder();
    fs::write(folder.path().join("FORMAT"), "hiscore embedded store, format 2\n").unwrap();
    let before = everything(folder.path());
    let error = refused(folder.path(), &[]);
    assert!(error.contains("format 2") && error.contains("nothing was touched"), "{error}");
    assert_eq!(everything(folder.path()), before);

    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("holiday.jpg"), "sand").unwrap();
    let before = everything(foreign.path());
    let error = refused(foreign.path(), &[]);
    assert!(error.contains("not empty and holds no hiscore data"), "{error}");
    assert_eq!(everything(foreign.path()), before);
}

#[test]
fn what_was_fixed_when_the_folder_was_made_cannot_be_started_otherwise() {
    let folder = killed_folder();
    for (flag, wrong, there) in [("--shards", "16", "--shards 32"), ("--window", "64", "--window 32")] {
        let error = refused(folder.path(), &[flag, wrong]);
        assert!(error.contains(there) && error.contains(&format!("not {wrong}")), "{error}");
    }
    assert_eq!(walk(&mut start(folder.path(), &[]).client(), "b", None, 10).len(), 20);
}

#[test]
fn a_damaged_journal_is_told_with_segment_and_byte() {
    let folder = killed_folder();
    let segment = journal(folder.path()).pop().unwrap();
    let number = u64::from_str_radix(segment.to_str().unwrap().rsplit('-').next().unwrap(), 16).unwrap();
    let whole = fs::read(&segment).unwrap();
    // The second frame (the first submission) begins behind the header and the frame that created the board.
    let first = u32::from_le_bytes(whole[64..68].try_into().unwrap()) as usize;
    let second = (64 + 16 + first).next_multiple_of(8);
    let mut damaged = whole.clone();
    damaged[second + 20] ^= 1;
    fs::write(&segment, &damaged).unwrap();
    let before = everything(folder.path());
    let error = refused(folder.path(), &[]);
    assert!(error.contains(&format!("segment {number}, byte {second}")), "{error}");
    assert!(error.contains("backup"), "{error}");
    assert_eq!(everything(folder.path())[&segment], before[&segment], "the journal was touched");
    fs::write(&segment, &whole).unwrap();
    assert_eq!(walk(&mut start(folder.path(), &[]).client(), "b", None, 10).len(), 20);
}

#[test]
fn a_missing_segment_of_the_journal_is_told() {
    let folder = killed_folder();
    // Another start leaves the segment above behind, sealed, and a new one.
    start(folder.path(), &["--flush-interval", "1h"]).kill();
    let segments = journal(folder.path());
    assert!(segments.len() > 1, "{segments:?}");
    for (missing, whole) in
        segments.iter().take(segments.len() - 1).map(|path| (path, fs::read(path).unwrap()))
    {
        fs::remove_file(missing).unwrap();
        let error = refused(folder.path(), &[]);
        assert!(error.contains("the journal is damaged: segment") && error.contains("missing"), "{error}");
        fs::write(missing, whole).unwrap();
    }
    assert_eq!(walk(&mut start(folder.path(), &[]).client(), "b", None, 10).len(), 20);
}

#[test]
fn a_missing_or_unreadable_table_is_told() {
    let folder = killed_folder();
    let table = folder.path().join("table.redb");
    let whole = fs::read(&table).unwrap();
    fs::write(&table, vec![7; whole.len()]).unwrap();
    let error = refused(folder.path(), &[]);
    assert!(error.contains("the table"), "{error}");
    fs::write(&table, &whole[..whole.len() / 2]).unwrap();
    let error = refused(folder.path(), &[]);
    assert!(error.contains("the table"), "{error}");
    // Never answered by an empty table: that would bring back only what the journal still has.
    fs::remove_file(&table).unwrap();
    let error = refused(folder.path(), &[]);
    assert!(error.contains("table.redb") && error.contains("backup"), "{error}");
    fs::write(&table, whole).unwrap();
    assert_eq!(walk(&mut start(folder.path(), &[]).client(), "b", None, 10).len(), 20);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (closed, inside) = (folder.path().join("closed"), folder.path().join("closed/data"));
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).unwrap();
    // Root may write anywhere, so as nobody.
    let nobody = 65534;
    for folder in [&closed, &inside] {
        let ended = if fs::metadata("/proc/self").unwrap().uid() == 0 {
            Process::try_start_as(Path::new(BINARY), &arguments(folder, &[]), nobody)
        } else {
            Process::try_start(command(Path::new(BINARY), &arguments(folder, &[])))
        };
        let ended = ended.expect_err("it cannot write there");
        println!("{}", ended.said.trim_end());
        assert_eq!(ended.code, Ok(1));
        assert!(ended.said.contains(folder.to_str().unwrap()), "{}", ended.said);
        assert!(ended.said.contains("Permission denied"), "{}", ended.said);
    }
}

#[test]
fn a_restart_keeps_cursors_and_takes_no_revision_back() {
    const VIEW: &str = "query($after: String) { leaderboard(id: \"b\") { revision \
        records(first: 5, after: $after) { nodes { playerId rank } pageInfo { endCursor } } } }";
    let view = |client: &mut Client, after: &Value| {
        client.data(VIEW, &json!({ "after": after }))["leaderboard"].take()
    };
    let revision = |view: &Value| {
        let text = view["revision"].as_str().unwrap().to_owned();
        let numbers: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
        (numbers[0], numbers[1])
    };
    let folder = killed_folder();
    // From the journal alone, then from the table alone, then from both.
    let mut seen = (0, 0);
    for round in 0..4 {
        let mut server = start(folder.path(), &["--flush-interval", if round == 2 { "1ms" } else { "1h" }]);
        let mut client = server.client();
        let first = view(&mut client, &Value::Null);
        assert!(revision(&first) >= seen, "round {round}: {} after {seen:?}", first["revision"]);
        let second = view(&mut client, &first["records"]["pageInfo"]["endCursor"]);
        if round > 0 {
            // It moves the last player nowhere: what is shown stays, the revision may only grow.
            let entry = Entry { player: "p10".into(), score: -5, number: 100 + round };
            assert!(scores::submit(&mut client, "b", &[entry])[0].is_acked());
        }
        seen = revision(&view(&mut client, &Value::Null));
        if round == 1 {
            server.terminate();
            assert_eq!(server.wait().code, Ok(0));
        } else {
            server.kill();
        }
        let server = start(folder.path(), &["--flush-interval", "1h"]);
        let mut client = server.client();
        let after = view(&mut client, &first["records"]["pageInfo"]["endCursor"]);
        assert_eq!(
            after["records"], second["records"],
            "round {round}: the same page behind the same cursor"
        );
        assert!(revision(&after) >= seen, "round {round}: {} after {seen:?}", after["revision"]);
        seen = revision(&after);
        server.kill();
    }
}
