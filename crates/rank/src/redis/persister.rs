//! The funnel's side: who holds a shard, what of it is dirty, and what the store has.
//!
//! Every call here goes by a connection that submissions do not use, so neither waits for the other.

use std::collections::BTreeMap;
use std::time::Duration;

use hiscore_score::{RecordKey, Stamp};
use redis::{Cmd, Value};

use super::RedisRanks;
use super::answer::{Fields, fields, other_format};
use super::calls::{
    BoardMark, BoardState, CallError, Claim, Confirmed, Deployment, LogLook, Look, Persisted, Trade,
};
use super::codec::{Garbled, Mark, mark_of_row, take_board, take_mark, take_record};

/// Entries in one call: how long others wait for it.
const CHUNK: usize = 500;

impl RedisRanks {
    /// Calls a function on the connection for persisters.
    pub(super) async fn ask(
        &self,
        function: &str,
        shard: u16,
        put: impl FnOnce(&mut Cmd),
    ) -> Result<Fields, CallError> {
        let mut command = self.hub.command(function, shard, false);
        put(&mut command);
        fields(self.hub.control(shard, command).await?, shard)
    }

    /// Whether states are in the store, each by its key and the sequence that it had in this era. In the order asked.
    pub async fn persisted(
        &self,
        shard: u16,
        era: u32,
        asked: &[(RecordKey, u64)],
    ) -> Result<Vec<Persisted>, CallError> {
        let mut all = Vec::with_capacity(asked.len());
        for chunk in asked.chunks(CHUNK) {
            let mut fields = self
                .ask("persisted", shard, |command| {
                    command.arg(era);
                    for (key, sequence) in chunk {
                        command.arg(mark_of_row(key)).arg(*sequence);
                    }
                })
                .await?;
            for _ in chunk {
                all.push(match fields.signed()? {
                    1 => Persisted::Yes,
                    0 => Persisted::NotYet,
                    _ => Persisted::Unknown,
                });
            }
        }
        Ok(all)
    }

    /// A look at shards, whether or not they are open; pipelined, the answers in the order asked.
    pub async fn look(&self, shards: &[u16]) -> Vec<Result<Look, CallError>> {
        let mut looks: Vec<Result<Look, CallError>> = Vec::with_capacity(shards.len());
        let mut of_node: BTreeMap<String, (Vec<usize>, _)> = BTreeMap::new();
        for (at, shard) in shards.iter().enumerate() {
            // Overwritten by the answer.
            looks.push(Err(CallError::Unavailable("not asked".into())));
            match self.hub.node_of(*shard) {
                Ok(node) => {
                    of_node.entry(node.control.host.to_string()).or_insert((Vec::new(), node)).0.push(at);
                }
                Err(trouble) => looks[at] = Err(trouble.into()),
            }
        }
        for (places, node) in of_node.into_values() {
            let commands = places.iter().map(|at| self.hub.command("look", shards[*at], true)).collect();
            let answers =
                node.control.call(commands, None, &self.hub.library, self.hub.options.timeout).await;
            let answers = match answers {
                Ok(answers) => answers,
                Err(trouble) => vec![Err(self.hub.notice(trouble)); places.len()],
            };
            for (at, answer) in places.into_iter().zip(answers) {
                let answer = answer.map_err(|trouble| CallError::from(self.hub.notice(trouble)));
                looks[at] = answer.and_then(|value| take_look(value, shards[at])).map(|(look, _)| look);
            }
        }
        looks
    }

    /// Says that one of this trade is alive for `ttl` by Redis's clock. How many are, this one included.
    pub async fn enlist(&self, trade: Trade, holder: &str, ttl: Duration) -> Result<usize, CallError> {
        let mut fields = self
            .ask("enlist", 0, |command| {
                command.arg(holder).arg(millis(ttl)).arg(trade.letter());
            })
            .await?;
        Ok(fields.number()?)
    }

    /// Takes this one out of the living.
    pub async fn retire(&self, trade: Trade, holder: &str) -> Result<(), CallError> {
        let put = |command: &mut Cmd| {
            command.arg(holder).arg("").arg(trade.letter());
        };
        self.ask("enlist", 0, put).await.map(|_| ())
    }

    /// Takes the lease of a shard if it is free or has expired, or renews it; `false` if another has it.
    pub async fn lease(
        &self,
        trade: Trade,
        shard: u16,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, CallError> {
        let mut fields = self
            .ask("lease", shard, |command| {
                command.arg(holder).arg(millis(ttl)).arg(trade.letter());
            })
            .await?;
        Ok(fields.signed()? == 1)
    }

    /// Has the persister of a shard know that somebody waits for the store.
    pub async fn wake(&self, shard: u16) -> Result<(), CallError> {
        self.ask("wake", shard, |_| ()).await.map(|_| ())
    }

    /// Gives the lease back, if it is held; whoever wants it may have it at once.
    pub async fn release(&self, trade: Trade, shard: u16, holder: &str) -> Result<(), CallError> {
        let put = |command: &mut Cmd| {
            command.arg(holder).arg(trade.letter());
        };
        self.ask("release", shard, put).await.map(|_| ())
    }

    /// Moves what is dirty into flight: what changed first, at most `most_rows` entries and about `most_bytes` (but at least
    /// one). What was in flight is dirty again before that, with the lower of both first sequences. Renews the lease and takes
    /// note of who waits. `None`: nothing is dirty, and the store knows where in the log the shard is.
    pub async fn claim(
        &self,
        shard: u16,
        holder: &str,
        ttl: Duration,
        most_rows: usize,
        most_bytes: usize,
    ) -> Result<Option<Claim>, CallError> {
        let fields = self
            .ask("claim", shard, |command| {
                command
                    .arg(holder)
                    .arg(millis(ttl))
                    .arg(most_rows.clamp(1, 1 << 20))
                    .arg(most_bytes.min(1 << 40));
            })
            .await?;
        Ok(take_claim(fields, self.hub.options.window)?)
    }

    /// Lets go of what the store confirmed: only what is still in flight with exactly that first sequence, and only if the
    /// shard's last claim is this one; else [`CallError::LeaseLost`]. The watermark is kept, and never goes back.
    pub async fn clear(
        &self,
        shard: u16,
        holder: &str,
        epoch: u32,
        confirmed: Confirmed<'_>,
    ) -> Result<(), CallError> {
        let rows = confirmed.rows.iter().map(|(first, key)| (*first, mark_of_row(key)));
        let boards = confirmed.boards.iter().map(|(first, mark)| (*first, mark.0.clone()));
        let marks: Vec<(u64, Vec<u8>)> = rows.chain(boards).collect();
        let chunks = marks.len().div_ceil(CHUNK).max(1);
        for number in 0..chunks {
            // The watermark comes with the last: it is about all of them.
            let watermark = if number + 1 == chunks { confirmed.watermark } else { 0 };
            self.ask("clear", shard, |command| {
                command.arg(holder).arg(epoch).arg(confirmed.claim).arg(watermark);
                for (first, mark) in marks.iter().skip(number * CHUNK).take(CHUNK) {
                    command.arg(*first).arg(mark);
                }
            })
            .await?;
        }
        Ok(())
    }

    /// A step of making dirty every record and board whose position's sequence is above `above`, since the store went back to
    /// that: call it with the cursor that it gave, until that is `None`. Works on a fenced shard, too. The kept watermark, and
    /// the number of the last claim that was stored, are lowered at the end (to `above` and `stored`), so that whoever takes
    /// over from a holder who broke off finds the difference again.
    pub async fn mark_above(
        &self,
        shard: u16,
        holder: &str,
        above: u64,
        stored: u64,
        cursor: Option<String>,
    ) -> Result<Option<String>, CallError> {
        let mut fields = self
            .ask("mark_above", shard, |command| {
                command.arg(holder).arg(above).arg(cursor.unwrap_or_default()).arg(stored);
            })
            .await?;
        Ok(Some(fields.text()?).filter(|cursor| !cursor.is_empty()))
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(1 << 40)
}

fn stamp(raw: u64) -> Result<Stamp, Garbled> {
    Stamp::from_raw(raw).ok_or(Garbled("a stamp is beyond 53 bits"))
}

/// A claim; `None` if there is nothing in it. `window` is the length of windows.
pub(super) fn take_claim(mut fields: Fields, window: usize) -> Result<Option<Claim>, Garbled> {
    let mut claim = Claim {
        epoch: fields.number()?,
        persisted: fields.number()?,
        watermark: fields.number()?,
        stamp: stamp(fields.number()?)?,
        more: fields.signed()? == 1,
        number: fields.number()?,
        stored: fields.number()?,
        ..Claim::default()
    };
    claim.place = take_place(&fields.text()?, &fields.text()?)?;
    while !fields.is_empty() {
        let first = fields.number()?;
        let (mark, packed) = (fields.bytes()?, fields.bytes()?);
        match take_mark(&mark)? {
            Mark::Row(key) => {
                claim.rows.push((first, key, take_record(&packed, window)?));
            }
            Mark::Board(id) => {
                let (leaderboard, position) = take_board(&packed)?;
                claim.boards.push((first, BoardMark(mark), BoardState { id, leaderboard, position }));
            }
        }
    }
    let is_news = claim.place.is_some() && claim.watermark > claim.persisted;
    Ok((is_news || !claim.rows.is_empty() || !claim.boards.is_empty()).then_some(claim))
}

/// A look, and the replication id.
pub(super) fn take_look(value: Value, shard: u16) -> Result<(Look, String), CallError> {
    let mut fields = fields(value, shard)?;
    let format = fields.text()?;
    if format != "1" {
        return Err(other_format(&format));
    }
    let (open, epoch) = (fields.signed()? == 1, fields.number()?);
    let (sequence, persisted) = (fields.number()?, fields.number()?);
    let (dirty, in_flight) = (fields.number()?, fields.number()?);
    let oldest = u64::try_from(fields.signed()?).ok();
    let (now_unix_ms, wake) = (fields.number()?, fields.signed()? == 1);
    let holder = Some(fields.text()?).filter(|holder| !holder.is_empty());
    let id = fields.text()?;
    let (shards, window) = (fields.number()?, fields.number()?);
    let deployment = (!id.is_empty()).then_some(Deployment { id, shards, window });
    let memory = (fields.number()?, fields.number()?);
    let policy = fields.text()?;
    let replication = fields.text()?;
    let applier = Some(fields.text()?).filter(|applier| !applier.is_empty());
    let log = take_log(&mut fields)?;
    let (stored, pruned, loading) = (fields.number()?, fields.number()?, fields.signed()? == 1);
    let look = Look {
        open,
        epoch,
        sequence,
        persisted,
        stored,
        pruned,
        loading,
        dirty,
        in_flight,
        oldest,
        now_unix_ms,
        wake,
        holder,
        deployment,
        memory,
        evicts: !policy.is_empty() && policy != "noeviction",
        applier,
        log,
    };
    Ok((look, replication))
}

fn take_log(fields: &mut Fields) -> Result<Option<LogLook>, Garbled> {
    let (name, era, applied) = (fields.text()?, fields.number()?, fields.signed()?);
    let (bytes, warming, place) = (fields.number()?, fields.signed()? == 1, fields.text()?);
    let persisted = offset_and_bytes(&place)?;
    let applied = u64::try_from(applied).ok();
    Ok((!name.is_empty()).then_some(LogLook { name, era, applied, bytes, persisted, warming }))
}

/// A checkpoint: "offset:bytes"; empty: none.
fn offset_and_bytes(text: &str) -> Result<Option<(u64, u64)>, Garbled> {
    if text.is_empty() {
        return Ok(None);
    }
    let parts =
        text.split_once(':').and_then(|(offset, bytes)| Some((offset.parse().ok()?, bytes.parse().ok()?)));
    parts.map(Some).ok_or(Garbled("a place in the log is not readable"))
}

fn take_place(checkpoint: &str, after: &str) -> Result<Option<(u64, Stamp)>, Garbled> {
    let Some((offset, _)) = offset_and_bytes(checkpoint)? else { return Ok(None) };
    let after = after.parse().map_err(|_| Garbled("a stamp is no number"))?;
    Ok(Some((offset, stamp(after)?)))
}

impl Trade {
    fn letter(self) -> &'static str {
        match self {
            Self::Persist => "p",
            Self::Apply => "a",
        }
    }
}
