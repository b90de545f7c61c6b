//! Plain sorted sets: taken as they are, ties in the order of the ids, or not at all.

use hiscore_faults::servers::{Redis, missing};
use serde_json::Value;

use super::support::{Done, export, hiscore, serve, shown};

fn add(redis: &Redis, key: &str, members: &[(&str, &str)]) {
    for chunk in members.chunks(500) {
        let mut command = vec!["ZADD", key];
        command.extend(chunk.iter().flat_map(|(member, score)| [*score, *member]));
        redis.command(&command);
    }
}

fn take(redis: &Redis, folder: &str, arguments: &[&str]) -> Done {
    let url = redis.url();
    hiscore(&[&["import", "redis-zset", &url], arguments, &["--data-dir", folder]].concat(), b"")
}

fn players(view: &Value) -> Vec<(String, i64)> {
    let nodes = view["leaderboard"]["records"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| (node["playerId"].as_str().unwrap().to_owned(), node["score"].as_i64().unwrap()))
        .collect()
}

#[test]
fn sorted_sets_become_leaderboards() {
    if missing("redis-server") {
        return;
    }
    let redis = Redis::start();
    let numbered: Vec<(String, String)> =
        (0..2_345).map(|n| (format!("m{n:04}"), (n % 10).to_string())).collect();
    let numbered: Vec<(&str, &str)> = numbered.iter().map(|(m, s)| (m.as_str(), s.as_str())).collect();
    add(&redis, "game:many", &numbered);
    let most = "9007199254740991";
    add(&redis, "game:few", &[("b", "7"), ("a", "7"), ("\u{73a9}", "-7"), ("top", most), ("c", "1e3")]);

    let files = tempfile::tempdir().unwrap();
    let folder = files.path().join("data");
    let folder = folder.to_str().unwrap();
    let line = [
        "game:many",
        "game:few",
        "--leaderboard",
        "many",
        "--leaderboard",
        "few",
        "--sort-order",
        "DESC",
        "--sort-order",
        "ASC",
        "--operator",
        "INCREMENT",
    ];
    let done = take(&redis, folder, &line);
    assert!(
        done.code == Some(0) && done.said.contains("imported: 2 leaderboards and 2350 records"),
        "{}",
        done.said
    );
    let again = take(&redis, folder, &line);
    assert!(again.code == Some(0) && again.said.contains("completed before"), "{}", again.said);
    redis.command(&["ZADD", "game:few", "1", "late"]);
    let other = take(&redis, folder, &line);
    assert!(other.code == Some(1) && other.said.contains("this is not empty"), "{}", other.said);

    let exported = export(&["--data-dir", folder]);
    let stamps: std::collections::HashSet<u64> = exported
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["record"]["stamps"]["reached"].as_u64()
        })
        .collect();
    assert_eq!(stamps.len(), 1, "all reached it at the same moment");

    let server = serve(folder, &[]);
    let mut client = server.client();
    let few = shown(&mut client, &["few"]);
    let expected = [("\u{73a9}", -7), ("a", 7), ("b", 7), ("c", 1_000), ("top", 9_007_199_254_740_991)];
    assert_eq!(players(&few[0]), expected.map(|(player, score)| (player.to_owned(), score)));
    assert_eq!(few[0]["leaderboard"]["operator"], "INCREMENT");
    let many: Vec<(String, i64)> = shown(&mut client, &["many"]).iter().flat_map(players).collect();
    let mut expected: Vec<(String, i64)> =
        numbered.iter().map(|(member, score)| ((*member).to_owned(), score.parse().unwrap())).collect();
    expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    assert_eq!(many, expected);
}

#[test]
fn what_cannot_be_taken_is_named_and_nothing_is_written() {
    if missing("redis-server") {
        return;
    }
    let redis = Redis::start();
    add(
        &redis,
        "bad",
        &[
            ("fine", "1"),
            ("half", "0.5"),
            ("large", "9007199254740992"),
            ("endless", "inf"),
            ("{brace}", "2"),
            ("line\nend", "3"),
        ],
    );
    let floats: Vec<String> = (0..30).map(|n| format!("f{n}")).collect();
    add(&redis, "floats", &floats.iter().map(|member| (member.as_str(), "1.5")).collect::<Vec<_>>());
    redis.command(&["SET", "text", "x"]);
    let files = tempfile::tempdir().unwrap();
    let folder = files.path().join("data");
    let folder = folder.to_str().unwrap();
    let done = take(&redis, folder, &["bad", "--leaderboard", "b"]);
    for says in [
        "5 members cannot be taken",
        "member \"half\": its score 0.5 is no integer",
        "member \"large\": its score 9007199254740992 is no integer",
        "member \"endless\": its score inf is no integer",
        "member \"{brace}\": an id may not contain",
        "member \"line\\nend\": an id may not contain",
    ] {
        assert!(done.code == Some(1) && done.said.contains(says), "{says}: {}", done.said);
    }
    let done = take(&redis, folder, &["floats", "--leaderboard", "b"]);
    assert!(done.said.contains("30 members") && done.said.contains("and 10 more"), "{}", done.said);
    for (key, says) in [("gone", "there is no such key"), ("text", "it is a string, not a sorted set")] {
        let done = take(&redis, folder, &[key, "--leaderboard", "b"]);
        assert!(done.code == Some(1) && done.said.contains(says), "{}", done.said);
    }
    let done = hiscore(&["import", "redis-zset", "http://x", "k", "--leaderboard", "b"], b"");
    assert!(done.code == Some(1) && done.said.contains("redis://"), "{}", done.said);
    assert!(!std::path::Path::new(folder).exists(), "nothing was written");
}
