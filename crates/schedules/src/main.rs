//! `schedules FROM..TO [MISTAKE]`: runs the schedules of these seeds, each of them on one thread, on all cores; and says which of
//! them went wrong. `schedules SEED` prints what happened in one.
#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::process::ExitCode;

use hiscore_schedules::{Mistake, Outcome, Summary, run, run_all};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &String| Mistake::ALL.into_iter().find(|mistake| format!("{mistake:?}") == *name);
    let mistake = arguments.get(1).map(|name| named(name).ok_or(name));
    let mistake = match mistake.transpose() {
        Ok(mistake) => mistake,
        Err(name) => {
            println!("{name} is none of {:?}", Mistake::ALL);
            return ExitCode::FAILURE;
        }
    };
    let number = |text: &str| text.parse::<u64>().ok();
    let range = arguments.first().map(String::as_str).and_then(|text| match text.split_once("..") {
        Some((from, to)) => Some((number(from)?, number(to)?)),
        None => number(text).map(|seed| (seed, seed + 1)),
    });
    let Some((from, to)) = range else {
        println!("which seeds? FROM..TO, or one to be told all about");
        return ExitCode::FAILURE;
    };
    if to == from + 1 {
        return tell(from, mistake);
    }
    let Summary { text, failed, .. } = run_all(from..to, mistake);
    println!("{text}");
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(seed: u64, mistake: Option<Mistake>) -> ExitCode {
    match run(seed, mistake) {
        Ok(Outcome { journal, wrong, .. }) => {
            journal.iter().for_each(|line| println!("{line}"));
            if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println!("seed {seed}: {error}");
            ExitCode::FAILURE
        }
    }
}
