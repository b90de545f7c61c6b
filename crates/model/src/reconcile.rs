//! The reconcile of one Redis with the store: what `crates/app/src/coalesce/persister/reconcile.rs` does, step by step.

use hiscore_score::{Position, Stamp};

use crate::bounds::{Flaw, PLAYERS};
use crate::law::{Rec, join};
use crate::persister::{Servers, Step};
use crate::redis::{Holder, Install};
use crate::store::{ShardDoc, Stray};

/// A reconcile under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Work {
    /// Which server.
    pub node: usize,
    /// What is next.
    pub phase: Phase,
    id: u8,
    before: Option<ShardDoc>,
    here: Option<(u32, u64)>,
    epoch: u32,
    stamp: u64,
    /// Whether the last epoch was not opened here.
    skipped: bool,
    /// Whether all was read from a store that did not go back meanwhile.
    checked: bool,
    /// Ranges of positions that are still to be read.
    ranges: Vec<(Position, Position)>,
    /// What was read of one.
    rows: Vec<(usize, Rec)>,
    /// What is to be put in of it.
    installs: Vec<Install>,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Read the shard's document.
    Read,
    /// Put the fence down, and look at what is here.
    Survey,
    /// Open an epoch in the store.
    OpenEpoch,
    /// Renew what is dirty here, if the last epoch was not opened here.
    Own,
    /// Read a range from the store.
    Range,
    /// Look at what is here of it, and join both.
    Peek,
    /// Put it in.
    Install,
    /// See that the store did not go back meanwhile.
    Check,
    /// Lift the fence.
    Open,
}

impl Work {
    /// Begins with a server, by one who has the lease.
    pub fn begin(node: usize, servers: &Servers<'_>) -> Self {
        let phase = if servers.flaws.has(Flaw::SurveyFirst) { Phase::Survey } else { Phase::Read };
        Self {
            node,
            phase,
            id: 0,
            before: None,
            here: None,
            epoch: 0,
            stamp: 0,
            skipped: false,
            checked: false,
            ranges: Vec::new(),
            rows: Vec::new(),
            installs: Vec::new(),
        }
    }

    /// The number of the last bulk that it saw in the store.
    pub fn number(&mut self) -> Option<&mut u64> {
        self.before.as_mut().map(|before| &mut before.bulk)
    }

    /// Makes the next step.
    pub fn next(mut self: Box<Self>, me: Holder, servers: &mut Servers<'_>) -> Step {
        let done = match self.phase {
            Phase::Read => {
                self.before = Some(servers.store.shard.clone());
                self.phase = if self.here.is_none() { Phase::Survey } else { Phase::OpenEpoch };
                true
            }
            Phase::Survey => self.survey(me, servers),
            Phase::OpenEpoch => self.open_epoch(servers),
            Phase::Range => {
                self.range(servers);
                true
            }
            Phase::Own => self.own(me, servers),
            Phase::Peek => self.peek(me, servers),
            Phase::Install => {
                let installs = std::mem::take(&mut self.installs);
                self.phase = Phase::Range;
                servers.nodes[self.node].install(me, self.id, &installs)
            }
            Phase::Check => {
                self.phase = if self.skipped && !servers.flaws.has(Flaw::KeepsPlace) {
                    Phase::Own
                } else {
                    Phase::Open
                };
                self.checked = true;
                servers.store.shard.epoch == self.epoch || servers.flaws.has(Flaw::ReadOnce)
            }
            Phase::Open => {
                let before = self.before.unwrap_or_default();
                servers.nodes[self.node].open(me, self.id, self.epoch, self.stamp, &before);
                return Step::Idle;
            }
        };
        if done { Step::Reconciling(self) } else { Step::Idle }
    }

    fn survey(&mut self, me: Holder, servers: &mut Servers<'_>) -> bool {
        let node = &mut servers.nodes[self.node];
        if node.shard.holder != Some(me) || !node.survey(me) {
            return false;
        }
        self.id = node.id;
        self.here = Some((node.shard.epoch, node.shard.stamp));
        self.phase = if self.before.is_none() { Phase::Read } else { Phase::OpenEpoch };
        true
    }

    fn open_epoch(&mut self, servers: &mut Servers<'_>) -> bool {
        let (Some(before), Some((here, sequence))) = (&self.before, self.here) else { return false };
        self.epoch = before.epoch.max(here) + 1;
        let state = ShardDoc { epoch: self.epoch, strays: strays(before, here), ..before.clone() };
        if !servers.store.open_epoch(before.epoch, state, servers.flaws) {
            return false;
        }
        self.skipped = here < before.epoch;
        self.stamp = sequence.max(before.stamp).max(before.watermark);
        self.phase = Phase::Range;
        if servers.flaws.has(Flaw::NoMerge) {
            return true;
        }
        let own = Position::new(here, sequence + 1);
        self.ranges.push((own, Position { era: u32::MAX, ..Position::ZERO }));
        for stray in &before.strays {
            let start = Position::new(stray.epoch, stray.above + 1);
            self.ranges.push((start, Position::new(stray.epoch + 1, 0)));
        }
        true
    }

    /// Reads the next range that is not empty. Reading empty ones is no step of its own: nothing hangs on it.
    fn range(&mut self, servers: &Servers<'_>) {
        while !self.ranges.is_empty() {
            let (start, end) = self.ranges.remove(0);
            self.rows = servers.store.between(start, end);
            if !self.rows.is_empty() {
                self.phase = Phase::Peek;
                return;
            }
        }
        self.phase = if self.checked { Phase::Open } else { Phase::Check };
    }

    fn peek(&mut self, me: Holder, servers: &Servers<'_>) -> bool {
        let shard = &servers.nodes[self.node].shard;
        if !servers.nodes[self.node].primary || shard.holder != Some(me) {
            return false;
        }
        let last = self.before.as_ref().map_or(0, |before| before.epoch);
        for (player, stored) in std::mem::take(&mut self.rows) {
            let record = &stored.0;
            self.stamp = self.stamp.max(record.updated.raw()).max(record.position.sequence);
            let here = shard.rows[player].as_ref();
            if here == Some(&stored) {
                continue;
            }
            let record = match here {
                Some(here) => join(servers.rules, here, &stored, servers.flaws),
                None => stored.clone(),
            };
            // What an epoch before the last one left: the last one may not have known it, and would write over it.
            let late = stored.0.position.era < last && !servers.flaws.has(Flaw::KeepsPlace);
            if record != stored || late {
                self.renew(player, record);
            } else {
                self.installs.push(Install { player, record, dirty: false });
            }
        }
        self.phase = Phase::Install;
        true
    }

    /// A Redis that never saw the last epoch: what of it is dirty would be written over by what that epoch left.
    fn own(&mut self, me: Holder, servers: &Servers<'_>) -> bool {
        let node = &servers.nodes[self.node];
        if !node.primary || node.shard.holder != Some(me) {
            return false;
        }
        for player in 0..PLAYERS {
            let dirty = node.shard.dirty[player].is_some() || node.shard.flight[player].is_some();
            let older = |record: &Rec| dirty && record.0.position.era < self.epoch;
            if let Some(record) = node.shard.rows[player].clone().filter(older) {
                self.renew(player, record);
            }
        }
        self.phase = Phase::Install;
        true
    }

    /// A new state, at a place of its own in the new epoch, so that it wins everywhere.
    fn renew(&mut self, player: usize, mut record: Rec) {
        self.stamp = (self.stamp + 1).min(Stamp::LAST.raw());
        record.0.position = Position::new(self.epoch, self.stamp);
        self.installs.push(Install { player, record, dirty: true });
    }
}

/// The epochs that end now, each with what of it was surely in the store.
fn strays(before: &ShardDoc, here: u32) -> Vec<Stray> {
    let mut strays = before.strays.clone();
    let first = if here == 0 { before.epoch } else { here.min(before.epoch) };
    for epoch in first.max(1)..=before.epoch.max(here) {
        if !strays.iter().any(|stray| stray.epoch == epoch) {
            strays.push(Stray { epoch, above: before.watermark });
        }
    }
    strays
}
