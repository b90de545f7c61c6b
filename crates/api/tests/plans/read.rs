//! Readings: a page, a player, its neighbours, and what a board says of itself.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::client::Api;
use crate::twins::{Sent, Setting, compare, mostly, odd, text};

const RECORD: [&str; 11] = [
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
    "__typename",
];

fn joined(fields: impl Strategy<Value = String> + 'static, most: usize) -> BoxedStrategy<String> {
    prop::collection::vec(fields, 1..most).prop_map(|fields| fields.join(" ")).boxed()
}

fn record() -> BoxedStrategy<String> {
    let field = mostly(
        select(RECORD.to_vec()).prop_map(str::to_owned),
        text(&["r: rank", "rank @include(if: true)", "...F"]),
    );
    joined(field, 6)
}

fn argument(
    name: &'static str,
    literals: &'static [&'static str],
    variable: &'static str,
) -> BoxedStrategy<String> {
    prop_oneof![
        2 => Just(String::new()),
        2 => Just(format!("{name}: {variable} ")),
        1 => text(literals).prop_map(move |literal| format!("{name}: {literal} ")),
    ]
    .boxed()
}

fn player() -> BoxedStrategy<String> {
    mostly(Just("playerId: $p ".to_owned()), text(&["playerId: \"p2\" ", "playerId: 7 ", "playerId: \"\" "]))
}

fn part() -> BoxedStrategy<String> {
    let alias = mostly(Just(String::new()), text(&["a: ", "b: "]));
    let arguments = |all: String| if all.is_empty() { all } else { format!("({all})") };
    let connection = joined(
        prop_oneof![
            4 => record().prop_map(|fields| format!("nodes {{ {fields} }}")),
            1 => text(&["totalCount", "__typename", "pageInfo { hasNextPage hasPreviousPage }", "pageInfo { endCursor }"]),
            1 => record().prop_map(|fields| format!("edges {{ cursor node {{ {fields} }} }}")),
        ],
        3,
    );
    let records = (
        argument("first", &["3", "1000", "1001", "0", "null", "-1"], "$n"),
        argument("fromRank", &["1", "2", "0", "2147483647"], "$k"),
        mostly(Just(String::new()), text(&["versionId: 1 ", "after: \"x\" "])),
        connection,
    );
    let records = records.prop_map(move |(first, rank, more, fields)| {
        format!("records{} {{ {fields} }}", arguments(format!("{first}{rank}{more}")))
    });
    let around = (player(), argument("range", &["0", "1", "100", "101"], "$n"), record());
    let around = around.prop_map(|(player, range, fields)| format!("around({player}{range}) {{ {fields} }}"));
    let one = (player(), record()).prop_map(|(player, fields)| format!("record({player}) {{ {fields} }}"));
    let board = text(&["id", "versionId", "totalCount", "rankState", "revision", "__typename", "operator"]);
    (alias, prop_oneof![records, around, one, board])
        .prop_map(|(alias, part)| format!("{alias}{part}"))
        .boxed()
}

/// Declares the variables that are used, as it should be, and now and then not.
fn document() -> BoxedStrategy<String> {
    let board = mostly(text(&["id: $b", "id: \"best\""]), text(&["id: \"none\"", "id: \"\"", "id: 1"]));
    let parts = prop_oneof![3 => part(), 1 => joined(part(), 4)];
    let odd = mostly(Just(""), select(vec!["$x: Int", "directive", "fragment", "more"]));
    (text(&["query", "query Q"]), text(&["", "l: "]), board, parts, odd)
        .prop_map(|(head, alias, board, parts, odd)| {
            let body = format!("{alias}leaderboard({board}) {{ {parts} }}");
            let declared = [("$b", "ID!"), ("$p", "ID!"), ("$n", "Int"), ("$k", "Int!")];
            let used = declared.iter().filter(|(name, _)| body.contains(name));
            let mut variables: Vec<_> = used.map(|(name, of)| format!("{name}: {of}")).collect();
            if odd == "$x: Int" {
                variables.push(odd.to_owned());
            }
            let variables =
                if variables.is_empty() { String::new() } else { format!("({})", variables.join(", ")) };
            let directive = if odd == "directive" { " @skip(if: false)" } else { "" };
            let more = if odd == "more" { " __typename" } else { "" };
            let fragment = if body.contains("...F") || odd == "fragment" {
                " fragment F on Record { rank }"
            } else {
                ""
            };
            format!("{head}{variables}{directive} {{ {body}{more} }}{fragment}")
        })
        .boxed()
}

fn variables() -> BoxedStrategy<String> {
    let value = |usual: &'static [&'static str]| prop_oneof![30 => text(usual), 1 => odd()];
    let named = (
        value(&["\"best\"", "\"sum\"", "\"none\"", "\"\\u0062est\""]),
        value(&["\"p1\"", "\"p3\"", "\"nobody\"", "\"\\u00701\""]),
        value(&["1", "2", "5", "0", "101", "1001", "-1", "2147483648"]),
        value(&["1", "2", "4", "0", "-1", "2147483648"]),
        prop_oneof![
            20 => Just(String::new()),
            1 => odd().prop_map(|odd| format!(",\"x\":{odd}")),
            1 => odd().prop_map(|odd| format!(",\"p\":{odd}")),
        ],
    );
    let all = named.prop_map(|(b, p, n, k, more)| format!(r#"{{"b":{b},"p":{p},"n":{n},"k":{k}{more}}}"#));
    prop_oneof![
        30 => all,
        1 => text(&["null", "{}", "[]", "1", r#"{"b":"best"}"#, r#"{"b":"best","p":"p1","n":null}"#]),
    ]
    .boxed()
}

fn sent(document: String) -> BoxedStrategy<Sent> {
    let name = mostly(Just(""), select(vec![r#","operationName":"Q""#, r#","operationName":"M""#]));
    let more = mostly(Just(""), select(vec![r#","extensions":{}"#, r#","variables":{}"#, "x"]));
    let accept = select(vec![None, Some("application/json"), Some("application/graphql-response+json")]);
    (variables(), name, more, accept, 0..10u8)
        .prop_map(move |(variables, name, more, accept, order)| {
            let query = json!(document).to_string();
            let body = match order {
                0 => format!("{{\"query\": {query}{name}{more}}}"),
                1..4 => format!("{{\"variables\": {variables}, \"query\": {query}{name}{more}}}"),
                _ => format!("{{\"query\": {query}{name},\"variables\":{variables}{more}}}"),
            };
            Sent { body, accept, trouble: None }
        })
        .boxed()
}

/// Three players on two boards.
async fn play(api: &Api) {
    let submit = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }";
    for (board, player, score) in [("best", "p1", 5), ("best", "p2", 9), ("best", "p3", 5), ("sum", "p1", -1)]
    {
        let input = json!({ "leaderboardId": board, "playerId": player, "score": score, "metadata": { "of": [player, 1.50] } });
        api.data(submit, json!({ "in": input })).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_reads_as_the_full_path_does(
        (document, sent) in document().prop_flat_map(|document| {
            (Just(document.clone()), prop::collection::vec(sent(document), 4..12))
        }),
        warming in prop::bool::weighted(0.1),
        rows in prop_oneof![4 => Just(10_000u64), 1 => Just(4u64)],
    ) {
        let body = json!({ "query": document, "variables": { "b": "best", "p": "p1", "n": 2, "k": 1 } }).to_string();
        let first = Sent { body, accept: None, trouble: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let all = std::iter::once(first).chain(sent);
        runtime.block_on(compare(Setting { warming, rows }, all, play));
    }
}

#[tokio::test]
async fn a_plan_asks_the_stages_for_no_more_than_it_shows() {
    let api = Api::default();
    api.create(json!({ "id": "best" })).await;
    play_on(&api).await;
    let query = "query($p: ID!) { leaderboard(id: \"best\") { record(playerId: $p) { rank } } }";
    let reads = async || {
        let before = api.model.calls();
        assert_eq!(api.data(query, json!({ "p": "p1" })).await["leaderboard"]["record"]["rank"], 1);
        api.model.calls() - before
    };
    // The board, then the record; and then, by the plan, the record alone.
    assert_eq!((reads().await, reads().await), (2, 1));
}

async fn play_on(api: &Api) {
    let submit = "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }";
    let input = json!({ "leaderboardId": "best", "playerId": "p1", "score": 1 });
    api.data(submit, json!({ "in": input })).await;
}
