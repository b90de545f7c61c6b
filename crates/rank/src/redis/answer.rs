//! Reading what the functions answer: a status, then fields.

use redis::Value;

use super::calls::{CallError, ReadError};
use super::codec::Garbled;
use super::connect::Trouble;

impl From<Garbled> for CallError {
    fn from(garbled: Garbled) -> Self {
        Self::Invalid(garbled.to_string())
    }
}

impl From<Garbled> for ReadError {
    fn from(garbled: Garbled) -> Self {
        Self::Unavailable(garbled.to_string())
    }
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(CallError::from(trouble).to_string())
    }
}

/// The fields of an answer, one after the other.
#[derive(Debug)]
pub(super) struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    pub(super) fn of(value: Value) -> Result<Self, Garbled> {
        match value {
            Value::Array(fields) => Ok(Self(fields.into_iter())),
            _ => Err(Garbled("an answer is no list")),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Garbled> {
        match self.0.next() {
            Some(Value::BulkString(bytes)) => Ok(bytes),
            _ => Err(Garbled("an answer lacks a text")),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Garbled> {
        String::from_utf8(self.bytes()?).map_err(|_| Garbled("a text is no UTF-8"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Garbled> {
        match self.0.next() {
            Some(Value::Int(number)) => Ok(number),
            _ => Err(Garbled("an answer lacks a number")),
        }
    }

    /// A number, which must fit.
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Garbled> {
        T::try_from(self.signed()?).map_err(|_| Garbled("a number in an answer is out of range"))
    }
}

/// The fields behind an `OK`, or what the other statuses mean.
pub(super) fn fields(value: Value, shard: u16) -> Result<Fields, CallError> {
    let mut fields = Fields::of(value)?;
    match fields.bytes()?.as_slice() {
        b"OK" => Ok(fields),
        b"FENCED" => Err(CallError::Fenced { shard }),
        b"LEASE" => Err(CallError::LeaseLost { shard }),
        b"REPLICA" => Err(CallError::Unavailable(
            "this Redis is no primary any more, or its Cluster is moving the shard to another".into(),
        )),
        b"BEHIND" => Err(CallError::Behind { shard, applied: u64::try_from(fields.signed()?).ok() }),
        b"NOLOG" => Err(CallError::OtherLog { shard, name: fields.text()? }),
        b"NOBOARD" => {
            Err(CallError::Invalid("a record was to be installed on an unknown leaderboard".into()))
        }
        b"DEPLOYMENT" => {
            let (id, shards, window) = (fields.text()?, fields.text()?, fields.text()?);
            Err(CallError::Invalid(format!(
                "this Redis belongs to another deployment ({id}, {shards} shards, window {window})"
            )))
        }
        b"FORMAT" => Err(other_format(&fields.text()?)),
        _ => Err(Garbled("an unknown status").into()),
    }
}

pub(super) fn other_format(format: &str) -> CallError {
    CallError::Invalid(format!("shard data in Redis has format {format}, and this version reads format 1"))
}
