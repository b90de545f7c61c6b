//! The nemesis: plays against real deployments of the shipped binary while it breaks them, and checks every answer.
//!
//! A seed and a profile give a [`schedule`] of [`fault`]s, always the same. [`field`] is the deployment, [`ours`] our own
//! processes in it; [`zones`] what cuts parts of it off; [`inject`], [`tiers`], [`ranks`] and [`brokers`] do and undo a fault. [`games`] send what [`workload`] says, [`recorder`] writes down what they
//! see, [`recovery`] how soon writes were back, and [`finish`] hands all of it to the checker of `hiscore_faults::history`.
//! For development only: nothing of it is in the product.
#![allow(clippy::expect_used, clippy::panic, reason = "what cannot be set up ends a run, and is said")]

mod alone;
mod brokers;
mod cluster;
mod fault;
mod field;
mod finish;
mod games;
mod inject;
mod options;
mod ours;
mod pair;
mod ranks;
mod recorder;
mod recovery;
mod run;
mod schedule;
mod summary;
mod tiers;
mod workload;
mod zones;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use hiscore_faults::servers;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use fault::Profile;
use options::{Options, USAGE};
use run::Ran;
use schedule::Schedule;
use summary::Summary;

/// Tells whoever watches.
#[allow(clippy::print_stdout, reason = "it is a tool that tells what it does")]
fn say(line: &str) {
    println!("{line}");
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            say(&format!("{why}\n\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    if !options.print {
        match alone::alone() {
            Ok(None) => {}
            Ok(Some(ended)) => return ended,
            Err(why) => {
                say(&format!(
                    "*** no network namespaces here ({why}): whatever cuts zones off is SKIPPED ***"
                ));
            }
        }
    }
    match nemesis(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            say(&why);
            ExitCode::from(2)
        }
    }
}

/// Runs everything that is asked for; how many seeds failed.
fn nemesis(options: &Options) -> Result<usize, String> {
    let binary = if options.print { PathBuf::new() } else { binary()? };
    let limit = getrlimit(Resource::Nofile);
    // Thousands of connections are opened at once.
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| format!("file handles: {error}"))?;
    let begun = Instant::now();
    let mut summary = Summary::new(options.factor);
    for schedule in schedules(options)? {
        let over = options.minutes.is_some_and(|minutes| begun.elapsed().as_secs_f64() > minutes * 60.0);
        if over {
            break;
        }
        say(&format!("\n{schedule}"));
        if options.print || missing(schedule.profile) {
            continue;
        }
        let mut ran = Ran::default();
        run::run(&schedule, options, &binary, &mut ran);
        let kept = (!ran.failures.is_empty()).then(|| keep(options, &schedule, &ran));
        match &kept {
            None => {
                let Ran { acked, checked, seasons, .. } = &ran;
                say(&format!("  holds: {acked} acknowledged, {checked} checked in {seasons} seasons"));
            }
            Some(kept) => {
                ran.failures.iter().for_each(|failure| say(&format!("  FAILED: {failure}")));
                say(&format!("  kept in {kept}; again with --schedule {kept}/schedule.txt"));
            }
        }
        summary.add(&schedule, &ran, kept);
    }
    if !options.print {
        say(&format!("\n{} s; {}", begun.elapsed().as_secs(), summary.lines().join("\n")));
    }
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&summary).map_err(|error| error.to_string())?;
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(summary.failures())
}

/// What to run: the one that is named, or seed by seed all profiles.
fn schedules(options: &Options) -> Result<Box<dyn Iterator<Item = Schedule> + '_>, String> {
    if let Some(file) = &options.schedule {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(Box::new(std::iter::once(Schedule::read(&text)?)));
    }
    let seeds = if options.minutes.is_some() { u64::MAX } else { options.seeds };
    let all = (options.seed..).zip(0..seeds).flat_map(move |(seed, _)| {
        let make = move |profile: &Profile| Schedule::make(*profile, seed, options.seconds, &options.faults);
        options.profiles.iter().map(make)
    });
    Ok(Box::new(all))
}

/// The binary that is run: the one that ships, if it was built.
fn binary() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("HISCORE_BIN").filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        // It is started from another folder.
        return path.canonicalize().map_err(|error| format!("HISCORE_BIN: {}: {error}", path.display()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let built = ["release", "debug"].map(|profile| target.join(profile).join("hiscore"));
    let found = built.into_iter().find_map(|path| path.canonicalize().ok());
    found.ok_or_else(|| "there is no binary to run: make release, or set HISCORE_BIN".to_owned())
}

/// Whether this machine lacks what a profile needs; it has been said.
fn missing(profile: Profile) -> bool {
    let needed: &[&str] = match profile {
        Profile::Embedded => &[],
        Profile::Direct | Profile::DirectCluster => &["redis-server", "mongod"],
        Profile::Logged => &["redis-server", "mongod", "kafka"],
        Profile::LoggedRabbitMq => &["redis-server", "mongod", "rabbitmq-server"],
    };
    needed.iter().any(|name| servers::missing(name))
}

/// Keeps schedule, history and logs; where.
fn keep(options: &Options, schedule: &Schedule, ran: &Ran) -> String {
    let folder = options.keep.join(format!("{}-{}", schedule.profile.name(), schedule.seed));
    if let Err(error) = write(&folder, schedule, ran) {
        say(&format!("  {} cannot be written: {error}", folder.display()));
    }
    folder.display().to_string()
}

fn write(folder: &Path, schedule: &Schedule, ran: &Ran) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("schedule.txt"), schedule.to_string())?;
    std::fs::write(folder.join("failures.txt"), ran.failures.join("\n") + "\n")?;
    let mut history = std::io::BufWriter::new(std::fs::File::create(folder.join("history.ndjson"))?);
    for event in &ran.events {
        serde_json::to_writer(&mut history, event)?;
        history.write_all(b"\n")?;
    }
    history.flush()?;
    ran.logs.iter().try_for_each(|(name, log)| std::fs::write(folder.join(format!("{name}.log")), log))
}
