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

fn standing_at(score: i64, subscore: i64, stamp: u64) -> Standing {
    let [score, subscore] = [score, subscore].map(|number| Score::new(number).unwrap());
    Standing::new(&Rules::default(), score, subscore, Stamp::from_raw(stamp).unwrap())
}

/// The boards there are: scores close together, the same few again and again, the same all over but for the
/// stamp, and as far apart as scores can be.
fn standings() -> impl Strategy<Value = BoxedStrategy<Standing>> {
    let (least, most) = (Score::MIN.get(), Score::MAX.get());
    let extreme = prop_oneof![Just(least), Just(most), least..=most, -1..1i64];
    prop_oneof![
        Just((-60..60i64).prop_map(standing).boxed()),
        Just((-1..2i64, 0..2i64, 0..500u64).prop_map(|(a, b, c)| standing_at(a, b, c)).boxed()),
        Just((0..1u64 << 50).prop_map(|stamp| standing_at(7, 0, stamp)).boxed()),
        Just((extreme.clone(), extreme, 0..9u64).prop_map(|(a, b, c)| standing_at(a, b, c)).boxed()),
        Just(Just(standing(-5)).boxed()),
    ]
}

/// Puts a player at a standing, or takes it out.
type Step = (u16, Option<Standing>);

/// Growth, then any mix, then mostly departures: every way in which nodes split, merge and go.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    standings().prop_flat_map(|standing| {
        let some = |share: f64, n| vec((0..400u16, proptest::option::weighted(share, standing.clone())), n);
        (some(0.95, 0..600usize), some(0.5, 0..300), some(0.1, 0..900))
            .prop_map(|(a, b, c)| [a, b, c].concat())
    })
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

/// Takes the steps on a tree and on a sorted set. A player who moves is put elsewhere at once, or is taken out and
/// put in again.
fn follow<const L: usize, const F: usize>(steps: Vec<Step>, built: bool, at_once: bool) {
    let (mut tree, mut players) = (Tree::<L, F>::default(), Players::default());
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
    for (at, (n, standing)) in steps.into_iter().enumerate() {
        let slot = players.find(player(n).as_str());
        if let Some(slot) = slot {
            model.remove(&key(&players, slot));
        }
        match (slot, standing) {
            (Some(slot), Some(standing)) if at_once => tree.relocate(&mut players, slot, standing),
            (Some(slot), Some(standing)) => {
                tree.remove(&players, slot);
                players.set_standing(slot, standing);
                tree.insert(&players, slot);
            }
            (Some(slot), None) => {
                tree.remove(&players, slot);
                players.remove(slot);
            }
            (None, Some(standing)) => {
                let slot = players.add(&player(n), standing);
                tree.insert(&players, slot);
            }
            (None, None) => {}
        }
        if standing.is_some() {
            let slot = players.find(player(n).as_str()).unwrap();
            model.insert(key(&players, slot));
        }
        if at % 64 == 0 {
            agree(&tree, &players, &model);
        }
    }
    agree(&tree, &players, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn deep_trees_agree_with_a_sorted_set(steps in steps(), built: bool, at_once: bool) {
        follow::<4, 4>(steps, built, at_once);
    }

    #[test]
    fn wide_trees_agree_with_a_sorted_set(steps in steps(), built: bool, at_once: bool) {
        follow::<64, 32>(steps, built, at_once);
    }

    /// All in one leaf, from and to every index of it.
    #[test]
    fn moves_inside_a_leaf_agree_with_a_sorted_set(moves in vec((0..20u16, -12..12i64), 0..200)) {
        let all = (0..20).map(|n| (n, Some(standing(i64::from(n) - 10))));
        follow::<64, 32>(all.chain(moves.into_iter().map(|(n, score)| (n, Some(standing(score))))).collect(), false, true);
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

#[test]
fn a_board_that_moves_away_gives_its_nodes_back() {
    let (mut tree, mut players) = (Tree::<64, 32>::default(), Players::default());
    let slots: Vec<_> = (0..20_000).map(|n| players.add(&player(n), standing(-i64::from(n)))).collect();
    slots.iter().for_each(|slot| tree.insert(&players, *slot));
    let before = tree.check(&players);
    // All but the first of each leaf.
    for (n, slot) in (0..).zip(&slots) {
        if n % 32 != 0 {
            tree.relocate(&mut players, *slot, standing(-30_000 - n));
        }
    }
    let after = tree.check(&players);
    assert!(after * 4 < before * 5, "{before} nodes have become {after}");
}
