//! Submissions, alone and by bulks.

use hiscore_api::service::Trouble;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::support::client::Api;
use crate::twins::{Sent, Setting, compare, mostly, odd, text};

/// What is sent to both servers: a document, what makes it known, and what follows.
#[derive(Debug, Clone)]
struct Case {
    setting: Setting,
    document: String,
    bulk: bool,
    sent: Vec<Sent>,
}

/// Names with or without an alias, some of them odd; each key once unless it is meant otherwise.
fn selection(names: &'static [&'static str], inner: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let name = mostly(text(names), text(&["__typename"]));
    let alias = mostly(Just(String::new()), text(&["a: ", "b: ", "ack: "]));
    let dressed = mostly(
        Just(("", "")),
        select(vec![
            ("", " @include(if: true)"),
            ("... { ", " }"),
            ("...F ", ""),
            ("", " { ack }"),
            ("", "(x: 1)"),
        ]),
    );
    let field = (name, alias, dressed, inner).prop_map(|(name, alias, (before, after), inner)| {
        let below = match name.as_str() {
            "record" | "results" => format!(" {{ {inner} }}"),
            "userErrors" => " { code field message }".to_owned(),
            _ => String::new(),
        };
        format!("{before}{alias}{name}{below}{after}")
    });
    let once = |fields: Vec<String>| {
        let mut keys = std::collections::HashSet::new();
        let fields = fields
            .into_iter()
            .filter(|field| keys.insert(field.split([' ', ':']).next().unwrap().to_owned()));
        fields.collect::<Vec<_>>().join(" ")
    };
    let all = prop::collection::vec(field, 1..7);
    mostly(all.clone().prop_map(once), all.prop_map(|fields| fields.join(" ")))
}

fn payload() -> BoxedStrategy<String> {
    let record = selection(
        &[
            "leaderboardId",
            "versionId",
            "playerId",
            "rank",
            "score",
            "subscore",
            "numScore",
            "metadata",
            "createdAt",
            "updatedAt",
            "nothing",
        ][..10],
        Just(String::new()).boxed(),
    );
    selection(&["record", "previousRank", "ack", "outcome", "userErrors"], record)
}

fn document(bulk: bool) -> BoxedStrategy<String> {
    let (root, ty, selected) = if bulk {
        ("submitScores", "SubmitScoresInput", selection(&["results", "userErrors"], payload()))
    } else {
        ("submitScore", "SubmitScoreInput", payload())
    };
    let head = mostly(
        text(&["mutation", "mutation M"]),
        text(&["mutation M @skip(if: false)", "query", "subscription"]),
    );
    let variable = mostly(
        Just(format!("$in: {ty}!")),
        select(vec![
            format!("$in: {ty}"),
            format!("$in: {ty}! $x: Int"),
            format!("$in: {ty}! = {{leaderboardId: \"b\", playerId: \"p\", score: 1}}"),
            "$in: ScoreInput!".to_owned(),
        ]),
    );
    let alias = text(&["", "x: ", "data: "]);
    let argument =
        mostly(text(&["input: $in"]), text(&["input: {leaderboardId: \"best\"}", "in: $in", "input: null"]));
    let tail = mostly(
        Just(String::new()),
        select(vec![
            " fragment F on SubmitScorePayload { ack }".to_owned(),
            " query Other { leaderboards { nodes { id } } }".to_owned(),
        ]),
    );
    let more = mostly(Just(""), select(vec![" __typename", " @include(if: true)"]));
    (head, variable, alias, argument, selected, more, tail)
        .prop_map(move |(head, variable, alias, argument, selected, more, tail)| {
            format!("{head}({variable}) {{ {alias}{root}({argument}) {{ {selected} }}{more} }}{tail}")
        })
        .boxed()
}

/// The members of an object, some of them missing, odd, unknown or there twice.
fn object(members: Vec<(&'static str, BoxedStrategy<String>, bool)>) -> BoxedStrategy<String> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value, required)| {
            let there = if required { 0.97 } else { 0.4 };
            let value = prop_oneof![40 => value, 1 => odd()];
            (prop::bool::weighted(there), value)
                .prop_map(move |(there, value)| there.then_some((name, value)))
        })
        .collect();
    let more = prop_oneof![
        40 => Just(None),
        1 => (select(vec!["unknown", "score", "playerId", "\\u0073core", "metadata"]), odd()).prop_map(Some),
    ];
    (members, more, prop::bool::weighted(0.02), any::<prop::sample::Index>())
        .prop_map(|(members, more, list, turn)| {
            let mut members: Vec<_> = members.into_iter().flatten().chain(more).collect();
            if !members.is_empty() {
                let by = turn.index(members.len());
                members.rotate_left(by);
            }
            if list {
                let values: Vec<_> = members.into_iter().map(|(_, value)| value).collect();
                return format!("[{}]", values.join(","));
            }
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            format!("{{{}}}", members.join(","))
        })
        .boxed()
}

fn entry() -> Vec<(&'static str, BoxedStrategy<String>, bool)> {
    vec![
        (
            "playerId",
            text(&["\"p1\"", "\"p2\"", "\"玩家 \\\"3\\\"\"", "\"\\u0070\\u0034/\"", "\"bad\"", "\"bomb\""]),
            true,
        ),
        (
            "score",
            mostly(
                (-50i64..50).prop_map(|n| n.to_string()).boxed(),
                text(&["9007199254740991", "-9007199254740991"]),
            ),
            true,
        ),
        ("subscore", text(&["0", "7", "-3", "null"]), false),
        (
            "metadata",
            prop_oneof![
                text(&[
                    "{\"ghost\": [1, 2.5, \"x\\n\"], \"b\": null, \"a\": 1e2}",
                    "\"s\"",
                    "0",
                    "{\"$serde_json::private::RawValue\":\"1\"}"
                ]),
                odd()
            ]
            .boxed(),
            false,
        ),
        (
            "submissionId",
            text(&["\"s1\"", "\"s2\"", "null", "\"00000000-0000-7000-8000-000000000000\""]),
            false,
        ),
    ]
}

fn input(bulk: bool) -> BoxedStrategy<String> {
    let board = text(&["\"best\"", "\"best\"", "\"sum\"", "\"set\"", "\"none\""]);
    let ack = text(&["\"PERSISTED\"", "\"RANKED\"", "null", "\"persisted\""]);
    let mut members = vec![("leaderboardId", board, true), ("ack", ack, false)];
    if bulk {
        let entries = prop::collection::vec(object(entry()), 0..6);
        let list = entries.prop_map(|entries| format!("[{}]", entries.join(",")));
        members.push(("submissions", mostly(list, object(entry())), true));
    } else {
        members.extend(entry());
    }
    object(members)
}

fn sent(document: String, bulk: bool) -> BoxedStrategy<Sent> {
    let variables = input(bulk).prop_flat_map(|input| {
        let usual = format!("{{\"in\": {input}}}");
        let unusual = vec![
            format!("{{\"in\": {input}, \"x\": 1}}"),
            format!("{{\"in\": {input}, \"in\": {input}}}"),
            format!("{{\"\\u0069n\": {input}}}"),
            format!("{{\"other\": {input}}}"),
            format!("[{input}]"),
            format!("{{\"in\": {input}}}}}"),
            "{}".to_owned(),
            "null".to_owned(),
        ];
        prop_oneof![30 => Just(usual), 1 => select(unusual)]
    });
    let name = mostly(
        Just(""),
        select(vec![
            r#","operationName":null"#,
            r#","operationName":"M""#,
            r#","operationName":"""#,
            r#","operationName":1"#,
        ]),
    );
    let more = mostly(
        Just(""),
        select(vec![r#","extensions":{}"#, r#","other":[1]"#, r#","variables":{}"#, " ", "x"]),
    );
    let accept =
        select(vec![None, Some("application/json"), Some("application/graphql-response+json"), Some("*/*")]);
    let trouble = prop_oneof![
        30 => Just(None),
        1 => select(vec![
            Trouble::Unavailable("the disk is \"full\"".into()),
            Trouble::Ambiguous("late".into()),
            Trouble::Internal("secret".into()),
        ]).prop_map(Some),
    ];
    (variables, name, more, accept, trouble, any::<bool>())
        .prop_map(move |(variables, name, more, accept, trouble, turned)| {
            let query = json!(document).to_string();
            let body = if turned {
                format!("{{\"variables\": {variables}, \"query\": {query}{name}{more}}}")
            } else {
                format!("{{\"query\": {query}{name},\"variables\":{variables}{more}}}")
            };
            Sent { body, accept, trouble }
        })
        .boxed()
}

fn case() -> BoxedStrategy<Case> {
    any::<bool>()
        .prop_flat_map(|bulk| (Just(bulk), document(bulk)))
        .prop_flat_map(|(bulk, document)| {
            let sent = prop::collection::vec(sent(document.clone(), bulk), 4..12);
            let rows = prop_oneof![4 => Just(10_000), 1 => Just(2)];
            (prop::bool::weighted(0.1), rows, Just(document), Just(bulk), sent)
        })
        .prop_map(|(warming, rows, document, bulk, sent)| Case {
            setting: Setting { warming, rows },
            document,
            bulk,
            sent,
        })
        .boxed()
}

/// A plain request with this document, which makes it known.
fn first(case: &Case) -> Sent {
    let entry = json!({ "playerId": "p1", "score": 1 });
    let input = if case.bulk {
        json!({ "leaderboardId": "best", "submissions": [entry] })
    } else {
        json!({ "leaderboardId": "best", "playerId": "p1", "score": 1 })
    };
    let body = json!({ "query": case.document, "variables": { "in": input } }).to_string();
    Sent { body, accept: None, trouble: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_answers_as_the_full_path_does(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let all = std::iter::once(first(&case)).chain(case.sent.iter().cloned());
        runtime.block_on(compare(case.setting, all, async |_| {}));
    }
}

#[tokio::test]
async fn a_plan_that_cannot_show_a_result_submits_once() {
    let api = Api::default();
    api.create(json!({ "id": "best" })).await;
    let query = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack userErrors { code } } }";
    let send = async |score: i64| {
        let input = json!({ "leaderboardId": "best", "playerId": "p", "score": score, "submissionId": "s" });
        api.data(query, json!({ "in": input })).await["submitScore"].clone()
    };
    assert_eq!(send(1).await, json!({ "ack": "PERSISTED", "userErrors": [] }));
    let conflict: Value = send(2).await;
    assert_eq!(conflict["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(api.model.submits().len(), 2);
}
