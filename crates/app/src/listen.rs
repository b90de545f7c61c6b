//! Listening: takes connections, bounds them, and lets go of them in order when the process stops.
//!
//! HTTP/1.1 only (with upgrades for WebSocket): it is what browsers, games and proxies speak to a plain port.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hiscore_api::Front;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A client has so long to send the head of a request: what a slow one may hold a connection for.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// After a failed accept (out of file handles, mostly) it is no use to try again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `front` until `shutdown`, then stops taking connections and waits until those that are open have ended.
///
/// At most `connections` at once; who comes then waits in the kernel's queue.
pub async fn serve(listener: TcpListener, front: Front, connections: usize, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let (front, shutdown) = (front.clone(), shutdown.clone());
                open.spawn(async move {
                    if let Err(error) = connection(stream, front, shutdown).await {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and awaited: never hold one back for a fuller packet.
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

/// Serves one connection; after `shutdown` it answers what is under way and ends.
async fn connection(stream: TcpStream, front: Front, shutdown: CancellationToken) -> hyper::Result<()> {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(front))
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}
