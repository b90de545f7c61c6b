//! Random logs: applied straight, every verdict, record and rank is the law's; and applied in batches of any size, some of
//! them again, to a Redis that goes back, is emptied and rebuilt from what the store has, it ends in the same state.

use hiscore_faults::servers::Redis;
use hiscore_rank::Query;
use hiscore_rank::redis::{LoggedEntry, LoggedWork, ReadError, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::law::{WINDOW, works};
use super::model::Model;
use super::replay::{Carried, Subject, judged};
use super::support::{ME, Tier, options, request, server};

/// 2025-06-01.
const START_MS: u64 = 1_748_736_000_000;
/// Who appended it all, and waits.
const ORIGIN: u64 = 7;

/// One entry: after how many offsets that the broker took for itself, how much later by its clock, and what is in it.
type Appended = (u64, i64, Vec<Request>);

#[derive(Debug, Clone)]
enum Step {
    /// So many entries, by somebody who read from so many before.
    Apply {
        entries: usize,
        again: usize,
    },
    Claim {
        most: usize,
        carried: Carried,
    },
    Prune,
    /// A copy is made.
    Save,
    /// The last copy is put in the place of what there is.
    Back,
    /// Nothing is left.
    Empty,
    /// Redis forgets it.
    Forget,
    /// A copy of the store is made.
    Copy,
    /// The last copy is the store now.
    Restore,
}

fn appended() -> impl Strategy<Value = Appended> {
    let gap = prop_oneof![4 => Just(0), 1 => 1..4u64];
    let later = prop_oneof![3 => Just(0), 3 => 1..20i64, 1 => -10..0i64];
    (gap, later, vec(works(), 1..3))
}

fn step() -> impl Strategy<Value = Step> {
    let carried = prop_oneof![
        1 => Just(Carried::Nowhere),
        2 => Just(Carried::Written),
        1 => Just(Carried::Advanced),
        4 => Just(Carried::Cleared),
    ];
    prop_oneof![
        8 => (0..5usize, 0..4usize).prop_map(|(entries, again)| Step::Apply { entries, again }),
        5 => (1..6usize, carried).prop_map(|(most, carried)| Step::Claim { most, carried }),
        1 => Just(Step::Prune),
        2 => Just(Step::Save),
        2 => Just(Step::Back),
        1 => Just(Step::Empty),
        1 => Just(Step::Forget),
        2 => Just(Step::Copy),
        2 => Just(Step::Restore),
    ]
}

fn entries(log: &[Appended]) -> Vec<LoggedEntry> {
    let (mut offset, mut time_ms) = (0, START_MS);
    let entry = |(number, (gap, later, requests)): (usize, &Appended)| {
        offset += gap + u64::from(number > 0);
        time_ms = time_ms.saturating_add_signed(*later);
        let works = requests.iter().flat_map(|request| {
            request.works.iter().map(|work| LoggedWork {
                board: request.board.clone(),
                auto_create: request.auto_create,
                work: work.clone(),
            })
        });
        LoggedEntry {
            offset,
            time_ms,
            bytes: 100,
            origin: ORIGIN,
            number: number as u64,
            told: true,
            want_record: true,
            want_rank: number % 2 == 0,
            want_previous_rank: number % 2 == 0,
            works: works.collect(),
        }
    };
    log.iter().enumerate().map(entry).collect()
}

/// Applies entry by entry, and has the law look at each verdict.
fn straight(tier: &Tier, log: &[LoggedEntry]) -> Model {
    let mut model = Model { window: WINDOW, ..Model::default() };
    let mut before = None;
    for entry in log {
        let done = tier.wait(tier.ranks.apply(0, judged(before, std::slice::from_ref(entry)))).unwrap();
        assert_eq!((done.offset, done.seen), (Some(entry.offset), 0));
        before = done.offset;
        let verdicts = tier.wait(tier.ranks.verdicts(0, ORIGIN, 1000)).unwrap();
        assert_eq!(verdicts.len(), entry.works.len());
        for (at, (verdict, work)) in verdicts.iter().zip(&entry.works).enumerate() {
            assert_eq!((verdict.number, usize::from(verdict.index)), (entry.number, at));
            let request = Request {
                auto_create: work.auto_create,
                want_rank: entry.want_rank,
                want_previous_rank: entry.want_previous_rank,
                ..request(&work.board, Vec::new())
            };
            model.check(&request, &work.work, &verdict.result);
        }
        tier.wait(model.check_pages(&tier.ranks));
    }
    model
}

fn play(redis: &Redis, log: &[Appended], steps: &[Step]) {
    let log = entries(log);
    let subject = || {
        let mut options = options(&redis.url());
        options.window = WINDOW;
        Subject::start(redis, options, &log)
    };
    let first = subject();
    let model = straight(&first.tier, &log);

    let mut subject = subject();
    for step in steps {
        match step {
            Step::Apply { entries, again } => subject.apply(*entries, *again),
            Step::Claim { most, carried } => drop(subject.claim(*most, *carried)),
            Step::Prune => {
                let Subject { tier, .. } = &subject;
                while tier.wait(tier.ranks.prune(0, ME, 2)).unwrap() {}
            }
            Step::Save => subject.save(),
            Step::Back => subject.go_back(),
            Step::Empty => subject.empty(),
            Step::Forget => subject.forget(),
            Step::Copy => subject.copy(),
            Step::Restore => subject.restore(),
        }
    }
    subject.finish();
    while subject.claim(100, Carried::Cleared) {}
    same(&first, &subject, &model);
    first.tier.close();
    subject.tier.close();
}

/// Rank tier = store = what the law says of the log.
fn same(first: &Subject, subject: &Subject, model: &Model) {
    let tiers = [&first.tier, &subject.tier];
    let [straight, look] = tiers.map(Tier::look);
    assert_eq!((look.sequence, look.dirty, look.in_flight), (straight.sequence, 0, 0));
    let applied = |look: &hiscore_rank::redis::Look| {
        let log = look.log.as_ref().unwrap();
        (log.name.clone(), log.era, log.applied)
    };
    assert_eq!(applied(&look), applied(&straight));
    assert_eq!(look.log.unwrap().persisted.map(|(offset, _)| offset), straight.log.unwrap().applied);

    let [straight, boards] = tiers.map(|tier| tier.wait(tier.ranks.boards_raw(0, ME)).unwrap());
    assert_eq!(boards, straight);
    assert_eq!(subject.store.boards.values().cloned().collect::<Vec<_>>(), straight);
    assert_eq!(subject.store.rows, model.records, "what the store has");

    let keys: Vec<_> = model.records.keys().cloned().collect();
    let present = subject.tier.wait(subject.tier.ranks.peek(0, ME, &keys)).unwrap();
    for (key, present) in keys.iter().zip(present) {
        let (leaderboard, _) = model.boards[&key.season.leaderboard];
        match present {
            Some(present) => assert_eq!(present, model.records[key], "{key:?}"),
            None => assert!(key.season.version + 2 <= leaderboard.version, "{key:?} is not there"),
        }
    }
    for board in &boards {
        let version = board.leaderboard.version;
        for version in version.saturating_sub(1).max(1)..=version {
            let query = Query::FromRank { rank: 1, limit: usize::MAX };
            let [straight, page] = tiers.map(|tier| {
                match tier.wait(tier.ranks.page(&board.id, Some(version), &query)) {
                    Ok(page) => (page.rows, page.board.total),
                    // Nobody was on it, and so nothing of it was loaded.
                    Err(ReadError::NoSeason(now)) if version < now.version => (Vec::new(), 0),
                    Err(error) => panic!("{error}"),
                }
            });
            assert_eq!(page, straight, "season {version} of {:?}", board.id);
        }
    }
}

#[test]
fn whatever_way_a_log_is_applied_it_ends_in_the_same_state() {
    let Some(redis) = server() else { return };
    let histories = (vec(appended(), 1..20), vec(step(), 1..30));
    let outcome = TestRunner::new(Config::with_cases(200)).run(&histories, |(log, steps)| {
        play(&redis, &log, &steps);
        redis.command(&["FLUSHALL"]);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.err().map(|e| e.to_string()).unwrap_or_default());
}
