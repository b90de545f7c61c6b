//! The reconcile's side: what brings a shard into service that was not looked after under the present Redis.
//!
//! The way through: [`RedisRanks::survey`] puts the fence down, [`RedisRanks::boards_raw`] and [`RedisRanks::peek`] tell what
//! is there, [`RedisRanks::loads`] notes how far the store is, [`RedisRanks::install`] puts in what the store knows better, [`RedisRanks::open`] lifts the fence. All of it needs
//! the lease, and what writes is refused by any other Redis than the one that was surveyed.

use std::collections::BTreeMap;
use std::time::Duration;

use hiscore_score::{Record, RecordKey};
use redis::Cmd;

use super::RedisRanks;
use super::calls::{BoardState, CallError, Install, Opening, Survey};
use super::codec::{mark_of_board, mark_of_row, put_board, put_record, take_record};
use super::persister::{millis, take_look};
use super::reads::take_boards;

/// Records in one call, and about how many bytes of them.
const CHUNK: (usize, usize) = (500, 1 << 20);

/// Seasons of a board that stay in Redis: the present one and the one before. Older ones are pruned once they are in the store.
pub const KEPT_SEASONS: u32 = 2;

impl RedisRanks {
    /// Takes or renews the lease and puts the fence down: nothing of the shard is served until it is opened. A shard that a
    /// Cluster has in two pieces is [`CallError::Unavailable`].
    pub async fn survey(&self, shard: u16, holder: &str, ttl: Duration) -> Result<Survey, CallError> {
        self.is_whole(shard).await?;
        let mut command = self.hub.command("survey", shard, false);
        command.arg(holder).arg(millis(ttl));
        let (look, replication) = take_look(self.hub.control(shard, command).await?, shard)?;
        Ok(Survey { replication, look })
    }

    /// Records as they are, whatever the fence says; in the order asked.
    pub async fn peek(
        &self,
        shard: u16,
        holder: &str,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<Record>>, CallError> {
        let mut records = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(CHUNK.0) {
            let mut fields = self
                .ask("peek", shard, |command| {
                    command.arg(holder);
                    for key in chunk {
                        command.arg(mark_of_row(key));
                    }
                })
                .await?;
            for _ in chunk {
                let packed = fields.bytes()?;
                let record = (!packed.is_empty()).then(|| take_record(&packed, self.hub.options.window));
                records.push(record.transpose()?);
            }
        }
        Ok(records)
    }

    /// The same for whoever only looks, and holds no lease: of no one moment, while something is applied.
    pub async fn inspect(&self, shard: u16, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, CallError> {
        self.peek(shard, "", keys).await
    }

    /// Every board of the shard, by name, whatever the fence says.
    pub async fn boards_raw(&self, shard: u16, holder: &str) -> Result<Vec<BoardState>, CallError> {
        let mut boards = BTreeMap::new();
        let mut cursor = String::from("0");
        loop {
            let put = |command: &mut Cmd| {
                command.arg(holder).arg(&cursor);
            };
            let mut fields = self.ask("boards_raw", shard, put).await?;
            cursor = fields.text()?;
            for (id, leaderboard, position) in take_boards(fields)? {
                boards.insert(id.clone(), BoardState { id, leaderboard, position });
            }
            if cursor == "0" {
                return Ok(boards.into_values().collect());
            }
        }
    }

    /// Notes how far the store is, before anything of it is put in: its watermark, and the number of its last claim. If the
    /// reconcile is broken off and the store goes back before the next, that is seen as if the shard had been open.
    pub async fn loads(
        &self,
        shard: u16,
        holder: &str,
        replication: &str,
        persisted: u64,
        stored: u64,
    ) -> Result<(), CallError> {
        let put = |command: &mut Cmd| {
            command.arg(holder).arg(replication).arg(persisted).arg(stored);
        };
        self.ask("loads", shard, put).await.map(drop)
    }

    /// Puts in boards (each with whether the store lacks it), then rows. Rows of unknown boards are refused, as
    /// [`CallError::Invalid`]. Of a season older than the kept ones (see [`KEPT_SEASONS`]) only the window is kept, for
    /// players of whom nothing newer is here; a dirty row of such a season stays until it is in the store.
    ///
    /// The shard goes on above every stamp and sequence that comes in. On a shard that is open, what has a higher position
    /// than what comes in stays as it is: it was judged since the caller looked. Several calls; any number of times is the
    /// same as once.
    pub async fn install(
        &self,
        shard: u16,
        holder: &str,
        replication: &str,
        rows: &[Install],
        boards: &[(BoardState, bool)],
    ) -> Result<(), CallError> {
        let mut all = boards.iter().map(packed_board).chain(rows.iter().map(packed_row)).peekable();
        while all.peek().is_some() {
            let mut command = self.hub.command("install", shard, false);
            command.arg(holder).arg(replication);
            let (mut count, mut bytes) = (0, 0);
            while count < CHUNK.0
                && bytes < CHUNK.1
                && let Some((dirty, mark, packed)) = all.next()
            {
                count += 1;
                bytes += mark.len() + packed.len();
                command.arg(u8::from(dirty)).arg(mark).arg(packed);
            }
            super::answer::fields(self.hub.control(shard, command).await?, shard)?;
        }
        Ok(())
    }

    /// Gives everything that is dirty a position of its own in a new epoch, which makes it later than whatever an epoch in
    /// between wrote, or will.
    pub async fn lift(
        &self,
        shard: u16,
        holder: &str,
        replication: &str,
        epoch: u32,
    ) -> Result<(), CallError> {
        let mut lifted: u64 = 0;
        loop {
            let put = |command: &mut Cmd| {
                command.arg(holder).arg(replication).arg(epoch).arg(lifted).arg(CHUNK.0);
            };
            match self.ask("lift", shard, put).await?.number()? {
                0u64 => return Ok(()),
                more => lifted += more,
            }
        }
    }

    /// Forgets all of the shard, if this is still the Redis that was surveyed, as if that had been emptied: for a shard whose log
    /// has what neither Redis nor the store have. Survey it again afterwards.
    pub async fn forget(&self, shard: u16, holder: &str, replication: &str) -> Result<(), CallError> {
        let put = |command: &mut Cmd| {
            command.arg(holder).arg(replication);
        };
        self.ask("forget", shard, put).await.map(drop)
    }

    /// Lifts the fence, if this is still the Redis that was surveyed. What is kept of the store and above what that has (the
    /// watermark, the number of a claim) stays, so that the next claim shows that the store went back.
    pub async fn open(&self, shard: u16, holder: &str, opening: Opening) -> Result<(), CallError> {
        let put = |command: &mut Cmd| {
            let Opening { replication, epoch, stamp, persisted, stored, deployment, log } = &opening;
            command.arg(holder).arg(replication).arg(*epoch).arg(stamp.raw()).arg(*persisted);
            command.arg(&deployment.id).arg(deployment.shards).arg(deployment.window).arg(*stored);
            let Some(log) = log else { return };
            command.arg(&log.name).arg(log.era);
            match log.from {
                None => command.arg("").arg(""),
                Some((None, stamp)) => command.arg("-1").arg(stamp.raw()),
                Some((Some(offset), stamp)) => command.arg(offset).arg(stamp.raw()),
            };
        };
        self.ask("open", shard, put).await.map(|_| ())
    }

    /// A step of letting go of seasons that are older than the kept ones and wholly in the store: about `most` records.
    /// `true`: there is more to do.
    pub async fn prune(&self, shard: u16, holder: &str, most: usize) -> Result<bool, CallError> {
        let put = |command: &mut Cmd| {
            command.arg(holder).arg(most.clamp(1, 10_000));
        };
        Ok(self.ask("prune", shard, put).await?.signed()? == 1)
    }
}

// Functions, since a future that holds a closure over references is not known to be `Send`.

fn packed_board((state, dirty): &(BoardState, bool)) -> (bool, Vec<u8>, Vec<u8>) {
    (*dirty, mark_of_board(&state.id), put_board(state))
}

fn packed_row(row: &Install) -> (bool, Vec<u8>, Vec<u8>) {
    (row.dirty, mark_of_row(&row.key), put_record(&row.record))
}
