//! Short keys for standings: 4 bytes that keep their order, so that a search rarely follows a slot to its player.
//!
//! Neighbours in the order have nearly the same standing: what tells them apart is the end of a number, or the
//! stamp alone. So each node looks at standings through a lens of its own: of each number, only the bits in which
//! its players differ go into the key, one number after the other until the key is full. Keys are equal where the
//! lens is too coarse or the standing is far away; the standings decide then.

use hiscore_score::Standing;

/// Bits of a key. One fewer than an `i32` has: all are positive.
const KEY_BITS: u8 = 31;

/// How the players of one node see standings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lens {
    /// The least of each number that can be told from those below it.
    base: [i64; 3],
    /// How many bits of each number, counted from its base, are looked at.
    bits: [u8; 3],
    /// How many of those, the highest, go into the key; fewer than `bits` where the key is full.
    used: [u8; 3],
}

impl Lens {
    /// Sees every score there is, but not sharply: for a node of which nothing is known yet.
    pub(super) const WIDE: Self = Self { base: [-1 << 53, 0, 0], bits: [54, 0, 0], used: [KEY_BITS, 0, 0] };

    /// The lens for a node with these standings.
    pub(super) fn on(standings: impl Iterator<Item = Standing>) -> Self {
        let (mut least, mut greatest) = ([i64::MAX; 3], [i64::MIN; 3]);
        for standing in standings {
            for (part, number) in standing.parts().into_iter().enumerate() {
                least[part] = least[part].min(number);
                greatest[part] = greatest[part].max(number);
            }
        }
        let mut lens = Self { base: least, bits: [0; 3], used: [0; 3] };
        let mut room = KEY_BITS;
        for part in 0..3 {
            let range = greatest[part].abs_diff(least[part]);
            if range > 0 {
                // Twice as far as they are apart, so that those who come later can be told apart too.
                lens.base[part] -= (range / 4) as i64;
                lens.bits[part] = (u64::BITS - range.leading_zeros() + 1) as u8;
                lens.used[part] = lens.bits[part].min(room);
                room -= lens.used[part];
            }
        }
        lens
    }

    /// The key of a standing. Of two standings, the one that stands first never has the greater key.
    pub(super) fn key(&self, standing: Standing) -> i32 {
        let (mut key, mut room) = (0i64, KEY_BITS);
        for (part, number) in standing.parts().into_iter().enumerate() {
            let (bits, used) = (self.bits[part], self.used[part]);
            let distance = number.saturating_sub(self.base[part]);
            if distance < 0 {
                return (key << room) as i32;
            }
            if distance >> bits > 0 {
                return (((key + 1) << room) - 1) as i32;
            }
            key = key << used | (distance >> (bits - used));
            room -= used;
        }
        (key << room) as i32
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Numbers that are near each other, far away, or the last there are.
    fn standings() -> impl Strategy<Value = Vec<Standing>> {
        let most = (1i64 << 53) - 1;
        let number = prop_oneof![4 => -3..3i64, 2 => -5000..5000i64, 1 => -most..=most, 1 => Just(-most), 1 => Just(most)];
        let stamp = prop_oneof![4 => 0..4i64, 2 => 0..1i64 << 40, 1 => Just(most)];
        let parts = (number.clone(), number, stamp);
        vec(parts.prop_map(|(primary, secondary, reached)| standing([primary, secondary, reached])), 1..20)
    }

    fn standing([primary, secondary, reached]: [i64; 3]) -> Standing {
        use hiscore_score::{Rules, Score, SortOrder, Stamp};
        let rules = Rules { sort_order: SortOrder::Asc, subscore_order: SortOrder::Asc, ..Rules::default() };
        let [primary, secondary] = [primary, secondary].map(|number| Score::new(number).unwrap());
        Standing::new(&rules, primary, secondary, Stamp::from_raw(reached as u64).unwrap())
    }

    proptest! {
        #[test]
        fn keys_are_in_the_order_of_the_standings(seen in standings(), mut others in standings(), wide: bool) {
            let lens = if wide { Lens::WIDE } else { Lens::on(seen.iter().copied()) };
            others.extend(seen);
            others.sort();
            let keys: Vec<_> = others.iter().map(|standing| lens.key(*standing)).collect();
            prop_assert!(keys.is_sorted(), "{keys:?} of {others:?}");
            prop_assert!(keys.iter().all(|key| *key >= 0));
        }
    }

    #[test]
    fn what_is_near_each_other_is_told_apart() {
        // The same score, neighbouring scores, and the same score again at other times.
        for step in [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1 << 30]] {
            let of = |n: i64| standing([1_000_000 + n * step[0], n * step[1], 5 + n * step[2]]);
            let lens = Lens::on((0..64).map(of));
            distinct((0..64).map(|n| lens.key(of(n))));
        }
        // Two scores in one node, each many times.
        let lens = Lens::on((0..64).map(|n| standing([n / 32, 0, n * 1000])));
        distinct((0..64).map(|n| lens.key(standing([n / 32, 0, n * 1000]))));
    }

    fn distinct(keys: impl Iterator<Item = i32>) {
        assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
