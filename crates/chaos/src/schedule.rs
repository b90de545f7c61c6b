//! What is broken when: made from a seed, a profile and a time alone, printed, and read again.

use std::fmt;

use hiscore_faults::Random;
use hiscore_faults::history::Level;

use crate::fault::{ALL, About, Fault, Profile};

/// Nothing is broken before: the games have begun to play.
const FIRST: u64 = 2_000;
/// Nothing begins in the last of it, so that writes are back before the games end.
const LAST: u64 = 6_000;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Milliseconds after the games began.
    pub(crate) at: u64,
    /// Milliseconds until it is healed.
    pub(crate) lasts: u64,
    pub(crate) fault: Fault,
    /// Which process of ours, by its place among those of the profile; of other tiers whatever they make of it.
    pub(crate) target: usize,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) profile: Profile,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) steps: Vec<Step>,
}

impl Schedule {
    /// The schedule of a seed, of these kinds of faults.
    pub(crate) fn make(profile: Profile, seed: u64, seconds: u64, kinds: &[Fault]) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(profile as u64));
        let end = (seconds * 1_000).saturating_sub(LAST);
        let (mut steps, mut at) = (Vec::new(), FIRST);
        let mut deck: Vec<&About> = Vec::new();
        while at < end {
            let together = match random.below(10) {
                0..5 => 1,
                5..8 => 2,
                _ => 3,
            };
            let mut group: Vec<Step> = Vec::new();
            for _ in 0..together {
                if deck.is_empty() {
                    deck = shuffled(profile, kinds, &mut random);
                }
                let free =
                    |about: &&About| group.iter().all(|step| step.fault.about().tier.goes_with(about.tier));
                let Some(next) = deck.iter().position(free) else { break };
                let about = deck.remove(next);
                let (least, most) = about.lasts;
                let lasts = least + random.below(most - least + 1);
                // So that they overlap.
                let begun = group.first().map_or(at, |first| at + random.below(first.lasts + 1));
                // Nothing lasts so long that a short run has no more than that.
                let lasts = lasts.min(seconds * 250);
                let target = random.below(profile.processes().len() as u64) as usize;
                group.push(Step { at: begun, lasts, fault: about.fault, target });
            }
            if group.is_empty() {
                break;
            }
            group.sort_by_key(|step| step.at);
            at = group.iter().map(|step| step.at + step.lasts).max().unwrap_or(at)
                + 1_500
                + random.below(2_000);
            steps.extend(group);
        }
        Self { profile, seed, seconds, steps }
    }

    /// The faults that happen together, in turn.
    pub(crate) fn groups(&self) -> Vec<Vec<Step>> {
        let mut groups: Vec<Vec<Step>> = Vec::new();
        let mut until = 0;
        for step in &self.steps {
            match groups.last_mut().filter(|_| step.at <= until) {
                Some(group) => group.push(step.clone()),
                None => groups.push(vec![step.clone()]),
            }
            until = until.max(step.at + step.lasts);
        }
        groups
    }

    /// The least level at which an acknowledgement survives all this.
    pub(crate) fn safe(&self) -> Level {
        let emptied = self.steps.iter().any(|step| step.fault == Fault::RedisEmptied);
        match self.profile {
            Profile::Embedded => Level::Persisted,
            Profile::Direct | Profile::DirectCluster if emptied => Level::Persisted,
            Profile::Direct | Profile::DirectCluster => Level::Replicated,
            Profile::Logged | Profile::LoggedRabbitMq => Level::Logged,
        }
    }

    /// Reads what was printed.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut schedule = Self { profile: Profile::Embedded, seed: 0, seconds: 0, steps: Vec::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = || format!("not a line of a schedule: {line}");
            let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
            match words[..] {
                ["profile", name] => schedule.profile = Profile::named(name).ok_or_else(wrong)?,
                ["seed", seed] => schedule.seed = number(seed)?,
                ["seconds", seconds] => schedule.seconds = number(seconds)?,
                [at, lasts, fault, target] => schedule.steps.push(Step {
                    at: number(at)?,
                    lasts: number(lasts.strip_prefix('+').ok_or_else(wrong)?)?,
                    fault: Fault::named(fault).ok_or_else(wrong)?,
                    target: number(target)? as usize,
                }),
                _ => return Err(wrong()),
            }
        }
        Ok(schedule)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, seed, seconds, steps } = self;
        writeln!(f, "profile {}\nseed {seed}\nseconds {seconds}", profile.name())?;
        writeln!(f, "# begins (ms), lasts (ms), fault, target")?;
        steps.iter().try_for_each(|step| {
            writeln!(f, "{:>7} +{:<5} {:<18} {}", step.at, step.lasts, step.fault.name(), step.target)
        })
    }
}

fn shuffled(profile: Profile, kinds: &[Fault], random: &mut Random) -> Vec<&'static About> {
    let wanted = |about: &&About| about.profiles.contains(&profile) && kinds.contains(&about.fault);
    let mut left: Vec<&About> = ALL.iter().filter(wanted).collect();
    let mut deck = Vec::with_capacity(left.len());
    while !left.is_empty() {
        deck.push(left.swap_remove(random.below(left.len() as u64) as usize));
    }
    deck
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_it_reads_back() {
        let usual = Fault::usual(true);
        for profile in Profile::ALL {
            let all: Vec<_> = (0..50).map(|seed| Schedule::make(profile, seed, 60, &usual)).collect();
            for (seed, schedule) in (0..).zip(&all) {
                assert_eq!(*schedule, Schedule::make(profile, seed, 60, &usual));
                assert_eq!(Schedule::read(&schedule.to_string()).as_ref(), Ok(schedule));
            }
            assert_ne!(all[0].steps, all[1].steps);
            let kinds: BTreeSet<_> = all.iter().flat_map(|one| &one.steps).map(|step| step.fault).collect();
            let possible = ALL.iter().filter(|about| about.profiles.contains(&profile));
            assert_eq!(kinds, possible.map(|about| about.fault).collect(), "every kind comes up");
            let together: BTreeSet<_> =
                all.iter().flat_map(Schedule::groups).map(|group| group.len()).collect();
            assert!(together.is_superset(&BTreeSet::from([1, 2])), "{together:?}");
        }
    }

    #[test]
    fn no_tier_has_two_faults_at_once() {
        for seed in 0..200 {
            for group in Schedule::make(Profile::Logged, seed, 60, &Fault::usual(true)).groups() {
                for (at, step) in group.iter().enumerate() {
                    let tier = step.fault.about().tier;
                    assert!(
                        group[..at].iter().all(|other| other.fault.about().tier.goes_with(tier)),
                        "{group:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn only_what_is_named_is_broken() {
        let schedule = Schedule::make(Profile::Direct, 3, 60, &[Fault::MongoKill]);
        assert!(schedule.steps.iter().all(|step| step.fault == Fault::MongoKill) && schedule.steps.len() > 2);
        assert!(Schedule::read("1 2 kill 0").is_err() && Schedule::read("1 +2 kil 0").is_err());
    }
}
