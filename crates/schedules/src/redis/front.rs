//! Connections to the simulated servers: RESP over a stream in memory, with answers that take time, or never come.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hiscore_rank::redis::{Dial, Dialing};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::keyspace::Reply;
use super::{Done, EPOCH_MS, SERVERS, Shared};
use crate::chance::Chance;

/// Bytes under way on a connection.
const BUFFER: usize = 1 << 20;

/// How connections are, apart from what is done to servers. Each number `n` stands for one request in `n`; 0: never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Noise {
    /// It is broken before the request is read.
    pub(crate) break_before: u64,
    /// It is broken after that was done.
    pub(crate) break_after: u64,
    /// The answer does not come, and the connection stays.
    pub(crate) hang: u64,
    /// The answer comes late, by up to so many milliseconds.
    pub(crate) slow: u64,
    pub(crate) slow_ms: u64,
    /// How long it takes there at most, and back, when nothing is wrong.
    pub(crate) usual_ms: u64,
}

/// Where connections lead, and where they are served.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) servers: Shared,
    /// The runtime of the servers.
    pub(crate) runtime: Handle,
    /// When that began.
    pub(crate) began: Instant,
    pub(crate) chance: Chance,
    pub(crate) noise: Noise,
    /// Whether there is noise at all.
    pub(crate) is_noisy: Arc<AtomicBool>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Server(usize),
    Sentinel(usize),
}

impl Front {
    /// How a host connects. "redis" is whoever is the primary, "redis-0" a server, "sentinel-0" a Sentinel.
    pub(crate) fn dial(&self, host: &str) -> Dial {
        let (front, host) = (self.clone(), host.to_owned());
        Arc::new(move |name, _port| front.dialing(&host, name))
    }

    fn dialing(&self, host: &str, name: &str) -> Dialing {
        let (front, host, name) = (self.clone(), host.to_owned(), name.to_owned());
        Box::pin(async move {
            let number = |prefix| name.strip_prefix(prefix).and_then(|number| number.parse().ok());
            let who = match (number("sentinel-"), number("redis-")) {
                (Some(sentinel), _) => Who::Sentinel(sentinel),
                (_, Some(server)) if server < SERVERS => Who::Server(server),
                _ => Who::Server(front.servers.lock().named()),
            };
            let life = front.life(who);
            let Some(life) = life else { return Err(io::ErrorKind::ConnectionRefused.into()) };
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            let serving = Serving { front: front.clone(), host, who, life, stream: theirs };
            front.runtime.spawn(serving.run());
            Ok(Box::new(ours) as Box<_>)
        })
    }

    fn life(&self, who: Who) -> Option<u64> {
        match who {
            Who::Server(server) => self.servers.lock().life(server),
            Who::Sentinel(_) => Some(0),
        }
    }

    fn unix_us(&self) -> u64 {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(0);
        EPOCH_MS * 1_000 + micros
    }

    fn happens(&self, one_in: u64) -> bool {
        self.is_noisy.load(Ordering::Relaxed) && self.chance.one_in(one_in)
    }
}

/// One connection, at the server's end.
struct Serving {
    front: Front,
    host: String,
    who: Who,
    life: u64,
    stream: DuplexStream,
}

impl Serving {
    async fn run(mut self) {
        let mut buffer = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => buffer.extend_from_slice(&chunk[..count]),
            }
            let mut commands = Vec::new();
            while let Some((command, used)) = parse(&buffer) {
                buffer.drain(..used);
                commands.push(command);
            }
            if commands.is_empty() {
                continue;
            }
            let Some(out) = self.answer(commands).await else { return };
            if self.stream.write_all(&out).await.is_err() {
                return;
            }
        }
    }

    fn is_alive(&self) -> bool {
        self.front.life(self.who) == Some(self.life)
    }

    fn reaches(&self) -> bool {
        match self.who {
            Who::Server(server) => self.front.servers.lock().reaches(&self.host, server),
            Who::Sentinel(_) => true,
        }
    }

    async fn takes_time(&self) {
        let Front { chance, noise, is_noisy, .. } = &self.front;
        if is_noisy.load(Ordering::Relaxed) {
            let most = if chance.one_in(noise.slow) { noise.slow_ms } else { noise.usual_ms };
            sleep(chance.ms(0, most)).await;
        }
    }

    /// Until the connection breaks: nothing comes back any more.
    async fn hang(&self) {
        while self.is_alive() {
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// The answers to a pipeline; `None`: the connection is broken.
    async fn answer(&self, commands: Vec<Vec<Vec<u8>>>) -> Option<Vec<u8>> {
        let noise = &self.front.noise;
        self.takes_time().await;
        if !self.reaches() {
            self.hang().await;
            return None;
        }
        if self.front.happens(noise.break_before) {
            return None;
        }
        let mut out = Vec::new();
        for command in commands {
            if !self.is_alive() {
                return None;
            }
            let done = match self.who {
                Who::Sentinel(number) => match self.front.servers.lock().sentinel(&self.host, number) {
                    Some(reply) => Done::Reply(reply),
                    None => return None,
                },
                Who::Server(server) => {
                    let unix_us = self.front.unix_us();
                    self.front.servers.lock().run(&self.host, server, &command, unix_us)
                }
            };
            match done {
                Done::Reply(reply) => put(&mut out, &reply),
                Done::After(patience, reply) => {
                    sleep(Duration::from_millis(patience)).await;
                    put(&mut out, &reply);
                }
            }
        }
        if self.front.happens(noise.break_after) || !self.is_alive() {
            return None;
        }
        if self.front.happens(noise.hang) {
            self.hang().await;
            return None;
        }
        self.takes_time().await;
        // Cut off meanwhile: it was done, and nobody hears of it.
        if !self.reaches() {
            self.hang().await;
            return None;
        }
        Some(out)
    }
}

/// A command, and how many bytes it takes; `None`: it is not whole yet.
fn parse(buffer: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut at = 0;
    let line = |at: &mut usize| {
        let end = buffer.get(*at..)?.windows(2).position(|pair| pair == b"\r\n")?;
        let line = buffer.get(*at + 1..*at + end)?;
        *at += end + 2;
        std::str::from_utf8(line).ok()?.parse::<usize>().ok()
    };
    let count = line(&mut at)?;
    let mut command = Vec::with_capacity(count);
    for _ in 0..count {
        let length = line(&mut at)?;
        command.push(buffer.get(at..at + length)?.to_vec());
        at += length + 2;
    }
    (at <= buffer.len()).then_some((command, at))
}

fn put(out: &mut Vec<u8>, reply: &Reply) {
    let mut line = |letter: char, text: &str| out.extend(format!("{letter}{text}\r\n").into_bytes());
    match reply {
        Reply::Nil => line('$', "-1"),
        Reply::Int(number) => line(':', &number.to_string()),
        Reply::Status(text) => line('+', text),
        Reply::Error(text) => line('-', text),
        Reply::Bulk(bytes) => {
            line('$', &bytes.len().to_string());
            out.extend(bytes);
            out.extend(b"\r\n");
        }
        Reply::Array(items) => {
            line('*', &items.len().to_string());
            items.iter().for_each(|item| put(out, item));
        }
    }
}
