//! The order of one season as a counted B+tree of slots: every node knows how many players are below each child,
//! so that a rank is found, and a rank's player too, on one way down.
//!
//! Leaves hold nothing but slots (4 bytes a player); the standings to compare by are those in [`Players`]. Inner
//! nodes hold a copy of the first standing below each child, so that going down touches no player. A standing
//! must therefore be changed only while its slot is outside the tree.

use std::cmp::Ordering;

use arrayvec::ArrayVec;
use hiscore_score::Standing;

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
    fn compare(&self, players: &Players, standing: Standing, slot: u32) -> Ordering {
        standing.cmp(&self.standing).then_with(|| players.name(slot).cmp(self.name))
    }
}

/// One child of an inner node.
#[derive(Debug, Clone, Copy)]
struct Child {
    /// The standing of the first player below it.
    first: Standing,
    /// The slot of that player.
    first_slot: u32,
    /// How many players are below it; never 0.
    count: u32,
    /// Its number among the leaves or the inner nodes.
    node: u32,
}

/// The order. `LEAF` and `FAN` are how many slots and children a node has at most, at least 4 each.
#[derive(Debug)]
pub(crate) struct Tree<const LEAF: usize, const FAN: usize> {
    leaves: Vec<ArrayVec<u32, LEAF>>,
    inners: Vec<ArrayVec<Child, FAN>>,
    free_leaves: Vec<u32>,
    free_inners: Vec<u32>,
    root: u32,
    /// How many inner nodes are above each leaf.
    height: u32,
}

impl<const LEAF: usize, const FAN: usize> Default for Tree<LEAF, FAN> {
    fn default() -> Self {
        Self {
            leaves: vec![ArrayVec::new()],
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
        tree.leaves =
            ordered.chunks(LEAF * 3 / 4).map(|some| some.iter().map(|(_, slot)| *slot).collect()).collect();
        let mut level: Vec<Child> =
            (0..tree.leaves.len() as u32).map(|leaf| tree.child(players, leaf, 0)).collect();
        while level.len() > 1 {
            tree.height += 1;
            let begin = tree.inners.len() as u32;
            tree.inners.extend(level.chunks(FAN * 3 / 4).map(|some| some.iter().copied().collect()));
            let nodes = begin..tree.inners.len() as u32;
            level = nodes.map(|node| tree.child(players, node, tree.height)).collect();
        }
        tree.root = level.first().map_or(0, |child| child.node);
        tree
    }

    /// Puts in a slot that is not in it. O(log n).
    pub(crate) fn insert(&mut self, players: &Players, slot: u32) {
        let place = Place::of(players, slot);
        if let Some(right) = self.insert_below(players, self.root, self.height, slot, &place) {
            let left = self.child(players, self.root, self.height);
            let root = ArrayVec::from_iter([left, right]);
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
            self.root = self.inners[self.root as usize][0].node;
            self.height -= 1;
        }
    }

    /// How many stand strictly before a place. O(log n).
    pub(crate) fn before(&self, players: &Players, place: &Place<'_>) -> usize {
        let (leaf, before) = self.leaf_of(players, place);
        before + position(players, leaf, place)
    }

    /// How many stand before a slot that is in it. O(log n), and touches no other player.
    pub(crate) fn before_slot(&self, players: &Players, slot: u32) -> usize {
        let (leaf, before) = self.leaf_of(players, &Place::of(players, slot));
        before + leaf.iter().position(|present| *present == slot).unwrap_or(0)
    }

    /// Shows the slots from index `start` up to, not including, `end`, in order. O(log n + slots).
    pub(crate) fn each(&self, start: usize, end: usize, show: &mut impl FnMut(u32)) {
        self.each_below(self.root, self.height, start, end, show);
    }

    /// The leaf that a place belongs to, and how many stand before that leaf.
    fn leaf_of(&self, players: &Players, place: &Place<'_>) -> (&[u32], usize) {
        let (mut node, mut before) = (self.root, 0);
        for _ in 0..self.height {
            let children = &self.inners[node as usize];
            let at = child_for(players, children, place);
            before += children[..at].iter().map(|child| child.count as usize).sum::<usize>();
            node = children[at].node;
        }
        (&self.leaves[node as usize], before)
    }

    fn each_below(&self, node: u32, height: u32, start: usize, end: usize, show: &mut impl FnMut(u32)) {
        if height == 0 {
            let leaf = &self.leaves[node as usize];
            leaf.iter().take(end).skip(start).for_each(|slot| show(*slot));
            return;
        }
        let mut passed = 0;
        for child in &self.inners[node as usize] {
            let count = child.count as usize;
            if passed >= end {
                return;
            }
            if passed + count > start {
                self.each_below(child.node, height - 1, start.saturating_sub(passed), end - passed, show);
            }
            passed += count;
        }
    }

    /// What the parent of a node has to know of it. The node is not empty.
    fn child(&self, players: &Players, node: u32, height: u32) -> Child {
        if height == 0 {
            let leaf = &self.leaves[node as usize];
            let first_slot = leaf[0];
            Child { first: players.standing(first_slot), first_slot, count: leaf.len() as u32, node }
        } else {
            let children = &self.inners[node as usize];
            Child { count: children.iter().map(|child| child.count).sum(), node, ..children[0] }
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
            let at = position(players, leaf, place);
            let right = insert_or_split(leaf, at, slot)?;
            let right = take(&mut self.leaves, &mut self.free_leaves, right);
            return Some(self.child(players, right, 0));
        }
        let children = &mut self.inners[node as usize];
        let at = child_for(players, children, place);
        let child = &mut children[at];
        child.count += 1;
        if place.compare(players, child.first, child.first_slot) == Ordering::Greater {
            (child.first, child.first_slot) = (place.standing, slot);
        }
        let below = child.node;
        let split = self.insert_below(players, below, height - 1, slot, place)?;
        let children = &mut self.inners[node as usize];
        children[at].count -= split.count;
        let right = insert_or_split(children, at + 1, split)?;
        let right = take(&mut self.inners, &mut self.free_inners, right);
        Some(self.child(players, right, height))
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
            let at = leaf.iter().position(|present| *present == slot);
            at.map(|at| leaf.remove(at));
            return at == Some(0);
        }
        let at = child_for(players, &self.inners[node as usize], place);
        let below = self.inners[node as usize][at].node;
        let first_changed = self.remove_below(players, below, height - 1, slot, place);
        let children = &mut self.inners[node as usize];
        children[at].count -= 1;
        if children[at].count == 0 {
            children.remove(at);
            self.free(below, height - 1);
        } else {
            if first_changed {
                self.inners[node as usize][at] = self.child(players, below, height - 1);
            }
            self.merge_thin(node, height, at);
        }
        first_changed && at == 0
    }

    /// Merges a child that has become thin with a neighbour, if both fit well into one node. A thin node between
    /// full ones stays: it wastes less than moving entries about would cost.
    fn merge_thin(&mut self, node: u32, height: u32, at: usize) {
        let children = &self.inners[node as usize];
        let (limit, below) = (if height == 1 { LEAF } else { FAN }, height - 1);
        if self.size(children[at].node, below) > limit / 4 {
            return;
        }
        let fits = |left: &usize| {
            let pair = children.get(*left).zip(children.get(*left + 1));
            pair.is_some_and(|(a, b)| self.size(a.node, below) + self.size(b.node, below) <= limit * 3 / 4)
        };
        let Some(left) = at.checked_sub(1).filter(fits).or(Some(at).filter(fits)) else { return };
        let right = self.inners[node as usize].remove(left + 1);
        let into = &mut self.inners[node as usize][left];
        into.count += right.count;
        let (into, from) = (into.node as usize, right.node as usize);
        if below == 0 {
            let moving = std::mem::take(&mut self.leaves[from]);
            self.leaves[into].extend(moving);
        } else {
            let moving = std::mem::take(&mut self.inners[from]);
            self.inners[into].extend(moving);
        }
        self.free(right.node, below);
    }

    fn size(&self, node: u32, height: u32) -> usize {
        if height == 0 { self.leaves[node as usize].len() } else { self.inners[node as usize].len() }
    }

    fn free(&mut self, node: u32, height: u32) {
        if height == 0 { self.free_leaves.push(node) } else { self.free_inners.push(node) }
    }
}

/// The child below which a place belongs: the last whose first does not stand after it.
fn child_for(players: &Players, children: &[Child], place: &Place<'_>) -> usize {
    let after = children
        .partition_point(|child| place.compare(players, child.first, child.first_slot) != Ordering::Greater);
    after.saturating_sub(1)
}

/// How many in a leaf stand strictly before a place.
fn position(players: &Players, leaf: &[u32], place: &Place<'_>) -> usize {
    leaf.partition_point(|slot| place.compare(players, players.standing(*slot), *slot) == Ordering::Less)
}

/// Inserts into a node; a full one keeps its first half, and its second half is returned.
fn insert_or_split<T, const N: usize>(
    node: &mut ArrayVec<T, N>,
    at: usize,
    item: T,
) -> Option<ArrayVec<T, N>> {
    if node.len() < N {
        node.insert(at, item);
        return None;
    }
    let half = N / 2;
    let mut right: ArrayVec<T, N> = node.drain(half..).collect();
    if at <= half {
        node.insert(at, item)
    } else {
        right.insert(at - half, item)
    }
    Some(right)
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

#[cfg(test)]
impl<const LEAF: usize, const FAN: usize> Tree<LEAF, FAN> {
    /// Checks all that a tree takes for granted of itself, and returns how many nodes are in use.
    pub(crate) fn check(&self, players: &Players) -> usize {
        let nodes = self.check_below(players, self.root, self.height, true);
        let stored = self.leaves.len() + self.inners.len();
        assert_eq!(nodes + self.free_leaves.len() + self.free_inners.len(), stored, "no node is lost");
        nodes
    }

    fn check_below(&self, players: &Players, node: u32, height: u32, root: bool) -> usize {
        assert!(root || self.size(node, height) > 0, "no node but the root is empty");
        if height == 0 {
            return 1;
        }
        let children = &self.inners[node as usize];
        assert!(!root || children.len() > 1, "a root with one child would be no root");
        let check = |child: &Child| {
            let real = self.child(players, child.node, height - 1);
            assert_eq!(
                (real.first, real.first_slot, real.count),
                (child.first, child.first_slot, child.count)
            );
            self.check_below(players, child.node, height - 1, false)
        };
        1 + children.iter().map(check).sum::<usize>()
    }
}
