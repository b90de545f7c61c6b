//! Games that submit: every submission has an id of its own, and is sent until it is acknowledged, to whichever process
//! takes it. Nothing is ever given up, so that in the end the account says exactly what must be there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hiscore_faults::wait::{pause, until};
use hiscore_faults::{Client, Process, Random};

use crate::account::{Account, Entry};
use crate::wire::{self, Level, Verdict};

/// The boards that are played on, if nothing else is said.
pub(crate) const BOARDS: [(&str, &str); 3] = [("best", "BEST"), ("set", "SET"), ("sum", "INCREMENT")];
/// How long a submission may take to be acknowledged: longer than every outage.
const PATIENCE: Duration = Duration::from_secs(150);
/// How many submissions a player of `sum` makes, if there are not so many players from the start.
const OF_ONE: u64 = 40;

/// Who plays, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) clients: u64,
    /// The boards, each with its operator.
    pub(crate) boards: &'static [(&'static str, &'static str)],
    /// Players on each board; `None`: a few, and new ones on sums whenever one has made many submissions.
    pub(crate) players: Option<u64>,
    /// Submissions in one request.
    pub(crate) bulk: u64,
    /// Submissions a second, of all clients together; `None`: as many as go.
    pub(crate) rate: Option<u64>,
    /// What the first client asks for and the second, and so on in turn.
    pub(crate) acks: [Option<Level>; 2],
    /// Whether records are deleted, too.
    pub(crate) deletes: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            clients: 4,
            boards: &BOARDS,
            players: None,
            bulk: 5,
            rate: Some(600),
            acks: [None; 2],
            deletes: false,
        }
    }
}

/// What the clients share.
#[derive(Debug)]
struct Field {
    plan: Plan,
    account: Mutex<Account>,
    ingests: Mutex<Vec<SocketAddr>>,
    increments: AtomicU64,
    acked: AtomicU64,
    refusals: AtomicU64,
    ambiguous: AtomicU64,
    duplicates: AtomicU64,
    stop: AtomicBool,
}

/// Games that are being played. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Load {
    field: Arc<Field>,
    clients: Vec<JoinHandle<()>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) account: Account,
    /// Answers that said that surely nothing was done.
    pub(crate) refusals: u64,
    /// Answers that left open what was done.
    pub(crate) ambiguous: u64,
    /// Submissions that turned out to have been applied before.
    pub(crate) duplicates: u64,
}

impl std::fmt::Display for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { account, refusals, ambiguous, duplicates } = self;
        let summary = account.summary();
        write!(f, "{summary}; {refusals} refused for a while, {ambiguous} ambiguous, {duplicates} duplicates")
    }
}

impl Load {
    /// Creates the boards and begins to play.
    pub(crate) fn start(plan: Plan, ingests: &[&Process]) -> Self {
        let mut account = Account::default();
        for (board, operator) in plan.boards {
            create(&mut ingests[0].client(), board, operator);
            account.board(board, operator);
        }
        Self::go_on(plan, ingests, account)
    }

    /// Plays on with what was played before.
    pub(crate) fn go_on(plan: Plan, ingests: &[&Process], account: Account) -> Self {
        let field = Arc::new(Field {
            plan: plan.clone(),
            // With players of its own on `sum`, whoever played before.
            increments: AtomicU64::new(account.count() * OF_ONE),
            account: Mutex::new(account),
            ingests: Mutex::default(),
            acked: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            ambiguous: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let mut load = Self { field, clients: Vec::new() };
        load.use_ingests(ingests);
        for me in 0..plan.clients {
            let player = Player::new(Arc::clone(&load.field), me);
            load.clients.push(std::thread::spawn(move || player.play()));
        }
        load
    }

    /// From now on these take submissions.
    pub(crate) fn use_ingests(&self, ingests: &[&Process]) {
        *self.field.ingests.lock().unwrap() = ingests.iter().map(|ingest| ingest.address()).collect();
    }

    /// How many submissions were acknowledged so far.
    pub(crate) fn acked(&self) -> u64 {
        self.field.acked.load(Ordering::Relaxed)
    }

    /// How many answers so far said that nothing was done.
    pub(crate) fn refusals(&self) -> u64 {
        self.field.refusals.load(Ordering::Relaxed)
    }

    /// Waits until so many more are acknowledged.
    pub(crate) fn await_acks(&self, more: u64) {
        let wanted = self.acked() + more;
        until("submissions to be acknowledged", PATIENCE, || {
            let dead = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!dead, "a client gave up; see above");
            (self.acked() >= wanted).then_some(())
        });
    }

    /// Lets it be played for a while.
    pub(crate) fn play_for(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let dead = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!dead, "a client gave up; see above");
            pause();
        }
    }

    /// Ends it once everything that was begun is acknowledged.
    pub(crate) fn stop(mut self) -> Played {
        self.field.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client's own assertions hold");
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let field = &self.field;
        Played {
            account: std::mem::take(&mut *field.account.lock().unwrap()),
            refusals: count(&field.refusals),
            ambiguous: count(&field.ambiguous),
            duplicates: count(&field.duplicates),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.field.stop.store(true, Ordering::Relaxed);
    }
}

/// Creates a board, asking again while that is not possible or not known.
pub(crate) fn create(client: &mut Client, board: &str, operator: &str) {
    let mut unknown = false;
    until("a board to be created", PATIENCE, || match wire::create(client, board, operator) {
        Ok(()) => Some(()),
        Err(Verdict::Refused(code, _)) if code == "ALREADY_EXISTS" && unknown => Some(()),
        Err(Verdict::NotApplied(_)) => None,
        Err(Verdict::Ambiguous(_)) => {
            unknown = true;
            None
        }
        Err(other) => panic!("{board} cannot be created: {other:?}"),
    });
}

/// Sends until all of it is acknowledged, and writes that down.
pub(crate) fn submit_all(client: &mut Client, board: &str, entries: &[Entry], account: &mut Account) {
    let mut open = entries.to_vec();
    until("submissions to be acknowledged", PATIENCE, || {
        let verdicts = wire::submit(client, board, &open, None);
        open = open
            .drain(..)
            .zip(verdicts)
            .filter_map(|(entry, verdict)| match verdict {
                Verdict::Acked(level, ..) => {
                    account.acked(board, &entry, level);
                    None
                }
                Verdict::NotApplied(_) | Verdict::Ambiguous(_) => Some(entry),
                Verdict::Refused(code, why) => panic!("{entry:?}: {code}, {why}"),
            })
            .collect();
        open.is_empty().then_some(())
    });
}

/// One client.
struct Player {
    field: Arc<Field>,
    me: u64,
    random: Random,
    clients: HashMap<SocketAddr, Client>,
    /// Which of the ingests it talks to.
    at: usize,
}

impl Player {
    fn new(field: Arc<Field>, me: u64) -> Self {
        Self { field, me, random: Random::new(0x5eed + me), clients: HashMap::new(), at: me as usize }
    }

    fn play(mut self) {
        let plan = self.field.plan.clone();
        let interval =
            plan.rate.map(|rate| Duration::from_secs_f64((plan.clients * plan.bulk) as f64 / rate as f64));
        let mut next = Instant::now();
        while !self.field.stop.load(Ordering::Relaxed) {
            if let Some(interval) = interval {
                if Instant::now() < next {
                    pause();
                    continue;
                }
                // What an outage held up is not made up for.
                next = (next + interval).max(Instant::now() - interval);
            }
            let (board, operator) = plan.boards[self.random.below(plan.boards.len() as u64) as usize];
            if plan.deletes && operator != "INCREMENT" && self.random.one_in(15) {
                let player = format!("c{}-{}", self.me, self.random.below(6));
                self.delete(board, &player);
                continue;
            }
            let entries = self.entries(board, operator);
            self.submit(board, entries);
        }
    }

    fn entries(&mut self, board: &str, operator: &str) -> Vec<Entry> {
        let plan = &self.field.plan;
        let mut players: Vec<String> = Vec::new();
        for _ in 0..plan.bulk {
            let player = match (operator, plan.players) {
                // Whose order is known, since only one client submits for them.
                ("SET", Some(players)) => {
                    let of_mine = self.random.below(players.div_ceil(plan.clients));
                    format!("p{}", of_mine * plan.clients + self.me)
                }
                (_, Some(players)) => format!("p{}", self.random.below(players)),
                ("INCREMENT", None) => {
                    format!("s{}", self.field.increments.fetch_add(1, Ordering::Relaxed) / OF_ONE)
                }
                ("BEST", None) if !plan.deletes && self.random.one_in(2) => {
                    format!("all-{}", self.random.below(8))
                }
                _ => format!("c{}-{}", self.me, self.random.below(6)),
            };
            players.push(player);
        }
        let mut account = self.field.account.lock().unwrap();
        let random = &mut self.random;
        players
            .into_iter()
            .map(|player| account.open(board, player, random.below(2001) as i64 - 1000))
            .collect()
    }

    /// The client of an ingest; another one than the last if that failed.
    fn client(&mut self, failed: bool) -> &mut Client {
        let ingests = self.field.ingests.lock().unwrap().clone();
        self.at += usize::from(failed);
        let address = ingests[self.at % ingests.len()];
        self.clients.entry(address).or_insert_with(|| Client::new(address))
    }

    fn submit(&mut self, board: &str, entries: Vec<Entry>) {
        let deadline = Instant::now() + PATIENCE;
        let ack = self.field.plan.acks[self.me as usize % 2];
        let (mut open, mut failed) = (entries, false);
        loop {
            let verdicts = wire::submit(self.client(failed), board, &open, ack);
            let field = &self.field;
            let mut left = Vec::new();
            let mut account = field.account.lock().unwrap();
            for (entry, verdict) in open.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Acked(level, outcome, _) => {
                        field.duplicates.fetch_add(u64::from(outcome == "DUPLICATE"), Ordering::Relaxed);
                        field.acked.fetch_add(1, Ordering::Relaxed);
                        account.acked(board, &entry, level);
                        continue;
                    }
                    Verdict::NotApplied(_) => field.refusals.fetch_add(1, Ordering::Relaxed),
                    Verdict::Ambiguous(_) => field.ambiguous.fetch_add(1, Ordering::Relaxed),
                    Verdict::Refused(code, why) => panic!("{board}: {entry:?} was refused: {code}, {why}"),
                };
                left.push(entry);
            }
            drop(account);
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{board}: cannot be acknowledged: {left:?}");
            (open, failed) = (left, true);
            pause();
        }
    }

    fn delete(&mut self, board: &str, player: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut failed = false;
        while let Err(error) = wire::delete(self.client(failed), board, player) {
            assert!(!matches!(error, Verdict::Refused(..)), "{board}, {player}: {error:?}");
            assert!(Instant::now() < deadline, "{board}: {player} cannot be deleted: {error:?}");
            failed = true;
            pause();
        }
        self.field.account.lock().unwrap().deleted(board, player);
    }
}
