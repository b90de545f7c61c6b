//! Reading pages: order and ranks from the ranking tier, the rest of a record from the store, as one moment.
//!
//! The order is read under the board's lock together with those records that are dirty; the clean ones are read
//! from the table afterwards, with no lock held. If one of those moved meanwhile, the page is read again.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use async_trait::async_trait;
use hiscore_api::Aside;
use hiscore_api::service::{
    Board as BoardView, BoardError, Columns, Page, RankState, Row, Start, Total, Trouble,
};
use hiscore_rank::{Board, Index, MemoryRanks, Placed, Query, View};
use hiscore_score::{LeaderboardId, PlayerId, Rules, Season, Standing, VersionId};
use hiscore_store::embedded::{BoardNumber, BoardRow, Embedded, Layers, RowKey, TableError};
use parking_lot::Mutex;

use super::directory::Directory;
use super::source::Source;

/// How often a page is read again because a record moved between order and table. Each time needs a whole round
/// of the funnel in between, so the second try practically always holds.
const TRIES: usize = 8;
/// More records than these are read from the table aside from the threads that answer: each may be on the disk.
const MANY: usize = 100;
/// Seasons that ended and are kept in memory because somebody reads them.
const CLOSED_SEASONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// Reads boards.
#[derive(Debug)]
pub struct Reader {
    store: Arc<Embedded>,
    ranks: Arc<MemoryRanks>,
    directory: Arc<Directory>,
    /// Seasons that ended, the latest read last.
    closed: Mutex<Vec<(Season, Arc<Board>)>>,
    aside: Aside,
    /// Held while a season is loaded, so that a crowd of readers loads it once.
    loading: tokio::sync::Mutex<()>,
}

/// A season that is being read.
#[derive(Debug, Clone)]
struct Open {
    number: BoardNumber,
    version: VersionId,
    rules: Rules,
    board: Arc<Board>,
}

/// One reading of the order, with what was dirty at that moment.
struct Gathered {
    total: u64,
    state: hiscore_rank::RankState,
    rows: Vec<(Placed, Layers)>,
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> Trouble {
    Trouble::Unavailable(format!("a record cannot be read: {error}"))
}

impl Reader {
    /// A reader of these.
    pub fn new(store: Arc<Embedded>, ranks: Arc<MemoryRanks>, directory: Arc<Directory>) -> Self {
        let (closed, loading) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Self { store, ranks, directory, closed, aside: Aside::default(), loading }
    }

    /// A board as it is shown.
    pub fn view(&self, id: &LeaderboardId) -> Option<BoardView> {
        self.directory.get(id).map(|row| self.view_of(row))
    }

    /// A page of the directory.
    pub fn list(&self, after: Option<&LeaderboardId>, first: usize) -> (Vec<BoardView>, bool) {
        let (rows, more) = self.directory.list(after, first);
        (rows.into_iter().map(|row| self.view_of(row)).collect(), more)
    }

    fn view_of(&self, row: BoardRow) -> BoardView {
        let season = Season { leaderboard: row.id.clone(), version: row.leaderboard.version };
        let (total, state, revision) = match self.ranks.board(&season) {
            Some(board) => board.read(|index| (index.len() as u64, index.state(), index.revision())),
            None => (0, hiscore_rank::RankState::Warming, 0),
        };
        BoardView {
            id: row.id,
            leaderboard: row.leaderboard,
            total,
            state: shown_state(state),
            revision: revision_text(row.leaderboard.version, revision),
        }
    }

    /// A page from `start` on.
    pub async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        start: Start,
        first: usize,
        columns: Columns,
    ) -> Result<Page, BoardError> {
        // One more than asked for, to know whether anybody follows.
        let limit = first.saturating_add(1);
        let query = match start {
            Start::Top => Query::FromRank { rank: 1, limit },
            Start::Rank(rank) => Query::FromRank { rank, limit },
            Start::After(key) => Query::After { key, limit },
        };
        let open = self.open(id, version).await?;
        let mut page = self.read(&open, &query, columns).await?;
        if page.rows.len() > first {
            page.rows.truncate(first);
            page.has_next = true;
        }
        Ok(page)
    }

    /// A player and its neighbours.
    pub async fn around(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        player: &PlayerId,
        range: usize,
        columns: Columns,
    ) -> Result<Page, BoardError> {
        let open = self.open(id, version).await?;
        self.read(&open, &Query::Around { player: player.clone(), range }, columns).await
    }

    /// These players.
    pub async fn rows(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        players: &[PlayerId],
        columns: Columns,
    ) -> Result<Page, BoardError> {
        let open = self.open(id, version).await?;
        self.read(&open, &Query::Players(players.to_vec()), columns).await
    }

    fn present(&self, row: &BoardRow) -> Option<Open> {
        let season = Season { leaderboard: row.id.clone(), version: row.leaderboard.version };
        let board = self.ranks.board(&season)?;
        Some(Open { number: row.number, version: season.version, rules: row.leaderboard.rules, board })
    }

    async fn open(&self, id: &LeaderboardId, version: Option<VersionId>) -> Result<Open, BoardError> {
        let row = self.directory.get(id).ok_or(BoardError::NotFound)?;
        let version = version.unwrap_or(row.leaderboard.version);
        if version == 0 || version > row.leaderboard.version {
            return Err(BoardError::NotFound);
        }
        let season = Season { leaderboard: row.id.clone(), version };
        let (number, rules) = (row.number, row.leaderboard.rules);
        if let Some(board) = self.ranks.board(&season).or_else(|| self.closed_season(&season)) {
            return Ok(Open { number, version, rules, board });
        }
        let _alone = self.loading.lock().await;
        if let Some(board) = self.closed_season(&season) {
            return Ok(Open { number, version, rules, board });
        }
        let store = Arc::clone(&self.store);
        let loaded = tokio::task::spawn_blocking(move || load_season(&store, number, version, &rules)).await;
        let index = loaded
            .map_err(|error| BoardError::Trouble(Trouble::Internal(error.to_string())))?
            .map_err(|error| BoardError::Trouble(unreadable(error)))?;
        let board = Arc::new(Board::new(index));
        let mut closed = self.closed.lock();
        if closed.len() >= CLOSED_SEASONS.get() {
            closed.remove(0);
        }
        closed.push((season, Arc::clone(&board)));
        Ok(Open { number, version, rules, board })
    }

    fn closed_season(&self, season: &Season) -> Option<Arc<Board>> {
        let mut closed = self.closed.lock();
        let at = closed.iter().position(|(held, _)| held == season)?;
        let entry = closed.remove(at);
        let board = Arc::clone(&entry.1);
        closed.push(entry);
        Some(board)
    }

    async fn read(&self, open: &Open, query: &Query, columns: Columns) -> Result<Page, BoardError> {
        if columns == Columns::Scores {
            return Ok(open.ranked(open.board.read(|index| index.view(query))));
        }
        for _ in 0..TRIES {
            let gathered = self.gather(open, query);
            let many = gathered.rows.len() > MANY;
            if let Some(page) = self.aside.run_if(many, || self.complete(open, gathered)).await? {
                return Ok(page);
            }
        }
        Err(BoardError::Trouble(Trouble::Unavailable("the page kept changing while it was read".into())))
    }

    fn gather(&self, open: &Open, query: &Query) -> Gathered {
        open.board.read(|index| {
            let view = index.view(query);
            let rows = view.rows.into_iter().map(|placed| {
                let dirty = self.store.peek(&open.key(&placed).into());
                (placed, dirty)
            });
            Gathered { total: view.total, state: view.state, rows: rows.collect() }
        })
    }

    /// `None`: a record moved since the order was read.
    fn complete(&self, open: &Open, gathered: Gathered) -> Result<Option<Page>, BoardError> {
        let mut rows = Vec::with_capacity(gathered.rows.len());
        let ends = ends(gathered.rows.iter().map(|(placed, _)| placed));
        for (placed, dirty) in gathered.rows {
            let key = open.key(&placed);
            // What was clean may be dirty by now.
            let found =
                if dirty.is_empty() { self.store.get(&key) } else { self.store.complete(&key, &dirty) };
            let record = found.map_err(|error| BoardError::Trouble(unreadable(error)))?;
            let Some(record) = record else { return Ok(None) };
            let Some(live) = &record.live else { return Ok(None) };
            if live.standing(&open.rules) != placed.standing {
                return Ok(None);
            }
            let rank = shown_rank(gathered.state, placed.rank);
            rows.push(Row::new(placed.player, rank, live.clone(), record.updated));
        }
        Ok(Some(open.page(rows, ends, gathered.total)))
    }
}

#[async_trait]
impl Source for Reader {
    async fn view(&self, id: &LeaderboardId) -> Result<Option<BoardView>, Trouble> {
        Ok(Reader::view(self, id))
    }

    async fn top(&self, id: &LeaderboardId, first: usize) -> Result<(BoardView, Vec<Row>), BoardError> {
        let row = self.directory.get(id).ok_or(BoardError::NotFound)?;
        let open = self.present(&row).ok_or(BoardError::NotFound)?;
        // Before the rows, so that a revision never promises more than is shown.
        let view = self.view_of(row);
        let page = self.read(&open, &Query::FromRank { rank: 1, limit: first }, Columns::All).await?;
        Ok((view, page.rows))
    }

    async fn standings(
        &self,
        id: &LeaderboardId,
        players: &[PlayerId],
        columns: Columns,
    ) -> Result<(VersionId, Vec<Row>), BoardError> {
        let row = self.directory.get(id).ok_or(BoardError::NotFound)?;
        let open = self.present(&row).ok_or(BoardError::NotFound)?;
        let page = self.read(&open, &Query::Players(players.to_vec()), columns).await?;
        Ok((page.version, page.rows))
    }
}

impl Open {
    fn key(&self, placed: &Placed) -> RowKey {
        RowKey { board: self.number, version: self.version, player: placed.player.clone() }
    }

    /// A page of what the order itself has.
    fn ranked(&self, view: View) -> Page {
        let ends = ends(view.rows.iter());
        let rows = view.rows.into_iter().map(|Placed { rank, player, standing }| {
            Row::placed(player, shown_rank(view.state, rank), &standing, &self.rules)
        });
        self.page(rows.collect(), ends, view.total)
    }

    /// Rows of which these are the least and the greatest rank.
    fn page(&self, rows: Vec<Row>, (least, most): (u64, u64), total: u64) -> Page {
        Page {
            version: self.version,
            rules: self.rules,
            has_previous: !rows.is_empty() && least > 1,
            has_next: most != 0 && most < total,
            total: Total::Known(total),
            rows,
        }
    }
}

/// The least and the greatest rank of rows.
fn ends<'a>(rows: impl Iterator<Item = &'a Placed>) -> (u64, u64) {
    rows.fold((u64::MAX, 0), |(least, most), row| (least.min(row.rank), most.max(row.rank)))
}

/// No rank is told of an order that is not complete.
fn shown_rank(state: hiscore_rank::RankState, rank: u64) -> Option<u64> {
    (state != hiscore_rank::RankState::Warming).then_some(rank)
}

/// Rows that one thread hands to the other at once while a season is loaded, and how often it may be ahead.
const ROWS_AT_ONCE: usize = 4096;
const AHEAD: usize = 4;

/// The order of a season as the table has it. One thread reads the table while this one takes the players in: it is half of
/// a restart with millions of players each, and what was read is never held as a whole.
pub fn load_season(
    store: &Embedded,
    number: BoardNumber,
    version: VersionId,
    rules: &Rules,
) -> Result<Index, TableError> {
    let (read, taken) = sync_channel::<Vec<(PlayerId, Standing)>>(AHEAD);
    let reading = move || -> Result<u64, TableError> {
        let (mut rows, mut revision) = (Vec::new(), 0);
        store.scan(number, version, |player, record| {
            revision = revision.max(record.position.sequence);
            if let Some(live) = &record.live {
                rows.push((player, live.standing(rules)));
            }
            if rows.len() == ROWS_AT_ONCE {
                // Nobody takes them only if the other thread panicked.
                let _ = read.send(std::mem::take(&mut rows));
            }
        })?;
        let _ = read.send(rows);
        Ok(revision)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("reading".into());
        let reading = thread.spawn_scoped(scope, reading).map_err(|error| TableError::Redb(error.into()))?;
        let mut index = Index::from_rows(taken.into_iter().flatten());
        let revision = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        index.set_revision(revision?);
        Ok(index)
    })
}

/// The state as the API says it.
fn shown_state(state: hiscore_rank::RankState) -> RankState {
    match state {
        hiscore_rank::RankState::Exact => RankState::Exact,
        hiscore_rank::RankState::Warming => RankState::Warming,
        hiscore_rank::RankState::Stale => RankState::Stale,
    }
}

fn revision_text(version: VersionId, revision: u64) -> String {
    format!("{version}.{revision}")
}
