//! What is done to whom, and when: drawn from the seed before anything runs.

use hiscore_faults::history::Level;

use crate::chance::Chance;
use crate::redis::front::Noise as RedisNoise;
use crate::store::Noise as StoreNoise;

/// Ingests and persisters.
pub(crate) const OF_EACH: u64 = 2;

/// What is done. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process dies, and is started again so much later.
    Kill(Role, u64, u64),
    /// A process stands still for so long.
    Pause(Role, u64, u64),
    /// A persister is told to end, and is started again so much later.
    Stop(u64, u64),
    /// The primary dies and is started again with what it had.
    Restart(u64),
    /// The primary dies and is started again with nothing.
    Empty(u64),
    /// The replica stops following; so much later the primary dies, then the replica is named, then the other one is back.
    FailOver { tail: u64, noticed: u64, back: u64 },
    /// The replica is named while the primary lives on, with one ingest and one persister that reach nobody else, for so long.
    CutOff { tail: u64, lasts: u64 },
    /// A process does not reach the primary for so long.
    Unreachable(Role, u64, u64),
    /// The store answers nothing for so long.
    StoreAway(u64),
    /// The functions are flushed.
    Flush,
    /// The persisters are killed, and the store becomes what it was so many milliseconds ago.
    Restore(u64),
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ingest,
    Persist,
}

impl Role {
    pub(crate) fn host(self, number: u64) -> String {
        match self {
            Self::Ingest => format!("ingest-{number}"),
            Self::Persist => format!("persist-{number}"),
        }
    }
}

/// A schedule.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) has_sentinels: bool,
    pub(crate) shards: u16,
    /// Records of one bulk.
    pub(crate) rows: usize,
    pub(crate) clients: u64,
    /// The pause of a client between two requests, from and to.
    pub(crate) pause: (u64, u64),
    /// One submission in so many waits for the store.
    pub(crate) persisted: u64,
    /// How often the replica is brought up to date.
    pub(crate) lag: u64,
    pub(crate) redis_noise: RedisNoise,
    pub(crate) store_noise: StoreNoise,
    /// When, in order.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// When it is over, and everything is to settle.
    pub(crate) ends: u64,
    /// What is acknowledged so survives.
    pub(crate) safe: Level,
}

fn role(chance: &Chance) -> Role {
    if chance.one_in(2) { Role::Ingest } else { Role::Persist }
}

/// Never, now and then, or often: a schedule with a little of everything shows less.
fn noise(chance: &Chance, least: u64) -> u64 {
    match chance.below(4) {
        0 | 1 => 0,
        2 => least + chance.below(4 * least),
        _ => 2 + chance.below(least / 2 + 2),
    }
}

impl Plan {
    /// The schedule of a seed.
    pub(crate) fn new(chance: &Chance) -> Self {
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
            let fault = Self::fault(chance, has_sentinels, restores);
            let lasts = fault.lasts();
            if fault.is_of_redis() {
                if at < redis_free {
                    continue;
                }
                redis_free = at + lasts + 500;
            }
            faults.push((at, fault));
        }
        let last = faults.iter().map(|(at, fault)| at + fault.lasts()).max().unwrap_or(at);
        let loses = faults.iter().map(|(_, fault)| fault.spares()).max().unwrap_or(Level::Ranked);
        let quiet = chance.one_in(3);
        let (usual_ms, store_ms) = (1 + chance.below(30), 2 + chance.below(1 << (1 + chance.below(10))));
        Self {
            has_sentinels,
            shards: 1 + u16::try_from(chance.below(2)).unwrap_or(0),
            rows: 1 + usize::try_from(chance.below(8)).unwrap_or(0),
            clients: 2 + chance.below(3),
            pause: (5, 40 + chance.below(150)),
            persisted: 2 + chance.below(6),
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
            faults,
            ends: last + 1_000,
            safe: loses,
        }
    }

    /// Whether somebody may write into an epoch that ended.
    pub(crate) fn has_strays(&self) -> bool {
        let opens = |fault: &Fault| {
            !matches!(fault, Fault::Kill(..) | Fault::Pause(..) | Fault::Stop(..) | Fault::Flush)
        };
        self.faults.iter().any(|(_, fault)| opens(fault))
    }

    fn fault(chance: &Chance, has_sentinels: bool, restores: bool) -> Fault {
        loop {
            let of = chance.below(OF_EACH);
            let fault = match chance.below(18) {
                0 | 1 => Fault::Kill(role(chance), of, 100 + chance.below(3_000)),
                2 => Fault::Pause(role(chance), of, 200 + chance.below(6_000)),
                // Over a lease, so that another takes its place.
                3 | 4 | 14 => Fault::Pause(Role::Persist, of, 2_200 + chance.below(2_000)),
                5 => Fault::Stop(of, 500 + chance.below(2_000)),
                6 => Fault::Restart(50 + chance.below(2_000)),
                7 => Fault::Empty(50 + chance.below(2_000)),
                8 | 9 => Fault::FailOver {
                    tail: chance.below(1_500),
                    noticed: 50 + chance.below(2_000),
                    back: chance.below(3_000),
                },
                10 | 15 | 16 => {
                    Fault::CutOff { tail: chance.below(1_500), lasts: 2_000 + chance.below(8_000) }
                }
                11 => Fault::Unreachable(role(chance), of, 200 + chance.below(4_000)),
                12 => Fault::StoreAway(200 + chance.below(6_000)),
                _ if restores => Fault::Restore(chance.below(4_000)),
                _ => Fault::Flush,
            };
            let fits = match fault {
                Fault::CutOff { .. } => has_sentinels && !restores,
                Fault::Empty(_) | Fault::FailOver { .. } => !restores,
                _ => true,
            };
            if fits {
                return fault;
            }
        }
    }
}

impl Fault {
    /// How long it takes until everything is there again.
    pub(crate) fn lasts(self) -> u64 {
        match self {
            Self::Kill(_, _, ms)
            | Self::Pause(_, _, ms)
            | Self::Stop(_, ms)
            | Self::Restart(ms)
            | Self::Empty(ms)
            | Self::Unreachable(_, _, ms)
            | Self::StoreAway(ms) => ms,
            Self::FailOver { tail, noticed, back } => tail + noticed + back,
            Self::CutOff { tail, lasts } => tail + lasts,
            Self::Flush => 0,
            Self::Restore(_) => 500,
        }
    }

    fn is_of_redis(self) -> bool {
        matches!(
            self,
            Self::Restart(_)
                | Self::Empty(_)
                | Self::FailOver { .. }
                | Self::CutOff { .. }
                | Self::Unreachable(..)
        )
    }

    /// The least level that survives it.
    fn spares(self) -> Level {
        match self {
            Self::Empty(_) => Level::Persisted,
            Self::FailOver { .. } | Self::CutOff { .. } => Level::Replicated,
            _ => Level::Ranked,
        }
    }
}
