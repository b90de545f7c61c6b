//! What all seeds came to, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::fault::{Fault, Profile};
use crate::run::Ran;
use crate::schedule::Schedule;

/// Of one kind of fault.
#[derive(Debug, Default, Serialize)]
struct Kind {
    /// How often it was carried out, and how often together with others.
    times: u64,
    overlapping: u64,
    /// The longest that writes took to be back, in seconds: after it alone, and after it and others.
    worst_alone: Option<f64>,
    worst_overlapping: Option<f64>,
    /// Within what time they must be, in seconds; of several profiles the longest.
    bound: f64,
    /// How often it could not be done.
    skipped: u64,
}

/// Of one profile.
#[derive(Debug, Default, Serialize)]
struct OfProfile {
    seeds: u64,
    seconds: u64,
    acked: u64,
    checked: u64,
    unknown: u64,
    refused: u64,
    ambiguous: u64,
    not_sent: u64,
    given_up: u64,
    /// In seconds.
    worst_gap: f64,
}

/// Of everything.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    factor: f64,
    profiles: BTreeMap<&'static str, OfProfile>,
    faults: BTreeMap<&'static str, Kind>,
    /// Profile and seed of what failed, and where it was kept.
    failed: Vec<(String, u64, String)>,
}

impl Summary {
    pub(crate) fn new(factor: f64) -> Self {
        Self { factor, ..Self::default() }
    }

    pub(crate) fn failures(&self) -> usize {
        self.failed.len()
    }

    /// One more seed; `kept`: where what failed is.
    pub(crate) fn add(&mut self, schedule: &Schedule, ran: &Ran, kept: Option<String>) {
        let of = self.profiles.entry(schedule.profile.name()).or_default();
        of.seeds += 1;
        of.seconds += schedule.seconds;
        of.acked += ran.acked;
        of.checked += ran.checked;
        of.unknown += ran.unknown;
        of.refused += ran.refused;
        of.ambiguous += ran.ambiguous;
        of.not_sent += ran.not_sent;
        of.given_up += ran.given_up;
        of.worst_gap = of.worst_gap.max(seconds(ran.worst_gap));
        for (group, back) in &ran.groups {
            for fault in group {
                let alone = group.len() == 1;
                let kind = self.kind(schedule.profile, *fault);
                kind.times += 1;
                kind.overlapping += u64::from(!alone);
                let worst = if alone { &mut kind.worst_alone } else { &mut kind.worst_overlapping };
                *worst = Some(worst.unwrap_or_default().max(seconds(*back)));
            }
        }
        for (fault, _) in &ran.skipped {
            self.kind(schedule.profile, *fault).skipped += 1;
        }
        self.failed.extend(kept.map(|kept| (schedule.profile.name().to_owned(), schedule.seed, kept)));
    }

    fn kind(&mut self, profile: Profile, fault: Fault) -> &mut Kind {
        let bound = seconds(fault.about().bound(profile, self.factor));
        let kind = self.faults.entry(fault.name()).or_default();
        kind.bound = kind.bound.max(bound);
        kind
    }

    /// As tables.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("every bound times {}", self.factor)];
        lines.push(
            "| profile | seeds | seconds | acknowledged | checked | unknown | refused for a while | \
            ambiguous | not sent | given up | worst gap without a write |"
                .to_owned(),
        );
        lines.push("|---|---|---|---|---|---|---|---|---|---|---|".to_owned());
        for (name, of) in &self.profiles {
            let OfProfile { seeds, seconds, acked, checked, unknown, refused, .. } = of;
            lines.push(format!(
                "| {name} | {seeds} | {seconds} | {acked} | {checked} | {unknown} | {refused} | {} | {} | {} | {:.1} s |",
                of.ambiguous, of.not_sent, of.given_up, of.worst_gap
            ));
        }
        lines.push(
            "| fault | times | of them with others | back within | worst alone | worst with others |"
                .to_owned(),
        );
        lines.push("|---|---|---|---|---|---|".to_owned());
        let shown = |worst: Option<f64>| worst.map_or("–".to_owned(), |worst| format!("{worst:.1} s"));
        for (name, kind) in &self.faults {
            let skipped =
                if kind.skipped > 0 { format!(" ({} SKIPPED)", kind.skipped) } else { String::new() };
            lines.push(format!(
                "| {name} | {}{skipped} | {} | {:.1} s | {} | {} |",
                kind.times,
                kind.overlapping,
                kind.bound,
                shown(kind.worst_alone),
                shown(kind.worst_overlapping)
            ));
        }
        for (profile, seed, kept) in &self.failed {
            lines.push(format!("FAILED: {profile}, seed {seed}: see {kept}"));
        }
        lines
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
