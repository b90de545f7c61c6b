//! The plan of a submission, alone or by bulks.
//!
//! So an answer that is not plain success goes the full path with what came of it: the submission is not made again then,
//! its result is handed to the resolver as [`Judged`].

use async_graphql::parser::types::{BaseType, OperationDefinition, OperationType, Selection};
use async_graphql_value::Value;
use hiscore_score::LeaderboardId;
use parking_lot::Mutex;

use super::Body;
use super::input::{self, Bulk, Single};
use super::selection::{self, BulkField, Fields, PayloadField};
use crate::limits::Limits;
use crate::service::{Accepted, BoardError, Entry, Rejected, Trouble, Wanted};

/// What came of a call of the port.
pub(crate) type Submitted = Result<Vec<Result<Accepted, Rejected>>, BoardError>;

/// The result of a submission that was made already, for the resolver to show.
pub(crate) struct Judged(Mutex<Option<Submitted>>);

impl Judged {
    pub(crate) fn new(submitted: Submitted) -> Self {
        Self(Mutex::new(Some(submitted)))
    }

    /// The result. There is one, and it never leads to a second submission.
    pub(crate) fn take(&self) -> Submitted {
        let missing = || Err(Trouble::Internal("a result was shown twice".into()).into());
        self.0.lock().take().unwrap_or_else(missing)
    }
}

/// What a request wants to have submitted.
pub(crate) struct Submission {
    pub(crate) board: LeaderboardId,
    pub(crate) entries: Vec<Entry>,
    pub(crate) wanted: Wanted,
}

/// How to run one document.
pub(crate) struct Submit {
    /// The variable that holds the input.
    variable: String,
    /// The answer up to the payload.
    head: String,
    wanted: Wanted,
    payload: Payload,
}

enum Payload {
    Single(Fields<PayloadField>),
    Bulk(Fields<BulkField>),
}

impl Submit {
    /// The plan of an operation that is known to be valid; `None` if it is not of the shape.
    pub(super) fn of(definition: &OperationDefinition) -> Option<Self> {
        let [variable] = definition.variable_definitions.as_slice() else { return None };
        let variable = &variable.node;
        let [root] = definition.selection_set.node.items.as_slice() else { return None };
        let Selection::Field(root) = &root.node else { return None };
        let root = &root.node;
        let [(argument, Value::Variable(used))] =
            root.arguments.iter().map(|(name, value)| (&name.node, &value.node)).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let plain = definition.ty == OperationType::Mutation
            && definition.directives.is_empty()
            && variable.directives.is_empty()
            && variable.default_value.is_none()
            && root.directives.is_empty()
            && argument == "input"
            && *used == variable.name.node;
        // A variable that may be null could not stand for the argument, which may not.
        let BaseType::Named(of) = &variable.var_type.node.base else { return None };
        let set = &root.selection_set.node;
        let (payload, wanted) = match (root.name.node.as_str(), of.as_str()) {
            ("submitScore", "SubmitScoreInput") => {
                let fields = selection::fields(set, PayloadField::of)?;
                let wanted = selection::wanted(&fields);
                (Payload::Single(fields), wanted)
            }
            ("submitScores", "SubmitScoresInput") => {
                let fields = selection::fields(set, BulkField::of)?;
                let wanted = selection::bulk_wanted(&fields);
                (Payload::Bulk(fields), wanted)
            }
            _ => return None,
        };
        let head = format!(r#"{{"data":{{"{}":"#, root.response_key().node);
        plain.then(|| Self { variable: variable.name.node.to_string(), head, wanted, payload })
    }

    /// What `body` submits; `None` if the full path must say what is to be done with it.
    pub(super) fn read(&self, body: &Body<'_>, limits: &Limits) -> Option<Submission> {
        let (board, entries, ack) = match self.payload {
            Payload::Single(_) => input::variable::<Single>(body.bytes, &self.variable)?.submission()?,
            Payload::Bulk(_) => input::variable::<Bulk>(body.bytes, &self.variable)?.submission()?,
        };
        let bulk = matches!(self.payload, Payload::Bulk(_));
        if bulk && (entries.len() > limits.bulk_entries || entries.len() as u64 > limits.rows) {
            return None;
        }
        Some(Submission { board, entries, wanted: Wanted { ack, ..self.wanted } })
    }

    /// The whole answer; `None` unless everything was accepted and can be shown.
    pub(crate) fn write(
        &self,
        board: &LeaderboardId,
        asked: usize,
        submitted: &Submitted,
    ) -> Option<Vec<u8>> {
        let results = submitted.as_ref().ok().filter(|results| results.len() == asked)?;
        let mut out = Vec::with_capacity(self.head.len() + 128 * (1 + asked));
        out.extend_from_slice(self.head.as_bytes());
        match (&self.payload, results.as_slice()) {
            (Payload::Single(fields), [Ok(accepted)]) => {
                selection::payload(&mut out, fields, board, accepted)?
            }
            (Payload::Single(_), _) => return None,
            (Payload::Bulk(fields), results) => selection::bulk(&mut out, fields, board, results)?,
        }
        out.extend_from_slice(b"}}");
        Some(out)
    }
}
