//! An import that is killed in the middle goes on where it was; until then nothing is served from what is there.

use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use hiscore_faults::process::command;
use hiscore_faults::servers::{Mongo, Redis, missing};
use hiscore_faults::wait::until;
use hiscore_faults::{Process, Random};
use serde_json::json;

use super::support::{
    content, create_boards, export, hiscore, import, many, serve, serve_with, shown, spawn,
};

const BINARY: &str = env!("CARGO_BIN_EXE_hiscore");
/// Two rounds into the table, and a part of a third.
const PLAYERS: u64 = 45_000;

/// An export of many pieces.
fn large(files: &Path, players: u64) -> String {
    let folder = files.join("source");
    let folder = folder.to_str().unwrap();
    let server = serve(folder, &[]);
    let mut client = server.client();
    create_boards(&mut client);
    many(&mut client, "best", players);
    server.kill();
    export(&["--data-dir", folder])
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Lets an import have so much of the text and no more. When the pipe has taken it, all but its last 64 KiB was read.
fn feed(arguments: &[&str], text: &str) -> Child {
    let mut child = spawn(arguments);
    child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    child
}

#[test]
fn killed_again_and_again_into_a_folder() {
    let files = tempfile::tempdir().unwrap();
    let text = large(files.path(), PLAYERS);
    let (folder, file) = (files.path().join("target"), files.path().join("export.ndjson"));
    let folder = folder.to_str().unwrap();
    std::fs::write(&file, &text).unwrap();
    let line = ["import", "--data-dir", folder, file.to_str().unwrap()];

    kill(feed(&["import", "--data-dir", folder], &text[..text.len() * 3 / 4]));
    for refused in [
        Process::try_start(command(Path::new(BINARY), &["--data-dir", folder]))
            .expect_err("it is not complete")
            .said,
        hiscore(&["export", "--data-dir", folder], b"").said,
    ] {
        assert!(refused.contains("import") && refused.contains("not complete"), "{refused}");
    }
    let other = large(&files.path().join("other"), 10);
    let done = import(&["--data-dir", folder], &other);
    assert!(done.code == Some(1) && done.said.contains("another import was begun here"), "{}", done.said);
    let done = hiscore(&[&line[..], &["--shards", "7"]].concat(), b"");
    assert!(done.code == Some(1) && done.said.contains("begun with --shards 32, not 7"), "{}", done.said);

    let mut random = Random::new(5);
    for _ in 0..12 {
        let mut child = spawn(&line);
        let micros = Duration::from_micros(random.below(400_000));
        // Nobody sends: so the kill falls anywhere.
        let _ = std::sync::mpsc::channel::<()>().1.recv_timeout(micros);
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none_or(|status| status.success()), "{ended:?}");
        kill(child);
    }
    let done = hiscore(&line, b"");
    assert_eq!(done.code, Some(0), "{}", done.said);
    assert!(done.said.contains("goes on") || done.said.contains("completed before"), "{}", done.said);
    assert_eq!(content(&export(&["--data-dir", folder])), content(&text));
    let server = serve(folder, &[]);
    let data = server.client().data("{ leaderboard(id: \"best\") { totalCount } }", &json!({}));
    assert_eq!(data["leaderboard"]["totalCount"], PLAYERS);
}

#[test]
fn killed_in_the_middle_into_mongodb() {
    if missing("mongod") || missing("redis-server") {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let text = large(files.path(), 16_000);
    let mongo = Mongo::start(1);
    let url = mongo.url();
    let line = ["import", "--mongodb-url", url.as_str()];

    let child = feed(&line, &text[..text.len() / 2]);
    until("some of it to be in the database", Duration::from_secs(30), || {
        let count = mongo.try_command(0, bson::doc! { "count": "records", "$db": "hiscore" }).ok()?;
        (count.get_i32("n").ok()? > 1_000).then_some(())
    });
    kill(child);
    let done = hiscore(&["export", "--mongodb-url", &url], b"");
    assert!(done.code == Some(1) && done.said.contains("not complete"), "{}", done.said);

    let redis = Redis::start();
    let server = serve_with(&["--redis-url", &redis.url(), "--mongodb-url", &url]);
    let mut client = server.client();
    until("the server to say what it waits for", Duration::from_secs(30), || {
        let (status, _) = client.get("/readyz").ok()?;
        (status == 503 && server.said().contains("an import into this database or folder is not complete"))
            .then_some(())
    });

    // The server waits, and is ready once it is complete.
    let done = hiscore(&line, text.as_bytes());
    assert!(done.code == Some(0) && done.said.contains("goes on"), "{}", done.said);
    let expected = {
        let source = serve(files.path().join("source").to_str().unwrap(), &[]);
        shown(&mut source.client(), &["best"])
    };
    until("the server to have all of it", Duration::from_secs(60), || {
        let (_, answer) =
            client.graphql("{ leaderboard(id: \"best\") { rankState totalCount } }", &json!({})).ok()?;
        (answer["data"]["leaderboard"] == json!({ "rankState": "EXACT", "totalCount": 16_000 })).then_some(())
    });
    assert_eq!(shown(&mut client, &["best"]), expected);
}
