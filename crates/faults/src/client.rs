//! HTTP/1.1 over one kept connection, blocking: as little as a fault test needs, and exact about what a failure means.
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::io::{BufRead, BufReader, Error, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// Longer than any answer takes that still comes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There was no connection, so nothing was sent.
    NotSent(String),
    /// The connection broke or went silent after something was sent.
    Broken(String),
}

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    patience: Duration,
    kept: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client that is not connected yet.
    pub fn new(address: SocketAddr) -> Self {
        Self::patient(address, PATIENCE)
    }

    /// A client that waits so long for a connection, and for an answer.
    pub fn patient(address: SocketAddr, patience: Duration) -> Self {
        Self { address, patience, kept: None }
    }

    /// Asks for `path`; status and body.
    pub fn get(&mut self, path: &str) -> Result<(u16, String), Failure> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address))
    }

    /// Sends an operation; status and the whole answer.
    pub fn graphql(&mut self, query: &str, variables: &Value) -> Result<(u16, Value), Failure> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (status, answer) = self.exchange(&format!(
            "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept: application/graphql-response+json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ))?;
        let answer = serde_json::from_str(&answer);
        let answer = answer.map_err(|error| Failure::Broken(format!("status {status}, no JSON: {error}")))?;
        Ok((status, answer))
    }

    /// `data` of an operation that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn data(&mut self, query: &str, variables: &Value) -> Value {
        let (_, mut answer) = self.graphql(query, variables).expect("an answer");
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    }

    /// Connects if need be, so that a server which stops sees an idle connection.
    pub fn connect(&mut self) -> Result<(), Failure> {
        if self.kept.is_none() {
            let refused = |error: Error| Failure::NotSent(error.to_string());
            let stream = TcpStream::connect_timeout(&self.address, self.patience).map_err(refused)?;
            stream.set_nodelay(true).map_err(refused)?;
            stream.set_read_timeout(Some(self.patience)).map_err(refused)?;
            stream.set_write_timeout(Some(self.patience)).map_err(refused)?;
            self.kept = Some(BufReader::new(stream));
        }
        Ok(())
    }

    fn exchange(&mut self, request: &str) -> Result<(u16, String), Failure> {
        self.connect()?;
        let Some(mut connection) = self.kept.take() else {
            return Err(Failure::NotSent("no connection".into()));
        };
        let answered =
            connection.get_mut().write_all(request.as_bytes()).and_then(|()| answer(&mut connection));
        let (status, keep, body) = answered.map_err(|error| Failure::Broken(error.to_string()))?;
        if keep {
            self.kept = Some(connection);
        }
        Ok((status, body))
    }
}

/// Reads one answer: status, whether the connection stays, body.
fn answer(from: &mut impl BufRead) -> std::io::Result<(u16, bool, String)> {
    let bad = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status =
        status.ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, format!("no status in {line:?}")))?;
    let (mut length, mut keep) = (None, true);
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(':') {
            None if line.is_empty() => break,
            Some(("content-length", value)) => length = value.trim().parse().ok(),
            Some(("connection", value)) => keep = value.trim() != "close",
            _ => {}
        }
    }
    let mut body = vec![0; length.ok_or_else(|| bad("an answer without a length"))?];
    from.read_exact(&mut body)?;
    String::from_utf8(body).map(|body| (status, keep, body)).map_err(|_| bad("not UTF-8"))
}
