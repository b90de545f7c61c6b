//! Walking a board page by page while it moves: nobody who stood still is seen twice or not at all.

use std::collections::HashSet;

use hiscore_score::{OrderKey, PlayerId, Score, Stamp, Standing};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Subject;
use super::cases::{Event, event, player, rules, season, standing};
use super::model::Ordered;
use crate::{Placed, Query};

/// One walk: the start, then before each page some events.
#[derive(Debug, Clone)]
struct Walk {
    start: Vec<(PlayerId, Standing)>,
    between: Vec<Vec<Event>>,
    limit: usize,
    /// From the last to the first.
    backwards: bool,
    /// The place beyond every player from which the walk starts.
    origin: OrderKey,
}

fn walks() -> impl Strategy<Value = Walk> {
    let walk = |rules| {
        let start = vec((player(), standing(rules)), 0..20);
        let between = vec(vec(event(rules), 0..4), 12);
        (start, between, 1..4usize, any::<bool>(), player()).prop_map(
            move |(start, between, limit, backwards, player)| {
                // The best or the worst place there is, by the board's own directions.
                let ends = [Score::MIN, Score::MAX].map(|primary| {
                    [Score::MIN, Score::MAX].map(|secondary| {
                        let at = if backwards { Stamp::LAST } else { Stamp::ZERO };
                        Standing::new(&rules, primary, secondary, at)
                    })
                });
                let ends = ends.as_flattened().iter();
                let standing = if backwards { ends.max() } else { ends.min() };
                let origin = standing.map(|standing| OrderKey { standing: *standing, player });
                origin.map(|origin| Walk { start, between, limit, backwards, origin })
            },
        )
    };
    rules().prop_flat_map(walk).prop_filter_map("there are always ends", |walk| walk)
}

/// Pages by cursor, forwards and backwards, with moves, arrivals and departures in between (also of the player
/// whose place is the cursor).
pub fn pages_neither_repeat_nor_skip<S: Subject>(make: impl Fn() -> S) {
    let outcome = TestRunner::new(Config::with_cases(2000)).run(&walks(), |walk| {
        let subject = make();
        let Some(season) = season("daily", 1) else { return Ok(()) };
        subject.open(&season);
        let mut model = Ordered::default();
        for (player, standing) in &walk.start {
            // The extremes are where the walk starts from, and a walk is strictly after its origin.
            let at = OrderKey { standing: *standing, player: player.clone() };
            if (at > walk.origin) != walk.backwards && at != walk.origin {
                subject.upsert(&season, player, *standing, 0);
                model.upsert(player, *standing, 0);
            }
        }
        let still_at_start = model.order.clone();
        let mut moved = HashSet::new();
        let mut seen = Vec::new();
        let mut cursor = walk.origin.clone();
        let mut between = walk.between.iter();
        loop {
            for event in between.next().into_iter().flatten() {
                match event {
                    Event::Upsert(player, standing) => {
                        subject.upsert(&season, player, *standing, 1);
                        moved.insert(player.clone());
                    }
                    Event::Remove(player) => {
                        subject.remove(&season, player, 1);
                        moved.insert(player.clone());
                    }
                    Event::Close => {}
                }
            }
            let (key, limit) = (cursor.clone(), walk.limit);
            let query =
                if walk.backwards { Query::Before { key, limit } } else { Query::After { key, limit } };
            let page = subject.read(&season, query).map_err(|e| TestCaseError::fail(e.to_string()))?.rows;
            prop_assert!(page.len() <= walk.limit);
            // Also what ends the walk: a tier that went round in circles would go round for ever.
            let beyond = |row: &Placed| {
                if walk.backwards { row.order_key() < cursor } else { row.order_key() > cursor }
            };
            prop_assert!(page.iter().all(beyond), "a page is strictly beyond its cursor");
            let next = if walk.backwards { page.first() } else { page.last() };
            let Some(next) = next else { break };
            cursor = next.order_key();
            seen.extend(page);
        }
        let mut still_seen: Vec<_> = seen.iter().map(|row| row.order_key()).collect();
        still_seen.retain(|key| !moved.contains(&key.player));
        still_seen.sort();
        let mut still = still_at_start;
        still.retain(|key| !moved.contains(&key.player));
        prop_assert_eq!(still_seen, still, "who stood still is seen exactly once");
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.err().map(|e| e.to_string()).unwrap_or_default());
}
