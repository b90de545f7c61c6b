//! See `hiscore_fuzzing::mongo`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::mongo::check(bytes));
