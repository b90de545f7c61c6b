//! What a run of the model explores: who sends what, which faults there are, how often, and which mistake is put in.

use hiscore_score::{Operator, Rules};

use crate::law::{Work, rules};

/// Players, each with one record.
pub const PLAYERS: usize = 2;

/// A mistake that is put into the protocol, so that it is seen that the model finds it. Some were found by the model
/// in the protocol as it was first written: `docs/reliability.md` says what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Dirty marks are deleted by the claim, before the store has anything.
    PurgeFirst,
    /// Upserts filter on `{_id, version: {$lt}}`: one that finds nothing inserts, and of two that race one is lost.
    VersionFilter,
    /// The store is written with `$inc`.
    Increments,
    /// A Redis is served from whether it was reconciled or not.
    NoFence,
    /// The fence is lifted without merging in what the store has.
    NoMerge,
    /// The watermark is moved whatever it is in the store.
    BlindWatermark,
    /// Of a store that went back only the watermark tells, not the number of its last bulk.
    WatermarkAlone,
    /// An epoch is opened in a store that went back since it was read.
    AnyStore,
    /// A rebuild does not look again whether the store went back while it was read.
    ReadOnce,
    /// The watermark is moved whatever the epoch is in the store.
    BlindEpoch,
    /// A claim is cleared even if another came after it.
    AnyClaim,
    /// A reconcile reads the store's epoch after it put the fence down, not before.
    SurveyFirst,
    /// One whose epoch was overtaken is left alone for good, even if it is the one that is named.
    LeftAlone,
    /// Any primary is reconciled, one too that most Sentinels do not name.
    AnyPrimary,
    /// What an epoch before the last one left keeps its place when a reconcile takes it in.
    KeepsPlace,
    /// Logged: a batch is taken even if it leaves a gap.
    AnyPrev,
    /// Logged: a record takes what it has seen.
    AnyPosition,
    /// Logged: what a rebuild found in the store above the watermark is taken for stored for good.
    CleanAbove,
    /// Of two histories of increments one wins, but with the ids of both in its window.
    UnitedWindows,
}

/// A set of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flaws(u32);

impl Flaws {
    /// Whether it is among them.
    pub fn has(self, flaw: Flaw) -> bool {
        self.0 & 1 << flaw as u16 != 0
    }
}

/// How often each fault happens at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// A persister dies, at any step.
    pub crash: u8,
    /// A lease is taken from one who may only be slow.
    pub expire: u8,
    /// The replica is made the primary; the old one lives on for those who do not know it.
    pub failover: u8,
    /// The old primary becomes a replica.
    pub rejoin: u8,
    /// Redis restarts with its data.
    pub restart: u8,
    /// Redis restarts without its data, on all servers.
    pub empty: u8,
    /// A record of a bulk is refused.
    pub refuse: u8,
    /// The store goes back to a copy.
    pub restore: u8,
}

/// One thing that is sent.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whose record.
    pub player: usize,
    /// What.
    pub work: Work,
    /// How often at most.
    pub tries: u8,
}

/// What is explored.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The board's rules.
    pub rules: Rules,
    /// What is sent, in any order.
    pub orders: Vec<Order>,
    /// Records of one bulk.
    pub bulk: usize,
    /// The faults.
    pub faults: Faults,
    /// The mistakes, if any.
    pub flaws: Flaws,
}

impl Bounds {
    /// A board with the operator: nothing is sent, nothing fails.
    pub fn new(operator: Operator) -> Self {
        Self {
            rules: rules(operator),
            orders: Vec::new(),
            bulk: PLAYERS,
            faults: Faults::default(),
            flaws: Flaws::default(),
        }
    }

    /// A submission, sent up to so many times. On an `INCREMENT` board every submission adds a digit of its own to the base 4,
    /// so that a score tells what was counted, and what was counted twice.
    #[must_use]
    pub fn submit(mut self, player: usize, score: i64, tries: u8) -> Self {
        let number = self.orders.len();
        let amount = if self.rules.operator == Operator::Increment { digit(number) } else { score };
        self.orders.push(Order { player, work: Work::submit(number, amount), tries });
        self
    }

    /// A submission without an id, up to so many times.
    #[must_use]
    pub fn add(mut self, player: usize, tries: u8) -> Self {
        let amount = digit(self.orders.len());
        self.orders.push(Order { player, work: Work::anonymous(amount), tries });
        self
    }

    /// A deletion.
    #[must_use]
    pub fn delete(mut self, player: usize, tries: u8) -> Self {
        self.orders.push(Order { player, work: Work::Delete, tries });
        self
    }

    /// Other faults.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Bulks of so many records.
    #[must_use]
    pub fn bulk(mut self, rows: usize) -> Self {
        self.bulk = rows;
        self
    }

    /// With mistakes.
    #[must_use]
    pub fn flaws(mut self, flaws: &[Flaw]) -> Self {
        for flaw in flaws {
            self.flaws.0 |= 1 << *flaw as u16;
        }
        self
    }
}

/// What the submission of that number adds on an `INCREMENT` board.
pub fn digit(number: usize) -> i64 {
    1 << (2 * number)
}
