//! A report as some lines for people, and how numbers are shown to them.

use std::fmt::Write;
use std::time::Duration;

use hiscore_config::show_duration;

use crate::api::operator_name;
use crate::ledger::Kind;
use crate::report::{Check, Report};

/// Differences that are shown.
const SHOWN: usize = 10;

impl Report {
    /// Some lines for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "Played {} players on \"{}\" ({}) for {}: {} updates, {:.1} acknowledged a second\n",
            grouped(self.players as u64),
            self.leaderboard,
            operator_name(self.operator),
            played(self.elapsed),
            grouped(self.sent),
            self.rate(),
        );
        let levels: Vec<String> =
            self.acked.iter().map(|(level, n)| format!("{} {level}", grouped(*n))).collect();
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<14}{value}");
        };
        row("acknowledged", if levels.is_empty() { "none".to_owned() } else { levels.join(", ") });
        if !levels.is_empty() {
            let [p50, p95, p99, max] = self.latency.map(milliseconds);
            row("latency", format!("p50 {p50}, p95 {p95}, p99 {p99}, max {max}, from when each was due"));
        }
        if self.retries > 0 {
            row(
                "sent again",
                format!("{} ({} had been applied)", grouped(self.retries), grouped(self.duplicates)),
            );
        }
        for (code, (count, message)) in &self.refused {
            row("refused", format!("{} {code}: {message}", grouped(*count)));
        }
        for (count, name, meaning) in [
            (self.unknown, "unknown", "given up, perhaps applied"),
            (self.not_applied, "not applied", "given up"),
            (self.behind, "never sent", "due, but the player was still waiting for an answer"),
        ] {
            if count > 0 {
                row(name, format!("{} ({meaning})", grouped(count)));
            }
        }
        row("seed", format!("{} (--seed plays the same scores)", self.seed));
        text + &self.verdict()
    }

    fn verdict(&self) -> String {
        let (players, differences) = match &self.check {
            Check::Done { players, differences } => (*players, differences),
            Check::Skipped(why) => return format!("Not checked: {why}\n"),
            Check::Failed(why) => return format!("COULD NOT BE CHECKED: {why}\n"),
        };
        let of = |kind| differences.iter().filter(|difference| difference.kind == kind).count();
        let mut text = if self.has_loss() {
            let wrong = of(Kind::Lost)
                + of(Kind::NeverSubmitted)
                + if self.exclusive { of(Kind::MoreThanSent) } else { 0 };
            format!(
                "LOSS: read {} records back, {} are wrong\n",
                grouped(players as u64),
                grouped(wrong as u64)
            )
        } else {
            let undecided = match of(Kind::Undecided) {
                0 => String::new(),
                n => format!(", but {} could not be decided", grouped(n as u64)),
            };
            format!(
                "Read {} records back: no acknowledged update is missing{undecided}\n",
                grouped(players as u64)
            )
        };
        if of(Kind::MoreThanSent) > 0 && !self.exclusive {
            let _ = writeln!(
                text,
                "Note: somebody else writes {} of these players too (their numScore is higher than what was sent), so \
                 they could be checked in part only; --exclusive makes that an error",
                grouped(of(Kind::MoreThanSent) as u64)
            );
        }
        let mut shown = 0;
        for difference in
            differences.iter().filter(|d| self.exclusive || d.kind != Kind::MoreThanSent).take(SHOWN)
        {
            let _ = writeln!(text, "  {difference}");
            shown += 1;
        }
        let hidden = differences.len() - shown - if self.exclusive { 0 } else { of(Kind::MoreThanSent) };
        if hidden > 0 {
            let _ = writeln!(text, "  and {} more", grouped(hidden as u64));
        }
        text
    }
}

/// To the second, or to a tenth of it when it was short.
fn played(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1}s");
    }
    show_duration(Duration::from_secs(elapsed.as_secs()))
}

/// A latency with about three digits.
pub(crate) fn milliseconds(latency: Duration) -> String {
    let ms = latency.as_micros() as f64 / 1000.0;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 100.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
