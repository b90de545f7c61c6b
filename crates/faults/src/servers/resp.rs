//! As much of a Redis client as a test needs that steers the server: one connection, one command at a time.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that does not answer for so long is paused or gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status, as `OK`.
    Status(String),
    /// A refusal, with its code first, as `ERR unknown command`.
    Error(String),
    /// A number.
    Integer(i64),
    /// A string of bytes, shown as text.
    Text(String),
    /// No string, or no array.
    Nil,
    /// Several replies.
    Array(Vec<Reply>),
}

/// As text: an array is one reply a line, nothing at all is `(nil)`.
impl std::fmt::Display for Reply {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(text) | Self::Error(text) | Self::Text(text) => out.write_str(text),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Nil => out.write_str("(nil)"),
            Self::Array(replies) => replies.iter().enumerate().try_for_each(|(index, reply)| {
                let separator = if index == 0 { "" } else { "\n" };
                write!(out, "{separator}{reply}")
            }),
        }
    }
}

/// A connection to a Redis server or a Sentinel.
#[derive(Debug)]
pub struct Resp {
    stream: BufReader<TcpStream>,
}

impl Resp {
    /// Connects; every answer is awaited for 10 s at most.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        Self::connect_within(address, PATIENCE)
    }

    /// Connects, with another time to wait for an answer.
    pub fn connect_within(address: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a command and waits for its reply. A refusal is a reply, too; after an error the connection is of no
    /// more use.
    pub fn call(&mut self, command: &[&str]) -> Result<Reply> {
        let mut request = format!("*{}\r\n", command.len());
        for part in command {
            request.push_str(&format!("${}\r\n{part}\r\n", part.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| strange(&line))?;
        match kind {
            "+" => Ok(Reply::Status(rest.to_owned())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => rest.parse().map(Reply::Integer).map_err(|_| strange(&line)),
            "$" | "*" if rest == "-1" => Ok(Reply::Nil),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().map_err(|_| strange(&line))?];
                self.stream.read_exact(&mut bytes)?;
                self.line()?;
                Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            "*" => {
                let count: usize = rest.parse().map_err(|_| strange(&line))?;
                (0..count).map(|_| self.reply()).collect::<Result<_>>().map(Reply::Array)
            }
            _ => Err(strange(&line)),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }
}

fn strange(line: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a reply of Redis: {line:?}"))
}
