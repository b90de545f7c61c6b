//! Any bytes, as they are and behind a checksum that is right, do no harm to the decoder; and what it takes for an entry is
//! written again to the same meaning, and packs into entries that are no larger than they may be.
//!
//! `cargo +nightly fuzz run entry` in `crates/log`. The same properties hold a few hundred random cases in every
//! `cargo test` (`src/entry/tests.rs`).
#![no_main]

use hiscore_log::Entry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut sealed = bytes.to_vec();
    sealed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    check(&sealed);
});

fn check(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(Entry::decode(&entry.encode()).as_ref(), Ok(&entry));
        assert_eq!(hiscore_log::entry::pack(entry.works.clone()).concat(), entry.works);
    }
}
