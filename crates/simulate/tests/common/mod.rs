//! A server in process that keeps scores by the law, and breaks in the way that a test asks for.

// Clippy does not see that a module of an integration test is a test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hiscore_config::SimulateSettings;
use hiscore_score::{
    Applied, Moment, Operator, Position, Record, Refusal, Rules, Score, SortOrder, Stamp, Submission,
    SubmissionId, Window,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What goes wrong with one try of a submission (or of a bulk).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection breaks, and nothing was done.
    CutBefore,
    /// It is done, and the connection breaks before the answer.
    CutAfter,
    /// `UNAVAILABLE` at the top, and nothing was done.
    Unavailable,
    /// `AMBIGUOUS`, and it was done; a bulk's every second entry, the others well.
    AmbiguousEntries,
    /// A proxy's page, and it was done.
    BadGateway,
    /// Acknowledged, and never done: what must not happen.
    Lost,
    /// Done twice, whatever the submission id: what must not happen.
    Twice,
    /// The board is reset first.
    Reset,
    /// Refused for what it is.
    Invalid,
}

#[derive(Default)]
struct Board {
    rules: Rules,
    version: u32,
    records: HashMap<String, Record>,
    stamp: Stamp,
}

struct State {
    boards: HashMap<String, Board>,
    /// Tries of submissions seen so far.
    tries: u64,
    fault: Box<dyn FnMut(u64) -> Fault + Send>,
    stop_at: u64,
    stop: CancellationToken,
}

/// A running server; dropped, it is gone.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    /// Cancelled when as many tries were seen as the test asked for.
    pub(crate) stop: CancellationToken,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    /// A server that cancels `stop` at the `stop_at`th try, and treats the nth (from 1) as `fault` says.
    pub(crate) async fn start(stop_at: u64, fault: impl FnMut(u64) -> Fault + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let state = Arc::new(Mutex::new(State {
            boards: HashMap::new(),
            tries: 0,
            fault: Box::new(fault),
            stop_at,
            stop: stop.clone(),
        }));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        Self { address, stop, state, _tasks: tasks }
    }

    /// A board that is there before anybody plays, with one player on it.
    pub(crate) fn board(&self, id: &str, rules: Rules, player: &str, score: i64) {
        let mut board = Board { rules, version: 1, ..Board::default() };
        let score = Score::new(score).unwrap();
        board.apply(player, &Submission::new(score, Score::ZERO, None, None)).unwrap();
        self.state.lock().unwrap().boards.insert(id.to_owned(), board);
    }

    /// Settings for a short, fast game against it.
    pub(crate) fn settings(&self) -> SimulateSettings {
        SimulateSettings {
            url: format!("http://{}/graphql", self.address),
            players: 5,
            interval: std::time::Duration::from_millis(1),
            patience: std::time::Duration::ZERO,
            seed: Some(1),
            ..SimulateSettings::default()
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&state), request));
            // A connection that is cut on purpose ends in an error.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// `Err` cuts the connection.
async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let (query, variables) = (body["query"].as_str().unwrap(), &body["variables"]);
    let mut state = state.lock().unwrap();
    let data = if query.starts_with("query Board") {
        json!({ "leaderboard": state.show(variables["id"].as_str().unwrap()) })
    } else if query.starts_with("mutation Create") {
        json!({ "createLeaderboard": state.create(&variables["input"]) })
    } else if query.starts_with("query Records") {
        json!({ "leaderboard": state.records(variables) })
    } else {
        return submit(&mut state, query, &variables["input"]);
    };
    respond(200, json!({ "data": data }).to_string())
}

fn respond(status: u16, body: String) -> Result<Response<Full<Bytes>>, std::io::Error> {
    Ok(Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap())
}

fn submit(state: &mut State, query: &str, input: &Value) -> Result<Response<Full<Bytes>>, std::io::Error> {
    state.tries += 1;
    if state.tries == state.stop_at {
        state.stop.cancel();
    }
    let fault = (state.fault)(state.tries);
    let cut = || Err(std::io::Error::other("cut"));
    let board = state.boards.get_mut(input["leaderboardId"].as_str().unwrap()).unwrap();
    match fault {
        Fault::CutBefore => return cut(),
        Fault::Unavailable => {
            let error = json!({ "message": "away", "extensions": { "code": "UNAVAILABLE" } });
            return respond(200, json!({ "data": null, "errors": [error] }).to_string());
        }
        Fault::Reset => {
            board.version += 1;
            board.records.clear();
        }
        _ => {}
    }
    let bulk = query.contains("Bulk(");
    let entries = if bulk { input["submissions"].as_array().unwrap().clone() } else { vec![input.clone()] };
    let results: Vec<Value> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| match fault {
            Fault::Invalid => refusal("INVALID"),
            Fault::Lost => json!({ "ack": "PERSISTED", "outcome": "IMPROVED", "userErrors": [] }),
            Fault::AmbiguousEntries if at % 2 == 0 => {
                board.take(entry, false);
                refusal("AMBIGUOUS")
            }
            _ => board.take(entry, fault == Fault::Twice),
        })
        .collect();
    match fault {
        Fault::CutAfter => cut(),
        Fault::BadGateway => respond(502, "<html>".to_owned()),
        _ if bulk => respond(
            200,
            json!({ "data": { "submitScores": { "results": results, "userErrors": [] } } }).to_string(),
        ),
        _ => respond(200, json!({ "data": { "submitScore": results[0] } }).to_string()),
    }
}

fn refusal(code: &str) -> Value {
    json!({ "ack": null, "outcome": null, "userErrors": [{ "code": code, "message": "on purpose" }] })
}

impl Board {
    /// Does what an entry says, by the law.
    fn take(&mut self, entry: &Value, twice: bool) -> Value {
        let player = entry["playerId"].as_str().unwrap();
        let score = |name: &str| Score::new(entry[name].as_i64().unwrap()).unwrap();
        let id = SubmissionId::new(entry["submissionId"].as_str().unwrap()).unwrap();
        let id = if twice { None } else { Some(&id) };
        let submission = Submission::new(score("score"), score("subscore"), None, id);
        if twice {
            self.apply(player, &submission).unwrap();
        }
        match self.apply(player, &submission) {
            Ok(outcome) => json!({ "ack": "PERSISTED", "outcome": outcome, "userErrors": [] }),
            Err(Refusal::OutOfRange) => refusal("OUT_OF_RANGE"),
            Err(Refusal::Conflict) => refusal("CONFLICT"),
            Err(Refusal::Expired) => refusal("EXPIRED"),
        }
    }

    fn apply(&mut self, player: &str, submission: &Submission) -> Result<&'static str, Refusal> {
        self.stamp = self.stamp.next(0).unwrap();
        let record =
            self.records.entry(player.to_owned()).or_insert_with(|| Record::unborn(Window::default()));
        let at = Moment { position: Position::ZERO, stamp: self.stamp };
        match record.submit(&self.rules, submission, at, 32)? {
            Applied::Duplicate => Ok("DUPLICATE"),
            Applied::Changed(after, _) => {
                *record = after;
                Ok("IMPROVED")
            }
        }
    }
}

impl State {
    fn show(&self, id: &str) -> Value {
        let Some(board) = self.boards.get(id) else { return Value::Null };
        let order = |order| if order == SortOrder::Desc { "DESC" } else { "ASC" };
        let operator = match board.rules.operator {
            Operator::Best => "BEST",
            Operator::Set => "SET",
            Operator::Increment => "INCREMENT",
        };
        json!({
            "operator": operator,
            "sortOrder": order(board.rules.sort_order),
            "subscoreOrder": order(board.rules.subscore_order),
            "versionId": board.version,
        })
    }

    fn create(&mut self, input: &Value) -> Value {
        let operator = match input["operator"].as_str().unwrap() {
            "SET" => Operator::Set,
            "INCREMENT" => Operator::Increment,
            _ => Operator::Best,
        };
        let id = input["id"].as_str().unwrap();
        let rules = Rules { operator, ..Rules::default() };
        self.boards.insert(id.to_owned(), Board { rules, version: 1, ..Board::default() });
        json!({ "leaderboard": self.show(id), "userErrors": [] })
    }

    fn records(&self, variables: &Value) -> Value {
        let board = &self.boards[variables["id"].as_str().unwrap()];
        let players = variables["players"].as_array().unwrap();
        assert!(players.len() <= 1000, "the API refuses more");
        let found = players.iter().filter_map(|player| {
            let live = board.records.get(player.as_str()?)?.live.as_ref()?;
            Some(json!({
                "playerId": player,
                "score": live.score.get(),
                "subscore": live.subscore.get(),
                "numScore": live.num_score,
            }))
        });
        json!({ "versionId": board.version, "recordsByPlayerIds": found.collect::<Vec<_>>() })
    }
}
