//! The servers that tests start: each is there, does what it is told, and comes back.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::doc;
use hiscore_faults::servers::{Mongo, Proxy, Redis, RedisCluster, Resp, Sentinels, missing};
use hiscore_faults::wait::until;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_redis_is_killed_and_comes_back_empty() {
    if missing("redis-server") {
        return;
    }
    let redis = Redis::start();
    assert_eq!(redis.command(&["SET", "key", "value"]), "OK");
    assert_eq!(redis.command(&["GET", "key"]), "value");
    assert!(redis.command(&["NOTHING"]).starts_with("ERR unknown command"));
    redis.kill();
    assert!(!redis.is_running());
    assert!(redis.try_command(&["PING"]).is_err());
    redis.restart();
    assert_eq!(redis.command(&["GET", "key"]), "(nil)");
    assert!(redis.log().contains("Ready to accept connections"));
    let folder = redis.folder().to_owned();
    assert!(folder.exists());
    drop(redis);
    assert!(!folder.exists());
}

#[test]
fn a_redis_with_a_file_and_a_password_comes_back_as_it_was() {
    if missing("redis-server") {
        return;
    }
    let redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "secret"]);
    assert_eq!(redis.command(&["SET", "key", "value"]), "OK");
    redis.pause();
    redis.kill();
    redis.restart();
    assert_eq!(redis.command(&["GET", "key"]), "value");
    assert!(redis.url().starts_with("redis://:secret@127.0.0.1:"));
}

#[test]
fn a_redis_has_another_time_of_day_until_it_is_started_again() {
    if missing("redis-server") || missing("libfaketime") {
        return;
    }
    let redis = Redis::start();
    let ahead = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let theirs = redis.command(&["TIME"]);
        (theirs.lines().next().unwrap().parse::<f64>().unwrap() - now).round()
    };
    for wrong in [3_600.0, -3_600.0] {
        redis.kill();
        redis.restart_at(wrong as i64);
        assert!((wrong - 60.0..wrong + 60.0).contains(&ahead()), "{}", ahead());
        let left = Path::new("/dev/shm").join(format!("faketime_shm_{}", redis.id().unwrap()));
        assert!(!left.exists());
    }
    redis.kill();
    redis.restart();
    assert!(ahead().abs() < 60.0);
}

#[test]
fn a_replica_has_what_its_primary_has() {
    if missing("redis-server") {
        return;
    }
    let primary = Redis::start();
    assert_eq!(primary.command(&["SET", "early", "value"]), "OK");
    let replica = Redis::replica_of(&primary);
    assert_eq!(replica.command(&["GET", "early"]), "value");
    let mut connection = primary.connect().unwrap();
    connection.call(&["SET", "key", "value"]).unwrap();
    assert_eq!(connection.call(&["WAIT", "1", "10000"]).unwrap().to_string(), "1");
    primary.kill();
    assert_eq!(replica.command(&["GET", "key"]), "value");
    assert_eq!(replica.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    assert_eq!(replica.info("role"), "master");
    replica.kill();
    replica.restart();
    assert_eq!(replica.command(&["EXISTS", "early", "key"]), "0", "what it got of its primary is gone, too");
}

#[test]
fn sentinels_make_a_replica_the_primary() {
    if missing("redis-server") {
        return;
    }
    let primary = Redis::start();
    let replica = Redis::replica_of(&primary);
    let sentinels = Sentinels::start("scores", &primary, 3, 2);
    assert_eq!(sentinels.primary(), primary.address());
    assert!(sentinels.url().ends_with("/scores"));
    sentinels.kill(0);
    primary.kill();
    assert_eq!(sentinels.primary_after(primary.address()), replica.address());
    assert_eq!(replica.command(&["SET", "key", "value"]), "OK");
    sentinels.restart(0);
    primary.restart();
    primary.await_primary();
    assert_eq!(primary.command(&["GET", "key"]), "value");
}

#[test]
fn a_cluster_shares_the_keys_out_and_replaces_a_primary() {
    if missing("redis-server") {
        return;
    }
    let cluster = RedisCluster::with_replicas(3, 1);
    let owner = cluster.node_of("key");
    assert!(owner < 3);
    assert_eq!(cluster.nodes()[owner].command(&["SET", "key", "value"]), "OK");
    assert!(cluster.nodes()[(owner + 1) % 3].command(&["GET", "key"]).starts_with("MOVED"));
    cluster.nodes()[owner].kill();
    assert_eq!(cluster.node_of("key"), owner + 3);
    cluster.await_ok();
    cluster.nodes()[owner].restart();
    cluster.nodes()[owner].await_primary();
    assert!(!cluster.is_primary(owner));
    cluster.give_back();
    assert_eq!(cluster.node_of("key"), owner);
    assert!(cluster.url().starts_with("redis-cluster://127.0.0.1:"));
    assert_eq!(cluster.ports().len(), 12);
}

#[test]
fn one_member_of_mongodb_is_killed_and_has_what_was_acknowledged() {
    if missing("mongod") {
        return;
    }
    let mongo = Mongo::start(1);
    insert(&mongo, "one");
    mongo.kill(0);
    assert!(mongo.try_command(0, doc! { "ping": 1 }).is_err());
    mongo.restart(0);
    assert_eq!(mongo.primary(), 0);
    assert_eq!(count(&mongo), 1);
    assert_eq!(mongo.step_down(), 0);
    let folder = mongo.folder(0).to_owned();
    drop(mongo);
    assert!(!folder.exists());
}

#[test]
fn three_members_of_mongodb_replace_their_primary() {
    if missing("mongod") {
        return;
    }
    let mongo = Mongo::start(3);
    insert(&mongo, "one");
    let first = mongo.primary();
    let second = mongo.step_down();
    assert_ne!(first, second);
    insert(&mongo, "two");
    mongo.pause(second);
    let third = mongo.primary();
    assert_ne!(second, third);
    insert(&mongo, "three");
    mongo.resume(second);
    mongo.kill(third);
    mongo.restart(third);
    mongo.await_all();
    assert_eq!(count(&mongo), 3);
    let fail = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 },
    "data": { "failCommands": ["find"], "errorCode": 91 } };
    let primary = mongo.primary();
    mongo.command(primary, fail);
    let find = doc! { "find": "names", "$db": "test" };
    assert_eq!(mongo.command(primary, find.clone()).get_i32("code").unwrap(), 91);
    assert_eq!(mongo.command(primary, find).get_f64("ok").unwrap(), 1.0);
}

#[test]
fn a_proxy_fails_as_networks_do() {
    if missing("redis-server") {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address());
    let connect = || Resp::connect_within(proxy.address(), PATIENCE);
    let mut connection = connect().unwrap();
    let add = |connection: &mut Resp| connection.call(&["INCR", "key"]);
    assert_eq!(add(&mut connection).unwrap().to_string(), "1");
    assert_eq!(proxy.connections(), 1);

    proxy.cut();
    assert!(add(&mut connection).is_err());
    assert!(connect().and_then(|mut connection| add(&mut connection)).is_err());
    assert_eq!(redis.command(&["GET", "key"]), "1");
    proxy.heal();

    let mut connection = connect().unwrap();
    assert_eq!(add(&mut connection).unwrap().to_string(), "2");
    proxy.stall();
    let stalled = std::thread::spawn(move || add(&mut connection).unwrap().to_string());
    let mut hasty = Resp::connect_within(proxy.address(), Duration::from_millis(50)).unwrap();
    assert!(hasty.call(&["GET", "key"]).is_err());
    assert_eq!(redis.command(&["GET", "key"]), "2");
    proxy.unstall();
    assert_eq!(stalled.join().unwrap(), "3");
    drop(hasty);
    until("the proxy to forget who left", PATIENCE, || (proxy.connections() == 0).then_some(()));

    let mut connection = connect().unwrap();
    proxy.swallow_replies(true);
    assert!(add(&mut connection).is_err());
    assert_eq!(proxy.swallowed(), 1);
    assert_eq!(redis.command(&["GET", "key"]), "4");
    proxy.heal();
    assert_eq!(add(&mut connect().unwrap()).unwrap().to_string(), "5");
}

fn insert(mongo: &Mongo, name: &str) {
    let insert = doc! { "insert": "names", "$db": "test", "documents": [{ "name": name }],
    "writeConcern": { "w": "majority", "j": true } };
    let reply = mongo.command(mongo.primary(), insert);
    assert_eq!(reply.get_i32("n").ok(), Some(1), "{reply}");
}

fn count(mongo: &Mongo) -> i32 {
    let reply = mongo.command(mongo.primary(), doc! { "count": "names", "$db": "test" });
    reply.get_i32("n").unwrap()
}
