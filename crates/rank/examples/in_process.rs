//! What ranking costs, in time and in memory, by the number of players on one board.
//!
//! `cargo run --release -p hiscore-rank --example in_process -- 10000 100000 1000000 10000000`
//!
//! Each size runs in a process of its own (this program starts itself), so that memory is that size's alone.
//! Ids have 12 bytes; scores are spread evenly, below the environment variable `SCORES` (a thousand million if it
//! is not set); players are drawn by chance, so that nearly every call misses the caches. An update includes
//! looking up the old standing and making the id.
//!
//! Measured on 2 shared cores of a virtual machine (others were compiling; runs differ by up to a half), on which
//! memory answers after 170 ns, and after 400 ns where the table of pages misses the caches too:
//!
//! ```text
//!   players insert µs longest µs B/grown   load s B/loaded update µs rank µs page10 µs around5 µs B/peak
//!     10000     0.59         82      85     0.00     140     0.64    0.33     0.55     0.84       364
//!    100000     0.67        202      71     0.05     113     1.12    0.65     0.91     1.54       136
//!   1000000     0.86        566      75     0.46      83     2.08    1.64     1.71     3.11       117
//!  10000000     1.53       1051      72     6.68      72     2.85    2.76     2.87     5.79       104
//! with SCORES=1000, so that a score is shared by up to ten thousand:
//!     10000     0.53        107      78     0.00     130     0.70    0.46     0.94     1.57       356
//!    100000     0.73        239      73     0.05     117     1.47    0.79     1.19     1.85       140
//!   1000000     0.97        941      80     0.74      88     2.58    1.82     1.69     3.15       123
//!  10000000     1.16       8087      78     7.11      73     2.96    2.45     2.63     4.51       105
//! with GLIBC_TUNABLES=glibc.malloc.hugetlb=1, which makes the C library ask for large pages:
//!  10000000     1.70      34469      73     6.21      73     2.15    1.81     1.91     4.19       105
//! in the same minutes without keys in the nodes and with hashbrown's tables, and then with SCORES=1000:
//!     10000     0.48         95      84     0.00     124     0.50    0.32     0.54     1.16       350
//!    100000     0.95        115      67     0.03     104     1.67    0.93     1.03     1.76       126
//!   1000000     2.18        526      72     0.48      73     4.34    1.61     1.43     3.05       107
//!  10000000     4.46       4059      69     7.92      70     6.76    2.80     2.13     4.59       102
//!  10000000     1.82       8798      72     8.75      68     6.56    3.67     4.21     7.67       101
//! earlier, with indexset 0.16 and a HashMap:
//!  10000000     3.98    3162130     182    38.47     182     8.26    3.87     1.88     4.81       217
//! ```
//!
//! B/grown is after one `upsert` a player, B/loaded after `from_rows`, B/peak the most there ever was: `from_rows`
//! sorts 32 bytes a player and gives them back. The smallest sizes show what a process has anyhow.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hiscore_rank::Index;
use hiscore_score::{InvalidId, PlayerId, Rules, Score, Stamp, Standing};

/// A small generator of its own (xorshift64*), so that runs are the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n.max(1)
    }
}

fn player(n: u64) -> Result<PlayerId, InvalidId> {
    PlayerId::new(&format!("p{n:011}"))
}

fn standing(score: u64, stamp: u64) -> Standing {
    let score = Score::new(score as i64).unwrap_or_default();
    Standing::new(&Rules::default(), score, Score::ZERO, Stamp::from_raw(stamp).unwrap_or_default())
}

/// A field of /proc/self/status in bytes.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse().ok()).unwrap_or(0u64) * 1024
}

/// The mean and the longest of `times` calls, in microseconds.
fn timed(times: u64, mut call: impl FnMut() -> Result<(), InvalidId>) -> Result<(f64, f64), InvalidId> {
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    for _ in 0..times {
        let one = Instant::now();
        call()?;
        longest = longest.max(one.elapsed());
    }
    Ok((begun.elapsed().as_secs_f64() * 1e6 / times as f64, longest.as_secs_f64() * 1e6))
}

fn measure(players: u64) -> Result<String, InvalidId> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let spread = std::env::var("SCORES").ok().and_then(|scores| scores.parse().ok()).unwrap_or(1_000_000_000);
    let before = memory("VmRSS:");
    let mut row = format!("{players:>9}");

    let mut growing = Index::new();
    let mut n = 0;
    let (insert, longest) = timed(players, || {
        n += 1;
        growing.upsert(&player(n)?, standing(random.below(spread), n));
        Ok(())
    })?;
    let grown = (memory("VmRSS:") - before) as f64 / players as f64;
    drop(growing);

    let begun = Instant::now();
    let rows = (1..=players).filter_map(|n| Some((player(n).ok()?, standing(random.below(spread), n))));
    let mut index = Index::from_rows(rows);
    let load = begun.elapsed().as_secs_f64();
    let loaded = memory("VmRSS:").saturating_sub(before) as f64 / players as f64;

    let calls = 500_000;
    let mut stamp = players;
    let update = timed(calls, || {
        stamp += 1;
        let who = player(1 + random.below(players))?;
        let old = index.standing(&who).map_or(0, |at| at.score(&Rules::default()).get() as u64);
        black_box(index.upsert(&who, standing(old + random.below(spread / 10), stamp)));
        Ok(())
    })?;
    let rank = timed(calls, || {
        black_box(index.rank(&player(1 + random.below(players))?));
        Ok(())
    })?;
    let page = timed(calls / 10, || {
        black_box(index.from_rank(1 + random.below(players), 10));
        Ok(())
    })?;
    let around = timed(calls / 10, || {
        black_box(index.around(&player(1 + random.below(players))?, 5));
        Ok(())
    })?;
    let _ = write!(
        row,
        " {insert:>8.2} {longest:>10.0} {grown:>7.0} {load:>8.2} {loaded:>7.0} {:>8.2} {:>7.2} {:>8.2} {:>8.2}",
        update.0, rank.0, page.0, around.0
    );
    let _ = write!(row, " {:>9.0}", memory("VmHWM:") as f64 / players as f64);
    Ok(row)
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    if let [size] = sizes.as_slice() {
        let row = measure(*size).map_err(io::Error::other)?;
        return writeln!(out, "{row}");
    }
    writeln!(
        out,
        "  players insert µs longest µs B/grown   load s B/loaded update µs rank µs page10 µs around5 µs B/peak"
    )?;
    out.flush()?;
    let sizes = if sizes.is_empty() { vec![10_000, 100_000, 1_000_000] } else { sizes };
    for size in sizes {
        std::process::Command::new(std::env::current_exe()?).arg(size.to_string()).status()?;
    }
    Ok(())
}
