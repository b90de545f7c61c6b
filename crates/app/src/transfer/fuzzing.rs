//! For `fuzz/`: an export in memory, read, written, and given check sums that are right.

#![allow(missing_docs, clippy::unwrap_used, reason = "for tests only")]

use hiscore_score::Stamp;
use sha2::{Digest, Sha256};

use super::convert::hex;
use super::lines::Header;
use super::reader::Reader;
use super::writer::Writer;
use super::{FileError, Item};

/// What an export begins with, to write it again.
#[derive(Debug)]
pub struct Head(Header);

/// Everything that an export holds, if all of it is right.
pub fn read(export: &[u8]) -> Result<(Head, Vec<Item>), FileError> {
    let (mut reader, _, header) = Reader::open(export)?;
    let mut items = Vec::new();
    while let Some(piece) = reader.next()? {
        items.extend(piece);
    }
    Ok((Head(header), items))
}

/// An export of these items.
pub fn write(head: &Head, items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, head.0.clone()).unwrap();
    for item in items {
        match item {
            Item::Board(id, board) => writer.board(id, board).unwrap(),
            Item::Record(key, record) => writer.record(key, record).unwrap(),
        }
    }
    writer.end().unwrap();
    out
}

/// An export with these lines, and a trailer that fits.
pub fn sealed(lines: &[u8]) -> Vec<u8> {
    let header = Header {
        format: super::lines::FORMAT,
        id: String::new(),
        shards: 4,
        window: 32,
        exported_at: super::convert::rfc3339(Stamp::ZERO.unix_ms()),
        hiscore: String::new(),
    };
    let mut out = Vec::new();
    // Without its end.
    drop(Writer::new(&mut out, header).unwrap());
    out.extend_from_slice(lines);
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    let count =
        |what: &[u8]| lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(what)).count();
    let (boards, records) = (count(b"{\"leaderboard\":"), count(b"{\"record\":"));
    let sum = hex(&Sha256::digest(&out));
    let end = format!(r#"{{"end":{{"leaderboards":{boards},"records":{records},"sha256":"{sum}"}}}}"#);
    out.extend_from_slice(end.as_bytes());
    out.push(b'\n');
    out
}
