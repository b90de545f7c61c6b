//! The sequencer: judges requests by the books, hands them to the journal, shows what is durable, and only then answers.
//!
//! If a sync fails, what was judged on top of it fails with it. Readers see nothing that a crash could take back, since ranks
//! move after the sync.

use std::sync::Arc;

use hiscore_api::service::{Accepted, Ack, BoardError, Rejected, Row, Trouble, Wanted};
use hiscore_rank::{Board, Index, MemoryRanks};
use hiscore_score::{Outcome, Season};
use hiscore_store::AppendError;
use hiscore_store::embedded::{BoardRow, Embedded, State};

use super::books::{Books, LOOK_AHEAD};
use super::judged::Judged;
use super::queue::{Answer, Appended, Request, SubmitRequest, Work};
use super::syncer::Syncer;
use crate::metrics::CommitMetrics;
use crate::scoreboard::directory::Directory;

/// Rows shown under one lock of a board: readers wait no longer than that takes.
const ROWS_A_LOCK: usize = 64;

/// Judges and shows: everything but the sync in between.
pub(super) struct Sequencer<'a> {
    pub(super) store: &'a Embedded,
    pub(super) books: &'a mut Books,
    pub(super) ranks: &'a MemoryRanks,
    pub(super) directory: &'a Directory,
    pub(super) metrics: &'a CommitMetrics,
}

/// A request that was judged, waiting for the sync.
pub(super) enum Pending {
    Submit { answer: Answer<super::queue::SubmitAnswer>, judged: SubmitJudged, wanted: Wanted },
    Board { answer: Answer<Result<(), BoardError>>, done: Result<BoardRow, BoardError> },
    Delete { answer: Answer<Result<bool, BoardError>>, done: Result<Option<Judged>, BoardError> },
}

/// What is judged together, and then synced together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) pending: Vec<Pending>,
    /// How many submissions that are.
    pub(super) weight: usize,
}

type SubmitJudged = Result<Vec<Result<Judged, Rejected>>, BoardError>;

impl Sequencer<'_> {
    /// Judges what was taken, behind what else is in `batch`.
    pub(super) fn judge_all(&mut self, requests: &mut Vec<Request>, batch: &mut Batch) {
        let mut requests = requests.drain(..);
        while let [first, ..] = requests.as_slice() {
            let mut weight = first.weight();
            let fits = |request: &&Request| {
                weight += request.weight();
                weight <= LOOK_AHEAD
            };
            let many = 1 + requests.as_slice()[1..].iter().take_while(fits).count();
            self.look_ahead(&requests.as_slice()[..many]);
            for request in requests.by_ref().take(many) {
                batch.weight += request.weight();
                batch.pending.push(self.judge(request));
            }
        }
    }

    /// Has the journal take what was judged, if anything was.
    pub(super) fn begin(&mut self, batch: Batch, syncer: &Syncer) -> Option<Batch> {
        if batch.pending.is_empty() {
            return None;
        }
        syncer.begin(self.books.seal());
        Some(batch)
    }

    /// Appends it here and now, shows it and answers; leaves nothing to be synced.
    pub(super) fn sync(&mut self, batch: Batch, syncer: &Syncer) -> Option<Batch> {
        let appended = syncer.append(&self.books.seal());
        self.end(batch, appended, Batch::default(), syncer)
    }

    /// The journal has `batch`, or not: has it take `next`, which was judged on top of it, and shows the batch meanwhile.
    /// Returns what is being synced then.
    pub(super) fn end(
        &mut self,
        batch: Batch,
        appended: Appended,
        next: Batch,
        syncer: &Syncer,
    ) -> Option<Batch> {
        match appended.result {
            Ok(()) => {
                self.metrics.committed(appended.entries, appended.took);
                let end = self.books.accept();
                let next = self.begin(next, syncer);
                self.show(batch.pending, end);
                next
            }
            Err(error) => {
                self.failed(error, appended.entries, batch.pending, next.pending);
                None
            }
        }
    }

    pub(super) fn failed(
        &mut self,
        error: AppendError,
        entries: usize,
        batch: Vec<Pending>,
        next: Vec<Pending>,
    ) {
        self.metrics.failed();
        tracing::warn!(%error, entries, "a batch was not committed");
        self.books.discard();
        // What was judged on top of it was never written.
        let on_top = Trouble::Unavailable(format!("what came right before could not be committed: {error}"));
        let trouble = match error {
            AppendError::Refused(why) => Trouble::Unavailable(why),
            AppendError::Ambiguous(why) => Trouble::Ambiguous(why),
        };
        // What was judged on top of a failed batch fails with it: a refusal too, since its reason may be gone.
        batch.into_iter().for_each(|pending| pending.fail(&trouble));
        next.into_iter().for_each(|pending| pending.fail(&on_top));
    }

    /// Looks for all players of these at once, those of requests to one board that follow each other together. Of one that
    /// has more than are looked for at once, only the first.
    fn look_ahead(&mut self, requests: &[Request]) {
        let submits = requests.iter().filter_map(|request| match &request.work {
            Work::Submit(submit) => Some(submit),
            _ => None,
        });
        let submits: Vec<&SubmitRequest> = submits.collect();
        for same in submits.chunk_by(|a, b| a.id == b.id) {
            let entries = same.iter().flat_map(|submit| &submit.entries).take(LOOK_AHEAD);
            self.books.fetch(&same[0].id, entries.map(|entry| &entry.player));
        }
    }

    pub(super) fn judge(&mut self, request: Request) -> Pending {
        match request.work {
            Work::Submit(SubmitRequest { id, entries, wanted, answer }) => {
                let judged = self.books.submit(&id, entries, wanted.record && wanted.details);
                Pending::Submit { answer, judged, wanted }
            }
            Work::Create { id, rules, answer } => {
                Pending::Board { answer, done: self.books.create(&id, rules) }
            }
            Work::Reset { id, expected, answer } => {
                Pending::Board { answer, done: self.books.reset(&id, expected) }
            }
            Work::Delete { id, player, answer } => {
                Pending::Delete { answer, done: self.books.delete(&id, &player) }
            }
        }
    }

    /// Shows what is durable now, in order, and answers.
    pub(super) fn show(&mut self, pending: Vec<Pending>, (sequence, stamp): (u64, hiscore_score::Stamp)) {
        let mut answers = Vec::with_capacity(pending.len());
        for one in pending {
            answers.push(match one {
                Pending::Submit { answer, judged, wanted } => {
                    let results = judged.map(|judged| self.show_rows(judged, wanted, sequence));
                    self.metrics.submitted(results.as_ref().map_or(&[], Vec::as_slice));
                    Told::Submit(answer, results)
                }
                Pending::Board { answer, done } => Told::Board(answer, done.map(|row| self.show_board(row))),
                Pending::Delete { answer, done } => {
                    let done = done.map(|judged| match judged {
                        None => false,
                        Some(judged) => {
                            self.show_rows(vec![Ok(judged)], Wanted::default(), sequence);
                            true
                        }
                    });
                    Told::Delete(answer, done)
                }
            });
        }
        self.store.publish().up_to(sequence, stamp);
        answers.into_iter().for_each(Told::tell);
    }

    fn show_board(&self, row: BoardRow) {
        let season = Season { leaderboard: row.id.clone(), version: row.leaderboard.version };
        self.ranks.create(&season);
        self.store.publish().board(row.clone());
        self.directory.put(row);
    }

    fn show_rows(
        &self,
        judged: Vec<Result<Judged, Rejected>>,
        wanted: Wanted,
        sequence: u64,
    ) -> Vec<Result<Accepted, Rejected>> {
        let mut results = Vec::with_capacity(judged.len());
        let mut left = judged.into_iter();
        while let Some(first) = left.as_slice().first() {
            let Ok(first) = first else {
                results.extend(left.next().and_then(Result::err).map(Err));
                continue;
            };
            let same =
                |next: &&Result<Judged, Rejected>| next.as_ref().is_ok_and(|next| next.is_beside(first));
            let many = left.as_slice().iter().take(ROWS_A_LOCK).take_while(same).count();
            let mut rows = left.as_slice().iter().take(many).flatten();
            let board = rows.any(|judged| judged.needs_order(wanted)).then(|| self.board_of(first));
            let mut show = |mut index: Option<&mut Index>| {
                let mut publish = self.store.publish();
                if many > 1 {
                    publish.fetch(left.as_slice().iter().take(many).flatten().map(|judged| &judged.key));
                }
                let rows = left.by_ref().take(many);
                let mut show =
                    |judged| show_row(index.as_deref_mut(), &mut publish, judged, wanted, sequence);
                results.extend(rows.map(|judged| judged.map(&mut show)));
            };
            match board {
                Some(board) => board.update(|index| show(Some(index))),
                // Readers of the order need not wait for what leaves it as it is.
                None => show(None),
            }
        }
        results
    }

    fn board_of(&self, judged: &Judged) -> Arc<Board> {
        let id = match self.books.name(judged.key.board) {
            Some(id) => id.clone(),
            // Every judged row's board was accepted with the batch, so it has a name.
            None => return Arc::default(),
        };
        let season = Season { leaderboard: id.clone(), version: judged.key.version };
        if let Some(board) = self.ranks.board(&season) {
            return board;
        }
        // Created by the submission itself: show it to the readers too.
        if let Some(row) = self.books.board_named(&id) {
            self.show_board(row.clone());
        }
        self.ranks.create(&season)
    }
}

/// Shows one row; `index` is there if it [needs the order](Judged::needs_order).
fn show_row(
    mut index: Option<&mut Index>,
    publish: &mut hiscore_store::embedded::Publish<'_>,
    judged: Judged,
    wanted: Wanted,
    sequence: u64,
) -> Accepted {
    let Judged { key, rules, state, outcome } = judged;
    let rank = |index: &Option<&mut Index>| index.as_ref().and_then(|index| index.rank(&key.player));
    let previous_rank = if wanted.previous_rank { rank(&index) } else { None };
    if outcome != Outcome::Duplicate
        && let Some(state) = &state
        && let Some(index) = &mut index
    {
        let moved = match state.standing(&rules) {
            None => index.remove(&key.player).is_some(),
            // What stays where it stood need not even be found: most of what is offered to a board of best scores.
            Some(_) if outcome == Outcome::Unchanged => false,
            Some(standing) => index.upsert(&key.player, standing) != Some(standing),
        };
        if moved {
            index.set_revision(sequence);
        }
    }
    let shown = state.as_ref().filter(|_| wanted.record).and_then(|state| {
        let rank = if wanted.rank { rank(&index) } else { None };
        let player = key.player.clone();
        Some(match state {
            State::Whole(record) => Row::new(player, rank, record.live.clone()?, record.updated),
            State::Patched(patch) => Row::placed(player, rank, &patch.standing(&rules), &rules),
        })
    });
    let version = key.version;
    if outcome != Outcome::Duplicate
        && let Some(state) = state
    {
        publish.row(key, state);
    }
    Accepted { outcome: Some(outcome), version, record: shown, previous_rank, ack: Ack::Persisted }
}

/// An answer that is ready.
enum Told {
    Submit(Answer<super::queue::SubmitAnswer>, super::queue::SubmitAnswer),
    Board(Answer<Result<(), BoardError>>, Result<(), BoardError>),
    Delete(Answer<Result<bool, BoardError>>, Result<bool, BoardError>),
}

impl Told {
    /// A send that fails means that nobody waits any more, which changes nothing.
    fn tell(self) {
        match self {
            Self::Submit(answer, result) => drop(answer.send(result)),
            Self::Board(answer, result) => drop(answer.send(result)),
            Self::Delete(answer, result) => drop(answer.send(result)),
        }
    }
}

impl Pending {
    fn fail(self, trouble: &Trouble) {
        let error = BoardError::Trouble(trouble.clone());
        match self {
            Self::Submit { answer, .. } => Told::Submit(answer, Err(error)),
            Self::Board { answer, .. } => Told::Board(answer, Err(error)),
            Self::Delete { answer, .. } => Told::Delete(answer, Err(error)),
        }
        .tell();
    }
}

pub(super) fn refuse(request: Request, trouble: &Trouble) {
    let error = BoardError::Trouble(trouble.clone());
    match request.work {
        Work::Submit(request) => Told::Submit(request.answer, Err(error)),
        Work::Create { answer, .. } | Work::Reset { answer, .. } => Told::Board(answer, Err(error)),
        Work::Delete { answer, .. } => Told::Delete(answer, Err(error)),
    }
    .tell();
}
