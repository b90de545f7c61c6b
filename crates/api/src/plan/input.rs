//! Variables straight from JSON into what the port takes, and nothing but what the full path surely takes too.
//!
//! Stricter than need be: a number for an id, a name given twice or a single entry for a list are allowed by GraphQL, and
//! are left to the full path all the same.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use hiscore_score::{LeaderboardId, PlayerId, Score, Submission, SubmissionId};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::schema::metadata;
use crate::schema::scalar::Json;
use crate::service::{Ack, Entry};

/// The input of `submitScore`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Single {
    leaderboard_id: Text<LeaderboardId>,
    player_id: Text<PlayerId>,
    score: Whole,
    subscore: Option<Whole>,
    metadata: Option<async_graphql::Value>,
    submission_id: Option<Text<SubmissionId>>,
    ack: Option<Text<Ack>>,
}

/// The input of `submitScores`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Bulk {
    leaderboard_id: Text<LeaderboardId>,
    submissions: Vec<Object<One>>,
    ack: Option<Text<Ack>>,
}

/// One entry of a bulk.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct One {
    player_id: Text<PlayerId>,
    score: Whole,
    subscore: Option<Whole>,
    metadata: Option<async_graphql::Value>,
    submission_id: Option<Text<SubmissionId>>,
}

/// What is submitted where, and to which level it is waited for.
type Read = (LeaderboardId, Vec<Entry>, Option<Ack>);

impl Single {
    pub(super) fn submission(self) -> Option<Read> {
        let Self { leaderboard_id, player_id, score, subscore, metadata, submission_id, ack } = self;
        let one = One { player_id, score, subscore, metadata, submission_id };
        Some((leaderboard_id.0, vec![one.entry()?], ack.map(|ack| ack.0)))
    }
}

impl Bulk {
    pub(super) fn submission(self) -> Option<Read> {
        let entries = self.submissions.into_iter().map(|one| one.0.entry()).collect::<Option<Vec<_>>>()?;
        let some = !entries.is_empty();
        some.then(|| (self.leaderboard_id.0, entries, self.ack.map(|ack| ack.0)))
    }
}

impl One {
    fn entry(self) -> Option<Entry> {
        let metadata = metadata(self.metadata.map(Json)).ok()?;
        let subscore = self.subscore.map_or(Score::ZERO, |subscore| subscore.0);
        let key = self.submission_id.map(|id| id.0);
        let submission = Submission::new(self.score.0, subscore, metadata, key.as_ref());
        Some(Entry { player: self.player_id.0, submission })
    }
}

/// A value that is no list and no object, and no number but an integer.
#[derive(Debug)]
pub(super) enum Plain<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    /// Neither.
    Other,
}

impl<'de> Deserialize<'de> for Plain<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Value;

        impl<'de> Visitor<'de> for Value {
            type Value = Plain<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a plain value")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Plain<'de>, E> {
                Ok(Plain::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Plain<'de>, E> {
                Ok(Plain::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Plain<'de>, E> {
                Ok(Plain::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Plain<'de>, E> {
                i64::try_from(number).map(Plain::Number).map_err(E::custom)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Plain<'de>, E> {
                Ok(Plain::Other)
            }

            fn visit_unit<E: Error>(self) -> Result<Plain<'de>, E> {
                Ok(Plain::Other)
            }
        }

        from.deserialize_any(Value)
    }
}

/// The values of the variables with these names, as far as they are there; `None` if there is one among all that is not plain,
/// or one of these is there twice.
pub(super) fn scalars<'de>(body: &'de [u8], names: &[String]) -> Option<Vec<Option<Plain<'de>>>> {
    let mut json = serde_json::Deserializer::from_slice(body);
    Variables(Scalars(names)).deserialize(&mut json).ok()?
}

/// The value of the variable `name`, the only one that there is in `body`.
pub(super) fn variable<'de, T: Deserialize<'de>>(body: &'de [u8], name: &str) -> Option<T> {
    let mut json = serde_json::Deserializer::from_slice(body);
    // What follows the object was looked at in the first pass.
    Variables(Only { name, of: PhantomData }).deserialize(&mut json).ok()?
}

/// The body, of which only the variables are looked at, in this way.
struct Variables<S>(S);

/// An object with the one member `name`.
struct Only<'a, T> {
    name: &'a str,
    of: PhantomData<T>,
}

/// An object with members of these names, and perhaps more.
struct Scalars<'a>(&'a [String]);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Variables<S> {
    /// `None`: there are none.
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Variables<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut seed, mut value) = (Some(self.0), None);
        while let Some(here) = map.next_key_seed(Is("variables"))? {
            match seed.take_if(|_| here) {
                Some(seed) => value = Some(map.next_value_seed(seed)?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Scalars<'_> {
    type Value = Vec<Option<Plain<'de>>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Scalars<'_> {
    type Value = Vec<Option<Plain<'de>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("variables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values: Self::Value = self.0.iter().map(|_| None).collect();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let value = map.next_value::<Plain<'de>>()?;
            let place = self.0.iter().position(|known| *known == name);
            if let Some(place) = place.and_then(|at| values.get_mut(at))
                && place.replace(value).is_some()
            {
                return Err(A::Error::custom("a variable is there twice"));
            }
        }
        Ok(values)
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Only<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one variable")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        if map.next_key_seed(Is(self.name))? != Some(true) {
            return Err(A::Error::custom("another variable"));
        }
        let Object(value) = map.next_value()?;
        match map.next_key_seed(Is(self.name))? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom("one variable more")),
        }
    }
}

/// Whether a text is this one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}

/// A structure from an object only: what is derived would take an array too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        from.deserialize_map(Members(PhantomData))
    }
}

/// What a string may say.
pub(super) trait Word: Sized {
    fn of(text: &str) -> Option<Self>;
}

impl Word for LeaderboardId {
    fn of(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Word for PlayerId {
    fn of(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Word for SubmissionId {
    fn of(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Word for Ack {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "RANKED" => Self::Ranked,
            "REPLICATED" => Self::Replicated,
            "LOGGED" => Self::Logged,
            "PERSISTED" => Self::Persisted,
            _ => return None,
        })
    }
}

/// A string that says such a thing.
struct Text<T>(T);

impl<'de, T: Word> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Says<T>(PhantomData<T>);

        impl<T: Word> Visitor<'_> for Says<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string within the rules")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                T::of(text).map(Text).ok_or_else(|| E::custom("against the rules"))
            }
        }

        from.deserialize_str(Says(PhantomData))
    }
}

/// A score: an integer in range, and no number that only looks like one.
struct Whole(Score);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Integer;

        impl Visitor<'_> for Integer {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a score")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Whole, E> {
                Score::new(value).map(Whole).map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
                self.visit_i64(i64::try_from(value).map_err(E::custom)?)
            }
        }

        from.deserialize_i64(Integer)
    }
}
