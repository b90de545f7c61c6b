//! Plain boards and records, for tests in which it does not matter what is in them.

use hiscore_score::{
    Leaderboard, LeaderboardId, Live, PlayerId, Position, Record, RecordKey, Rules, Score, Season, Stamp,
    Window,
};

use crate::contract::StoredBoard;

/// A board of the default rules.
pub fn board(name: &str) -> StoredBoard {
    StoredBoard {
        id: LeaderboardId::new(name).unwrap(),
        leaderboard: Leaderboard::new(Rules::default(), Stamp::from_raw(1).unwrap()),
        position: Position::new(1, 1),
    }
}

/// A record's key.
pub fn key(board: &str, version: u32, player: &str) -> RecordKey {
    let season = Season { leaderboard: LeaderboardId::new(board).unwrap(), version };
    RecordKey { season, player: PlayerId::new(player).unwrap() }
}

/// A living record that was changed at a sequence of epoch 1.
pub fn record(sequence: u64, score: i64) -> Record {
    let stamp = Stamp::from_raw(sequence).unwrap();
    let live = Live {
        score: Score::new(score).unwrap(),
        subscore: Score::ZERO,
        metadata: None,
        num_score: 1,
        created: stamp,
        reached: stamp,
    };
    Record {
        live: Some(live),
        deleted: Stamp::ZERO,
        updated: stamp,
        position: Position::new(1, sequence),
        window: Window::default(),
    }
}
