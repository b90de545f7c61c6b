//! MongoDB comes back as it was an hour ago, or with nothing at all: what Redis has goes there again by itself.

use std::path::Path;

use bson::doc;
use hiscore_faults::servers::{Mongo, Redis};

use crate::deployment::{Deployment, missing};
use crate::load::{Load, Plan};
use crate::wire::Level;

#[test]
fn mongodb_is_restored_from_an_old_copy() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let server = deployment.serve("all");
    let mongo = &deployment.mongo;
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&server]);
    load.await_acks(500);
    let backup = tempfile::tempdir().unwrap();
    mongo.kill(0);
    copy(mongo.folder(0), backup.path());
    mongo.restart(0);
    load.await_acks(500);

    // Under load, and then once more while nothing is going on.
    mongo.kill(0);
    put_back(backup.path(), mongo.folder(0));
    mongo.restart(0);
    load.await_acks(500);
    let played = load.stop();
    println!("{played}");
    deployment.check(&server, &server, &played, Level::Ranked);

    mongo.kill(0);
    put_back(backup.path(), mongo.folder(0));
    mongo.restart(0);
    deployment.check_in_the_end(&server, &server, &played, Level::Ranked);
    // What Redis forgets now comes from there.
    deployment.redis.kill();
    deployment.redis.restart();
    deployment.check(&server, &server, &played, Level::Ranked);
}

#[test]
fn mongodb_is_wiped() {
    if missing() {
        return;
    }
    let deployment = Deployment::start(1);
    let [ingest, persister, reader] = ["ingest", "persist", "scoreboard"].map(|role| deployment.serve(role));
    let load = Load::start(Plan::default(), &[&ingest]);
    load.await_acks(500);
    wipe(&deployment);
    load.await_acks(500);
    let played = load.stop();
    println!("{played}");
    deployment.check_in_the_end(&reader, &persister, &played, Level::Ranked);
    wipe(&deployment);
    deployment.check_in_the_end(&reader, &persister, &played, Level::Ranked);
    // It is the same deployment, and has all that a Redis is filled from.
    deployment.redis.kill();
    deployment.redis.restart();
    deployment.check(&reader, &persister, &played, Level::Ranked);
    let another = deployment.serve("all");
    deployment.check(&another, &persister, &played, Level::Ranked);
}

/// Both at once: a Redis that has to be reconciled knows more than the store that it is reconciled with.
#[test]
fn mongodb_is_restored_while_redis_restarts() {
    if missing() {
        return;
    }
    let redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let deployment = Deployment { redis, replica: None, sentinels: None, mongo: Mongo::start(1), log: None };
    let server = deployment.serve("ingest,scoreboard");
    let persister = deployment.serve("persist");
    let mongo = &deployment.mongo;
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&server]);
    load.await_acks(300);
    let backup = tempfile::tempdir().unwrap();
    mongo.kill(0);
    copy(mongo.folder(0), backup.path());
    mongo.restart(0);
    load.await_acks(500);
    let played = load.stop();
    deployment.check(&server, &persister, &played, Level::Ranked);

    drop(persister.kill());
    mongo.kill(0);
    put_back(backup.path(), mongo.folder(0));
    mongo.restart(0);
    deployment.redis.kill();
    deployment.redis.restart();
    let persister = deployment.serve("persist");
    deployment.check_in_the_end(&server, &persister, &played, Level::Ranked);
    let load = Load::go_on(Plan { deletes: true, ..Plan::default() }, &[&server], played.account);
    load.await_acks(300);
    let played = load.stop();
    println!("{played}");
    deployment.check(&server, &persister, &played, Level::Ranked);
}

fn wipe(deployment: &Deployment) {
    let mongo = &deployment.mongo;
    let drop = doc! { "dropDatabase": 1, "$db": "hiscore", "writeConcern": { "w": "majority" } };
    let reply = mongo.command(mongo.primary(), drop);
    assert_eq!(reply.get_f64("ok").ok(), Some(1.0), "{reply}");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_name() != "server.log" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn put_back(backup: &Path, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            std::fs::remove_dir_all(entry.path()).unwrap();
        } else if entry.file_name() != "server.log" {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    copy(backup, folder);
}
