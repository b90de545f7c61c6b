//! Appends under which a broker fails, and what must hold afterwards: every confirmed entry is there exactly once, what was
//! refused is not there, and each writer's entries are in its order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail by panicking, and says what it saw"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hiscore_log::suite::tried::{PATIENCE, entry};
use hiscore_log::{Expect, Log, LogEntry, LogError, Options, Reader};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Taken by each test that starts servers: a small machine has room for those of one.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const WRITERS: usize = 8;

/// Before a broker that is away is asked again.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// A log of two shards, whose appends do not wait long.
pub(crate) fn options(expect: Expect) -> Options {
    let mut options = Options::new("5eed", 1, 2, expect);
    options.append_timeout = Duration::from_secs(2);
    options
}

/// Opens the log of a broker that was just started, on a busy machine.
pub(crate) async fn open(url: &str, options: &Options) -> Result<Arc<dyn Log>, LogError> {
    let url = url.parse().expect("a URL");
    let deadline = Instant::now() + PATIENCE;
    loop {
        match hiscore_log::open(&url, options).await {
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => {}
            other => return other,
        }
    }
}

/// The only broker is killed under appends, and comes back.
pub(crate) async fn through_a_kill(log: &Arc<dyn Log>, kill: impl FnOnce(), restart: impl FnOnce()) {
    let load = Load::start(log).await;
    kill();
    load.until("refusals", |_, refused, _| refused >= 50).await;
    restart();
    load.until_more("appends after the restart", 300).await;
    load.check().await;
}

/// The only broker stands still under appends, and goes on.
pub(crate) async fn through_a_pause(log: &Arc<dyn Log>, pause: impl FnOnce(), resume: impl FnOnce()) {
    let load = Load::start(log).await;
    pause();
    // What was sent is ambiguous, and once the connection is given up nothing is sent.
    load.until("ambiguous answers, then refusals", |_, refused, ambiguous| {
        ambiguous >= WRITERS && refused >= 50
    })
    .await;
    resume();
    load.until_more("appends after the pause", 300).await;
    load.check().await;
}

/// Appends to the log of which another took the place until that is refused for good: why, and how many were taken before.
pub(crate) async fn refused_for_good(log: &dyn Log) -> (LogError, usize) {
    let deadline = Instant::now() + PATIENCE;
    let mut taken = 0;
    loop {
        match log.append(0, entry(1, 0)).await {
            Ok(_) => taken += 1,
            Err(LogError::Unavailable(_) | LogError::Ambiguous(_)) => {}
            Err(error) => return (error, taken),
        }
        assert!(Instant::now() < deadline, "it still takes entries, or only for now not");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Reads the log of which another took the place until that is noticed, and gives what is said then.
pub(crate) async fn notices(reader: &mut dyn Reader) -> LogError {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match reader.next(1 << 20, Duration::from_secs(1)).await {
            Ok(some) => assert!(some.is_empty(), "entries of another log: {some:?}"),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => return error,
        }
        assert!(Instant::now() < deadline, "the reader does not notice");
    }
}

/// What came of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    Confirmed(Option<u64>),
    Refused,
    Ambiguous,
}

#[derive(Default)]
struct Tally {
    results: HashMap<(usize, usize), Came>,
    confirmed: usize,
    refused: usize,
    ambiguous: usize,
}

/// Writers that append until they are stopped, each entry once, and a reader that follows them on shard 0.
pub(crate) struct Load {
    log: Arc<dyn Log>,
    tally: Arc<Mutex<Tally>>,
    end: CancellationToken,
    writers: JoinSet<()>,
    reader: Option<tokio::task::JoinHandle<Vec<LogEntry>>>,
}

impl Load {
    /// Under way once some appends were confirmed.
    pub(crate) async fn start(log: &Arc<dyn Log>) -> Self {
        let tally: Arc<Mutex<Tally>> = Arc::default();
        let end = CancellationToken::new();
        let mut set = JoinSet::new();
        for who in 0..WRITERS {
            set.spawn(write(Arc::clone(log), who, Arc::clone(&tally), end.clone()));
        }
        let reader = Some(tokio::spawn(follow(Arc::clone(log), end.clone())));
        let load = Self { log: Arc::clone(log), tally, end, writers: set, reader };
        load.until_more("appends", 300).await;
        load
    }

    /// Waits until `enough` says so, of how many were confirmed, refused and ambiguous so far.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(usize, usize, usize) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counts = {
                let tally = self.tally.lock();
                (tally.confirmed, tally.refused, tally.ambiguous)
            };
            if enough(counts.0, counts.1, counts.2) {
                return;
            }
            assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}: {counts:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many more were confirmed than are now.
    pub(crate) async fn until_more(&self, what: &str, more: usize) {
        let before = self.tally.lock().confirmed;
        self.until(what, |confirmed, _, _| confirmed >= before + more).await;
    }

    /// Stops the writers, reads everything, and compares.
    pub(crate) async fn check(mut self) {
        // A last entry that is confirmed: what was ambiguous is before it or never comes.
        self.end.cancel();
        while let Some(joined) = self.writers.join_next().await {
            joined.expect("a writer");
        }
        let tally = std::mem::take(&mut *self.tally.lock());
        let marker = usize::MAX;
        hiscore_log::suite::tried::append(self.log.as_ref(), 0, entry(marker, 0)).await;
        let followed = self.reader.take().expect("a reader").await.expect("the reader");

        let mut reader = self.log.reader(0, None).await.expect("a reader");
        let mut all: Vec<LogEntry> = Vec::new();
        while all.last().is_none_or(|last| last.bytes != entry(marker, 0)) {
            let some = reader.next(1 << 20, PATIENCE).await.expect("everything can be read");
            assert!(!some.is_empty(), "the last entry never comes");
            all.extend(some);
        }
        assert!(all.is_sorted_by(|a, b| a.offset < b.offset));
        assert_eq!(followed, all, "whoever follows sees what is there");
        all.pop();

        let mut seen: HashMap<(usize, usize), u64> = HashMap::new();
        let mut last: HashMap<usize, usize> = HashMap::new();
        for found in &all {
            let (who, number) = parse(&found.bytes);
            assert_eq!(seen.insert((who, number), found.offset), None, "{who}:{number} is there twice");
            let before = last.insert(who, number);
            assert!(before.is_none_or(|before| before < number), "{who}:{number} came after {before:?}");
        }
        for (key, came) in &tally.results {
            match (came, seen.get(key)) {
                (Came::Confirmed(told), Some(offset)) => {
                    assert!(told.is_none_or(|told| told == *offset), "{key:?} was said to be at {told:?}");
                }
                (Came::Confirmed(_), None) => panic!("{key:?} was confirmed, and is not there"),
                (Came::Refused, Some(_)) => panic!("{key:?} was refused, and is there"),
                (Came::Refused | Came::Ambiguous, _) => {}
            }
        }
        println!(
            "{} confirmed, {} refused, {} ambiguous of which {} are there",
            tally.confirmed,
            tally.refused,
            tally.ambiguous,
            seen.len() - tally.confirmed
        );
    }
}

async fn write(log: Arc<dyn Log>, who: usize, tally: Arc<Mutex<Tally>>, end: CancellationToken) {
    for number in 0.. {
        if end.is_cancelled() {
            return;
        }
        let came = match log.append(0, entry(who, number)).await {
            Ok(appended) => Came::Confirmed(appended.offset),
            Err(LogError::Unavailable(_)) => Came::Refused,
            Err(LogError::Ambiguous(_)) => Came::Ambiguous,
            Err(error) => panic!("append: {error}"),
        };
        {
            let mut tally = tally.lock();
            tally.results.insert((who, number), came);
            match came {
                Came::Confirmed(_) => tally.confirmed += 1,
                Came::Refused => tally.refused += 1,
                Came::Ambiguous => tally.ambiguous += 1,
            }
        }
        if came == Came::Refused {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Reads shard 0 until the last entry, over every failure.
async fn follow(log: Arc<dyn Log>, end: CancellationToken) -> Vec<LogEntry> {
    let mut all: Vec<LogEntry> = Vec::new();
    let mut deadline = Instant::now() + PATIENCE;
    let mut reader = loop {
        match log.reader(0, None).await {
            Ok(reader) => break reader,
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => sleep(PAUSE).await,
            Err(error) => panic!("no reader: {error}"),
        }
    };
    loop {
        if !end.is_cancelled() {
            deadline = Instant::now() + PATIENCE;
        }
        assert!(Instant::now() < deadline, "the last entry never comes");
        match reader.next(64 << 10, Duration::from_millis(500)).await {
            Ok(some) => all.extend(some),
            Err(LogError::Unavailable(_)) => sleep(PAUSE).await,
            Err(error) => panic!("read: {error}"),
        }
        if all.last().is_some_and(|last| last.bytes == entry(usize::MAX, 0)) {
            return all;
        }
    }
}

fn parse(bytes: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(bytes);
    let mut numbers = text.split(':').map_while(|number| number.parse().ok());
    (numbers.next().expect("who"), numbers.next().expect("a number"))
}
