//! Writing an export: line by line, with a check sum after each piece and a trailer that counts. Holds one line.

use std::io::{self, Write};

use hiscore_score::{Leaderboard, LeaderboardId, Record, RecordKey};
use sha2::{Digest, Sha256};

use super::Counts;
use super::convert::{board_line, hex, record_line};
use super::lines::{Check, End, Header, Line};

/// Lines of one piece at most.
const PIECE_LINES: usize = 1_000;
/// Bytes of one piece, but for its last line.
const PIECE_BYTES: usize = 2 << 20;

/// An export that is being written.
pub(super) struct Writer<W> {
    out: W,
    hash: Sha256,
    line: Vec<u8>,
    counts: Counts,
    /// Since the last check.
    lines: usize,
    bytes: usize,
}

impl<W: Write> Writer<W> {
    /// Begins with the header.
    pub(super) fn new(out: W, header: Header) -> io::Result<Self> {
        let counts = Counts::default();
        let mut writer = Self { out, hash: Sha256::new(), line: Vec::new(), counts, lines: 0, bytes: 0 };
        writer.put(&Line::HiscoreExport(header))?;
        Ok(writer)
    }

    /// One board.
    pub(super) fn board(&mut self, id: &LeaderboardId, board: &Leaderboard) -> io::Result<()> {
        self.counts.leaderboards += 1;
        self.put(&Line::Leaderboard(board_line(id, board)))?;
        self.check_if_due()
    }

    /// One record.
    pub(super) fn record(&mut self, key: &RecordKey, record: &Record) -> io::Result<()> {
        self.counts.records += 1;
        self.put(&Line::Record(Box::new(record_line(key, record))))?;
        self.check_if_due()
    }

    /// What was written so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Ends with the trailer. Without it an export is not one.
    pub(super) fn end(mut self) -> io::Result<Counts> {
        let Counts { leaderboards, records } = self.counts;
        let sha256 = self.sum();
        self.put(&Line::End(End { leaderboards, records, sha256 }))?;
        self.out.flush()?;
        Ok(self.counts)
    }

    fn check_if_due(&mut self) -> io::Result<()> {
        if self.lines >= PIECE_LINES || self.bytes >= PIECE_BYTES {
            let sha256 = self.sum();
            self.put(&Line::Check(Check { sha256 }))?;
            (self.lines, self.bytes) = (0, 0);
        }
        Ok(())
    }

    fn sum(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    fn put(&mut self, line: &Line) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.hash.update(&self.line);
        self.lines += 1;
        self.bytes += self.line.len();
        self.out.write_all(&self.line)
    }
}
