//! See `hiscore_fuzzing::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::config::check(bytes));
