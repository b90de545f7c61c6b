//! One connection to one server, made when it is needed and made again when it broke.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connect::{Purpose, Trouble, connect};
use super::library::Library;
use super::options::Options;
use super::outside::Outside;
use super::url::{Host, RedisUrl};

/// Who was told just now that there is no connection is not made to wait for the next try: all who stand in line for one
/// server that takes long to refuse would wait one after the other.
const TELL_AGAIN: Duration = Duration::from_millis(100);
/// How long a connection may rest before it is tried first: one that was cut off meanwhile would make ambiguous what was
/// never sent.
const REST: Duration = Duration::from_secs(1);

/// How long an answer is still waited for from a server that is not the primary any more: after a failover that was asked
/// for it comes at once, and from one that stands still it never does.
const GRACE: Duration = Duration::from_millis(500);

/// A connection that several may share: what they send is pipelined.
#[derive(Debug)]
pub(super) struct Channel {
    url: RedisUrl,
    outside: Outside,
    pub(super) host: Host,
    purpose: Purpose,
    connecting: Duration,
    state: Mutex<State>,
    /// Whether it worked when last used.
    up: AtomicBool,
    /// Cancelled when another server took over.
    retired: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// So that who finds a connection broken does not drop its successor.
    generation: u64,
    used: Option<Instant>,
    failed: Option<(Instant, Trouble)>,
}

impl Channel {
    pub(super) fn new(options: &Options, host: &Host, purpose: Purpose) -> Self {
        Self {
            url: options.url.clone(),
            outside: options.outside.clone(),
            host: host.clone(),
            purpose,
            connecting: options.timeout.min(Duration::from_secs(2)),
            state: Mutex::default(),
            up: AtomicBool::new(false),
            retired: CancellationToken::new(),
        }
    }

    /// The same, whose answers nobody waits long for any more once `retired`: another server took over.
    pub(super) fn until(self, retired: &CancellationToken) -> Self {
        Self { retired: retired.clone(), ..self }
    }

    async fn is_given_up(&self) {
        self.retired.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), Trouble> {
        let mut state = self.state.lock().await;
        let rested = state.used.is_none_or(|used| used.elapsed() > REST);
        if rested && let Some(connection) = &mut state.connection {
            let ping = redis::cmd("PING");
            let ping = tokio::time::timeout(self.connecting, connection.send_packed_command(&ping)).await;
            if !matches!(ping, Ok(Ok(_))) {
                state.connection = None;
            }
        }
        state.used = Some(Instant::now());
        if let Some(connection) = &state.connection {
            return Ok((state.generation, connection.clone()));
        }
        if let Some((at, trouble)) = &state.failed
            && at.elapsed() < TELL_AGAIN
        {
            return Err(trouble.clone());
        }
        match connect(&self.url, &self.outside, &self.host, self.purpose, self.connecting).await {
            Ok(connection) => {
                state.generation += 1;
                state.connection = Some(connection.clone());
                state.failed = None;
                Ok((state.generation, connection))
            }
            Err(trouble) => {
                self.up.store(false, Ordering::Relaxed);
                state.failed = Some((Instant::now(), trouble.clone()));
                Err(trouble)
            }
        }
    }

    async fn drop_connection(&self, generation: u64) {
        self.up.store(false, Ordering::Relaxed);
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.connection = None;
        }
    }

    /// Sends all commands at once and reads all answers; the outer error says that not one of them has an answer.
    pub(super) async fn send(
        &self,
        commands: Vec<Cmd>,
        timeout: Duration,
    ) -> Result<Vec<Result<Value, Trouble>>, Trouble> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut given_up = pin!(self.is_given_up());
        let (generation, mut connection) = tokio::select! {
            biased;
            connected = self.connection() => connected?,
            () = &mut given_up => {
                return Err(Trouble::Unavailable(format!("another took the place of {}", self.host)));
            }
        };
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        let sending = connection.send_packed_commands(&pipeline, 0, count);
        let answered = tokio::select! {
            biased;
            answered = tokio::time::timeout(timeout, sending) => Some(answered),
            () = &mut given_up => None,
        };
        let ambiguous = match answered {
            Some(Ok(Ok(values))) if values.len() == count => {
                self.up.store(true, Ordering::Relaxed);
                let answers: Vec<_> = values.into_iter().map(answer).collect();
                if answers.iter().any(|answer| matches!(answer, Err(Trouble::Elsewhere(_)))) {
                    // Whoever this is now, it is asked for its role before it is used again.
                    self.drop_connection(generation).await;
                }
                return Ok(answers);
            }
            Some(Ok(Ok(_))) => format!("{} answered something else", self.host),
            Some(Ok(Err(error))) => format!("{}: {error}", self.host),
            Some(Err(_)) => format!("{} did not answer within {timeout:?}", self.host),
            None => format!("{} did not answer before another took its place", self.host),
        };
        self.drop_connection(generation).await;
        Err(Trouble::Ambiguous(ambiguous))
    }

    /// Like [`Channel::send`] for calls of functions, with `tail` behind them. Those whose function is not there, and which
    /// therefore were not done, are sent once more after the library is loaded.
    pub(super) async fn call(
        &self,
        calls: Vec<Cmd>,
        tail: Option<Cmd>,
        library: &Library,
        timeout: Duration,
    ) -> Result<Vec<Result<Value, Trouble>>, Trouble> {
        let count = calls.len();
        let mut answers = self.send(calls.iter().chain(&tail).cloned().collect(), timeout).await?;
        let again: Vec<usize> = (0..count).filter(|at| answers[*at] == Err(Trouble::NoFunction)).collect();
        if again.is_empty() {
            return Ok(answers);
        }
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg(&library.code);
        // That it was loaded meanwhile is an error, and no trouble; any other shows itself in the next answers.
        let commands =
            { [load].into_iter() }.chain(again.iter().map(|at| calls[*at].clone())).chain(tail).collect();
        match self.send(commands, timeout).await {
            Ok(mut second) => {
                let loaded = second.remove(0);
                if answers.len() > count {
                    answers.truncate(count);
                    answers.extend(second.split_off(again.len()));
                }
                for (at, answer) in again.into_iter().zip(second) {
                    answers[at] = match (&loaded, answer) {
                        // Why it could not be loaded says more than that it is not there.
                        (Err(why), Err(Trouble::NoFunction)) => Err(not_loaded(why)),
                        (_, answer) => answer,
                    };
                }
            }
            // What was done the first time stays done.
            Err(trouble) => again.into_iter().for_each(|at| answers[at] = Err(trouble.clone())),
        }
        Ok(answers)
    }
}

/// That a library cannot be loaded leaves its functions undone.
fn not_loaded(why: &Trouble) -> Trouble {
    match why {
        Trouble::Ambiguous(text) => Trouble::Invalid(format!("the functions cannot be loaded: {text}")),
        other => other.clone(),
    }
}

fn answer(value: Value) -> Result<Value, Trouble> {
    match value {
        Value::ServerError(error) => Err(Trouble::of(&error)),
        value => Ok(value),
    }
}
