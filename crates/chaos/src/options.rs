//! What is asked for on the command line.

use std::path::PathBuf;

use crate::fault::{Fault, Profile};

pub(crate) const USAGE: &str = "\
hiscore-chaos: plays against real deployments while it breaks them, and checks every answer.

  --profile NAME    embedded, direct, logged, logged-rabbitmq or direct-cluster; more by commas. The first three in turn if not given
  --seed N          the first seed; 1 if not given
  --seeds N         how many seeds of each profile; 1 if not given
  --seconds N       how long the games of one seed are played; 60 if not given
  --minutes N       as many seeds as fit into this time, whatever --seeds says
  --faults NAMES    only these kinds, by commas
  --schedule FILE   this schedule, as it was printed or kept, instead of seeds
  --rate N          at most so many requests a second; 300 if not given
  --old FILE        an older build, which every process begins with: rolling-upgrade is among the faults then
  --brokers N       nodes of Kafka: 1 or 3; 3 if not given
  --factor N        every bound times this, for a machine that does other things as well; 1 if not given
  --keep FOLDER     where schedule, history and logs of what failed are kept; target/chaos if not given
  --json FILE       the summary, to be read by a program
  --print           print the schedules and run nothing

The binary that is run is $HISCORE_BIN, or target/release/hiscore, or target/debug/hiscore.";

/// What to run, and how.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) profiles: Vec<Profile>,
    pub(crate) seed: u64,
    pub(crate) seeds: u64,
    pub(crate) seconds: u64,
    pub(crate) minutes: Option<f64>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) schedule: Option<PathBuf>,
    pub(crate) rate: f64,
    pub(crate) old: Option<PathBuf>,
    pub(crate) brokers: usize,
    pub(crate) factor: f64,
    pub(crate) keep: PathBuf,
    pub(crate) json: Option<PathBuf>,
    pub(crate) print: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profiles: Profile::USUAL.to_vec(),
            seed: 1,
            seeds: 1,
            seconds: 60,
            minutes: None,
            faults: Vec::new(),
            schedule: None,
            rate: 300.0,
            old: None,
            brokers: 3,
            factor: 1.0,
            keep: PathBuf::from("target/chaos"),
            json: None,
            print: false,
        }
    }
}

impl Options {
    /// Reads the command line; an empty value is as if it were not given, so that a Makefile can pass what is not set.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(name) = arguments.next() {
            if name == "--print" {
                options.print = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            if value.is_empty() {
                continue;
            }
            let wrong = || format!("{name} {value}: not one that there is");
            match name.as_str() {
                "--profile" => {
                    let profiles = value.split(',').map(|name| Profile::named(name).ok_or_else(wrong));
                    options.profiles = profiles.collect::<Result<_, _>>()?;
                }
                "--faults" => {
                    let faults = value.split(',').map(|name| Fault::named(name).ok_or_else(wrong));
                    options.faults = faults.collect::<Result<_, _>>()?;
                }
                "--seed" => options.seed = value.parse().map_err(|_| wrong())?,
                "--seeds" => options.seeds = value.parse().map_err(|_| wrong())?,
                "--seconds" => options.seconds = value.parse().map_err(|_| wrong())?,
                "--minutes" => options.minutes = Some(positive(&value).ok_or_else(wrong)?),
                "--rate" => options.rate = positive(&value).ok_or_else(wrong)?,
                "--factor" => options.factor = positive(&value).ok_or_else(wrong)?,
                "--brokers" => {
                    options.brokers = value.parse().ok().filter(|n| matches!(n, 1 | 3)).ok_or_else(wrong)?;
                }
                "--schedule" => options.schedule = Some(value.into()),
                "--old" => {
                    // It is started from another folder.
                    let old = PathBuf::from(&value).canonicalize();
                    options.old = Some(old.map_err(|error| format!("--old {value}: {error}"))?);
                }
                "--keep" => options.keep = value.into(),
                "--json" => options.json = Some(value.into()),
                _ => return Err(format!("{name}: no such option")),
            }
        }
        if options.faults.is_empty() {
            options.faults = Fault::usual(options.old.is_some());
        } else if options.faults.contains(&Fault::Upgrade) && options.old.is_none() {
            return Err("rolling-upgrade needs --old, the build to upgrade from".to_owned());
        }
        Ok(options)
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn what_is_asked_for_is_read_and_what_is_wrong_is_said() {
        let options = read("--profile direct,logged --seed 7 --faults kill,pause --factor 2.5").unwrap();
        assert_eq!(options.profiles, [Profile::Direct, Profile::Logged]);
        assert_eq!((options.seed, options.seeds, options.factor), (7, 1, 2.5));
        assert_eq!(options.faults, [Fault::Kill, Fault::Pause]);
        assert_eq!(read("--seed  --seconds 5").unwrap().seconds, 5, "an empty value is none");
        assert!(!read("--seed 1").unwrap().faults.contains(&Fault::Upgrade), "there is no older build");
        assert!(read("--old /dev/null").unwrap().faults.contains(&Fault::Upgrade));
        assert!(read("--faults rolling-upgrade").is_err() && read("--old /nowhere/hiscore").is_err());
        for wrong in ["--seed", "--seed x", "--factor 0", "--faults kill,kil", "--brokers 2", "--what 1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
