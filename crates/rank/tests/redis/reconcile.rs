//! The reconcile: the fence, what is installed, and that no Redis serves which was not looked after.

use hiscore_faults::servers::Redis;
use hiscore_faults::wait::until;
use hiscore_rank::Query;
use hiscore_rank::redis::{BoardState, CallError, Claim, Done, Install, Opening, ReadError};
use hiscore_score::{Operator, OrderKey, Outcome, Position, Record, Score, Stamp};

use super::support::{LONG, ME, PATIENCE, Tier, board, create, key, keyed, options, player, score, server};

const FENCED: CallError = CallError::Fenced { shard: 0 };

/// Puts what was claimed before into a shard, as a rebuild from the store does, and opens it.
fn rebuild(tier: &Tier, stored: &Claim, epoch: u32) {
    let survey = tier.patiently(|| tier.ranks.survey(0, ME, LONG));
    let rows: Vec<_> = { stored.rows.iter() }
        .map(|(_, key, record)| Install { key: key.clone(), record: record.clone(), dirty: false })
        .collect();
    let boards: Vec<_> = stored.boards.iter().map(|(_, _, state)| (state.clone(), false)).collect();
    tier.wait(tier.ranks.install(0, ME, &survey.replication, &rows, &boards)).unwrap();
    let opening = Opening {
        replication: survey.replication,
        epoch,
        stamp: stored.stamp,
        persisted: stored.watermark,
        stored: 0,
        deployment: tier.deployment(),
        log: None,
    };
    tier.wait(tier.ranks.open(0, ME, opening)).unwrap();
}

#[test]
fn a_redis_that_was_not_reconciled_serves_nothing() {
    let Some(redis) = server() else { return };
    let tier = Tier::closed(options(&redis.url()));
    let daily = board("daily");
    let nothing_is_served = || {
        let submitted =
            until("Redis to answer", PATIENCE, || match tier.try_submit(&daily, vec![score("a", 1)]) {
                Err(CallError::Unavailable(_) | CallError::Ambiguous(_)) => None,
                other => Some(other.unwrap_err()),
            });
        assert_eq!(submitted, FENCED);
        // The connections for readers and persisters find out each for itself that they were cut.
        until("the other connections to be made anew", PATIENCE, || {
            let connected = tier.wait(tier.ranks.look(&[0])).remove(0).is_ok();
            (connected && tier.wait(tier.ranks.boards(0)) == Err(ReadError::Fenced { shard: 0 }))
                .then_some(())
        });
        let fenced = Err(ReadError::Fenced { shard: 0 });
        assert_eq!(tier.wait(tier.ranks.page(&daily, None, &Query::Count)), fenced);
        assert_eq!(tier.wait(tier.ranks.boards(0)), Err(ReadError::Fenced { shard: 0 }));
        assert_eq!(tier.wait(tier.ranks.claim(0, ME, LONG, 1, 1)).unwrap_err(), FENCED);
        assert_eq!(tier.wait(tier.ranks.prune(0, ME, 1)).unwrap_err(), FENCED);
        let asked = [(key(&daily, 1, &player("a")), 1)];
        assert_eq!(tier.wait(tier.ranks.persisted(0, 1, &asked)).unwrap_err(), FENCED);
        assert!(!tier.look().open);
    };
    nothing_is_served();
    tier.open(0, 1);
    tier.submit(&daily, vec![create(Operator::Increment), keyed("a", 1, "one")]);
    let stored = tier.flush();

    // It comes back empty, while the client holds its old connections.
    redis.kill();
    redis.restart();
    nothing_is_served();
    rebuild(&tier, &stored, 2);
    let look = tier.look();
    assert_eq!((look.open, look.epoch, look.persisted, look.dirty), (true, 2, stored.watermark, 0));
    let results = tier.submit(&daily, vec![keyed("a", 1, "one"), keyed("a", 1, "two")]);
    let outcomes: Vec<_> = { results.iter() }
        .map(|result| match result {
            Ok(Done::Submitted(done)) => {
                (done.outcome, done.position.era, done.record.as_ref().unwrap().0.score.get())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(outcomes, [(Outcome::Duplicate, 1, 1), (Outcome::Improved, 2, 2)]);
    // A survey takes it out of service until it is opened.
    let survey = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap();
    assert_eq!((survey.look.open, survey.look.dirty), (false, 1));
    nothing_is_served();
    tier.open(0, 3);
    assert_eq!(tier.flush().rows.len(), 1);
    tier.close();
}

#[test]
fn only_the_holder_opens_and_only_the_redis_that_was_surveyed() {
    let Some(redis) = server() else { return };
    let tier = Tier::closed(options(&redis.url()));
    let survey = tier.patiently(|| tier.ranks.survey(0, ME, LONG));
    let opening = Opening {
        replication: survey.replication,
        epoch: 1,
        stamp: Stamp::ZERO,
        persisted: 0,
        stored: 0,
        deployment: tier.deployment(),
        log: None,
    };
    let open = |holder, opening: &Opening| tier.wait(tier.ranks.open(0, holder, opening.clone()));
    let state = BoardState {
        id: board("daily"),
        leaderboard: hiscore_score::Leaderboard::new(Default::default(), Stamp::ZERO),
        position: Position::new(1, 1),
    };
    let boards = [(state, false)];
    let install =
        |holder, replication: &str| tier.wait(tier.ranks.install(0, holder, replication, &[], &boards));
    let lost = Err(CallError::LeaseLost { shard: 0 });
    assert_eq!((open("other", &opening), install("other", &opening.replication)), (lost.clone(), lost));
    let elsewhere = Opening { replication: "0".repeat(40), ..opening.clone() };
    assert_eq!((open(ME, &elsewhere), install(ME, &elsewhere.replication)), (Err(FENCED), Err(FENCED)));
    assert_eq!(tier.wait(tier.ranks.boards_raw(0, ME)), Ok(vec![]));
    open(ME, &opening).unwrap();
    let mut other = opening;
    other.deployment.id = "another".into();
    assert!(matches!(open(ME, &other), Err(CallError::Invalid(text)) if text.contains("deployment")));
    install(ME, &other.replication).unwrap();
    assert_eq!(tier.wait(tier.ranks.boards_raw(0, ME)), Ok(vec![boards[0].0.clone()]));
    tier.close();
}

#[test]
fn what_is_installed_is_there_as_it_was_and_nothing_comes_before_it() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    let reset = || hiscore_rank::redis::Work::Reset { expected: None };
    tier.submit(&daily, vec![create(Operator::Best), keyed("a", 1, "one"), keyed("b", 1, "two"), reset()]);
    tier.submit(&daily, vec![keyed("a", 2, "three"), reset(), keyed("c", 3, "four")]);
    let stored = tier.flush();
    redis.command(&["FLUSHALL"]);

    let survey = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap();
    let far = Stamp::from_raw(1 << 52).unwrap();
    let rows: Vec<_> = { stored.rows.iter() }
        .map(|(_, key, record)| {
            // One has a stamp that is far ahead, from a clock that was.
            let dirty = key.player == player("c");
            let position = if dirty { Position::new(7, far.raw()) } else { record.position };
            Install { key: key.clone(), record: Record { position, ..record.clone() }, dirty }
        })
        .collect();
    let install = |rows: &[Install], boards: &[(BoardState, bool)]| {
        tier.wait(tier.ranks.install(0, ME, &survey.replication, rows, boards))
    };
    assert!(matches!(install(&rows, &[]), Err(CallError::Invalid(_))), "the board comes first");
    let boards: Vec<_> = stored.boards.iter().map(|(_, _, state)| (state.clone(), true)).collect();
    install(&[], &boards).unwrap();
    // In any order and any number of times.
    install(&rows.iter().rev().cloned().collect::<Vec<_>>(), &[]).unwrap();
    install(&rows, &[]).unwrap();
    tier.open(0, 8);
    let look = tier.look();
    assert_eq!((look.dirty, look.sequence), (2, far.raw()));
    let seen = |version| tier.wait(tier.ranks.page(&daily, Some(version), &Query::Count));
    assert!(matches!(seen(1), Err(ReadError::NoSeason(_))), "{:?}", seen(1));
    assert_eq!((seen(2).unwrap().board.total, seen(3).unwrap().board.total), (1, 1));
    // a's newer record has its window, b's was kept without its record.
    for (who, score, id) in [("a", 1, "one"), ("a", 2, "three"), ("b", 1, "two"), ("c", 3, "four")] {
        let result = tier.submit(&daily, vec![keyed(who, score, id)]).remove(0);
        assert!(
            matches!(&result, Ok(Done::Submitted(done)) if done.outcome == Outcome::Duplicate),
            "{who}: {result:?}"
        );
    }
    // On an open shard what was judged since stays.
    let result = tier.submit(&daily, vec![keyed("c", 9, "five")]).remove(0);
    let Ok(Done::Submitted(done)) = result else { panic!("{result:?}") };
    assert!(done.position.sequence > far.raw());
    install(&rows, &[]).unwrap();
    let page = tier.wait(tier.ranks.page(&daily, None, &Query::Players(vec![player("c")]))).unwrap();
    assert_eq!(page.rows[0].1.live.as_ref().unwrap().score.get(), 9);
    let claim = tier.flush();
    assert_eq!((claim.rows.len(), claim.rows[0].0), (1, far.raw()), "the lower first sequence");
    tier.close();
}

#[test]
fn who_is_put_in_with_many_others_stands_in_one_place() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    let names: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
    let works = names.iter().zip(1..).map(|(name, points)| score(name, points));
    tier.submit(&daily, [create(Operator::Best)].into_iter().chain(works).collect());
    let stored = tier.flush();
    // Everybody is elsewhere now, and half of them in between were elsewhere again.
    let moved = |by: i64| {
        stored.rows.iter().map(move |(_, key, record)| {
            let mut record = record.clone();
            let live = record.live.as_mut().unwrap();
            live.score = Score::new(live.score.get() * by % 101).unwrap();
            // Another member of the order, as it is after any submission that moves somebody.
            live.reached = Stamp::from_raw(live.reached.raw() + by.unsigned_abs()).unwrap();
            Install { key: key.clone(), record, dirty: false }
        })
    };
    let rows: Vec<_> = moved(67).step_by(2).chain(moved(17)).chain(moved(17).step_by(3)).collect();
    let replication = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap().replication;
    tier.wait(tier.ranks.install(0, ME, &replication, &rows, &[])).unwrap();
    tier.open(0, 2);

    let rules = stored.boards[0].2.leaderboard.rules;
    let mut expected: Vec<_> = moved(17)
        .map(|row| {
            let standing = row.record.live.as_ref().unwrap().standing(&rules);
            OrderKey { standing, player: row.key.player }
        })
        .collect();
    expected.sort_unstable();
    let query = Query::FromRank { rank: 1, limit: 100 };
    let page = tier.wait(tier.ranks.page(&daily, None, &query)).unwrap();
    assert_eq!(page.board.total, 50);
    let shown: Vec<_> = page.rows.iter().map(|(placed, _)| placed.order_key()).collect();
    assert_eq!(shown, expected);
    tier.close();
}

#[test]
fn an_old_row_that_the_store_lacks_is_stored_before_it_goes() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    let reset = || hiscore_rank::redis::Work::Reset { expected: None };
    tier.submit(&daily, vec![create(Operator::Best), keyed("a", 1, "one")]);
    let stored = tier.flush();
    tier.submit(&daily, vec![reset(), reset(), reset()]);
    tier.flush();
    while tier.wait(tier.ranks.prune(0, ME, 10)).unwrap() {}
    let (_, key, record) = stored.rows[0].clone();
    let replication = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap().replication;
    tier.open(0, 2);
    let row = Install { key: key.clone(), record: record.clone(), dirty: true };
    tier.wait(tier.ranks.install(0, ME, &replication, &[row], &[])).unwrap();
    assert!(matches!(
        tier.wait(tier.ranks.page(&daily, Some(1), &Query::Count)),
        Err(ReadError::NoSeason(_))
    ));
    let claim = tier.wait(tier.ranks.claim(0, ME, LONG, 10, 1 << 20)).unwrap().unwrap();
    assert_eq!(claim.rows, [(record.position.sequence, key.clone(), record)]);
    while tier.wait(tier.ranks.prune(0, ME, 10)).unwrap() {}
    let peek = || tier.wait(tier.ranks.peek(0, ME, std::slice::from_ref(&key))).unwrap().remove(0);
    assert!(peek().is_some(), "it is in flight");
    tier.confirm(&claim, claim.watermark);
    while tier.wait(tier.ranks.prune(0, ME, 10)).unwrap() {}
    assert_eq!(peek(), None);
    tier.close();
}

#[test]
fn a_replica_that_takes_over_is_fenced() {
    let Some(primary) = server() else { return };
    let replica = Redis::replica_of(&primary);
    let tier = Tier::on(&primary.url());
    tier.submit(&board("daily"), vec![create(Operator::Best), score("a", 1)]);
    let promoted = replica.command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(promoted, "OK");
    let fence = |redis: &Redis| {
        let prefix = redis.command(&["KEYS", "*:m"]);
        (redis.command(&["HGET", prefix.trim(), "fence"]), redis.info("master_replid"))
    };
    let (of_primary, of_replica) = (fence(&primary), fence(&replica));
    assert_eq!(of_primary.0, of_primary.1);
    // It has the data (perhaps without the tail), and is another Redis.
    until("the replica to have the shard", PATIENCE, || (!fence(&replica).0.is_empty()).then_some(()));
    assert_ne!(of_replica.0, of_replica.1);
    tier.close();
}
