//! MongoDB as the store, on a real replica set of three: the conformance suite, and what the documents look like to a
//! person who asks the database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::cell::Cell;
use std::sync::Arc;

use hiscore_faults::servers::{self, Mongo};
use hiscore_score::window::SubmissionKey;
use hiscore_score::{
    Leaderboard, LeaderboardId, Metadata, Moment, PlayerId, Position, Record, RecordKey, Rules, Score,
    Season, Stamp, Submission, SubmissionId, Window,
};
use hiscore_store::contract::{
    DeploymentInfo, LogPlace, Progress, ShardState, StoredBoard, StoredLog, Writes,
};
use hiscore_store::{MongoOptions, MongoStore, Store, StoreError};
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use tokio::runtime::Runtime;

/// The URL of a replica set with a database in it.
fn with_database(url: &str, name: &str) -> String {
    url.replace("/?", &format!("/{name}?"))
}

fn connect(url: &str) -> MongoStore {
    MongoStore::connect(url, MongoOptions::default()).unwrap()
}

fn stamp(raw: u64) -> Stamp {
    Stamp::from_raw(raw).unwrap()
}

fn board(name: &str) -> StoredBoard {
    let leaderboard = Leaderboard::new(Rules::default(), stamp(1 << 12));
    StoredBoard { id: LeaderboardId::new(name).unwrap(), leaderboard, position: Position::new(1, 1) }
}

fn key(board: &str, player: &str) -> RecordKey {
    let season = Season { leaderboard: LeaderboardId::new(board).unwrap(), version: 1 };
    RecordKey { season, player: PlayerId::new(player).unwrap() }
}

fn submitted(sequence: u64, score: i64, metadata: &str) -> Record {
    let metadata = Metadata::from_stored(metadata).unwrap();
    let id = SubmissionId::new("01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
    let submission = Submission {
        score: Score::new(score).unwrap(),
        subscore: Score::new(7).unwrap(),
        metadata,
        key: Some(SubmissionKey::new(&id, u64::MAX)),
    };
    let at = Moment { position: Position::new(1, sequence), stamp: stamp(sequence << 12) };
    let applied = Record::unborn(Window::default()).submit(&Rules::default(), &submission, at, 32).unwrap();
    let hiscore_score::Applied::Changed(record, _) = applied else { panic!("it was new") };
    record
}

#[test]
fn it_passes_the_suite() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(3);
    let runtime = Runtime::new().unwrap();
    let made = Cell::new(0);
    hiscore_store::suite::run(&runtime, 24, || {
        made.set(made.get() + 1);
        Arc::new(connect(&with_database(&mongo.url(), &format!("suite{}", made.get()))))
    });
}

#[test]
fn a_person_can_read_it() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    Runtime::new().unwrap().block_on(async {
        let store = connect(&mongo.url());
        let evil = r#"{"$score":{"$gt":""},"a.b":1,"__proto__":{"x":[1.5]}}"#;
        let live = submitted(2, 4200, evil);
        let dead = submitted(3, 1, "1")
            .delete(Moment { position: Position::new(1, 4), stamp: stamp(4 << 12) })
            .unwrap();
        let exact = submitted(5, 1, "18446744073709551615");
        let rows =
            [(key("$daily", "$score"), live), (key("$daily", "gone"), dead), (key("$daily", "exact"), exact)];
        let written = store.write(Writes { shard: 6, rows: &rows, boards: &[board("$daily")] }).await;
        assert_eq!(written, Ok(hiscore_store::contract::Written::default()));

        let database = Client::with_uri_str(mongo.url()).await.unwrap().database("hiscore");
        let records = database.collection::<Document>("records");
        let found = records
            .find_one(doc! { "leaderboardId": "$daily", "metadata.__proto__.x": 1.5 })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.get_document("_id").unwrap(), &doc! { "l": "$daily", "v": 1_i64, "p": "$score" });
        for (name, value) in [
            ("playerId", Bson::from("$score")),
            ("versionId", 1_i64.into()),
            ("score", 4200_i64.into()),
            ("subscore", 7_i64.into()),
            ("numScore", 1_i64.into()),
            ("metadata", doc! { "$score": { "$gt": "" }, "__proto__": { "x": [1.5] }, "a.b": 1 }.into()),
            ("createdAt", mongodb::bson::DateTime::from_millis(1_735_689_600_002).into()),
            ("order", doc! { "score": -4200_i64, "subscore": -7_i64, "reached": 2_i64 << 12 }.into()),
            ("sequence", 2_i64.into()),
        ] {
            let same = match (found.get(name), &value) {
                // The order of the keys of metadata is that of its text.
                (Some(Bson::Document(there)), Bson::Document(value)) => {
                    value.iter().all(|(key, value)| there.get(key) == Some(value))
                }
                (there, value) => there == Some(value),
            };
            assert!(same, "{name}: {found}");
        }
        assert_eq!(found.get_document("window").unwrap().get_array("submissions").unwrap().len(), 1);

        let gone = records.find_one(doc! { "deleted": true }).await.unwrap().unwrap();
        assert_eq!(gone.get_str("playerId").unwrap(), "gone");
        assert!(gone.get("score").is_none() && gone.get("order").is_none());
        let exact = records.find_one(doc! { "playerId": "exact" }).await.unwrap().unwrap();
        assert_eq!(exact.get_str("metadataJson").unwrap(), "18446744073709551615");

        let board = database.collection::<Document>("leaderboards").find_one(doc! {}).await.unwrap().unwrap();
        assert_eq!(board.get("_id"), Some(&Bson::from("$daily")));
        assert_eq!(board.get("sortOrder"), Some(&Bson::from("DESC")));
        assert_eq!(records.list_index_names().await.unwrap(), ["_id_", "position", "order"]);
    });
}

/// The log as a person sees it. What knows no log is written as it was before there were any; what does is of the next
/// format, for a hiscore that would forget it.
#[test]
fn the_log_is_there_after_a_restart() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    Runtime::new().unwrap().block_on(async {
        let database = Client::with_uri_str(mongo.url()).await.unwrap().database("hiscore");
        let one = async |collection, id: Bson| {
            let found = database.collection::<Document>(collection).find_one(doc! { "_id": id }).await;
            found.unwrap().unwrap()
        };
        let store = connect(&mongo.url());
        let info = DeploymentInfo { id: "a".repeat(32), shards: 4, window: 8, secret: [7; 32] };
        store.deployment(&info).await.unwrap();
        let opened = ShardState { epoch: 1, ..ShardState::default() };
        assert!(store.open_epoch(3, 0, &opened).await.unwrap());
        for there in [one("deployment", "deployment".into()).await, one("shards", 3.into()).await] {
            assert!(there.get("log").is_none() && there.get("format") == Some(&Bson::from(1)), "{there}");
        }

        let log = StoredLog { generation: 1, id: "b".repeat(32) };
        assert!(store.adopt_log(None, &log).await.unwrap());
        let place = LogPlace { generation: 1, era: 2, offset: None, stamp: stamp(5) };
        let opened = ShardState { epoch: 2, log: Some(place), ..opened };
        assert!(store.open_epoch(3, 1, &opened).await.unwrap());
        let moved = Progress { watermark: 9, bulk: 4 };
        store.advance(3, 2, Progress::default(), moved, Stamp::ZERO, Some((41, stamp(7)))).await.unwrap();
        let there = one("deployment", "deployment".into()).await;
        assert_eq!(there.get("format"), Some(&Bson::from(2)));
        let remembered = there.get_document("log").unwrap();
        assert_eq!(remembered.get("generation"), Some(&Bson::from(1_i64)));
        assert_eq!(remembered.get("id"), Some(&Bson::from(log.id.as_str())));
        let there = one("shards", 3.into()).await;
        assert_eq!(there.get("format"), Some(&Bson::from(2)));
        let moved = doc! { "generation": 1_i64, "era": 2_i64, "stamp": 7_i64, "offset": 41_i64 };
        for (name, value) in &moved {
            assert_eq!(there.get_document("log").unwrap().get(name), Some(value), "{name}");
        }

        let store = connect(&mongo.url());
        assert_eq!(store.log().await, Ok(Some(log)));
        assert_eq!(store.deployment(&info).await, Ok(info));
        let place = LogPlace { offset: Some(41), stamp: stamp(7), ..place };
        assert_eq!(
            store.shard(3).await,
            Ok(ShardState { watermark: 9, bulk: 4, log: Some(place), ..opened })
        );
    });
}

#[test]
fn what_it_refuses() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    Runtime::new().unwrap().block_on(async {
        let store = connect(&mongo.url());
        let database = Client::with_uri_str(mongo.url()).await.unwrap().database("hiscore");
        let records = database.collection::<Document>("records");
        let write = async |board: &[StoredBoard], rows: &[(RecordKey, Record)]| {
            store.write(Writes { shard: 0, rows, boards: board }).await
        };
        // Indexes that were there before under our names: of the same fields they do, of others they do not.
        let other = doc! { "createIndexes": "records", "indexes": [{ "name": "order", "key": { "x": 1 } }] };
        database.run_command(other).await.unwrap();
        let Err(StoreError::Invalid(text)) = store.prepare().await else { panic!("it took another index") };
        assert!(text.contains("\"order\""), "{text}");
        database.run_command(doc! { "dropIndexes": "records", "index": "order" }).await.unwrap();
        store.prepare().await.unwrap();
        connect(&mongo.url()).prepare().await.unwrap();

        // Exactly the row that cannot be stored fails: by a number, by its board, by what the server says.
        let validator = doc! { "collMod": "records", "validator": { "playerId": { "$ne": "refused" } } };
        database.run_command(validator).await.unwrap();
        let mut beyond = submitted(2, 1, "1");
        beyond.position.sequence = 1 << 63;
        let rows = [
            (key("a", "one"), submitted(2, 1, "1")),
            (key("a", "beyond"), beyond),
            (key("a", "refused"), submitted(3, 1, "1")),
            (key("unknown", "two"), submitted(4, 1, "1")),
            (key("a", "three"), submitted(5, 1, "1")),
        ];
        let written = write(&[board("a")], &rows).await.unwrap();
        let failed: Vec<usize> = written.failed_rows.iter().map(|(at, _)| *at).collect();
        assert_eq!(failed, [1, 2, 3], "{written:?}");
        assert_eq!(written.superseded, 0);
        let keys: Vec<_> = rows.iter().map(|(key, _)| key.clone()).collect();
        let found = store.get(&keys).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, false, true]);

        // Indexes that somebody drops are made anew by the next who writes.
        database.run_command(doc! { "dropIndexes": "records", "index": "*" }).await.unwrap();
        let range = Position::ZERO..Position::new(9, 0);
        let refused = store.between(0, range.clone(), None, 9).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
        assert_eq!(store.between(0, range, None, 9).await.unwrap().len(), 2);

        // What a newer hiscore wrote, and what nobody can read.
        records.update_one(doc! { "playerId": "one" }, doc! { "$set": { "format": 2 } }).await.unwrap();
        let Err(StoreError::Invalid(text)) = store.get(&keys).await else { panic!("it read format 2") };
        assert!(text.contains("format 2"), "{text}");
        records
            .update_one(doc! { "playerId": "one" }, doc! { "$set": { "format": 1, "score": 0.5 } })
            .await
            .unwrap();
        let Err(StoreError::Invalid(text)) = store.scan(None, 9).await else {
            panic!("it read half a score")
        };
        assert!(text.contains("score"), "{text}");
        // A shell writes doubles.
        records.update_one(doc! { "playerId": "one" }, doc! { "$set": { "score": 5.0 } }).await.unwrap();
        let found = store.get(&keys[..1]).await.unwrap().remove(0).unwrap();
        assert_eq!(found.live.unwrap().score.get(), 5);
    });
}

/// A user of the database that nobody made, and a server that nobody started.
#[test]
fn who_cannot_connect_is_told_why() {
    if servers::missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    let options = MongoOptions { timeout: std::time::Duration::from_millis(900), ..MongoOptions::default() };
    Runtime::new().unwrap().block_on(async {
        let url = mongo.url().replace("mongodb://", "mongodb://scott:tiger@");
        let store = MongoStore::connect(&url, MongoOptions::default()).unwrap();
        let refused = store.ping().await.unwrap_err();
        assert!(matches!(&refused, StoreError::Invalid(text) if !text.contains("tiger")), "{refused}");
        let url = format!("mongodb://127.0.0.1:{}", servers::free_port());
        let store = MongoStore::connect(&url, options).unwrap();
        let refused = store.shard(0).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(_)), "{refused}");
        let opened = store.open_epoch(0, 0, &ShardState::default()).await;
        assert!(matches!(opened, Err(StoreError::Unavailable(_))));
    });
}
