//! Redis by TLS, with a certificate of an authority of one's own, as a user who may do what the README says and nothing else.

use std::fs;
use std::path::Path;

use hiscore_faults::Process;
use hiscore_faults::servers::{Certificates, Mongo, Redis, missing as lacks};
use hiscore_faults::wait::until;

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE, missing, process};
use crate::load::{Load, Plan, submit_all};
use crate::wire::{self, Level};

/// With everything in it that a URL would read otherwise.
const PASSWORD: &str = "p@ss:w/rd%";
const ENCODED: &str = "p%40ss%3Aw%2Frd%25";

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap()
}

/// The user that the README tells to make.
fn documented_user() -> Vec<String> {
    let readme = readme();
    let (_, rule) = readme.split_once("ACL SETUSER ").expect("the README says which user");
    let (rule, _) = rule.split_once("\n```").expect("in a block of its own");
    let words =
        rule.split_whitespace().filter(|word| *word != "\\").map(|word| word.replace("PASSWORD", PASSWORD));
    ["ACL".to_owned(), "SETUSER".to_owned()].into_iter().chain(words).collect()
}

/// The rights beyond these that a Cluster takes.
fn rights_in_a_cluster() -> Vec<String> {
    let readme = readme();
    let words =
        readme.split_whitespace().filter(|word| word.trim_start_matches('`').starts_with("+cluster|"));
    words.map(|word| word.trim_matches('`').to_owned()).collect()
}

/// Makes the user of a Cluster at a node of it, and says what stands in its URL before the hosts.
pub(crate) fn make_user_in_a_cluster(node: &Redis) -> String {
    let command = [documented_user(), rights_in_a_cluster()].concat();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_eq!(node.command(&command), "OK");
    format!("hiscore:{ENCODED}@")
}

fn make_user(redis: &Redis) {
    let command = documented_user();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_eq!(redis.command(&command), "OK");
}

/// Also what only some rare turn of a function calls is in the rule.
#[test]
fn the_documented_user_may_call_what_the_functions_call() {
    if lacks("redis-server") {
        return;
    }
    let rule = documented_user();
    let redis = Redis::start();
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rank/src/redis/lua");
    let texts =
        fs::read_dir(functions).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let texts = texts.collect::<Vec<_>>().concat();
    // Names of commands stand there in capitals, and so do their options and our answers, which Redis tells apart.
    let quoted =
        texts.split('\'').filter(|word| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase()));
    let mut commands: Vec<String> = quoted.map(str::to_lowercase).collect();
    commands.sort();
    commands.dedup();
    commands.retain(|command| redis.command(&["COMMAND", "INFO", command]) != "(nil)");
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        assert!(rule.contains(&format!("+{command}")), "the README's user may not call {command}");
    }
}

/// Waits until a process says in its health that this is what it waits for. It goes on living.
fn waits_for(process: &mut Process, why: &str) {
    let mut client = process.client();
    until(why, PATIENCE, || {
        let (status, said) = client.get("/readyz?verbose").ok()?;
        (status == 503 && said.contains(why)).then_some(())
    });
    assert!(process.is_running());
}

#[test]
fn redis_is_spoken_to_by_tls_as_a_user_with_few_rights() {
    if missing() || lacks("openssl") {
        return;
    }
    let certificates = Certificates::make();
    let deployment = Deployment {
        redis: Redis::with_tls(&certificates),
        replica: None,
        sentinels: None,
        mongo: Mongo::start(1),
        log: None,
    };
    let redis = &deployment.redis;
    let url = format!("rediss://hiscore:{ENCODED}@{}", redis.tls_address());
    let authority = certificates.authority();
    let trust = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    let listening = |roles, environment: &[(&str, &str)]| {
        process(&url, &deployment.mongo.url(), roles, &["--flush-interval", "50ms"], environment).unwrap()
    };

    // Whoever shows a certificate that nobody vouches for is told no password.
    let mut wary = listening("ingest", &[("SSL_CERT_FILE", "/dev/null")]);
    waits_for(&mut wary, "SSL_CERT_FILE");
    // There is no such user yet.
    let mut all = ["ingest", "persist", "scoreboard"].map(|role| listening(role, &trust));
    all.iter_mut().for_each(|process| waits_for(process, "the user or password of its URL"));
    make_user(redis);
    let [ingest, persister, reader] = all.map(Process::ready);
    waits_for(&mut wary, "SSL_CERT_FILE");
    assert!(!wary.said().contains(PASSWORD) && !wary.said().contains(ENCODED));

    // All that is ever asked of Redis: also to put back what is lost, and to let go of seasons.
    let load = Load::start(Plan { deletes: true, ..Plan::default() }, &[&ingest]);
    load.await_acks(300);
    assert_eq!(redis.command(&["FUNCTION", "FLUSH"]), "OK");
    load.await_acks(100);
    let played = load.stop();
    deployment.check(&reader, &persister, &played, Level::Ranked);
    redis.kill();
    redis.restart();
    make_user(redis);
    let load = Load::go_on(Plan::default(), &[&ingest], played.account);
    load.await_acks(300);
    let played = load.stop();
    println!("{played}");
    deployment.check(&reader, &persister, &played, Level::Ranked);
    let (mut client, mut account) = (ingest.client(), Account::default());
    account.board("set", "SET");
    for season in 1..=3 {
        let entry = account.open("set", "somebody".to_owned(), season);
        submit_all(&mut client, "set", &[entry], &mut account);
        deployment.settle(&persister);
        assert_eq!(wire::reset(&mut client, "set", season), Ok(season + 1));
    }
    until("old seasons to leave Redis", PATIENCE, || {
        let keys = redis.command(&["KEYS", "*r:0000000001:set"]);
        keys.is_empty().then_some(())
    });

    let log = redis.command(&["ACL", "LOG"]);
    let refused: Vec<&str> =
        log.lines().filter(|line| ["command", "key", "channel"].contains(line)).collect();
    assert!(refused.is_empty(), "the README's user lacks a right:\n{log}");
    let mut connection = redis.connect().unwrap();
    assert_eq!(connection.call(&["AUTH", "hiscore", PASSWORD]).unwrap().to_string(), "OK");
    for command in
        [&["FLUSHALL"][..], &["HGET", "{other:0}:m", "fence"], &["CONFIG", "GET", "*"], &["GET", "x"]]
    {
        let reply = connection.call(command).unwrap().to_string();
        assert!(reply.starts_with("NOPERM"), "{command:?}: {reply}");
    }
}
