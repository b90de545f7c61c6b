//! The tree with tiny nodes, so that a few hundred players make it many levels deep, against a `BTreeSet`; and
//! the players' tables and names through growth, departures and clean-ups.

use std::collections::{BTreeMap, BTreeSet};

use hiscore_score::{OrderKey, PlayerId, Rules, Score, Stamp, Standing};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::Index;
use crate::players::Players;
use crate::tree::{Place, Tree};

fn player(n: u16) -> PlayerId {
    PlayerId::new(&format!("p{n}")).unwrap()
}

fn standing(score: i64) -> Standing {
    Standing::new(&Rules::default(), Score::new(score).unwrap(), Score::ZERO, Stamp::ZERO)
}

/// Puts a player at a score, or takes it out.
type Step = (u16, Option<i64>);

/// Growth, then any mix, then mostly departures: every way in which nodes split, merge and go.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = |share: f64, n| vec((0..400u16, proptest::option::weighted(share, -60..60i64)), n);
    (some(0.95, 0..600usize), some(0.5, 0..300), some(0.1, 0..900)).prop_map(|(a, b, c)| [a, b, c].concat())
}

fn key(players: &Players, slot: u32) -> OrderKey {
    let player = PlayerId::new(players.name(slot)).unwrap();
    OrderKey { standing: players.standing(slot), player }
}

fn agree<const L: usize, const F: usize>(tree: &Tree<L, F>, players: &Players, model: &BTreeSet<OrderKey>) {
    tree.check(players);
    let mut all = Vec::new();
    tree.each(0, model.len(), &mut |slot| all.push(slot));
    assert!(all.iter().map(|slot| key(players, *slot)).eq(model.iter().cloned()));
    for (at, slot) in all.iter().enumerate() {
        assert_eq!(tree.before_slot(players, *slot), at);
        assert_eq!(tree.before(players, &Place::of(players, *slot)), at);
    }
    let mut middle = Vec::new();
    let (start, end) = (model.len() / 3, model.len() / 2);
    tree.each(start, end, &mut |slot| middle.push(slot));
    assert_eq!(middle, all[start..end]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn deep_trees_agree_with_a_sorted_set(steps in steps(), built in any::<bool>()) {
        let (mut tree, mut players) = (Tree::<4, 4>::default(), Players::default());
        let mut model = BTreeSet::new();
        if built {
            (0..300).for_each(|n| {
                players.add(&player(n), standing(i64::from(n) % 50));
            });
            let mut ordered: Vec<_> = players.slots().map(|slot| (players.standing(slot), slot)).collect();
            ordered.sort_by_key(|(_, slot)| key(&players, *slot));
            tree = Tree::build(&players, &ordered);
            model = ordered.iter().map(|(_, slot)| key(&players, *slot)).collect();
            agree(&tree, &players, &model);
        }
        for (at, (n, score)) in steps.into_iter().enumerate() {
            let slot = players.find(player(n).as_str());
            if let Some(slot) = slot {
                model.remove(&key(&players, slot));
                tree.remove(&players, slot);
            }
            match (slot, score) {
                (Some(slot), Some(score)) => players.set_standing(slot, standing(score)),
                (Some(slot), None) => players.remove(slot),
                (None, Some(score)) => { players.add(&player(n), standing(score)); }
                (None, None) => {}
            }
            if score.is_some() {
                let slot = players.find(player(n).as_str()).unwrap();
                model.insert(key(&players, slot));
                tree.insert(&players, slot);
            }
            if at % 64 == 0 {
                agree(&tree, &players, &model);
            }
        }
        agree(&tree, &players, &model);
    }

    #[test]
    fn players_are_found_through_growth_and_clean_up(arrive in 1..6000u16, leave in vec(0..6000u16, 0..4000)) {
        let (mut players, mut model) = (Players::default(), BTreeMap::new());
        for n in 0..arrive {
            model.insert(n, players.add(&player(n), standing(n.into())));
        }
        for n in leave {
            match model.remove(&n) {
                Some(slot) => players.remove(slot),
                None => { model.insert(n, players.add(&player(n), standing(n.into()))); }
            }
        }
        prop_assert_eq!(players.len(), model.len());
        for n in 0..6000 {
            prop_assert_eq!(players.find(player(n).as_str()), model.get(&n).copied());
        }
        prop_assert_eq!(players.slots().count(), model.len());
    }

    #[test]
    fn bulk_loading_is_many_upserts(rows in vec((0..300u16, -20..20i64), 0..600)) {
        let rows: Vec<_> = rows.into_iter().map(|(n, score)| (player(n), standing(score))).collect();
        let mut one_by_one = Index::new();
        for (player, standing) in &rows {
            one_by_one.upsert(player, *standing);
        }
        let at_once = Index::from_rows(rows);
        prop_assert_eq!(at_once.from_rank(1, usize::MAX), one_by_one.from_rank(1, usize::MAX));
    }
}

#[test]
fn a_board_that_shrinks_gives_its_nodes_back() {
    let (mut tree, mut players) = (Tree::<64, 32>::default(), Players::default());
    let slots: Vec<_> = (0..20_000).map(|n| players.add(&player(n), standing(n.into()))).collect();
    slots.iter().for_each(|slot| tree.insert(&players, *slot));
    let full = tree.check(&players);
    // All but every fiftieth leave: scattered, so that no node empties by itself.
    for (n, slot) in slots.iter().enumerate() {
        if n % 50 != 0 {
            tree.remove(&players, *slot);
        }
    }
    let thin = tree.check(&players);
    assert!(thin * 8 < full, "{thin} nodes of {full} are left for a fiftieth");
}
