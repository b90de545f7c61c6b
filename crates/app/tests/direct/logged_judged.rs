//! What the log says is judged by it alone, whoever asks how often: of two submissions with one id the first in the log
//! counts, and stays the one that counts.

use hiscore_faults::tally::walk;
use hiscore_faults::wait::until;
use serde_json::json;

use crate::deployment::{Deployment, PATIENCE};
use crate::load::create;
use crate::logged_field::{Opened, Roles, kafka};
use crate::wire;

const KEYED: &str = "mutation Keyed($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack outcome userErrors { code message } } }";
const BLIND: &str = "mutation Blind($input: SubmitScoreInput!) { submitScore(input: $input) { \
    ack userErrors { code message } } }";

#[test]
fn of_two_submissions_with_one_id_the_first_counts() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let other = deployment.serve_with("ingest", &["--apply-wait", "20s"]);
    let ingests = [&roles.ingest, &other];
    create(&mut other.client(), "sum", "INCREMENT");
    // Each player gets 1 from one process and 1000 from the other at the same moment, under one id.
    std::thread::scope(|scope| {
        for (at, ingest) in ingests.into_iter().enumerate() {
            scope.spawn(move || {
                let (mut client, score) = (ingest.client(), [1, 1000][at]);
                for player in 0..40 {
                    let query = if (player + at) % 2 == 0 { KEYED } else { BLIND };
                    let input = json!({ "leaderboardId": "sum", "playerId": format!("p{player}"),
                        "score": score, "submissionId": format!("id-{player}") });
                    let data = wire::ask(&mut client, query, &json!({ "input": input })).expect("an answer");
                    let payload = &data["submitScore"];
                    let conflict = payload["userErrors"][0]["code"] == "CONFLICT";
                    assert!(conflict || payload["ack"] == "LOGGED", "{payload}");
                }
            });
        }
    });
    let log = Opened::of(&deployment);
    deployment.await_applied(&log);
    let rows = |patience: &str| {
        until(patience, PATIENCE, || {
            let data = wire::ask(
                &mut roles.scoreboard.client(),
                "query State($id: ID!) { leaderboard(id: $id) { rankState totalCount } }",
                &json!({ "id": "sum" }),
            );
            (data.ok()?["leaderboard"]["rankState"] == "EXACT").then_some(())
        });
        walk(&mut roles.scoreboard.client(), "sum", None, 100)
    };
    let before = rows("the board");
    assert_eq!(before.len(), 40);
    let once = |row: &hiscore_faults::tally::Row| [1, 1000].contains(&row.score()) && row.submissions() == 1;
    assert!(before.iter().all(once), "{before:?}");
    let both = [1, 1000].map(|score| before.iter().filter(|row| row.score() == score).count());
    println!("{both:?} were first");
    deployment.redis.kill();
    deployment.redis.restart();
    assert_eq!(rows("the board to come back"), before);
    deployment.settle(&roles.persister);
}
