//! Random histories over the wire against a model that was written straight from the law, in another way: plain
//! lists, sorted when asked. Every answer must be the model's, and every page, now and after restarts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::Path;

use hiscore_faults::{Client, Process, Random};
use serde_json::{Value, json};

const PLAYERS: u64 = 12;
const STEPS: u64 = 400;
const WINDOW: usize = 4;

/// One player on one season.
#[derive(Clone, Debug)]
struct Score {
    player: String,
    score: i64,
    subscore: i64,
    count: u64,
    metadata: Value,
    /// The step at which it got where it stands.
    since: u64,
}

/// A board, all its seasons.
struct Board {
    id: String,
    operator: &'static str,
    order: (&'static str, &'static str),
    seasons: Vec<Vec<Score>>,
    /// (player, submission id, body), the latest last.
    seen: Vec<(String, String, Value)>,
}

#[derive(Debug, Clone)]
struct Sent {
    player: String,
    score: i64,
    subscore: i64,
    metadata: Value,
    id: Option<String>,
}

impl Board {
    fn ranked(&self, season: usize) -> Vec<&Score> {
        let mut list: Vec<&Score> = self.seasons[season].iter().collect();
        let directed = |order: &str, value: i64| if order == "DESC" { -value } else { value };
        list.sort_by_key(|one| {
            let (first, second) = (directed(self.order.0, one.score), directed(self.order.1, one.subscore));
            (first, second, one.since, one.player.clone())
        });
        list
    }

    fn rank(&self, player: &str) -> Option<usize> {
        let season = self.seasons.len() - 1;
        self.ranked(season).iter().position(|one| one.player == player).map(|at| at + 1)
    }

    fn present(&mut self) -> &mut Vec<Score> {
        self.seasons.last_mut().unwrap()
    }

    /// What the answer must be.
    fn submit(&mut self, sent: &Sent, step: u64) -> Value {
        let body = json!([sent.score, sent.subscore, sent.metadata]);
        if let Some(id) = &sent.id {
            let last = self.seen.iter().filter(|seen| seen.0 == sent.player).rev().take(WINDOW);
            if let Some(seen) = last.clone().find(|seen| seen.1 == *id) {
                if seen.2 != body {
                    return json!({ "error": "CONFLICT" });
                }
                let rank = self.rank(&sent.player);
                return json!({ "outcome": "DUPLICATE", "previousRank": rank, "record": self.shown(&sent.player) });
            }
        }
        let before = self.rank(&sent.player);
        let (operator, order) = (self.operator, self.order);
        let list = self.present();
        let at = list.iter().position(|one| one.player == sent.player);
        let old = at.map(|at| list[at].clone());
        let mut new = Score {
            player: sent.player.clone(),
            score: sent.score,
            subscore: sent.subscore,
            count: 1,
            metadata: sent.metadata.clone(),
            since: step,
        };
        if let Some(old) = &old {
            new.count = old.count + 1;
            match operator {
                "INCREMENT" => {
                    new.score += old.score;
                    new.subscore += old.subscore;
                    if new.score.abs() > 9_007_199_254_740_991 || new.subscore.abs() > 9_007_199_254_740_991 {
                        return json!({ "error": "OUT_OF_RANGE" });
                    }
                    if new.metadata.is_null() {
                        new.metadata = old.metadata.clone();
                    }
                }
                "BEST" if !better(order, (new.score, new.subscore), (old.score, old.subscore)) => {
                    (new.score, new.subscore, new.metadata) = (old.score, old.subscore, old.metadata.clone());
                }
                _ => {}
            }
            if (new.score, new.subscore) == (old.score, old.subscore) {
                new.since = old.since;
            }
        }
        let outcome = if new.since == step { "IMPROVED" } else { "UNCHANGED" };
        match at {
            Some(at) => list[at] = new,
            None => list.push(new),
        }
        if let Some(id) = &sent.id {
            self.seen.push((sent.player.clone(), id.clone(), body));
        }
        json!({ "outcome": outcome, "previousRank": before, "record": self.shown(&sent.player) })
    }

    fn shown(&self, player: &str) -> Value {
        let season = self.seasons.len() - 1;
        let rank = self.rank(player);
        let Some(one) = self.seasons[season].iter().find(|one| one.player == player) else {
            return Value::Null;
        };
        row(one, rank.unwrap(), season)
    }

    fn page(&self, season: usize) -> Vec<Value> {
        self.ranked(season).iter().enumerate().map(|(at, one)| row(one, at + 1, season)).collect()
    }
}

fn better(order: (&str, &str), new: (i64, i64), old: (i64, i64)) -> bool {
    let first = if order.0 == "DESC" { new.0.cmp(&old.0) } else { old.0.cmp(&new.0) };
    let second = if order.1 == "DESC" { new.1.cmp(&old.1) } else { old.1.cmp(&new.1) };
    first.then(second).is_gt()
}

fn row(one: &Score, rank: usize, season: usize) -> Value {
    json!({
        "playerId": one.player, "rank": rank, "score": one.score, "subscore": one.subscore,
        "numScore": one.count, "metadata": one.metadata, "versionId": season + 1,
    })
}

const ROW: &str = "playerId rank score subscore numScore metadata versionId";

/// Sends what was made up, one by one or as a bulk, and compares each answer.
fn submit(client: &mut Client, board: &mut Board, sent: &[Sent], step: u64) {
    let entry = |sent: &Sent| {
        json!({
            "playerId": sent.player, "score": sent.score, "subscore": sent.subscore,
            "metadata": sent.metadata, "submissionId": sent.id,
        })
    };
    let result = format!("outcome previousRank record {{ {ROW} }} ack userErrors {{ code }}");
    let answers = if let [one] = sent {
        let mut input = entry(one);
        input["leaderboardId"] = json!(board.id);
        let query = format!("mutation($in: SubmitScoreInput!) {{ submitScore(input: $in) {{ {result} }} }}");
        vec![client.data(&query, &json!({ "in": input }))["submitScore"].take()]
    } else {
        let input =
            json!({ "leaderboardId": board.id, "submissions": sent.iter().map(entry).collect::<Vec<_>>() });
        let query = format!(
            "mutation($in: SubmitScoresInput!) {{ submitScores(input: $in) {{ results {{ {result} }} }} }}"
        );
        let mut data = client.data(&query, &json!({ "in": input }));
        data["submitScores"]["results"].as_array_mut().unwrap().iter_mut().map(Value::take).collect()
    };
    assert_eq!(answers.len(), sent.len());
    for (at, (answer, sent)) in answers.into_iter().zip(sent).enumerate() {
        let expected = board.submit(sent, step * 100 + at as u64);
        let found = match answer["userErrors"].as_array().unwrap().first() {
            Some(error) => json!({ "error": error["code"] }),
            None => {
                assert_eq!(answer["ack"], "PERSISTED");
                json!({
                    "outcome": answer["outcome"], "previousRank": answer["previousRank"], "record": answer["record"],
                })
            }
        };
        assert_eq!(found, expected, "step {step}, {} ({}): {sent:?}", board.id, board.operator);
    }
}

/// Compares every season of a board, read in every way there is.
fn compare(client: &mut Client, board: &Board, random: &mut Random) {
    for season in 0..board.seasons.len() {
        let expected = board.page(season);
        let first = 1 + random.below(4) as usize;
        let mut walked = Vec::new();
        let mut after = Value::Null;
        loop {
            let query = format!(
                "query($id: ID!, $v: Int, $n: Int, $after: String) {{ leaderboard(id: $id) {{ totalCount \
                 records(first: $n, versionId: $v, after: $after) {{ nodes {{ {ROW} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
            );
            let variables = json!({ "id": board.id, "v": season + 1, "n": first, "after": after });
            let mut data = client.data(&query, &variables);
            let records = &mut data["leaderboard"]["records"];
            walked.extend(records["nodes"].as_array_mut().unwrap().iter_mut().map(Value::take));
            if records["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = records["pageInfo"]["endCursor"].take();
        }
        assert_eq!(walked, expected, "{} season {}", board.id, season + 1);
        let Some(one) = expected.get(random.below(expected.len() as u64) as usize) else { continue };
        let (rank, range) = (one["rank"].as_u64().unwrap() as usize, random.below(4) as usize);
        let query = format!(
            "query($id: ID!, $v: Int, $p: ID!, $r: Int, $rank: Int, $many: [ID!]!) {{ leaderboard(id: $id) {{ \
             around(playerId: $p, range: $r, versionId: $v) {{ {ROW} }} record(playerId: $p, versionId: $v) {{ {ROW} }} \
             records(fromRank: $rank, first: 3, versionId: $v) {{ nodes {{ {ROW} }} }} \
             recordsByPlayerIds(playerIds: $many, versionId: $v) {{ {ROW} }} }} }}"
        );
        let many = [one["playerId"].clone(), json!("nobody"), expected[0]["playerId"].clone()];
        let variables = json!({
            "id": board.id, "v": season + 1, "p": one["playerId"], "r": range, "rank": rank, "many": many,
        });
        let found = &client.data(&query, &variables)["leaderboard"];
        let (from, to) = (rank.saturating_sub(range + 1), (rank + range).min(expected.len()));
        assert_eq!(found["around"], json!(expected[from..to]));
        assert_eq!(found["record"], *one);
        assert_eq!(found["records"]["nodes"], json!(expected[rank - 1..(rank + 2).min(expected.len())]));
        assert_eq!(found["recordsByPlayerIds"], json!([one, &expected[0]]));
    }
}

fn make_up(random: &mut Random) -> Sent {
    let extreme = random.one_in(30);
    let score = if extreme { 9_007_199_254_740_991 } else { random.below(9) as i64 - 4 };
    Sent {
        player: format!("player {}", random.below(PLAYERS)),
        score: if random.one_in(2) { score } else { -score },
        subscore: random.below(3) as i64 - 1,
        metadata: if random.one_in(3) { Value::Null } else { json!({ "$n": random.below(5) }) },
        id: (!random.one_in(3)).then(|| format!("id {}", random.below(40))),
    }
}

fn history(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed);
    let mut server = start(folder.path());
    let mut client = server.client();
    let mut boards: Vec<Board> = Vec::new();
    for (n, operator) in ["BEST", "SET", "INCREMENT"].into_iter().enumerate() {
        let orders = ["DESC", "ASC"];
        let order = (orders[random.below(2) as usize], orders[random.below(2) as usize]);
        let id = format!("board {n}");
        let input = json!({ "id": id, "operator": operator, "sortOrder": order.0, "subscoreOrder": order.1 });
        let query = "mutation($in: CreateLeaderboardInput!) { createLeaderboard(input: $in) { userErrors { code } } }";
        client.data(query, &json!({ "in": input }));
        boards.push(Board { id, operator, order, seasons: vec![Vec::new()], seen: Vec::new() });
    }
    for step in 0..STEPS {
        let board = &mut boards[random.below(3) as usize];
        match random.below(40) {
            0 => {
                let query = "mutation($id: ID!, $v: Int) { resetLeaderboard(id: $id, expectedVersionId: $v) { leaderboard { versionId } } }";
                let version = board.seasons.len();
                let data = client.data(query, &json!({ "id": board.id, "v": version }));
                assert_eq!(data["resetLeaderboard"]["leaderboard"]["versionId"], version + 1);
                board.seasons.push(Vec::new());
            }
            1..=3 => {
                let query = "mutation($id: ID!, $p: ID!) { deleteRecord(leaderboardId: $id, playerId: $p) { deleted } }";
                let player = format!("player {}", random.below(PLAYERS));
                let data = client.data(query, &json!({ "id": board.id, "p": player }));
                let before = board.present().len();
                board.present().retain(|one| one.player != player);
                assert_eq!(data["deleteRecord"]["deleted"], before != board.present().len());
            }
            4..=6 => {
                let sent: Vec<Sent> = (0..2 + random.below(8)).map(|_| make_up(&mut random)).collect();
                submit(&mut client, board, &sent, step);
            }
            _ => submit(&mut client, board, &[make_up(&mut random)], step),
        }
        if step % 40 == 0 {
            boards.iter().for_each(|board| compare(&mut client, board, &mut random));
        }
        if step % 150 == 149 {
            if random.one_in(2) {
                server.terminate();
                assert_eq!(server.wait().code, Ok(0));
            } else {
                server.kill();
            }
            server = start(folder.path());
            client = server.client();
        }
    }
    boards.iter().for_each(|board| compare(&mut client, board, &mut random));
    server.kill();
}

fn start(folder: &Path) -> Process {
    let folder = folder.join("data");
    let window = WINDOW.to_string();
    // A round of the funnel every few steps, so that records are met fresh, in flight and in the table.
    let arguments = ["--data-dir", folder.to_str().unwrap(), "--window", &window, "--flush-interval", "20ms"];
    let small = ["--journal-segment", "256KiB", "--listen", "127.0.0.1:0"];
    Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), &[&arguments[..], &small[..]].concat()).ready()
}

#[test]
fn every_answer_is_the_models() {
    for seed in [1, 2, 3] {
        println!("seed {seed}");
        history(seed);
    }
}
