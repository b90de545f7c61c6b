//! Reading the final records, and judging them once they have settled.

use std::collections::HashMap;
use std::time::Duration;

use hiscore_config::show_duration;
use tokio::time::{Instant, sleep};

use crate::api::{self, Board, RECORDS_AT_ONCE};
use crate::client::{Client, Trouble};
use crate::ledger::{Kind, Ledger, Standing};
use crate::report::Check;

/// Between two readings.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The records of these players and the season they are of; `None`: no board, or it was reset in between.
pub(crate) async fn read(
    client: &Client,
    leaderboard: &str,
    players: &[&str],
) -> Result<Option<(i64, HashMap<String, Standing>)>, Trouble> {
    let mut all = HashMap::with_capacity(players.len());
    let mut season = None;
    for chunk in players.chunks(RECORDS_AT_ONCE) {
        let Some((version, records)) = api::records(client, leaderboard, chunk).await? else {
            return Ok(None);
        };
        if season.is_some_and(|season| season != version) {
            return Ok(None);
        }
        season = Some(version);
        all.extend(records);
    }
    Ok(season.map(|season| (season, all)))
}

/// Reads and compares until nothing is missing, or for `patience`: a server that is starting again does not answer
/// yet, and behind a log what is read may lag behind what was acknowledged.
pub(crate) async fn read_back(
    client: &Client,
    leaderboard: &str,
    board: &Board,
    ledger: &Ledger,
    patience: Duration,
) -> Check {
    let deadline = Instant::now() + patience;
    let players: Vec<&str> = ledger.players().collect();
    loop {
        let check = match read(client, leaderboard, &players).await {
            Ok(Some((version, _))) if version != board.version => {
                return Check::Skipped(format!(
                    "the leaderboard was reset meanwhile (from version {} to {version})",
                    board.version
                ));
            }
            Ok(Some((_, records))) => {
                let records = records.iter().map(|(player, standing)| (player.as_str(), *standing));
                Check::Done { players: players.len(), differences: ledger.check(records) }
            }
            Ok(None) => Check::Failed("the leaderboard is gone, or was reset while it was read".to_owned()),
            Err(refused @ Trouble::Refused(..)) => return Check::Failed(refused.to_string()),
            Err(trouble) => Check::Failed(format!("no answer within {}: {trouble}", show_duration(patience))),
        };
        let settled = match &check {
            // More than was sent will not become less, nor the undecided clear.
            Check::Done { differences, .. } => differences
                .iter()
                .all(|difference| matches!(difference.kind, Kind::MoreThanSent | Kind::Undecided)),
            Check::Skipped(_) | Check::Failed(_) => false,
        };
        if settled || Instant::now() >= deadline {
            return check;
        }
        sleep(AGAIN_AFTER).await;
    }
}
