//! The order of one season as a counted B+tree of slots: every node knows how many players are below each child,
//! so that a rank is found, and a rank's player too, on one way down.
//!
//! Nodes hold slots, and for each slot a short key that nearly always decides a comparison ([`lens`]); where it
//! does not, the standings in [`Players`] are compared. A standing must therefore be changed only while its slot
//! is outside the tree, or by [`Tree::relocate`].

#[cfg(test)]
mod check;
mod inner;
mod lens;
mod row;

use std::cmp::Ordering;

use hiscore_score::Standing;

use self::inner::{Child, Inner};
use self::row::Row;
use crate::players::Players;

/// A place in the order to look for, whether or not somebody stands there.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) standing: Standing,
    pub(crate) name: &'a str,
}

impl<'a> Place<'a> {
    pub(crate) fn of(players: &'a Players, slot: u32) -> Self {
        Self { standing: players.standing(slot), name: players.name(slot) }
    }

    /// How somebody in the order compares with this place.
    fn compare(&self, players: &Players, slot: u32) -> Ordering {
        players.standing(slot).cmp(&self.standing).then_with(|| players.name(slot).cmp(self.name))
    }
}

/// How many levels of inner nodes a [`Way`] can remember: enough for any board but one made to be deep.
const DEEP: usize = 6;

/// A way down the tree.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Inner nodes and which of their children to take, from the root on.
    steps: [(u32, u32); DEEP],
    leaf: u32,
}

/// The order. `LEAF` and `FAN` are how many slots and children a node has at most: at least 4 each, at most 255.
#[derive(Debug)]
pub(crate) struct Tree<const LEAF: usize, const FAN: usize> {
    leaves: Vec<Row<LEAF>>,
    inners: Vec<Inner<FAN>>,
    free_leaves: Vec<u32>,
    free_inners: Vec<u32>,
    root: u32,
    /// How many inner nodes are above each leaf.
    height: u32,
}

impl<const LEAF: usize, const FAN: usize> Default for Tree<LEAF, FAN> {
    fn default() -> Self {
        Self {
            leaves: vec![Row::EMPTY],
            inners: Vec::new(),
            free_leaves: Vec::new(),
            free_inners: Vec::new(),
            root: 0,
            height: 0,
        }
    }
}

impl<const LEAF: usize, const FAN: usize> Tree<LEAF, FAN> {
    /// A tree of slots that are in order already. O(n).
    pub(crate) fn build(players: &Players, ordered: &[(Standing, u32)]) -> Self {
        let mut tree = Self::default();
        if ordered.is_empty() {
            return tree;
        }
        // Three quarters full, so that the first changes do not split every node.
        let row = |some: &[(Standing, u32)]| Row::of(players, some.iter().map(|(_, slot)| *slot));
        tree.leaves = ordered.chunks(LEAF * 3 / 4).map(row).collect();
        let mut level: Vec<Child> = (0..tree.leaves.len() as u32).map(|leaf| tree.child(leaf, 0)).collect();
        while level.len() > 1 {
            tree.height += 1;
            let begin = tree.inners.len() as u32;
            tree.inners.extend(level.chunks(FAN * 3 / 4).map(|some| Inner::of(players, some)));
            let nodes = begin..tree.inners.len() as u32;
            level = nodes.map(|node| tree.child(node, tree.height)).collect();
        }
        tree.root = level.first().map_or(0, |child| child.node);
        tree
    }

    /// Puts in a slot that is not in it. O(log n).
    pub(crate) fn insert(&mut self, players: &Players, slot: u32) {
        let place = Place::of(players, slot);
        if let Some(right) = self.insert_below(players, self.root, self.height, slot, &place) {
            let left = self.child(self.root, self.height);
            let root = Inner::of(players, &[left, right]);
            self.root = take(&mut self.inners, &mut self.free_inners, root);
            self.height += 1;
        }
    }

    /// Takes out a slot that is in it, with the standing under which it was put in. O(log n).
    pub(crate) fn remove(&mut self, players: &Players, slot: u32) {
        let place = Place::of(players, slot);
        self.remove_below(players, self.root, self.height, slot, &place);
        while self.height > 0 && self.inners[self.root as usize].len() == 1 {
            self.free_inners.push(self.root);
            self.root = self.inners[self.root as usize].child(0).node;
            self.height -= 1;
        }
    }

    /// Changes the standing of a slot that is in it, and moves the slot to where that belongs. O(log n).
    pub(crate) fn relocate(&mut self, players: &mut Players, slot: u32, standing: Standing) {
        let old = Place::of(players, slot);
        let [from, to] = self.ways(players, [&old, &Place { standing, ..old }]);
        let (from_leaf, to_leaf) = (&self.leaves[from.leaf as usize], &self.leaves[to.leaf as usize]);
        let at = from_leaf.index_of(old.standing, slot).unwrap_or(0);
        let to_at = to_leaf.before(players, &Place { standing, ..old });
        // The first of a leaf is known further up too, and a leaf that is full or becomes thin changes more nodes.
        let inside = at > 0 && to_at > 0;
        let (same, sizes_allow) =
            (from.leaf == to.leaf, from_leaf.len() > LEAF / 4 + 1 && to_leaf.len() < LEAF);
        if inside && same {
            players.set_standing(slot, standing);
            self.leaves[from.leaf as usize].relocate(at, to_at, standing);
        } else if inside && sizes_allow && self.height as usize <= DEEP {
            players.set_standing(slot, standing);
            for (from, to) in from.steps.iter().zip(&to.steps).take(self.height as usize) {
                self.inners[from.0 as usize].shrink(from.1 as usize, 1);
                self.inners[to.0 as usize].grow(to.1 as usize, 1);
            }
            self.leaves[from.leaf as usize].remove(at);
            self.leaves[to.leaf as usize].insert(players, to_at, slot);
        } else {
            self.remove(players, slot);
            players.set_standing(slot, standing);
            self.insert(players, slot);
        }
    }

    /// The ways to two places, level by level for both: each step waits for memory, and so the processor waits for
    /// both at once.
    fn ways(&self, players: &Players, places: [&Place<'_>; 2]) -> [Way; 2] {
        let mut ways = [Way { steps: [(0, 0); DEEP], leaf: self.root }; 2];
        for level in 0..self.height as usize {
            for (way, place) in ways.iter_mut().zip(places) {
                let inner = &self.inners[way.leaf as usize];
                let (at, _) = inner.child_for(players, place);
                if let Some(step) = way.steps.get_mut(level) {
                    *step = (way.leaf, at as u32);
                }
                way.leaf = inner.child(at).node;
            }
        }
        ways
    }

    /// How many stand strictly before a place. O(log n).
    pub(crate) fn before(&self, players: &Players, place: &Place<'_>) -> usize {
        let (leaf, before) = self.leaf_of(players, place);
        before + leaf.before(players, place)
    }

    /// How many stand before a slot that is in it. O(log n).
    pub(crate) fn before_slot(&self, players: &Players, slot: u32) -> usize {
        let place = Place::of(players, slot);
        let (leaf, before) = self.leaf_of(players, &place);
        before + leaf.index_of(place.standing, slot).unwrap_or(0)
    }

    /// Shows the slots from index `start` up to, not including, `end`, in order. O(log n + slots).
    pub(crate) fn each(&self, start: usize, end: usize, show: &mut impl FnMut(u32)) {
        self.each_below(self.root, self.height, start, end, show);
    }

    /// The leaf that a place belongs to, and how many stand before that leaf.
    fn leaf_of(&self, players: &Players, place: &Place<'_>) -> (&Row<LEAF>, usize) {
        let (mut node, mut before) = (self.root, 0);
        for _ in 0..self.height {
            let inner = &self.inners[node as usize];
            let (at, _) = inner.child_for(players, place);
            before += inner.before(at) as usize;
            node = inner.child(at).node;
        }
        (&self.leaves[node as usize], before)
    }

    fn each_below(&self, node: u32, height: u32, start: usize, end: usize, show: &mut impl FnMut(u32)) {
        if height == 0 {
            let leaf = self.leaves[node as usize].slots();
            leaf.iter().take(end).skip(start).for_each(|slot| show(*slot));
            return;
        }
        let inner = &self.inners[node as usize];
        let (at, mut passed) = inner.child_at(start);
        for child in inner.children().skip(at) {
            if passed >= end {
                return;
            }
            self.each_below(child.node, height - 1, start.saturating_sub(passed), end - passed, show);
            passed += child.count as usize;
        }
    }

    /// What the parent of a node has to know of it. The node is not empty.
    fn child(&self, node: u32, height: u32) -> Child {
        if height == 0 {
            let leaf = &self.leaves[node as usize];
            Child { first: leaf.slots()[0], count: leaf.len() as u32, node }
        } else {
            let inner = &self.inners[node as usize];
            Child { first: inner.child(0).first, count: inner.count(), node }
        }
    }

    /// Inserts below a node; what it returns is a new node right of it, which its parent has to take in.
    fn insert_below(
        &mut self,
        players: &Players,
        node: u32,
        height: u32,
        slot: u32,
        place: &Place<'_>,
    ) -> Option<Child> {
        if height == 0 {
            let leaf = &mut self.leaves[node as usize];
            let at = leaf.before(players, place);
            if leaf.len() < LEAF {
                leaf.insert(players, at, slot);
                return None;
            }
            let half = LEAF / 2;
            let mut right = leaf.split_off(players, half);
            if at <= half {
                leaf.insert(players, at, slot)
            } else {
                right.insert(players, at - half, slot)
            }
            let right = take(&mut self.leaves, &mut self.free_leaves, right);
            return Some(self.child(right, 0));
        }
        let inner = &mut self.inners[node as usize];
        let (at, first_changes) = inner.child_for(players, place);
        inner.grow(at, 1);
        if first_changes {
            inner.set_first(players, at, slot);
        }
        let below = inner.child(at).node;
        let split = self.insert_below(players, below, height - 1, slot, place)?;
        let inner = &mut self.inners[node as usize];
        inner.shrink(at, split.count);
        if inner.len() < FAN {
            inner.insert(players, at + 1, split);
            return None;
        }
        let half = FAN / 2;
        let mut right = inner.split_off(players, half);
        if at < half {
            inner.insert(players, at + 1, split)
        } else {
            right.insert(players, at + 1 - half, split)
        }
        let right = take(&mut self.inners, &mut self.free_inners, right);
        Some(self.child(right, height))
    }

    /// Removes below a node, and says whether its first player has become another.
    fn remove_below(
        &mut self,
        players: &Players,
        node: u32,
        height: u32,
        slot: u32,
        place: &Place<'_>,
    ) -> bool {
        if height == 0 {
            let leaf = &mut self.leaves[node as usize];
            let at = leaf.index_of(place.standing, slot);
            if let Some(at) = at {
                leaf.remove(at);
            }
            return at == Some(0);
        }
        let (at, _) = self.inners[node as usize].child_for(players, place);
        let below = self.inners[node as usize].child(at).node;
        let first_changed = self.remove_below(players, below, height - 1, slot, place);
        let inner = &mut self.inners[node as usize];
        if inner.shrink(at, 1) == 0 {
            inner.remove(at);
            self.free(below, height - 1);
        } else {
            if first_changed {
                let first = self.child(below, height - 1).first;
                self.inners[node as usize].set_first(players, at, first);
            }
            self.merge_thin(players, node, height, at);
        }
        first_changed && at == 0
    }

    /// Merges a child that has become thin with a neighbour, if both fit well into one node. A thin node between
    /// full ones stays: it wastes less than moving entries about would cost.
    fn merge_thin(&mut self, players: &Players, node: u32, height: u32, at: usize) {
        let inner = &self.inners[node as usize];
        let (limit, below) = (if height == 1 { LEAF } else { FAN }, height - 1);
        if self.size(inner.child(at).node, below) > limit / 4 {
            return;
        }
        let fits = |left: &usize| {
            let size = |at| self.size(inner.child(at).node, below);
            *left + 1 < inner.len() && size(*left) + size(*left + 1) <= limit * 3 / 4
        };
        let Some(left) = at.checked_sub(1).filter(fits).or(Some(at).filter(fits)) else { return };
        let (into, from) = (inner.child(left), inner.child(left + 1));
        let inner = &mut self.inners[node as usize];
        inner.remove(left + 1);
        inner.grow(left, from.count);
        if below == 0 {
            let moving = std::mem::replace(&mut self.leaves[from.node as usize], Row::EMPTY);
            self.leaves[into.node as usize].append(players, &moving);
        } else {
            let moving = self.inners[from.node as usize].clone();
            self.inners[into.node as usize].append(players, &moving);
        }
        self.free(from.node, below);
    }

    fn size(&self, node: u32, height: u32) -> usize {
        if height == 0 { self.leaves[node as usize].len() } else { self.inners[node as usize].len() }
    }

    fn free(&mut self, node: u32, height: u32) {
        if height == 0 { self.free_leaves.push(node) } else { self.free_inners.push(node) }
    }
}

/// Stores a node in a free place or a new one, and returns its number.
fn take<T>(nodes: &mut Vec<T>, free: &mut Vec<u32>, node: T) -> u32 {
    if let Some(at) = free.pop() {
        nodes[at as usize] = node;
        return at;
    }
    nodes.push(node);
    (nodes.len() - 1) as u32
}
