//! See `hiscore_fuzzing::redis`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::redis::check(bytes));
