//! See `hiscore_fuzzing::embedded`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::embedded::check(bytes));
