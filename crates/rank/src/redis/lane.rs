//! A lane: one connection that submissions go by, and the task that alone uses it.
//!
//! What arrives while a pipeline is under way goes with the next, so batches grow with the load by themselves. `WAIT` stands
//! at the end of the pipeline that it is about, since it covers what its own connection wrote and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, Value};
use tokio::sync::{Notify, oneshot};

use super::calls::CallError;
use super::channel::Channel;
use super::connect::Trouble;
use super::library::{Keys, Library};
use super::wire::Packed;

/// Works in one pipeline: so that who comes next is not behind everything that waits.
const PIPELINE_WORKS: usize = 5_000;
/// How long replicas are waited for after they did not answer in time, until they do again: one that hangs must not stall
/// everybody for the whole time each time.
const SHORT_WAIT: Duration = Duration::from_millis(20);

/// What came of a request, not yet read.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) results: Vec<Value>,
    pub(super) era: u32,
    pub(super) replicas: u32,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) shard: u16,
    pub(super) packed: Packed,
    pub(super) replicas: u32,
    pub(super) answer: oneshot::Sender<Result<Judged, CallError>>,
    /// Held until it is answered.
    pub(super) room: Room,
}

/// A part of the bytes that may wait.
#[derive(Debug)]
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    /// Takes `bytes` if that stays within `most`.
    pub(super) fn take(taken: &Arc<AtomicUsize>, bytes: usize, most: usize) -> Option<Self> {
        let more = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= most);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Self { taken: Arc::clone(taken), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// The jobs that wait for a lane. Bounded by the bytes that may wait, which each of them has taken its share of.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Files a job, or gives it back when the lane has ended.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(job);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.bell.notify_one();
        Ok(())
    }

    /// Ends the lane once the pipeline under way is answered; what waits is refused.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.bell.notify_one();
    }

    /// Some of what waits, as soon as there is anything; `None` at the end.
    async fn next(&self) -> Option<Vec<Job>> {
        loop {
            let bell = self.bell.notified();
            {
                let mut waiting = self.waiting.lock();
                if waiting.closed {
                    for job in waiting.jobs.drain(..) {
                        refuse(
                            job,
                            CallError::Unavailable("this connection to Redis is being closed".into()),
                        );
                    }
                    return None;
                }
                let (mut jobs, mut works) = (Vec::new(), 0);
                while works < PIPELINE_WORKS
                    && let Some(job) = waiting.jobs.pop_front()
                {
                    works += job.packed.works.len();
                    jobs.push(job);
                }
                if !jobs.is_empty() {
                    return Some(jobs);
                }
            }
            bell.await;
        }
    }
}

fn refuse(job: Job, error: CallError) {
    // A send that fails means that nobody waits any more.
    let _ = job.answer.send(Err(error));
}

/// What a lane needs of the whole.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) queue: Arc<Queue>,
    pub(super) channel: Channel,
    pub(super) replicas: Arc<AtomicU32>,
    pub(super) library: Arc<Library>,
    pub(super) keys: Arc<Keys>,
    pub(super) kick: Arc<Notify>,
    pub(super) max_batch: usize,
    pub(super) wait: Duration,
    pub(super) timeout: Duration,
}

/// A call of the function, and whose works are in it: job, and how many.
struct Call {
    shard: u16,
    command: Cmd,
    works: usize,
    pieces: Vec<(usize, usize)>,
}

impl Lane {
    /// Works until the queue is closed.
    pub(super) async fn run(self) {
        let mut slow = false;
        while let Some(jobs) = self.queue.next().await {
            self.pipeline(jobs, &mut slow).await;
        }
    }

    async fn pipeline(&self, jobs: Vec<Job>, slow: &mut bool) {
        let calls = self.calls(&jobs);
        let wanted = jobs.iter().map(|job| job.replicas).max().unwrap_or(0);
        let wanted = wanted.min(self.replicas.load(Ordering::Relaxed));
        let patience = if *slow { self.wait.min(SHORT_WAIT) } else { self.wait };
        let wait = (wanted > 0).then(|| {
            let mut wait = redis::cmd("WAIT");
            // 0 would be for ever.
            wait.arg(wanted).arg(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).max(1));
            wait
        });
        let commands = calls.iter().map(|call| call.command.clone()).collect();
        let answers =
            self.channel.call(commands, wait, &self.library, self.timeout.saturating_add(patience)).await;
        let mut answers = match answers {
            Ok(answers) => answers,
            Err(trouble) => {
                self.kick.notify_one();
                return jobs.into_iter().for_each(|job| refuse(job, trouble.clone().into()));
            }
        };
        let counted = match answers.split_off(calls.len()).pop() {
            Some(Ok(Value::Int(count))) => u32::try_from(count).unwrap_or(0),
            _ => 0,
        };
        if wanted > 0 {
            *slow = counted < wanted;
        }
        self.hand_out(jobs, calls, answers, counted);
    }

    /// All works in calls of one shard each and of at most `max_batch` works. A request is only split if it alone is more.
    fn calls(&self, jobs: &[Job]) -> Vec<Call> {
        let mut of_shard: BTreeMap<u16, Vec<Call>> = BTreeMap::new();
        let function = self.library.function("submit");
        for (number, job) in jobs.iter().enumerate() {
            let calls = of_shard.entry(job.shard).or_default();
            for chunk in job.packed.works.chunks(self.max_batch) {
                if calls.last().is_none_or(|call| call.works + chunk.len() > self.max_batch) {
                    let mut command = redis::cmd("FCALL");
                    command.arg(&function).arg(1).arg(self.keys.meta(job.shard));
                    calls.push(Call { shard: job.shard, command, works: 0, pieces: Vec::new() });
                }
                if let Some(call) = calls.last_mut() {
                    // `max_batch` is far below 65,536.
                    call.command.arg(job.packed.head(chunk.len() as u16));
                    for work in chunk {
                        call.command.arg(work);
                    }
                    call.works += chunk.len();
                    call.pieces.push((number, chunk.len()));
                }
            }
        }
        of_shard.into_values().flatten().collect()
    }

    fn hand_out(
        &self,
        jobs: Vec<Job>,
        calls: Vec<Call>,
        answers: Vec<Result<Value, Trouble>>,
        replicas: u32,
    ) {
        let mut told: Vec<Told> = jobs.iter().map(|_| Told::default()).collect();
        for (call, answer) in calls.into_iter().zip(answers) {
            match judged(answer, call.shard) {
                Ok((era, results)) => {
                    let mut results = results.into_iter();
                    for (job, count) in call.pieces {
                        told[job].results.extend(results.by_ref().take(count));
                        told[job].era = era;
                    }
                }
                Err((error, look_again)) => {
                    if look_again {
                        self.kick.notify_one();
                    }
                    for (job, _) in call.pieces {
                        told[job].error = Some(error.clone());
                    }
                }
            }
        }
        for (job, told) in jobs.into_iter().zip(told) {
            let answer = match told {
                Told { error: None, results, era } => Ok(Judged { results, era, replicas }),
                Told { error: Some(error), results, .. } if results.is_empty() => Err(error),
                // One part of a large request was judged, and another not.
                Told { error: Some(error), .. } => Err(CallError::Ambiguous(error.to_string())),
            };
            drop(job.room);
            let _ = job.answer.send(answer);
        }
    }
}

#[derive(Default)]
struct Told {
    results: Vec<Value>,
    era: u32,
    error: Option<CallError>,
}

/// Era and results; or the error, and whether somebody should look again who is primary.
fn judged(answer: Result<Value, Trouble>, shard: u16) -> Result<(u32, Vec<Value>), (CallError, bool)> {
    let value = match answer {
        Ok(value) => value,
        Err(trouble) => {
            let look_again = matches!(trouble, Trouble::Elsewhere(_));
            return Err((trouble.into(), look_again));
        }
    };
    let garbled = || (CallError::Invalid("Redis answers something else than results".into()), false);
    let Value::Array(mut fields) = value else { return Err(garbled()) };
    match fields.first() {
        Some(Value::BulkString(status)) if status == b"FENCED" => Err((CallError::Fenced { shard }, true)),
        Some(Value::BulkString(status)) if status == b"LOGGED" => {
            let why = "a log stands in front of this shard: start every process with its --log-url";
            Err((CallError::Invalid(why.into()), false))
        }
        Some(Value::BulkString(status)) if status == b"OK" && fields.len() >= 2 => {
            let results = fields.split_off(2);
            match fields.pop() {
                Some(Value::Int(era)) => Ok((u32::try_from(era).unwrap_or(0), results)),
                _ => Err(garbled()),
            }
        }
        _ => Err(garbled()),
    }
}
