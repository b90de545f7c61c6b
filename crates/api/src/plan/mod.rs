//! Prepared plans: the short way of the two hot mutations, `submitScore` and `submitScores`; and of `rankChanged`, of which
//! there are many subscribers ([`follow`]).
//!
//! A text that passed the full path once ([`crate::gate`], the library's validation, execution without an error), and is
//! one such mutation over one variable, is walked once. Later requests with the same text have their variable read
//! straight into what the port takes ([`input`]), and the answer written straight from what the port gives
//! ([`selection`]), byte for byte as the full path does. That is proved by `tests/plans.rs`, not by reading.
//!
//! A plan only ever says yes. Whatever it does not take in full (a value that is refused, or only unusual) goes the full
//! path, which decides and finds the words. So does an answer that is not plain success: the submission is not made
//! again then, its result is handed to the resolver as [`Judged`].

mod follow;
mod input;
mod selection;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationType, Selection,
};
use async_graphql_value::Value;
use hiscore_score::LeaderboardId;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

use crate::limits::Limits;
use crate::service::{Accepted, BoardError, Entry, Rejected, Trouble, Wanted};
pub(crate) use follow::Follow;
use input::{Bulk, Single};
use selection::{BulkField, Fields, PayloadField};

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

/// A body as it is when a plan may take it: these members, each once.
///
/// The variables may stand before the text that says what they are, so they are read in a second pass. A `RawValue`
/// would spare that, but its feature makes a key of that name mean something in everybody's JSON, in metadata too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Body<'a> {
    #[serde(borrow)]
    pub(crate) query: Cow<'a, str>,
    #[serde(default)]
    operation_name: Option<Cow<'a, str>>,
    #[serde(rename = "variables")]
    _variables: IgnoredAny,
    #[serde(skip)]
    bytes: &'a [u8],
}

impl<'a> Body<'a> {
    /// The body, unless there is anything unusual about it. An array would pass for the members in their order.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let body: Self = serde_json::from_slice(bytes).ok()?;
        Some(Self { bytes, ..body })
    }
}

/// What a request wants to have submitted.
pub(crate) struct Submission {
    pub(crate) board: LeaderboardId,
    pub(crate) entries: Vec<Entry>,
    pub(crate) wanted: Wanted,
}

/// How to run one document.
pub(crate) struct Plan {
    /// The operation's name, if it has one.
    operation: Option<String>,
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

impl Plan {
    /// The plan of a document that is known to be valid; `None` if it is not of the shape.
    pub(crate) fn of(document: &ExecutableDocument) -> Option<Self> {
        if !document.fragments.is_empty() {
            return None;
        }
        let (operation, definition) = match &document.operations {
            DocumentOperations::Single(definition) => (None, &definition.node),
            DocumentOperations::Multiple(all) => match all.iter().next() {
                Some((name, definition)) if all.len() == 1 => (Some(name.to_string()), &definition.node),
                _ => return None,
            },
        };
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
        plain.then(|| Self { operation, variable: variable.name.node.to_string(), head, wanted, payload })
    }

    /// What `body` submits; `None` if the full path must say what is to be done with it.
    pub(crate) fn read(&self, body: &Body<'_>, limits: &Limits) -> Option<Submission> {
        if body.operation_name.is_some() && body.operation_name.as_deref() != self.operation.as_deref() {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn plan(text: &str) -> Option<Plan> {
        Plan::of(&parse_query(text).unwrap())
    }

    #[test]
    fn these_documents_have_plans_and_those_have_none() {
        for planned in [
            "mutation($i: SubmitScoreInput!) { submitScore(input: $i) { ack } }",
            "mutation M($i: SubmitScoreInput!) { a: submitScore(input: $i) { __typename b: record { rank c: rank metadata } \
             userErrors { code } } }",
            "mutation($i: SubmitScoresInput!) { submitScores(input: $i) { results { outcome previousRank } userErrors { code } } }",
        ] {
            assert!(plan(planned).is_some(), "{planned}");
        }
        for not in [
            "mutation($i: SubmitScoreInput!) { submitScore(input: $i) { ack ack } }",
            "mutation($i: SubmitScoreInput!) { submitScore(input: $i) { ack @skip(if: true) } }",
            "mutation($i: SubmitScoreInput!) { submitScore(input: $i) { ... { ack } } }",
            "mutation($i: SubmitScoreInput!) { submitScore(input: $i) { ack } __typename }",
            "mutation A($i: SubmitScoreInput!) { submitScore(input: $i) { ack } } query B { leaderboards { nodes { id } } }",
            "mutation($i: SubmitScoreInput! = {}) { submitScore(input: $i) { ack } }",
            "mutation($p: ID!) { submitScore(input: {playerId: $p}) { ack } }",
            "mutation($i: CreateLeaderboardInput!) { createLeaderboard(input: $i) { userErrors { code } } }",
        ] {
            assert!(plan(not).is_none(), "{not}");
        }
    }

    #[test]
    fn a_plan_takes_what_is_plain_and_nothing_else() {
        let plan =
            plan("mutation M($i: SubmitScoreInput!) { submitScore(input: $i) { record { rank } } }").unwrap();
        let read = |variables: &str| {
            let body = format!(r#"{{"query":"","operationName":"M","variables":{variables}}}"#);
            plan.read(&Body::of(body.as_bytes())?, &Limits::default())
        };
        let input =
            |more: &str| format!(r#"{{"i":{{"leaderboardId":"l","playerId":"\u0070","score":-5{more}}}}}"#);
        let read_full =
            read(&input(r#","metadata":{"a":1.0},"submissionId":"s","ack":"RANKED","subscore":null"#))
                .unwrap();
        assert!(read_full.wanted.record && read_full.wanted.rank && !read_full.wanted.previous_rank);
        assert_eq!(read_full.wanted.ack, Some(crate::service::Ack::Ranked));
        assert_eq!(read_full.entries[0].player.as_str(), "p");
        assert_eq!(read_full.entries[0].submission.metadata.as_ref().unwrap().as_str(), r#"{"a":1.0}"#);
        for more in [
            r#","score":1"#,
            r#","unknown":1"#,
            r#","subscore":1.0"#,
            r#","subscore":1e3"#,
            r#","subscore":-0"#,
            r#","subscore":"1""#,
            r#","subscore":9007199254740992"#,
            r#","submissionId":7"#,
            r#","submissionId":"""#,
            r#","ack":"ranked""#,
            r#","ack":{"RANKED":null}"#,
            r#","metadata":[[[[[[[[[1]]]]]]]]]"#,
        ] {
            assert!(read(&input(more)).is_none(), "{more}");
        }
        for variables in ["null", "[]", "{}", r#"{"i":["l","p",1]}"#, &input("").replace("}}", r#"},"x":1}"#)]
        {
            assert!(read(variables).is_none(), "{variables}");
        }
    }
}
