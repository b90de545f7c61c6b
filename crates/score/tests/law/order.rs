//! Who stands before whom: a total order, each column in its own direction, ties to whoever was first.

use std::cmp::Ordering;

use hiscore_score::{OrderKey, PlayerId, Rules, Score, SortOrder, Stamp, Standing};
use proptest::prelude::*;

use crate::history::{rules, score};

#[derive(Debug, Clone)]
struct Somebody {
    score: Score,
    subscore: Score,
    reached: Stamp,
    player: PlayerId,
}

fn somebody() -> impl Strategy<Value = Somebody> {
    let ids = prop_oneof![Just("a"), Just("aa"), Just("b"), Just("B"), Just("玩家")];
    (score(), score(), 0..3u64, ids).prop_map(|(score, subscore, reached, id)| Somebody {
        score,
        subscore,
        reached: Stamp::from_raw(reached).unwrap(),
        player: PlayerId::new(id).unwrap(),
    })
}

fn key(rules: &Rules, one: &Somebody) -> OrderKey {
    let standing = Standing::new(rules, one.score, one.subscore, one.reached);
    OrderKey { standing, player: one.player.clone() }
}

/// The order as the design words it, without negation.
fn in_words(rules: &Rules, a: &Somebody, b: &Somebody) -> Ordering {
    let column = |order: SortOrder, a: Score, b: Score| match order {
        SortOrder::Desc => b.get().cmp(&a.get()),
        SortOrder::Asc => a.get().cmp(&b.get()),
    };
    column(rules.sort_order, a.score, b.score)
        .then(column(rules.subscore_order, a.subscore, b.subscore))
        .then(a.reached.raw().cmp(&b.reached.raw()))
        .then(a.player.as_str().as_bytes().cmp(b.player.as_str().as_bytes()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn it_is_the_order_in_words(rules in rules(), a in somebody(), b in somebody()) {
        prop_assert_eq!(key(&rules, &a).cmp(&key(&rules, &b)), in_words(&rules, &a, &b));
    }

    #[test]
    fn it_is_total(rules in rules(), a in somebody(), b in somebody(), c in somebody()) {
        let [ka, kb, kc] = [&a, &b, &c].map(|one| key(&rules, one));
        prop_assert_eq!(ka.cmp(&kb), kb.cmp(&ka).reverse());
        prop_assert_eq!(ka.cmp(&kb) == Ordering::Equal, ka == kb);
        prop_assert!(a.player == b.player || ka != kb, "two players never stand in one place");
        if ka <= kb && kb <= kc {
            prop_assert!(ka <= kc);
        }
    }

    #[test]
    fn a_standing_gives_its_scores_back(rules in rules(), a in somebody(), b in somebody()) {
        let [at, other] = [&a, &b].map(|one| key(&rules, one).standing);
        prop_assert_eq!((at.score(&rules), at.subscore(&rules), at.reached()), (a.score, a.subscore, a.reached));
        prop_assert_eq!(at.same_scores(&other), (a.score, a.subscore) == (b.score, b.subscore));
        let ties = |a: &Somebody| Somebody { reached: Stamp::ZERO, player: PlayerId::new("x").unwrap(), ..a.clone() };
        let better = in_words(&rules, &ties(&a), &ties(&b)) == Ordering::Less;
        prop_assert_eq!(at.scores_better_than(&other), better, "scores alone");
    }
}
