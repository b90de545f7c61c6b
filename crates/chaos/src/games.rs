//! Games that submit at a steady rate whatever the answers: what is due is sent when it is due, by one of several clients, and is
//! sent again under its ids, to another process, until it is acknowledged or given up.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hiscore_faults::Client;
use hiscore_faults::history::{Call, Event, Level, Outcome, Scores};
use hiscore_faults::wait::pause;
use hiscore_faults::wire::{self, Verdict};
use parking_lot::Mutex;
use serde_json::json;

use crate::recorder::Recorder;
use crate::workload::{Submission, Work, Workload};

/// Clients: so many requests may be under way at once.
const CLIENTS: u64 = 32;
/// Requests that wait for a client; what is due beyond that is counted as not sent.
const WAITING: usize = 32;
/// How long an answer is awaited, and how long a submission is tried.
const ANSWER: Duration = Duration::from_secs(4);
const TRIED: Duration = Duration::from_secs(12);

const READ: &str = "query Read($board: ID!, $player: ID!, $version: Int) { leaderboard(id: $board) { rankState \
    record(playerId: $player, versionId: $version) { score subscore numScore } } }";
const SEASON: &str = "query Season($board: ID!) { leaderboard(id: $board) { versionId } }";

/// Games that are being played.
#[derive(Debug)]
pub(crate) struct Games {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Games {
    /// Begins to play at `rate` requests a second, through `routes`.
    pub(crate) fn start(
        recorder: &Arc<Recorder>,
        mut workload: Workload,
        rate: f64,
        routes: &[SocketAddr],
    ) -> Self {
        let deleted = workload.deleted();
        let (due, queue) = sync_channel(WAITING);
        let (stop, queue) = (Arc::<AtomicBool>::default(), Arc::new(Mutex::new(queue)));
        let mut threads: Vec<_> = (0..CLIENTS)
            .map(|me| {
                let (recorder, queue) = (Arc::clone(recorder), Arc::clone(&queue));
                let mut one = Game {
                    me,
                    recorder,
                    routes: routes.to_vec(),
                    deleted,
                    clients: HashMap::new(),
                    at: me as usize,
                };
                std::thread::spawn(move || one.play(&queue))
            })
            .collect();
        let (recorder, stopped) = (Arc::clone(recorder), Arc::clone(&stop));
        threads
            .push(std::thread::spawn(move || send_when_due(&recorder, &mut workload, rate, &due, &stopped)));
        Self { stop, threads }
    }

    /// Ends it once everything that was begun is acknowledged or given up; `Err`: a client's own assertion failed.
    pub(crate) fn stop(self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.threads.into_iter().filter_map(|thread| thread.join().err()).count();
        if failed == 0 { Ok(()) } else { Err(format!("{failed} clients panicked; see above")) }
    }
}

fn send_when_due(
    recorder: &Recorder,
    workload: &mut Workload,
    rate: f64,
    due: &SyncSender<Work>,
    stop: &AtomicBool,
) {
    let interval = Duration::from_secs_f64(1.0 / rate.max(1.0));
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        while next <= Instant::now() {
            next += interval;
            match due.try_send(workload.next()) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => recorder.change(|seen| seen.not_sent += 1),
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        pause();
    }
}

struct Game {
    me: u64,
    recorder: Arc<Recorder>,
    routes: Vec<SocketAddr>,
    /// How safe a deletion or a reset is that was answered.
    deleted: Option<Level>,
    clients: HashMap<SocketAddr, Client>,
    /// Which route it takes.
    at: usize,
}

impl Game {
    fn play(&mut self, queue: &Mutex<Receiver<Work>>) {
        loop {
            let work = queue.lock().recv();
            match work {
                Ok(Work::Submit { board, submissions, ack, judged }) => {
                    self.submit(&board, submissions, ack, judged);
                }
                Ok(Work::Delete { board, player }) => self.delete(&board, &player),
                Ok(Work::Reset { board }) => self.reset(&board),
                Ok(Work::Read { board, player, before }) => self.read(&board, &player, before),
                Err(_) => return,
            }
        }
    }

    fn client(&mut self) -> &mut Client {
        let route = self.routes[self.at % self.routes.len()];
        self.clients.entry(route).or_insert_with(|| Client::patient(route, ANSWER))
    }

    fn submit(&mut self, board: &str, submissions: Vec<Submission>, ack: Option<Level>, judged: bool) {
        let deadline = Instant::now() + TRIED;
        let mut open = submissions;
        loop {
            let sent = self.recorder.invoke(self.me, open.iter().map(|one| one.call(board)).collect());
            let inputs: Vec<_> = open.iter().map(Submission::input).collect();
            let verdicts = match &inputs[..] {
                [one] => vec![wire::submit_one(self.client(), board, one, ack, judged)],
                many => wire::submit(self.client(), board, many, ack),
            };
            let mut left = Vec::new();
            for ((one, sent), verdict) in open.into_iter().zip(sent).zip(verdicts) {
                if self.recorder.answered(sent, board, verdict) {
                    left.push(one);
                }
            }
            if left.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                let now = self.recorder.now();
                self.recorder.change(|seen| seen.given_up.extend(left.iter().map(|_| now)));
                return;
            }
            open = left;
            self.at += 1;
            // Not at once: where nobody serves there is nothing to be had by asking faster.
            (0..5).for_each(|_| pause());
        }
    }

    /// Only what surely was not done is done again: a deletion has no id.
    fn delete(&mut self, board: &str, player: &str) {
        let deadline = Instant::now() + TRIED;
        loop {
            let call = Call::Delete { board: board.to_owned(), player: player.to_owned() };
            let Some(sent) = self.recorder.invoke(self.me, vec![call]).pop() else { return };
            match wire::delete(self.client(), board, player) {
                Ok(deleted) => {
                    let outcome = (deleted == Some(false)).then_some(Outcome::Unchanged);
                    self.recorder.event(sent, |op| Event::Ok {
                        op,
                        level: self.deleted,
                        outcome,
                        version: None,
                        shown: None,
                    });
                    return;
                }
                Err(error @ Verdict::NotApplied(_)) if Instant::now() < deadline => {
                    self.recorder.answered(sent, board, error);
                    self.at += 1;
                    pause();
                }
                Err(error) => {
                    self.recorder.answered(sent, board, error);
                    return;
                }
            }
        }
    }

    /// From the season that is the present one now: done again, it opens no second.
    fn reset(&mut self, board: &str) {
        let Ok(data) = wire::ask(self.client(), SEASON, &json!({ "board": board })) else { return };
        let present = data["leaderboard"]["versionId"].as_u64().and_then(|version| version.try_into().ok());
        let Some(from) = present else { return };
        let deadline = Instant::now() + TRIED;
        loop {
            let call = Call::Reset { board: board.to_owned(), from };
            let Some(sent) = self.recorder.invoke(self.me, vec![call]).pop() else { return };
            match wire::reset(self.client(), board, from.into()) {
                Ok(version) => {
                    let (level, version) = (self.deleted, u32::try_from(version).ok());
                    self.recorder.change(|seen| seen.told(board, version));
                    let ok = |op| Event::Ok { op, level, outcome: None, version, shown: None };
                    return self.recorder.event(sent, ok);
                }
                Err(error) => {
                    if !self.recorder.answered(sent, board, error) || Instant::now() >= deadline {
                        return;
                    }
                }
            }
            self.at += 1;
            (0..5).for_each(|_| pause());
        }
    }

    fn read(&mut self, board: &str, player: &str, before: bool) {
        let present = self.recorder.look(|seen| seen.seasons.get(board).copied()).unwrap_or(1);
        let version = present.saturating_sub(u32::from(before)).max(1);
        let call = Call::Read { board: board.to_owned(), player: player.to_owned() };
        let Some(sent) = self.recorder.invoke(self.me, vec![call]).pop() else { return };
        let answer =
            wire::ask(self.client(), READ, &json!({ "board": board, "player": player, "version": version }));
        let view = answer.as_ref().map(|data| &data["leaderboard"]);
        let Ok(view) = view.cloned() else {
            self.recorder.event(sent, |op| Event::Failed { op });
            return;
        };
        if view["rankState"] != "EXACT" {
            // It says itself that it is not the present state.
            self.recorder.event(sent, |op| Event::Failed { op });
            return;
        }
        let record = &view["record"];
        let number = |name: &str| record[name].as_i64();
        let scores =
            number("score").zip(number("subscore")).map(|(score, subscore)| Scores { score, subscore });
        let shown =
            scores.zip(number("numScore")).map(|(scores, many)| hiscore_faults::history::event::Shown {
                scores,
                num_score: u64::try_from(many).unwrap_or_default(),
            });
        let version = Some(version);
        self.recorder.event(sent, |op| Event::Ok { op, level: None, outcome: None, version, shown });
    }
}

/// How many requests a second are answered when all clients send as fast as they can for a while, to a board of their own.
pub(crate) fn calibrate(routes: &[SocketAddr], time: Duration) -> f64 {
    let begun = Instant::now();
    let play = |me: u64| {
        let mut client = Client::patient(routes[me as usize % routes.len()], ANSWER);
        let mut answered = 0u64;
        while begun.elapsed() < time {
            let input = json!({ "playerId": format!("p{}", (me * 7 + answered) % 60), "score": answered });
            let verdict = wire::submit_one(&mut client, "calibration", &input, None, false);
            answered += u64::from(matches!(verdict, Verdict::Acked(..)));
        }
        answered
    };
    let answered: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS).map(|me| scope.spawn(move || play(me))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    answered as f64 / begun.elapsed().as_secs_f64()
}
