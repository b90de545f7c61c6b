//! Fields of a stored document, read with their range checked. The text of an error names the field.

use hiscore_score::{Score, Stamp};
use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{RawBsonRef, RawDocument};

/// What was read, or what is wrong with the document.
pub(super) type Read<T> = Result<T, String>;

/// A document to read fields of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub &'a RawDocument);

impl<'a> Fields<'a> {
    pub(super) fn get(self, name: &str) -> Read<Option<RawBsonRef<'a>>> {
        self.0.get(name).map_err(|error| format!("{name}: {error}"))
    }

    pub(super) fn has(self, name: &str) -> Read<bool> {
        Ok(self.get(name)?.is_some())
    }

    fn need(self, name: &str) -> Read<RawBsonRef<'a>> {
        self.get(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// Refuses what a newer hiscore wrote.
    pub(super) fn format(self, known: i32) -> Read<()> {
        match self.i64("format")? {
            format if format <= i64::from(known) => Ok(()),
            format => Err(format!(
                "it is of format {format}, this hiscore knows {known}: run the hiscore that wrote it"
            )),
        }
    }

    /// An integer, as a shell may have left it: a person's edit makes a double of it.
    pub(super) fn i64(self, name: &str) -> Read<i64> {
        const EXACT: f64 = (1u64 << 53) as f64;
        match self.need(name)? {
            RawBsonRef::Int64(value) => Ok(value),
            RawBsonRef::Int32(value) => Ok(value.into()),
            RawBsonRef::Double(value) if value.fract() == 0.0 && value.abs() < EXACT => Ok(value as i64),
            _ => Err(format!("{name} is no integer")),
        }
    }

    pub(super) fn u64(self, name: &str) -> Read<u64> {
        u64::try_from(self.i64(name)?).map_err(|_| format!("{name} is negative"))
    }

    pub(super) fn u32(self, name: &str) -> Read<u32> {
        u32::try_from(self.i64(name)?).map_err(|_| format!("{name} is out of range"))
    }

    pub(super) fn stamp(self, name: &str) -> Read<Stamp> {
        Stamp::from_raw(self.u64(name)?).ok_or_else(|| format!("{name} is no stamp"))
    }

    pub(super) fn score(self, name: &str) -> Read<Score> {
        Score::new(self.i64(name)?).map_err(|error| format!("{name}: {error}"))
    }

    pub(super) fn text(self, name: &str) -> Read<&'a str> {
        self.need(name)?.as_str().ok_or_else(|| format!("{name} is no text"))
    }

    pub(super) fn bytes<const N: usize>(self, name: &str) -> Read<[u8; N]> {
        let binary = self.need(name)?.as_binary().ok_or_else(|| format!("{name} is not binary"))?;
        binary.bytes.try_into().map_err(|_| format!("{name} has not {N} bytes"))
    }

    pub(super) fn object_id(self, name: &str) -> Read<ObjectId> {
        self.need(name)?.as_object_id().ok_or_else(|| format!("{name} is no ObjectId"))
    }

    pub(super) fn sub(self, name: &str) -> Read<Self> {
        self.need(name)?.as_document().map(Self).ok_or_else(|| format!("{name} is no document"))
    }

    /// The documents of an array.
    pub(super) fn documents(self, name: &str) -> Read<impl Iterator<Item = Read<&'a RawDocument>>> {
        let array = self.need(name)?.as_array().ok_or_else(|| format!("{name} is no array"))?;
        let wrong = format!("{name} holds something else than documents");
        Ok(array
            .into_iter()
            .map(move |item| item.ok().and_then(RawBsonRef::as_document).ok_or_else(|| wrong.clone())))
    }
}

/// MongoDB's integers end at 2^63 − 1. Nothing real comes near it, and what does is refused, never wrapped.
pub(super) fn integer(value: u64, what: &str) -> Read<i64> {
    i64::try_from(value).map_err(|_| format!("{what} of {value} is beyond what MongoDB can hold"))
}

/// The wall clock of a stamp.
pub(super) fn date(stamp: Stamp) -> DateTime {
    DateTime::from_millis(stamp.unix_ms().cast_signed())
}
