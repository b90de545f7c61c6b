//! Prepared plans: the short way of the hot operations. The mutations `submitScore` and `submitScores` ([`submit`]), reading
//! a page, a player or its neighbours ([`read`]); and `rankChanged`, of which there are many subscribers ([`follow`]).
//!
//! A text that passed the full path once ([`crate::gate`], the library's validation, execution without an error), and is
//! of such a shape, is walked once. Later requests with the same text have their variables read straight into what the port
//! takes ([`input`]), and the answer written straight from what the port gives ([`selection`]), byte for byte as the full
//! path does. That is proved by `tests/plans`, not by reading.
//!
//! A plan only ever says yes. Whatever it does not take in full (a value that is refused, or only unusual) goes the full
//! path, which decides and finds the words. So does an answer that is not plain success.

mod follow;
mod input;
mod read;
mod selection;
mod submit;

use std::borrow::Cow;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::limits::Limits;
pub(crate) use follow::Follow;
use input::Plain;
pub(crate) use read::{Read, Reading};
pub(crate) use submit::{Judged, Submission, Submit, Submitted};

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
    variables: Option<IgnoredAny>,
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

    fn scalars(&self, names: &[String]) -> Option<Vec<Option<Plain<'a>>>> {
        match &self.variables {
            // Null is none.
            None => Some(names.iter().map(|_| None).collect()),
            Some(_) => input::scalars(self.bytes, names),
        }
    }
}

/// How to run one document.
pub(crate) struct Plan {
    /// The operation's name, if it has one.
    operation: Option<String>,
    way: Way,
}

enum Way {
    Submit(Submit),
    Read(Read),
}

/// What a request wants.
pub(crate) enum Task {
    /// To submit.
    Submit(Submission),
    /// To read.
    Read(Reading),
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
        let submit = || Submit::of(definition).map(Way::Submit);
        let way = submit().or_else(|| Read::of(definition).map(Way::Read))?;
        Some(Self { operation, way })
    }

    /// What `body` wants; `None` if the full path must say what is to be done with it.
    pub(crate) fn task(&self, body: &Body<'_>, limits: &Limits) -> Option<Task> {
        if body.operation_name.is_some() && body.operation_name.as_deref() != self.operation.as_deref() {
            return None;
        }
        Some(match &self.way {
            Way::Submit(plan) => Task::Submit(plan.read(body, limits)?),
            Way::Read(plan) => Task::Read(plan.reading(body, limits)?),
        })
    }

    /// The plan of a submission, if it is one.
    pub(crate) fn submit(&self) -> Option<&Submit> {
        match &self.way {
            Way::Submit(plan) => Some(plan),
            Way::Read(_) => None,
        }
    }

    /// The plan of a reading, if it is one.
    pub(crate) fn read(&self) -> Option<&Read> {
        match &self.way {
            Way::Read(plan) => Some(plan),
            Way::Submit(_) => None,
        }
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
            "query { leaderboard(id: \"b\") { records(first: 3) { nodes { rank } totalCount } } }",
            "query Q($b: ID!, $p: ID!) { leaderboard(id: $b) { around(playerId: $p) { a: playerId } versionId } }",
            "query($p: ID!) { leaderboard(id: \"b\") { record(playerId: $p) { score metadata } } }",
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
            "query { leaderboard(id: \"b\") { records(after: \"x\") { nodes { rank } } } }",
            "query { leaderboard(id: \"b\") { records(first: null) { edges { cursor } } } }",
            "query { leaderboard(id: 7) { id } }",
            "query($n: Int = 3) { leaderboard(id: \"b\") { records(first: $n) { nodes { rank } } } }",
            "query { leaderboard(id: \"b\") { id id } }",
            "query { leaderboards { nodes { id } } }",
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
            match plan.task(&Body::of(body.as_bytes())?, &Limits::default())? {
                Task::Submit(submission) => Some(submission),
                Task::Read(_) => None,
            }
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
