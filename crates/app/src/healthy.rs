//! `hiscore healthy`: asks a server whether it is ready, for health checks where there is no other client at hand.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A server that is ready answers in no time; a check that hangs is a failed one.
const PATIENCE: Duration = Duration::from_secs(5);

/// `Ok` when the server at `url` says that it is ready; else why not.
pub async fn healthy(url: &str) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, ask(url)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("{url} did not answer within {} s", PATIENCE.as_secs())),
    }
}

async fn ask(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is no URL: {error}"))?;
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(format!("{url} is no URL of a server: write for example http://127.0.0.1:8080"));
    };
    let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let address = (uri.host().unwrap_or_default(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) =
        http1::handshake::<_, String>(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::GET)
        .uri("/readyz")
        .header(HOST, authority.as_str())
        .body(String::new())
        .map_err(|error| failed(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
    connection.abort();
    match answer.status() {
        StatusCode::OK => Ok(()),
        status => Err(format!("{url} is not ready ({status}); {url}/readyz?verbose says why")),
    }
}
