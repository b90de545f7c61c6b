//! As much of a MongoDB client as a test needs that steers the server: one command, one reply, on a connection of
//! its own. It knows nothing of replica sets: whom it asks, answers.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bson::Document;

/// The one message there is since MongoDB 3.6.
const OP_MSG: i32 = 2013;

/// Length, request, the request that is answered, and the operation: four numbers of 32 bits.
const HEADER: usize = 16;

/// After the header: the flags (32 bits) and the kind of the only section.
const BEFORE_DOCUMENT: usize = HEADER + 4 + 1;

/// More than any reply of MongoDB can have.
const MOST: usize = 48 << 20;

/// Does `command` in the database that its `$db` names, else in `admin`. A refusal (`ok: 0`) is a reply, too.
pub(super) fn call(address: SocketAddr, mut command: Document, patience: Duration) -> Result<Document> {
    if !command.contains_key("$db") {
        command.insert("$db", "admin");
    }
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(&message(&command)?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_le_bytes(length)).map_err(strange)?;
    if !(BEFORE_DOCUMENT..=MOST).contains(&length) {
        return Err(strange(format!("a message of {length} bytes")));
    }
    let mut rest = vec![0; length - 4];
    stream.read_exact(&mut rest)?;
    let document = rest.get(BEFORE_DOCUMENT - 4..).unwrap_or_default();
    Document::from_reader(document).map_err(strange)
}

fn message(command: &Document) -> Result<Vec<u8>> {
    let mut document = Vec::new();
    command.to_writer(&mut document).map_err(strange)?;
    let length = i32::try_from(BEFORE_DOCUMENT + document.len()).map_err(strange)?;
    let mut message = Vec::with_capacity(BEFORE_DOCUMENT + document.len());
    for number in [length, 1, 0, OP_MSG, 0] {
        message.extend(number.to_le_bytes());
    }
    message.push(0);
    message.extend(document);
    Ok(message)
}

fn strange(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}
