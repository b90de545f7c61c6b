//! GraphQL: any document with any variables, to a server that makes plans and to one that does not.
//!
//! An input is a document and, behind bytes of 0, variables, each a text of JSON. Each is sent twice: the first makes the
//! document known, the second may go by its plan. Without a 0 the input is the body of a request.

use axum::body::Body;
use hiscore_api::service::Service;
use hiscore_score::{LeaderboardId, Operator, Rules};
use http::Request;
use tokio::runtime::{Builder, Runtime};

use support::client::{Answer, Api};
use support::model::Model;

#[path = "../../api/tests/support/mod.rs"]
mod support;

/// Variables of one input.
const MOST: usize = 4;

/// Made once, since a schema takes longer to build than to use. So a document may be known from an earlier input; what one
/// input is about is known in any case, since it is sent twice.
struct Servers {
    runtime: Runtime,
    full: Api,
    short: Api,
}

thread_local! {
    static SERVERS: Servers = Servers {
        runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        full: server(false),
        short: server(true),
    };
}

/// Both servers answer alike, to the byte but for the order of what is wrong with a document, and have the same afterwards.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    SERVERS.with(|Servers { runtime, full, short }| {
        runtime.block_on(async {
            empty(full).await;
            empty(short).await;
            for body in bodies(text) {
                let (wanted, got) = (send(full, &body).await, send(short, &body).await);
                assert_eq!(said(&wanted), said(&got), "{body}");
                assert_eq!((wanted.status, &wanted.headers), (got.status, &got.headers), "{body}");
                assert_eq!(full.model.contents(), short.model.contents(), "{body}");
            }
        });
    });
}

/// What is wrong with a document has no order: variables that nothing uses come out of a set.
fn said(answer: &Answer) -> String {
    let mut said = answer.json();
    if said.get("data").is_none()
        && let Some(errors) = said["errors"].as_array_mut()
    {
        errors.sort_by_key(ToString::to_string);
        return said.to_string();
    }
    answer.text().to_owned()
}

fn bodies(text: &str) -> Vec<String> {
    let mut parts = text.split('\0');
    let (Some(document), Some(first)) = (parts.next(), parts.next()) else { return vec![text.to_owned()] };
    let document = serde_json::Value::from(document);
    let body = |variables| format!(r#"{{"query":{document},"variables":{variables}}}"#);
    let all = std::iter::once(first).chain(parts).take(MOST).map(body);
    all.flat_map(|body| [body.clone(), body]).collect()
}

fn server(plans: bool) -> Api {
    Api::over(Model::default(), |parts| {
        parts.limits.plans = plans;
        parts.limits.bulk_entries = 4;
    })
}

async fn empty(api: &Api) {
    api.model.clear();
    for (id, operator) in [("best", Operator::Best), ("sum", Operator::Increment), ("set", Operator::Set)] {
        let rules = Rules { operator, ..Rules::default() };
        api.model.create(&LeaderboardId::new(id).unwrap(), rules).await.unwrap();
    }
}

async fn send(api: &Api, body: &str) -> Answer {
    let request = Request::post("/graphql").header("content-type", "application/json");
    api.send(request.body(Body::from(body.to_owned())).unwrap()).await
}
