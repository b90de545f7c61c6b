//! How many updates a second the functions in Redis do: batches of 100 on one shard, as one busy `ingest` sends them.
//!
//! ```text
//! redis-server --port 7777 --save '' &
//! cargo run --release -p hiscore-rank --example redis_batch -- redis://127.0.0.1:7777 100 20000
//! ```
//!
//! The arguments: the URL, works in a request, and players. The Redis must be one to play with: its shard 0 under the prefix
//! `measure` is opened anew. It prints a line for each kind of request, with one request under way and with eight.
//!
//! Measured (Redis 7.0.15, batches of 100, 20,000 players) on a machine of two cores on which some twenty other busy processes
//! ran, so by the processor time of Redis (`INFO cpu`, before and after) and not by the clock: `best` takes 16 µs an update,
//! all of Redis included, which is 62,000 updates/s of one core. A minimal function that does for each update one `HGET`,
//! one `HSET`, one `ZREM` and two `ZADD`, and judges nothing, took 11 to 15 µs in the same minutes. The lines that are
//! printed are by the clock, and mean something only on a machine at rest.

#![allow(clippy::print_stdout, reason = "a tool that prints what it measured")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hiscore_rank::redis::{Deployment, Opening, Options, RedisRanks, Request, Work};
use hiscore_score::{LeaderboardId, Operator, PlayerId, Rules, Score, Stamp, Submission, SubmissionId};

const MEASURED: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, size, players] = arguments.as_slice() else {
        return Err("redis_batch URL WORKS-IN-A-REQUEST PLAYERS".into());
    };
    let (size, players): (usize, usize) = (size.parse()?, players.parse()?);
    let mut options = Options::new(url.parse()?, 1, 32);
    options.prefix = "measure".into();
    let ranks = RedisRanks::start(options);
    open(&ranks).await?;
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    for (name, operator, keyed, rank) in [
        ("best", Operator::Best, false, false),
        ("increment", Operator::Increment, false, false),
        ("increment with an id", Operator::Increment, true, false),
        ("increment with both ranks", Operator::Increment, false, true),
    ] {
        for tasks in [1, 8] {
            let board = LeaderboardId::new(&format!("{name} {tasks} {run}"))?;
            let rules = Rules { operator, ..Rules::default() };
            ranks.submit(request(&board, vec![Work::Create { rules }], false)).await?;
            let begun = Instant::now();
            let mut all = tokio::task::JoinSet::new();
            for task in 0..tasks {
                let (ranks, board) = (Arc::clone(&ranks), board.clone());
                all.spawn(async move {
                    let mut done = 0;
                    while begun.elapsed() < MEASURED {
                        let works = (0..size).map(|at| work(task, done + at, players, keyed));
                        let works = works.collect::<Result<Vec<_>, String>>()?;
                        let reply = ranks.submit(request(&board, works, rank)).await;
                        done += reply.map_err(|error| error.to_string())?.results.iter().flatten().count();
                    }
                    Ok::<_, String>(done)
                });
            }
            let mut done = 0;
            while let Some(task) = all.join_next().await {
                done += task??;
            }
            println!("{name}, {tasks} at once: {:.0} updates/s", done as f64 / begun.elapsed().as_secs_f64());
        }
    }
    ranks.close().await;
    Ok(())
}

async fn open(ranks: &RedisRanks) -> Result<(), Box<dyn Error>> {
    let holder = "redis_batch";
    let survey = loop {
        match ranks.survey(0, holder, Duration::from_secs(1)).await {
            Ok(survey) => break survey,
            Err(error) => println!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let opening = Opening {
        replication: survey.replication,
        epoch: survey.look.epoch + 1,
        stamp: Stamp::ZERO,
        persisted: 0,
        stored: 0,
        deployment: Deployment { id: "measure".into(), shards: 1, window: 32 },
        log: None,
    };
    Ok(ranks.open(0, holder, opening).await?)
}

fn request(board: &LeaderboardId, works: Vec<Work>, rank: bool) -> Request {
    Request {
        board: board.clone(),
        works,
        auto_create: false,
        want_record: rank,
        want_rank: rank,
        want_previous_rank: rank,
        wake_persister: false,
        replicas: 0,
    }
}

/// The update number `number` of a task: players and scores in an order that looks like chance.
fn work(task: usize, number: usize, players: usize, keyed: bool) -> Result<Work, String> {
    let mixed = (number * 8 + task).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let player =
        PlayerId::new(&format!("player-{:07}", mixed % players)).map_err(|error| error.to_string())?;
    let id = { keyed.then(|| SubmissionId::new(&format!("{task}-{number}"))) }.transpose();
    let id = id.map_err(|error| error.to_string())?;
    let score = Score::new((mixed % 1_000) as i64).map_err(|error| error.to_string())?;
    Ok(Work::Submit { player, submission: Submission::new(score, Score::ZERO, None, id.as_ref()) })
}
