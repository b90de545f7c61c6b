//! The funnel goes to work early when the journal fills up, however long its interval is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::Path;
use std::time::Duration;

use hiscore_faults::wait::until;
use hiscore_faults::{Entry, Process, scores};

#[test]
fn a_journal_that_fills_up_does_not_wait_for_the_interval() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
    let sizes = ["--journal-segment", "64KiB", "--journal-limit", "256KiB", "--flush-interval", "1h"];
    let binary = Path::new(env!("CARGO_BIN_EXE_hiscore"));
    let server = Process::start(binary, &[&arguments[..], &sizes[..]].concat()).ready();
    let mut client = server.client();
    scores::create(&mut client, "best", "BEST");
    // Four times what the journal may hold. A burst may be refused for a moment, never for an hour.
    for round in 0..160 {
        let entries: Vec<Entry> = (0..100)
            .map(|n| Entry { player: format!("player {n}"), score: round, number: round * 100 + n })
            .collect();
        until("the funnel to make room", Duration::from_secs(20), || {
            scores::submit(&mut client, "best", &entries).iter().all(scores::Verdict::is_acked).then_some(())
        });
    }
    server.kill();
}
