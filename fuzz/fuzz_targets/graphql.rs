//! See `hiscore_fuzzing::graphql`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::graphql::check(bytes));
