//! What a tree takes for granted of itself, for its tests.

use super::Tree;
use super::inner::Child;
use crate::players::Players;

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
            self.leaves[node as usize].check(players);
            return 1;
        }
        let inner = &self.inners[node as usize];
        inner.check(players);
        assert!(!root || inner.len() > 1, "a root with one child would be no root");
        let check = |child: Child| {
            assert_eq!(self.child(child.node, height - 1), child, "a parent knows its children");
            self.check_below(players, child.node, height - 1, false)
        };
        1 + inner.children().map(check).sum::<usize>()
    }
}
