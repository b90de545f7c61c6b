//! A shard whose slot a Cluster moves, key by key: until all of it is at its new primary, and reconciled there, nothing of it
//! is served, and nothing is half done.

use hiscore_faults::servers::{self, RedisCluster};
use hiscore_faults::wait::until;
use hiscore_rank::redis::{CallError, ReadError};
use hiscore_rank::{Query, redis::PageView};
use hiscore_score::Operator;

use super::support::{LONG, ME, PATIENCE, Tier, board, create, options, score};

#[test]
fn a_shard_on_the_move_is_served_by_nobody() {
    if servers::missing("redis-server") {
        return;
    }
    let cluster = RedisCluster::start(3);
    let options = options(&cluster.url());
    let meta = format!("{{{}:0}}:m", options.prefix);
    let tier = Tier::with(options);
    let (daily, weekly) = (board("daily"), board("weekly"));
    for board in [&daily, &weekly] {
        tier.submit(board, vec![create(Operator::Increment), score("a", 1), score("b", 2)]);
    }
    // In flight, so that it must be dirty again in the end.
    tier.wait(tier.ranks.claim(0, ME, LONG, 2, 1 << 20)).unwrap().unwrap();
    let page = || tier.wait(tier.ranks.page(&daily, None, &Query::FromRank { rank: 1, limit: 10 }));
    let before = page().unwrap();

    let here = cluster.node_of(&meta);
    let (mut steps, mut epoch) = (0, 1);
    for (to, is_last) in [(here + 1, true), (here + 2, false), (here, true)] {
        cluster.move_slot(cluster.slot_of(&meta), to % 3, |left| {
            steps += 1;
            nothing_is_served(&tier, page);
            let choice = left.iter().find(|key| (**key == meta) != is_last);
            Some(choice.unwrap_or(&left[0]).clone())
        });
        // It came along whole, with whom it belongs to, and with the fence of where it was.
        until("the shard to be found where it is now", PATIENCE, || {
            let submitted = tier.try_submit(&daily, vec![score("a", 1)]);
            (submitted.unwrap_err() == CallError::Fenced { shard: 0 }).then_some(())
        });
        until("readers and persisters to find it, too", PATIENCE, || {
            let look = tier.wait(tier.ranks.look(&[0])).remove(0).ok()?;
            assert!(!look.open && look.holder.as_deref() == Some(ME));
            (page() == Err(ReadError::Fenced { shard: 0 })).then_some(())
        });
        epoch += 1;
        tier.open(0, epoch);
        assert_eq!(page().as_ref(), Ok(&before));
    }
    assert!(steps > 12, "the keys go one by one: {steps}");
    let claim = tier.flush();
    assert_eq!((claim.rows.len(), claim.boards.len()), (4, 2), "nothing of it was in the store");
    tier.submit(&daily, vec![score("a", 1)]);
    assert_ne!(page().unwrap(), before);
    tier.close();
}

fn nothing_is_served(tier: &Tier, page: impl Fn() -> Result<PageView, ReadError>) {
    let submitted = tier.try_submit(&board("weekly"), vec![score("c", 5)]);
    assert!(matches!(submitted, Err(CallError::Fenced { .. } | CallError::Unavailable(_))), "{submitted:?}");
    // A board that is new is no key of its own, and must not be made either.
    let created = tier.try_submit(&board("new"), vec![create(Operator::Best)]);
    assert!(matches!(created, Err(CallError::Fenced { .. } | CallError::Unavailable(_))), "{created:?}");
    page().unwrap_err();
    if let Ok(look) = tier.wait(tier.ranks.look(&[0])).remove(0) {
        assert!(!look.open);
    }
    let claimed = tier.wait(tier.ranks.claim(0, ME, LONG, 10, 1 << 20));
    assert!(matches!(claimed, Err(CallError::Fenced { .. } | CallError::Unavailable(_))), "{claimed:?}");
    let surveyed = tier.wait(tier.ranks.survey(0, ME, LONG));
    assert!(matches!(surveyed, Err(CallError::Unavailable(_))), "nor reconciled: {surveyed:?}");
}

#[test]
fn a_shard_in_two_pieces_is_not_taken_for_one_that_lost_data() {
    if servers::missing("redis-server") {
        return;
    }
    let cluster = RedisCluster::with_replicas(3, 1);
    let options = options(&cluster.url());
    let meta = format!("{{{}:0}}:m", options.prefix);
    let tier = Tier::with(options);
    let daily = board("daily");
    tier.submit(&daily, vec![create(Operator::Increment), score("a", 1), score("b", 2)]);
    let page = || tier.wait(tier.ranks.page(&daily, None, &Query::FromRank { rank: 1, limit: 10 }));
    let before = page().unwrap();

    for (epoch, moves_meta) in [(2, false), (3, true)] {
        let (here, slot) = (cluster.node_of(&meta), cluster.slot_of(&meta));
        let old = &cluster.nodes()[here];
        let to = (here % 3 + 1) % 3;
        let mut left_to_move = 3;
        cluster.move_slot(slot, to, |left| {
            left_to_move -= 1;
            let choice = left.iter().find(|key| (**key == meta) == (moves_meta && left_to_move == 2));
            (left_to_move > 0).then(|| choice.unwrap_or(&left[0]).clone())
        });
        old.kill();
        let surveyed = || tier.wait(tier.ranks.survey(0, ME, LONG));
        until("the replica to say what it has", PATIENCE, || match surveyed().unwrap_err() {
            CallError::Unavailable(why) => why.contains("--cluster fix").then_some(()),
            CallError::Ambiguous(_) => None,
            other => panic!("{other}"),
        });
        assert!(page().is_err() && tier.try_submit(&daily, vec![score("a", 1)]).is_err());
        // Both pieces come together, and nothing is missing.
        cluster.move_slot(slot, to, |left| Some(left[0].clone()));
        until("the shard to be found where it is now", PATIENCE, || surveyed().ok());
        tier.open(0, epoch);
        assert_eq!(page().as_ref(), Ok(&before));
        old.restart();
        old.await_primary();
        cluster.await_ok();
    }
    tier.close();
}
