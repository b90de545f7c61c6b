//! What can be done to processes and tiers.

use hiscore_faults::history::Level;

use super::{OF_EACH, Profile};
use crate::chance::Chance;

/// What is done. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process dies, and is started again so much later.
    Kill(Role, u64, u64),
    /// A process stands still for so long.
    Pause(Role, u64, u64),
    /// A process is told to end, and is started again so much later.
    Stop(Role, u64, u64),
    /// The primary dies and is started again with what it had.
    Restart(u64),
    /// The primary dies and is started again with nothing.
    Empty(u64),
    /// The replica stops following; so much later the primary dies, then the replica is named, then the other one is back.
    FailOver { tail: u64, noticed: u64, back: u64 },
    /// The replica is named while the primary lives on, with one process of each role that reaches no other, for so long.
    CutOff { tail: u64, lasts: u64 },
    /// A process does not reach the primary for so long.
    Unreachable(Role, u64, u64),
    /// The store answers nothing for so long.
    StoreAway(u64),
    /// The log answers nothing for so long.
    LogAway(u64),
    /// The log takes up to so many milliseconds more, for so long.
    LogSlow(u64, u64),
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
    Apply,
}

impl Role {
    pub(crate) fn host(self, number: u64) -> String {
        match self {
            Self::Ingest => format!("ingest-{number}"),
            Self::Persist => format!("persist-{number}"),
            Self::Apply => format!("apply-{number}"),
        }
    }
}

fn either(chance: &Chance) -> Role {
    if chance.one_in(2) { Role::Ingest } else { Role::Persist }
}

fn any(chance: &Chance) -> Role {
    match chance.below(3) {
        0 => Role::Ingest,
        1 => Role::Persist,
        _ => Role::Apply,
    }
}

/// One of the direct profile.
fn direct(chance: &Chance, has_sentinels: bool, restores: bool) -> Fault {
    loop {
        let of = chance.below(OF_EACH);
        let fault = match chance.below(18) {
            0 | 1 => Fault::Kill(either(chance), of, 100 + chance.below(3_000)),
            2 => Fault::Pause(either(chance), of, 200 + chance.below(6_000)),
            // Over a lease, so that another takes its place.
            3 | 4 | 14 => Fault::Pause(Role::Persist, of, 2_200 + chance.below(2_000)),
            5 => Fault::Stop(Role::Persist, of, 500 + chance.below(2_000)),
            6 => Fault::Restart(50 + chance.below(2_000)),
            7 => Fault::Empty(50 + chance.below(2_000)),
            8 | 9 => Fault::FailOver {
                tail: chance.below(1_500),
                noticed: 50 + chance.below(2_000),
                back: chance.below(3_000),
            },
            10 | 15 | 16 => Fault::CutOff { tail: chance.below(1_500), lasts: 2_000 + chance.below(8_000) },
            11 => Fault::Unreachable(either(chance), of, 200 + chance.below(4_000)),
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

/// One of the logged profile: more of what has the log read again, and of appliers that take each other's place.
fn logged(chance: &Chance, has_sentinels: bool) -> Fault {
    loop {
        let of = chance.below(OF_EACH);
        let fault = match chance.below(26) {
            0 | 1 => Fault::Kill(any(chance), of, 100 + chance.below(3_000)),
            2 => Fault::Pause(any(chance), of, 200 + chance.below(6_000)),
            3..=5 => Fault::Pause(Role::Apply, of, 2_200 + chance.below(2_000)),
            6 => Fault::Pause(Role::Persist, of, 2_200 + chance.below(2_000)),
            7 => Fault::Stop(Role::Persist, of, 500 + chance.below(2_000)),
            8 => Fault::Stop(Role::Apply, of, 500 + chance.below(2_000)),
            9 => Fault::Restart(50 + chance.below(2_000)),
            10..=12 => Fault::Empty(50 + chance.below(2_000)),
            13 | 14 => Fault::FailOver {
                tail: chance.below(1_500),
                noticed: 50 + chance.below(2_000),
                back: chance.below(3_000),
            },
            15 | 16 => Fault::CutOff { tail: chance.below(1_500), lasts: 2_000 + chance.below(8_000) },
            17 => Fault::Unreachable(any(chance), of, 200 + chance.below(4_000)),
            18 => Fault::StoreAway(200 + chance.below(6_000)),
            19 => Fault::Flush,
            20 | 21 => Fault::LogAway(200 + chance.below(5_000)),
            22 => Fault::LogSlow(100 + chance.below(1_000), 500 + chance.below(4_000)),
            _ => Fault::Restore(chance.below(4_000)),
        };
        if has_sentinels || !matches!(fault, Fault::CutOff { .. }) {
            return fault;
        }
    }
}

impl Fault {
    /// Draws one. `restores`: whether the store may go back.
    pub(super) fn draw(chance: &Chance, profile: Profile, has_sentinels: bool, restores: bool) -> Self {
        match profile {
            Profile::Direct => direct(chance, has_sentinels, restores),
            Profile::Logged => logged(chance, has_sentinels),
        }
    }

    /// How long it takes until everything is there again.
    pub(crate) fn lasts(self) -> u64 {
        match self {
            Self::Kill(_, _, ms)
            | Self::Pause(_, _, ms)
            | Self::Stop(_, _, ms)
            | Self::Restart(ms)
            | Self::Empty(ms)
            | Self::Unreachable(_, _, ms)
            | Self::StoreAway(ms)
            | Self::LogAway(ms)
            | Self::LogSlow(_, ms) => ms,
            Self::FailOver { tail, noticed, back } => tail + noticed + back,
            Self::CutOff { tail, lasts } => tail + lasts,
            Self::Flush => 0,
            Self::Restore(_) => 500,
        }
    }

    pub(super) fn is_of_redis(self) -> bool {
        matches!(
            self,
            Self::Restart(_)
                | Self::Empty(_)
                | Self::FailOver { .. }
                | Self::CutOff { .. }
                | Self::Unreachable(..)
        )
    }

    /// The least level that survives it in the direct profile.
    pub(super) fn spares(self) -> Level {
        match self {
            Self::Empty(_) => Level::Persisted,
            Self::FailOver { .. } | Self::CutOff { .. } => Level::Replicated,
            _ => Level::Ranked,
        }
    }
}
