//! What the law makes of the log of one shard: the same as the ranking tier's function, from the pure law, in this process.
//!
//! Of a log that is whole, and that the deployment was played through from its beginning, the fold gives every record
//! exactly: stamps are given by the time in the entries alone. Else some of what there is comes from before what can be read:
//!
//! - a board that was created in what is read is known with everything on it;
//! - a record that the store has from before and that nothing in the log changed is known: the law must leave it alone;
//! - of a record that came from before and was changed since, the state before the change is gone: all that can be told is
//!   whether the store's position is that of a submission in the log, and no older than the last that surely counted.
//!
//! It is assumed that the clock of the first entry is past all stamps that were given before it.

use std::collections::{BTreeMap, HashMap};

use hiscore_log::entry::Work;
use hiscore_score::window::Seen;
use hiscore_score::{
    Applied, Leaderboard, LeaderboardId, Moment, Operator, PlayerId, Position, Record, RecordKey, Rules,
    Season, Stamp, Submission, Window,
};
use hiscore_store::contract::StoredBoard;

/// What the store has of a shard: what the fold is compared with, and what is known of the time before the log.
#[derive(Debug, Default)]
pub(super) struct StoredShard {
    pub(super) boards: BTreeMap<LeaderboardId, StoredBoard>,
    pub(super) records: HashMap<RecordKey, Record>,
}

/// What is known of a board.
#[derive(Debug, Clone, Copy)]
pub(super) struct Board {
    /// As it is; `None`: it is older than what is read, and the season that it was at then is not known.
    pub(super) known: Option<(Leaderboard, Position)>,
    /// Whether it was created in what is read.
    pub(super) is_new: bool,
}

/// What is known of a record.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// All of it.
    Known(Box<Record>),
    /// It was changed, and what it was before is gone.
    Vague {
        /// The last submission that surely changed it.
        sure: u64,
        /// Whether the position that the store has is that of a submission on it.
        met: bool,
    },
}

/// The fold of one shard's log, as far as it was read.
pub(super) struct Fold<'a> {
    stored: &'a StoredShard,
    era: u32,
    window: usize,
    /// The last stamp that was taken.
    pub(super) stamp: Stamp,
    /// The first stamp that what is read took; `None`: nothing was read yet.
    first: Option<Stamp>,
    pub(super) boards: HashMap<LeaderboardId, Board>,
    pub(super) records: HashMap<RecordKey, State>,
    /// Works that were read.
    pub(super) works: u64,
}

impl<'a> Fold<'a> {
    /// Nothing is read yet. `era` is that of all positions that come from this log.
    pub(super) fn new(stored: &'a StoredShard, era: u32, window: usize) -> Self {
        let before = |position: Position| (position.era < era).then_some(position.sequence);
        let boards = stored.boards.values().filter_map(|board| before(board.position));
        let records = stored.records.values().filter_map(|record| before(record.position));
        let stamp = boards.chain(records).max().and_then(Stamp::from_raw).unwrap_or_default();
        Self {
            stored,
            era,
            window,
            stamp,
            first: None,
            boards: HashMap::new(),
            records: HashMap::new(),
            works: 0,
        }
    }

    /// Judges the works of an entry.
    pub(super) fn entry(&mut self, time_ms: u64, works: &[Work]) {
        for work in works {
            self.works += 1;
            // When all stamps are used up everything is refused.
            let Some(first) = self.stamp.next(time_ms) else { continue };
            if self.first.is_none() {
                self.first = Some(first);
            }
            // One that may create a board has two stamps, whether it does or not.
            let last = match work {
                Work::Submit { auto_create: true, .. } => first.next(0).unwrap_or(Stamp::LAST),
                _ => first,
            };
            self.stamp = last;
            self.work(work, first, last);
        }
    }

    fn work(&mut self, work: &Work, first: Stamp, last: Stamp) {
        let board = self.board(work.board());
        match (work, board) {
            (Work::Create { board, rules }, None) => self.create(board, *rules, first),
            (Work::Reset { board, expected }, Some(there)) => self.reset(board, there, *expected, last),
            (Work::Delete { board, player }, Some(there)) => self.delete(board, there, player, last),
            (Work::Submit { board, player, submission, .. }, Some(there)) => {
                self.submit(board, there, player, submission, last);
            }
            (Work::Submit { board, player, submission, auto_create: true }, None) => {
                // Only a submission that is taken creates a board.
                let is_new = |key| Window::default().look_up(key) == Seen::New;
                if submission.key.as_ref().is_none_or(is_new) {
                    self.create(board, Rules::default(), first);
                    if let Some(there) = self.boards.get(board).copied() {
                        self.submit(board, there, player, submission, last);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether what has this position came from before what is read.
    pub(super) fn is_older(&self, position: Position) -> bool {
        position.era < self.era || self.first.is_none_or(|first| position.sequence < first.raw())
    }

    /// The board as it is now; `None`: there is none (yet).
    fn board(&mut self, id: &LeaderboardId) -> Option<Board> {
        if let Some(board) = self.boards.get(id) {
            return Some(*board);
        }
        let stored = self.stored.boards.get(id)?;
        if self.first.is_some_and(|first| stored.leaderboard.created >= first) {
            // It is created further down.
            return None;
        }
        let known = self.is_older(stored.position).then_some((stored.leaderboard, stored.position));
        let board = Board { known, is_new: false };
        self.boards.insert(id.clone(), board);
        Some(board)
    }

    fn at(&self, stamp: Stamp) -> Moment {
        Moment { position: Position::new(self.era, stamp.raw()), stamp }
    }

    fn create(&mut self, id: &LeaderboardId, rules: Rules, stamp: Stamp) {
        let known = Some((Leaderboard::new(rules, stamp), self.at(stamp).position));
        self.boards.insert(id.clone(), Board { known, is_new: true });
    }

    fn reset(&mut self, id: &LeaderboardId, there: Board, expected: Option<u32>, stamp: Stamp) {
        let known = match there.known {
            Some((leaderboard, _)) => match leaderboard.reset(expected, stamp) {
                Ok(next) => (next, self.at(stamp).position),
                Err(_) => return,
            },
            // The store tells which of them opened the present season.
            None => match self.stored.boards.get(id) {
                Some(stored) if stored.leaderboard.opened == stamp => (stored.leaderboard, stored.position),
                _ => return,
            },
        };
        self.boards.insert(id.clone(), Board { known: Some(known), ..there });
    }

    fn delete(&mut self, id: &LeaderboardId, there: Board, player: &PlayerId, stamp: Stamp) {
        let Some((leaderboard, _)) = there.known else { return };
        let key = key(id, &leaderboard, player);
        let at = self.at(stamp);
        match self.state(&key, there) {
            State::Known(record) => {
                if let Some(record) = record.delete(at) {
                    self.records.insert(key, State::Known(Box::new(record)));
                }
            }
            State::Vague { sure, met } => self.vague(key, (sure, met), stamp, false),
        }
    }

    fn submit(
        &mut self,
        id: &LeaderboardId,
        there: Board,
        player: &PlayerId,
        submission: &Submission,
        stamp: Stamp,
    ) {
        let Some((leaderboard, _)) = there.known else { return };
        let key = key(id, &leaderboard, player);
        let at = self.at(stamp);
        match self.state(&key, there) {
            State::Known(record) => {
                let judged = record.submit(&leaderboard.rules, submission, at, self.window);
                if let Ok(Applied::Changed(record, _)) = judged {
                    self.records.insert(key, State::Known(Box::new(record)));
                }
            }
            State::Vague { sure, met } => {
                // Any other may be a duplicate, or leave the range.
                let counts = submission.key.is_none() && leaderboard.rules.operator != Operator::Increment;
                self.vague(key, (sure, met), stamp, counts);
            }
        }
    }

    fn vague(&mut self, key: RecordKey, (sure, met): (u64, bool), stamp: Stamp, counts: bool) {
        let here = self.at(stamp).position;
        let met = met || self.stored.records.get(&key).is_some_and(|stored| stored.position == here);
        let sure = if counts { stamp.raw() } else { sure };
        self.records.insert(key, State::Vague { sure, met });
    }

    /// A record before the next work on it.
    fn state(&self, key: &RecordKey, board: Board) -> State {
        if let Some(state) = self.records.get(key) {
            return state.clone();
        }
        let vague = State::Vague { sure: 0, met: false };
        let stored = |key: &RecordKey| self.stored.records.get(key).filter(|_| !board.is_new);
        match stored(key) {
            Some(stored) if self.is_older(stored.position) => return State::Known(Box::new(stored.clone())),
            Some(_) => return vague,
            None => {}
        }
        // Whoever comes into a season brings the window of the last one before.
        for version in (1..key.season.version).rev() {
            let season = Season { version, ..key.season.clone() };
            let earlier = RecordKey { season, player: key.player.clone() };
            let window = match (self.records.get(&earlier), stored(&earlier)) {
                (Some(State::Known(record)), _) => record.window.clone(),
                (None, Some(stored)) if self.is_older(stored.position) => stored.window.clone(),
                (None, None) => continue,
                _ => return vague,
            };
            return State::Known(Box::new(Record::unborn(window)));
        }
        State::Known(Box::new(Record::unborn(Window::default())))
    }
}

fn key(id: &LeaderboardId, leaderboard: &Leaderboard, player: &PlayerId) -> RecordKey {
    let season = Season { leaderboard: id.clone(), version: leaderboard.version };
    RecordKey { season, player: player.clone() }
}
