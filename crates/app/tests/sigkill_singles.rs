//! The server is killed with SIGKILL again and again while many clients submit one score at a time, so that it has some of them at
//! once: those are judged by the committer's task, not by its thread. None has an id, so none is sent again: what a player has is
//! at least what was acknowledged, and at most that and what nobody knows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hiscore_faults::tally::walk;
use hiscore_faults::wait::{pause, until};
use hiscore_faults::wire::{Verdict, create, submit_one};
use hiscore_faults::{Client, Process};
use serde_json::json;

#[path = "sigkill/siege.rs"]
mod siege;

use siege::{StopOnDrop, start};

const BOARD: &str = "sum";
const CLIENTS: usize = 48;
const KILLS: u64 = 12;
/// Acknowledged between two kills.
const BETWEEN: u64 = 3000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What one client, who is one player, was told.
#[derive(Default)]
struct Told {
    acknowledged: AtomicU64,
    ambiguous: AtomicU64,
}

/// Adds 1 until told to stop, each once.
fn play(mut client: Client, me: usize, told: &Told, stop: &AtomicBool) {
    let submission = json!({ "playerId": format!("c{me}"), "score": 1 });
    while !stop.load(Ordering::Relaxed) {
        match submit_one(&mut client, BOARD, &submission, None, true) {
            Verdict::Acked(..) => told.acknowledged.fetch_add(1, Ordering::Relaxed),
            Verdict::Ambiguous(_) => told.ambiguous.fetch_add(1, Ordering::Relaxed),
            Verdict::NotApplied(_) => {
                pause();
                continue;
            }
            Verdict::Refused(code, why) => panic!("refused: {code}, {why}"),
        };
    }
}

/// How often the syncer was woken: for so few submissions as come here, by the task alone.
fn synced_for_the_task(server: &Process) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let status = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
    let syncer = status.into_iter().find(|status| status.starts_with("Name:\tsyncer\n")).unwrap();
    let switches = syncer.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    switches.trim().parse().unwrap()
}

/// Every player has what it was told, as far as that is known.
fn check(server: &Process, told: &[Told]) {
    let rows = walk(&mut server.client(), BOARD, None, 100);
    for (me, told) in told.iter().enumerate() {
        let row = rows.iter().find(|row| row.player == format!("c{me}"));
        let found = row.map_or(0, |row| u64::try_from(row.score()).unwrap());
        let acknowledged = told.acknowledged.load(Ordering::Relaxed);
        let most = acknowledged + told.ambiguous.load(Ordering::Relaxed);
        assert!((acknowledged..=most).contains(&found), "c{me}: {found}, not {acknowledged} to {most}");
    }
}

#[test]
fn nothing_that_the_task_acknowledged_is_lost_or_counts_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "127.0.0.1:0", "5s");
    let address = server.address();
    create(&mut server.client(), BOARD, "INCREMENT").unwrap();
    let told: Vec<Told> = (0..CLIENTS).map(|_| Told::default()).collect();
    let stop = AtomicBool::new(false);
    let acknowledged = || told.iter().map(|told| told.acknowledged.load(Ordering::Relaxed)).sum::<u64>();
    let mut synced = 0;
    let mut server = std::thread::scope(|scope| {
        let mut server = server;
        let stop_at_the_end = StopOnDrop(&stop);
        for (me, told) in told.iter().enumerate() {
            let (client, stop) = (Client::new(address), &stop);
            scope.spawn(move || play(client, me, told, stop));
        }
        for _ in 0..KILLS {
            let enough = acknowledged() + BETWEEN;
            until("acknowledgements", PATIENCE, || (acknowledged() >= enough).then_some(()));
            synced += synced_for_the_task(&server);
            assert_eq!(server.kill().code, Err(9));
            server = start(folder.path(), &address.to_string(), "5s");
        }
        drop(stop_at_the_end);
        server
    });
    check(&server, &told);
    server.kill();
    server = start(folder.path(), &address.to_string(), "5s");
    check(&server, &told);
    let ambiguous: u64 = told.iter().map(|told| told.ambiguous.load(Ordering::Relaxed)).sum();
    println!(
        "{KILLS} kills, {} acknowledged, {ambiguous} that nobody knows, {synced} wake-ups of the syncer",
        acknowledged()
    );
    assert!(ambiguous > 0, "kills fall on what is under way");
    assert!(synced > 20 * KILLS, "the task commits");
}
