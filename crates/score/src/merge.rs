//! Merging: one state out of what two copies of a record hold, of one history or of two.
//!
//! Needed wherever a tier comes back with less, or with other, than the rest knows: reconcile, rebuild, replay.
//! It is commutative, associative and idempotent, so it does not matter who is merged with whom first.
//!
//! How that follows from the law: the larger delete stamp wins whole. Among copies with the same one, each
//! part is a maximum in a total order: the content by the operator's own (BEST: the better by order; SET: the
//! later written; INCREMENT: the higher position, so that of two histories the later epoch's sum wins),
//! `num_score`, `updated` and `position` by size. Of *one* history the higher position wins whole by the same rule: along it the
//! delete stamp, the order of BEST, the stamps and the position only grow. Windows are united, since a retry must stay a retry
//! whichever side won; but of increments the side that wins, wins whole, with its own number and its own window, which holds the ids
//! of what its sum counts. With the ids of the other in it, a retry of what only the other counted would be told that it was counted.

use std::cmp::{Ordering, Reverse};

use crate::leaderboard::{Operator, Rules};
use crate::{Live, Record, Stamp};

/// One record out of two copies of it. `window_length` is the deployment's.
pub fn merge(rules: &Rules, a: &Record, b: &Record, window_length: usize) -> Record {
    if rules.operator == Operator::Increment {
        return if whole_order(rules, a, b).is_ge() { a } else { b }.clone();
    }
    let window = a.window.union(&b.window, window_length);
    match a.deleted.cmp(&b.deleted) {
        Ordering::Greater => return Record { window, ..a.clone() },
        Ordering::Less => return Record { window, ..b.clone() },
        Ordering::Equal => {}
    }
    let live = match (&a.live, &b.live) {
        (None, None) => None,
        // The same deletion, and one side saw the player begin afresh.
        (Some(live), None) | (None, Some(live)) => Some(live.clone()),
        (Some(of_a), Some(of_b)) => {
            let winner = if content_order(rules, (a, of_a), (b, of_b)).is_ge() { of_a } else { of_b };
            Some(Live { num_score: of_a.num_score.max(of_b.num_score), ..winner.clone() })
        }
    };
    Record {
        live,
        deleted: a.deleted,
        updated: a.updated.max(b.updated),
        position: a.position.max(b.position),
        window,
    }
}

/// Which of two sums wins: a total order, in which along one history the later is the greater.
fn whole_order(rules: &Rules, a: &Record, b: &Record) -> Ordering {
    let key = |record: &Record| (record.deleted, record.position, record.live.is_some());
    let by_content = || match (&a.live, &b.live) {
        (Some(of_a), Some(of_b)) => content_order(rules, (a, of_a), (b, of_b))
            .then_with(|| (of_a.num_score, a.updated).cmp(&(of_b.num_score, b.updated))),
        _ => Ordering::Equal,
    };
    key(a).cmp(&key(b)).then_with(by_content).then_with(|| ids(a).cmp(ids(b)))
}

fn ids(record: &Record) -> impl Iterator<Item = (Stamp, [u8; 16])> {
    record.window.entries().iter().map(|entry| (entry.stamp, entry.key.id))
}

/// Which content wins: a total order on content, so that merging cannot depend on who comes first.
fn content_order(rules: &Rules, (a, of_a): (&Record, &Live), (b, of_b): (&Record, &Live)) -> Ordering {
    let by_operator = match rules.operator {
        Operator::Best => Reverse(of_a.standing(rules)).cmp(&Reverse(of_b.standing(rules))),
        Operator::Set => a.updated.cmp(&b.updated),
        Operator::Increment => a.position.cmp(&b.position),
    };
    // Beyond this only two histories that gave the same stamp to different submissions differ: any fixed choice will do.
    by_operator.then_with(|| whole(of_a).cmp(&whole(of_b)))
}

fn whole(live: &Live) -> impl Ord + '_ {
    (
        live.score,
        live.subscore,
        live.reached,
        live.created,
        live.metadata.as_ref().map(crate::Metadata::as_str),
    )
}
