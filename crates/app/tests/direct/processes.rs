//! Processes of hiscore come and go under load: killed without a word, or added and ended in order.

use hiscore_faults::Process;

use crate::deployment::{Deployment, missing};
use crate::load::{Load, Plan};
use crate::wire::{self, Level, Verdict};

#[test]
fn an_ingest_is_killed_and_clients_go_on_at_another() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let persister = deployment.serve("persist,scoreboard");
    let mut ingests = [deployment.serve("ingest"), deployment.serve("ingest")];
    // As fast as it goes, so that something is always under way.
    let plan = Plan { rate: None, deletes: true, ..Plan::default() };
    let load = Load::start(plan, &[&ingests[0], &ingests[1]]);
    for round in 0..5 {
        load.await_acks(400);
        let next = deployment.serve("ingest");
        drop(std::mem::replace(&mut ingests[round % 2], next).kill());
        load.use_ingests(&[&ingests[0], &ingests[1]]);
    }
    load.await_acks(400);
    let played = load.stop();
    println!("{played}");
    assert!(played.ambiguous > 0, "no kill fell on a request under way");
    deployment.check(&persister, &persister, &played, Level::Ranked);

    let mut account = played.account;
    let mut client = ingests[0].client();
    for (board, entry) in account.last() {
        let verdicts = wire::submit(&mut client, &board, std::slice::from_ref(&entry), None);
        let again = matches!(&verdicts[..], [Verdict::Acked(_, outcome, _)] if outcome == "DUPLICATE");
        assert!(again, "{board}: {entry:?} sent once more: {verdicts:?}");
        account.acked(&board, &entry, Level::Ranked);
    }
    deployment.settle(&persister);
    deployment.check_account(&mut persister.client(), &account, Level::Ranked);
}

#[test]
fn every_role_is_scaled_to_three_and_back_to_one() {
    if missing() {
        return;
    }
    const ROLES: [&str; 3] = ["ingest", "persist", "scoreboard"];
    let deployment = Deployment::start(1);
    let mut all: Vec<Vec<Process>> = ROLES.iter().map(|role| vec![deployment.serve(role)]).collect();
    let plan = Plan { acks: [None, Some(Level::Persisted)], ..Plan::default() };
    let load = Load::start(plan, &[&all[0][0]]);
    load.await_acks(300);
    for (role, processes) in ROLES.iter().zip(&mut all) {
        processes.extend((0..2).map(|_| deployment.serve(role)));
    }
    let ingests = |all: &[Vec<Process>]| load.use_ingests(&all[0].iter().collect::<Vec<_>>());
    ingests(&all);
    load.await_acks(600);
    for _ in 0..2 {
        // The oldest first, so that everything has to move.
        let ending: Vec<Process> = all.iter_mut().map(|processes| processes.remove(0)).collect();
        ingests(&all);
        ending.iter().for_each(Process::terminate);
        for mut process in ending {
            let ended = process.wait();
            assert_eq!(ended.code, Ok(0), "{}", ended.said);
        }
        load.await_acks(300);
    }
    let played = load.stop();
    println!("{played}");
    deployment.check(&all[2][0], &all[1][0], &played, Level::Ranked);
}
