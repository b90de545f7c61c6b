//! A log that cannot be gone on with: an entry that says nothing, a beginning that is gone, another log under the same name.
//! Whoever applies it stops there and says where, nobody is shown anything made up, and the other shards go on.

use hiscore_faults::Process;
use hiscore_faults::servers::Kafka;
use hiscore_faults::wait::until;
use serde_json::json;

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE, SHARDS, gauge};
use crate::load::{Plan, create, submit_all};
use crate::logged_field::{Opened, Roles, kafka, readiness};
use crate::wire::{self, Level, Verdict};

const STATE: &str = "query State($id: ID!) { leaderboard(id: $id) { rankState totalCount } }";

/// A board on each shard, by where its entries come to be.
fn a_board_a_shard(ingest: &Process, log: &Opened) -> Vec<String> {
    let mut boards = vec![None; usize::from(SHARDS)];
    let ends = || -> Vec<u64> {
        (0..SHARDS).map(|shard| log.bounds(shard).expect("an answer of the log").end).collect()
    };
    for number in 0.. {
        let board = format!("board-{number}");
        let before = ends();
        create(&mut ingest.client(), &board, "INCREMENT");
        let shard = before.iter().zip(ends()).position(|(before, after)| after > *before).expect("a shard");
        boards[shard].get_or_insert(board);
        if boards.iter().all(Option::is_some) {
            break;
        }
    }
    boards.into_iter().flatten().collect()
}

fn play(ingest: &Process, boards: &[String], account: &mut Account) {
    for board in boards {
        let entries: Vec<_> = (0..20).map(|player| account.open(board, format!("p{player}"), 1)).collect();
        submit_all(&mut ingest.client(), board, &entries, account);
    }
}

/// Waits until an applier says this of a shard, and is not ready any more.
fn stops(applier: &Process, wanted: &[&str]) -> String {
    until("the applier to stop there", PATIENCE, || {
        let (ready, text) = readiness(applier);
        (!ready && wanted.iter().all(|words| text.contains(words))).then_some(text)
    })
}

#[test]
fn an_entry_that_cannot_be_read_stops_its_shard_alone() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let log = Opened::of(&deployment);
    let boards = a_board_a_shard(&roles.ingest, &log);
    let mut account = Account::default();
    boards.iter().for_each(|board| account.board(board, "INCREMENT"));
    play(&roles.ingest, &boards, &mut account);
    deployment.await_applied(&log);

    let appended =
        log.runtime.block_on(log.log.append(1, b"\x01 nobody's entry".to_vec())).expect("appended");
    let at = appended.offset.expect("Kafka tells where");
    play(&roles.ingest, &boards, &mut account);
    let said = stops(&roles.applier, &["shard 1", &format!("offset {at}")]);
    println!("{said}");
    for shard in [0, 2, 3] {
        until("the other shards to be applied", PATIENCE, || {
            let end = i64::try_from(log.bounds(shard)?.end).ok()?;
            (deployment.applied(shard)? == end - 1).then_some(())
        });
    }
    // Also for whoever comes later; what follows the entry is not looked at.
    drop(roles.applier.kill());
    let applier = deployment.listening("apply", &[], &[]);
    stops(&applier, &["shard 1", &format!("offset {at}")]);
    assert_eq!(deployment.applied(1), i64::try_from(at).ok().map(|at| at - 1));
    assert_eq!(gauge(&mut applier.client(), "hiscore_apply_stopped"), Some(1.0));
    let shown =
        wire::ask(&mut roles.scoreboard.client(), STATE, &json!({ "id": boards[1] })).expect("an answer");
    assert_eq!(shown["leaderboard"]["totalCount"], json!(20));
    deployment.settle(&roles.persister);
    let rows = hiscore_faults::tally::walk(&mut roles.scoreboard.client(), &boards[1], None, 100);
    assert!(rows.iter().all(|row| row.submissions() == 1), "something behind it was applied: {rows:?}");
    let rows = hiscore_faults::tally::walk(&mut roles.scoreboard.client(), &boards[0], None, 100);
    assert!(rows.iter().all(|row| row.submissions() == 2), "another shard did not go on: {rows:?}");
    let stopped =
        wire::ask(&mut roles.scoreboard.client(), STATE, &json!({ "id": boards[1] })).expect("an answer");
    println!("{stopped}");
}

#[test]
fn a_log_that_was_cut_too_far_stops_with_the_numbers() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let log = Opened::of(&deployment);
    let boards = a_board_a_shard(&roles.ingest, &log);
    let mut account = Account::default();
    boards.iter().for_each(|board| account.board(board, "INCREMENT"));
    play(&roles.ingest, &boards, &mut account);
    deployment.await_applied(&log);
    deployment.settle(&roles.persister);
    // What comes now is not in the store, and then not in the log any more.
    drop(roles.persister.kill());
    play(&roles.ingest, &boards, &mut account);
    deployment.await_applied(&log);
    let end = log.bounds(2).expect("an answer").end;
    assert_eq!(log.runtime.block_on(log.log.trim(2, end)), Ok(end));
    deployment.redis.kill();
    deployment.redis.restart();
    let _persister = deployment.serve("persist");
    let said = stops(&roles.applier, &["shard 2", &format!("begins at offset {end}")]);
    println!("{said}");
    // What is there is less than was acknowledged, and nobody is told a rank of it.
    let state = |board: &str| {
        let data = wire::ask(&mut roles.scoreboard.client(), STATE, &json!({ "id": board })).ok()?;
        data["leaderboard"]["rankState"].as_str().map(str::to_owned)
    };
    for board in [&boards[0], &boards[1], &boards[3]] {
        until("the other shards to come back", PATIENCE, || (state(board)? == "EXACT").then_some(()));
    }
    assert_eq!(state(&boards[2]).as_deref(), Some("WARMING"));
    // It is safe in the log, and waits there.
    let entry = account.open(&boards[2], "late".into(), 1);
    let verdicts = wire::submit(&mut roles.ingest.client(), &boards[2], &[entry], None);
    assert!(matches!(&verdicts[..], [Verdict::Acked(Level::Logged, ..)]), "{verdicts:?}");
    assert_eq!(state(&boards[2]).as_deref(), Some("WARMING"));
}

/// Does something to topics as an operator would.
fn topics(kafka: &Kafka, arguments: &[&str]) {
    let mut tool = Kafka::tool("org.apache.kafka.tools.TopicCommand");
    let output =
        tool.args(["--bootstrap-server", &kafka.servers()]).args(arguments).output().expect("a tool");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_topic_that_was_deleted_and_made_again_is_refused() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let played = roles.play(Plan { rate: Some(200), ..Plan::default() }, |_| {});
    roles.check(&deployment, &played);
    let kafka = deployment.kafka();
    topics(kafka, &["--delete", "--topic", "scores.g1"]);
    let partitions = (SHARDS + 1).to_string();
    let settings = [
        "retention.ms=-1",
        "retention.bytes=-1",
        "message.timestamp.type=LogAppendTime",
        "min.insync.replicas=1",
    ];
    let mut make = vec!["--create", "--topic", "scores.g1", "--partitions", &partitions];
    make.extend(settings.iter().flat_map(|setting| ["--config", setting]));
    topics(kafka, &make);

    // Whoever has it open acknowledges nothing any more, on no shard.
    let mut account = played.account;
    let mut client = roles.ingest.client();
    let all: Vec<_> = account.last().into_iter().map(|(board, entry)| (board, entry.player)).collect();
    for (board, player) in all {
        let entry = account.open(&board, player, 1);
        let verdicts = wire::submit(&mut client, &board, std::slice::from_ref(&entry), None);
        let refused = matches!(&verdicts[..], [Verdict::NotApplied(_) | Verdict::Ambiguous(_)]);
        assert!(refused, "{board}: {verdicts:?}");
        // So it must not come to be there.
    }
    // Whoever starts now is refused it by name; and says so.
    for role in ["ingest", "apply"] {
        let process = deployment.listening(role, &[], &[]);
        let said = until("the log to be refused", PATIENCE, || {
            let (ready, text) = readiness(&process);
            (!ready && text.contains("not the one that belongs here")).then_some(text)
        });
        println!("{said}");
    }
    stops(&roles.applier, &["not applied any further"]);
    deployment.settle(&roles.persister);
    deployment.check_account(&mut roles.scoreboard.client(), &account, Level::Logged);
}
