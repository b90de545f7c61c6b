//! Plain sorted sets of a Redis as something to be imported.
//!
//! They are read twice from end to end by `ZRANGE`, by rank and in chunks: once to check every member and score, before
//! anything is written, and once to put them in. A set that changes while it is read that way may show a member twice or
//! not at all; so both readings must have the same SHA-256, and the import is complete only then. (`ZSCAN` would say
//! nothing about changes, and may repeat members.)
//!
//! A score of Redis is a floating point number; one that is no integer, or that a double may have rounded, is refused.

use std::time::Duration;

use hiscore_config::SortedSet;
use hiscore_score::{Leaderboard, Live, PlayerId, Position, Record, RecordKey, Score, Season, Stamp, Window};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use sha2::{Digest, Sha256};

use super::import::Input;
use super::{Counts, Item, TransferError, fingerprint};

/// Members of one question.
const CHUNK: usize = 1_000;
/// How many wrong ones are told by name.
const TOLD: usize = 20;
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);

/// Why sorted sets were not imported.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It is spoken to in another way.
    #[error("the URL must be redis:// or rediss:// and name the one server that has the keys")]
    Url,
    /// Redis does not answer, or refuses.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// There is no such key, or it holds something else.
    #[error("key \"{key}\": {found}")]
    NotASet {
        /// Which.
        key: String,
        /// What is there.
        found: String,
    },
    /// Members or scores that hiscore does not have. Nothing was written.
    #[error("nothing was written, since {count} members cannot be taken:\n  {}", told.join("\n  "))]
    Unfit {
        /// How many.
        count: u64,
        /// The first of them, and why not.
        told: Vec<String>,
    },
    /// It is not what it was when it was checked.
    #[error(
        "the sorted sets changed while they were read; stop what writes them, remove what was begun here, and begin anew"
    )]
    Changed,
}

/// Sorted sets that were checked, on their way in.
pub(super) struct SortedSets {
    connection: MultiplexedConnection,
    sets: Vec<SortedSet>,
    stamp: Stamp,
    /// What both readings must come to.
    sum: String,
    hash: Sha256,
    counts: Counts,
    at: At,
}

/// How far the second reading is.
enum At {
    Boards,
    Set(usize, usize),
    End,
}

impl SortedSets {
    /// Reads everything once; also returns the fingerprint of what is there.
    pub(super) async fn check(url: &str, sets: &[SortedSet]) -> Result<(Self, String), SetError> {
        if !url.starts_with("redis://") && !url.starts_with("rediss://") {
            return Err(SetError::Url);
        }
        let client = Client::open(url).map_err(|_| SetError::Url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut checked = Self {
            connection,
            sets: sets.to_vec(),
            stamp: Stamp::ZERO,
            sum: String::new(),
            hash: Sha256::new(),
            counts: Counts { leaderboards: sets.len() as u64, records: 0 },
            at: At::End,
        };
        let (mut count, mut told) = (0, Vec::new());
        for set in sets {
            checked.look(set).await?;
            checked.head(set);
            let mut start = 0;
            loop {
                let members = checked.members(&set.key, start).await?;
                start += members.len();
                for (member, score) in &members {
                    if let Err(why) = player(member).and_then(|_| whole(score)) {
                        count += 1;
                        if told.len() < TOLD {
                            let member = String::from_utf8_lossy(member);
                            told.push(format!("key \"{}\", member {member:?}: {why}", set.key));
                        }
                    }
                }
                checked.counts.records += members.len() as u64;
                if members.is_empty() {
                    break;
                }
            }
        }
        if count > 0 {
            if count > told.len() as u64 {
                told.push(format!("and {} more", count - told.len() as u64));
            }
            return Err(SetError::Unfit { count, told });
        }
        let hash = std::mem::take(&mut checked.hash);
        checked.sum = fingerprint(hash);
        checked.at = At::Boards;
        let sum = checked.sum.clone();
        Ok((checked, sum))
    }

    /// How many there are.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    async fn look(&mut self, set: &SortedSet) -> Result<(), SetError> {
        let found: String = redis::cmd("TYPE").arg(&set.key).query_async(&mut self.connection).await?;
        let found = match found.as_str() {
            "zset" => return Ok(()),
            "none" => "there is no such key".to_owned(),
            other => format!("it is a {other}, not a sorted set"),
        };
        Err(SetError::NotASet { key: set.key.clone(), found })
    }

    /// What else makes an import another one than the members: where they go.
    fn head(&mut self, set: &SortedSet) {
        let rules = &set.rules;
        let head = format!("{}\0{:?} {:?}\n", set.leaderboard, rules.operator, rules.sort_order);
        self.hash.update(head);
    }

    /// Some members from a rank on, counted into the check sum.
    async fn members(&mut self, key: &str, start: usize) -> Result<Vec<(Vec<u8>, String)>, SetError> {
        let members: Vec<(Vec<u8>, String)> = redis::cmd("ZRANGE")
            .arg(key)
            .arg(start)
            .arg(start + CHUNK - 1)
            .arg("WITHSCORES")
            .query_async(&mut self.connection)
            .await?;
        for (member, score) in &members {
            self.hash.update((member.len() as u64).to_be_bytes());
            self.hash.update(member);
            self.hash.update(score);
            self.hash.update(b"\n");
        }
        Ok(members)
    }

    fn record(&self, set: &SortedSet, member: &[u8], score: &str) -> Result<Item, SetError> {
        // It was all right when it was checked.
        let player = player(member).map_err(|_| SetError::Changed)?;
        let live = Live {
            score: whole(score).map_err(|_| SetError::Changed)?,
            subscore: Score::ZERO,
            metadata: None,
            num_score: 1,
            created: self.stamp,
            reached: self.stamp,
        };
        let record = Record {
            live: Some(live),
            deleted: Stamp::ZERO,
            updated: self.stamp,
            position: Position::ZERO,
            window: Window::default(),
        };
        let season = Season { leaderboard: set.leaderboard.clone(), version: 1 };
        Ok(Item::Record(RecordKey { season, player }, record))
    }

    async fn read(&mut self) -> Result<Option<Vec<Item>>, SetError> {
        let (set, start) = match self.at {
            At::Boards => {
                self.at = At::Set(0, 0);
                let board = |set: &SortedSet| {
                    Item::Board(set.leaderboard.clone(), Leaderboard::new(set.rules, self.stamp))
                };
                return Ok(Some(self.sets.iter().map(board).collect()));
            }
            At::Set(set, start) => (set, start),
            At::End => return Ok(None),
        };
        let Some(present) = self.sets.get(set).cloned() else {
            self.at = At::End;
            let again = fingerprint(std::mem::take(&mut self.hash));
            return if again == self.sum { Ok(None) } else { Err(SetError::Changed) };
        };
        if start == 0 {
            self.head(&present);
        }
        let members = self.members(&present.key, start).await?;
        self.at = if members.is_empty() { At::Set(set + 1, 0) } else { At::Set(set, start + members.len()) };
        let items: Result<Vec<Item>, SetError> =
            members.iter().map(|(member, score)| self.record(&present, member, score)).collect();
        Ok(Some(items?))
    }
}

impl Input for SortedSets {
    fn begun_at(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    async fn next(&mut self) -> Result<Option<Vec<Item>>, TransferError> {
        Ok(self.read().await?)
    }
}

fn player(member: &[u8]) -> Result<PlayerId, String> {
    let text = std::str::from_utf8(member).map_err(|_| "it is not UTF-8".to_owned())?;
    PlayerId::new(text).map_err(|error| error.to_string())
}

/// The integer that a score is, if it surely is one.
fn whole(score: &str) -> Result<Score, String> {
    const MOST: f64 = hiscore_score::number::MAX as f64;
    let refused = || format!("its score {score} is no integer within \u{b1}9007199254740991");
    let value: f64 = score.parse().map_err(|_| refused())?;
    // Beyond it neighbours share one double.
    if !(-MOST..=MOST).contains(&value) || value.fract() != 0.0 {
        return Err(refused());
    }
    #[allow(clippy::cast_possible_truncation, reason = "it was just found to be exact")]
    Score::new(value as i64).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_as_redis_writes_them() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("17", 17),
            ("-3", -3),
            ("1e+3", 1000),
            ("9007199254740991", 9_007_199_254_740_991),
            ("-9007199254740991", -9_007_199_254_740_991),
        ] {
            assert_eq!(whole(text).map(Score::get), Ok(value), "{text}");
        }
        for text in ["0.5", "-1.25", "inf", "-inf", "nan", "9007199254740992", "1e+20", "", "x"] {
            let says = whole(text).unwrap_err();
            assert!(says.contains(&format!("its score {text} is no integer")), "{says}");
        }
    }
}
