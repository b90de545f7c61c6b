//! Seasons: what passes from one to the next, and how old ones leave.

use hiscore_rank::Query;
use hiscore_rank::redis::{Done, ReadError, Refused, Work};
use hiscore_score::{Operator, Outcome, Position, Refusal};

use super::support::{LONG, ME, Tier, board, create, key, keyed, player, score, server};

const RESET: Work = Work::Reset { expected: None };

fn prune(tier: &Tier, most: usize) -> usize {
    let mut steps = 0;
    while tier.wait(tier.ranks.prune(0, ME, most)).unwrap() {
        steps += 1;
    }
    steps
}

#[test]
fn a_retry_stays_a_retry_in_every_later_season() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    tier.submit(
        &daily,
        vec![create(Operator::Increment), keyed("a", 1, "one"), keyed("b", 1, "two"), score("c", 1)],
    );
    let filed =
        tier.wait(tier.ranks.peek(0, ME, &[key(&daily, 1, &player("a"))])).unwrap().remove(0).unwrap();
    let again = |who, number, id| tier.submit(&daily, vec![keyed(who, number, id)]).remove(0);
    let outcome = |result| match result {
        Ok(Done::Submitted(done)) => (done.outcome, done.version, done.position, done.record.is_some()),
        other => panic!("{other:?}"),
    };
    for version in 2..=5 {
        tier.submit(&daily, vec![RESET]);
        let duplicate = outcome(again("a", 1, "one"));
        assert_eq!((duplicate.0, duplicate.1, duplicate.3), (Outcome::Duplicate, version, false));
        // Where it was filed, which is what its acknowledgement is about; stored and gone after the pruning.
        let expected = if version <= 3 { filed.position } else { Position::ZERO };
        assert_eq!(duplicate.2, expected, "season {version}");
        assert_eq!(again("a", 2, "one").unwrap_err(), Refused::Law(Refusal::Conflict));
        if version == 3 {
            assert_eq!(prune(&tier, 10), 0, "what is not stored stays");
            let told = tier.wait(tier.ranks.page(&daily, Some(1), &Query::Count)).unwrap();
            assert_eq!(told.board.total, 3);
            tier.flush();
            assert!(prune(&tier, 1) > 0);
        }
    }
    let gone = tier.wait(tier.ranks.page(&daily, Some(1), &Query::Count));
    assert!(matches!(gone, Err(ReadError::NoSeason(_))), "{gone:?}");
    // A record of its own takes the window over.
    assert_eq!(outcome(again("a", 5, "three")).0, Outcome::Improved);
    assert_eq!(outcome(again("a", 1, "one")).0, Outcome::Duplicate);
    tier.submit(&daily, vec![RESET, RESET, RESET]);
    tier.flush();
    prune(&tier, 100);
    assert_eq!(outcome(again("a", 5, "three")).0, Outcome::Duplicate);
    assert_eq!(outcome(again("b", 1, "two")).0, Outcome::Duplicate);
    assert_eq!(outcome(again("c", 1, "two")).0, Outcome::Improved);
    tier.close();
}

#[test]
fn a_large_season_leaves_in_steps_and_readers_see_all_of_it_or_nothing() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    let players = 1500;
    tier.submit(&daily, vec![create(Operator::Best)]);
    tier.submit(&daily, (0..players).map(|n| keyed(&format!("player {n}"), n, "id")).collect());
    tier.submit(&daily, vec![RESET, RESET]);
    tier.flush();
    let mut steps = 0;
    while tier.wait(tier.ranks.prune(0, ME, 100)).unwrap() {
        steps += 1;
        let page = tier.wait(tier.ranks.page(&daily, Some(1), &Query::Count));
        assert!(matches!(page, Err(ReadError::NoSeason(_))));
        // In the middle of it, a window is found wherever it is.
        let who = format!("player {}", steps * 37 % players);
        let result = tier.submit(&daily, vec![keyed(&who, steps * 37 % players, "id")]).remove(0);
        assert!(matches!(result, Ok(Done::Submitted(done)) if done.outcome == Outcome::Duplicate));
    }
    assert!(steps >= 10, "{steps} steps");
    let keys: Vec<_> = (0..players).map(|n| key(&daily, 1, &player(&format!("player {n}")))).collect();
    let left = tier.wait(tier.ranks.peek(0, ME, &keys)).unwrap();
    assert!(left.iter().all(Option::is_none));
    assert!(tier.wait(tier.ranks.claim(0, ME, LONG, 10, 10)).unwrap().is_none());
    tier.close();
}
