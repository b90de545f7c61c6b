//! A node above others: for each child its first player, how many are below it and where it is.

use super::Place;
use super::row::Row;
use crate::players::Players;

/// What a parent knows of one child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    /// The slot of the first player below it.
    pub(super) first: u32,
    /// How many players are below it; never 0.
    pub(super) count: u32,
    /// Its number among the leaves or the inner nodes.
    pub(super) node: u32,
}

/// Up to `N` children. One array for each thing, so that going down touches few cache lines of a node.
#[derive(Debug, Clone)]
pub(super) struct Inner<const N: usize> {
    firsts: Row<N>,
    counts: [u32; N],
    nodes: [u32; N],
}

impl<const N: usize> Inner<N> {
    /// A node of at most `N` children that are in order.
    pub(super) fn of(players: &Players, children: &[Child]) -> Self {
        let firsts = Row::of(players, children.iter().map(|child| child.first));
        let (mut counts, mut nodes) = ([0; N], [0; N]);
        for (at, child) in children.iter().enumerate() {
            (counts[at], nodes[at]) = (child.count, child.node);
        }
        Self { firsts, counts, nodes }
    }

    pub(super) fn len(&self) -> usize {
        self.firsts.len()
    }

    pub(super) fn child(&self, at: usize) -> Child {
        Child { first: self.firsts.slots()[at], count: self.counts[at], node: self.nodes[at] }
    }

    pub(super) fn children(&self) -> impl Iterator<Item = Child> + '_ {
        (0..self.len()).map(|at| self.child(at))
    }

    /// How many players are below it.
    pub(super) fn count(&self) -> u32 {
        self.before(self.len())
    }

    /// How many players are below the children before an index.
    pub(super) fn before(&self, at: usize) -> u32 {
        let counts = (0u32..).zip(&self.counts);
        counts.map(|(child, count)| if child < at as u32 { *count } else { 0 }).sum()
    }

    /// The first child that has the player at index `start`, and how many are below the children before it.
    pub(super) fn child_at(&self, start: usize) -> (usize, usize) {
        let (mut end, mut at, mut before) = (0, 0, 0);
        for count in &self.counts[..self.len() - 1] {
            end += *count as usize;
            at += usize::from(end <= start);
            before = if end <= start { end } else { before };
        }
        (at, before)
    }

    /// The child below which a place belongs: the last whose first does not stand after it. And whether the place
    /// is before all of them.
    pub(super) fn child_for(&self, players: &Players, place: &Place<'_>) -> (usize, bool) {
        let up_to = self.firsts.up_to(players, place);
        (up_to.saturating_sub(1), up_to == 0)
    }

    pub(super) fn insert(&mut self, players: &Players, at: usize, child: Child) {
        let len = self.len();
        self.firsts.insert(players, at, child.first);
        self.counts.copy_within(at..len, at + 1);
        self.nodes.copy_within(at..len, at + 1);
        (self.counts[at], self.nodes[at]) = (child.count, child.node);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let len = self.len();
        self.counts.copy_within(at + 1..len, at);
        self.nodes.copy_within(at + 1..len, at);
        self.firsts.remove(at);
    }

    /// One child has another first now.
    pub(super) fn set_first(&mut self, players: &Players, at: usize, first: u32) {
        self.firsts.set(at, first, players.standing(first));
    }

    /// One child has more players now.
    pub(super) fn grow(&mut self, at: usize, by: u32) {
        self.counts[at] += by;
    }

    /// One child has fewer players now. Returns how many are left.
    pub(super) fn shrink(&mut self, at: usize, by: u32) -> u32 {
        self.counts[at] -= by;
        self.counts[at]
    }

    /// Keeps the first `at` children, and returns the others.
    pub(super) fn split_off(&mut self, players: &Players, at: usize) -> Self {
        let mut right = self.clone();
        right.firsts = self.firsts.split_off(players, at);
        right.counts.copy_within(at.., 0);
        right.nodes.copy_within(at.., 0);
        right
    }

    /// Takes in the children of the node right of it. There must be room.
    pub(super) fn append(&mut self, players: &Players, right: &Self) {
        let (len, more) = (self.len(), right.len());
        self.counts[len..len + more].copy_from_slice(&right.counts[..more]);
        self.nodes[len..len + more].copy_from_slice(&right.nodes[..more]);
        self.firsts.append(players, &right.firsts);
    }

    #[cfg(test)]
    pub(super) fn check(&self, players: &Players) {
        self.firsts.check(players);
    }
}
