//! Reading boards and pages. One call each, so an answer is of one moment.

use std::collections::BTreeMap;

use hiscore_score::{Leaderboard, LeaderboardId, OrderKey, Position, Rules, Season, VersionId};
use redis::{Cmd, Value};

use super::RedisRanks;
use super::answer::Fields;
use super::calls::{BoardView, PageView, ReadError};
use super::codec::{Garbled, Put, leaderboard_id, player_id, take_board, take_record};
use super::connect::Trouble;
use crate::contract::{Answer, Placed, Query, RankError, RankState, Ranking, View};

/// Beyond all rows and ranks that there can be, and exact in Lua, sums included.
const BEYOND: u64 = 1 << 40;

impl RedisRanks {
    /// A board, its present season and how much is in it; `None` if there is no such board.
    pub async fn board(&self, id: &LeaderboardId) -> Result<Option<BoardView>, ReadError> {
        match self.page(id, None, &Query::Count).await {
            Ok(page) => Ok(Some(page.board)),
            Err(ReadError::NoBoard) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every board of a shard, by name. It takes several calls, so boards made meanwhile may be missing.
    pub async fn boards(&self, shard: u16) -> Result<Vec<(LeaderboardId, Leaderboard)>, ReadError> {
        let mut boards = BTreeMap::new();
        let mut cursor = String::from("0");
        loop {
            let mut command = self.hub.command("boards", shard, true);
            command.arg(&cursor);
            let mut fields = self.read_fields(shard, command).await?;
            match fields.bytes()?.as_slice() {
                b"OK" => {}
                _ => return Err(ReadError::Fenced { shard }),
            }
            cursor = fields.text()?;
            for (id, leaderboard, _) in take_boards(fields)? {
                boards.insert(id, leaderboard);
            }
            if cursor == "0" {
                return Ok(boards.into_iter().collect());
            }
        }
    }

    /// Rows of a season of a board, by default the present one, all of one moment. The records come without their windows.
    pub async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        query: &Query,
    ) -> Result<PageView, ReadError> {
        let shard = self.shard_of(id);
        let mut command = self.hub.command("page", shard, true);
        command.arg(id.as_str()).arg(version.unwrap_or(0));
        put_query(&mut command, query);
        take_page(self.read_fields(shard, command).await?, shard, self.hub.options.window)
    }

    /// Reads change nothing, so one that broke is asked once more.
    async fn read_fields(&self, shard: u16, command: Cmd) -> Result<Fields, ReadError> {
        let hub = &self.hub;
        let mut again = true;
        loop {
            let node = hub.node_of(shard)?;
            let answers =
                node.reads.call(vec![command.clone()], None, &hub.library, hub.options.timeout).await;
            let answer = answers.and_then(|mut answers| answers.pop().unwrap_or(Ok(Value::Nil)));
            match answer {
                Ok(value) => return Ok(Fields::of(value)?),
                Err(Trouble::Ambiguous(_) | Trouble::Elsewhere(_)) if again => {
                    hub.kick.notify_one();
                    again = false;
                }
                Err(trouble) => return Err(hub.notice(trouble).into()),
            }
        }
    }
}

impl Ranking for RedisRanks {
    fn read<'a>(&'a self, season: &'a Season, query: Query) -> Answer<'a> {
        Box::pin(async move {
            match self.page(&season.leaderboard, Some(season.version), &query).await {
                Ok(page) => Ok(View {
                    total: page.board.total,
                    revision: page.board.revision,
                    state: if page.board.warming { RankState::Warming } else { RankState::Exact },
                    rows: page.rows.into_iter().map(|(placed, _)| placed).collect(),
                }),
                Err(ReadError::NoBoard | ReadError::NoSeason(_)) => Err(RankError::NotFound),
                Err(error @ (ReadError::Fenced { .. } | ReadError::Unavailable(_))) => {
                    Err(RankError::Unavailable(error.to_string()))
                }
            }
        })
    }
}

/// The boards of a step, to the end of the answer.
pub(super) fn take_boards(
    mut fields: Fields,
) -> Result<Vec<(LeaderboardId, Leaderboard, Position)>, Garbled> {
    let mut boards = Vec::new();
    while !fields.is_empty() {
        let id = leaderboard_id(&fields.bytes()?)?;
        let (leaderboard, position) = take_board(&fields.bytes()?)?;
        boards.push((id, leaderboard, position));
    }
    Ok(boards)
}

/// The rows of a page, or why there are none. `window` is the length of windows.
pub(super) fn take_page(mut fields: Fields, shard: u16, window: usize) -> Result<PageView, ReadError> {
    match fields.bytes()?.as_slice() {
        b"OK" => {}
        b"NOBOARD" => return Err(ReadError::NoBoard),
        b"NOSEASON" => return Err(ReadError::NoSeason(take_board(&fields.bytes()?)?.0)),
        _ => return Err(ReadError::Fenced { shard }),
    }
    let (leaderboard, _) = take_board(&fields.bytes()?)?;
    let version = fields.number()?;
    let (total, revision) = (fields.number()?, fields.number()?);
    let board = BoardView { leaderboard, total, revision, warming: fields.signed()? == 1 };
    let mut rows = Vec::new();
    while !fields.is_empty() {
        let rank = fields.number()?;
        let player = player_id(&fields.bytes()?)?;
        let record = take_record(&fields.bytes()?, window)?;
        let live = record.live.as_ref().ok_or(Garbled("a tombstone is in the order"))?;
        let standing = live.standing(&leaderboard.rules);
        rows.push((Placed { rank, player, standing }, record));
    }
    Ok(PageView { board, version, rows })
}

fn put_query(command: &mut Cmd, query: &Query) {
    let count = |count: &usize| u64::try_from(*count).unwrap_or(BEYOND).min(BEYOND);
    match query {
        Query::Count => command.arg("C"),
        Query::FromRank { rank, limit } => command.arg("F").arg((*rank).clamp(1, BEYOND)).arg(count(limit)),
        Query::After { key, limit } => put_place(command.arg("A"), key).arg(count(limit)),
        Query::Before { key, limit } => put_place(command.arg("B"), key).arg(count(limit)),
        Query::Around { player, range } => command.arg("R").arg(player.as_str()).arg(count(range)),
        Query::Players(players) => {
            command.arg("P");
            players.iter().fold(command, |command, player| command.arg(player.as_str()))
        }
    };
}

/// A place as the sorted set has it: the directed score, and the member that would stand there.
fn put_place<'a>(command: &'a mut Cmd, key: &OrderKey) -> &'a mut Cmd {
    // A standing is directed. Under the default rules both directions are turned around, so turning them again is exact,
    // whatever the board's own rules are.
    let rules = Rules::default();
    let first = -key.standing.score(&rules).get();
    let second = -key.standing.subscore(&rules).get();
    let (mut score, mut member) = (Put::default(), Put::default());
    score.i56(first);
    member.u8((second >= 0).into()).i56(second).u56(key.standing.reached().raw());
    member.bytes(key.player.as_str().as_bytes());
    command.arg(score.0).arg(member.0)
}
