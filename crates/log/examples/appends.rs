//! What an append costs, and reading it back: Kafka beside its own producer tool, and RabbitMQ, on servers that this starts.
//!
//! ```text
//! cargo run --release -p hiscore-log --example appends [kafka|rabbitmq] [seconds]
//! ```
//!
//! Measured with one broker, everything on 2 shared cores of a virtual machine (others were compiling, load 5), 32 shards.
//! The tasks are a closed loop, as players are: each waits for its answer. Kafka's tool is not: it keeps up to 32 MB under
//! way, at a latency 300 times as long.
//!
//! ```text
//!                                          entries/s  submissions/s    p50 ms    p99 ms
//! Kafka     single, 64 bytes                  29,944         29,944      0.97     16.44
//!           100 a time, 4321 bytes             7,370        737,046      6.04     51.55
//!           read and decoded                 161,395      3,319,090
//!           its own tool, 64 bytes           169,276                   283       546
//!           its own tool, 4321 bytes          12,136                   276       429
//! RabbitMQ  single, 64 bytes                  27,663         27,663      1.55     11.92
//!           100 a time, 4321 bytes             9,343        934,309      5.67     27.00
//!           read and decoded                   7,988        210,739
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program that measures, and says what it found"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hiscore_faults::servers::{Kafka, RabbitMq};
use hiscore_log::{Entry, Expect, Log, LogId, LogUrl, Options, Told, Work};
use hiscore_score::{LeaderboardId, PlayerId, Score, Submission, SubmissionId};
use tokio::task::JoinSet;

/// As many as there are connections in the goals.
const TASKS: u64 = 64;

const SHARDS: u16 = 32;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_else(|| "kafka".to_owned());
    let seconds = arguments.next().map_or(10, |seconds| seconds.parse().expect("seconds"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match which.as_str() {
        "kafka" => {
            let kafka = Kafka::start(1);
            runtime.block_on(measure(&kafka.url("scores"), seconds));
            let single = entry(0, 1).encode().len();
            producer_tool(&kafka, single, 400_000);
            producer_tool(&kafka, entry(0, 100).encode().len(), 20_000);
        }
        "rabbitmq" => {
            let rabbit = RabbitMq::start();
            runtime.block_on(measure(&rabbit.url(), seconds));
        }
        other => panic!("kafka or rabbitmq, not {other}"),
    }
}

async fn measure(url: &str, seconds: u64) {
    let url: LogUrl = url.parse().expect("a URL");
    let expect = Expect::Fresh(LogId::new([7; 16]));
    let log = hiscore_log::open(&url, &Options::new("measured", 1, SHARDS, expect)).await.expect("a log");
    for submissions in [1, 100] {
        let log = Arc::clone(&log);
        append(log, submissions, Duration::from_secs(seconds)).await;
    }
    read_back(log.as_ref()).await;
    log.close().await;
}

/// Tasks that append one entry after the other, each to all shards in turn.
async fn append(log: Arc<dyn Log>, submissions: usize, time: Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for task in 0..TASKS {
        let (log, stop, count) = (Arc::clone(&log), Arc::clone(&stop), Arc::clone(&count));
        tasks.spawn(async move {
            let mut took = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let bytes = entry(task << 32 | number, submissions).encode();
                let shard = (task + number) % u64::from(SHARDS);
                let begun = Instant::now();
                log.append(u16::try_from(shard).expect("a shard"), bytes).await.expect("appended");
                took.push(begun.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
            }
            took
        });
    }
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        took.extend(joined.expect("a task"));
    }
    let elapsed = begun.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let entries = count.load(Ordering::Relaxed) as f64 / elapsed;
    println!(
        "append, {TASKS} tasks, {submissions} a time, {} bytes: {entries:.0} entries/s, {:.0} submissions/s, p50 {:.2?}, p99 {:.2?}",
        entry(0, submissions).encode().len(),
        entries * submissions as f64,
        at(0.5),
        at(0.99)
    );
}

/// One shard after the other, decoded.
async fn read_back(log: &dyn Log) {
    let begun = Instant::now();
    let (mut entries, mut submissions) = (0u64, 0u64);
    for shard in 0..4 {
        let end = log.bounds(shard).await.expect("bounds").end;
        let mut reader = log.reader(shard, None).await.expect("a reader");
        let mut next = 0;
        while next < end {
            for read in reader.next(1 << 20, Duration::from_secs(10)).await.expect("entries") {
                next = read.offset + 1;
                entries += 1;
                submissions += Entry::decode(&read.bytes).expect("an entry").works.len() as u64;
            }
        }
    }
    let elapsed = begun.elapsed().as_secs_f64();
    println!(
        "read and decoded, one shard at a time: {:.0} entries/s, {:.0} submissions/s",
        entries as f64 / elapsed,
        submissions as f64 / elapsed
    );
}

/// As games send them: a name, a score, and an id that makes a retry safe.
fn entry(number: u64, submissions: usize) -> Entry {
    let board = LeaderboardId::new("daily").expect("a name");
    let work = |index: usize| {
        let id = SubmissionId::new(&format!("{number:016x}-{index:04}")).expect("an id");
        let score = Score::new((number % 1_000_000).cast_signed()).expect("a score");
        Work::Submit {
            board: board.clone(),
            player: PlayerId::new(&format!("player-{:08}", (number + index as u64) % 1_000_000))
                .expect("a name"),
            submission: Submission::new(score, Score::ZERO, None, Some(&id)),
            auto_create: false,
        }
    };
    Entry { origin: 7, number, told: Told::default(), works: (0..submissions).map(work).collect() }
}

/// Kafka's own: what its brokers take at most from one producer in this place.
fn producer_tool(kafka: &Kafka, size: usize, records: u64) {
    let output = Kafka::tool("org.apache.kafka.tools.ProducerPerformance")
        .args(["--topic", "scores.g1", "--num-records", &records.to_string()])
        .args(["--record-size", &size.to_string(), "--throughput", "-1"])
        .args(["--producer-props", &format!("bootstrap.servers={}", kafka.servers()), "acks=all"])
        .output()
        .expect("the tool can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("kafka-producer-perf-test, {size} bytes: {}", said.lines().last().unwrap_or_default());
}
