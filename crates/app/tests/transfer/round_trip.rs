//! What is carried from one profile into another and back is the same, to every stamp, and goes on being played.

use hiscore_faults::servers::{Mongo, Redis, missing};
use hiscore_faults::wait::until;
use serde_json::json;
use std::time::Duration;

use super::support::{
    BOARDS, Done, content, create_boards, entry, export, import, imported, many, play, serve, serve_with,
    shown, submit,
};

const NAMES: [&str; 4] = [BOARDS[0].0, BOARDS[1].0, BOARDS[2].0, BOARDS[3].0];

#[test]
fn from_a_folder_to_mongodb_and_back() {
    if missing("mongod") || missing("redis-server") {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("first"), path("second"));

    // Killed, so that most of it is in the journal alone.
    let server = serve(&first, &["--window", "8"]);
    let mut client = server.client();
    create_boards(&mut client);
    play(&mut client, 0x7a15, 400);
    assert_eq!(submit(&mut client, "set", vec![entry(1, 5, 0, "the-last-one")]).len(), 1);
    let before = shown(&mut client, &NAMES);
    server.kill();

    let from_folder = export(&["--data-dir", &first]);
    assert!(
        from_folder.contains("\"deletedAt\"") && from_folder.contains("\"horizon\""),
        "the history has it all"
    );
    assert!(content(&from_folder).len() > 100);
    // Exporting changes nothing: it can be done again, and the folder is served as before.
    assert_eq!(content(&export(&["--data-dir", &first])), content(&from_folder));

    let mongo = Mongo::start(1);
    let url = mongo.url();
    let database = ["--mongodb-url", url.as_str()];
    let done = import(&[&database[..], &["--shards", "5"]].concat(), &from_folder);
    assert_eq!(done.code, Some(0), "{}", done.said);
    assert!(done.said.contains("imported: 4 leaderboards"), "{}", done.said);
    let from_mongo = export(&database);
    assert_eq!(content(&from_mongo), content(&from_folder));

    imported(&["--data-dir", &second], &from_mongo);
    assert_eq!(content(&export(&["--data-dir", &second])), content(&from_folder));

    // Both are played on, and show what was shown before.
    let embedded = serve(&second, &["--window", "8", "--shards", "5"]);
    let redis = Redis::start();
    let redis_url = redis.url();
    let direct = serve_with(&[
        "--redis-url",
        &redis_url,
        "--mongodb-url",
        &url,
        "--window",
        "8",
        "--shards",
        "5",
        "--flush-interval",
        "50ms",
    ]);
    // Rebuilding every shard takes a while on a busy machine.
    let mut client = direct.client();
    until("the ranks to be complete", Duration::from_secs(60), || {
        let (_, answer) =
            client.graphql("{ leaderboards(first: 10) { nodes { rankState } } }", &json!({})).ok()?;
        let nodes = answer["data"]["leaderboards"]["nodes"].as_array()?;
        (nodes.len() == 4 && nodes.iter().all(|node| node["rankState"] == "EXACT")).then_some(())
    });
    for server in [embedded, direct] {
        let mut client = server.client();
        assert_eq!(shown(&mut client, &NAMES), before);
        let again = submit(&mut client, "set", vec![entry(1, 5, 0, "the-last-one")]);
        assert_eq!(again, ["DUPLICATE"], "what was acknowledged before counts once");
        assert_eq!(shown(&mut client, &NAMES), before);
        let more =
            submit(&mut client, "set", vec![entry(1, 1_000, 0, "a-new-one"), entry(2, 7, 7, "another")]);
        assert_eq!(more, ["IMPROVED", "IMPROVED"]);
    }

    // After that it is no empty place any more, and the same import is found to be done.
    let restarted = serve(&second, &["--window", "8", "--shards", "5"]);
    let after = shown(&mut restarted.client(), &["set"]);
    assert_eq!(after.last().unwrap()["leaderboard"]["records"]["nodes"][0]["playerId"], "p00001");
    restarted.kill();
    let again = import(&["--data-dir", &second], &from_mongo);
    assert!(again.code == Some(0) && again.said.contains("completed before"), "{}", again.said);
    let again = import(&[&database[..], &["--shards", "5"]].concat(), &from_folder);
    assert!(again.code == Some(0) && again.said.contains("completed before"), "{}", again.said);
    let Done { code, said, .. } = import(&database, &from_mongo);
    assert!(code == Some(1) && said.contains("this is not empty"), "{said}");
}

#[test]
fn a_shorter_window_forgets_the_oldest_and_says_so() {
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("first"), path("second"));
    let server = serve(&first, &[]);
    let mut client = server.client();
    create_boards(&mut client);
    let numbered = |n: i64| entry(1, n, 0, &format!("id-{n}"));
    submit(&mut client, "set", (0..6).map(numbered).collect());
    server.kill();

    let done =
        import(&["--data-dir", &second, "--window", "2", "--shards", "3"], &export(&["--data-dir", &first]));
    assert!(done.code == Some(0) && done.said.contains("cut from 32 to 2"), "{}", done.said);
    let server = serve(&second, &["--window", "2", "--shards", "3"]);
    let mut client = server.client();
    assert_eq!(submit(&mut client, "set", vec![numbered(4), numbered(5)]), ["DUPLICATE", "DUPLICATE"]);
    assert_eq!(submit(&mut client, "set", vec![numbered(0)]), ["IMPROVED"]);
}

#[test]
fn from_a_folder_that_redis_ranks() {
    if missing("redis-server") {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("first"), path("second"));
    let redis = Redis::start();
    let url = redis.url();
    let mut server = serve(&first, &["--redis-url", &url]);
    let mut client = server.client();
    create_boards(&mut client);
    play(&mut client, 0xa11, 60);
    // More than one checked piece.
    many(&mut client, "best", 2_500);
    let before = shown(&mut client, &NAMES);
    // The last round of the funnel carries all of it into the folder.
    server.terminate();
    assert_eq!(server.wait().code, Ok(0));
    let from_redis = export(&["--data-dir", &first]);
    imported(&["--data-dir", &second], &from_redis);
    assert_eq!(shown(&mut serve(&second, &[]).client(), &NAMES), before);

    // And back into one that Redis ranks, under other names.
    let third = path("third");
    let kept = ["--data-dir", third.as_str(), "--redis-url", url.as_str()];
    let cut_off = &from_redis[..from_redis.rfind("{\"end\"").unwrap()];
    assert_eq!(import(&kept, cut_off).code, Some(1));
    let unfinished = serve_with(&[&kept[..], &["--redis-prefix", "other"]].concat());
    until("an import that is not complete to keep a server off", Duration::from_secs(60), || {
        let (status, _) = unfinished.client().get("/readyz").ok()?;
        (status == 503 && unfinished.said().contains("folder is not complete")).then_some(())
    });
    unfinished.kill();
    let done = import(&kept, &export(&["--data-dir", &second]));
    assert!(done.code == Some(1) && done.said.contains("another import was begun"), "{}", done.said);
    imported(&kept, &from_redis);
    assert_eq!(content(&export(&["--data-dir", &third])), content(&from_redis));
    let done = import(&["--data-dir", &third], &from_redis);
    assert!(done.code == Some(1), "made for Redis: {}", done.said);
    let server = serve(&third, &["--redis-url", &url, "--redis-prefix", "other"]);
    let mut client = server.client();
    until("the ranks to be complete", Duration::from_secs(60), || {
        let (_, answer) =
            client.graphql("{ leaderboards(first: 10) { nodes { rankState } } }", &json!({})).ok()?;
        let nodes = answer["data"]["leaderboards"]["nodes"].as_array()?;
        (nodes.len() == 4 && nodes.iter().all(|node| node["rankState"] == "EXACT")).then_some(())
    });
    assert_eq!(shown(&mut client, &NAMES), before);
}
