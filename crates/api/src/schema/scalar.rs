//! The scalars of the schema: scores that are never rounded, times, and JSON.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use hiscore_score::{Metadata, Stamp};

/// A score in the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Score(pub(crate) hiscore_score::Score);

/// The score in a value, or `None` for everything that would have to be rounded or reinterpreted.
///
/// The JSON parser holds `1.0` and `1e3` as floats and anything beyond 64 bits too, so an integer is an integer here.
/// It holds `-0` as a float as well, which is refused with them: it cannot be told from `-0.0`.
pub(crate) fn score_of(number: &Number) -> Option<hiscore_score::Score> {
    number.as_i64().and_then(|value| hiscore_score::Score::new(value).ok())
}

/// An integer within ±(2^53 − 1), exact in JSON and in JavaScript. Others (`1.0`, `1e3`, `"1"`) are refused, never rounded.
#[Scalar(name = "Score")]
impl ScalarType for Score {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => score_of(number)
                .map(Self)
                .ok_or_else(|| InputValueError::custom(hiscore_score::OutOfRange.to_string())),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Number(number) if score_of(number).is_some())
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.get().into())
    }
}

/// A moment, shown from the stamp that the sequencer gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DateTime(pub(crate) Stamp);

/// A moment in UTC as RFC 3339 has it, with milliseconds: `2025-01-31T23:59:59.999Z`.
#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    fn is_valid(_: &Value) -> bool {
        false
    }

    fn to_value(&self) -> Value {
        Value::String(rfc3339(self.0.unix_ms()))
    }
}

/// RFC 3339 of milliseconds since the Unix epoch.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Year, month and day of a day since 1970-01-01. Counts in years that begin in March, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let era = days / 146_097; // 400 years
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Any JSON, as a client sent it or gets it.
#[derive(Debug, Clone)]
pub(crate) struct Json(pub(crate) Value);

/// Any JSON value. As metadata of a score: at most 4 KiB in compact form and 8 deep.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

impl Json {
    /// Metadata as it is shown.
    pub(crate) fn shown(metadata: &Metadata) -> Self {
        // The text was made from JSON, so it can only parse; null is the harmless answer if it ever does not.
        Self(serde_json::from_str(metadata.as_str()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_integers_in_range_are_scores() {
        let score = |json: &str| Score::is_valid(&serde_json::from_str::<Value>(json).unwrap());
        for good in ["0", "1", "-1", "9007199254740991", "-9007199254740991"] {
            assert!(score(good), "{good}");
        }
        for bad in [
            "1.0",
            "1e3",
            "1E0",
            "-0.0",
            "\"1\"",
            "true",
            "null",
            "[1]",
            "{}",
            "9007199254740992",
            "-9007199254740992",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e400000".trim_end_matches("00000"),
        ] {
            assert!(!score(bad), "{bad}");
        }
    }

    #[test]
    fn days_are_days() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (1_740_787_199_999, "2025-02-28T23:59:59.999Z"),
            (3_934_744_858_123, "2094-09-08T00:40:58.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }
}
