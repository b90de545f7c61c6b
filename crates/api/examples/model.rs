//! Serves the tests' model on 127.0.0.1:PORT, for the tests of the wire that need a server and no durability.
//!
//! Takes the arguments of the real binary that those tests use: `serve --listen ADDRESS --data-dir IGNORED`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use support::client::parts;
use support::model::{Model, Switch};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--listen").skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let parts = parts(Arc::new(Model::default()), Arc::new(Switch::default()));
    let (shutdown, sockets) = (parts.shutdown.clone(), parts.sockets.clone());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let serve = axum::serve(
        listener,
        axum::ServiceExt::<axum::extract::Request>::into_make_service(hiscore_api::front(parts)),
    );
    let stop = shutdown.clone();
    serve
        .with_graceful_shutdown(async move {
            terminate.recv().await;
            stop.cancel();
        })
        .await?;
    sockets.close();
    sockets.wait().await;
    Ok(())
}
