//! Two servers that are asked the same, and what they are asked made of.

use axum::body::Body;
use hiscore_api::service::Trouble;
use http::Request;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::client::{Answer, Api};
use crate::support::model::Model;

/// A request as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) body: String,
    pub(crate) accept: Option<&'static str>,
    pub(crate) trouble: Option<Trouble>,
}

/// What both servers are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) warming: bool,
    pub(crate) rows: u64,
}

/// Mostly `usual`, now and then `odd`.
pub(crate) fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: impl Strategy<Value = T> + 'static,
    odd: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![30 => usual, 1 => odd].boxed()
}

pub(crate) fn text(choices: &'static [&'static str]) -> BoxedStrategy<String> {
    select(choices).prop_map(str::to_owned).boxed()
}

/// JSON that stands where something else should.
pub(crate) fn odd() -> BoxedStrategy<String> {
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let odd = [
        "null",
        "true",
        "\"\"",
        "1.0",
        "1e3",
        "-0",
        "-0.0",
        "1E400",
        "9007199254740991",
        "9007199254740992",
        "-9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "[]",
        "[1]",
        "{}",
        "{\"score\": 1}",
        "\"5\"",
        "7",
        "\"a{b\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\u0070\\u0031\"",
        "01",
        "nul",
        "\"\u{7f}\"",
        "{\"PERSISTED\": null}",
        "{\"a\":1,\"a\":2}",
        "0.1",
        "123456789012345678.9",
        "1e-7",
        "[null,{\"z\":1,\"a\":[2.50]}]",
    ];
    let mut odd: Vec<String> = odd.iter().map(|text| (*text).to_owned()).collect();
    odd.extend([
        deep(8),
        deep(9),
        deep(140),
        format!("\"{}\"", "x".repeat(129)),
        format!("\"{}\"", "é".repeat(2100)),
    ]);
    select(odd).boxed()
}

/// A server with three boards and two players who are trouble.
async fn server(setting: Setting, plans: bool) -> Api {
    let model = if setting.warming { Model::warming() } else { Model::default() };
    let api = Api::over(model, |parts| {
        parts.limits.plans = plans;
        parts.limits.rows = setting.rows;
        parts.limits.bulk_entries = 4;
    });
    for (id, operator) in [("best", "BEST"), ("sum", "INCREMENT"), ("set", "SET")] {
        api.create(json!({ "id": id, "operator": operator })).await;
    }
    api.model.fail_player("bad", Trouble::Unavailable("away".into()));
    api.model.set_bomb("bomb");
    api
}

async fn send(api: &Api, sent: &Sent) -> Answer {
    if let Some(trouble) = sent.trouble.clone() {
        api.model.fail_next(trouble);
    }
    let mut request = Request::post("/graphql").header("content-type", "application/json");
    if let Some(accept) = sent.accept {
        request = request.header("accept", accept);
    }
    api.send(request.body(Body::from(sent.body.clone())).unwrap()).await
}

/// What was counted, but for how long it took.
async fn counted(api: &Api) -> String {
    let metrics = api.get("/metrics").await;
    let mut lines: Vec<_> =
        metrics.text().lines().filter(|line| !line.contains("_sum") && !line.contains("_bucket")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Sends the same to both, `prepare`d alike before, and compares whatever can be seen.
pub(crate) async fn compare(setting: Setting, sent: impl Iterator<Item = Sent>, prepare: impl AsyncFn(&Api)) {
    let (full, short) = (server(setting, false).await, server(setting, true).await);
    prepare(&full).await;
    prepare(&short).await;
    for sent in sent {
        let (wanted, got) = (send(&full, &sent).await, send(&short, &sent).await);
        assert_eq!(wanted.text(), got.text(), "{sent:?}");
        assert_eq!((wanted.status, &wanted.headers), (got.status, &got.headers), "{sent:?}");
        assert_eq!(full.model.contents(), short.model.contents(), "{sent:?}");
    }
    assert_eq!(counted(&full).await, counted(&short).await);
}
