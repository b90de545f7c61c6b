//! The law side by side with the functions: the same works done by `hiscore-score` itself, with the stamps that Redis gave.

use std::collections::BTreeMap;

use hiscore_rank::Query;
use hiscore_rank::redis::{Done, ReadError, RedisRanks, Refused, Request, Submitted, Work};
use hiscore_score::leaderboard::ResetRefused;
use hiscore_score::{
    Applied, Leaderboard, LeaderboardId, Moment, OrderKey, Outcome, PlayerId, Position, Record, RecordKey,
    Refusal, Rules, Season, Stamp, Submission, VersionId, Window,
};

/// What there should be.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) boards: BTreeMap<LeaderboardId, (Leaderboard, Position)>,
    pub(crate) records: BTreeMap<RecordKey, Record>,
    /// What is dirty, with its first sequence.
    pub(crate) dirty: BTreeMap<RecordKey, u64>,
    pub(crate) revisions: BTreeMap<Season, u64>,
    pub(crate) last: u64,
    pub(crate) window: usize,
}

impl Model {
    /// Does a work, and checks what Redis said of it.
    pub(crate) fn check(&mut self, request: &Request, work: &Work, result: &Result<Done, Refused>) {
        let id = &request.board;
        match (work, result) {
            (Work::Create { rules }, Ok(Done::Board(leaderboard, position))) => {
                assert!(!self.boards.contains_key(id));
                let at = self.moment(*position);
                assert_eq!(*leaderboard, Leaderboard::new(*rules, at.stamp));
                self.boards.insert(id.clone(), (*leaderboard, *position));
                self.revisions.insert(season(id, 1), 0);
            }
            (Work::Create { .. }, result) => {
                assert!(
                    matches!(result, Err(Refused::AlreadyExists)) && self.boards.contains_key(id),
                    "{result:?}"
                );
            }
            (Work::Reset { expected }, result) => self.reset(id, *expected, result),
            (Work::Delete { player }, result) => self.delete(id, player, result),
            (Work::Submit { player, submission }, result) => self.submit(request, player, submission, result),
        }
    }

    /// A position that was given now: above all before.
    fn moment(&mut self, position: Position) -> Moment {
        assert!(position.sequence > self.last, "{position:?} comes after {}", self.last);
        self.last = position.sequence;
        Moment { position, stamp: Stamp::from_raw(position.sequence).unwrap() }
    }

    fn reset(&mut self, id: &LeaderboardId, expected: Option<VersionId>, result: &Result<Done, Refused>) {
        let Some((before, _)) = self.boards.get(id).copied() else {
            return assert!(matches!(result, Err(Refused::NotFound)), "{result:?}");
        };
        let before = match result {
            Ok(Done::Board(told, _)) if before.created == Stamp::ZERO => {
                Leaderboard { created: told.created, ..before }
            }
            _ => before,
        };
        match (before.reset(expected, Stamp::LAST), result) {
            (Ok(_), Ok(Done::Board(leaderboard, position))) => {
                let at = self.moment(*position);
                assert_eq!(before.reset(expected, at.stamp), Ok(*leaderboard));
                self.boards.insert(id.clone(), (*leaderboard, *position));
                self.revisions.insert(season(id, leaderboard.version), 0);
            }
            (Err(ResetRefused::Conflict { present, .. }), Err(Refused::VersionConflict(told))) => {
                assert_eq!(present, *told);
            }
            other => panic!("{other:?}"),
        }
    }

    fn delete(&mut self, id: &LeaderboardId, player: &PlayerId, result: &Result<Done, Refused>) {
        let Some((board, _)) = self.boards.get(id).copied() else {
            return assert!(matches!(result, Err(Refused::NotFound)), "{result:?}");
        };
        let key = key(id, board.version, player);
        match result {
            Ok(Done::Deleted(None)) => {
                assert!(self.records.get(&key).is_none_or(|record| record.live.is_none()));
            }
            Ok(Done::Deleted(Some(position))) => {
                let at = self.moment(*position);
                let record = self.records[&key].delete(at).unwrap();
                self.revisions.insert(key.season.clone(), position.sequence);
                self.file(key, record);
            }
            other => panic!("{other:?}"),
        }
    }

    fn submit(
        &mut self,
        request: &Request,
        player: &PlayerId,
        submission: &Submission,
        result: &Result<Done, Refused>,
    ) {
        let id = &request.board;
        if request.auto_create && !self.boards.contains_key(id) && result.is_ok() {
            // When that was, its answer does not tell.
            let stamp = Stamp::ZERO;
            self.boards.insert(id.clone(), (Leaderboard::new(Rules::default(), stamp), Position::ZERO));
            self.revisions.insert(season(id, 1), 0);
        }
        let Some((board, _)) = self.boards.get(id).copied() else {
            // An id with the time 0 is expired everywhere, and a refused submission creates no board.
            let expired = submission.key.is_some_and(|key| key.time_ms == Some(0)) && request.auto_create;
            let refused = if expired { Refused::Law(Refusal::Expired) } else { Refused::NotFound };
            return assert_eq!(result.as_ref().err(), Some(&refused));
        };
        let key = key(id, board.version, player);
        let rules = board.rules;
        let (before, earlier) = match self.records.get(&key) {
            Some(record) => (record.clone(), None),
            None => {
                let earlier = self.earlier(&key);
                let window = earlier.as_ref().map_or_else(Window::default, |record| record.window.clone());
                (Record::unborn(window), earlier)
            }
        };
        let previous = self.rank(&key, &rules).filter(|_| request.want_previous_rank);
        let told = match result {
            Ok(Done::Submitted(told)) => told,
            Err(Refused::Law(refusal)) => {
                let nowhere = Moment { position: Position::ZERO, stamp: Stamp::LAST };
                return assert_eq!(before.submit(&rules, submission, nowhere, self.window), Err(*refusal));
            }
            other => panic!("{other:?}"),
        };
        let Submitted { outcome, version, position, record, rank, previous_rank } = told;
        assert_eq!((*version, *previous_rank), (board.version, previous));
        if *outcome == Outcome::Duplicate {
            let nowhere = Moment { position: Position::ZERO, stamp: Stamp::LAST };
            assert_eq!(before.submit(&rules, submission, nowhere, self.window), Ok(Applied::Duplicate));
            // Where it was filed, unless that is in the store alone by now.
            let filed = earlier.map_or(before.position, |record| record.position);
            assert!(*position == filed || (before.position, *position) == (Position::ZERO, Position::ZERO));
        } else {
            let at = self.moment(*position);
            let expected = before.submit(&rules, submission, at, self.window);
            let Ok(Applied::Changed(after, what)) = expected else { panic!("{told:?}, {expected:?}") };
            assert_eq!(what, *outcome);
            if what == Outcome::Improved {
                self.revisions.insert(key.season.clone(), position.sequence);
            }
            self.file(key.clone(), after);
        }
        let present = self.records.get(&key).and_then(|record| Some((record.live.clone()?, record.updated)));
        assert_eq!(*record, present);
        assert_eq!(*rank, self.rank(&key, &rules).filter(|_| request.want_rank));
    }

    fn file(&mut self, key: RecordKey, record: Record) {
        self.dirty.entry(key.clone()).or_insert(record.position.sequence);
        self.records.insert(key, record);
    }

    /// The record of the newest earlier season.
    fn earlier(&self, key: &RecordKey) -> Option<Record> {
        (1..key.season.version).rev().find_map(|version| {
            let mut earlier = key.clone();
            earlier.season.version = version;
            self.records.get(&earlier).cloned()
        })
    }

    fn order(&self, season: &Season, rules: &Rules) -> Vec<OrderKey> {
        let of_season = self.records.iter().filter(|(key, _)| key.season == *season);
        let mut order: Vec<_> = of_season
            .filter_map(|(key, record)| {
                let standing = record.live.as_ref()?.standing(rules);
                Some(OrderKey { standing, player: key.player.clone() })
            })
            .collect();
        order.sort();
        order
    }

    fn rank(&self, key: &RecordKey, rules: &Rules) -> Option<u64> {
        let order = self.order(&key.season, rules);
        order.iter().position(|place| place.player == key.player).map(|at| at as u64 + 1)
    }

    /// Every season that can be read shows what it should.
    pub(crate) async fn check_pages(&mut self, ranks: &RedisRanks) {
        for (id, (board, _)) in &mut self.boards {
            if board.created == Stamp::ZERO {
                // Made by a submission.
                *board = ranks.board(id).await.unwrap().unwrap().leaderboard;
                assert_eq!(
                    *board,
                    Leaderboard {
                        version: board.version,
                        ..Leaderboard::new(Rules::default(), board.created)
                    }
                );
            }
        }
        for (id, (board, _)) in &self.boards {
            for version in 1..=board.version {
                let query = Query::FromRank { rank: 1, limit: usize::MAX };
                let page = match ranks.page(id, Some(version), &query).await {
                    Err(ReadError::NoSeason(told)) if version + 2 <= board.version => {
                        assert_eq!(told, *board);
                        continue;
                    }
                    page => page.unwrap(),
                };
                let season = season(id, version);
                let order = self.order(&season, &board.rules);
                assert_eq!((page.version, page.board.total), (version, order.len() as u64));
                assert_eq!(page.board.revision, self.revisions[&season]);
                assert_eq!(page.board.leaderboard, *board);
                let told: Vec<_> = page.rows.iter().map(|(placed, _)| placed.order_key()).collect();
                assert_eq!(told, order);
                for (at, (placed, record)) in page.rows.iter().enumerate() {
                    assert_eq!(placed.rank, at as u64 + 1);
                    let whole = self.records[&key(id, version, &placed.player)].clone();
                    assert_eq!(*record, Record { window: Window::default(), ..whole });
                }
            }
        }
    }
}

fn season(id: &LeaderboardId, version: VersionId) -> Season {
    Season { leaderboard: id.clone(), version }
}

fn key(id: &LeaderboardId, version: VersionId, player: &PlayerId) -> RecordKey {
    RecordKey { season: season(id, version), player: player.clone() }
}
