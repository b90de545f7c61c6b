//! What happens when functions, memory, connections and primaries go away.

use std::time::Duration;

use hiscore_faults::servers::{Proxy, Redis, Sentinels};
use hiscore_faults::wait::until;
use hiscore_rank::Query;
use hiscore_rank::redis::{CallError, Done, Options, ReadError, Trade};
use hiscore_score::{Operator, Outcome};

use super::support::{LONG, ME, PATIENCE, Tier, board, create, keyed, options, request, score, server};

#[test]
fn functions_come_back_by_themselves() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    tier.submit(&daily, vec![create(Operator::Increment)]);
    for round in 1..=3 {
        assert_eq!(redis.command(&["FUNCTION", "FLUSH"]), "OK");
        let result = tier.submit(&daily, vec![score("a", 1)]).remove(0);
        let Ok(Done::Submitted(done)) = result else { panic!("{result:?}") };
        assert_eq!(done.record.unwrap().0.score.get(), round, "once each");
        redis.command(&["FUNCTION", "FLUSH"]);
        assert_eq!(tier.wait(tier.ranks.board(&daily)).unwrap().unwrap().total, 1);
        redis.command(&["FUNCTION", "FLUSH"]);
        assert_eq!(tier.look().dirty, 2);
    }
    // Another version's library stays beside this one.
    let other =
        "#!lua name=hiscore_1_00000000\nredis.register_function('hiscore_1_00000000_submit', function() end)";
    assert_eq!(redis.command(&["FUNCTION", "LOAD", other]), "hiscore_1_00000000");
    redis.command(&["FUNCTION", "DELETE", "hiscore_1_00000000"]);
    assert!(tier.submit(&daily, vec![score("a", 1)])[0].is_ok());
    tier.close();
}

#[test]
fn a_full_redis_refuses_by_name_and_still_drains() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    tier.submit(&daily, vec![create(Operator::Best), score("a", 1)]);
    let before = tier.look();
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = tier.try_submit(&daily, vec![score("a", 2), score("b", 1)]).unwrap_err();
    assert!(matches!(&refused, CallError::Unavailable(text) if text.contains("maxmemory")), "{refused:?}");
    assert_eq!(tier.look().sequence, before.sequence, "nothing of it was done");
    assert_eq!(tier.look().memory.1, 1);
    assert!(!tier.look().evicts);
    assert_eq!(tier.wait(tier.ranks.board(&daily)).unwrap().unwrap().total, 1);
    assert!(tier.wait(tier.ranks.lease(Trade::Persist, 0, ME, LONG)).unwrap());
    assert_eq!(tier.flush().rows.len(), 1);
    assert!(!tier.wait(tier.ranks.prune(0, ME, 10)).unwrap());
    assert_eq!(tier.wait(tier.ranks.mark_above(0, ME, 0, 0, None)).unwrap().as_deref(), Some("s0 "));
    tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap();
    tier.open(0, 2);
    tier.wait(tier.ranks.release(Trade::Persist, 0, ME)).unwrap();
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert!(tier.look().evicts, "scores may be thrown away, and that is to be said");
    assert!(tier.submit(&daily, vec![score("a", 2)])[0].is_ok());
    tier.close();
}

#[test]
fn a_lost_answer_is_ambiguous_and_nothing_is_sent_twice() {
    let Some(redis) = server() else { return };
    let proxy = Proxy::start(redis.address());
    let tier = Tier::on(&format!("redis://{}", proxy.address()));
    let daily = board("daily");
    tier.submit(&daily, vec![create(Operator::Increment), score("a", 1)]);
    proxy.swallow_replies(true);
    let lost = until("a submission to be sent", PATIENCE, || {
        match tier.try_submit(&daily, vec![keyed("a", 1, "x")]) {
            Err(CallError::Unavailable(_)) => None,
            other => Some(other),
        }
    });
    assert!(matches!(lost, Err(CallError::Ambiguous(_))), "{lost:?}");
    proxy.swallow_replies(false);
    proxy.cut();
    let away = tier.try_submit(&daily, vec![score("a", 1)]).unwrap_err();
    assert!(matches!(away, CallError::Unavailable(_) | CallError::Ambiguous(_)), "{away:?}");
    let away = until("the connection to be known to be cut", PATIENCE, || {
        match tier.try_submit(&daily, vec![score("a", 1)]) {
            Err(CallError::Ambiguous(_)) => None,
            other => Some(other),
        }
    });
    assert!(matches!(away, Err(CallError::Unavailable(_))), "{away:?}");
    assert!(matches!(tier.wait(tier.ranks.board(&daily)), Err(ReadError::Unavailable(_))));
    until("the status to say so", PATIENCE, || tier.ranks.status().last_error);
    proxy.heal();
    // The caller may ask again: it is found out whether it was done.
    let result = until("Redis to be there again", PATIENCE, || {
        tier.try_submit(&daily, vec![keyed("a", 1, "x")]).ok().map(|mut reply| reply.results.remove(0))
    });
    let Ok(Done::Submitted(done)) = result else { panic!("{result:?}") };
    let (live, _) = done.record.unwrap();
    assert_eq!(live.score.get() as u64, live.num_score, "each once");
    assert_eq!(done.outcome, Outcome::Duplicate, "it was done, and only nobody told");
    until("the status to be well again", PATIENCE, || tier.ranks.status().last_error.is_none().then_some(()));
    tier.close();
}

#[test]
fn a_redis_that_hangs_makes_nobody_wait_for_ever() {
    let Some(redis) = server() else { return };
    let mut options = options(&redis.url());
    options.timeout = Duration::from_millis(200);
    let tier = Tier::with(options);
    tier.submit(&board("daily"), vec![create(Operator::Best)]);
    redis.pause();
    let hung = tier.try_submit(&board("daily"), vec![score("a", 1)]).unwrap_err();
    assert!(matches!(hung, CallError::Ambiguous(_) | CallError::Unavailable(_)), "{hung:?}");
    assert!(tier.wait(tier.ranks.page(&board("daily"), None, &Query::Count)).is_err());
    assert_eq!(tier.ranks.status().pending_bytes, 0);
    redis.resume();
    until("it to go on", PATIENCE, || tier.try_submit(&board("daily"), vec![score("a", 1)]).ok());
    tier.close();
}

#[test]
fn everything_waits_for_a_redis_that_is_late() {
    let Some(redis) = server() else { return };
    redis.kill();
    let tier = Tier::closed(options(&redis.url()));
    let daily = board("daily");
    let early = tier.try_submit(&daily, vec![score("a", 1)]).unwrap_err();
    assert!(matches!(early, CallError::Unavailable(_)), "{early:?}");
    assert!(matches!(tier.wait(tier.ranks.look(&[0]))[0], Err(CallError::Unavailable(_))));
    redis.restart();
    tier.open(0, 1);
    assert!(tier.submit(&daily, vec![create(Operator::Best)])[0].is_ok());
    tier.close();
}

#[test]
fn a_replica_is_not_taken_for_a_primary() {
    let Some(primary) = server() else { return };
    let replica = Redis::replica_of(&primary);
    let tier = Tier::closed(options(&replica.url()));
    let why = until("the role to be found out", PATIENCE, || {
        tier.ranks.status().last_error.filter(|why| why.contains("slave"))
    });
    assert!(!why.is_empty());
    let refused = tier.try_submit(&board("daily"), vec![score("a", 1)]).unwrap_err();
    assert!(matches!(refused, CallError::Unavailable(_)), "{refused:?}");
    tier.close();
}

#[test]
fn a_failover_by_sentinels_is_followed_and_fenced() {
    let Some(primary) = server() else { return };
    let replica = Redis::replica_of(&primary);
    let sentinels = Sentinels::start("main", &primary, 3, 2);
    let tier = Tier::on(&sentinels.url());
    let daily = board("daily");
    until("the replica to be seen", PATIENCE, || (tier.ranks.status().replicas == 1).then_some(()));
    tier.submit(&daily, vec![create(Operator::Best), keyed("a", 1, "one")]);
    until("the replica to have everything", PATIENCE, || {
        (primary.info("master_repl_offset") == replica.info("master_repl_offset")).then_some(())
    });
    primary.kill();
    let after = until("the new primary to be found, and fenced", PATIENCE * 2, || {
        match tier.try_submit(&daily, vec![score("a", 2)]) {
            Err(CallError::Unavailable(_) | CallError::Ambiguous(_)) => None,
            other => Some(other),
        }
    });
    assert_eq!(after.unwrap_err(), CallError::Fenced { shard: 0 });
    tier.open(0, 2);
    let result = tier.submit(&daily, vec![keyed("a", 1, "one")]).remove(0);
    let Ok(Done::Submitted(done)) = result else { panic!("{result:?}") };
    assert_eq!((done.outcome, done.position.era), (Outcome::Duplicate, 1));
    tier.close();
}

#[test]
fn a_primary_that_stands_still_holds_nobody_up_once_there_is_another() {
    let Some(primary) = server() else { return };
    let replica = Redis::replica_of(&primary);
    let sentinels = Sentinels::start("main", &primary, 3, 2);
    let tier = Tier::with(Options { timeout: LONG, ..options(&sentinels.url()) });
    let daily = board("daily");
    until("the replica to be seen", PATIENCE, || (tier.ranks.status().replicas == 1).then_some(()));
    tier.submit(&daily, vec![create(Operator::Best), score("a", 1)]);
    assert!(tier.wait(tier.ranks.lease(Trade::Persist, 0, ME, LONG)).unwrap());
    primary.pause();
    let (submitted, leased, read) = tier.wait(async {
        let asked = async {
            tokio::join!(
                tier.ranks.submit(request(&daily, vec![score("a", 2)])),
                tier.ranks.lease(Trade::Persist, 0, ME, LONG),
                tier.ranks.board(&daily),
            )
        };
        tokio::time::timeout(PATIENCE * 2, asked).await.expect("a call waits for a primary that stands still")
    });
    assert!(matches!(submitted, Err(CallError::Ambiguous(_))), "{submitted:?}");
    assert!(matches!(leased, Err(CallError::Ambiguous(_))), "{leased:?}");
    assert!(matches!(read, Err(ReadError::Unavailable(_))), "{read:?}");
    assert_eq!(sentinels.primary(), replica.address());
    tier.open(0, 2);
    assert!(tier.submit(&daily, vec![score("a", 3)])[0].is_ok());
    primary.resume();
    tier.close();
}

#[test]
fn a_password_is_used_and_never_told() {
    if server().is_none() {
        return;
    }
    let redis = Redis::with(&["--requirepass", "secret-word"]);
    let tier = Tier::on(&redis.url());
    assert!(tier.submit(&board("daily"), vec![create(Operator::Best)])[0].is_ok());
    assert!(!format!("{:?}", tier.ranks).contains("secret-word"));
    tier.close();
    let wrong = redis.url().replace("secret-word", "secret-wurst");
    let tier = Tier::closed(Options { ..options(&wrong) });
    let error = tier.try_submit(&board("daily"), vec![score("a", 1)]).unwrap_err();
    let status = until("the refusal", PATIENCE, || {
        tier.ranks.status().last_error.filter(|why| !why.contains("not connected"))
    });
    assert!(!format!("{error} {status}").contains("secret"), "{error} {status}");
    tier.close();
}
