//! Running the commands, a history to carry along, and what a server shows of it.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hiscore_faults::{Client, Process, Random};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_hiscore");

/// A command that has ended.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) said: String,
}

/// The command, with pipes and nothing of this process's environment.
pub(crate) fn spawn(arguments: &[&str]) -> Child {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs it to its end with `input` on its standard input.
pub(crate) fn hiscore(arguments: &[&str], input: &[u8]) -> Done {
    let mut child = spawn(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // It may have seen enough and gone.
        let _ = stdin.write_all(&input);
    });
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Done {
        code: done.status.code(),
        out: String::from_utf8(done.stdout).unwrap(),
        said: String::from_utf8(done.stderr).unwrap(),
    }
}

/// An export that must work.
pub(crate) fn export(place: &[&str]) -> String {
    let done = hiscore(&[&["export"], place].concat(), b"");
    assert_eq!(done.code, Some(0), "{}", done.said);
    done.out
}

/// An import from standard input.
pub(crate) fn import(place: &[&str], text: &str) -> Done {
    hiscore(&[&["import"], place].concat(), text.as_bytes())
}

/// An import that must work.
pub(crate) fn imported(place: &[&str], text: &str) {
    let done = import(place, text);
    assert_eq!(done.code, Some(0), "{}", done.said);
}

/// Boards and records: what must be the same wherever they are exported from.
pub(crate) fn content(export: &str) -> Vec<&str> {
    let is = |line: &&str| line.starts_with("{\"leaderboard\"") || line.starts_with("{\"record\"");
    export.lines().filter(is).collect()
}

/// A server on a data folder.
pub(crate) fn serve(folder: &str, more: &[&str]) -> Process {
    let arguments = [&["--listen", "127.0.0.1:0", "--data-dir", folder, "--flush-interval", "1h"], more];
    Process::start(Path::new(BINARY), &arguments.concat()).ready()
}

/// A server with these arguments, perhaps not ready yet.
pub(crate) fn serve_with(arguments: &[&str]) -> Process {
    Process::start(Path::new(BINARY), &[&["--listen", "127.0.0.1:0"], arguments].concat())
}

/// Boards of every operator and direction.
pub(crate) const BOARDS: [(&str, &str, &str, &str); 4] = [
    ("best", "BEST", "DESC", "ASC"),
    ("fastest", "BEST", "ASC", "ASC"),
    ("set", "SET", "DESC", "DESC"),
    ("\u{73a9}\u{5bb6}.$sum", "INCREMENT", "ASC", "DESC"),
];

const SUBMIT: &str = "mutation($input: SubmitScoresInput!) { submitScores(input: $input) { \
    results { outcome userErrors { code message } } userErrors { code message } } }";

/// Submits, and what came of each.
pub(crate) fn submit(client: &mut Client, board: &str, entries: Vec<Value>) -> Vec<String> {
    let input = json!({ "input": { "leaderboardId": board, "submissions": entries } });
    let data = client.data(SUBMIT, &input);
    let results = data["submitScores"]["results"].as_array().unwrap_or_else(|| panic!("{data}"));
    results
        .iter()
        .map(|result| result["outcome"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned())
        .collect()
}

/// A submission that is kept in a window.
pub(crate) fn entry(player: u64, score: i64, subscore: i64, id: &str) -> Value {
    json!({ "playerId": format!("p{player:05}"), "score": score, "subscore": subscore, "submissionId": id })
}

/// Makes the boards.
pub(crate) fn create_boards(client: &mut Client) {
    for (id, operator, order, second) in BOARDS {
        let input = json!({ "input": {
            "id": id, "operator": operator, "sortOrder": order, "subscoreOrder": second,
        } });
        let data = client.data(
            "mutation($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) { userErrors { message } } }",
            &input,
        );
        assert_eq!(data["createLeaderboard"]["userErrors"], json!([]));
    }
}

/// A random history with ties, retries, metadata of every kind, deletions and seasons.
pub(crate) fn play(client: &mut Client, seed: u64, rounds: u64) {
    let mut random = Random::new(seed);
    let values = [
        json!({ "$score": { "$gt": "" }, "a.b": [1, 2.5, "x", null, true], "__proto__": {} }),
        json!("line\nend \u{2028} \"quoted\""),
        json!([9_007_199_254_740_993u64, -0.0, 1e300, 9.675_760_593_319_148e-157]),
        json!(0),
    ];
    for round in 0..rounds {
        let (board, ..) = BOARDS[random.below(4) as usize];
        match random.below(12) {
            0 => {
                let input = json!({ "board": board, "player": format!("p{:05}", random.below(40)) });
                client.data(
                    "mutation($board: ID!, $player: ID!) { deleteRecord(leaderboardId: $board, playerId: $player) { deleted } }",
                    &input,
                );
            }
            1 if random.one_in(3) => {
                client.data(
                    "mutation($board: ID!) { resetLeaderboard(id: $board) { leaderboard { versionId } } }",
                    &json!({ "board": board }),
                );
            }
            _ => {
                let entries = (0..=random.below(12)).map(|n| {
                    let (score, subscore) = (random.below(9) as i64 - 4, random.below(3) as i64);
                    // Those with a time in them leave a horizon behind; some are sent twice.
                    let id = match random.below(3) {
                        0 => format!("{:08x}-{n:04x}-7000-8000-{round:012x}", round << 4),
                        1 => format!("{board}-{}", random.below(50)),
                        _ => format!("{round}-{n}"),
                    };
                    let mut entry = entry(random.below(40), score, subscore, &id);
                    if random.one_in(2) {
                        entry["metadata"] = values[random.below(4) as usize].clone();
                    }
                    if random.one_in(4) {
                        entry.as_object_mut().unwrap().remove("submissionId");
                    }
                    entry
                });
                let input = json!({ "input": { "leaderboardId": board, "submissions": entries.collect::<Vec<_>>() } });
                // Conflicts and expired ones are part of it.
                client.data(SUBMIT, &input);
            }
        }
    }
}

/// Many records on one board, quickly made.
pub(crate) fn many(client: &mut Client, board: &str, players: u64) {
    let all: Vec<Value> = (0..players)
        .map(|player| entry(player, (player % 97) as i64, 0, &format!("many-{player}")))
        .collect();
    for entries in all.chunks(5_000) {
        submit(client, board, entries.to_vec());
    }
}

/// Everything that a server shows of the boards: every season, every rank, every field.
pub(crate) fn shown(client: &mut Client, boards: &[&str]) -> Vec<Value> {
    const PAGE: &str = "query($id: ID!, $after: String, $version: Int) { leaderboard(id: $id) { \
        versionId operator sortOrder subscoreOrder totalCount rankState \
        records(first: 1000, after: $after, versionId: $version) { \
        nodes { playerId versionId rank score subscore numScore metadata createdAt updatedAt } \
        pageInfo { hasNextPage endCursor } } } }";
    let mut all = Vec::new();
    for board in boards {
        let mut version = 1;
        let mut after = Value::Null;
        loop {
            let mut data = client.data(PAGE, &json!({ "id": board, "after": after, "version": version }));
            let info = data["leaderboard"]["records"]["pageInfo"].take();
            let present =
                data["leaderboard"]["versionId"].as_i64().unwrap_or_else(|| panic!("no {board}: {data}"));
            all.push(data);
            if info["hasNextPage"] == true {
                after = info["endCursor"].clone();
            } else if version < present {
                (version, after) = (version + 1, Value::Null);
            } else {
                break;
            }
        }
    }
    all
}
