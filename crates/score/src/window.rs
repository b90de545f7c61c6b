//! The idempotency window: the last submissions of one player on one board, so that a retry counts once.
//!
//! It holds hashes of the last ids with a hash of what each carried. Ids with a time in them (UUIDv7, ULID) are
//! protected for ever: one that is not newer than the newest that fell out of the window is refused as expired
//! instead of being counted twice. Other ids are protected while they are among the last `W`.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Stamp, SubmissionId};

/// How many submissions a window holds unless configured otherwise.
pub const DEFAULT_LENGTH: usize = 32;

/// The latest time that an id can have in it: UUIDv7 and ULID have 48 bits for it, so every tier has room for it.
pub const LATEST_TIME_MS: u64 = (1 << 48) - 1;

/// An idempotency key as the window keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmissionKey {
    /// The first 16 bytes of the SHA-256 of the id.
    pub id: [u8; 16],
    /// A hash of what was submitted under it.
    pub body: u64,
    /// The time inside the id in milliseconds since the Unix epoch, if it is a UUIDv7 or a ULID.
    pub time_ms: Option<u64>,
}

impl SubmissionKey {
    /// The key of `id` with the hash of its body.
    pub fn new(id: &SubmissionId, body: u64) -> Self {
        let digest = Sha256::digest(id.as_str().as_bytes());
        let mut hash = [0u8; 16];
        hash.copy_from_slice(&digest[..16]);
        Self { id: hash, body, time_ms: time_in(id.as_str()) }
    }
}

/// One entry: a key and the stamp of the submission that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// When it was applied. First, since a window is cut by stamp.
    pub stamp: Stamp,
    /// What it was applied under.
    pub key: SubmissionKey,
}

/// What the window says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Not seen, and surely not fallen out: apply it.
    New,
    /// Seen with the same body.
    Duplicate,
    /// Seen with another body.
    Conflict,
    /// Too old to tell whether it was seen.
    Expired,
}

/// The last submissions of one player on one board, in the order of their stamps. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// `None` while empty, which is most players' state and must cost nothing.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Inner {
    /// Ascending by (stamp, key), at most the window's length.
    entries: Vec<Entry>,
    /// The newest time inside an id that fell out. 0: none did.
    horizon_ms: u64,
}

impl Window {
    /// A window as it was stored: entries in any order, cut to `length`.
    pub fn from_parts(mut entries: Vec<Entry>, horizon_ms: u64, length: usize) -> Self {
        if entries.is_empty() && horizon_ms == 0 {
            return Self::default();
        }
        entries.sort_unstable();
        entries.dedup();
        let mut inner = Inner { entries, horizon_ms };
        inner.cut(length);
        Self { inner: Some(Arc::new(inner)) }
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        self.inner.as_ref().map_or(&[], |inner| &inner.entries)
    }

    /// The newest time inside an id that fell out, in Unix milliseconds; 0 when none did.
    pub fn horizon_ms(&self) -> u64 {
        self.inner.as_ref().map_or(0, |inner| inner.horizon_ms)
    }

    /// Whether nothing was ever filed here.
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    /// What is known about `key`.
    pub fn look_up(&self, key: &SubmissionKey) -> Seen {
        // From the newest, so that after a merge the answer is that of the later history.
        match self.entries().iter().rev().find(|entry| entry.key.id == key.id) {
            Some(entry) if entry.key.body == key.body => Seen::Duplicate,
            Some(_) => Seen::Conflict,
            None => match key.time_ms {
                Some(time) if time <= self.horizon_ms() => Seen::Expired,
                _ => Seen::New,
            },
        }
    }

    /// Files `key` at `stamp`, and lets the oldest beyond `length` fall out.
    pub fn push(&mut self, key: SubmissionKey, stamp: Stamp, length: usize) {
        let inner = Arc::make_mut(self.inner.get_or_insert_with(Arc::default));
        let entry = Entry { stamp, key };
        // Stamps ascend, so this is a push except when a merge brought later ones.
        let at = inner.entries.partition_point(|present| *present < entry);
        inner.entries.insert(at, entry);
        inner.cut(length);
    }

    /// Both windows as one, cut by stamp: commutative, associative and idempotent.
    ///
    /// The same id may stay twice, with the stamps of two histories. Folding them into one would make the
    /// horizon depend on the order of merging.
    pub fn union(&self, other: &Self, length: usize) -> Self {
        if self == other || other.is_empty() {
            return self.clone();
        }
        let mut entries = self.entries().to_vec();
        entries.extend_from_slice(other.entries());
        Self::from_parts(entries, self.horizon_ms().max(other.horizon_ms()), length)
    }
}

impl Inner {
    fn cut(&mut self, length: usize) {
        let excess = self.entries.len().saturating_sub(length.max(1));
        for fallen in self.entries.drain(..excess) {
            self.horizon_ms = self.horizon_ms.max(fallen.key.time_ms.unwrap_or(0));
        }
    }
}

/// The time inside a UUIDv7 (RFC 9562, 5.7) or a ULID (github.com/ulid/spec), in Unix milliseconds.
fn time_in(id: &str) -> Option<u64> {
    match id.len() {
        26 => ulid_time(id.as_bytes()),
        36 => uuid_v7_time(id.as_bytes()),
        _ => None,
    }
}

fn uuid_v7_time(id: &[u8]) -> Option<u64> {
    let shape = id.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    // The version nibble is 7, and the variant's two bits are 10.
    if !shape || id[14] != b'7' || !matches!(id[19], b'8' | b'9' | b'a' | b'b' | b'A' | b'B') {
        return None;
    }
    let digits = std::str::from_utf8(&id[..8]).ok()?.to_owned() + std::str::from_utf8(&id[9..13]).ok()?;
    u64::from_str_radix(&digits, 16).ok()
}

fn ulid_time(id: &[u8]) -> Option<u64> {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let value = |byte: &u8| ALPHABET.iter().position(|symbol| *symbol == byte.to_ascii_uppercase());
    if !id.iter().all(|byte| value(byte).is_some()) || id[0] > b'7' {
        return None;
    }
    id[..10].iter().try_fold(0u64, |time, byte| Some(time << 5 | value(byte)? as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, body: u64) -> SubmissionKey {
        SubmissionKey::new(&SubmissionId::new(id).unwrap(), body)
    }

    #[test]
    fn times_inside_ids() {
        // The examples of RFC 9562 (appendix A.6) and of the ULID specification.
        assert_eq!(time_in("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), Some(0x017F_22E2_79B0));
        assert_eq!(time_in("01ARZ3NDEKTSV4RRFFQ69G5FAV"), Some(1_469_922_850_259));
        for other in [
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "x",
            "U1ARZ3NDEKTSV4RRFFQ69G5FAV",
        ] {
            assert_eq!(time_in(other), None, "{other}");
        }
        for multibyte in ["é".repeat(13), "é".repeat(18)] {
            assert_eq!(time_in(&multibyte), None);
        }
    }

    #[test]
    fn a_late_retry_of_a_timed_id_is_expired_not_new() {
        let mut window = Window::default();
        let id = |n: u64| format!("{:08x}-{:04x}-7000-8000-000000000000", n >> 16, n & 0xffff);
        for n in 1..=40 {
            window.push(key(&id(n), n), Stamp::from_raw(n).unwrap(), 32);
        }
        assert_eq!(window.entries().len(), 32);
        assert_eq!(window.look_up(&key(&id(40), 40)), Seen::Duplicate);
        assert_eq!(window.look_up(&key(&id(40), 41)), Seen::Conflict);
        assert_eq!(window.look_up(&key(&id(8), 8)), Seen::Expired);
        assert_eq!(window.look_up(&key(&id(41), 41)), Seen::New);
        assert_eq!(window.look_up(&key("untimed", 8)), Seen::New);
    }
}
