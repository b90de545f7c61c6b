//! A replay is told of: in the log, in metrics and to whoever asks whether a process is ready.

use hiscore_faults::wait::until;

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE, SHARDS, gauge};
use crate::load::{create, submit_all};
use crate::logged_field::{Opened, Roles, kafka, readiness};

/// An entry that cannot be read holds it in the middle, for as long as is needed to look.
#[test]
fn a_replay_says_how_far_it_is() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let Roles { ingest, persister, applier, .. } = Roles::start(&deployment);
    let log = Opened::of(&deployment);
    // Nothing of it comes to be in the store before Redis loses it.
    drop(persister.kill());
    let mut account = Account::default();
    let mut client = ingest.client();
    create(&mut client, "sum", "INCREMENT");
    account.board("sum", "INCREMENT");
    let mut play = |rounds: std::ops::Range<u32>| {
        for round in rounds {
            submit_all(&mut client, "sum", &[account.open("sum", format!("p{round}"), 1)], &mut account);
        }
    };
    play(0..30);
    deployment.await_applied(&log);
    let ends: Vec<_> = (0..SHARDS).map(|shard| log.bounds(shard).expect("an answer").end).collect();
    let shard = (0..SHARDS).max_by_key(|shard| ends[usize::from(*shard)]).expect("a shard");
    let poison = log.runtime.block_on(log.log.append(shard, b"\x01 nobody's entry".to_vec()));
    let at = poison.expect("appended").offset.expect("Kafka tells where");
    play(30..40);
    let end = log.bounds(shard).expect("an answer").end;
    assert!(at >= 30 && end > at + 10, "{at} of {end}");
    // What the board's creation left to do before the applier had opened the log may have been a replay, too.
    let gauge = |name| gauge(&mut applier.client(), name);
    let (said_before, replayed_before) = (applier.said().len(), gauge("hiscore_replay_entries_total"));
    let said = || applier.said().split_off(said_before);

    deployment.redis.kill();
    deployment.redis.restart();
    let _persister = deployment.serve("persist");
    let wanted = format!("shard {shard} is at {at} of {end}");
    let told = until("the replay to come to the entry", PATIENCE, || {
        let (_, text) = readiness(&applier);
        text.lines().find(|line| line.contains("replay") && line.contains(&wanted)).map(str::to_owned)
    });
    println!("{told}");
    assert!(told.contains(&format!("{at} of {end} entries of 1 shards")), "{told}");
    assert_eq!(gauge("hiscore_replay_left_entries"), Some((end - at) as f64));
    let replayed = replayed_before.map(|before| before + at as f64);
    assert_eq!(gauge("hiscore_replay_entries_total"), replayed);
    assert_eq!(gauge("hiscore_replay_shards"), Some(1.0));
    let line = until("it to be told in the log", PATIENCE, || {
        let said = said();
        said.contains("a replay of the log begins").then_some(())?;
        said.lines().find(|line| line.contains("the log is being replayed")).map(str::to_owned)
    });
    println!("{line}");
    for words in ["percent", "per_second", "seconds_left", &format!("position={at}"), &format!("end={end}")] {
        assert!(line.contains(words), "{words} is not said: {line}");
    }
    assert!(!said().contains("the replay of the log is over"), "{}", said());
}
