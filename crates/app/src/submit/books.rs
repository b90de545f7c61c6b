//! The books: the sequencer's view of every board and record, ahead of what readers see by the batch in hand.
//!
//! Everything about a submission is decided here (season, stamp, duplicate, refusal), by the law alone. What is
//! decided is collected in a batch; [`Books::seal`] hands that out for the journal. While it is on its way there the next
//! batch is judged on top of it. [`Books::accept`] then makes it part of the past, [`Books::discard`] forgets both.
//!
//! A record is read only if its submission needs more of it than where it stands, which the order in memory has: most do not,
//! and become patches ([`hiscore_score::patch`]), for which the table is read when the funnel writes there anyway.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hiscore_api::service::{BoardError, Entry, Rejected, Trouble};
use hiscore_rank::{Board, MemoryRanks};
use hiscore_score::leaderboard::{Leaderboard, ResetRefused};
use hiscore_score::{
    Applied, LeaderboardId, Moment, Outcome, Patch, PlayerId, Position, Record, Rules, Season, Stamp,
    Standing, VersionId,
};
use hiscore_store::embedded::{
    BoardNumber, BoardRow, Change, Embedded, HashedKey, JournalEntry, RowKey, Rows, State, TableError,
};

use super::judged::{Judged, NotJudged};
use crate::clock::unix_ms;

/// So many submissions are looked for at once: enough that a processor waits for several places in memory together, and
/// few enough that what it got is still in its cache when they are judged.
pub const LOOK_AHEAD: usize = 256;

/// Room for so many times as many records as a batch had is kept for the next one.
const ROOM_KEPT: usize = 16;

/// Positions of the embedded profile have one era: its journal is one history.
const ERA: u32 = 1;

/// Where the books are.
#[derive(Debug)]
pub struct Books {
    store: Arc<Embedded>,
    ranks: Arc<MemoryRanks>,
    /// The orders of present seasons, as far as they were needed.
    orders: HashMap<BoardNumber, (VersionId, Arc<Board>)>,
    boards: HashMap<LeaderboardId, BoardRow>,
    names: HashMap<BoardNumber, LeaderboardId>,
    limits: Limits,
    /// Of the last entry that was accepted.
    sequence: u64,
    stamp: Stamp,
    /// On its way into the journal.
    sealed: Batch,
    /// Judged on top of that.
    batch: Batch,
    /// Of the batch before, with nothing in it: the next one need not grow again.
    spare: Rows,
}

/// What the books will not go beyond.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many boards.
    pub leaderboards: usize,
    /// Whether a submission to an unknown board creates it.
    pub auto_create: bool,
    /// The length of an idempotency window.
    pub window: usize,
}

/// What was decided together.
#[derive(Debug, Default)]
struct Batch {
    entries: Vec<JournalEntry>,
    /// How many entries it has, also when they were handed out.
    count: u64,
    rows: Rows,
    boards: HashMap<LeaderboardId, BoardRow>,
    /// How many seasons it ends.
    resets: usize,
    stamp: Stamp,
}

/// A board in hand, for as long as nothing but submissions to it is judged.
struct Open {
    row: BoardRow,
    /// The order of its present season, if it is ranked already.
    order: Option<Arc<Board>>,
}

/// What the readers are shown of one accepted change, in order.
#[derive(Debug)]
pub enum Shown {
    /// A board was created or reset.
    Board(BoardRow),
    /// A record changed.
    Row(HashedKey, Arc<Record>),
}

fn unreadable(error: &TableError) -> BoardError {
    BoardError::Trouble(Trouble::Unavailable(format!("a record cannot be read: {error}")))
}

impl Books {
    /// Books over what is in the table. `ranks` have, or will have before anything is judged, the order of every present
    /// season as published.
    pub fn open(store: Arc<Embedded>, ranks: Arc<MemoryRanks>, limits: Limits) -> Result<Self, TableError> {
        let rows = store.boards()?;
        let names = rows.iter().map(|row| (row.number, row.id.clone())).collect();
        let boards = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        let stamp = store.last_stamp();
        Ok(Self {
            store,
            ranks,
            orders: HashMap::new(),
            boards,
            names,
            limits,
            sequence: 0,
            stamp,
            sealed: Batch { stamp, ..Batch::default() },
            batch: Batch { stamp, ..Batch::default() },
            spare: Rows::default(),
        })
    }

    /// The boards as accepted.
    pub fn boards(&self) -> impl Iterator<Item = &BoardRow> {
        self.boards.values()
    }

    /// Says which sequence was the last, before the first batch.
    pub fn begin_after(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// Closes the batch, and hands out its entries for the journal. The one before must have been accepted or discarded.
    pub fn seal(&mut self) -> Vec<JournalEntry> {
        let entries = Vec::with_capacity(self.batch.entries.len());
        let rows = std::mem::take(&mut self.spare);
        let next = Batch { entries, rows, stamp: self.batch.stamp, ..Batch::default() };
        self.sealed = std::mem::replace(&mut self.batch, next);
        std::mem::take(&mut self.sealed.entries)
    }

    /// What was sealed is in the journal; returns the sequence and the stamp that it ends with.
    pub fn accept(&mut self) -> (u64, Stamp) {
        (self.sequence, self.stamp) = (self.sequence + self.sealed.count, self.sealed.stamp);
        let mut done = std::mem::replace(&mut self.sealed, Batch { stamp: self.stamp, ..Batch::default() });
        // Not what a far larger batch left behind, which takes as long to clear as it is large.
        if done.rows.len() * ROOM_KEPT >= done.rows.capacity() {
            done.rows.clear();
            self.spare = done.rows;
        }
        for (id, row) in done.boards {
            self.names.insert(row.number, id.clone());
            self.boards.insert(id, row);
        }
        (self.sequence, self.stamp)
    }

    /// What was sealed is not in the journal, or nobody knows: nothing of it counts, nor of what was judged on top of it.
    pub fn discard(&mut self) {
        self.sealed = Batch { stamp: self.stamp, ..Batch::default() };
        self.batch = Batch { stamp: self.stamp, ..Batch::default() };
    }

    /// Looks ahead to players of a board who are to be judged right after. Decides nothing.
    pub fn fetch<'a>(&mut self, id: &LeaderboardId, players: impl Iterator<Item = &'a PlayerId>) {
        if let Some(row) = self.board(id).cloned()
            && let Some(order) = self.order(&row)
        {
            order.read(|index| index.fetch(players));
        }
    }

    /// Judges the submissions of a request to a board's present season, in order. `whole`: all of each record after it is
    /// wanted. An error is one of the whole request, of which nothing was taken then.
    pub fn submit(
        &mut self,
        id: &LeaderboardId,
        entries: Vec<Entry>,
        whole: bool,
    ) -> Result<Vec<Result<Judged, Rejected>>, BoardError> {
        let mut judged = Vec::with_capacity(entries.len());
        let mut open = self.board(id).cloned().map(|row| self.open_season(row));
        let mut left = entries.into_iter();
        for at in 0.. {
            if at > 0 && at % LOOK_AHEAD == 0 {
                self.fetch(id, left.as_slice().iter().take(LOOK_AHEAD).map(|entry| &entry.player));
            }
            let Some(entry) = left.next() else { break };
            judged.push(match self.judge_or_create(id, &mut open, entry, whole) {
                Ok(done) => Ok(done),
                Err(NotJudged::Refused(refusal)) => Err(Rejected::Refused(refusal)),
                Err(NotJudged::Board(BoardError::Trouble(trouble))) if at > 0 => {
                    Err(Rejected::Trouble(trouble))
                }
                // A board that is not there is not there for any of them.
                Err(NotJudged::Board(error)) => return Err(error),
            });
        }
        Ok(judged)
    }

    fn open_season(&mut self, row: BoardRow) -> Open {
        let order = self.order(&row).cloned();
        Open { row, order }
    }

    /// A board that is not there is created by a submission that is taken, or not at all: nobody would be shown it otherwise.
    fn judge_or_create(
        &mut self,
        id: &LeaderboardId,
        open: &mut Option<Open>,
        entry: Entry,
        whole: bool,
    ) -> Result<Judged, NotJudged> {
        if let Some(open) = open {
            return self.judge(open, entry, whole);
        }
        if !self.limits.auto_create {
            return Err(BoardError::NotFound.into());
        }
        let new = Open { row: self.create(id, Rules::default())?, order: None };
        let judged = self.judge(&new, entry, whole);
        match &judged {
            Ok(_) => *open = Some(new),
            Err(_) => {
                self.batch.boards.remove(id);
                self.batch.entries.pop();
                self.batch.count -= 1;
            }
        }
        judged
    }

    fn judge(&mut self, open: &Open, entry: Entry, whole: bool) -> Result<Judged, NotJudged> {
        let Entry { player, submission } = entry;
        let Leaderboard { rules, version, .. } = open.row.leaderboard;
        let key = HashedKey::from(RowKey { board: open.row.number, version, player });
        let at = self.next_moment()?;
        let needs_record = whole || submission.key.is_some();
        let standing = if needs_record { None } else { self.standing(open, &key) };
        let (state, outcome) = match standing {
            Some(standing) => {
                let (patch, outcome) = Patch::of(&rules, &standing, &submission, at)?;
                (State::Patched(Box::new(patch)), outcome)
            }
            None => {
                let before = self.record(&key)?;
                match before.submit(&rules, &submission, at, self.limits.window)? {
                    Applied::Duplicate => {
                        let state = before.live.is_some().then_some(State::Whole(before));
                        return Ok(Judged { key, rules, state, outcome: Outcome::Duplicate });
                    }
                    Applied::Changed(record, outcome) => (State::Whole(Arc::new(record)), outcome),
                }
            }
        };
        self.file(at.stamp, Change::Submit { key: RowKey::clone(&key), submission });
        self.hold(&key, &state);
        Ok(Judged { key, rules, state: Some(state), outcome })
    }

    /// Where a living player stands, if that is known without reading a record.
    fn standing(&self, open: &Open, key: &HashedKey) -> Option<Standing> {
        match self.batch.rows.get(key).or_else(|| self.sealed.rows.get(key)) {
            Some(state) => state.standing(&open.row.leaderboard.rules),
            None => open.order.as_ref()?.read(|index| index.standing(&key.player)),
        }
    }

    /// The order of the board's present season, if it is ranked already.
    fn order(&mut self, row: &BoardRow) -> Option<&Arc<Board>> {
        let version = row.leaderboard.version;
        match self.orders.entry(row.number) {
            Place::Occupied(there) if there.get().0 == version => Some(&there.into_mut().1),
            entry => {
                let board = self.ranks.board(&Season { leaderboard: row.id.clone(), version })?;
                Some(&entry.insert_entry((version, board)).into_mut().1)
            }
        }
    }

    /// Notes in the batch what became of a record.
    fn hold(&mut self, key: &HashedKey, state: &State) {
        match self.batch.rows.get_mut(key) {
            Some(there) => there.then(state.clone()),
            None => {
                self.batch.rows.insert(key.clone(), state.clone());
            }
        }
    }

    /// Deletes what a player has on the present season; `None` if there is nothing.
    pub fn delete(&mut self, id: &LeaderboardId, player: &PlayerId) -> Result<Option<Judged>, BoardError> {
        let row = self.board(id).ok_or(BoardError::NotFound)?;
        let version = row.leaderboard.version;
        let key = HashedKey::from(RowKey { board: row.number, version, player: player.clone() });
        let rules = row.leaderboard.rules;
        let before = self.record(&key)?;
        let at = self.next_moment()?;
        let Some(record) = before.delete(at).map(Arc::new) else { return Ok(None) };
        self.file(at.stamp, Change::Delete { key: RowKey::clone(&key) });
        let state = State::Whole(record);
        self.hold(&key, &state);
        Ok(Some(Judged { key, rules, state: Some(state), outcome: Outcome::Unchanged }))
    }

    /// Creates a board.
    pub fn create(&mut self, id: &LeaderboardId, rules: Rules) -> Result<BoardRow, BoardError> {
        if self.board(id).is_some() {
            return Err(BoardError::AlreadyExists);
        }
        let new = self.sealed.boards.keys().chain(self.batch.boards.keys());
        let new: HashSet<_> = new.filter(|id| !self.boards.contains_key(*id)).collect();
        let count = self.boards.len() + new.len();
        if count >= self.limits.leaderboards {
            return Err(BoardError::TooMany(format!(
                "there are {count} leaderboards already, the limit is --max-leaderboards {}",
                self.limits.leaderboards
            )));
        }
        let number = BoardNumber::try_from(count + 1)
            .map_err(|_| BoardError::TooMany("no board number is left".into()))?;
        let at = self.next_moment()?;
        let leaderboard = Leaderboard::new(rules, at.stamp);
        let row = BoardRow { number, id: id.clone(), leaderboard, sequence: at.position.sequence };
        self.file(at.stamp, Change::Create { id: id.clone(), rules });
        self.batch.boards.insert(id.clone(), row.clone());
        Ok(row)
    }

    /// Opens a board's next season.
    pub fn reset(&mut self, id: &LeaderboardId, expected: Option<VersionId>) -> Result<BoardRow, BoardError> {
        let row = self.board(id).ok_or(BoardError::NotFound)?.clone();
        let at = self.next_moment()?;
        let leaderboard = row.leaderboard.reset(expected, at.stamp).map_err(|refused| match refused {
            ResetRefused::Conflict { present, .. } => BoardError::VersionConflict { present },
            ResetRefused::Exhausted => BoardError::TooMany(refused.to_string()),
        })?;
        let row = BoardRow { leaderboard, sequence: at.position.sequence, ..row };
        self.file(at.stamp, Change::Reset { board: row.number });
        self.batch.resets += 1;
        self.batch.boards.insert(id.clone(), row.clone());
        Ok(row)
    }

    /// Applies an entry that the journal had: by the same law, with the stamp it was given then.
    pub fn replay(&mut self, sequence: u64, entry: &JournalEntry) -> Result<Shown, String> {
        let at = Moment { position: Position::new(ERA, sequence), stamp: entry.stamp };
        (self.sequence, self.stamp) = (sequence, self.stamp.max(entry.stamp));
        self.batch.stamp = self.stamp;
        let shown = match &entry.change {
            Change::Create { id, rules } => match self.boards.get(id) {
                Some(row) => Shown::Board(row.clone()),
                None => {
                    let number =
                        BoardNumber::try_from(self.boards.len() + 1).map_err(|error| error.to_string())?;
                    let leaderboard = Leaderboard::new(*rules, entry.stamp);
                    self.keep(BoardRow { number, id: id.clone(), leaderboard, sequence })
                }
            },
            Change::Reset { board } => {
                let row = self.numbered(*board)?.clone();
                if sequence <= row.sequence {
                    return Ok(Shown::Board(row));
                }
                let reset = row.leaderboard.reset(None, entry.stamp).map_err(|error| error.to_string())?;
                self.keep(BoardRow { leaderboard: reset, sequence, ..row })
            }
            Change::Submit { key, submission } => {
                let key = HashedKey::from(key.clone());
                let rules = self.numbered(key.board)?.leaderboard.rules;
                let before = self.record(&key).map_err(|error| error.to_string())?;
                if before.has_seen(at.position) {
                    return Ok(Shown::Row(key, before));
                }
                match before.submit(&rules, submission, at, self.limits.window) {
                    Ok(Applied::Changed(record, _)) => Shown::Row(key, Arc::new(record)),
                    // It was accepted when it was written, so it must be now.
                    other => return Err(format!("sequence {sequence} is not accepted again: {other:?}")),
                }
            }
            Change::Delete { key } => {
                let key = HashedKey::from(key.clone());
                let before = self.record(&key).map_err(|error| error.to_string())?;
                if before.has_seen(at.position) {
                    return Ok(Shown::Row(key, before));
                }
                let record =
                    before.delete(at).ok_or_else(|| format!("sequence {sequence} deletes nothing"))?;
                Shown::Row(key, Arc::new(record))
            }
        };
        Ok(shown)
    }

    fn keep(&mut self, row: BoardRow) -> Shown {
        self.names.insert(row.number, row.id.clone());
        self.boards.insert(row.id.clone(), row.clone());
        Shown::Board(row)
    }

    /// The name of a board by its number.
    pub fn name(&self, number: BoardNumber) -> Option<&LeaderboardId> {
        self.names.get(&number)
    }

    /// A board as accepted.
    pub fn board_named(&self, id: &LeaderboardId) -> Option<&BoardRow> {
        self.boards.get(id)
    }

    fn numbered(&self, number: BoardNumber) -> Result<&BoardRow, String> {
        let row = self.names.get(&number).and_then(|id| self.boards.get(id));
        row.ok_or_else(|| format!("leaderboard number {number} is not known"))
    }

    fn board(&self, id: &LeaderboardId) -> Option<&BoardRow> {
        let newer = self.batch.boards.get(id).or_else(|| self.sealed.boards.get(id));
        newer.or_else(|| self.boards.get(id))
    }

    /// The record as the batches in hand have it; one of a player unknown to this season brings only a window.
    fn record(&self, key: &HashedKey) -> Result<Arc<Record>, BoardError> {
        let (newest, newer) = (self.batch.rows.get(key), self.sealed.rows.get(key));
        if let Some(State::Whole(record)) = newest {
            return Ok(Arc::clone(record));
        }
        let layers = self.store.peek(key).under(newest.cloned(), newer.cloned());
        if let Some(record) = self.store.complete(key, &layers).map_err(|error| unreadable(&error))? {
            return Ok(record);
        }
        let window = if key.version > 1 { self.inherited(key)? } else { Default::default() };
        Ok(Arc::new(Record::unborn(window)))
    }

    fn inherited(&self, key: &HashedKey) -> Result<hiscore_score::Window, BoardError> {
        // A season that ended within these very batches is not in the store yet.
        for version in (1..key.version).rev().take(self.sealed.resets + self.batch.resets) {
            let earlier = HashedKey::from(RowKey { version, ..RowKey::clone(key) });
            if self.batch.rows.contains_key(&earlier) || self.sealed.rows.contains_key(&earlier) {
                return Ok(self.record(&earlier)?.window.clone());
            }
        }
        self.store.inherited_window(key).map_err(|error| unreadable(&error))
    }

    fn next_moment(&self) -> Result<Moment, BoardError> {
        let stamp = self.batch.stamp.next(unix_ms()).ok_or_else(|| {
            BoardError::Trouble(Trouble::Unavailable(
                "the clock is beyond the last stamp there is (2094)".into(),
            ))
        })?;
        let sequence = self.sequence + self.sealed.count + self.batch.count + 1;
        Ok(Moment { position: Position::new(ERA, sequence), stamp })
    }

    fn file(&mut self, stamp: Stamp, change: Change) {
        self.batch.stamp = stamp;
        self.batch.count += 1;
        self.batch.entries.push(JournalEntry { stamp, change });
    }
}
