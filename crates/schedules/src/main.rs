//! `schedules [PROFILE] FROM..TO [MISTAKE]`: runs the schedules of these seeds, each of them on one thread, on all cores; and says
//! which of them went wrong. `schedules [PROFILE] SEED` prints what happened in one. Without a profile both are run.
#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::process::ExitCode;

use hiscore_schedules::{Mistake, Outcome, Profile, Summary, run, run_all};

fn main() -> ExitCode {
    match asked(std::env::args().skip(1).collect()) {
        Ok((profiles, (from, to), mistake)) => {
            let went = profiles.into_iter().map(|profile| match to == from + 1 {
                true => tell(profile, from, mistake),
                false => all(profile, from..to, mistake),
            });
            // Every one of them.
            if went.fold(true, |all, well| all & well) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

type Asked = (Vec<Profile>, (u64, u64), Option<Mistake>);

fn asked(mut arguments: Vec<String>) -> Result<Asked, String> {
    arguments.retain(|argument| !argument.is_empty());
    let named = |name: &String| Profile::ALL.into_iter().find(|profile| profile.name() == name);
    let profiles = match arguments.first().and_then(named) {
        Some(profile) => {
            arguments.remove(0);
            vec![profile]
        }
        None => Profile::ALL.to_vec(),
    };
    let number = |text: &str| text.parse::<u64>().ok();
    let range = arguments.first().map(String::as_str).and_then(|text| match text.split_once("..") {
        Some((from, to)) => Some((number(from)?, number(to)?)),
        None => number(text).map(|seed| (seed, seed + 1)),
    });
    let range = range.ok_or("which seeds? FROM..TO, or one to be told all about")?;
    let named = |name: &String| Mistake::ALL.into_iter().find(|mistake| format!("{mistake:?}") == *name);
    let none = |name: &String| format!("{name} is none of {:?}", Mistake::ALL);
    let mistake = arguments.get(1).map(|name| named(name).ok_or_else(|| none(name))).transpose()?;
    Ok((profiles, range, mistake))
}

fn all(profile: Profile, seeds: std::ops::Range<u64>, mistake: Option<Mistake>) -> bool {
    let Summary { text, failed, .. } = run_all(profile, seeds, mistake);
    println!("{text}");
    failed.is_empty()
}

fn tell(profile: Profile, seed: u64, mistake: Option<Mistake>) -> bool {
    match run(profile, seed, mistake) {
        Ok(Outcome { journal, wrong, .. }) => {
            journal.iter().for_each(|line| println!("{line}"));
            wrong.is_empty()
        }
        Err(error) => {
            println!("seed {seed}: {error}");
            false
        }
    }
}
