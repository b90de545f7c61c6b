//! The library of functions, and the names that its version gives it and the keys.
//!
//! Library and functions are named after a hash of the code. So two versions of this program work side by side on one Redis,
//! each with its own functions on the same keys, and none ever replaces another's; what is stored has a format number of its own.

use hiscore_score::{LeaderboardId, shard_of};
use sha2::{Digest, Sha256};

/// In the order in which they use each other.
const PARTS: [&str; 7] = [
    include_str!("lua/1_shard.lua"),
    include_str!("lua/2_record.lua"),
    include_str!("lua/3_submit.lua"),
    include_str!("lua/4_read.lua"),
    include_str!("lua/5_funnel.lua"),
    include_str!("lua/6_reconcile.lua"),
    include_str!("lua/7_apply.lua"),
];

/// The library as it is loaded.
#[derive(Debug)]
pub(super) struct Library {
    name: String,
    /// The text for `FUNCTION LOAD`.
    pub(super) code: String,
}

impl Library {
    pub(super) fn new() -> Self {
        let body = PARTS.concat();
        let digest = Sha256::digest(body.as_bytes());
        let hash: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("hiscore_1_{hash}");
        let code = format!("#!lua name={name}\n{}", body.replace("@NAME@", &name));
        Self { name, code }
    }

    /// The name of a function.
    pub(super) fn function(&self, function: &str) -> String {
        format!("{}_{function}", self.name)
    }
}

/// The names of keys.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    shards: u16,
}

impl Keys {
    pub(super) fn new(prefix: &str, shards: u16) -> Self {
        Self { prefix: prefix.replace(['{', '}'], "_"), shards: shards.max(1) }
    }

    pub(super) fn shards(&self) -> u16 {
        self.shards
    }

    pub(super) fn shard_of(&self, board: &LeaderboardId) -> u16 {
        shard_of(board, self.shards)
    }

    /// The key that a function is called with: all others of the shard begin like it, up to its last letter.
    pub(super) fn meta(&self, shard: u16) -> String {
        format!("{{{}:{shard}}}:m", self.prefix)
    }

    /// The slot of a Cluster that all keys of the shard are in.
    pub(super) fn slot(&self, shard: u16) -> u16 {
        crc16(format!("{}:{shard}", self.prefix).as_bytes()) % 16_384
    }
}

/// CRC-16/XMODEM, by which a Cluster shares out keys.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // The example in the specification of Redis Cluster.
        assert_eq!(crc16(b"123456789"), 0x31C3);
        let keys = Keys::new("a{b}", 4);
        assert_eq!(keys.meta(3), "{a_b_:3}:m");
    }

    #[test]
    fn the_name_follows_the_code() {
        let library = Library::new();
        assert!(library.code.starts_with(&format!("#!lua name={}\n", library.name)));
        assert!(library.code.contains(&format!("'{}'", library.function("submit"))));
        assert!(!library.code.contains('@'));
    }
}
