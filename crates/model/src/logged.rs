//! The logged profile: what is sent is appended to a log, appliers hand it to Redis in order, and the funnel and the store are
//! those of the direct profile.
//!
//! Follows `7_apply.lua`: Redis remembers how far it is together with what it changed, refuses a batch that leaves a gap,
//! and passes over what a record has seen. An entry is one work, and its stamp is its offset plus one, so a watermark is a place
//! in the log, too. Works have no ids here: that nothing counts twice is the positions' doing alone.

use hiscore_score::{Position, Rules};
use stateright::{Model, Property};

use crate::bounds::{Bounds, Faults, Flaw, PLAYERS};
use crate::law::{Rec, Work, judge};
use crate::persister::{Servers, Step, audit};
use crate::rebuild::Rebuild;
use crate::redis::{Node, Shard};
use crate::store::{ShardDoc, Store, renumber};
use crate::world::PROMISES;

/// The era of all positions: one log.
pub const ERA: u32 = 1;
/// Steps in which everything must have settled.
const SETTLED_WITHIN: usize = 80;

/// What a persister is at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Task {
    /// The funnel.
    Funnel(Step),
    /// Making a Redis fit to be served.
    Rebuild(Rebuild),
}

/// Entries that an applier has read: those from `prev` to `upto`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Batch {
    prev: u64,
    upto: u64,
}

/// A state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The Redis servers. A shard's stamp is how many entries are applied.
    pub nodes: [Node; 2],
    current: usize,
    linked: bool,
    /// The store.
    pub store: Store,
    backup: Option<Box<Store>>,
    persisters: [Task; 2],
    appliers: [Option<Batch>; 2],
    /// The log: which order each entry is.
    pub log: Vec<u8>,
    used: Faults,
    ids: u8,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// An order is appended, and acknowledged.
    Append(usize),
    /// An applier reads what a server lacks: one entry, or all.
    Read(usize, usize, bool),
    /// It hands over what it read, to whichever server it now takes for the primary.
    Apply(usize, usize),
    /// A persister takes or keeps the lease, and claims.
    Claim(usize, usize),
    /// A persister takes or keeps the lease, and makes a Redis fit to be served.
    Rebuild(usize, usize),
    /// A persister takes or keeps the lease, and looks after the store.
    Audit(usize, usize),
    /// A persister makes its next step.
    Step(usize),
    /// A persister dies.
    Crash(usize),
    /// The replica catches up.
    Replicate,
    /// The replica becomes the primary; the old one goes on, cut off.
    Failover,
    /// Redis restarts without its data.
    Empty,
    /// The store is copied.
    Backup,
    /// The store goes back to the copy.
    Restore,
}

const IDLE: Task = Task::Funnel(Step::Idle);

impl Task {
    fn numbers(&mut self) -> Vec<&mut u64> {
        match self {
            Self::Funnel(step) => step.numbers(),
            Self::Rebuild(rebuild) => vec![rebuild.number()],
        }
    }
}

impl World {
    fn new() -> Self {
        let shard = Shard { fence: Some(0), epoch: 1, ..Shard::default() };
        let node = |primary| Node { id: 0, primary, shard: shard.clone() };
        Self {
            nodes: [node(true), node(false)],
            current: 0,
            linked: true,
            store: Store { shard: ShardDoc { epoch: 1, ..ShardDoc::default() }, ..Store::default() },
            backup: None,
            persisters: [IDLE, IDLE],
            appliers: [None, None],
            log: Vec::new(),
            used: Faults::default(),
            ids: 1,
        }
    }

    fn servers<'a>(&'a mut self, bounds: &'a Bounds) -> Servers<'a> {
        let Self { nodes, store, current, .. } = self;
        Servers { nodes, store, rules: &bounds.rules, named: *current, flaws: bounds.flaws }
    }

    fn lease(&mut self, bounds: &Bounds, persister: usize, node: usize) -> bool {
        let holder = &mut self.nodes[node].shard.holder;
        if holder.is_some_and(|holder| holder != persister as u8) {
            if self.used.expire >= bounds.faults.expire {
                return false;
            }
            self.used.expire += 1;
        }
        *holder = Some(persister as u8);
        true
    }

    fn step(&mut self, bounds: &Bounds, persister: usize) {
        let me = persister as u8;
        let next = match std::mem::replace(&mut self.persisters[persister], IDLE) {
            Task::Funnel(step) => Task::Funnel(step.next(me, &mut self.servers(bounds))),
            Task::Rebuild(rebuild) => rebuild.next(me, &mut self.servers(bounds)).map_or(IDLE, Task::Rebuild),
        };
        self.persisters[persister] = logged(next);
    }

    fn replicate(&mut self) {
        let from = &self.nodes[self.current];
        let (id, shard) = (from.id, from.shard.clone());
        let to = &mut self.nodes[1 - self.current];
        (to.id, to.shard) = (id, shard);
    }

    fn apply(&mut self, bounds: &Bounds, node: usize, Batch { prev, upto }: Batch) {
        let shard = &mut self.nodes[node].shard;
        let open = self.nodes[node].primary && shard.fence == Some(self.nodes[node].id);
        // It went back, and so must who reads.
        let behind = prev > shard.stamp && !bounds.flaws.has(Flaw::AnyPrev);
        if !open || behind {
            return;
        }
        for at in prev.max(shard.stamp)..upto {
            let order = &bounds.orders[usize::from(self.log[at as usize])];
            let row = &mut shard.rows[order.player];
            let position = Position::new(ERA, at + 1);
            let seen = row.as_ref().is_some_and(|row| row.0.has_seen(position));
            let changed = if seen && !bounds.flaws.has(Flaw::AnyPosition) {
                // What came from the store above its watermark may go there again: only what is written twice is watched.
                at + 1 > shard.persisted && !bounds.flaws.has(Flaw::CleanAbove)
            } else {
                let after = judge(&bounds.rules, row.as_ref(), &order.work, position).record;
                let changed = after.is_some();
                *row = after.or_else(|| row.take());
                changed
            };
            if changed {
                let first = &mut shard.dirty[order.player];
                *first = Some(first.map_or(at + 1, |first| first.min(at + 1)));
            }
            shard.stamp = at + 1;
        }
    }

    fn after(mut self, bounds: &Bounds, action: Action) -> Option<Self> {
        match action {
            Action::Append(order) => self.log.push(order as u8),
            Action::Read(applier, node, all) => {
                let prev = self.nodes[node].shard.stamp;
                let upto = if all { self.log.len() as u64 } else { prev + 1 };
                self.appliers[applier] = Some(Batch { prev, upto });
            }
            Action::Apply(applier, node) => {
                let batch = self.appliers[applier].take()?;
                self.apply(bounds, node, batch);
            }
            Action::Claim(persister, node)
            | Action::Rebuild(persister, node)
            | Action::Audit(persister, node) => {
                if !self.lease(bounds, persister, node) {
                    return None;
                }
                self.persisters[persister] = match action {
                    Action::Claim(..) => {
                        let claim = self.nodes[node].claim(persister as u8, bounds.bulk, bounds.flaws)?;
                        Task::Funnel(Step::Claimed(node, claim))
                    }
                    Action::Rebuild(..) => Task::Rebuild(Rebuild::new(node)),
                    _ => logged(Task::Funnel(audit(node, &self.servers(bounds)))),
                };
                if self.persisters[persister] == IDLE {
                    return None;
                }
            }
            Action::Step(persister) => self.step(bounds, persister),
            Action::Crash(persister) => {
                self.used.crash += 1;
                self.persisters[persister] = IDLE;
            }
            Action::Replicate => self.replicate(),
            Action::Failover => {
                self.used.failover += 1;
                self.current = 1 - self.current;
                self.linked = false;
                let node = &mut self.nodes[self.current];
                (node.id, node.primary) = (self.ids, true);
                self.ids += 1;
            }
            Action::Empty => {
                self.used.empty += 1;
                let node = &mut self.nodes[self.current];
                (node.id, node.shard) = (self.ids, Shard::default());
                self.ids += 1;
                if self.linked {
                    self.replicate();
                }
            }
            Action::Backup => self.backup = Some(Box::new(self.store.clone())),
            Action::Restore => {
                self.used.restore += 1;
                for task in &mut self.persisters {
                    if let Task::Funnel(step) = task {
                        step.loses_what_is_half_written();
                    }
                }
                self.store = *self.backup.clone()?;
            }
        }
        self.renumber();
        Some(self)
    }

    fn renumber(&mut self) {
        let Self { nodes, store, backup, persisters, .. } = self;
        let has_claim = |node| {
            persisters.iter().any(|task| matches!(task, Task::Funnel(step) if step.has_claim_of(node)))
        };
        let has_claim = [0, 1].map(has_claim);
        let mut numbers: Vec<_> = persisters.iter_mut().flat_map(Task::numbers).collect();
        numbers.push(&mut store.shard.bulk);
        numbers.extend(backup.as_mut().map(|backup| &mut backup.shard.bulk));
        let mut claims = Vec::new();
        for (node, has_claim) in nodes.iter_mut().zip(has_claim) {
            numbers.push(&mut node.shard.stored);
            claims.push((&mut node.shard.claims, has_claim));
        }
        renumber(numbers, claims);
    }

    /// Whether every promise is kept once things settle: both tiers are what the whole log comes to.
    pub fn keeps_promises(&self, bounds: &Bounds) -> bool {
        let mut world = self.clone();
        let node = world.current;
        world.nodes[1 - node].primary = false;
        (world.persisters, world.appliers) = ([IDLE, IDLE], [None, None]);
        for _ in 0..SETTLED_WITHIN {
            world.nodes[node].shard.holder = Some(0);
            if world.persisters[0] != IDLE {
                world.step(bounds, 0);
                continue;
            }
            let Node { id, shard, .. } = &world.nodes[node];
            if shard.fence != Some(*id) {
                world.persisters[0] = Task::Rebuild(Rebuild::new(node));
            } else if shard.stamp < world.log.len() as u64 {
                let batch = Batch { prev: shard.stamp, upto: world.log.len() as u64 };
                world.apply(bounds, node, batch);
            } else if shard.dirty.iter().chain(&shard.flight).any(Option::is_some) {
                let claim = world.nodes[node].claim(0, PLAYERS, bounds.flaws);
                world.persisters[0] = claim.map_or(IDLE, |claim| Task::Funnel(Step::Claimed(node, claim)));
            } else {
                world.persisters[0] = logged(Task::Funnel(audit(node, &world.servers(bounds))));
                if world.persisters[0] == IDLE {
                    let fold = fold(bounds, &world.log);
                    return world.nodes[node].shard.rows == fold && world.store.rows == fold;
                }
            }
        }
        false
    }
}

/// Behind a log a Redis is rebuilt, where the direct profile reconciles.
fn logged(task: Task) -> Task {
    match task {
        Task::Funnel(Step::Reconciling(work)) => Task::Rebuild(Rebuild::new(work.node)),
        other => other,
    }
}

/// What the log comes to by the law.
fn fold(bounds: &Bounds, log: &[u8]) -> [Option<Rec>; PLAYERS] {
    let mut rows: [Option<Rec>; PLAYERS] = [None, None];
    for (at, order) in (1..).zip(log) {
        let order = &bounds.orders[usize::from(*order)];
        let row = &mut rows[order.player];
        let (rules, work): (&Rules, &Work) = (&bounds.rules, &order.work);
        if let Some(after) = judge(rules, row.as_ref(), work, Position::new(ERA, at)).record {
            *row = Some(after);
        }
    }
    rows
}

/// The model of the logged profile.
#[derive(Debug, Clone)]
pub struct Logged(pub Bounds);

impl Model for Logged {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let (bounds, most) = (&self.0, &self.0.faults);
        for (number, order) in bounds.orders.iter().enumerate() {
            let sent = world.log.iter().filter(|entry| usize::from(**entry) == number).count();
            if sent < usize::from(order.tries) {
                actions.push(Action::Append(number));
            }
        }
        for (at, node) in world.nodes.iter().enumerate().filter(|(_, node)| node.primary) {
            let open = node.is_open(bounds.flaws);
            let lag = (world.log.len() as u64).saturating_sub(node.shard.stamp);
            for applier in (0..2).filter(|applier| world.appliers[*applier].is_none() && open && lag > 0) {
                actions.push(Action::Read(applier, at, true));
                if lag > 1 {
                    actions.push(Action::Read(applier, at, false));
                }
            }
            let dirty = node.shard.dirty.iter().chain(&node.shard.flight).any(Option::is_some);
            for persister in (0..2).filter(|persister| world.persisters[*persister] == IDLE) {
                if !open && at == world.current {
                    actions.push(Action::Rebuild(persister, at));
                }
                if open && dirty {
                    actions.push(Action::Claim(persister, at));
                }
                if open {
                    actions.push(Action::Audit(persister, at));
                }
            }
        }
        for applier in (0..2).filter(|applier| world.appliers[*applier].is_some()) {
            let primaries = world.nodes.iter().enumerate().filter(|(_, node)| node.primary);
            actions.extend(primaries.map(|(node, _)| Action::Apply(applier, node)));
        }
        for persister in (0..2).filter(|persister| world.persisters[*persister] != IDLE) {
            actions.push(Action::Step(persister));
            if world.used.crash < most.crash {
                actions.push(Action::Crash(persister));
            }
        }
        let [current, other] = [world.current, 1 - world.current].map(|node| &world.nodes[node]);
        if world.linked && world.used.failover < most.failover {
            actions.push(Action::Failover);
            if current.shard != other.shard {
                actions.push(Action::Replicate);
            }
        }
        if world.used.empty < most.empty {
            actions.push(Action::Empty);
        }
        if world.used.restore < most.restore {
            actions.push(if world.backup.is_none() { Action::Backup } else { Action::Restore });
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        world.clone().after(&self.0, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROMISES, |model: &Self, world: &World| world.keeps_promises(&model.0))]
    }
}
