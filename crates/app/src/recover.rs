//! Recovery: from a data folder to complete ranks, before anything is answered.
//!
//! First what the table has, then what the journal has beyond it, replayed by the same law that judged it.

use std::sync::Arc;
use std::time::Instant;

use hiscore_rank::MemoryRanks;
use hiscore_score::Season;
use hiscore_store::OpenError;
use hiscore_store::embedded::{Embedded, Journal, State};

use crate::scoreboard::directory::Directory;
use crate::scoreboard::reader::load_season;
use crate::submit::books::{Books, Limits, Shown};

/// Fills `ranks` and `directory` from `store`, and returns what the committer goes on with.
pub fn recover(
    store: &Arc<Embedded>,
    ranks: &Arc<MemoryRanks>,
    directory: &Directory,
    limits: Limits,
) -> Result<(Books, Journal), OpenError> {
    let began = Instant::now();
    let mut books = Books::open(Arc::clone(store), Arc::clone(ranks), limits)?;
    let mut players = 0;
    for row in books.boards() {
        let season = Season { leaderboard: row.id.clone(), version: row.leaderboard.version };
        let index = load_season(store, row.number, season.version, &row.leaderboard.rules)?;
        players += index.len();
        ranks.install(&season, index);
        directory.put(row.clone());
    }
    let (mut replayed, mut unranked) = (0u64, 0u64);
    let journal = store.recover(|sequence, entry| {
        replayed += 1;
        let shown = books.replay(sequence, &entry)?;
        unranked += u64::from(!show(store, ranks, directory, &books, sequence, shown));
        store.publish().up_to(sequence, entry.stamp);
        Ok(())
    })?;
    books.begin_after(journal.next_sequence() - 1);
    if unranked > 0
        && let Err(error) = store.flush()
    {
        // Whoever reads that season before the funnel gets through will not see its last changes.
        tracing::warn!(%error, "changes of a season that ended could not be written into the table yet");
    }
    tracing::info!(
        leaderboards = directory.len(),
        players,
        replayed,
        seconds = began.elapsed().as_secs_f64(),
        "the data folder is loaded"
    );
    Ok((books, journal))
}

/// `false`: it belongs to a season that ended and is not ranked here; readers load that from the table.
fn show(
    store: &Embedded,
    ranks: &MemoryRanks,
    directory: &Directory,
    books: &Books,
    sequence: u64,
    shown: Shown,
) -> bool {
    match shown {
        Shown::Board(row) => {
            ranks.create(&Season { leaderboard: row.id.clone(), version: row.leaderboard.version });
            store.publish().board(row.clone());
            directory.put(row);
            true
        }
        Shown::Row(key, record) => {
            let row = books.name(key.board).and_then(|id| books.board_named(id));
            let board = row.and_then(|row| {
                let season = Season { leaderboard: row.id.clone(), version: key.version };
                ranks.board(&season).map(|board| (board, row.leaderboard.rules))
            });
            if let Some((board, rules)) = &board {
                board.update(|index| {
                    match &record.live {
                        Some(live) => index.upsert(&key.player, live.standing(rules)),
                        None => index.remove(&key.player),
                    };
                    index.set_revision(sequence);
                });
            }
            store.publish().row(key, State::Whole(record));
            board.is_some()
        }
    }
}
