//! Whatever was found once holds: every input in `fuzz/corpus`, without a fuzzer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "says which input it was")]

use std::path::Path;

use hiscore_fuzzing::TARGETS;

fn fuzz() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_input_of_the_corpus_holds() {
    for (target, check) in TARGETS {
        let folder = fuzz().join("corpus").join(target);
        let inputs = names(&folder);
        assert!(!inputs.is_empty(), "{target} has no inputs");
        for input in &inputs {
            println!("{target}/{input}");
            check(&std::fs::read(folder.join(input)).unwrap());
        }
        // What a fuzzer begins with, and what any caller may hand in.
        check(&[]);
    }
}

#[test]
fn every_check_has_a_target() {
    let targets: Vec<String> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), targets);
}
