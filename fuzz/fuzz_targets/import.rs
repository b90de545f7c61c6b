//! See `hiscore_fuzzing::import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::import::check(bytes));
