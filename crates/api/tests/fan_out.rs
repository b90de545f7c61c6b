//! Sharing what is rendered changes what subscriptions cost, and nothing that a client sees: the same subscriptions to twin
//! servers over one model, one of which shares and one of which renders for each, are told alike to the byte.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by them, in its helpers too

mod support;

use hiscore_api::service::Trouble;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use support::client::Api;
use support::events::Events;
use support::model::Model;

/// A subscription as it is asked for.
#[derive(Debug, Clone)]
struct Asked {
    query: String,
    variables: Value,
}

fn dressed(field: BoxedStrategy<String>, on: &'static str) -> BoxedStrategy<String> {
    let dress = select(vec![
        ("", ""),
        ("", ""),
        ("", ""),
        ("a: ", ""),
        ("b: ", ""),
        ("", " @include(if: $yes)"),
        ("", " @skip(if: $yes)"),
        ("x: ", " @skip(if: $no) @include(if: $yes)"),
        ("... { ", " }"),
        ("... @include(if: $no) { ", " }"),
        ("... on Here { ", " }"),
    ]);
    let alone = (dress, field).prop_map(move |((before, after), field)| {
        // A directive and an alias belong to the field's name, before what is selected of it.
        match field.split_once(" {") {
            Some((name, inner)) if after.starts_with(" @") => format!("{before}{name}{after} {{{inner}"),
            _ => format!("{}{field}{after}", before.replace("Here", on)),
        }
    });
    prop_oneof![12 => alone, 1 => Just("__typename".to_owned()), 1 => Just(format!("...{on}s"))].boxed()
}

fn fields(names: &'static [&'static str]) -> BoxedStrategy<String> {
    select(names).prop_map(str::to_owned).boxed()
}

const OF_A_RECORD: &[&str] = &[
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
];

fn record() -> BoxedStrategy<String> {
    let dressed = prop::collection::vec(dressed(fields(OF_A_RECORD), "Record"), 1..6);
    let plain = prop::collection::vec(fields(OF_A_RECORD), 1..6);
    prop_oneof![dressed, plain].prop_map(|fields| fields.join(" ")).boxed()
}

fn selection() -> BoxedStrategy<String> {
    let records = record().prop_map(|fields| format!("records {{ {fields} }}"));
    let plain = fields(&["versionId", "revision", "rankState", "totalCount", "nothing"][..4]);
    let field = prop_oneof![2 => plain, 1 => records].boxed();
    prop::collection::vec(dressed(field, "LeaderboardChange"), 1..6).prop_map(|all| all.join(" ")).boxed()
}

/// What varies around a field: head, alias, directive.
fn around() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let head = select(vec!["subscription", "subscription S", "subscription S"]);
    let root = select(vec!["", "", "top: "]);
    let extra = select(vec!["", "", "", "", " @include(if: $yes)", " @skip(if: $yes)"]);
    (head, root, extra)
}

fn of_a_board() -> BoxedStrategy<Asked> {
    let id = select(vec!["b", "b", "b", "b", "b", "none", ""]);
    let first = select(vec![json!(1), json!(2), json!(100), json!(null), json!(0), json!(101), json!("1")]);
    let usual = (Just(json!(3)), first, prop::bool::weighted(0.8));
    let first = usual.prop_map(|(usual, odd, take)| if take { usual } else { odd });
    let all = (around(), selection(), id, first, any::<bool>());
    all.prop_map(|(around, selection, id, first, yes)| {
        let field = "leaderboardChanged(id: $id, first: $first)";
        let asked = whole(around, "$id: ID!, $first: Int", field, &selection);
        Asked { variables: json!({ "id": id, "first": first, "yes": yes }), ..asked }
    })
    .boxed()
}

fn of_a_player() -> BoxedStrategy<Asked> {
    let id = select(vec!["b", "b", "b", "b", "b", "none", ""]);
    let player =
        select(vec![json!("ada"), json!("ada"), json!("bob"), json!("no\"body"), json!(""), json!(7)]);
    let given = select(vec!["playerId: $player", "playerId: $player", "playerId: \"ada\"", ""]);
    let all = (around(), record(), id, player, given, any::<bool>());
    all.prop_map(|(around, selection, id, player, given, yes)| {
        let field = format!("rankChanged(leaderboardId: $id, {given})");
        let asked = whole(around, "$id: ID!, $player: ID!", &field, &selection);
        Asked { variables: json!({ "id": id, "player": player, "yes": yes }), ..asked }
    })
    .boxed()
}

/// The document around a field, with what it uses.
fn whole((head, root, extra): (&str, &str, &str), variables: &str, field: &str, selection: &str) -> Asked {
    let mut query = format!(
        "{head}({variables}, $yes: Boolean!, $no: Boolean = false) {{ {root}{field}{extra} {{ {selection} }} }}"
    );
    let used = |name: &str| selection.contains(name) || extra.contains(name);
    let mut tail = String::new();
    if used("...LeaderboardChanges") {
        tail += " fragment LeaderboardChanges on LeaderboardChange { totalCount c: revision }";
    }
    if used("...Records") {
        tail += " fragment Records on Record { playerId at: rank @skip(if: $no) }";
    }
    if !used("if: $no") && !tail.contains("if: $no") {
        query = query.replace(", $no: Boolean = false", "");
    }
    if !used("if: $yes") {
        query = query.replace(", $yes: Boolean!", "");
    }
    if !field.contains("$player") {
        query = query.replace(", $player: ID!", "");
    }
    Asked { query: query + &tail, variables: Value::Null }
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![of_a_board(), of_a_player()]
}

async fn submit(api: &Api, player: &str, score: i64) {
    let metadata = json!({ "é": score, "at": ["\n", "\u{2028}"] });
    let input =
        json!({ "leaderboardId": "b", "playerId": player, "score": score, "metadata": metadata.to_string() });
    api.request(
        "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }",
        json!({ "in": input }),
    )
    .await;
}

/// Twins over one model with one board, the first of which shares.
async fn twins() -> (Api, Api, Model) {
    let model = Model::default();
    let sharing = Api::over(model.clone(), |_| {});
    let alone = Api::over(model.clone(), |parts| parts.limits.shared_events = false);
    sharing.create(json!({ "id": "b" })).await;
    (sharing, alone, model)
}

/// The next event of each that is still there; those that have ended are put away.
async fn next(streams: &mut [Option<Events>]) -> Vec<Option<String>> {
    let mut told = Vec::new();
    for stream in streams {
        let event = match stream {
            Some(events) => events.next().await,
            None => None,
        };
        if event.is_none() || event.as_deref() == Some("event: complete\ndata:") {
            *stream = None;
        }
        told.push(event);
    }
    told
}

async fn told_alike(asked: &Asked, others: &Asked, end: Option<Trouble>) -> Vec<Option<String>> {
    let (sharing, alone, model) = twins().await;
    submit(&sharing, "ada", 5).await;
    let mut streams = Vec::new();
    let of = async |api: &Api, asked: &Asked| Some(api.events(&asked.query, asked.variables.clone()).await);
    streams.push(of(&alone, asked).await);
    // Another selection of the same board in between must not be mistaken for it.
    for asked in [asked, others, asked] {
        streams.push(of(&sharing, asked).await);
    }
    let mut all = Vec::new();
    for step in 0..5 {
        let told = next(&mut streams).await;
        assert_eq!(told[0], told[1], "{asked:?}");
        assert_eq!(told[0], told[3], "{asked:?}");
        all.push(told[0].clone());
        match step {
            0 => submit(&sharing, "bob", 7).await,
            1 => submit(&alone, "ada", 9).await,
            2 => drop(
                sharing
                    .request("mutation { resetLeaderboard(id: \"b\") { userErrors { code } } }", json!({}))
                    .await,
            ),
            _ => model.trouble_live(end.clone()),
        }
    }
    all
}

#[test]
fn whoever_shares_is_told_what_each_alone_would_be() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut valid = 0;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
    let trouble = proptest::option::of(select(vec![
        Trouble::Unavailable("away".to_owned()),
        Trouble::Internal("a defect".to_owned()),
    ]));
    let counted = std::cell::Cell::new(0);
    runner
        .run(&(asked(), asked(), trouble), |(asked, others, end)| {
            let told = runtime.block_on(told_alike(&asked, &others, end));
            let lively = told.iter().flatten().filter(|event| event.contains("\"data\":{")).count();
            counted.set(counted.get() + usize::from(lively > 2));
            Ok(())
        })
        .unwrap();
    valid += counted.get();
    assert!(valid > 100, "only {valid} of 400 generated subscriptions said anything: they try nothing");
}

#[tokio::test]
async fn refusals_and_troubles_are_those_of_the_full_path() {
    let of = |query: &str, variables: Value| Asked { query: query.to_owned(), variables };
    let usual = of("subscription { leaderboardChanged(id: \"b\") { revision } }", json!({}));
    for (query, code) in [
        ("subscription { leaderboardChanged(id: \"none\") { revision } }", "NOT_FOUND"),
        ("subscription { leaderboardChanged(id: \"\") { revision } }", "INVALID"),
        ("subscription { leaderboardChanged(id: \"b\", first: 0) { revision } }", "INVALID"),
        ("subscription { leaderboardChanged(id: \"b\", first: 101) { revision } }", "INVALID"),
        ("subscription { leaderboardChanged(id: \"b\", first: \"1\") { revision } }", "BAD_REQUEST"),
        ("subscription { leaderboardChanged { revision } }", "BAD_REQUEST"),
        ("subscription { leaderboardChanged(id: \"b\") { unknown } }", "BAD_REQUEST"),
        ("subscription { leaderboardChanged(id: \"b\") }", "BAD_REQUEST"),
        ("subscription($x: ID!) { leaderboardChanged(id: $x) { revision } }", "BAD_REQUEST"),
        ("subscription { rankChanged(leaderboardId: \"none\", playerId: \"p\") { rank } }", "NOT_FOUND"),
        ("subscription { rankChanged(leaderboardId: \"b\", playerId: \"\") { rank } }", "INVALID"),
        ("subscription { rankChanged(leaderboardId: \"b\") { rank } }", "BAD_REQUEST"),
        ("subscription { rankChanged(leaderboardId: \"b\", playerId: \"p\", x: 1) { rank } }", "BAD_REQUEST"),
        (
            "subscription { rankChanged(leaderboardId: \"b\", playerId: \"p\") { rank unknown } }",
            "BAD_REQUEST",
        ),
        (
            "subscription { rankChanged(leaderboardId: \"b\", playerId: \"p\") { metadata { x } } }",
            "BAD_REQUEST",
        ),
    ] {
        let told = told_alike(&of(query, json!({})), &usual, None).await;
        let error: Value =
            serde_json::from_str(told[0].as_ref().unwrap().split_once("data: ").unwrap().1).unwrap();
        let said = &error["errors"][0]["extensions"]["code"];
        assert!(said == code || (code == "BAD_REQUEST" && said == "INVALID"), "{query}: {error}");
        assert_eq!(told[1].as_deref(), Some("event: complete\ndata:"), "{query}");
    }
    let ranks = "subscription {\n  mine: rankChanged(leaderboardId: \"b\", playerId: \"ada\") { rank } }";
    for asked in [usual.clone(), of(ranks, json!({}))] {
        let told = told_alike(&asked, &usual, Some(Trouble::Unavailable("away".to_owned()))).await;
        assert!(told[3].as_ref().unwrap().contains("\"data\":{"), "{told:?}");
        let last = told[4].as_ref().unwrap();
        assert!(last.contains("UNAVAILABLE") && last.contains("\"data\":null"), "{last}");
    }
}

#[tokio::test]
async fn a_change_is_rendered_once_a_selection() {
    let (sharing, alone, _) = twins().await;
    let watch = "subscription($n: Int) { leaderboardChanged(id: \"b\", first: $n) { records { playerId } } }";
    for (api, renders) in [(&sharing, 2), (&alone, 50)] {
        let renders_so_far = async || api.metric("hiscore_subscription_renders_total").await;
        let mut streams = Vec::new();
        for n in 0..50 {
            streams.push(api.events(watch, json!({ "n": 1 + n % 2 })).await);
        }
        for stream in &mut streams {
            stream.text().await;
        }
        for step in 0..10 {
            let before = renders_so_far().await;
            submit(api, &format!("p{step}"), step).await;
            for (n, stream) in streams.iter_mut().enumerate() {
                let shown = stream.json().await["data"]["leaderboardChanged"]["records"].clone();
                assert!(shown.as_array().unwrap().len() <= 1 + n % 2);
            }
            assert_eq!(renders_so_far().await - before, renders, "step {step}");
        }
        assert_eq!(api.metric("hiscore_event_streams").await, 50);
        assert_eq!(api.metric("hiscore_event_stream_events_total").await, 550);
    }
}

#[tokio::test]
async fn who_submits_and_then_subscribes_sees_it() {
    let (sharing, _, _) = twins().await;
    let watch = "subscription { leaderboardChanged(id: \"b\") { totalCount } }";
    let mut followers = Vec::new();
    for n in 1..=20 {
        submit(&sharing, &format!("p{n}"), n).await;
        let mut events = sharing.events(watch, json!({})).await;
        assert_eq!(events.json().await["data"]["leaderboardChanged"]["totalCount"], n);
        followers.push(events);
    }
    // Who was there before is told the latest, and not what was in between.
    for events in &mut followers[..19] {
        assert_eq!(events.json().await["data"]["leaderboardChanged"]["totalCount"], 20);
    }
}
