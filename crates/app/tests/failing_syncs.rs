//! A disk whose syncs fail, and a process that dies while the disk goes on: what was refused is truly gone, what is
//! unknown is said to be unknown, and what was once shown stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

mod common;
#[path = "failing_syncs/overlapped.rs"]
mod overlapped;

use std::collections::BTreeMap;

use common::{Everything, Server, player, text, without_stamps};
use hiscore::submit::{Request, SubmitRequest, Work};
use hiscore_api::service::{BoardError, Entry, Rejected, Trouble, Wanted};
use hiscore_faults::{Random, SimDisk};
use hiscore_score::{LeaderboardId, Score, Submission};
use tokio::sync::oneshot;

fn assert_same(found: &Everything, expected: &Everything, when: &str) {
    assert!(
        without_stamps(found) == without_stamps(expected),
        "{when}: found\n{}\nexpected\n{}",
        text(found),
        text(expected)
    );
}

/// What a power loss at this moment leaves, as the next process finds it.
fn after_a_crash(disk: &SimDisk, seed: u64, when: &str) -> Everything {
    let after = disk.crash(&mut Random::new(seed));
    let server = Server::open(&after).unwrap_or_else(|error| panic!("{when}: {error}"));
    server.everything().unwrap()
}

#[test]
fn a_batch_whose_sync_fails_is_cut_off_or_called_ambiguous() {
    let (mut refused, mut ambiguous) = (0, 0);
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let disk = SimDisk::new();
        let mut server = Server::open(&disk).unwrap();
        // Whether an ambiguous batch may still turn up after a crash: until the next one is durable.
        let mut unknown = false;
        for batch in 0..30 {
            let when = format!("seed {seed}, batch {batch}");
            let before = server.everything().unwrap();
            let failing = if random.one_in(3) { 1 + random.below(4) } else { 0 };
            disk.fail_syncs(failing);
            let sequence = server.parts.journal.next_sequence();
            let trouble = server.batch(&mut random);
            unknown &= server.parts.journal.next_sequence() == sequence;
            let now = server.everything().unwrap();
            match trouble {
                // Nothing of it needed a sync, or all of it is there.
                None if !unknown => assert_same(&after_a_crash(&disk, seed, &when), &now, &when),
                None => assert_same(&now, &before, &when),
                Some(Trouble::Unavailable(_)) => {
                    refused += 1;
                    assert_same(&now, &before, &when);
                    // Whatever became of the write before the failed sync, it is not part of the journal.
                    let crashes = if unknown { 0..0 } else { 0..4 };
                    crashes.for_each(|n| assert_same(&after_a_crash(&disk, seed + n, &when), &before, &when));
                }
                Some(Trouble::Ambiguous(_)) => {
                    ambiguous += 1;
                    unknown = true;
                    assert_same(&now, &before, &when);
                    assert!(failing > 1, "{when}: one failed sync leaves room to cut off");
                }
                Some(other) => panic!("{when}: {other:?}"),
            }
            if random.one_in(4) {
                // It may fail; it neither loses nor shows anything.
                if server.parts.store.flush().is_err() {
                    // Where the table could not be opened again either, the next round does that.
                    disk.fail_syncs(0);
                    server.parts.store.flush().unwrap();
                }
                assert_same(&server.everything().unwrap(), &now, &when);
            }
        }
        disk.fail_syncs(0);
        // Once a batch went through, nothing is unknown any more.
        while server.batch(&mut random).is_some() {}
        server.parts.store.flush().unwrap();
        let now = server.everything().unwrap();
        assert_same(&after_a_crash(&disk, seed, "the end"), &now, &format!("seed {seed}, the end"));
    }
    println!("{refused} batches were refused, {ambiguous} ambiguous");
    assert!(refused > 20 && ambiguous > 20, "both ways were taken");
}

#[test]
fn what_a_restarted_process_shows_survives_the_power_too() {
    let mut operations = 0;
    for seed in 0..4 {
        let mut at = 0;
        loop {
            at += 1;
            let disk = SimDisk::new();
            disk.die_at(at);
            let mut random = Random::new(seed);
            let done = Server::open(&disk).is_ok_and(|mut server| {
                (0..25).all(|_| {
                    let written = server.batch(&mut random).is_none();
                    written && (!random.one_in(4) || server.parts.store.flush().is_ok())
                })
            });
            if done {
                break;
            }
            operations += 1;
            // Only the process died. The next one finds what was written without having been synced, and shows it.
            disk.revive();
            let when = format!("seed {seed}, operation {at}");
            let mut server = Server::open(&disk).unwrap_or_else(|error| panic!("{when}: {error}"));
            let mut shown = server.everything().unwrap();
            for survivors in 0..3 {
                let found = after_a_crash(&disk, at << 8 ^ survivors, &when);
                assert_same(&found, &shown, &format!("{when}, survivors {survivors}"));
                if survivors == 1 {
                    assert_eq!(server.batch(&mut random), None, "{when}");
                    shown = server.everything().unwrap();
                }
            }
        }
    }
    println!("died at {operations} operations");
}

/// One submission on its own; the trouble it met.
fn submit(server: &mut Server, board: &str) -> Option<Trouble> {
    let (answer, mut answered) = oneshot::channel();
    let one = Score::new(1).unwrap();
    let entries = vec![Entry { player: player(1), submission: Submission::new(one, one, None, None) }];
    let id = LeaderboardId::new(board).unwrap();
    let request = SubmitRequest { id, entries, wanted: Wanted::default(), answer };
    server.parts.step([Request::new(Work::Submit(request))]);
    match answered.try_recv().unwrap() {
        Ok(results) => results.into_iter().find_map(|result| result.err()).map(|error| match error {
            Rejected::Trouble(trouble) => trouble,
            other @ Rejected::Refused(_) => panic!("{other}"),
        }),
        Err(BoardError::Trouble(trouble)) => Some(trouble),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_board_is_not_created_by_a_submission_that_is_not_taken() {
    let disk = SimDisk::new();
    let mut server = Server::open(&disk).unwrap();
    assert_eq!(submit(&mut server, "first"), None);
    // The table can be neither written nor opened again, so nobody knows what a player has; the journal is well.
    disk.fail_syncs(u64::MAX);
    assert!(server.parts.store.flush().is_err());
    disk.fail_syncs(0);
    let trouble = submit(&mut server, "second");
    assert!(matches!(trouble, Some(Trouble::Unavailable(_))), "{trouble:?}");
    server.parts.store.flush().unwrap();
    assert_eq!(submit(&mut server, "third"), None);
    server.parts.store.flush().unwrap();
    drop(server);
    let mut server = Server::open(&disk).unwrap();
    assert_eq!(submit(&mut server, "fourth"), None);
    let boards: BTreeMap<_, _> =
        server.parts.books.boards().map(|row| (row.number, row.id.as_str())).collect();
    assert_eq!(boards.into_iter().collect::<Vec<_>>(), [(1, "first"), (2, "third"), (3, "fourth")]);
}

#[test]
fn what_the_table_has_ahead_of_its_watermark_is_not_applied_again() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let disk = SimDisk::new();
        let mut server = Server::open(&disk).unwrap();
        (0..10).for_each(|_| assert_eq!(server.batch(&mut random), None));
        let shown = server.everything().unwrap();
        // A round that claims while a batch is being shown has rows of it, and the watermark of the one before.
        let stamp = server.parts.store.last_stamp();
        server.parts.store.publish().up_to(random.below(server.parts.journal.next_sequence()), stamp);
        server.parts.store.flush().unwrap();
        drop(server);
        let server = Server::open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_same(&server.everything().unwrap(), &shown, &format!("seed {seed}"));
    }
}
