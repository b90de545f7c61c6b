//! The log's entries: any bytes, as they are and behind a checksum that is right.

use hiscore_log::{Entry, entry::pack};

use crate::measured;

/// A work has at least 3 bytes and takes some 200 in memory.
const TIMES: u64 = 128;

/// What is taken for an entry is written again to the same meaning, and packs into entries in its order.
pub fn check(bytes: &[u8]) {
    decoded(bytes);
    let mut sealed = bytes.to_vec();
    sealed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    decoded(&sealed);
}

fn decoded(bytes: &[u8]) {
    if let Ok(entry) = measured(bytes, TIMES, || Entry::decode(bytes)) {
        assert_eq!(Entry::decode(&entry.encode()).as_ref(), Ok(&entry));
        assert_eq!(pack(entry.works.clone()).concat(), entry.works);
    }
}
