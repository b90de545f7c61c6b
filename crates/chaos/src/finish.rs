//! The end of a run: what every tier has, and whether that can have come of what the games saw.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bson::doc;
use hiscore_faults::Client;
use hiscore_faults::documents::{documents, integer};
use hiscore_faults::history::event::Shown;
use hiscore_faults::history::{self, Event, Promises, Report, Row, Scores};
use hiscore_faults::wait::pause;
use serde_json::{Value, json};

use crate::fault::Profile;
use crate::field::{Field, WINDOW};
use crate::schedule::Schedule;
use crate::workload::boards;

/// Within what time all tiers must be equal and right, once nothing is broken any more.
const SETTLED: Duration = Duration::from_secs(60);

const PAGE: &str = "query Page($id: ID!, $after: String, $version: Int) { leaderboard(id: $id) { versionId rankState \
    records(first: 500, after: $after, versionId: $version) { nodes { playerId rank score subscore numScore } \
    pageInfo { hasNextPage endCursor } } } }";

/// Waits until every tier has what it must have, and says what is wrong if that is not so in the end. The events of the tiers are
/// added to `events`.
pub(crate) fn settle(field: &Field, schedule: &Schedule, events: &mut Vec<Event>, factor: f64) -> Report {
    let promises = Promises {
        safe: schedule.safe(),
        window: WINDOW,
        // A failover may lose what was acknowledged below what is safe, and be merged with what was not lost.
        monotonic: field.profile == Profile::Embedded,
        one_history: !matches!(field.profile, Profile::Direct | Profile::DirectCluster),
    };
    let deadline = Instant::now() + SETTLED.mul_f64(factor);
    loop {
        let played = events.len();
        let read = tiers(field);
        let report = match read {
            Ok(tiers) => {
                events.extend(tiers);
                let report = history::check(&promises, events.iter());
                if report.violations.is_empty() || Instant::now() >= deadline {
                    return report;
                }
                report
            }
            Err(why) if Instant::now() >= deadline => {
                panic!("not settled within {:?}: {why}", SETTLED.mul_f64(factor))
            }
            Err(_) => Report::default(),
        };
        drop(report);
        events.truncate(played);
        (0..20).for_each(|_| pause());
    }
}

/// What `hiscore log verify`, the second way from the log to the present state, complains of.
pub(crate) fn verify(field: &Field) -> Option<String> {
    let servers = field.servers.as_ref()?;
    let log = servers.brokers.as_ref()?.url();
    let done = Command::new(&field.binary)
        .args(["log", "verify"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .env("HISCORE_LOG_URL", log)
        .env("HISCORE_REDIS_URL", servers.ranks.url())
        .env("HISCORE_MONGODB_URL", servers.mongo.url())
        .output()
        .expect("the binary is there");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&done.stdout), text(&done.stderr));
    (!done.status.success()).then(|| format!("hiscore log verify: {said}"))
}

/// What every tier has of every season of every board; `Err`: one does not say yet.
fn tiers(field: &Field) -> Result<Vec<Event>, String> {
    let mut tiers = Vec::new();
    for (board, _) in boards() {
        let mut presents = Vec::new();
        for reader in field.readers() {
            let mut client = Client::patient(reader.address, Duration::from_secs(5));
            let mut version = 1;
            loop {
                let (present, rows) = shown(&mut client, &board, version)?;
                let (tier, board) = (reader.name.to_owned(), board.clone());
                tiers.push(Event::Final { tier, board, version, rows });
                if version >= present {
                    presents.push(present);
                    break;
                }
                version += 1;
            }
        }
        let last = presents.iter().copied().max().unwrap_or(1);
        if presents.iter().any(|present| *present < last) {
            return Err(format!("{board}: not everybody knows of season {last}: {presents:?}"));
        }
        if let Some(servers) = &field.servers {
            let found =
                documents(&servers.mongo, doc! { "leaderboardId": &board, "deleted": { "$ne": true } });
            let row = |row: &bson::Document| Row {
                player: row.get_str("playerId").unwrap_or_default().to_owned(),
                rank: None,
                shown: Shown {
                    scores: Scores { score: integer(row, "score"), subscore: integer(row, "subscore") },
                    num_score: u64::try_from(integer(row, "numScore")).unwrap_or_default(),
                },
            };
            let season = |row: &bson::Document| u32::try_from(integer(row, "versionId")).unwrap_or_default();
            let most = found.iter().map(season).max().unwrap_or_default();
            for version in 1..=last.max(most) {
                let rows = found.iter().filter(|row| season(row) == version).map(row).collect();
                tiers.push(Event::Final { tier: "mongodb".to_owned(), board: board.clone(), version, rows });
            }
        }
    }
    Ok(tiers)
}

/// The present season of a board, and all rows of one, page by page.
fn shown(client: &mut Client, board: &str, version: u32) -> Result<(u32, Vec<Row>), String> {
    let mut rows = Vec::new();
    let mut after = Value::Null;
    loop {
        let (_, answer) = client
            .graphql(PAGE, &json!({ "id": board, "after": after, "version": version }))
            .map_err(|failure| format!("{board}: {failure:?}"))?;
        let view = &answer["data"]["leaderboard"];
        if view["rankState"] != "EXACT" {
            return Err(format!("{board}: {answer}"));
        }
        for node in view["records"]["nodes"].as_array().into_iter().flatten() {
            rows.push(row(node).ok_or_else(|| format!("{board}: no row: {node}"))?);
        }
        let page = &view["records"]["pageInfo"];
        if page["hasNextPage"] != true {
            let present = view["versionId"].as_u64().and_then(|version| version.try_into().ok());
            return Ok((present.ok_or_else(|| format!("{board}: {answer}"))?, rows));
        }
        after = page["endCursor"].clone();
    }
}

fn row(node: &Value) -> Option<Row> {
    let number = |name: &str| node[name].as_i64();
    Some(Row {
        player: node["playerId"].as_str()?.to_owned(),
        rank: Some(number("rank")?.try_into().ok()?),
        shown: Shown {
            scores: Scores { score: number("score")?, subscore: number("subscore")? },
            num_score: number("numScore")?.try_into().ok()?,
        },
    })
}
