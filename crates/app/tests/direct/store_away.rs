//! MongoDB stops answering, and is killed, under load: nobody who plays notices, memory stays bounded by the number of
//! players, and what was changed meanwhile is there soon after.

use std::time::{Duration, Instant};

use hiscore_faults::wait::until;
use hiscore_faults::{Client, Process};

use crate::account::Account;
use crate::deployment::{Deployment, gauge, missing, outage};
use crate::load::{BOARDS, Load, Plan, create, submit_all};
use crate::wire::Level;

const PLAYERS: u64 = 5_000;
/// Ten times as many as the reference design was made for.
const RATE: u64 = 2_200;
/// What a process may use beyond what it needs with every player dirty.
const MORE: u64 = 32 << 20;
/// The least time that is allowed for draining: an election alone takes a few seconds.
const DRAINED: Duration = Duration::from_secs(30);

/// What it is without being set: a bulk may take long on a busy machine.
const TIMEOUT: [&str; 2] = ["--mongodb-timeout", "10s"];

#[test]
fn mongodb_is_away_and_nobody_notices() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(3);
    let mongo = &deployment.mongo;
    let members = 0..mongo.len();
    let time = outage(10, 60);
    let processes = ["ingest", "persist", "scoreboard"].map(|role| deployment.serve_with(role, &TIMEOUT));
    let [ingest, persister, scoreboard] = &processes;
    let account = everybody_once(&deployment, ingest, persister);
    let most = [ingest, persister, scoreboard].map(|process| process.memory() + MORE);

    let plan = Plan { players: Some(PLAYERS), bulk: 50, rate: Some(RATE), ..Plan::default() };
    let load = Load::go_on(plan, &[ingest], account);
    load.await_acks(RATE);
    let bounded = |during: &str| {
        for (process, most) in processes.iter().zip(&most) {
            let used = process.memory();
            assert!(used < *most, "{used} of {most} bytes {during}: {}", process.said());
        }
    };
    for (how, begin, end) in OUTAGES {
        members.clone().for_each(|member| begin(&deployment, member));
        let began = Instant::now();
        let before = load.acked();
        while began.elapsed() < time {
            load.play_for(Duration::from_millis(200));
            bounded(how);
        }
        let acked = load.acked() - before;
        let lasted = began.elapsed();
        members.clone().for_each(|member| end(&deployment, member));
        let back = Instant::now();
        let mut scrape = persister.client();
        until("what was held up to be in the store", (2 * lasted).max(DRAINED), || {
            bounded("while it was made up for");
            drained(&mut scrape, back).then_some(())
        });
        println!(
            "{how} for {lasted:.1?}: {acked} acknowledged meanwhile, drained after {:.1?}",
            back.elapsed()
        );
        load.await_acks(RATE);
    }
    let played = load.stop();
    println!("{played}; at most {:?} MiB", most.map(|most| most >> 20));
    assert_eq!((played.refusals, played.ambiguous), (0, 0), "writes never failed");
    deployment.check(scoreboard, persister, &played, Level::Ranked);
    bounded("in the end");
}

type Step = fn(&Deployment, usize);

const OUTAGES: [(&str, Step, Step); 2] = [
    ("stopped", |all, member| all.mongo.pause(member), |all, member| all.mongo.resume(member)),
    ("killed", |all, member| all.mongo.kill(member), |all, member| all.mongo.restart(member)),
];

/// Has every player dirty on every board at the same time, and then in the store.
fn everybody_once(deployment: &Deployment, ingest: &Process, persister: &Process) -> Account {
    let mut account = Account::default();
    let mut client = ingest.client();
    for (board, operator) in BOARDS {
        create(&mut client, board, operator);
        account.board(board, operator);
    }
    let mongo = &deployment.mongo;
    (0..mongo.len()).for_each(|member| mongo.pause(member));
    for (board, _) in BOARDS {
        let entries: Vec<_> =
            (0..PLAYERS).map(|player| account.open(board, format!("p{player}"), player as i64)).collect();
        entries.chunks(500).for_each(|some| submit_all(&mut client, board, some, &mut account));
    }
    (0..mongo.len()).for_each(|member| mongo.resume(member));
    deployment.settle(persister);
    account
}

/// Whether nothing that changed before `moment` waits any more.
fn drained(scrape: &mut Client, moment: Instant) -> bool {
    let age = gauge(scrape, "hiscore_funnel_oldest_dirty_age_seconds");
    age.is_some_and(|age| age < moment.elapsed().as_secs_f64())
}
