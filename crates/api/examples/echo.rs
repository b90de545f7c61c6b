//! The least that an HTTP server of this kind does, for `bench/run.py`: reads a body and gives it back. No figure of ours can be
//! above it.
//!
//! `echo HOST:PORT`

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let address = std::env::args().nth(1).ok_or("echo HOST:PORT")?;
    let app = Router::new().route("/graphql", post(|body: Bytes| async { body }));
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app).await?)
}
