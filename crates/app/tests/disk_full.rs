//! A file system that is really full. What cannot be kept is refused with UNAVAILABLE and leaves nothing, reads and
//! probes go on, and when there is space again the same process takes submissions again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "each test says what it did")]

use std::path::Path;
use std::time::{Duration, Instant};

use hiscore_faults::tally::walk;
use hiscore_faults::wait::until;
use hiscore_faults::{Client, Entry, Process, SmallDisk, Tally, Verdict, scores};
use tempfile::TempDir;

const BOARDS: [(&str, &str); 3] = [("best", "BEST"), ("set", "SET"), ("sum", "INCREMENT")];
const PATIENCE: Duration = Duration::from_secs(20);

/// A disk of a few MiB with a server on it. Fields are dropped in this order.
struct Scene {
    server: Process,
    disk: SmallDisk,
    _folder: TempDir,
    tally: Tally,
    numbers: i64,
    arguments: Vec<String>,
}

impl Scene {
    /// `None`: this machine cannot mount a file system, which is said loudly.
    fn new(test: &str, kib: u64, more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = match SmallDisk::mount(folder.path(), kib) {
            Ok(disk) => disk,
            Err(why) => {
                eprintln!("\n*** SKIPPED {test}: {why} ***\n");
                return None;
            }
        };
        let data = disk.folder();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
        arguments.extend(["--cache", "1MiB", "--journal-segment", "64KiB", "--flush-interval", "50ms"]);
        arguments.extend(more);
        let server = start(&arguments);
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let mut scene =
            Self { server, disk, _folder: folder, tally: Tally::default(), numbers: 0, arguments };
        let mut client = scene.server.client();
        for (board, operator) in BOARDS {
            scores::create(&mut client, board, operator);
            scene.tally.board(board, operator);
        }
        Some(scene)
    }

    /// One request of `size` submissions, noted where it was acknowledged.
    fn submit(&mut self, client: &mut Client, size: i64) -> Verdict {
        let (board, _) = BOARDS[(self.numbers % 3) as usize];
        let entries: Vec<Entry> = (self.numbers..self.numbers + size)
            .map(|number| Entry { player: format!("p{}", number * 7 % 400), score: number % 50, number })
            .collect();
        self.numbers += size;
        let verdicts = scores::submit(client, board, &entries);
        for (entry, verdict) in entries.iter().zip(&verdicts) {
            if verdict.is_acked() {
                self.tally.acked(board, entry);
            }
        }
        let refused = verdicts.iter().find(|verdict| !verdict.is_acked());
        if let Some(refused) = refused {
            assert!(verdicts.iter().all(|verdict| verdict == refused), "refused as a whole: {verdicts:?}");
        }
        verdicts.into_iter().next_back().unwrap()
    }

    /// Submits until not even the smallest request is taken; why.
    fn submit_until_refused(&mut self) -> String {
        self.refused(20);
        // What is left of the last segment has room for small ones.
        self.refused(1)
    }

    fn refused(&mut self, size: i64) -> String {
        let mut client = self.server.client();
        let (before, deadline) = (self.tally.count(), Instant::now() + PATIENCE);
        loop {
            match self.submit(&mut client, size) {
                Verdict::Acked(_) => assert!(Instant::now() < deadline, "a full disk refuses in the end"),
                Verdict::NotApplied(why) if why.starts_with("at the top: ") => {
                    println!("{} more acknowledged, then {why}", self.tally.count() - before);
                    return why;
                }
                other => panic!("only a typed refusal of the whole request: {other:?}"),
            }
        }
    }

    /// Everything but submissions answers as ever.
    fn assert_reads(&self) {
        let mut client = self.server.client();
        self.tally.check(&mut client);
        let (status, text) = client.get("/readyz?verbose").unwrap();
        assert_eq!(status, 200, "a full disk is no reason to keep readers away: {text}");
        assert!(text.contains("the table cannot be written"), "an operator is told: {text}");
        let (status, text) = client.get("/metrics").unwrap();
        assert!(status == 200 && text.contains("hiscore_funnel_failures_total"), "{status}: {text}");
    }

    /// Submissions are taken again, by the same process.
    fn assert_recovers(&mut self) {
        let began = Instant::now();
        let mut client = self.server.client();
        until("submissions to be taken again", PATIENCE, || match self.submit(&mut client, 1) {
            Verdict::Acked(_) => Some(()),
            Verdict::NotApplied(_) => None,
            other => panic!("{other:?}"),
        });
        until("the table to be written again", PATIENCE, || {
            let (_, text) = client.get("/readyz?verbose").unwrap();
            (!text.contains("cannot be written")).then_some(())
        });
        println!("recovered within {:.2} s", began.elapsed().as_secs_f64());
        for _ in 0..50 {
            assert!(self.submit(&mut client, 20).is_acked());
        }
        assert!(self.server.is_running());
        self.tally.check(&mut client);
    }

    fn kill_and_start(self) -> Self {
        let Self { server, disk, _folder, tally, numbers, arguments } = self;
        server.kill();
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = start(&texts);
        tally.check(&mut server.client());
        Self { server, disk, _folder, tally, numbers, arguments }
    }
}

fn start(arguments: &[&str]) -> Process {
    Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), arguments).ready()
}

#[test]
fn a_journal_that_cannot_get_its_next_segment_refuses_until_there_is_space() {
    let Some(mut scene) = Scene::new("journal", 6 << 10, &["--journal-limit", "64MiB"]) else { return };
    let mut client = scene.server.client();
    (0..20).for_each(|_| assert!(scene.submit(&mut client, 20).is_acked()));
    scene.disk.fill();
    let why = scene.submit_until_refused();
    assert!(why.contains("no space for the journal"), "{why}");
    scene.assert_reads();
    // Still full, and refused again and again: nothing wears out.
    (0..100).for_each(|_| assert!(matches!(scene.submit(&mut client, 3), Verdict::NotApplied(_))));
    scene.assert_reads();
    scene.disk.release();
    scene.assert_recovers();
    scene.kill_and_start();
}

#[test]
fn a_table_that_cannot_grow_fills_the_journal_to_its_limit_and_no_further() {
    let Some(mut scene) = Scene::new("table", 6 << 10, &["--journal-limit", "128KiB"]) else { return };
    let mut client = scene.server.client();
    (0..20).for_each(|_| assert!(scene.submit(&mut client, 20).is_acked()));
    // With its next segment at hand, the journal meets its limit before it meets the full disk.
    let spare = scene.disk.folder().join("journal-spare-ready");
    until("the journal's next segment", PATIENCE, || spare.exists().then_some(()));
    scene.disk.fill();
    let why = scene.submit_until_refused();
    assert!(why.contains("its limit is"), "{why}");
    scene.assert_reads();
    scene.disk.release();
    scene.assert_recovers();
    scene.kill_and_start();
}

#[test]
fn what_was_refused_is_not_there_after_a_kill_on_a_full_disk() {
    let Some(mut scene) = Scene::new("kill", 6 << 10, &["--journal-limit", "64MiB"]) else { return };
    scene.disk.fill();
    scene.submit_until_refused();
    // A start on a full disk: it reads, refuses, and goes on by itself once there is space.
    let mut scene = scene.kill_and_start().kill_and_start();
    scene.submit_until_refused();
    scene.assert_reads();
    scene.disk.release();
    scene.assert_recovers();
    let mut scene = scene.kill_and_start();
    scene.assert_recovers();
}

#[test]
fn space_that_comes_and_goes_loses_nothing() {
    let Some(mut scene) = Scene::new("again", 5 << 10, &["--journal-limit", "512KiB"]) else { return };
    for _ in 0..4 {
        scene.disk.fill();
        scene.submit_until_refused();
        scene.disk.release();
        scene.assert_recovers();
    }
    let scene = scene.kill_and_start();
    let mut client = scene.server.client();
    for (board, _) in BOARDS {
        assert!(!walk(&mut client, board, None, 100).is_empty());
    }
}
