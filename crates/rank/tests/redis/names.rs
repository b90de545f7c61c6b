//! Names in any script, binary-looking order keys, the ends of the range, and ties, in every query.

use hiscore_rank::Query;
use hiscore_rank::redis::{Done, ReadError, Work};
use hiscore_score::{Operator, OrderKey, Rules, SortOrder};

use super::support::{Tier, board, create, player, rules, scored, server};

/// What has broken stores before.
const NAMES: [&str; 12] =
    ["$score", "{", "a.b", "__proto__", "玩家", "👩‍🚀", "a:b", "0000000001:x", " ", "\"", "%s%d", "é"];

fn names() -> impl Iterator<Item = &'static str> {
    // Braces are no part of a name.
    NAMES.into_iter().filter(|name| !name.contains('{'))
}

#[test]
fn any_name_is_a_name() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    for name in names() {
        let id = board(name);
        let works =
            [create(Operator::Best)].into_iter().chain(names().map(|who| scored(who, 1, 2, None, Some(who))));
        assert!(tier.submit(&id, works.collect()).iter().all(Result::is_ok), "{name}");
        let players: Vec<_> = names().map(player).collect();
        let page = tier.wait(tier.ranks.page(&id, None, &Query::Players(players.clone()))).unwrap();
        assert_eq!(page.rows.iter().map(|(row, _)| row.player.clone()).collect::<Vec<_>>(), players);
        // Whoever came first stands first.
        assert!(page.rows.iter().zip(1..).all(|((row, _), rank)| row.rank == rank));
    }
    let known: Vec<_> = tier.wait(tier.ranks.boards(0)).unwrap().into_iter().map(|(id, _)| id).collect();
    let mut expected: Vec<_> = names().map(board).collect();
    expected.sort();
    assert_eq!(known, expected);
    let claim = tier.flush();
    assert_eq!((claim.boards.len(), claim.rows.len()), (11, 121));
    assert_eq!(tier.wait(tier.ranks.page(&board("none"), None, &Query::Count)), Err(ReadError::NoBoard));
    tier.close();
}

#[test]
fn both_ends_of_the_range_in_every_direction() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let most = hiscore_score::number::MAX;
    let numbers = [-most, -most + 1, -1_000_000_000_000_000, -256, -1, 0, 1, 255, 65_536, most - 1, most];
    let orders = [SortOrder::Desc, SortOrder::Asc];
    for (number, (sort_order, subscore_order)) in
        orders.into_iter().flat_map(|a| orders.map(|b| (a, b))).enumerate()
    {
        let id = board(&format!("board {number}"));
        let rules = Rules { sort_order, subscore_order, ..rules(Operator::Set) };
        let mut works = vec![Work::Create { rules }];
        for a in numbers {
            works.extend(numbers.map(|b| scored(&format!("{a} {b}"), a, b, None, None)));
        }
        assert!(tier.submit(&id, works).iter().all(Result::is_ok));
        let all =
            tier.wait(tier.ranks.page(&id, None, &Query::FromRank { rank: 1, limit: 1000 })).unwrap().rows;
        assert_eq!(all.len(), numbers.len() * numbers.len());
        assert!(all.windows(2).all(|two| two[0].0.order_key() < two[1].0.order_key()));
        for (at, (row, record)) in all.iter().enumerate() {
            let live = record.live.as_ref().unwrap();
            assert_eq!(row.player.as_str(), format!("{} {}", live.score, live.subscore));
            let read = |query| tier.wait(tier.ranks.page(&id, None, &query)).unwrap().rows;
            assert_eq!(
                read(Query::After { key: row.order_key(), limit: 2 }),
                all[at + 1..(at + 3).min(all.len())]
            );
            assert_eq!(read(Query::Before { key: row.order_key(), limit: 2 }), all[at.saturating_sub(2)..at]);
            // The same place, but for a player who is not there: before and after the name.
            for (other, begin) in [("!", at), ("~", at + 1)] {
                let key = OrderKey { player: player(other), ..row.order_key() };
                assert_eq!(
                    read(Query::After { key, limit: 1 }),
                    all[begin.min(all.len())..(begin + 1).min(all.len())]
                );
            }
        }
    }
    tier.close();
}

#[test]
fn a_missing_part_is_not_made_up() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let id = board("daily");
    let mut results = tier.submit(&id, vec![create(Operator::Best)]);
    let Ok(Done::Board(leaderboard, position)) = results.remove(0) else { panic!("not created") };
    assert_eq!((leaderboard.version, position.sequence), (1, leaderboard.created.raw()));
    let view = tier.wait(tier.ranks.board(&id)).unwrap().unwrap();
    assert_eq!((view.leaderboard, view.total, view.revision), (leaderboard, 0, 0));
    let next = tier.wait(tier.ranks.page(&id, Some(2), &Query::Count));
    assert_eq!(next, Err(ReadError::NoSeason(leaderboard)));
    tier.close();
}
