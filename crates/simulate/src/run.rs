//! A whole run: find the board, take the baseline, play, read back.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hiscore_config::{SimulateSettings, show_duration};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Board};
use crate::client::{Client, Trouble};
use crate::console::{Reporter, Silent};
use crate::game::{Player, Random, name};
use crate::lane::{Course, Lane};
use crate::ledger::{Ledger, Standing};
use crate::read_back::{read, read_back};
use crate::report::{Check, Report};
use crate::stats::{Counts, Stats};
use crate::summary::{grouped, milliseconds};

const STATUS_EVERY: Duration = Duration::from_millis(500);
/// Between two tries to reach the server before anything is played.
const KNOCK_EVERY: Duration = Duration::from_millis(250);

/// Why a run did not begin. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting is wrong.
    #[error("{0}")]
    Settings(String),
    /// No server answered in time.
    #[error(
        "no answer from {url} within {patience}: {why}. Is the server running? `hiscore serve` starts one"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// How long it was tried.
        patience: String,
        /// The last trouble.
        why: String,
    },
    /// The server does not want it.
    #[error("{url} refused to start the game: {why}")]
    Refused {
        /// Where.
        url: String,
        /// What it said.
        why: String,
    },
    /// It was stopped before it began.
    #[error("stopped before the game began")]
    Stopped,
    /// A defect of the simulator.
    #[error("the simulator failed: {0}")]
    Internal(String),
}

impl Error {
    /// What the process exits with.
    pub const EXIT_CODE: u8 = 2;
}

/// Plays until the duration is over or `stop` is cancelled, waits for what is still unanswered, and compares the final
/// records with what was acknowledged. `reporter` hears nothing when the settings say `quiet` or `json`.
///
/// Must run in a tokio runtime with I/O and time. Dropping the future ends everything at once.
pub async fn run(
    settings: &SimulateSettings,
    reporter: &mut dyn Reporter,
    stop: CancellationToken,
) -> Result<Report, Error> {
    let mut silent = Silent;
    let reporter = if settings.quiet || settings.json { &mut silent } else { reporter };
    let client =
        Client::new(&settings.url, settings.connections, settings.timeout).map_err(Error::Settings)?;
    let random = RandomState::new().hash_one(SystemTime::now());
    let seed = settings.seed.unwrap_or(random);
    let (board, present) = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(Error::Stopped),
        found = open(settings, &client, reporter) => found?,
    };
    if board.rules.operator != settings.operator {
        let operator = api::operator_name(board.rules.operator);
        reporter.line(&format!("\"{}\" is there already and is a {operator} board", settings.leaderboard));
    }
    let start = Instant::now();
    let course = Arc::new(Course {
        client,
        leaderboard: settings.leaderboard.clone(),
        interval: settings.interval,
        start,
        end: settings.duration.map(|duration| start + duration),
        stop: stop.child_token(),
        give_up: CancellationToken::new(),
        stats: Stats::new().map_err(|error| Error::Internal(error.to_string()))?,
    });
    let lanes = lanes(settings, &board, &present, seed, random);
    let ledger = play(settings, &course, &board, lanes, reporter).await?;
    let elapsed = start.elapsed();
    let check = if settings.verify {
        reporter.status("Reading the records back");
        let check =
            read_back(&course.client, &settings.leaderboard, &board, &ledger, settings.patience).await;
        reporter.clear();
        check
    } else {
        Check::Skipped("--no-verify".to_owned())
    };
    let counts = course.stats.snapshot();
    Ok(Report::new(settings, board.rules.operator, seed, elapsed, counts, check))
}

/// The board, and what the players have on it. Waits for a server that is still starting.
async fn open(
    settings: &SimulateSettings,
    client: &Client,
    reporter: &mut dyn Reporter,
) -> Result<(Board, HashMap<String, Standing>), Error> {
    let deadline = Instant::now() + settings.patience;
    let names: Vec<String> = (0..settings.players).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut told = false;
    loop {
        let found = async {
            let board = api::board_or_create(client, &settings.leaderboard, settings.operator).await?;
            let records = read(client, &settings.leaderboard, &names).await?;
            match records {
                Some((version, records)) if version == board.version => Ok((board, records)),
                _ => Err(Trouble::NotApplied("the leaderboard is being reset".to_owned())),
            }
        };
        let why = match found.await {
            Ok(found) => return Ok(found),
            Err(refused @ Trouble::Refused(..)) => {
                return Err(Error::Refused { url: settings.url.clone(), why: refused.to_string() });
            }
            Err(Trouble::NotApplied(why) | Trouble::Ambiguous(why)) => why,
        };
        let patience = show_duration(settings.patience);
        if Instant::now() >= deadline {
            return Err(Error::Unreachable { url: settings.url.clone(), patience, why });
        }
        if !told {
            reporter.line(&format!(
                "No answer from {} yet: {why}. `hiscore serve` starts a server; trying for {patience}",
                settings.url
            ));
            told = true;
        }
        sleep(KNOCK_EVERY).await;
    }
}

/// The players dealt out to lanes of `bulk`, whose rounds are spread over the interval.
fn lanes(
    settings: &SimulateSettings,
    board: &Board,
    present: &HashMap<String, Standing>,
    seed: u64,
    run: u64,
) -> Vec<Lane> {
    let bulk = settings.bulk.max(1);
    let count = settings.players.div_ceil(bulk).max(1);
    let lane = |lane: usize| {
        let mut ledger = Ledger::new(board.rules);
        let numbers = lane * bulk..((lane + 1) * bulk).min(settings.players);
        let players = numbers.map(|number| {
            let record = present.get(&name(number)).copied();
            if let Some(record) = record {
                ledger.baseline(&name(number), record);
            }
            Player::new(number, board.rules, seed, run, record.map(|record| record.scores))
        });
        Lane {
            players: players.collect(),
            ledger,
            random: Random::new(run, lane as u64),
            phase: settings.interval.mul_f64(lane as f64 / count as f64),
        }
    };
    (0..count).map(lane).collect()
}

/// Runs the lanes to their end, tells how they do, and joins what happened.
async fn play(
    settings: &SimulateSettings,
    course: &Arc<Course>,
    board: &Board,
    lanes: Vec<Lane>,
    reporter: &mut dyn Reporter,
) -> Result<Ledger, Error> {
    let mut ledger = Ledger::new(board.rules);
    let mut running = JoinSet::new();
    for lane in lanes {
        running.spawn(lane.play(Arc::clone(course)));
    }
    let mut ticks = interval(STATUS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = (course.start, 0);
    let mut stopped = false;
    // When to stop; once stopped, when to give up what is still open.
    let mut until = course.end;
    loop {
        tokio::select! {
            joined = running.join_next() => match joined {
                Some(Ok(lane)) => ledger.absorb(lane),
                Some(Err(error)) => return Err(Error::Internal(error.to_string())),
                None => break,
            },
            _ = ticks.tick() => {
                let now = (Instant::now(), course.stats.snapshot());
                reporter.status(&status(course.start, &now, before));
                before = (now.0, now.1.acknowledged());
            }
            () = course.stop.cancelled(), if !stopped => {
                stopped = true;
                until = Some(Instant::now() + settings.patience);
            }
            () = sleep_until(until.unwrap_or(course.start)), if until.is_some() => {
                until = None;
                if stopped { course.give_up.cancel() } else { course.stop.cancel() }
            }
        }
    }
    reporter.clear();
    Ok(ledger)
}

/// One line: time, acknowledged, rate of late, latency, trouble.
fn status(start: Instant, now: &(Instant, Counts), before: (Instant, u64)) -> String {
    let (at, counts) = now;
    let played = at.duration_since(start).as_secs();
    let acknowledged = counts.acknowledged();
    let since = at.duration_since(before.0).as_secs_f64();
    let rate = if since > 0.0 { (acknowledged - before.1) as f64 / since } else { 0.0 };
    let latency = |quantile| milliseconds(Duration::from_micros(counts.latency.value_at_quantile(quantile)));
    let mut line = format!(
        "{:02}:{:02}  {} acknowledged  {rate:.0}/s  p50 {}  p99 {}",
        played / 60,
        played % 60,
        grouped(acknowledged),
        latency(0.5),
        latency(0.99)
    );
    let refused: u64 = counts.refused.values().map(|(count, _)| count).sum();
    if refused > 0 {
        line.push_str(&format!("  {} refused", grouped(refused)));
    }
    if counts.retrying > 0 {
        line.push_str(&format!("  {} retrying: {}", grouped(counts.retrying), counts.last_trouble));
    }
    line
}
