//! Making a Redis behind a log fit to be served: nothing is merged, since there is one history. Either it is at least as far
//! in the log as the store, and goes on from where it is; or it takes over what the store has above it, and goes on from there.

use hiscore_score::Position;

use crate::bounds::Flaw;
use crate::law::Rec;
use crate::logged::ERA;
use crate::persister::Servers;
use crate::redis::Holder;
use crate::store::ShardDoc;

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Read,
    Survey,
    OpenEpoch,
    Load,
    Install,
    Check,
    Open,
}

/// A rebuild under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rebuild {
    node: usize,
    phase: Phase,
    id: u8,
    before: ShardDoc,
    here: (u32, u64),
    epoch: u32,
    rows: Vec<(usize, Rec)>,
}

impl Rebuild {
    /// Begins with a server, by one who has the lease.
    pub fn new(node: usize) -> Self {
        let (before, rows) = (ShardDoc::default(), Vec::new());
        Self { node, phase: Phase::Read, id: 0, before, here: (0, 0), epoch: 0, rows }
    }

    /// The number of the last bulk that it saw in the store.
    pub fn number(&mut self) -> &mut u64 {
        &mut self.before.bulk
    }

    /// Makes the next step; `None`: it is done, or cannot go on.
    pub fn next(mut self, me: Holder, servers: &mut Servers<'_>) -> Option<Self> {
        let node = &mut servers.nodes[self.node];
        let ours = node.primary && node.shard.holder == Some(me);
        let place = self.before.watermark;
        self.phase = match self.phase {
            Phase::Read => {
                self.before = servers.store.shard.clone();
                Phase::Survey
            }
            Phase::Survey if ours && node.survey(me) => {
                self.id = node.id;
                self.here = (node.shard.epoch, node.shard.stamp);
                Phase::OpenEpoch
            }
            Phase::OpenEpoch => {
                self.epoch = self.before.epoch.max(self.here.0) + 1;
                let state = ShardDoc { epoch: self.epoch, ..self.before.clone() };
                if !servers.store.open_epoch(self.before.epoch, state, servers.flaws) {
                    return None;
                }
                if self.here.1 < place { Phase::Load } else { Phase::Open }
            }
            Phase::Load => {
                let end = Position { era: u32::MAX, ..Position::ZERO };
                self.rows = servers.store.between(Position::new(ERA, self.here.1 + 1), end);
                Phase::Install
            }
            Phase::Install if ours && node.id == self.id => {
                for (player, stored) in std::mem::take(&mut self.rows) {
                    let position = stored.0.position;
                    let row = &mut node.shard.rows[player];
                    if row.as_ref().is_none_or(|here| here.0.position < position) {
                        *row = Some(stored);
                    }
                }
                Phase::Check
            }
            // If the store went back meanwhile, not all of what it had was read.
            Phase::Check if servers.store.shard.epoch == self.epoch || servers.flaws.has(Flaw::ReadOnce) => {
                Phase::Open
            }
            Phase::Open => {
                node.open(me, self.id, self.epoch, place, &self.before);
                return None;
            }
            Phase::Survey | Phase::Install | Phase::Check => return None,
        };
        Some(self)
    }
}
