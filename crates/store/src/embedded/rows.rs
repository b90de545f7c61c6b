//! Records by their keys in memory, where each key is hashed once.
//!
//! On its way a submission is looked for in the batch in hand, in the one before, and in the overlay, and put into two of
//! them. To hash a key as safely as names from outside need it takes about as long as what is found by it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::ops::Deref;
use std::sync::LazyLock;

use super::codec::RowKey;
use super::overlay::State;

/// Seeded by chance: who chooses names must not be able to aim at one entry.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A [`RowKey`] and its hash, which holds for this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedKey {
    // Compared first: keys that differ nearly always differ in it.
    hash: u64,
    key: RowKey,
}

/// States by key.
pub type Rows = HashMap<HashedKey, State, BuildHasherDefault<Known>>;

impl From<RowKey> for HashedKey {
    fn from(key: RowKey) -> Self {
        Self { hash: SEED.hash_one(&key), key }
    }
}

impl Deref for HashedKey {
    type Target = RowKey;

    fn deref(&self) -> &RowKey {
        &self.key
    }
}

impl Hash for HashedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The hasher of what brings its hash along.
#[derive(Debug, Default, Clone, Copy)]
pub struct Known(u64);

impl Hasher for Known {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Nothing that has no hash comes here; if it did, it would be found all the same, only slowly.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use hiscore_score::PlayerId;

    use super::*;

    #[test]
    fn equal_keys_have_one_hash_and_others_another() {
        let key = |board, version, player| RowKey { board, version, player: PlayerId::new(player).unwrap() };
        let hashed = |board, version, player| HashedKey::from(key(board, version, player));
        assert_eq!(hashed(1, 1, "a"), hashed(1, 1, "a"));
        let all = [hashed(1, 1, "a"), hashed(1, 1, "b"), hashed(1, 2, "a"), hashed(2, 1, "a")];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| one.hash != other.hash && one != other));
        }
        assert_eq!(*hashed(3, 4, "c"), key(3, 4, "c"));
    }
}
