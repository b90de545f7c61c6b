//! One seed from beginning to end: start all of it, find out how fast it is, play, break, mend, settle, check.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hiscore_faults::Client;
use hiscore_faults::history::Event;
use hiscore_faults::wait::{pause, until};
use hiscore_faults::wire::{self, Verdict};

use crate::fault::{Fault, Profile};
use crate::field::Field;
use crate::games::{Games, calibrate};
use crate::inject::{carry_out, wait_for};
use crate::options::Options;
use crate::recorder::Recorder;
use crate::recovery::{Done, Due, worst_gap};
use crate::say;
use crate::schedule::{Schedule, Step};
use crate::workload::{Workload, boards};

/// How long it is looked how fast it is.
const CALIBRATION: Duration = Duration::from_millis(1_500);
/// Of what was measured as the most.
const SHARE: f64 = 0.7;
/// How long is waited for writes to be back beyond their bound, to say how late they were.
const LATE: Duration = Duration::from_secs(20);

/// What came of a seed.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// Requests a second that were sent.
    pub(crate) rate: f64,
    pub(crate) acked: u64,
    pub(crate) checked: u64,
    pub(crate) unknown: u64,
    pub(crate) refused: u64,
    pub(crate) ambiguous: u64,
    pub(crate) not_sent: u64,
    pub(crate) given_up: u64,
    /// Seasons that were looked at in the end, of all boards.
    pub(crate) seasons: u64,
    pub(crate) worst_gap: Duration,
    /// The faults that happened together, and how soon writes were back.
    pub(crate) groups: Vec<(Vec<Fault>, Duration)>,
    /// What could not be done on this machine.
    pub(crate) skipped: Vec<(Fault, String)>,
    /// What is wrong.
    pub(crate) failures: Vec<String>,
    /// All that was seen, to be kept if something is wrong.
    pub(crate) events: Vec<Event>,
    /// What everybody said, by name.
    pub(crate) logs: Vec<(String, String)>,
}

/// Runs a schedule; what came of it is in `ran`, also when something cannot be started or is not whole again within any
/// reasonable time.
pub(crate) fn run(schedule: &Schedule, options: &Options, binary: &Path, ran: &mut Ran) {
    let started = std::panic::catch_unwind(|| Field::start(schedule.profile, binary, options));
    let field = match started {
        Ok(field) => field,
        Err(panic) => return ran.failures.push(panic_text(panic.as_ref())),
    };
    let played =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&field, schedule, options, ran)));
    ran.logs = field.ours.iter().map(|one| (one.name.to_owned(), one.said())).collect();
    ran.logs.extend(field.servers.iter().flat_map(|servers| servers.logs()));
    // Caught here, so that the servers end as ever and are not asked for their last words once more.
    ran.failures.extend(played.err().map(|panic| panic_text(panic.as_ref())));
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn play(field: &Field, schedule: &Schedule, options: &Options, ran: &mut Ran) {
    let routes = field.routes();
    create_boards(&mut Client::new(routes[0]));
    let most = calibrate(&routes, CALIBRATION);
    ran.rate = (most * SHARE).min(options.rate).max(1.0);
    say(&format!("  {most:.0} requests/s are the most; {:.0} are sent", ran.rate));
    let recorder = Arc::new(Recorder::new(&boards()));
    let games = Games::start(&recorder, Workload::new(schedule.profile, schedule.seed), ran.rate, &routes);
    let begun = Instant::now();
    let names: BTreeSet<String> = boards().into_iter().map(|(board, _)| board).collect();
    for group in schedule.groups() {
        let done = break_together(field, &group, begun, &recorder, ran);
        if done.is_empty() {
            continue;
        }
        let due = Due::of(schedule.profile, &done, options.factor);
        let end = begun + due.since + due.within + LATE.mul_f64(options.factor);
        let back = loop {
            let back = recorder.look(|seen| due.met(&seen.successes, &names));
            if back.is_some() || Instant::now() > end {
                break back;
            }
            (0..10).for_each(|_| pause());
        };
        let faults: Vec<Fault> = done.iter().map(|done| done.step.fault).collect();
        let what = faults.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(" + ");
        let took = back.map_or("never".to_owned(), |back| format!("{:.2} s", back.as_secs_f64()));
        let within = due.within.as_secs_f64();
        say(&format!(
            "  {:>6.1} s  {what}: back after {took} (within {within:.1} s)",
            recorder.now().as_secs_f64()
        ));
        if back.is_none_or(|back| back > due.within) {
            ran.failures.push(format!("{what}: writes were back after {took}, not within {within:.1} s"));
        }
        if matches!(faults[..], [Fault::Roll | Fault::Upgrade]) && schedule.profile != Profile::Embedded {
            let lost = recorder.look(|seen| seen.given_up.iter().filter(|at| **at >= done[0].begun).count());
            if lost > 0 {
                ran.failures.push(format!("{lost} writes failed while processes were restarted in turn"));
            }
        }
        ran.groups.push((faults, back.unwrap_or(end - begun - due.since)));
    }
    wait_for(begun + Duration::from_secs(schedule.seconds));
    ran.failures.extend(games.stop().err());
    let seen = recorder.look(Clone::clone);
    ran.failures.extend(field.ours.iter().filter_map(crate::ours::Ours::complaint));
    ran.failures.extend(seen.strange.iter().take(10).cloned());
    (ran.refused, ran.ambiguous, ran.not_sent) = (seen.refused, seen.ambiguous, seen.not_sent);
    (ran.given_up, ran.worst_gap) = (seen.given_up.len() as u64, worst_gap(&seen.successes));
    ran.events = seen.events;
    let mut report = crate::finish::settle(field, schedule, &mut ran.events, options.factor);
    if schedule.profile == Profile::Embedded && report.violations.is_empty() {
        // What the process shows is what its folder has.
        field.ours[0].stop();
        field.ours[0].start(0);
        field.ours[0].await_ready();
        report = crate::finish::settle(field, schedule, &mut ran.events, options.factor);
    }
    // Where something is wrong it tells whether the log has it.
    ran.failures.extend(crate::finish::verify(field));
    let season = |event: &Event| match event {
        Event::Final { board, version, .. } => Some((board.clone(), *version)),
        _ => None,
    };
    ran.seasons = ran.events.iter().filter_map(season).collect::<BTreeSet<_>>().len() as u64;
    (ran.acked, ran.checked, ran.unknown) = (report.acked, report.checked, report.unknown);
    let many = report.violations.len();
    ran.failures.extend(report.violations.iter().take(20).map(ToString::to_string));
    if many > 20 {
        ran.failures.push(format!("and {} more", many - 20));
    }
}

/// Carries out the faults of a group, each at its time.
fn break_together(
    field: &Field,
    group: &[Step],
    begun: Instant,
    recorder: &Recorder,
    ran: &mut Ran,
) -> Vec<Done> {
    // A group that is late because the one before took longer is late as a whole.
    let first = group.first().map_or(0, |step| step.at);
    let late = begun.elapsed().saturating_sub(Duration::from_millis(first));
    let carried: Vec<_> = std::thread::scope(|scope| {
        let one = |step: &Step| {
            let step = step.clone();
            scope.spawn(move || {
                wait_for(begun + late + Duration::from_millis(step.at));
                // It may have taken a while until the tier was whole again.
                let then = |at: Instant| recorder.now().saturating_sub(at.elapsed());
                let broken = carry_out(field, &step).map(|broken| (then(broken.begun), then(broken.healed)));
                (step, broken)
            })
        };
        let threads: Vec<_> = group.iter().map(one).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut done = Vec::new();
    for one in carried {
        match one {
            Ok((step, Ok((begun, healed)))) => done.push(Done { step, begun, healed }),
            Ok((step, Err(why))) => {
                say(&format!("*** SKIPPED {}: {why} ***", step.fault.name()));
                ran.skipped.push((step.fault, why));
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    done
}

/// Also the one on which is looked how fast it is.
fn create_boards(client: &mut Client) {
    let all = boards().into_iter().map(|(board, operator)| (board, operator_name(operator)));
    for (board, operator) in all.chain([("calibration".to_owned(), "BEST")]) {
        until("a board to be created", Duration::from_secs(60), || {
            match wire::create(client, &board, operator) {
                Ok(()) => Some(()),
                Err(Verdict::Refused(code, _)) if code == "ALREADY_EXISTS" => Some(()),
                Err(_) => None,
            }
        });
    }
}

fn operator_name(operator: hiscore_faults::history::Operator) -> &'static str {
    use hiscore_faults::history::Operator;
    match operator {
        Operator::Best => "BEST",
        Operator::Set => "SET",
        Operator::Increment => "INCREMENT",
    }
}
