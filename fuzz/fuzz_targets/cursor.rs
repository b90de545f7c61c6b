//! See `hiscore_fuzzing::cursor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hiscore_fuzzing::cursor::check(bytes));
