//! Those who play: clients of the ingests, who write down what they sent and what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hiscore_api::service::{Ack, BoardError, Entry, Rejected, Trouble, Wanted};
use hiscore_faults::history::{Call, Event, Level, Operator, Outcome, Scores};
use hiscore_score::{
    LeaderboardId, Outcome as Did, PlayerId, Rules, Score, Submission, SubmissionId, VersionId,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::chance::Chance;
use crate::journal::Journal;
use crate::plan::Profile;
use crate::process::{Answer, Ask, Job, WINDOW};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often it tries.
const TRIES: usize = 8;
/// Submissions of one player whose subscores are powers of two.
const TOLD_APART: u64 = 50;
/// The boards, and how many play on each.
pub(crate) const BOARDS: [(&str, Operator, hiscore_score::Operator); 3] = [
    ("best", Operator::Best, hiscore_score::Operator::Best),
    ("set", Operator::Set, hiscore_score::Operator::Set),
    ("sum", Operator::Increment, hiscore_score::Operator::Increment),
];
const PLAYERS: u64 = 4;

/// What a client does, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Its pause between two requests, from and to, in milliseconds.
    pub(crate) pause: (u64, u64),
    /// One submission in so many waits for the store.
    pub(crate) persisted: u64,
    /// One request in so many opens a board's next season; 0: none.
    pub(crate) resets: u64,
    /// The last season that anybody opens.
    pub(crate) seasons: u32,
}

/// What all of them share.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) journal: Journal,
    profile: Profile,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) ingests: Arc<Mutex<Vec<Option<mpsc::Sender<Job>>>>>,
    pub(crate) stop: Arc<AtomicBool>,
    /// Clients that have not ended yet.
    pub(crate) playing: Arc<AtomicU64>,
    ops: Arc<AtomicU64>,
    /// Submissions of each player of the board of sums.
    sums: Arc<Mutex<[u64; PLAYERS as usize]>>,
    /// The last season of each board that anybody was told of.
    seasons: Arc<Mutex<BTreeMap<String, VersionId>>>,
    /// Tries for each player of each board.
    tries: Arc<Mutex<BTreeMap<(String, String), usize>>>,
}

/// What a try came to.
enum Tried {
    Answered,
    Again,
}

impl Field {
    pub(crate) fn new(journal: Journal, ingests: usize, profile: Profile) -> Self {
        Self {
            journal,
            profile,
            events: Arc::default(),
            ingests: Arc::new(Mutex::new(vec![None; ingests])),
            stop: Arc::default(),
            playing: Arc::default(),
            ops: Arc::default(),
            sums: Arc::default(),
            seasons: Arc::default(),
            tries: Arc::default(),
        }
    }

    fn tell(&self, event: Event) -> u64 {
        let line = serde_json::to_string(&event).unwrap_or_default();
        self.journal.tell(line);
        let mut events = self.events.lock();
        events.push(event);
        events.len() as u64
    }

    /// Sends to one of the ingests; `None`: it surely did not get there.
    async fn send(&self, chance: &Chance, board: &str, ask: Ask) -> Option<Result<Answer, BoardError>> {
        let to = {
            let ingests = self.ingests.lock();
            ingests[usize::try_from(chance.below(ingests.len() as u64)).unwrap_or(0)].clone()
        };
        let (answer, answered) = oneshot::channel();
        let board = LeaderboardId::new(board).ok()?;
        to?.try_send(Job { board, ask, answer }).ok()?;
        let unknown = || Err(BoardError::Trouble(Trouble::Ambiguous("no answer".to_owned())));
        Some(match timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => unknown(),
        })
    }

    /// Creates the boards, however long that takes.
    pub(crate) async fn create(&self, chance: &Chance) {
        for (board, operator, rules) in BOARDS {
            self.tell(Event::Board { board: board.to_owned(), operator });
            loop {
                let rules = Rules { operator: rules, ..Rules::default() };
                match self.send(chance, board, Ask::Create(rules)).await {
                    Some(Ok(_) | Err(BoardError::AlreadyExists)) => break,
                    _ => sleep(Duration::from_millis(50)).await,
                }
            }
        }
    }

    /// Plays until told to stop.
    pub(crate) async fn play(self, client: u64, chance: Chance, habits: Habits) {
        let Habits { pause, persisted, resets, seasons } = habits;
        while !self.stop.load(Ordering::Relaxed) {
            sleep(chance.ms(pause.0, pause.1)).await;
            let at = usize::try_from(chance.below(BOARDS.len() as u64)).unwrap_or(0);
            let (board, operator, _) = BOARDS[at];
            if chance.one_in(resets) {
                self.reset(&chance, client, board, seasons).await;
                continue;
            }
            let number = chance.below(PLAYERS);
            let player = format!("p{number}");
            if operator != Operator::Increment && chance.one_in(20) {
                self.delete(&chance, client, board, &player).await;
                continue;
            }
            let score = i64::try_from(chance.below(2001)).unwrap_or(0) - 1000;
            let subscore = match operator {
                Operator::Increment => {
                    let mut sums = self.sums.lock();
                    let count = &mut sums[usize::try_from(number).unwrap_or(0)];
                    *count += 1;
                    if *count <= TOLD_APART { 1 << (*count - 1) } else { 0 }
                }
                _ => i64::try_from(self.ops.load(Ordering::Relaxed)).unwrap_or(0),
            };
            let ack = chance.one_in(persisted).then_some(Ack::Persisted);
            self.submit(&chance, client, board, &player, Scores { score, subscore }, ack).await;
        }
        self.playing.fetch_sub(1, Ordering::Relaxed);
    }

    async fn submit(
        &self,
        chance: &Chance,
        client: u64,
        board: &str,
        player: &str,
        scores: Scores,
        ack: Option<Ack>,
    ) {
        let key = format!("s{}", self.ops.load(Ordering::Relaxed));
        let mut first = None;
        for _ in 0..TRIES {
            // Who tries again after too many others is not known any more.
            let nth = self.nth(board, player);
            if nth - *first.get_or_insert(nth) > WINDOW / 2 {
                return;
            }
            let op = self.ops.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = entry(player, scores, &key) else { return };
            let call = Call::Submit {
                board: board.to_owned(),
                player: player.to_owned(),
                scores,
                key: Some(key.clone()),
            };
            self.tell(Event::Invoke { op, client, call });
            let wanted = Wanted { outcome: true, ack, ..Wanted::default() };
            let answer = self.send(chance, board, Ask::Submit(Box::new(entry), wanted)).await;
            match self.told(op, answer) {
                Tried::Answered => return,
                Tried::Again => sleep(chance.ms(20, 400)).await,
            }
        }
    }

    /// How many tries there were for a player before this one.
    fn nth(&self, board: &str, player: &str) -> usize {
        let mut tries = self.tries.lock();
        let count = tries.entry((board.to_owned(), player.to_owned())).or_default();
        *count += 1;
        *count
    }

    async fn delete(&self, chance: &Chance, client: u64, board: &str, player: &str) {
        let Ok(id) = PlayerId::new(player) else { return };
        let op = self.ops.fetch_add(1, Ordering::Relaxed);
        let call = Call::Delete { board: board.to_owned(), player: player.to_owned() };
        self.tell(Event::Invoke { op, client, call });
        let answer = self.send(chance, board, Ask::Delete(id)).await;
        self.told(op, answer);
    }

    /// Opens the season after the last that anybody was told of.
    async fn reset(&self, chance: &Chance, client: u64, board: &str, last: u32) {
        let from = self.seasons.lock().get(board).copied().unwrap_or(1);
        if from >= last {
            return;
        }
        let op = self.ops.fetch_add(1, Ordering::Relaxed);
        let call = Call::Reset { board: board.to_owned(), from };
        self.tell(Event::Invoke { op, client, call });
        let answer = self.send(chance, board, Ask::Reset(from)).await;
        // One that was lost with Redis is opened again.
        if let Some(Ok(Answer::Reset(present)) | Err(BoardError::VersionConflict { present })) = &answer {
            self.seasons.lock().insert(board.to_owned(), *present);
        }
        self.told(op, answer);
    }

    /// Writes an answer down.
    fn told(&self, op: u64, answer: Option<Result<Answer, BoardError>>) -> Tried {
        let trouble = |trouble: &Trouble| match trouble {
            Trouble::Unavailable(_) => Event::Failed { op },
            Trouble::Ambiguous(_) | Trouble::Internal(_) => Event::Unknown { op },
        };
        let (event, tried) = match answer {
            None => (Event::Failed { op }, Tried::Again),
            Some(Err(BoardError::Trouble(why))) => (trouble(&why), Tried::Again),
            Some(Err(BoardError::VersionConflict { .. })) => {
                (Event::Refused { op, code: "VERSION_CONFLICT".to_owned() }, Tried::Answered)
            }
            Some(Err(_)) => (Event::Failed { op }, Tried::Again),
            Some(Ok(Answer::Submitted(Err(Rejected::Trouble(why))))) => (trouble(&why), Tried::Again),
            Some(Ok(Answer::Submitted(Err(Rejected::Refused(why))))) => {
                (Event::Refused { op, code: why.to_string() }, Tried::Answered)
            }
            Some(Ok(Answer::Submitted(Ok(done)))) => {
                let outcome = done.outcome.map(|did| match did {
                    Did::Improved => Outcome::Improved,
                    Did::Unchanged => Outcome::Unchanged,
                    Did::Duplicate => Outcome::Duplicate,
                });
                // Whoever hears that it is in the log need not hear to which season it went.
                let (level, version) =
                    (Some(level(done.ack)), Some(done.version).filter(|version| *version > 0));
                (Event::Ok { op, level, outcome, version, shown: None }, Tried::Answered)
            }
            Some(Ok(Answer::Deleted(there))) => {
                let outcome = (!there).then_some(Outcome::Unchanged);
                let level = Some(self.least());
                (Event::Ok { op, level, outcome, version: None, shown: None }, Tried::Answered)
            }
            Some(Ok(Answer::Reset(version))) => {
                let (level, version) = (Some(self.least()), Some(version));
                (Event::Ok { op, level, outcome: None, version, shown: None }, Tried::Answered)
            }
            Some(Ok(Answer::Created)) => (Event::Unknown { op }, Tried::Answered),
        };
        self.tell(event);
        tried
    }

    /// How safe is what is not told how safe it is: what was there may come back, if Redis loses it; not out of a log.
    fn least(&self) -> Level {
        match self.profile {
            Profile::Direct => Level::Ranked,
            Profile::Logged => Level::Logged,
        }
    }
}

fn level(ack: Ack) -> Level {
    match ack {
        Ack::Ranked => Level::Ranked,
        Ack::Replicated => Level::Replicated,
        Ack::Logged => Level::Logged,
        Ack::Persisted => Level::Persisted,
    }
}

fn entry(player: &str, scores: Scores, key: &str) -> Option<Entry> {
    let (score, subscore) = (Score::new(scores.score).ok()?, Score::new(scores.subscore).ok()?);
    let id = SubmissionId::new(key).ok()?;
    let submission = Submission::new(score, subscore, None, Some(&id));
    Some(Entry { player: PlayerId::new(player).ok()?, submission })
}
