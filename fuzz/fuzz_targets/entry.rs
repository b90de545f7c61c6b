//! See `hiscore_fuzzing::entry`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::entry::check(bytes));
