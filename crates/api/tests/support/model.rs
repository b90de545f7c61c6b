//! The stages behind the API as simply as they can be: the law of a record over maps, and sorting for every read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use hiscore_api::service::*;
use hiscore_score::{
    Applied, Leaderboard, LeaderboardId, Moment, OrderKey, Outcome, PlayerId, Position, Record, Rules, Stamp,
    VersionId,
};
use parking_lot::Mutex;
use tokio::sync::watch;

#[derive(Default)]
struct BoardState {
    leaderboard: Option<Leaderboard>,
    seasons: BTreeMap<VersionId, HashMap<PlayerId, Record>>,
}

#[derive(Default)]
struct State {
    boards: BTreeMap<LeaderboardId, BoardState>,
    stamp: Stamp,
    sequence: u64,
    /// What the next calls of `submit` fail with.
    failures: VecDeque<Trouble>,
    /// Whoever submits for this player, or asks for its rank, makes the model panic.
    bomb: Option<String>,
    /// What submissions of these players fail with.
    player_failures: HashMap<String, Trouble>,
    submits: Vec<(usize, Wanted)>,
    reads: u64,
    /// The last change of each board that was followed, shared by all who follow it.
    shown: HashMap<LeaderboardId, (u64, Arc<Change>)>,
    /// What all who follow a board are told instead of it.
    live_trouble: Option<Trouble>,
}

/// The model. Clones share their state.
#[derive(Clone)]
pub struct Model {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
    rank_state: RankState,
}

impl Default for Model {
    fn default() -> Self {
        Self { state: Arc::default(), changed: Arc::new(watch::Sender::new(0)), rank_state: RankState::Exact }
    }
}

impl Model {
    /// As new, for whoever cannot build a server for every case.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
        self.changed.send_replace(0);
    }

    pub fn warming() -> Self {
        Self { rank_state: RankState::Warming, ..Self::default() }
    }

    pub fn fail_next(&self, trouble: Trouble) {
        self.state.lock().failures.push_back(trouble);
    }

    pub fn fail_player(&self, player: &str, trouble: Trouble) {
        self.state.lock().player_failures.insert(player.to_owned(), trouble);
    }

    /// Ends what is live, now and from now on, or no more.
    pub fn trouble_live(&self, trouble: Option<Trouble>) {
        self.state.lock().live_trouble = trouble;
        self.touch();
    }

    pub fn set_bomb(&self, player: &str) {
        self.state.lock().bomb = Some(player.to_owned());
    }

    fn explode(&self, player: &PlayerId) {
        let bomb = self.state.lock().bomb.clone();
        assert!(bomb.as_deref() != Some(player.as_str()), "a defect, on purpose");
    }

    /// How many entries each call of `submit` had, and what was wanted of it.
    pub fn submits(&self) -> Vec<(usize, Wanted)> {
        self.state.lock().submits.clone()
    }

    /// Everything it holds, to be compared with another's.
    pub fn contents(&self) -> String {
        let state = self.state.lock();
        let mut text = format!("{:?} {} {:?}\n", state.stamp, state.sequence, state.submits);
        for (id, board) in &state.boards {
            for (version, season) in &board.seasons {
                let season: BTreeMap<_, _> = season.iter().collect();
                text += &format!("{id} {version} {:?} {season:?}\n", board.leaderboard);
            }
        }
        text
    }

    /// How many calls there were that read or changed anything.
    pub fn calls(&self) -> u64 {
        let state = self.state.lock();
        state.reads + state.sequence + state.submits.len() as u64
    }

    fn touch(&self) {
        self.changed.send_modify(|revision| *revision += 1);
    }
}

impl State {
    fn moment(&mut self) -> Moment {
        self.stamp = self.stamp.next(1_735_689_600_000 + 86_400_000).unwrap();
        self.sequence += 1;
        Moment { position: Position::new(1, self.sequence), stamp: self.stamp }
    }

    fn board(&self, id: &LeaderboardId) -> Result<&BoardState, BoardError> {
        self.boards.get(id).ok_or(BoardError::NotFound)
    }
}

impl BoardState {
    fn leaderboard(&self) -> Leaderboard {
        self.leaderboard.unwrap()
    }

    fn season(&self, version: Option<VersionId>) -> Result<(VersionId, Vec<Row>), BoardError> {
        let version = version.unwrap_or(self.leaderboard().version);
        let season = self.seasons.get(&version).ok_or(BoardError::NotFound)?;
        let rules = self.leaderboard().rules;
        let mut rows: Vec<(OrderKey, Row)> = season
            .iter()
            .filter_map(|(player, record)| {
                let live = record.live.clone()?;
                let key = OrderKey { standing: live.standing(&rules), player: player.clone() };
                Some((key, Row::new(player.clone(), None, live, record.updated)))
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let rows = rows.into_iter().enumerate();
        Ok((version, rows.map(|(at, (_, row))| Row { rank: Some(at as u64 + 1), ..row }).collect()))
    }
}

impl Model {
    fn shown(&self, id: &LeaderboardId, board: &BoardState) -> Board {
        Board {
            id: id.clone(),
            leaderboard: board.leaderboard(),
            total: board.season(None).unwrap().1.len() as u64,
            state: self.rank_state,
            revision: self.changed.borrow().to_string(),
        }
    }

    fn rows_of(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        columns: Columns,
    ) -> Result<(VersionId, Rules, Vec<Row>), BoardError> {
        let mut state = self.state.lock();
        state.reads += 1;
        let board = state.board(id)?;
        let (version, mut rows) = board.season(version)?;
        if self.rank_state == RankState::Warming {
            rows.iter_mut().for_each(|row| row.rank = None);
        }
        // Whoever asks for too little gets no more.
        if columns == Columns::Scores {
            rows.iter_mut().for_each(|row| row.details = None);
        }
        Ok((version, board.leaderboard().rules, rows))
    }
}

fn page(version: VersionId, rules: Rules, rows: &[Row], from: usize, to: usize) -> Page {
    let (from, to) = (from.min(rows.len()), to.min(rows.len()));
    let total = Total::Known(rows.len() as u64);
    Page {
        version,
        rules,
        rows: rows[from..to].to_vec(),
        has_previous: from > 0,
        has_next: to < rows.len(),
        total,
    }
}

#[async_trait]
impl Service for Model {
    async fn submit(
        &self,
        leaderboard: &LeaderboardId,
        entries: Vec<Entry>,
        wanted: Wanted,
    ) -> Result<Vec<Result<Accepted, Rejected>>, BoardError> {
        entries.iter().for_each(|entry| self.explode(&entry.player));
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.submits.push((entries.len(), wanted));
        if let Some(trouble) = state.failures.pop_front() {
            return Err(trouble.into());
        }
        state.board(leaderboard)?;
        let mut results = Vec::new();
        for Entry { player, submission } in entries {
            if let Some(trouble) = state.player_failures.get(player.as_str()) {
                results.push(Err(trouble.clone().into()));
                continue;
            }
            let at = state.moment();
            let board = state.boards.get_mut(leaderboard).unwrap();
            let rank = |board: &BoardState| {
                let (_, rows) = board.season(None).unwrap();
                rows.into_iter().find(|row| row.player == player)
            };
            let before = if wanted.previous_rank { rank(board).and_then(|row| row.rank) } else { None };
            let Leaderboard { rules, version, .. } = board.leaderboard();
            let season = board.seasons.get_mut(&version).unwrap();
            let unborn = Record::unborn(Default::default());
            let outcome = match season.get(&player).unwrap_or(&unborn).submit(&rules, &submission, at, 32) {
                Ok(Applied::Changed(record, outcome)) => {
                    season.insert(player.clone(), record);
                    outcome
                }
                Ok(Applied::Duplicate) => Outcome::Duplicate,
                Err(refusal) => {
                    results.push(Err(refusal.into()));
                    continue;
                }
            };
            let mut record = if wanted.record { rank(board) } else { None };
            if !wanted.rank || self.rank_state == RankState::Warming {
                record.iter_mut().for_each(|row| row.rank = None);
            }
            let ack = wanted.ack.unwrap_or(Ack::Persisted);
            results.push(Ok(Accepted {
                outcome: Some(outcome),
                version,
                record,
                previous_rank: before,
                ack,
            }));
        }
        drop(guard);
        self.touch();
        Ok(results)
    }

    async fn create(&self, id: &LeaderboardId, rules: Rules) -> Result<Board, BoardError> {
        let mut state = self.state.lock();
        let at = state.moment();
        if state.boards.contains_key(id) {
            return Err(BoardError::AlreadyExists);
        }
        let mut board =
            BoardState { leaderboard: Some(Leaderboard::new(rules, at.stamp)), ..Default::default() };
        board.seasons.insert(1, HashMap::new());
        let shown = self.shown(id, &board);
        state.boards.insert(id.clone(), board);
        Ok(shown)
    }

    async fn reset(&self, id: &LeaderboardId, expected: Option<VersionId>) -> Result<Board, BoardError> {
        let shown = {
            let mut state = self.state.lock();
            let at = state.moment();
            let board = state.boards.get_mut(id).ok_or(BoardError::NotFound)?;
            let present = board.leaderboard();
            let next = present
                .reset(expected, at.stamp)
                .map_err(|_| BoardError::VersionConflict { present: present.version })?;
            board.leaderboard = Some(next);
            board.seasons.insert(next.version, HashMap::new());
            self.shown(id, board)
        };
        self.touch();
        Ok(shown)
    }

    async fn delete(&self, id: &LeaderboardId, player: &PlayerId) -> Result<bool, BoardError> {
        let deleted = {
            let mut state = self.state.lock();
            let at = state.moment();
            let board = state.boards.get_mut(id).ok_or(BoardError::NotFound)?;
            let version = board.leaderboard().version;
            let season = board.seasons.get_mut(&version).unwrap();
            match season.get(player).and_then(|record| record.delete(at)) {
                Some(tombstone) => {
                    season.insert(player.clone(), tombstone);
                    true
                }
                None => false,
            }
        };
        self.touch();
        Ok(deleted)
    }

    async fn leaderboard(&self, id: &LeaderboardId) -> Result<Option<Board>, Trouble> {
        let mut state = self.state.lock();
        state.reads += 1;
        Ok(state.boards.get(id).map(|board| self.shown(id, board)))
    }

    async fn leaderboards(
        &self,
        after: Option<&LeaderboardId>,
        first: usize,
    ) -> Result<(Vec<Board>, bool), Trouble> {
        let state = self.state.lock();
        let mut boards: Vec<Board> = state
            .boards
            .iter()
            .filter(|(id, _)| after.is_none_or(|after| *id > after))
            .take(first + 1)
            .map(|(id, board)| self.shown(id, board))
            .collect();
        let more = boards.len() > first;
        boards.truncate(first);
        Ok((boards, more))
    }

    async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        start: Start,
        first: usize,
        columns: Columns,
    ) -> Result<Page, BoardError> {
        let (version, rules, rows) = self.rows_of(id, version, columns)?;
        let from = match start {
            Start::Top => 0,
            Start::Rank(rank) => rank as usize - 1,
            Start::After(key) => rows.partition_point(|row| {
                OrderKey { standing: row.standing(&rules), player: row.player.clone() } <= key
            }),
        };
        Ok(page(version, rules, &rows, from, from + first))
    }

    async fn around(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        player: &PlayerId,
        range: usize,
        columns: Columns,
    ) -> Result<Page, BoardError> {
        let (version, rules, rows) = self.rows_of(id, version, columns)?;
        Ok(match rows.iter().position(|row| row.player == *player) {
            Some(at) => page(version, rules, &rows, at.saturating_sub(range), at + range + 1),
            None => page(version, rules, &rows, 0, 0),
        })
    }

    async fn rows(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        players: &[PlayerId],
        columns: Columns,
    ) -> Result<Page, BoardError> {
        let (version, rules, rows) = self.rows_of(id, version, columns)?;
        let asked = players.iter().filter_map(|player| rows.iter().find(|row| row.player == *player));
        let total = Total::Known(rows.len() as u64);
        let rows = asked.cloned().collect();
        Ok(Page { version, rules, rows, has_previous: false, has_next: false, total })
    }

    async fn changes(&self, id: &LeaderboardId, _first: usize) -> Result<Changes, BoardError> {
        self.state.lock().board(id)?;
        let (model, id) = (self.clone(), id.clone());
        let present = move || model.change(&id);
        Ok(self.after_each_change(present).boxed())
    }

    async fn rank_changes(
        &self,
        id: &LeaderboardId,
        player: &PlayerId,
        columns: Columns,
    ) -> Result<RankChanges, BoardError> {
        self.state.lock().board(id)?;
        let (model, id, player) = (self.clone(), id.clone(), player.clone());
        let present = move || {
            model.explode(&player);
            if let Some(trouble) = model.state.lock().live_trouble.clone() {
                return Err(trouble);
            }
            let (version, _, rows) =
                model.rows_of(&id, None, columns).map_err(|e| Trouble::Internal(e.to_string()))?;
            Ok(rows.into_iter().find(|row| row.player == player).map(|row| (version, row)))
        };
        Ok(self.after_each_change(present).boxed())
    }
}

impl Model {
    fn change(&self, id: &LeaderboardId) -> Result<Arc<Change>, Trouble> {
        let revision = *self.changed.borrow();
        let state = self.state.lock();
        if let Some(trouble) = &state.live_trouble {
            return Err(trouble.clone());
        }
        if let Some((of, change)) = state.shown.get(id)
            && *of == revision
        {
            return Ok(Arc::clone(change));
        }
        drop(state);
        let (version, _, mut rows) =
            self.rows_of(id, None, Columns::All).map_err(|e| Trouble::Internal(e.to_string()))?;
        let total = rows.len() as u64;
        rows.truncate(100);
        let state = self.rank_state;
        let change = Arc::new(Change { version, revision: revision.to_string(), state, total, rows });
        self.state.lock().shown.insert(id.clone(), (revision, Arc::clone(&change)));
        Ok(change)
    }

    fn after_each_change<T, F: Fn() -> T>(&self, present: F) -> impl stream::Stream<Item = T> + use<T, F> {
        let mut changed = self.changed.subscribe();
        changed.mark_changed();
        stream::unfold((changed, present), |(mut changed, present)| async move {
            changed.changed().await.ok()?;
            let shown = present();
            Some((shown, (changed, present)))
        })
    }
}

/// A health whose one check can be turned.
#[derive(Clone)]
pub struct Switch(pub Arc<std::sync::atomic::AtomicBool>);

impl Default for Switch {
    fn default() -> Self {
        Self(Arc::new(true.into()))
    }
}

impl Health for Switch {
    fn checks(&self) -> Vec<Check> {
        let ok = self.0.load(std::sync::atomic::Ordering::Relaxed);
        vec![Check { name: "model", ok, detail: "a model in memory".to_owned() }]
    }
}
