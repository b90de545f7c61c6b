//! The server is killed with SIGKILL again and again while clients submit, delete and reset. Whatever was left open
//! is sent again under the same id until it is acknowledged; then every record must be what was acknowledged, each
//! submission counted exactly once, before and after one more kill.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hiscore_faults::tally::walk;
use hiscore_faults::wait::pause;
use hiscore_faults::{Client, Entry, Random, Tally, Verdict, scores};

#[path = "sigkill/siege.rs"]
mod siege;

use siege::{StopOnDrop, start};

const BOARDS: [(&str, &str); 3] = [("best", "BEST"), ("set", "SET"), ("sum", "INCREMENT")];
/// A board of which seasons are opened all the time.
const SEASONS: &str = "seasons";
const CLIENTS: u64 = 8;
const SEED: u64 = 0x5eed;

/// What the clients share.
struct Field {
    address: SocketAddr,
    tally: Mutex<Tally>,
    /// What each player must have on the board with the seasons, over all of them.
    seasons: Mutex<BTreeMap<String, i64>>,
    /// The last submission of each client, to be sent once more at the end.
    last: Mutex<Vec<(&'static str, Entry)>>,
    numbers: AtomicI64,
    stop: AtomicBool,
    acks: Sender<usize>,
}

#[derive(Default)]
struct Counts {
    acked: usize,
    sent_again: usize,
    duplicates: usize,
    deletes: usize,
    resets: usize,
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_counts_twice() {
    besiege(40, "5s");
}

/// Nobody is killed, but the answer often comes before anybody knows: it must not be taken for a no.
#[test]
fn an_answer_that_came_too_early_is_settled_by_sending_again() {
    besiege(0, "1ms");
}

fn besiege(rounds: u64, ack_timeout: &str) {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path(), "127.0.0.1:0", ack_timeout);
    let address = server.address();
    let mut client = server.client();
    let (acks, acked) = channel();
    let field = Arc::new(Field {
        address,
        tally: Mutex::default(),
        seasons: Mutex::default(),
        last: Mutex::default(),
        numbers: AtomicI64::new(1),
        stop: AtomicBool::new(false),
        acks,
    });
    for (board, operator) in BOARDS {
        scores::create(&mut client, board, operator);
        field.tally.lock().unwrap().board(board, operator);
    }
    scores::create(&mut client, SEASONS, "INCREMENT");
    let stop_on_panic = StopOnDrop(&field.stop);
    let mut players: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let field = Arc::clone(&field);
            std::thread::spawn(move || play(&field, client))
        })
        .collect();
    let seasons = Arc::clone(&field);
    players.push(std::thread::spawn(move || open_seasons(&seasons)));

    let mut random = Random::new(SEED);
    for _ in 0..rounds {
        let after = random.below(600) as usize;
        let micros = random.below(3000);
        wait_for_acks(&acked, after);
        // A channel that nobody sends to: so that the kill is not tied to the moment of an acknowledgement.
        let _ = channel::<()>().1.recv_timeout(Duration::from_micros(micros));
        assert_eq!(server.kill().code, Err(9));
        server = start(folder.path(), &address.to_string(), ack_timeout);
    }
    wait_for_acks(&acked, 1000);
    field.stop.store(true, Ordering::Relaxed);
    let mut all = Counts::default();
    for player in players {
        let counts = player.join().expect("a client's own assertions hold");
        all.acked += counts.acked;
        all.sent_again += counts.sent_again;
        all.duplicates += counts.duplicates;
        all.deletes += counts.deletes;
        all.resets += counts.resets;
    }
    drop(stop_on_panic);
    let versions = all.resets as i64 + 1;
    check(&field, versions, &mut server.client());
    server.kill();
    let server = start(folder.path(), &address.to_string(), "5s");
    check(&field, versions, &mut server.client());
    again(&field, &mut server.client());
    check(&field, versions, &mut server.client());
    println!(
        "seed {SEED:#x}: {rounds} kills, {} acknowledged, {} sent again of which {} had been applied, {} deletes, \
         {} resets, {:.1} s",
        all.acked,
        all.sent_again,
        all.duplicates,
        all.deletes,
        all.resets,
        began.elapsed().as_secs_f64()
    );
}

fn wait_for_acks(acked: &Receiver<usize>, most: usize) {
    // What came in meanwhile does not count.
    let mut got = 0;
    acked.try_iter().for_each(drop);
    while got < most.max(1) {
        got += acked.recv_timeout(Duration::from_secs(20)).expect("clients make progress");
    }
}

/// One client: its own players, and on the boards where the order does not matter some that all share.
fn play(field: &Field, me: u64) -> Counts {
    let mut random = Random::new(SEED + 1 + me);
    let mut client = Client::new(field.address);
    let mut counts = Counts::default();
    while !field.stop.load(Ordering::Relaxed) {
        let (board, _) = BOARDS[random.below(3) as usize];
        if random.one_in(12) {
            let player = format!("c{me}-{}", random.below(5));
            delete(field, &mut client, board, &player);
            counts.deletes += 1;
            continue;
        }
        let board = if random.one_in(6) { SEASONS } else { board };
        let size = if random.one_in(3) { 2 + random.below(18) } else { 1 };
        let entries: Vec<Entry> = (0..size)
            .map(|_| Entry {
                player: match random.below(3) {
                    0 if board != "set" => format!("all-{}", random.below(4)),
                    _ => format!("c{me}-{}", random.below(5)),
                },
                score: random.below(2000) as i64 - 1000,
                number: field.numbers.fetch_add(1, Ordering::Relaxed),
            })
            .collect();
        submit(field, &mut client, board, &entries, &mut counts);
        counts.acked += entries.len();
        if board != SEASONS
            && let Some(entry) = entries.into_iter().last()
        {
            let mut last = field.last.lock().unwrap();
            last.retain(|(_, other)| other.player != entry.player);
            last.push((board, entry));
        }
        let _ = field.acks.send(size as usize);
    }
    counts
}

/// Sends until all of it is acknowledged.
fn submit(field: &Field, client: &mut Client, board: &'static str, entries: &[Entry], counts: &mut Counts) {
    let mut open = entries.to_vec();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let verdicts = scores::submit(client, board, &open);
        let mut left = Vec::new();
        for (entry, verdict) in std::mem::take(&mut open).into_iter().zip(verdicts) {
            match verdict {
                Verdict::Acked(outcome) => counts.duplicates += usize::from(outcome == "DUPLICATE"),
                Verdict::NotApplied(_) | Verdict::Ambiguous(_) => left.push(entry),
                Verdict::Refused(code, why) => panic!("{board}: {entry:?} was refused: {code}, {why}"),
            }
        }
        open = left;
        if open.is_empty() {
            break;
        }
        counts.sent_again += open.len();
        assert!(Instant::now() < deadline, "{board}: cannot be acknowledged: {open:?}");
        pause();
    }
    if board == SEASONS {
        let mut seasons = field.seasons.lock().unwrap();
        for entry in entries {
            *seasons.entry(entry.player.clone()).or_default() += entry.score;
        }
        return;
    }
    let mut tally = field.tally.lock().unwrap();
    entries.iter().for_each(|entry| tally.acked(board, entry));
}

/// Deletes a record of a player that only this client writes, until that is answered.
fn delete(field: &Field, client: &mut Client, board: &str, player: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut first = true;
    loop {
        match scores::delete(client, board, player) {
            Ok(deleted) => {
                let had = field.tally.lock().unwrap().has(board, player);
                assert!(
                    !first || deleted == had,
                    "{board}, {player}: deleted {deleted}, though it had {had}"
                );
                break;
            }
            Err(Verdict::Refused(code, why)) => panic!("a delete was refused: {code}, {why}"),
            Err(_) => pause(),
        }
        first = false;
        assert!(Instant::now() < deadline, "{board}: {player} cannot be deleted");
    }
    field.tally.lock().unwrap().deleted(board, player);
}

/// Opens one season after another, each exactly once however often it is asked for.
fn open_seasons(field: &Field) -> Counts {
    let mut client = Client::new(field.address);
    let mut version = 1;
    while !field.stop.load(Ordering::Relaxed) {
        let mut first = true;
        loop {
            match scores::reset(&mut client, SEASONS, version) {
                Ok(present) => assert_eq!(present, version + 1, "the season after {version}"),
                // Opened by a try that was not answered.
                Err(Verdict::Refused(code, _)) if code == "CONFLICT" && !first => {}
                Err(Verdict::Refused(code, why)) => panic!("a reset was refused: {code}, {why}"),
                Err(_) => {
                    first = false;
                    pause();
                    continue;
                }
            }
            break;
        }
        version += 1;
        (0..20).for_each(|_| pause());
    }
    Counts { resets: version as usize - 1, ..Counts::default() }
}

fn check(field: &Field, versions: i64, client: &mut Client) {
    field.tally.lock().unwrap().check(client);
    let mut sums = BTreeMap::<String, i64>::new();
    for version in 1..=versions {
        for row in walk(client, SEASONS, Some(version), 100) {
            *sums.entry(row.player.clone()).or_default() += row.score();
        }
    }
    assert_eq!(sums, *field.seasons.lock().unwrap(), "the sum over {versions} seasons");
}

/// What was acknowledged is sent once more, and counts no more.
fn again(field: &Field, client: &mut Client) {
    for (board, entry) in field.last.lock().unwrap().iter() {
        let verdicts = scores::submit(client, board, std::slice::from_ref(entry));
        assert_eq!(verdicts, [Verdict::Acked("DUPLICATE".into())], "{board}: {entry:?} sent once more");
    }
}
