//! What an acknowledgement says is what is so: the level that was asked for, the next stronger one that there is, or, after
//! the time-out, honestly a lower one.

use bson::doc;
use hiscore_faults::servers::{Mongo, Redis};
use hiscore_faults::wait::until;
use hiscore_faults::{Client, Process};

use crate::account::{Account, Entry};
use crate::deployment::{Deployment, PATIENCE, missing};
use crate::load::create;
use crate::shown::documents;
use crate::wire::{self, Level, Verdict};

/// A flush is far away, so that only who waits for the store is waited for.
const SETTINGS: [&str; 4] = ["--flush-interval", "1h", "--ack-timeout", "1s"];

struct Game {
    client: Client,
    account: Account,
    number: i64,
}

impl Game {
    fn new(server: &Process) -> Self {
        let mut client = server.client();
        create(&mut client, "sum", "INCREMENT");
        let mut account = Account::default();
        account.board("sum", "INCREMENT");
        Self { client, account, number: 0 }
    }

    /// Submits for a new player, and says who that is and what level was reached.
    fn submit(&mut self, ack: Option<Level>) -> (String, Level) {
        self.number += 1;
        let entry = self.account.open("sum", format!("p{}", self.number), 1);
        let level = self.send(&entry, ack);
        (entry.player, level)
    }

    fn send(&mut self, entry: &Entry, ack: Option<Level>) -> Level {
        match &wire::submit(&mut self.client, "sum", std::slice::from_ref(entry), ack)[..] {
            [Verdict::Acked(level, ..)] => {
                self.account.acked("sum", entry, *level);
                *level
            }
            other => panic!("{other:?}"),
        }
    }
}

fn is_stored(mongo: &Mongo, player: &str) -> bool {
    !documents(mongo, doc! { "playerId": player }).is_empty()
}

#[test]
fn levels_without_a_replica() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve_with("all", &SETTINGS);
    let mut game = Game::new(&server);
    let (player, level) = game.submit(None);
    assert_eq!(level, Level::Ranked);
    assert!(!is_stored(&deployment.mongo, &player), "a flush is an hour away");
    for asked in [Level::Persisted, Level::Replicated] {
        let (player, level) = game.submit(Some(asked));
        assert_eq!(level, Level::Persisted, "asked for {asked:?}");
        assert!(is_stored(&deployment.mongo, &player));
    }
    // A repetition waits like the first.
    let entry = game.account.open("sum", "again".into(), 1);
    assert_eq!(game.send(&entry, None), Level::Ranked);
    assert_eq!(game.send(&entry, Some(Level::Persisted)), Level::Persisted);
    assert!(is_stored(&deployment.mongo, "again"));

    deployment.mongo.pause(0);
    let (player, level) = game.submit(Some(Level::Persisted));
    assert_eq!(level, Level::Ranked, "the store is away");
    deployment.mongo.resume(0);
    until("what was waited for to be stored all the same", PATIENCE, || {
        is_stored(&deployment.mongo, &player).then_some(())
    });
    assert_eq!(game.submit(Some(Level::Persisted)).1, Level::Persisted);
    deployment.settle(&server);
    deployment.check_account(&mut server.client(), &game.account, Level::Ranked);
}

#[test]
fn levels_with_a_replica() {
    if missing() {
        return;
    }
    let redis = Redis::start();
    let replica = Redis::replica_of(&redis);
    let deployment =
        Deployment { redis, replica: Some(replica), sentinels: None, mongo: Mongo::start(1), log: None };
    let replica = deployment.replica.as_ref().unwrap();
    let more = [&SETTINGS[..], &["--redis-wait", "200ms"]].concat();
    let server = deployment.serve_with("all", &more);
    let mut game = Game::new(&server);
    let (player, level) = game.submit(None);
    assert_eq!(level, Level::Replicated);
    assert!(!is_stored(&deployment.mongo, &player));
    assert_eq!(game.submit(Some(Level::Ranked)).1, Level::Ranked);
    assert_eq!(game.submit(Some(Level::Persisted)).1, Level::Persisted);

    deployment.mongo.pause(0);
    assert_eq!(game.submit(Some(Level::Persisted)).1, Level::Replicated, "the store is away");
    replica.pause();
    assert_eq!(game.submit(None).1, Level::Ranked, "the replica does not answer");
    assert_eq!(game.submit(Some(Level::Persisted)).1, Level::Ranked, "nobody else does");
    replica.resume();
    deployment.mongo.resume(0);
    until("the replica to be in step", PATIENCE, || (game.submit(None).1 == Level::Replicated).then_some(()));
    assert_eq!(game.submit(Some(Level::Persisted)).1, Level::Persisted);
    deployment.settle(&server);
    deployment.check_account(&mut server.client(), &game.account, Level::Ranked);
}
