//! Crash images: the power goes at every operation of the disk in turn; what was synced stays, what was not is
//! kept, torn or dropped; then the folder is opened again.
//!
//! The oracle is exact: after the crash the state is that after the last acknowledged batch, or that plus the one
//! batch that was under way. Never anything in between, never anything refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod common;

use common::{Everything, Server, text, without_stamps};
use hiscore_api::service::Trouble;
use hiscore_faults::{Random, SimDisk};

const BATCHES: usize = 40;

/// Runs a history until the disk dies or it is over. Returns the states that may be found afterwards.
fn run(disk: &SimDisk, seed: u64) -> Vec<Everything> {
    let mut random = Random::new(seed);
    let Ok(mut server) = Server::open(disk) else { return vec![Everything::default()] };
    let Some(mut acknowledged) = server.everything() else { return vec![Everything::default()] };
    for batch in 0..BATCHES {
        match server.batch(&mut random) {
            None => match server.everything() {
                Some(all) => acknowledged = all,
                // Acknowledged, but this process can no longer tell: a healthy one can.
                None => return vec![healthy(seed, batch)],
            },
            Some(Trouble::Unavailable(_)) => {
                let now = server.everything();
                assert!(now.is_none_or(|now| now == acknowledged), "a refused batch must leave nothing");
                return vec![acknowledged];
            }
            // It may be there or not.
            Some(_) => return vec![acknowledged, healthy(seed, batch)],
        }
        if random.one_in(4) {
            // Whatever comes of it, it loses nothing and shows nothing.
            let flushed = server.parts.store.flush();
            let now = server.everything();
            assert!(now.is_none_or(|now| now == acknowledged), "a round of the funnel changes nothing");
            if flushed.is_err() {
                return vec![acknowledged];
            }
        }
    }
    vec![acknowledged]
}

/// The state after `batch`, reached on a disk without faults.
fn healthy(seed: u64, last: usize) -> Everything {
    let mut random = Random::new(seed);
    let mut server = Server::open(&SimDisk::new()).unwrap();
    for _ in 0..last {
        assert_eq!(server.batch(&mut random), None);
        if random.one_in(4) {
            server.parts.store.flush().unwrap();
        }
    }
    assert_eq!(server.batch(&mut random), None);
    server.everything().unwrap()
}

#[test]
fn the_power_goes_at_every_operation() {
    for seed in 0..6 {
        let healthy = SimDisk::new();
        run(&healthy, seed);
        let operations = healthy.operations();
        for at in 1..=operations {
            let disk = SimDisk::new();
            disk.die_at(at);
            let possible = run(&disk, seed);
            for survivors in 0..2 {
                let after = disk.crash(&mut Random::new(seed ^ at << 8 ^ survivors << 40));
                let mut server = Server::open(&after)
                    .unwrap_or_else(|error| panic!("seed {seed}, operation {at}, {survivors}: {error}"));
                let found = server.everything().unwrap();
                let fits = possible.iter().any(|state| without_stamps(state) == without_stamps(&found));
                assert!(
                    fits,
                    "seed {seed}, operation {at}, survivors {survivors}: found\n{}\nwhich is none of\n{}",
                    text(&found),
                    possible.iter().map(text).collect::<Vec<_>>().join("\nor\n")
                );
                // And it goes on from there.
                assert_eq!(server.batch(&mut Random::new(at)), None);
                server.parts.store.flush().unwrap();
            }
        }
    }
}
