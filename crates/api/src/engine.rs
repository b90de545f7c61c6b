//! Runs GraphQL requests for both transports: through the gate, then through the schema.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, ServerError, Value, Variables};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use prometheus_client::metrics::counter::Counter;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::fan_out::{Asked, FanOut, Rendered, Selection};
use crate::gate::{Document, Gate};
use crate::limits::Limits;
use crate::metrics::{Kind, Measure, Outcome};
use crate::plan::{Body, Judged, Plan, Reading, Submission, Task};
use crate::schema::error::ErrorCode;
use crate::schema::{self, Backend, Schema};

/// The parameters of a GraphQL request, as JSON has them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Parameters {
    #[serde(default)]
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) operation_name: Option<String>,
    /// Null is none.
    #[serde(default)]
    pub(crate) variables: Variables,
    /// Must be an object; nothing in it is used.
    #[serde(default, rename = "extensions")]
    pub(crate) _extensions: Option<std::collections::HashMap<String, IgnoredAny>>,
}

/// A response: `data` is left out when nothing was executed.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ServerError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Value>,
}

impl Answer {
    /// A request that was refused before anything of it was executed.
    pub(crate) fn refused(errors: Vec<ServerError>) -> Self {
        Self { errors, data: None }
    }

    /// Whether nothing was executed.
    pub(crate) fn is_refusal(&self) -> bool {
        self.data.is_none()
    }

    /// Whether there is nothing but errors: the end of a subscription.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_refusal() || (self.data == Some(Value::Null) && !self.errors.is_empty())
    }

    /// What the library says, which gives `data: null` also for a request that it refused. An error of a field says where
    /// the field is; one of the request does not.
    pub(crate) fn of(response: Response) -> Self {
        let executed = response.data != Value::Null
            || response.errors.is_empty()
            || response.errors.iter().any(|error| !error.path.is_empty());
        let mut errors = response.errors;
        if !executed {
            errors.iter_mut().for_each(with_code);
        }
        Self { errors, data: executed.then_some(response.data) }
    }

    /// What is said when a stage behind us panicked.
    pub(crate) fn panicked() -> Self {
        Self { errors: vec![ErrorCode::Internal.request_error("internal error")], data: Some(Value::Null) }
    }

    fn outcome(&self) -> Outcome {
        match (self.errors.is_empty(), self.is_refusal()) {
            (true, _) => Outcome::ok,
            (false, true) => Outcome::refused,
            (false, false) => Outcome::failed,
        }
    }

    /// The answer as JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        match serde_json::to_writer(&mut bytes, self) {
            Ok(()) => bytes,
            // Values are strings, numbers, lists and objects by string: there is nothing that could fail.
            Err(_) => {
                br#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#.to_vec()
            }
        }
    }
}

/// Gives an error of validation a code, as all others have one.
fn with_code(error: &mut ServerError) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", ErrorCode::BadRequest.as_str());
    }
}

/// The subscription of which many are told the same.
const OF_A_BOARD: &str = "leaderboardChanged";

/// A request that has passed the gate.
pub(crate) struct Prepared {
    document: Arc<Document>,
    operation_name: Option<String>,
    variables: Variables,
    /// The document as it came in.
    text: String,
    pub(crate) operation: OperationType,
    /// What was submitted already, and only has to be shown.
    pub(crate) judged: Option<Judged>,
}

/// A request that goes the short way.
pub(crate) struct Planned {
    /// Has a plan.
    document: Arc<Document>,
    task: Task,
}

/// What came of it.
pub(crate) enum Ran {
    /// The whole answer.
    Written(Vec<u8>),
    /// The full path must find the words for this.
    Judged(Judged),
    /// The full path must go on; nothing was done.
    Declined,
    /// Something behind us panicked.
    Panicked(Answer),
}

/// The schema behind its gate.
pub(crate) struct Engine {
    schema: Schema,
    backend: Arc<Backend>,
    gate: Gate,
    /// Subscribers are told what is rendered for many, or by a plan; `None`: each by an execution of its own.
    fan_out: Option<FanOut>,
    renders: Counter,
    plans: bool,
}

impl Engine {
    /// `renders` counts events of subscriptions that are rendered.
    pub(crate) fn new(backend: Arc<Backend>, limits: &Limits, renders: Counter) -> Self {
        let schema = schema::build(backend.clone());
        let fan_out = limits.shared_events.then(|| FanOut::new(schema.clone(), renders.clone()));
        Self { schema, backend, gate: Gate::new(limits), fan_out, renders, plans: limits.plans }
    }

    /// The short way for a body, if there is one.
    pub(crate) fn planned(&self, body: &[u8]) -> Option<Planned> {
        let body = if self.plans { Body::of(body)? } else { return None };
        let document = self.gate.planned(&body.query)?;
        let task = document.plan()?.task(&body, self.gate.limits())?;
        Some(Planned { document, task })
    }

    /// Goes it.
    pub(crate) async fn go(&self, planned: Planned, measure: &mut Measure<'_>) -> Ran {
        let Planned { document, task } = planned;
        let ran = match task {
            Task::Submit(submission) => {
                measure.kind = Kind::mutation;
                AssertUnwindSafe(self.submit(&document, submission)).catch_unwind().await
            }
            Task::Read(reading) => {
                measure.kind = Kind::query;
                AssertUnwindSafe(self.read(&document, reading)).catch_unwind().await
            }
        };
        let ran = ran.unwrap_or_else(|_| Ran::Panicked(Answer::panicked()));
        match &ran {
            Ran::Written(_) => measure.outcome = Outcome::ok,
            Ran::Panicked(answer) => measure.outcome = answer.outcome(),
            Ran::Judged(_) | Ran::Declined => {}
        }
        ran
    }

    async fn submit(&self, document: &Document, submission: Submission) -> Ran {
        let Submission { board, entries, wanted } = submission;
        let asked = entries.len();
        let submitted = self.backend.service.submit(&board, entries, wanted).await;
        let plan = document.plan().and_then(Plan::submit);
        match plan.and_then(|plan| plan.write(&board, asked, &submitted)) {
            Some(answer) => Ran::Written(answer),
            None => Ran::Judged(Judged::new(submitted)),
        }
    }

    async fn read(&self, document: &Document, reading: Reading) -> Ran {
        let Some(plan) = document.plan().and_then(Plan::read) else { return Ran::Declined };
        plan.answer(self.backend.service.as_ref(), reading).await.map_or(Ran::Declined, Ran::Written)
    }

    /// Takes a request through the gate; `measure` learns what kind of operation it is.
    pub(crate) fn prepare(
        &self,
        parameters: Parameters,
        measure: &mut Measure<'_>,
    ) -> Result<Prepared, Vec<ServerError>> {
        let prepared = self.pass(parameters, measure);
        if prepared.is_err() {
            measure.outcome = Outcome::refused;
        }
        prepared
    }

    fn pass(
        &self,
        mut parameters: Parameters,
        measure: &mut Measure<'_>,
    ) -> Result<Prepared, Vec<ServerError>> {
        let Some(query) = parameters.query else {
            return Err(vec![ErrorCode::BadRequest.request_error("the request has no query")]);
        };
        let document = self.gate.document(&query)?;
        let chosen = document.choose(parameters.operation_name.as_deref()).map_err(|error| vec![error])?;
        let operation = chosen.kind();
        measure.kind = match operation {
            OperationType::Query => Kind::query,
            OperationType::Mutation => Kind::mutation,
            OperationType::Subscription => Kind::subscription,
        };
        self.gate.check(&chosen, &mut parameters.variables)?;
        let (operation_name, variables) = (parameters.operation_name, parameters.variables);
        Ok(Prepared { document, operation_name, variables, text: query, operation, judged: None })
    }

    /// Runs a query or a mutation.
    pub(crate) async fn execute(&self, prepared: Prepared, measure: &mut Measure<'_>) -> Answer {
        // A panic would cut the connection without an answer, and others' requests with it. It is a defect all the same.
        let Prepared { document, operation_name, variables, judged, .. } = prepared;
        let mut request = Request::new(String::new()).variables(variables);
        request.operation_name = operation_name;
        request.set_parsed_query(document.parsed.clone());
        if let Some(judged) = judged {
            request = request.data(judged);
        }
        let run = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        let answer = run.await.map_or_else(|_| Answer::panicked(), Answer::of);
        if answer.errors.is_empty() {
            document.prepare_plan();
        }
        measure.outcome = answer.outcome();
        answer
    }

    /// Begins a subscription.
    pub(crate) async fn subscribe(&self, prepared: Prepared) -> BoxStream<'static, Arc<Rendered>> {
        let Prepared { document, operation_name: operation, variables, text, .. } = prepared;
        let chosen = document.choose(operation.as_deref()).ok();
        let shared = chosen.as_ref().is_some_and(|chosen| chosen.is_of(OF_A_BOARD));
        let follow = chosen.and_then(|chosen| chosen.follow());
        let asked = Asked { document: Arc::clone(&document), operation, variables };
        match (&self.fan_out, follow) {
            (Some(fan_out), _) if shared => {
                let variables = serde_json::to_string(&asked.variables).unwrap_or_default();
                let operation = asked.operation.clone();
                fan_out.board(Selection { document: text, operation, variables }, asked).await
            }
            (Some(fan_out), Some(plan)) => fan_out.player(plan, asked).await,
            _ => {
                let renders = self.renders.clone();
                let events = self.schema.execute_stream(asked.request()).map(Rendered::of);
                let counted = move |_: &Arc<Rendered>| {
                    renders.inc();
                };
                events.inspect(counted).boxed()
            }
        }
    }
}
