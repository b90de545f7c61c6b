//! How soon writes were back after a fault, and how long there were none.

use std::collections::BTreeSet;
use std::time::Duration;

use hiscore_faults::history::Level;

use crate::fault::{Back, Profile, Since, Tier};
use crate::recorder::Success;
use crate::schedule::Step;

/// A fault that was carried out: when it began and when it was healed, since the games began.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) step: Step,
    pub(crate) begun: Duration,
    pub(crate) healed: Duration,
}

/// What must be back of faults that happened together: from when on, what, and within what time. Each may have to wait for
/// the others, so the bounds add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) since: Duration,
    pub(crate) back: Back,
    pub(crate) within: Duration,
}

impl Due {
    pub(crate) fn of(profile: Profile, group: &[Done], factor: f64) -> Self {
        let since = |done: &Done| match done.step.fault.about().since {
            Since::Begun if group.len() == 1 => done.begun,
            // Of several it is not told apart which one holds writes up.
            _ => done.healed,
        };
        // A log takes submissions whatever becomes of Redis: what must be back is that they are judged.
        let behind_a_log = |tier| profile.is_logged() && tier == Tier::Redis;
        let persisted = group
            .iter()
            .map(|done| done.step.fault.about())
            .any(|about| about.back == Back::Persisted || behind_a_log(about.tier));
        Self {
            since: group.iter().map(since).max().unwrap_or_default(),
            back: if persisted { Back::Persisted } else { Back::Acked },
            within: group.iter().map(|done| done.step.fault.about().bound(profile, factor)).sum(),
        }
    }

    /// How long it took until every board had a write that was sent afterwards; `None`: one of them has none yet.
    pub(crate) fn met(&self, successes: &[Success], boards: &BTreeSet<String>) -> Option<Duration> {
        let counts = |one: &&Success| {
            one.sent >= self.since && (self.back == Back::Acked || one.level == Level::Persisted)
        };
        let first = |board: &String| {
            let of_board = successes.iter().filter(counts).filter(|one| one.board == *board);
            of_board.map(|one| one.acked).min()
        };
        let back: Option<Vec<Duration>> = boards.iter().map(first).collect();
        back?.into_iter().max().map(|last| last.saturating_sub(self.since))
    }
}

/// The longest time in which nothing was acknowledged, from the first to the last that was.
pub(crate) fn worst_gap(successes: &[Success]) -> Duration {
    let mut acked: Vec<Duration> = successes.iter().map(|one| one.acked).collect();
    acked.sort_unstable();
    acked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn success(board: &str, sent: u64, acked: u64, level: Level) -> Success {
        Success { sent: at(sent), acked: at(acked), board: board.to_owned(), level }
    }

    fn done(fault: Fault, begun: u64, healed: u64) -> Done {
        let step = Step { at: begun, lasts: healed - begun, fault, target: 0 };
        Done { step, begun: at(begun), healed: at(healed) }
    }

    #[test]
    fn writes_are_back_when_every_board_has_one_that_was_sent_afterwards() {
        let boards = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let due = Due::of(Profile::Direct, &[done(Fault::RedisKill, 1_000, 6_000)], 1.0);
        assert_eq!((due.since, due.back), (at(1_000), Back::Acked));
        let mut all =
            vec![success("a", 990, 1_200, Level::Ranked), success("b", 1_100, 3_000, Level::Ranked)];
        assert_eq!(due.met(&all, &boards), None, "that of a was sent before");
        all.push(success("a", 2_000, 2_500, Level::Replicated));
        assert_eq!(due.met(&all, &boards), Some(at(2_000)));
        assert_eq!(worst_gap(&all), at(1_300));

        let both = [done(Fault::RedisKill, 1_000, 6_000), done(Fault::MongoNoQuorum, 2_000, 5_000)];
        let due = Due::of(Profile::Direct, &both, 2.0);
        assert_eq!((due.since, due.back), (at(6_000), Back::Persisted));
        let bounds: Duration =
            both.iter().map(|done| done.step.fault.about().bound(Profile::Direct, 1.0)).sum();
        assert_eq!(due.within, 2 * bounds, "on a machine that is twice as slow");
        let longer = Due::of(Profile::DirectCluster, &both, 2.0).within - due.within;
        assert_eq!(longer, at(2 * 4_000), "a Cluster takes a primary for dead later than Sentinels");
        assert_eq!(
            due.met(&[success("a", 7_000, 7_001, Level::Ranked)], &BTreeSet::from(["a".to_owned()])),
            None
        );
    }
}
