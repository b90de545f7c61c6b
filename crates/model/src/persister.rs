//! One persister: claim, write, advance, clear; the audit and its mending; each call of a server is one step, and between
//! any two of them it may pause for ever, be overtaken, or die.
//!
//! Follows `crates/app/src/coalesce/persister/shard.rs`; the reconcile is in [`crate::reconcile`].

use hiscore_score::{Position, Rules};

use crate::bounds::{Flaw, Flaws, PLAYERS};
use crate::law::Rec;
use crate::reconcile::Work;
use crate::redis::{Claim, Holder, Node, score};
use crate::store::{Advanced, ShardDoc, Store};

/// Where a persister is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Step {
    /// Nothing is under way.
    #[default]
    Idle,
    /// It has a claim that is not written.
    Claimed(usize, Claim),
    /// With [`Flaw::VersionFilter`]: it found these rows missing, and is about to insert them.
    Inserting(usize, Claim, [bool; PLAYERS]),
    /// All of the claim is written, or surely refused (and then not in it any more).
    Written(usize, Claim),
    /// The watermark is moved.
    Advanced(usize, Claim),
    /// The store went back; what is above is being marked.
    Mending(usize, u32, ShardDoc, Mend),
    /// A Redis is being reconciled.
    Reconciling(Box<Work>),
}

/// The next step of mending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mend {
    /// Say that marks are being made.
    Announce,
    /// Make them.
    Mark,
    /// Put the store back at our epoch.
    Reopen,
}

/// What a step works on.
pub struct Servers<'a> {
    /// The Redis servers.
    pub nodes: &'a mut [Node; 2],
    /// The store.
    pub store: &'a mut Store,
    /// The board's rules.
    pub rules: &'a Rules,
    /// The server that most Sentinels name.
    pub named: usize,
    /// The mistakes.
    pub flaws: Flaws,
}

impl Servers<'_> {
    /// Whether a reconcile of the server may begin: most Sentinels name it, asked just now.
    pub fn is_named(&self, node: usize) -> bool {
        node == self.named || self.flaws.has(Flaw::AnyPrimary)
    }
}

impl Step {
    /// The node that it works with.
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Idle => None,
            Self::Claimed(node, _)
            | Self::Inserting(node, ..)
            | Self::Written(node, _)
            | Self::Advanced(node, _)
            | Self::Mending(node, ..) => Some(*node),
            Self::Reconciling(work) => Some(work.node),
        }
    }

    /// Whether it has a claim of the server.
    pub fn has_claim_of(&self, of: usize) -> bool {
        matches!(self, Self::Claimed(node, _) | Self::Inserting(node, ..) | Self::Written(node, _)
            | Self::Advanced(node, _) if *node == of)
    }

    /// The store goes back. Of a bulk that it loses before the watermark was moved nobody would know: an operator must not let
    /// a persister sleep right there meanwhile. Everything else goes on.
    pub fn loses_what_is_half_written(&mut self) {
        if matches!(self, Self::Inserting(..) | Self::Written(..)) {
            *self = Self::Idle;
        }
    }

    /// The numbers of bulks in it.
    pub fn numbers(&mut self) -> Vec<&mut u64> {
        match self {
            Self::Idle => Vec::new(),
            Self::Claimed(_, claim)
            | Self::Inserting(_, claim, _)
            | Self::Written(_, claim)
            | Self::Advanced(_, claim) => vec![&mut claim.stored, &mut claim.number],
            Self::Mending(_, _, state, _) => vec![&mut state.bulk],
            Self::Reconciling(work) => work.number().into_iter().collect(),
        }
    }

    /// Makes the next step. What fails ends what was under way.
    pub fn next(self, me: Holder, servers: &mut Servers<'_>) -> Self {
        let flaws = servers.flaws;
        match self {
            Self::Idle => Self::Idle,
            Self::Claimed(node, claim) => write(node, claim, servers),
            Self::Inserting(node, claim, absent) => {
                for row in claim.rows.iter().filter(|row| absent[row.player]) {
                    // It is there meanwhile: a duplicate key, taken for "superseded".
                    let there = &mut servers.store.rows[row.player];
                    if there.is_none() {
                        *there = Some(row.record.clone());
                    }
                }
                Self::Written(node, claim)
            }
            Self::Written(node, claim) => {
                let epoch = claim.epoch;
                match servers.store.advance(&claim, flaws) {
                    Advanced::Done => Self::Advanced(node, claim),
                    Advanced::Fenced(state) if state.epoch > epoch => overtaken(node, servers),
                    Advanced::Fenced(state) | Advanced::WentBack(state) => {
                        Self::Mending(node, epoch, state, Mend::Announce)
                    }
                }
            }
            Self::Advanced(node, claim) => {
                servers.nodes[node].clear(me, &claim, flaws);
                Self::Idle
            }
            Self::Mending(node, epoch, state, mend) => mending(node, epoch, state, mend, me, servers),
            Self::Reconciling(work) => work.next(me, servers),
        }
    }
}

fn write(node: usize, claim: Claim, servers: &mut Servers<'_>) -> Step {
    let store = &mut *servers.store;
    if servers.flaws.has(Flaw::VersionFilter) {
        let absent = [0, 1].map(|player| store.rows[player].is_none());
        for row in claim.rows.iter().filter(|row| !absent[row.player]) {
            store.write(row.player, &row.record);
        }
        if claim.rows.iter().any(|row| absent[row.player]) {
            return Step::Inserting(node, claim, absent);
        }
        return Step::Written(node, claim);
    }
    for row in &claim.rows {
        if servers.flaws.has(Flaw::Increments) {
            add(&mut store.rows[row.player], &row.record, row.delta);
        } else {
            store.write(row.player, &row.record);
        }
    }
    Step::Written(node, claim)
}

/// What `$inc` does: the rest as it is, and the score more by so much.
fn add(there: &mut Option<Rec>, record: &Rec, delta: i64) {
    let before = there.as_ref().map_or(0, score);
    let mut after = record.clone();
    if let Some(live) = &mut after.0.live
        && let Ok(sum) = hiscore_score::Score::new(before + delta)
    {
        live.score = sum;
    }
    *there = Some(after);
}

fn mending(
    node: usize,
    epoch: u32,
    state: ShardDoc,
    mend: Mend,
    me: Holder,
    servers: &mut Servers<'_>,
) -> Step {
    let redis = &mut servers.nodes[node];
    match mend {
        Mend::Announce if redis.mark_above(me, state.watermark, state.bulk, false) => {
            Step::Mending(node, epoch, state, Mend::Mark)
        }
        Mend::Mark if redis.mark_above(me, state.watermark, state.bulk, true) && state.epoch < epoch => {
            Step::Mending(node, epoch, state, Mend::Reopen)
        }
        Mend::Reopen => {
            servers.store.open_epoch(state.epoch, ShardDoc { epoch, ..state }, servers.flaws);
            Step::Idle
        }
        // The lease is another's, or it is done.
        Mend::Announce | Mend::Mark => Step::Idle,
    }
}

/// Somebody opened a later epoch. If this is the server that is named it is reconciled again; or else it was cut off.
fn overtaken(node: usize, servers: &Servers<'_>) -> Step {
    if servers.is_named(node) && !servers.flaws.has(Flaw::LeftAlone) {
        return Step::Reconciling(Box::new(Work::begin(node, servers)));
    }
    Step::Idle
}

/// Looks whether the store still has what Redis believes it has, and whether somebody who was cut off wrote late.
pub fn audit(node: usize, servers: &Servers<'_>) -> Step {
    let shard = &servers.nodes[node].shard;
    let state = servers.store.shard.clone();
    if state.epoch > shard.epoch {
        return overtaken(node, servers);
    }
    if state.epoch < shard.epoch || state.is_behind(shard.persisted, shard.stored, servers.flaws) {
        return Step::Mending(node, shard.epoch, state, Mend::Announce);
    }
    if servers.is_named(node) && has_strays(node, &state, servers) {
        return Step::Reconciling(Box::new(Work::begin(node, servers)));
    }
    Step::Idle
}

/// Whether rows of epochs that ended are in the store which Redis has not, or has otherwise.
fn has_strays(node: usize, state: &ShardDoc, servers: &Servers<'_>) -> bool {
    let here = &servers.nodes[node].shard.rows;
    state.strays.iter().any(|stray| {
        let rows = servers
            .store
            .between(Position::new(stray.epoch, stray.above + 1), Position::new(stray.epoch + 1, 0));
        let late = |(player, stored): &(usize, Rec)| {
            here[*player].as_ref().is_none_or(|here| here.0.position < stored.0.position)
        };
        rows.iter().any(late)
    })
}
