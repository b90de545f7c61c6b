//! The direct profile: submitters, two Redis servers, two persisters, one store; what can happen next, and what then is.

use stateright::{Model, Property};

use crate::bounds::{Bounds, Faults, Flaw, PLAYERS};
use crate::persister::{Servers, Step, audit};
use crate::promise::{self, Sent};
use crate::redis::{Node, Shard};
use crate::store::{ShardDoc, Store, renumber};

/// The one property: every promise is kept once things settle.
pub const PROMISES: &str = "every promise is kept once things settle";

/// A state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The Redis servers.
    pub nodes: [Node; 2],
    /// The one that Sentinel names.
    pub current: usize,
    /// Whether the other one is its replica.
    pub linked: bool,
    /// The store.
    pub store: Store,
    /// A copy of the store from before.
    pub backup: Option<Box<Store>>,
    /// The persisters.
    pub persisters: [Step; 2],
    /// What became of each order.
    pub sent: Vec<Sent>,
    /// The stamp of the latest deletion of each player, in whichever history.
    pub deleted: [Option<u64>; PLAYERS],
    /// The faults that happened.
    pub used: Faults,
    /// Replication ids given out.
    pub ids: u8,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// An order is sent to a server.
    Send(usize, usize),
    /// A persister takes or keeps the lease at a server, and claims what is dirty.
    Claim(usize, usize),
    /// A persister takes or keeps the lease, and begins to reconcile.
    Reconcile(usize, usize),
    /// A persister takes or keeps the lease, and checks the store.
    Audit(usize, usize),
    /// A persister makes its next step.
    Step(usize),
    /// A persister in the middle of something renews its lease, which ran out, as did that of who had it meanwhile.
    Retake(usize),
    /// A persister writes all of its claim but the first record, which is refused.
    Refuse(usize),
    /// A persister dies, and another starts in its place.
    Crash(usize),
    /// The replica catches up.
    Replicate,
    /// The replica becomes the primary; the old one goes on, cut off.
    Failover,
    /// The old one becomes the replica.
    Rejoin,
    /// Redis restarts with its data.
    Restart,
    /// Redis restarts without.
    Empty,
    /// The store is copied.
    Backup,
    /// The store goes back to the copy.
    Restore,
}

impl World {
    /// Everything up and reconciled, nobody has played.
    pub fn new(bounds: &Bounds) -> Self {
        let shard = Shard { fence: Some(0), epoch: 1, ..Shard::default() };
        let node = |primary| Node { id: 0, primary, shard: shard.clone() };
        Self {
            nodes: [node(true), node(false)],
            current: 0,
            linked: true,
            store: Store { shard: ShardDoc { epoch: 1, ..ShardDoc::default() }, ..Store::default() },
            backup: None,
            persisters: [Step::Idle, Step::Idle],
            sent: vec![Sent::default(); bounds.orders.len()],
            deleted: [None; PLAYERS],
            used: Faults::default(),
            ids: 1,
        }
    }

    /// What a persister's step works on.
    pub fn servers<'a>(&'a mut self, bounds: &'a Bounds) -> Servers<'a> {
        Servers {
            nodes: &mut self.nodes,
            store: &mut self.store,
            rules: &bounds.rules,
            named: self.current,
            flaws: bounds.flaws,
        }
    }

    fn new_id(&mut self) -> u8 {
        self.ids += 1;
        self.ids - 1
    }

    /// A persister takes the lease, if it is free or may have run out.
    fn lease(&mut self, bounds: &Bounds, persister: usize, node: usize) -> bool {
        let me = persister as u8;
        match self.nodes[node].shard.holder {
            Some(holder) if holder == me => return true,
            Some(_) if self.used.expire >= bounds.faults.expire => return false,
            Some(_) => self.used.expire += 1,
            None => {}
        }
        self.nodes[node].shard.holder = Some(me);
        true
    }

    /// Makes a persister's next step.
    pub fn step(&mut self, bounds: &Bounds, persister: usize) {
        let step = std::mem::take(&mut self.persisters[persister]);
        self.persisters[persister] = step.next(persister as u8, &mut self.servers(bounds));
    }

    /// Carries an action out; `None` if nothing comes of it.
    pub fn after(mut self, bounds: &Bounds, action: Action) -> Option<Self> {
        match action {
            Action::Send(order, node) => promise::send(&mut self, bounds, order, node)?,
            Action::Claim(persister, node) => {
                if !self.lease(bounds, persister, node) {
                    return None;
                }
                let claim = self.nodes[node].claim(persister as u8, bounds.bulk, bounds.flaws)?;
                self.persisters[persister] = Step::Claimed(node, claim);
            }
            Action::Reconcile(persister, node) => {
                if !self.lease(bounds, persister, node) {
                    return None;
                }
                self.begin(bounds, persister, node);
                self.step(bounds, persister);
            }
            Action::Audit(persister, node) => {
                if !self.lease(bounds, persister, node) {
                    return None;
                }
                self.persisters[persister] = audit(node, &self.servers(bounds));
                if self.persisters[persister] == Step::Idle {
                    return None;
                }
            }
            Action::Step(persister) => self.step(bounds, persister),
            Action::Retake(persister) => {
                let node = self.persisters[persister].node()?;
                if !self.lease(bounds, persister, node) {
                    return None;
                }
            }
            Action::Refuse(persister) => {
                self.used.refuse += 1;
                let Step::Claimed(_, claim) = &mut self.persisters[persister] else { return None };
                let refused = claim.rows.remove(0);
                claim.watermark = claim.watermark.min(refused.first - 1);
                self.step(bounds, persister);
            }
            Action::Crash(persister) => {
                self.used.crash += 1;
                self.persisters[persister] = Step::Idle;
            }
            Action::Replicate => self.replicate(),
            Action::Failover => {
                self.used.failover += 1;
                self.current = 1 - self.current;
                self.linked = false;
                let id = self.new_id();
                let node = &mut self.nodes[self.current];
                (node.id, node.primary) = (id, true);
            }
            Action::Rejoin => {
                self.used.rejoin += 1;
                self.linked = true;
                self.nodes[1 - self.current].primary = false;
                self.replicate();
            }
            Action::Restart => {
                self.used.restart += 1;
                let id = self.new_id();
                self.nodes[self.current].id = id;
                if self.linked {
                    self.nodes[1 - self.current].id = id;
                }
            }
            Action::Empty => {
                self.used.empty += 1;
                self.nodes[self.current].id = self.new_id();
                self.nodes[self.current].shard = Shard::default();
                if self.linked {
                    self.replicate();
                }
            }
            Action::Backup => self.backup = Some(Box::new(self.store.clone())),
            Action::Restore => {
                self.used.restore += 1;
                self.persisters.iter_mut().for_each(Step::loses_what_is_half_written);
                self.store = *self.backup.clone()?;
            }
        }
        promise::acknowledge(&mut self, bounds);
        self.renumber();
        Some(self)
    }

    fn renumber(&mut self) {
        let Self { nodes, store, backup, persisters, .. } = self;
        let has_claim = [0, 1].map(|node| persisters.iter().any(|step| step.has_claim_of(node)));
        let mut numbers: Vec<_> = persisters.iter_mut().flat_map(Step::numbers).collect();
        numbers.push(&mut store.shard.bulk);
        numbers.extend(backup.as_mut().map(|backup| &mut backup.shard.bulk));
        let mut claims = Vec::new();
        for (node, has_claim) in nodes.iter_mut().zip(has_claim) {
            numbers.push(&mut node.shard.stored);
            claims.push((&mut node.shard.claims, has_claim));
        }
        renumber(numbers, claims);
    }

    /// A persister is about to reconcile.
    pub fn begin(&mut self, bounds: &Bounds, persister: usize, node: usize) {
        let work = crate::reconcile::Work::begin(node, &self.servers(bounds));
        self.persisters[persister] = Step::Reconciling(Box::new(work));
    }

    fn replicate(&mut self) {
        let from = &self.nodes[self.current];
        let (id, shard) = (from.id, from.shard.clone());
        let to = &mut self.nodes[1 - self.current];
        (to.id, to.shard) = (id, shard);
    }

    fn persister_actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        for (persister, step) in self.persisters.iter().enumerate() {
            if *step != Step::Idle {
                actions.push(Action::Step(persister));
                if self.used.crash < bounds.faults.crash {
                    actions.push(Action::Crash(persister));
                }
            }
            match step {
                Step::Idle => {
                    for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.primary) {
                        if !node.is_open(bounds.flaws) {
                            if at == self.current || bounds.flaws.has(Flaw::AnyPrimary) {
                                actions.push(Action::Reconcile(persister, at));
                            }
                            continue;
                        }
                        let marks = node.shard.dirty.iter().chain(&node.shard.flight);
                        if marks.flatten().next().is_some() {
                            actions.push(Action::Claim(persister, at));
                        }
                        actions.push(Action::Audit(persister, at));
                    }
                }
                Step::Claimed(_, claim)
                    if !claim.rows.is_empty() && self.used.refuse < bounds.faults.refuse =>
                {
                    actions.push(Action::Refuse(persister));
                }
                _ => {}
            }
            let lost = |node: usize| self.nodes[node].shard.holder.is_some_and(|it| it != persister as u8);
            if step.node().is_some_and(|node| self.nodes[node].primary && lost(node)) {
                actions.push(Action::Retake(persister));
            }
        }
    }

    fn fault_actions(&self, most: &Faults, actions: &mut Vec<Action>) {
        let Faults { failover, rejoin, restart, empty, restore, .. } = self.used;
        let [current, other] = [self.current, 1 - self.current].map(|node| &self.nodes[node]);
        let matters = most.failover > failover || self.used.failover > 0;
        if self.linked && matters && other.shard != current.shard {
            actions.push(Action::Replicate);
        }
        if self.linked && failover < most.failover {
            actions.push(Action::Failover);
        }
        if !self.linked && rejoin < most.rejoin {
            actions.push(Action::Rejoin);
        }
        if restart < most.restart {
            actions.push(Action::Restart);
        }
        if empty < most.empty {
            actions.push(Action::Empty);
        }
        if restore < most.restore {
            actions.push(if self.backup.is_none() { Action::Backup } else { Action::Restore });
        }
    }
}

/// The model of the direct profile.
#[derive(Debug, Clone)]
pub struct Direct(pub Bounds);

impl Model for Direct {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.0)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let bounds = &self.0;
        for (number, order) in bounds.orders.iter().enumerate() {
            if world.sent[number].tries < order.tries {
                let primaries = world.nodes.iter().enumerate().filter(|(_, node)| node.is_open(bounds.flaws));
                actions.extend(primaries.map(|(node, _)| Action::Send(number, node)));
            }
        }
        world.persister_actions(bounds, actions);
        world.fault_actions(&bounds.faults, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        world.clone().after(&self.0, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROMISES, |model, world| promise::broken(world, &model.0).is_none())]
    }
}
