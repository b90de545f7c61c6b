//! Seasons are opened under load, and Redis is emptied right afterwards: a replay judges each submission on the season on
//! which it was judged the first time, and opens none twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bson::doc;
use hiscore_faults::tally::walk;
use hiscore_faults::wait::{pause, until};
use hiscore_faults::{Client, Random};

use crate::account::Account;
use crate::deployment::{Deployment, PATIENCE};
use crate::load::create;
use crate::logged_field::{Roles, kafka};
use crate::shown::{documents, integer};
use crate::wire::{self, Verdict};

const BOARDS: [(&str, &str); 4] =
    [("sum-1", "INCREMENT"), ("best-1", "BEST"), ("sum-2", "INCREMENT"), ("set-1", "SET")];

/// By season and player: score, and how many submissions.
type Seasons = BTreeMap<(i64, String), (i64, i64)>;

/// One client alone plays on a board and resets it, so that it knows the season of each submission.
struct Keeper {
    board: &'static str,
    operator: &'static str,
    season: i64,
    seasons: Seasons,
}

impl Keeper {
    fn play(mut self, ingest: SocketAddr, stop: &AtomicBool, acked: &AtomicU64) -> Self {
        let mut client = Client::new(ingest);
        let mut random = Random::new(self.board.bytes().map(u64::from).sum());
        // Its ids and numbers.
        let mut account = Account::default();
        account.board(self.board, self.operator);
        while !stop.load(Ordering::Relaxed) {
            if random.one_in(12) {
                self.reset(&mut client);
            }
            let entries: Vec<_> = (0..3)
                .map(|_| {
                    account.open(
                        self.board,
                        format!("{}-p{}", self.board, random.below(5)),
                        random.below(100) as i64,
                    )
                })
                .collect();
            let mut open = entries.clone();
            until("submissions to be acknowledged", PATIENCE, || {
                let verdicts = wire::submit(&mut client, self.board, &open, None);
                let left = open.drain(..).zip(verdicts).filter(|(_, verdict)| match verdict {
                    Verdict::Acked(..) => false,
                    Verdict::NotApplied(_) | Verdict::Ambiguous(_) => true,
                    Verdict::Refused(code, why) => panic!("{code}, {why}"),
                });
                open = left.map(|(entry, _)| entry).collect();
                open.is_empty().then_some(())
            });
            for entry in entries {
                let had = self.seasons.entry((self.season, entry.player)).or_insert((i64::MIN, 0));
                let score = match self.operator {
                    "INCREMENT" if had.1 > 0 => had.0 + entry.score,
                    "BEST" => had.0.max(entry.score),
                    _ => entry.score,
                };
                *had = (score, had.1 + 1);
            }
            acked.fetch_add(3, Ordering::Relaxed);
        }
        self
    }

    fn reset(&mut self, client: &mut Client) {
        until("a season to be opened", PATIENCE, || {
            match wire::reset(client, self.board, self.season) {
                Ok(version) => assert_eq!(version, self.season + 1),
                // It was opened, and nobody was told.
                Err(Verdict::Refused(code, _)) if code == "VERSION_CONFLICT" => {}
                Err(Verdict::NotApplied(_) | Verdict::Ambiguous(_)) => return None,
                Err(other) => panic!("{}, season {}: {other:?}", self.board, self.season),
            }
            Some(())
        });
        self.season += 1;
    }

    /// What is wrong in the end with what is shown of any season, and with what the store has.
    fn differences(&self, deployment: &Deployment, client: &mut Client) -> Vec<String> {
        let rows =
            documents(&deployment.mongo, doc! { "leaderboardId": self.board, "deleted": { "$ne": true } });
        let stored: Seasons = rows
            .iter()
            .map(|row| {
                let player = row.get_str("playerId").expect("whose it is").to_owned();
                let had = (integer(row, "score"), integer(row, "numScore"));
                ((integer(row, "versionId"), player), had)
            })
            .collect();
        let shown: Seasons = (1..=self.season)
            .flat_map(|season| {
                let rows = walk(client, self.board, Some(season), 100).into_iter();
                rows.map(move |row| ((season, row.player.clone()), (row.score(), row.submissions())))
            })
            .collect();
        let differs = |whose: &str, there: &Seasons| {
            let keys = self.seasons.keys().chain(there.keys()).collect::<std::collections::BTreeSet<_>>();
            let wrong = keys.into_iter().filter(|key| self.seasons.get(*key) != there.get(*key));
            wrong
                .map(|key| {
                    let (expected, has) = (self.seasons.get(key), there.get(key));
                    format!("{whose}, {}, {key:?}: expected {expected:?}, has {has:?}", self.board)
                })
                .collect::<Vec<_>>()
        };
        [differs("MongoDB", &stored), differs("the API", &shown)].concat()
    }
}

#[test]
fn seasons_are_opened_and_redis_is_emptied() {
    let Some(broker) = kafka(1) else { return };
    let deployment = Deployment::start(1).behind(broker);
    let roles = Roles::start(&deployment);
    let mut client = roles.ingest.client();
    BOARDS.iter().for_each(|(board, operator)| create(&mut client, board, operator));
    let (stop, acked) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = roles.ingest.address();
    let await_acks = |more: u64| {
        let wanted = acked.load(Ordering::Relaxed) + more;
        until("submissions to be acknowledged", PATIENCE, || {
            (acked.load(Ordering::Relaxed) >= wanted).then_some(())
        });
    };
    let keepers: Vec<Keeper> = std::thread::scope(|scope| {
        let keepers = BOARDS.map(|(board, operator)| {
            let keeper = Keeper { board, operator, season: 1, seasons: Seasons::new() };
            let (stop, acked) = (&stop, &acked);
            scope.spawn(move || keeper.play(address, stop, acked))
        });
        for round in 0..5 {
            await_acks(150);
            if round % 2 == 1 {
                // What comes now is in the log alone; or some of it is in the store, and nobody wrote down that it is.
                deployment.mongo.pause(0);
                await_acks(150);
            }
            if round > 1 {
                let nth = format!("written:{}", 3 * round);
                let mut doomed = deployment.doomed("persist", &nth);
                deployment.mongo.resume(0);
                roles.persister.pause();
                until("a persister to die between two writes", PATIENCE, || {
                    (!doomed.is_running()).then_some(())
                });
            }
            deployment.redis.kill();
            deployment.redis.restart();
            roles.persister.resume();
            deployment.mongo.resume(0);
        }
        await_acks(150);
        stop.store(true, Ordering::Relaxed);
        keepers.map(|keeper| keeper.join().expect("its own assertions hold")).into()
    });
    let seasons: i64 = keepers.iter().map(|keeper| keeper.season).sum();
    println!("{} submissions on {seasons} seasons", acked.load(Ordering::Relaxed));
    let mut reader = roles.scoreboard.client();
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        deployment.settle(&roles.persister);
        let wrong: Vec<_> =
            keepers.iter().flat_map(|keeper| keeper.differences(&deployment, &mut reader)).collect();
        if wrong.is_empty() {
            break;
        }
        let some = &wrong[..wrong.len().min(10)];
        assert!(std::time::Instant::now() < deadline, "{} differ:\n{}", wrong.len(), some.join("\n"));
        pause();
    }
}
