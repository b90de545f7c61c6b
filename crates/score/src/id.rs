//! Names of leaderboards, players and submissions, and the shard a leaderboard belongs to.
//!
//! A name is printable text in any script. Braces are refused since a Redis Cluster reads them as a hash tag,
//! control characters since they hide in logs and break line protocols.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The longest leaderboard or player id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 128;
/// The longest submission id, in bytes of UTF-8.
pub const MAX_SUBMISSION_ID_BYTES: usize = 64;

/// Why a text is no id. The message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// No characters at all.
    #[error("an id must have at least one character")]
    Empty,
    /// Longer than the limit, in bytes.
    #[error("an id may have at most {max} bytes of UTF-8, this one has {got}")]
    TooLong {
        /// The limit.
        max: usize,
        /// What came in.
        got: usize,
    },
    /// A control character, a line or paragraph separator, or a brace.
    #[error("an id may not contain control characters, line separators or braces: found U+{:04X}", *.0 as u32)]
    Forbidden(char),
}

fn check(text: &str, max: usize) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > max {
        return Err(InvalidId::TooLong { max, got: text.len() });
    }
    match text.chars().find(|c| c.is_control() || matches!(c, '{' | '}' | '\u{2028}' | '\u{2029}')) {
        Some(c) => Err(InvalidId::Forbidden(c)),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the rules of an id and takes it as it is (no trimming, no folding).
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                check(text, $max)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text as it came in.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// The name of a leaderboard: 1 to 128 bytes of printable text without braces.
    LeaderboardId,
    MAX_ID_BYTES
);
id!(
    /// The name of a player: 1 to 128 bytes of printable text without braces.
    PlayerId,
    MAX_ID_BYTES
);
id!(
    /// The idempotency key of a submission: 1 to 64 bytes of printable text without braces.
    SubmissionId,
    MAX_SUBMISSION_ID_BYTES
);

/// The shard of a leaderboard: a number below `shards`, the same in the store, in Redis and in the log.
///
/// It is the first eight bytes (big endian) of the SHA-256 of the id, modulo `shards`; it must never change,
/// since a deployment's data lies by it. `shards` of 0 is taken as 1.
pub fn shard_of(leaderboard: &LeaderboardId, shards: u16) -> u16 {
    let digest = Sha256::digest(leaderboard.as_str().as_bytes());
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(first) % u64::from(shards.max(1))) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_script_is_a_name() {
        for name in ["a", "Ålesund 7", "玩家", "لاعب", "👩‍🚀", "$score", "a.b", "__proto__", "<b>x</b>", " "]
        {
            assert_eq!(PlayerId::new(name).map(|id| id.as_str().to_owned()), Ok(name.to_owned()));
        }
        assert!(PlayerId::new(&"x".repeat(128)).is_ok());
    }

    #[test]
    fn refuses_what_would_break_a_tier() {
        assert_eq!(PlayerId::new(""), Err(InvalidId::Empty));
        assert_eq!(PlayerId::new(&"é".repeat(65)), Err(InvalidId::TooLong { max: 128, got: 130 }));
        assert_eq!(SubmissionId::new(&"x".repeat(65)), Err(InvalidId::TooLong { max: 64, got: 65 }));
        for c in ['\0', '\n', '\u{7f}', '\u{85}', '{', '}', '\u{2028}'] {
            assert_eq!(PlayerId::new(&format!("a{c}b")), Err(InvalidId::Forbidden(c)));
        }
    }

    #[test]
    fn shards_never_move() {
        let shard = |id: &str| shard_of(&LeaderboardId::new(id).unwrap(), 32);
        assert_eq!([shard("daily"), shard("weekly"), shard("玩家")], [6, 0, 22]);
        assert_eq!(shard_of(&LeaderboardId::new("daily").unwrap(), 0), 0);
    }
}
