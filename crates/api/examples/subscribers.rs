//! Thousands of subscribers for `bench/subscribers.py`, each with a connection of its own: they count, and cost little.
//!
//! `subscribers board|ranks|stream HOST:PORT COUNT`. Says `ready` once each has its first event, then obeys lines of its
//! input: `begin` starts the counting, `end REVISION` waits until all are there and prints what was counted, as JSON.
//! `board` and `stream` follow one board over WebSockets and event streams, and submit a score ten times a second, by which
//! they know how long it took to reach each of them. `ranks` follows a player each.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const BOARD: &str = "bench";
/// Scores of the probe: above every other, the number of the probe added.
const PROBES_FROM: u64 = 1 << 52;
const PROBE_EVERY: Duration = Duration::from_millis(100);
/// After this long nobody is waited for any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections that are opened at once.
const OPENING: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Board,
    Ranks,
    Stream,
}

/// What one subscriber was told.
#[derive(Default, Clone)]
struct Told {
    events: u64,
    /// Of those, in the time that counts.
    counted: u64,
    revision: u64,
    probe: usize,
    rank: Option<u64>,
    score: Option<u64>,
    ended: bool,
}

#[derive(Default)]
struct Counts {
    told: Vec<Told>,
    /// Revisions that anybody was told since `begin`.
    revisions: BTreeSet<u64>,
    /// The newest that anybody was told, and what it was at `begin`.
    newest: u64,
    since: Option<u64>,
    /// When each probe was sent.
    probes: Vec<Instant>,
    /// How many probes took so many milliseconds to a subscriber.
    delays: Vec<u64>,
}

impl Counts {
    fn event(&mut self, subscriber: usize, text: &[u8], mode: Mode) {
        let now = Instant::now();
        let told = &mut self.told[subscriber];
        told.events += 1;
        told.score = number_after(text, b"\"score\":");
        told.rank = number_after(text, b"\"rank\":");
        if mode == Mode::Ranks {
            told.counted += u64::from(self.since.is_some());
            return;
        }
        let revision = number_after(text, b"\"revision\":\"1.").unwrap_or(0);
        told.revision = revision;
        self.newest = self.newest.max(revision);
        let seen = told.probe;
        let probe = told.score.and_then(|score| score.checked_sub(PROBES_FROM)).unwrap_or(0);
        told.probe = seen.max(usize::try_from(probe).unwrap_or(0));
        if self.since.is_some_and(|since| revision > since) {
            told.counted += 1;
            self.revisions.insert(revision);
            for sent in self.probes.get(seen..told.probe).unwrap_or_default() {
                let delay = usize::try_from(now.duration_since(*sent).as_millis()).unwrap_or(usize::MAX);
                let slot = delay.min(99_999);
                if self.delays.len() <= slot {
                    self.delays.resize(slot + 1, 0);
                }
                self.delays[slot] += 1;
            }
        }
    }

    /// The milliseconds within which this share of the probes arrived.
    fn delay(&self, share: f64) -> usize {
        let all: u64 = self.delays.iter().sum();
        let mut left = (all as f64 * share) as u64;
        let at = self.delays.iter().position(|count| {
            let within = left < *count;
            left = left.saturating_sub(*count);
            within
        });
        at.unwrap_or(self.delays.len().saturating_sub(1))
    }
}

/// The number that follows the first `key`.
fn number_after(text: &[u8], key: &[u8]) -> Option<u64> {
    let at = text.windows(key.len()).position(|window| window == key)? + key.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0')))
}

fn player(subscriber: usize) -> String {
    format!("player{}", subscriber * 199)
}

/// A frame of a client, its mask all zeros.
fn frame(opcode: u8, text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        _ => {
            frame.push(0x80 | 126);
            frame.extend((text.len() as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}

/// Reads the head of an answer; its status.
async fn head(socket: &mut BufReader<TcpStream>) -> Result<String, Failure> {
    let (mut status, mut line) = (String::new(), String::new());
    socket.read_line(&mut status).await?;
    while line != "\r\n" {
        line.clear();
        if socket.read_line(&mut line).await? == 0 {
            return Err("the connection ended".into());
        }
    }
    Ok(status)
}

fn query(mode: Mode, subscriber: usize) -> String {
    match mode {
        Mode::Ranks => {
            let player = player(subscriber);
            format!(
                "subscription {{ rankChanged(leaderboardId: \"{BOARD}\", playerId: \"{player}\") {{ rank score }} }}"
            )
        }
        _ => format!(
            "subscription {{ leaderboardChanged(id: \"{BOARD}\", first: 10) {{ revision totalCount records {{ score rank playerId }} }} }}"
        ),
    }
}

/// One subscriber, until its connection ends.
async fn follow(mode: Mode, address: &str, subscriber: usize, counts: &Mutex<Counts>) -> Result<(), Failure> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut socket = BufReader::with_capacity(4096, socket);
    let payload = serde_json::json!({ "query": query(mode, subscriber) });
    let mut text = Vec::new();
    if mode == Mode::Stream {
        let body = payload.to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             accept: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await?;
        let status = head(&mut socket).await?;
        if !status.contains(" 200 ") {
            return Err(status.into());
        }
        loop {
            text.clear();
            if socket.read_until(b'\n', &mut text).await? == 0 {
                return Ok(());
            }
            if text.starts_with(b"data: ") {
                counts.lock().event(subscriber, &text, mode);
            }
        }
    }
    let request = format!(
        "GET /graphql HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let status = head(&mut socket).await?;
    if !status.contains(" 101 ") {
        return Err(status.into());
    }
    socket.write_all(&frame(1, b"{\"type\":\"connection_init\"}")).await?;
    let subscribe = serde_json::json!({ "id": "1", "type": "subscribe", "payload": payload });
    socket.write_all(&frame(1, subscribe.to_string().as_bytes())).await?;
    loop {
        let opcode = socket.read_u8().await? & 0x0f;
        let length = match socket.read_u8().await? {
            126 => u64::from(socket.read_u16().await?),
            127 => socket.read_u64().await?,
            length => u64::from(length),
        };
        text.resize(usize::try_from(length)?, 0);
        socket.read_exact(&mut text).await?;
        match opcode {
            1 if text.starts_with(b"{\"type\":\"next\"") => counts.lock().event(subscriber, &text, mode),
            1 if text.starts_with(b"{\"type\":\"connection_ack\"") => {}
            9 => socket.write_all(&frame(10, &text)).await?,
            _ => return Err(String::from_utf8_lossy(&text).into_owned().into()),
        }
    }
}

/// Submits the best score of all again and again.
async fn probe(address: String, counts: Arc<Mutex<Counts>>) -> Result<(), Failure> {
    let mut socket = BufReader::new(TcpStream::connect(&address).await?);
    socket.get_mut().set_nodelay(true)?;
    let mut ticks = tokio::time::interval(PROBE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let number = {
            let mut counts = counts.lock();
            counts.probes.push(Instant::now());
            counts.probes.len() as u64
        };
        let query = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }";
        let input =
            serde_json::json!({ "leaderboardId": BOARD, "playerId": "probe", "score": PROBES_FROM + number });
        let body = serde_json::json!({ "query": query, "variables": { "in": input } }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await?;
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if socket.read_line(&mut line).await? == 0 {
                return Err("the probe's connection ended".into());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut answer = vec![0; length];
        socket.read_exact(&mut answer).await?;
    }
}

/// Waits for all; how many it is not true of in the end.
async fn all(counts: &Mutex<Counts>, there: impl Fn(&Told) -> bool) -> usize {
    let begun = Instant::now();
    loop {
        let missing = counts.lock().told.iter().filter(|told| !there(told)).count();
        if missing == 0 || begun.elapsed() > PATIENCE {
            return missing;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn report(counts: &Counts, behind: usize, mode: Mode) -> serde_json::Value {
    let told = &counts.told;
    let missed = |told: &Told| (counts.revisions.len() as u64).saturating_sub(told.counted);
    let ranks: Vec<_> = if mode == Mode::Ranks {
        told.iter()
            .enumerate()
            .map(|(n, told)| serde_json::json!([player(n), told.rank, told.score]))
            .collect()
    } else {
        Vec::new()
    };
    serde_json::json!({
        "ended": told.iter().filter(|told| told.ended).count(),
        "events": told.iter().map(|told| told.counted).sum::<u64>(),
        "change_sets": counts.revisions.len(),
        "missed": if mode == Mode::Ranks { 0 } else { told.iter().map(missed).sum() },
        "missed_by_one": if mode == Mode::Ranks { 0 } else { told.iter().map(missed).max().unwrap_or(0) },
        "behind": behind,
        "probes": counts.probes.len(),
        "delay_ms": { "p50": counts.delay(0.5), "p99": counts.delay(0.99), "most": counts.delays.len().saturating_sub(1) },
        "ranks": ranks,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, address, count] = arguments.as_slice() else {
        return Err("usage: subscribers board|ranks|stream HOST:PORT COUNT".into());
    };
    let mode = match mode.as_str() {
        "board" => Mode::Board,
        "ranks" => Mode::Ranks,
        "stream" => Mode::Stream,
        other => return Err(format!("{other} is neither board, ranks nor stream").into()),
    };
    let count: usize = count.parse()?;
    let counts = Arc::new(Mutex::new(Counts { told: vec![Told::default(); count], ..Counts::default() }));
    for from in (0..count).step_by(OPENING) {
        let until = count.min(from + OPENING);
        for subscriber in from..until {
            let (address, counts) = (address.clone(), Arc::clone(&counts));
            tokio::spawn(async move {
                let ended = follow(mode, &address, subscriber, &counts).await;
                eprintln!("subscriber {subscriber} ended: {ended:?}");
                counts.lock().told[subscriber].ended = true;
            });
        }
        let there = |told: &Told| told.events > 0 || told.ended;
        while counts.lock().told[from..until].iter().any(|told| !there(told)) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    if mode != Mode::Ranks {
        let (address, counts) = (address.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            let ended = probe(address, counts).await;
            eprintln!("the probe ended: {ended:?}");
        });
    }
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "begin" {
            let mut counts = counts.lock();
            counts.since = Some(counts.newest);
        } else if let Some(revision) = line.strip_prefix("end ") {
            let revision: u64 = revision.parse()?;
            let behind = all(&counts, |told| mode == Mode::Ranks || told.revision >= revision).await;
            println!("{}", report(&counts.lock(), behind, mode));
        }
    }
    Ok(())
}
