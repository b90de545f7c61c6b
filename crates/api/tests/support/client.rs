//! Sends real HTTP requests through the front, without a socket.

use std::sync::Arc;

use axum::body::Body;
use hiscore_api::service::{Health, Service};
use hiscore_api::{ApiParts, Front, Limits};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::model::{Model, Switch};

/// The parts of an API over these stages.
pub fn parts(service: Arc<dyn Service>, health: Arc<dyn Health>) -> ApiParts {
    ApiParts {
        service,
        health,
        registry: Registry::default(),
        limits: Limits::default(),
        cursor_secret: Arc::new(std::sync::OnceLock::from([42; 32])),
        allowed_origins: vec!["https://game.example".to_owned()],
        shutdown: CancellationToken::new(),
        sockets: TaskTracker::new(),
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `extensions.code` of the first error.
    pub fn code(&self) -> Value {
        self.json()["errors"][0]["extensions"]["code"].clone()
    }
}

/// An API over a model.
pub struct Api {
    pub model: Model,
    pub health: Switch,
    pub shutdown: CancellationToken,
    pub front: Front,
}

impl Default for Api {
    fn default() -> Self {
        Self::over(Model::default(), |_| {})
    }
}

impl Api {
    pub fn over(model: Model, change: impl FnOnce(&mut ApiParts)) -> Self {
        let health = Switch::default();
        let mut parts = parts(Arc::new(model.clone()), Arc::new(health.clone()));
        change(&mut parts);
        let shutdown = parts.shutdown.clone();
        Self { model, health, shutdown, front: hiscore_api::front(parts) }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.front.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Posts bytes as JSON and takes what a refusal shows in its status.
    pub async fn post(&self, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
            .body(body.into());
        self.send(request.unwrap()).await
    }

    pub async fn request(&self, query: &str, variables: Value) -> Answer {
        self.post(json!({ "query": query, "variables": variables }).to_string()).await
    }

    /// The data of a request that must succeed.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.request(query, variables).await;
        let json = answer.json();
        assert_eq!(answer.status, StatusCode::OK, "{query}: {json}");
        assert!(json.get("errors").is_none(), "{query}: {json}");
        json["data"].clone()
    }

    pub async fn create(&self, input: Value) -> Value {
        let query = "mutation($input: CreateLeaderboardInput!) { createLeaderboard(input: $input) {
            leaderboard { id operator sortOrder subscoreOrder versionId } userErrors { code field message } } }";
        self.data(query, json!({ "input": input })).await["createLeaderboard"].clone()
    }

    pub async fn submit(&self, input: Value) -> Value {
        let query = "mutation($input: SubmitScoreInput!) { submitScore(input: $input) {
            record { rank score subscore numScore metadata } previousRank ack outcome userErrors { code field message } } }";
        self.data(query, json!({ "input": input })).await["submitScore"].clone()
    }
}
