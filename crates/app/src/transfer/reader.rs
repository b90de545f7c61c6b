//! Reading an export: piece by piece, and none is handed on before its check sum was found right. Holds one piece.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use hiscore_score::{LeaderboardId, RecordKey, VersionId};
use sha2::{Digest, Sha256};

use super::convert::{board, hex, record};
use super::lines::{AnyHeader, FORMAT, Header, Line};
use super::{Counts, Item};

/// The longest line: a record with 1,024 submissions in its window has some 130 KiB.
const MOST_LINE: u64 = 1 << 20;
/// The longest piece. Exports have much shorter ones; what has longer ones is none.
const MOST_LINES: usize = 10_000;
const MOST_BYTES: u64 = 16 << 20;

/// What is wrong with an export. Nothing of the piece in question was written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("the export cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Something else.
    #[error("line 1: this is no export of hiscore")]
    Foreign,
    /// Of a later hiscore.
    #[error(
        "line 1: this export has format {0}, this hiscore knows {FORMAT}: import it with the hiscore that wrote it"
    )]
    UnknownFormat(u32),
    /// A line that is not as it must be.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A check sum is not right.
    #[error(
        "lines {first} to {last}: their check sum is wrong, so something in them was changed since they were written: \
         copy or export again"
    )]
    Damaged {
        /// The first line that may be it.
        first: u64,
        /// The line with the check sum.
        last: u64,
    },
    /// It has no trailer.
    #[error("the export is not complete: it was cut off after line {line}. Copy or export again")]
    CutOff {
        /// The last whole line.
        line: u64,
    },
}

/// An export that is being read.
pub(super) struct Reader<R> {
    from: R,
    hash: Sha256,
    text: Vec<u8>,
    line: u64,
    /// The first line of the piece.
    first: u64,
    window: usize,
    boards: HashMap<LeaderboardId, VersionId>,
    last: Option<LastKey>,
    counts: Counts,
    ended: bool,
}

/// Boards by name, then records by key: so nothing can be there twice.
enum LastKey {
    Board(LeaderboardId),
    Record(RecordKey),
}

impl<R: BufRead> Reader<R> {
    /// Reads the header: the fingerprint that tells this export from others, and what it says.
    pub(super) fn open(from: R) -> Result<(Self, String, Header), FileError> {
        let mut reader = Self {
            from,
            hash: Sha256::new(),
            text: Vec::new(),
            line: 0,
            first: 1,
            window: 0,
            boards: HashMap::new(),
            last: None,
            counts: Counts::default(),
            ended: false,
        };
        if !reader.read_line()? {
            return Err(if reader.text.is_empty() {
                FileError::CutOff { line: 0 }
            } else {
                FileError::Foreign
            });
        }
        let any: AnyHeader = serde_json::from_slice(&reader.text).map_err(|_| FileError::Foreign)?;
        if any.hiscore_export.format != FORMAT {
            return Err(FileError::UnknownFormat(any.hiscore_export.format));
        }
        let Line::HiscoreExport(header) = reader.parse()? else { return Err(FileError::Foreign) };
        if header.shards == 0 || header.shards > 1024 || header.window == 0 || header.window > 1024 {
            return Err(reader.wrong("shards and window must be from 1 to 1024".to_owned()));
        }
        reader.hash.update(&reader.text);
        reader.window = header.window;
        let fingerprint = super::fingerprint(reader.hash.clone());
        Ok((reader, fingerprint, header))
    }

    /// How long the windows are to be.
    pub(super) fn cut_windows(&mut self, length: usize) {
        self.window = length;
    }

    /// The next piece, its check sum right; `None` after the trailer, which then was right too.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Item>>, FileError> {
        let mut items = Vec::new();
        let mut bytes = 0;
        if self.ended {
            return Ok(None);
        }
        self.first = self.line + 1;
        loop {
            if !self.read_line()? {
                return Err(FileError::CutOff { line: self.line });
            }
            bytes += self.text.len() as u64;
            match self.parse()? {
                Line::HiscoreExport(_) => return Err(self.wrong("a second header".to_owned())),
                Line::Leaderboard(line) => {
                    let (id, leaderboard) = board(line).map_err(|why| self.wrong(why))?;
                    let ascends = match &self.last {
                        None => true,
                        Some(LastKey::Board(last)) => *last < id,
                        Some(LastKey::Record(_)) => false,
                    };
                    if !ascends {
                        return Err(self.wrong(format!("leaderboard {id} is out of order, or there twice")));
                    }
                    self.boards.insert(id.clone(), leaderboard.version);
                    self.last = Some(LastKey::Board(id.clone()));
                    self.counts.leaderboards += 1;
                    items.push(Item::Board(id, leaderboard));
                }
                Line::Record(line) => {
                    let (key, record) = record(*line, self.window).map_err(|why| self.wrong(why))?;
                    self.take_key(&key)?;
                    self.counts.records += 1;
                    items.push(Item::Record(key, record));
                }
                Line::Check(check) => {
                    self.compare(&check.sha256)?;
                    self.hash.update(&self.text);
                    return Ok(Some(items));
                }
                Line::End(end) => {
                    self.compare(&end.sha256)?;
                    let counts = Counts { leaderboards: end.leaderboards, records: end.records };
                    if counts != self.counts {
                        return Err(self.wrong(format!("it says {counts}, but there are {}", self.counts)));
                    }
                    if self.read_line()? || !self.text.is_empty() {
                        return Err(self.wrong("something follows the end".to_owned()));
                    }
                    self.ended = true;
                    return Ok(Some(items));
                }
            }
            self.hash.update(&self.text);
            if items.len() > MOST_LINES || bytes > MOST_BYTES {
                return Err(self.wrong("a check sum should have come before this line".to_owned()));
            }
        }
    }

    fn take_key(&mut self, key: &RecordKey) -> Result<(), FileError> {
        let season = &key.season;
        match self.boards.get(&season.leaderboard) {
            None => return Err(self.wrong(format!("there is no leaderboard {}", season.leaderboard))),
            Some(present) if season.version == 0 || season.version > *present => {
                return Err(self.wrong(format!(
                    "versionId {} is none of leaderboard {}, which is at {present}",
                    season.version, season.leaderboard
                )));
            }
            Some(_) => {}
        }
        if let Some(LastKey::Record(last)) = &self.last
            && last >= key
        {
            return Err(self.wrong(format!("player {} is out of order, or there twice", key.player)));
        }
        self.last = Some(LastKey::Record(key.clone()));
        Ok(())
    }

    /// Whether there was another whole line; what is left of one that is not is in `text`.
    fn read_line(&mut self) -> Result<bool, FileError> {
        self.text.clear();
        self.from.by_ref().take(MOST_LINE).read_until(b'\n', &mut self.text)?;
        if self.text.ends_with(b"\n") {
            self.line += 1;
            return Ok(true);
        }
        if self.text.len() as u64 == MOST_LINE {
            let why = format!("it is longer than {MOST_LINE} bytes");
            return Err(FileError::Line { line: self.line + 1, why });
        }
        Ok(false)
    }

    fn parse(&self) -> Result<Line, FileError> {
        serde_json::from_slice(&self.text).map_err(|error| {
            // serde's own "at line 1" would be misleading.
            let why = error.to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
            self.wrong(format!("{why} (character {})", error.column()))
        })
    }

    fn compare(&self, sha256: &str) -> Result<(), FileError> {
        if sha256 == hex(&self.hash.clone().finalize()) {
            return Ok(());
        }
        Err(FileError::Damaged { first: self.first, last: self.line })
    }

    fn wrong(&self, why: String) -> FileError {
        FileError::Line { line: self.line, why }
    }
}
