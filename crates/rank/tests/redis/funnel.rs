//! The funnel: what is claimed, put back and cleared, by whom, and what the watermark says meanwhile.

use std::time::Duration;

use hiscore_faults::wait::until;
use hiscore_rank::redis::{CallError, Confirmed, Opening, Persisted, Request, Trade};
use hiscore_score::{Operator, Record, RecordKey, Stamp};

use super::support::{LONG, ME, PATIENCE, Tier, board, create, key, player, request, score, server};

fn persisted(tier: &Tier, asked: &[(RecordKey, u64)]) -> Vec<Persisted> {
    tier.wait(tier.ranks.persisted(0, 1, asked)).unwrap()
}

/// The key and the present position of a player on the first season.
fn at(tier: &Tier, who: &str) -> (RecordKey, u64) {
    let key = key(&board("daily"), 1, &player(who));
    let record: Option<Record> =
        tier.wait(tier.ranks.peek(0, ME, std::slice::from_ref(&key))).unwrap().remove(0);
    (key, record.unwrap().position.sequence)
}

#[test]
fn what_is_claimed_stays_dirty_until_it_is_confirmed() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    tier.submit(&daily, vec![create(Operator::Best), score("a", 1), score("b", 1), score("c", 1)]);
    let [a, b, c] = ["a", "b", "c"].map(|who| at(&tier, who));
    let claim = |rows, bytes| tier.wait(tier.ranks.claim(0, ME, LONG, rows, bytes)).unwrap().unwrap();

    let first = claim(3, 1 << 20);
    assert_eq!((first.boards.len(), first.rows.len(), first.more), (1, 2, true));
    assert_eq!((first.epoch, first.persisted, first.watermark), (1, 0, b.1), "c is the next");
    let look = tier.look();
    assert_eq!((look.dirty, look.in_flight, look.oldest), (1, 3, Some(first.boards[0].0)));
    // Changed while in flight: dirty once more, with a first sequence of its own.
    tier.submit(&daily, vec![score("a", 2)]);
    let later = at(&tier, "a");
    assert!(later.1 > a.1);
    assert_eq!(persisted(&tier, &[a.clone(), later.clone()]), [Persisted::NotYet, Persisted::NotYet]);

    // Not confirmed: it goes again with the lower sequence, and with the present state.
    let again = claim(1000, 1 << 20);
    let firsts: Vec<_> = again.rows.iter().map(|(first, key, _)| (key.clone(), *first)).collect();
    assert_eq!(firsts, [a.clone(), b.clone(), c.clone()]);
    assert_eq!(again.rows[0].2.live.as_ref().unwrap().score.get(), 2);
    assert_eq!((again.watermark, again.more), (later.1, false));
    tier.submit(&daily, vec![score("b", 2)]);
    // A confirmation with another first sequence is somebody else's.
    let wrong = [(a.1 + 1, a.0.clone())];
    let confirmed = Confirmed { claim: again.number, rows: &wrong, boards: &[], watermark: 0 };
    tier.wait(tier.ranks.clear(0, ME, 1, confirmed)).unwrap();
    assert_eq!(tier.look().in_flight, 4);
    tier.confirm(&again, again.watermark);
    let now = at(&tier, "b");
    assert_eq!(
        persisted(&tier, &[a, later, b, c, now]),
        [Persisted::Yes, Persisted::Yes, Persisted::Yes, Persisted::Yes, Persisted::NotYet]
    );
    assert_eq!(tier.look().persisted, again.watermark);
    let rest = claim(1000, 1);
    assert_eq!((rest.rows.len(), rest.persisted), (1, again.watermark), "however large one is, it is taken");
    tier.confirm(&rest, 5);
    assert_eq!(tier.look().persisted, again.watermark, "a watermark never goes back");
    assert!(tier.wait(tier.ranks.claim(0, ME, LONG, 10, 10)).unwrap().is_none());
    tier.close();
}

#[test]
fn another_epoch_clears_nothing_and_knows_nothing() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    tier.submit(&board("daily"), vec![create(Operator::Best), score("a", 1)]);
    let claim = tier.wait(tier.ranks.claim(0, ME, LONG, 10, 1 << 20)).unwrap().unwrap();
    let rows: Vec<_> = claim.rows.iter().map(|(first, key, _)| (*first, key.clone())).collect();
    let confirmed = Confirmed { claim: claim.number, rows: &rows, boards: &[], watermark: claim.watermark };
    assert_eq!(tier.wait(tier.ranks.clear(0, ME, 2, confirmed)), Err(CallError::Fenced { shard: 0 }));
    assert_eq!(tier.look().in_flight, 2);
    assert_eq!(tier.wait(tier.ranks.persisted(0, 2, &[at(&tier, "a")])), Ok(vec![Persisted::Unknown]));
    tier.close();
}

#[test]
fn a_lease_is_one_holders() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    tier.submit(&board("daily"), vec![create(Operator::Best), score("a", 1)]);
    let lost = CallError::LeaseLost { shard: 0 };
    let lease = |holder, ttl| tier.wait(tier.ranks.lease(Trade::Persist, 0, holder, ttl)).unwrap();
    assert!(!lease("other", LONG));
    assert_eq!(tier.look().holder.as_deref(), Some(ME));
    // Held for an instant, so that another may take it soon.
    let claim = tier.wait(tier.ranks.claim(0, ME, Duration::from_millis(1), 10, 1 << 20)).unwrap().unwrap();
    until("an expired lease to be another's", PATIENCE, || lease("other", LONG).then_some(()));
    assert!(!lease(ME, LONG));
    assert_eq!(tier.wait(tier.ranks.claim(0, ME, LONG, 10, 10)).unwrap_err(), lost);
    let rows: Vec<_> = claim.rows.iter().map(|(first, key, _)| (*first, key.clone())).collect();
    let confirmed = Confirmed { claim: claim.number, rows: &rows, boards: &[], watermark: claim.watermark };
    assert_eq!(tier.wait(tier.ranks.clear(0, ME, 1, confirmed)), Err(lost.clone()));
    assert_eq!(tier.wait(tier.ranks.peek(0, ME, &[])), Ok(vec![]), "nothing was asked");
    assert_eq!(tier.wait(tier.ranks.survey(0, ME, LONG)), Err(lost.clone()));
    // What was in flight is put back for the other.
    let theirs = tier.wait(tier.ranks.claim(0, "other", LONG, 10, 1 << 20)).unwrap().unwrap();
    assert_eq!((theirs.rows, theirs.boards), (claim.rows, claim.boards));
    tier.wait(tier.ranks.release(Trade::Persist, 0, ME)).unwrap();
    assert!(!lease(ME, LONG), "what one does not hold one cannot release");
    tier.wait(tier.ranks.release(Trade::Persist, 0, "other")).unwrap();
    assert_eq!(tier.wait(tier.ranks.claim(0, "other", LONG, 10, 10)).unwrap_err(), lost);
    assert!(lease(ME, LONG));
    tier.close();
}

/// One that stood still comes back to its lease after another had it, claimed, and died: what that one claimed is in flight
/// with the same first sequence in a later state, and the one who comes back does not know it.
#[test]
fn a_claim_that_was_followed_by_another_clears_nothing() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    tier.submit(&board("daily"), vec![create(Operator::Best), score("a", 1)]);
    let claim = |holder, ttl| tier.wait(tier.ranks.claim(0, holder, ttl, 10, 1 << 20)).unwrap().unwrap();
    let soon = Duration::from_millis(1);
    let first = claim(ME, soon);
    tier.submit(&board("daily"), vec![score("a", 2)]);
    let lease = |holder| {
        until("a lease", PATIENCE, || {
            tier.wait(tier.ranks.lease(Trade::Persist, 0, holder, soon)).unwrap().then_some(())
        });
    };
    lease("other");
    assert_eq!(claim("other", soon).rows[0].0, first.rows[0].0);
    lease(ME);
    let rows: Vec<_> = first.rows.iter().map(|(first, key, _)| (*first, key.clone())).collect();
    let confirmed = Confirmed { claim: first.number, rows: &rows, boards: &[], watermark: first.watermark };
    let lost = Err(CallError::LeaseLost { shard: 0 });
    assert_eq!(tier.wait(tier.ranks.clear(0, ME, 1, confirmed)), lost);
    let later = at(&tier, "a");
    assert_eq!(persisted(&tier, &[later]), [Persisted::NotYet]);
    let again = claim(ME, LONG);
    assert_eq!(again.rows[0].2.live.as_ref().unwrap().score.get(), 2);
    // The same one, twice: only the last counts.
    let confirmed =
        Confirmed { claim: again.number - 1, rows: &rows, boards: &[], watermark: again.watermark };
    assert_eq!(tier.wait(tier.ranks.clear(0, ME, 1, confirmed)), lost);
    tier.confirm(&again, again.watermark);
    assert_eq!((tier.look().dirty, tier.look().in_flight), (0, 0));
    tier.close();
}

#[test]
fn live_persisters_are_counted() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let enlist = |holder, ttl| tier.wait(tier.ranks.enlist(Trade::Persist, holder, ttl)).unwrap();
    assert_eq!((enlist("a", LONG), enlist("b", Duration::from_millis(1))), (1, 2));
    until("a persister that says nothing to be taken out", PATIENCE, || {
        (enlist("a", LONG) == 1).then_some(())
    });
    assert_eq!(enlist("c", LONG), 2);
    tier.wait(tier.ranks.retire(Trade::Persist, "c")).unwrap();
    assert_eq!(enlist("a", LONG), 1);
    tier.close();
}

/// A replica that is promoted has a clock of its own. What was said by one that was an hour ahead is put there as that one
/// would have.
#[test]
fn who_died_by_a_clock_that_was_ahead_holds_nobody_up() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let lease = |trade, holder| tier.wait(tier.ranks.lease(trade, 0, holder, LONG)).unwrap();
    let enlist = |holder| tier.wait(tier.ranks.enlist(Trade::Persist, holder, LONG)).unwrap();
    assert!(lease(Trade::Persist, ME) && lease(Trade::Apply, "applier"));
    assert!(!lease(Trade::Persist, "other") && !lease(Trade::Apply, "other"));
    assert_eq!((enlist(ME), enlist("other")), (1, 2));
    let meta = redis.command(&["KEYS", "*:0}:m"]);
    let base = meta.strip_suffix('m').unwrap();
    let later = |field: &str| {
        let at: u64 = redis.command(&["HGET", &meta, field]).parse().unwrap();
        redis.command(&["HSET", &meta, field, &(at + 3_600_000).to_string()]);
    };
    ["since", "until", "applies_since", "applies_until", "p_seen"].into_iter().for_each(later);
    redis.command(&["ZINCRBY", &format!("{base}p"), "3600000", ME]);
    assert_eq!((tier.look().holder, tier.look().applier), (None, None));
    assert_eq!((enlist("other"), enlist("another")), (1, 2), "who lives says so again");
    assert!(lease(Trade::Persist, "other") && lease(Trade::Apply, "other"));
    assert!(!lease(Trade::Persist, ME) && !lease(Trade::Apply, "applier"));
    tier.close();
}

#[test]
fn who_waits_for_the_store_wakes_the_persister() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    tier.submit(&board("daily"), vec![create(Operator::Best)]);
    assert!(!tier.look().wake);
    let wake = Request { wake_persister: true, ..request(&board("daily"), vec![score("a", 1)]) };
    tier.wait(tier.ranks.submit(wake)).unwrap();
    assert!(tier.look().wake);
    tier.flush();
    assert!(!tier.look().wake);
    tier.close();
}

#[test]
fn a_store_that_went_back_gets_everything_again() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let names: Vec<String> = (0..3000).map(|number| format!("player {number}")).collect();
    for id in ["daily", "weekly", "empty"] {
        tier.submit(&board(id), vec![create(Operator::Best)]);
    }
    let scores = || names.iter().map(|name| score(name, 1)).collect::<Vec<_>>();
    tier.submit(&board("daily"), scores());
    tier.flush();
    let (above, stored) = (tier.look().persisted, tier.look().stored);
    assert!(stored > 0);
    tier.submit(&board("weekly"), scores());
    tier.flush();
    let before = tier.look();
    assert_eq!(before.dirty, 0);

    let (mut cursor, mut steps) = (None, 0);
    let weekly = key(&board("weekly"), 1, &player("player 7"));
    loop {
        cursor = tier.wait(tier.ranks.mark_above(0, ME, above, stored, cursor)).unwrap();
        steps += 1;
        // Meanwhile nothing above is taken to be safe, and whoever takes over sees the difference again.
        if cursor.is_none() {
            break;
        }
        assert_eq!(persisted(&tier, &[(weekly.clone(), above + 1)]), [Persisted::NotYet]);
        assert_eq!((tier.look().persisted, tier.look().stored), (before.persisted, before.stored));
    }
    assert!(steps > 3, "in steps");

    // Another Redis was promoted in between, which may lack what the first steps marked.
    let half = tier.wait(tier.ranks.mark_above(0, ME, above, stored, None)).unwrap();
    assert_eq!(redis.command(&["DEBUG", "CHANGE-REPL-ID"]), "OK");
    let fenced = tier.wait(tier.ranks.mark_above(0, ME, above, stored, half)).unwrap_err();
    assert_eq!(fenced, CallError::Fenced { shard: 0 });
    let mut cursor = tier.wait(tier.ranks.mark_above(0, ME, above, stored, None)).unwrap();
    while cursor.is_some() {
        cursor = tier.wait(tier.ranks.mark_above(0, ME, above, stored, cursor)).unwrap();
    }
    let replication = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap().replication;
    let (deployment, stamp) = (tier.deployment(), Stamp::ZERO);
    let opening = Opening { replication, epoch: 1, stamp, persisted: above, stored, deployment, log: None };
    tier.wait(tier.ranks.open(0, ME, opening)).unwrap();
    let look = tier.look();
    assert_eq!((look.dirty, look.persisted, look.oldest), (3000, above, Some(above + 1)));
    assert_eq!(look.stored, stored);
    let claim = tier.wait(tier.ranks.claim(0, ME, LONG, 100, 1 << 20)).unwrap().unwrap();
    assert_eq!((claim.persisted, claim.watermark), (above, above), "until the last of them is stored");
    assert!(claim.stored == stored && claim.number > before.stored, "never a number again");
    assert_eq!(tier.flush().rows.len(), 3000);
    assert_eq!(tier.look().persisted, before.sequence);
    assert_eq!(persisted(&tier, &[(weekly, above + 1)]), [Persisted::Yes]);
    tier.close();
}

#[test]
fn a_store_that_went_back_under_a_watermark_that_stood_still_is_told_by_numbers() {
    let Some(redis) = server() else { return };
    let tier = Tier::on(&redis.url());
    let daily = board("daily");
    tier.submit(&daily, vec![create(Operator::Best), score("a", 1), score("b", 1)]);
    let claim = || tier.wait(tier.ranks.claim(0, ME, LONG, 100, 1 << 20)).unwrap().unwrap();
    let first = claim();
    assert_eq!((first.stored, tier.look().stored), (0, 0));
    // The answer to the first was lost, and of the second the store refuses a record: the watermark stays.
    let mut second = claim();
    assert!(second.stored == 0 && second.number > first.number);
    second.rows.remove(0);
    tier.confirm(&second, 0);
    let look = tier.look();
    assert_eq!((look.persisted, look.stored, look.in_flight), (0, second.number, 1));
    let b = [at(&tier, "b")];
    assert_eq!(persisted(&tier, &b), [Persisted::Yes]);

    let reopen = |stored| {
        let replication = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap().replication;
        let (deployment, stamp) = (tier.deployment(), Stamp::ZERO);
        let opening = Opening { replication, epoch: 1, stamp, persisted: 0, stored, deployment, log: None };
        tier.wait(tier.ranks.open(0, ME, opening)).unwrap();
    };
    // The store has what Redis knows of, or less.
    reopen(second.number);
    assert_eq!(persisted(&tier, &b), [Persisted::Yes]);
    reopen(first.number);
    assert_eq!(persisted(&tier, &b), [Persisted::NotYet], "not before it is written again");
    assert_eq!(tier.look().stored, second.number, "the next claim shows it");
    assert_eq!(claim().stored, second.number);
    // A reconcile that read more of the store was broken off, and the store is not there any more.
    let replication = tier.wait(tier.ranks.survey(0, ME, LONG)).unwrap().replication;
    tier.wait(tier.ranks.loads(0, ME, &replication, 0, 500)).unwrap();
    assert!(tier.look().loading && tier.look().stored == 500);
    reopen(second.number);
    assert!(!tier.look().loading && tier.look().stored == 500);
    assert_eq!(persisted(&tier, &b), [Persisted::NotYet]);
    // What it has of another Redis: claims go on above that.
    reopen(1000);
    let last = claim();
    assert_eq!((last.stored, last.number), (1000, 1001));
    tier.close();
}
