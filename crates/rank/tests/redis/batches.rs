//! Batches: many at once, requests that are too large for one call, what is pending, and replicas.

use std::sync::Arc;
use std::time::Duration;

use hiscore_faults::servers::Redis;
use hiscore_faults::wait::until;
use hiscore_rank::redis::{CallError, Done, RedisRanks, Request};
use hiscore_score::Operator;

use super::support::{PATIENCE, Tier, board, create, keyed, options, request, score, server};

#[test]
fn everybody_gets_the_answer_to_what_they_asked() {
    let Some(redis) = server() else { return };
    let mut options = options(&redis.url());
    (options.shards, options.max_batch) = (4, 7);
    let tier = Tier::with(options);
    let boards: Vec<_> = (0..8).map(|number| board(&format!("board {number}"))).collect();
    for id in &boards {
        tier.submit(id, vec![create(Operator::Increment)]);
    }
    let together = |ranks: Arc<RedisRanks>, number: usize| {
        let works = (1..=20).map(|step| score(&format!("player {number}"), step)).collect();
        let request = request(&boards[number % boards.len()], works);
        async move { ranks.submit(request).await }
    };
    let replies = tier.wait(async {
        let mut all = tokio::task::JoinSet::new();
        for number in 0..200 {
            all.spawn(together(Arc::clone(&tier.ranks), number));
        }
        all.join_all().await
    });
    assert_eq!(replies.len(), 200);
    for reply in replies {
        let mut sum = 0;
        for (step, result) in (1..).zip(reply.unwrap().results) {
            let Ok(Done::Submitted(done)) = result else { panic!("{result:?}") };
            let (live, _) = done.record.unwrap();
            sum += step;
            assert_eq!((live.score.get(), live.num_score), (sum, step as u64));
        }
        assert_eq!(sum, 210);
    }
    assert_eq!(tier.ranks.status().pending_bytes, 0);
    tier.close();
}

#[test]
fn what_waits_is_bounded_before_it_waits() {
    let Some(redis) = server() else { return };
    let mut options = options(&redis.url());
    options.max_pending_bytes = 1000;
    let tier = Tier::with(options);
    tier.submit(&board("daily"), vec![create(Operator::Best)]);
    let many = (0..100).map(|number| score(&format!("player {number}"), 1)).collect();
    assert!(matches!(tier.try_submit(&board("daily"), many), Err(CallError::Unavailable(_))));
    assert_eq!(tier.ranks.status().pending_bytes, 0);
    assert!(tier.submit(&board("daily"), vec![score("a", 1)])[0].is_ok());
    tier.close();
}

#[test]
fn replicas_are_counted_for_changes_and_for_duplicates() {
    let Some(primary) = server() else { return };
    let replica = Redis::replica_of(&primary);
    // The first replica gives the primary a new replication id: opened after that. One client that is patient with replicas,
    // however busy this machine is, and one that is not.
    let tier = |wait| {
        let mut options = options(&primary.url());
        options.wait = wait;
        let tier = Tier::with(options);
        until("the replica to be seen", PATIENCE, || (tier.ranks.status().replicas == 1).then_some(()));
        tier
    };
    let (patient, hasty) = (tier(PATIENCE), tier(Duration::from_millis(50)));
    let submit = |tier: &Tier, works| {
        let request = Request { replicas: 1, ..request(&board("daily"), works) };
        tier.wait(tier.ranks.submit(request)).unwrap()
    };
    for tier in [&patient, &hasty] {
        submit(tier, vec![create(Operator::Best), keyed("a", 1, "one")]);
    }
    assert_eq!(submit(&patient, vec![keyed("a", 2, "two")]).replicas, 1);
    assert_eq!(submit(&patient, vec![keyed("a", 2, "two")]).replicas, 1, "a duplicate");
    replica.pause();
    for works in [vec![keyed("a", 3, "three")], vec![keyed("a", 3, "three")], vec![score("b", 1)]] {
        let reply = submit(&hasty, works);
        assert_eq!(
            (reply.replicas, reply.results.len()),
            (0, 1),
            "it counts, and says that nobody else has it"
        );
    }
    replica.resume();
    until("the replica to count again", PATIENCE, || {
        (submit(&hasty, vec![keyed("a", 3, "three")]).replicas == 1).then_some(())
    });
    patient.close();
    hasty.close();
}
