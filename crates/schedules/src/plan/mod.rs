//! What is done to whom, and when: drawn from the seed before anything runs.

mod fault;

use hiscore_faults::history::Level;

use crate::chance::Chance;
use crate::log::Noise as LogNoise;
use crate::players::Habits;
use crate::redis::front::Noise as RedisNoise;
use crate::store::Noise as StoreNoise;
pub(crate) use fault::{Fault, Role};

/// Processes of each role.
pub(crate) const OF_EACH: u64 = 2;

/// What stands between those who play and the ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Nothing.
    Direct,
    /// A log.
    Logged,
}

impl Profile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Logged];

    /// As it is called elsewhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Logged => "logged",
        }
    }
}

/// A schedule.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) has_sentinels: bool,
    pub(crate) shards: u16,
    /// Records of one bulk, and works that are applied at once.
    pub(crate) rows: usize,
    pub(crate) clients: u64,
    pub(crate) habits: Habits,
    /// How often the replica is brought up to date.
    pub(crate) lag: u64,
    pub(crate) redis_noise: RedisNoise,
    pub(crate) store_noise: StoreNoise,
    /// `None`: there is no log.
    pub(crate) log_noise: Option<LogNoise>,
    /// How long what became of an entry of the log is waited for.
    pub(crate) apply_wait: u64,
    /// When, in order.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// When it is over, and everything is to settle.
    pub(crate) ends: u64,
    /// What is acknowledged so survives.
    pub(crate) safe: Level,
}

/// Never, now and then, or often: a schedule with a little of everything shows less.
fn noise(chance: &Chance, least: u64) -> u64 {
    match chance.below(4) {
        0 | 1 => 0,
        2 => least + chance.below(4 * least),
        _ => 2 + chance.below(least / 2 + 2),
    }
}

fn log_noise(chance: &Chance, quiet: bool) -> LogNoise {
    let some = |least| if quiet { 0 } else { noise(chance, least) };
    LogNoise {
        refuse: some(50),
        keep: some(50),
        lose: some(50),
        fail_read: some(50),
        slow: some(20),
        slow_ms: 50 + chance.below(1_200),
        usual_ms: 1 + chance.below(30),
        skew_ms: if chance.one_in(2) { 0 } else { chance.below(3_000) },
        read_bytes: 1 << (7 + chance.below(8)),
    }
}

impl Plan {
    /// The schedule of a seed.
    pub(crate) fn new(chance: &Chance, profile: Profile) -> Self {
        let is_logged = profile == Profile::Logged;
        let has_sentinels = !chance.one_in(3);
        // Not together: a store that goes back while Redis is lost is lost, too.
        let restores = chance.one_in(4);
        let mut faults = Vec::new();
        let mut at = 1_500;
        let count = 2 + chance.below(5);
        // One thing at a time is done to Redis's servers.
        let mut redis_free = 0;
        for _ in 0..count {
            at += chance.below(2_000);
            let fault = Fault::draw(chance, profile, has_sentinels, restores);
            let lasts = fault.lasts();
            if fault.is_of_redis() {
                if at < redis_free {
                    continue;
                }
                redis_free = at + lasts + 500;
                if is_logged && chance.one_in(2) {
                    // Who applies stands still meanwhile, and comes back to another Redis.
                    let pause = Fault::Pause(Role::Apply, chance.below(OF_EACH), 500 + chance.below(5_000));
                    faults.push((at.saturating_sub(chance.below(500)), pause));
                }
            }
            faults.push((at, fault));
        }
        let last = faults.iter().map(|(at, fault)| at + fault.lasts()).max().unwrap_or(at);
        let spared = faults.iter().map(|(_, fault)| fault.spares()).max().unwrap_or(Level::Ranked);
        let quiet = chance.one_in(3);
        let (usual_ms, store_ms) = (1 + chance.below(30), 2 + chance.below(1 << (1 + chance.below(10))));
        let mut plan = Self {
            has_sentinels,
            shards: 1 + u16::try_from(chance.below(2)).unwrap_or(0),
            rows: 1 + usize::try_from(chance.below(8)).unwrap_or(0),
            clients: 2 + chance.below(3) + if is_logged { chance.below(3) } else { 0 },
            habits: Habits {
                pause: (5, 40 + chance.below(150)),
                persisted: 2 + chance.below(6),
                resets: 0,
                seasons: u32::MAX,
            },
            lag: 20 + chance.below(400),
            redis_noise: if quiet {
                RedisNoise { usual_ms, ..RedisNoise::default() }
            } else {
                RedisNoise {
                    break_before: noise(chance, 100),
                    break_after: noise(chance, 100),
                    hang: noise(chance, 300),
                    slow: noise(chance, 10),
                    slow_ms: 5 + chance.below(300),
                    usual_ms,
                }
            },
            store_noise: if quiet && !chance.one_in(3) {
                StoreNoise { usual_ms: store_ms, ..StoreNoise::default() }
            } else {
                StoreNoise {
                    fail_before: noise(chance, 10),
                    fail_after: noise(chance, 10),
                    fail_between: noise(chance, 10),
                    refuse: noise(chance, 10),
                    slow: noise(chance, 5),
                    slow_ms: 50 + chance.below(8_000),
                    usual_ms: store_ms,
                }
            },
            log_noise: is_logged.then(|| log_noise(chance, quiet)),
            apply_wait: if is_logged { 50 + chance.below(950) } else { 0 },
            faults,
            ends: last + 1_000,
            safe: if is_logged { Level::Logged } else { spared },
        };
        if chance.one_in(2) {
            plan.habits.resets = 10 + chance.below(60);
        }
        if !is_logged && plan.faults.iter().any(|(_, fault)| matches!(fault, Fault::Restore(_))) {
            // A third season lets the first leave Redis; then a copy from before is without it, and nobody else has it.
            plan.habits.seasons = hiscore_rank::redis::KEPT_SEASONS;
        }
        plan
    }

    /// Whether somebody may write into an epoch that ended, and do harm.
    pub(crate) fn has_strays(&self) -> bool {
        if self.log_noise.is_some() {
            return false;
        }
        let opens = |fault: &Fault| {
            !matches!(fault, Fault::Kill(..) | Fault::Pause(..) | Fault::Stop(..) | Fault::Flush)
        };
        self.faults.iter().any(|(_, fault)| opens(fault))
    }
}
