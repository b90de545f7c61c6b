//! The promises: what must be there once things settle, whatever happened before.
//!
//! In *every* state that can be reached, a copy of the world is let settle: no more faults, whoever was cut off is gone, one
//! persister goes on. What is then in both tiers is held against what was acknowledged. So a loss is found where it happens,
//! and that things settle at all without a person is checked everywhere, too.
//!
//! Acknowledgements are noted as soon as a server would give them: nobody who asks later is told more.

use hiscore_score::{Operator, Position, Record};

use crate::bounds::{Bounds, PLAYERS, digit};
use crate::law::{Rec, Work};
use crate::persister::{Step, audit};
use crate::redis::Persisted;
use crate::world::World;

/// Steps in which everything must have settled; a round of the funnel is four, a reconcile of one range seven.
const SETTLED_WITHIN: usize = 60;

/// What became of one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sent {
    /// How often it was sent.
    pub tries: u8,
    /// The last answer that may still become better.
    pub answer: Option<Answer>,
    /// The stamp under which it was acknowledged as `RANKED`, `REPLICATED` and `PERSISTED`.
    pub acked: [Option<u64>; 3],
    /// Whether a deletion may have taken it: one after it, or one in another history.
    pub covered: bool,
    /// Of a deletion: the orders that were below it, as bits.
    pub below: u16,
}

/// Where an order was judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answer {
    node: usize,
    epoch: u32,
    at: Position,
    stamp: u64,
}

/// A promise that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// P1: an acknowledged order is not in the final state.
    Lost,
    /// P2: an increment counted twice.
    Twice,
    /// P3: something is there that was never sent.
    NeverSent,
    /// P3: something deleted came back.
    Returned,
    /// P4: the tiers differ.
    Apart,
    /// P6: it does not settle by itself.
    Stuck,
}

/// Sends an order to a server; `None`: it does not serve.
pub fn send(world: &mut World, bounds: &Bounds, number: usize, node: usize) -> Option<()> {
    let order = &bounds.orders[number];
    let before = world.nodes[node].shard.rows[order.player].clone();
    let judged = world.nodes[node].submit(&bounds.rules, order.player, &order.work, bounds.flaws)?;
    let epoch = world.nodes[node].shard.epoch;
    let others = world.sent.iter_mut().zip(&bounds.orders).enumerate();
    let deleted = &mut world.deleted[order.player];
    if matches!(order.work, Work::Delete) {
        let Some(before) = before.filter(|_| judged.record.is_some()) else {
            // There was nothing to delete, and nothing is promised.
            world.sent[number].tries += 1;
            return Some(());
        };
        *deleted = Some(judged.stamp);
        let mut below = 0;
        for (other, (sent, of)) in others.filter(|(_, (_, of))| of.player == order.player) {
            sent.covered |= sent.tries > 0;
            below |= u16::from(is_in(&before.0, &of.work)) << other;
        }
        world.sent[number].below |= below;
    } else {
        let known = before.map_or(0, |before| before.0.deleted.raw());
        world.sent[number].covered |= deleted.is_some_and(|deleted| deleted != known);
    }
    let sent = &mut world.sent[number];
    sent.tries += 1;
    sent.acked[0] = Some(judged.stamp);
    sent.answer = Some(Answer { node, epoch, at: judged.at, stamp: judged.stamp });
    Some(())
}

fn is_in(record: &Record, work: &Work) -> bool {
    let Work::Submit(submission) = work else { return false };
    record.window.entries().iter().any(|entry| submission.key.is_some_and(|key| key.id == entry.key.id))
}

/// Notes every acknowledgement that can now be given.
pub fn acknowledge(world: &mut World, bounds: &Bounds) {
    let World { nodes, sent, current, linked, .. } = world;
    for (sent, order) in sent.iter_mut().zip(&bounds.orders) {
        let Some(Answer { node, epoch, at, stamp }) = sent.answer else { continue };
        let replica = &nodes[1 - *current].shard;
        let there = replica.rows[order.player].as_ref().is_some_and(|row| row.0.position >= at);
        if *linked && node == *current && replica.epoch == epoch && there {
            sent.acked[1] = Some(stamp);
        }
        match nodes[node].persisted(epoch, order.player, at.sequence, bounds.flaws) {
            Persisted::Yes => sent.acked[2] = Some(stamp),
            Persisted::NotYet => {}
            Persisted::Unknown => sent.answer = None,
        }
    }
}

/// The stamp of the strongest acknowledgement that must hold after the faults that happened.
fn promised(world: &World, sent: &Sent) -> Option<u64> {
    let used = &world.used;
    let same_redis = used.failover == 0 && used.empty == 0;
    let [ranked, replicated, persisted] = sent.acked;
    // Each survives the loss of one thing; a store that went back and a Redis that lost what it had are two.
    let persisted = persisted.filter(|_| same_redis || used.restore == 0);
    let replicated = replicated.filter(|_| used.empty == 0);
    let ranked = ranked.filter(|_| same_redis);
    persisted.or(replicated).or(ranked)
}

/// The promise that is not kept when things settle from here, if any.
pub fn broken(world: &World, bounds: &Bounds) -> Option<Broken> {
    let mut world = world.clone();
    if !settle(&mut world, bounds) {
        return Some(Broken::Stuck);
    }
    if world.nodes[world.current].shard.rows != world.store.rows {
        return Some(Broken::Apart);
    }
    (0..PLAYERS).find_map(|player| judge(&world, bounds, player))
}

/// Lets things settle: whether they did.
pub fn settle(world: &mut World, bounds: &Bounds) -> bool {
    let node = world.current;
    world.nodes[1 - node].primary = false;
    world.persisters = [Step::Idle, Step::Idle];
    for _ in 0..SETTLED_WITHIN {
        if world.persisters[0] != Step::Idle {
            world.step(bounds, 0);
            acknowledge(world, bounds);
            continue;
        }
        world.nodes[node].shard.holder = Some(0);
        if !world.nodes[node].is_open(bounds.flaws) {
            world.begin(bounds, 0, node);
            continue;
        }
        let shard = &world.nodes[node].shard;
        if shard.dirty.iter().chain(&shard.flight).any(Option::is_some) {
            if let Some(claim) = world.nodes[node].claim(0, PLAYERS, bounds.flaws) {
                world.persisters[0] = Step::Claimed(node, claim);
            }
            continue;
        }
        let step = audit(node, &world.servers(bounds));
        if step == Step::Idle {
            return world.store.shard.epoch == world.nodes[node].shard.epoch;
        }
        world.persisters[0] = step;
    }
    false
}

fn judge(world: &World, bounds: &Bounds, player: usize) -> Option<Broken> {
    let unborn;
    let record = match &world.store.rows[player] {
        Some(Rec(record)) => record,
        None => {
            unborn = Record::unborn(hiscore_score::Window::default());
            &unborn
        }
    };
    let live = record.live.as_ref();
    let mine = || {
        let all = world.sent.iter().zip(&bounds.orders).enumerate();
        all.filter(move |(_, (_, order))| order.player == player)
    };
    // Which orders the record is made of, and how often each.
    let counted = |number: usize| match (&bounds.orders[number].work, live) {
        (Work::Submit(submission), Some(live)) => match bounds.rules.operator {
            Operator::Increment => (live.score.get() / digit(number)) % 4,
            _ => i64::from(live.score == submission.score),
        },
        _ => 0,
    };
    let submissions = mine().filter(|(_, (_, order))| matches!(order.work, Work::Submit(_)));
    if live.is_some() {
        let all: i64 = submissions.clone().map(|(number, _)| counted(number)).sum();
        let never = submissions.clone().any(|(number, (sent, _))| sent.tries == 0 && counted(number) > 0);
        let sent = submissions.clone().filter(|(_, (sent, _))| sent.tries > 0).count() as u64;
        if all == 0 || never || live.is_some_and(|live| live.num_score > sent) {
            return Some(Broken::NeverSent);
        }
    }
    if submissions.clone().any(|(number, _)| counted(number) > 1) {
        return Some(Broken::Twice);
    }
    for (number, (sent, order)) in mine() {
        let Some(stamp) = promised(world, sent) else { continue };
        match &order.work {
            Work::Delete => {
                let back = mine().any(|(other, _)| sent.below & 1 << other != 0 && counted(other) > 0);
                if back || record.deleted.raw() < stamp {
                    return Some(Broken::Returned);
                }
            }
            Work::Submit(_) if sent.covered => {}
            Work::Submit(submission) => {
                let kept = counted(number) == 1
                    || live.is_some_and(|live| match bounds.rules.operator {
                        Operator::Best => live.score > submission.score,
                        // By the law the later written wins.
                        Operator::Set => live.reached.raw() >= stamp,
                        Operator::Increment => false,
                    });
                if !kept {
                    return Some(Broken::Lost);
                }
            }
        }
    }
    None
}
