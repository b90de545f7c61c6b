//! Durations and byte sizes as people write them, and back in the same form.

use std::time::Duration;

/// From the largest; a duration is shown in as many of them as it needs.
const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// From the largest; sizes of memory and disk are powers of two here.
const SIZE_UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A duration such as `250ms`, `5s` or `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const HINT: &str = "write a number and a unit (ms, s, m, h or d), for example 250ms, 5s or 1m30s";
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(format!("is empty: {HINT}"));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let number: u64 = number.parse().map_err(|_| format!("is no duration: {HINT}"))?;
        if unit.is_empty() {
            return Err(format!("has no unit: {HINT}"));
        }
        let Some((_, ms)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("has an unknown unit \"{unit}\": {HINT}"));
        };
        let part = number.checked_mul(*ms).ok_or("is too long")?;
        total = total.checked_add(part).ok_or("is too long")?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// A duration within these bounds.
pub(crate) fn duration_in(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let value = duration(text)?;
    if value < least || value > most {
        return Err(format!("must be from {} to {}", show_duration(least), show_duration(most)));
    }
    Ok(value)
}

/// A duration as the command line takes it, to the millisecond.
pub fn show_duration(value: Duration) -> String {
    let mut ms = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut shown = String::new();
    for (name, unit) in TIME_UNITS {
        if ms >= unit {
            shown.push_str(&format!("{}{name}", ms / unit));
            ms %= unit;
        }
    }
    shown
}

/// A size such as `64MiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const HINT: &str = "write a number and a unit (B, KiB, MiB, GiB or TiB), for example 64MiB";
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("is no size: {HINT}"))?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Err(format!("has no unit: {HINT}"));
    }
    let Some((_, size)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("has an unknown unit \"{unit}\": {HINT}"));
    };
    number.checked_mul(*size).ok_or_else(|| "is too large".to_owned())
}

/// A size within these bounds.
pub(crate) fn bytes_in(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let value = bytes(text)?;
    if value < least || value > most {
        return Err(format!("must be from {} to {}", show_bytes(least), show_bytes(most)));
    }
    Ok(value)
}

/// A size as the command line takes it: the largest unit that holds it exactly.
pub fn show_bytes(value: u64) -> String {
    let (name, unit) = SIZE_UNITS
        .into_iter()
        .find(|(_, unit)| value >= *unit && value.is_multiple_of(*unit))
        .unwrap_or(("B", 1));
    format!("{}{name}", value / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_come_back_as_they_were_written() {
        for (text, ms) in [("0s", 0), ("250ms", 250), ("5s", 5000), ("1m30s", 90_000), ("1d2h", 93_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)));
            assert_eq!(show_duration(Duration::from_millis(ms)), text);
        }
        assert_eq!(show_duration(Duration::from_millis(90_500)), "1m30s500ms");
        assert_eq!(duration("1500ms"), duration("1s500ms"));
    }

    #[test]
    fn a_wrong_duration_says_what_is_right() {
        for (text, says) in [
            ("5", "no unit"),
            ("", "is empty"),
            ("5 parsecs", "no unit"),
            ("5parsecs", "unknown unit \"parsecs\""),
            ("s", "no duration"),
            ("-5s", "no duration"),
            ("1.5s", "no unit"),
            ("99999999999999999d", "too long"),
            ("99999999999999999999s", "no duration"),
            ("5é", "no unit"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_come_back_as_they_were_written() {
        for (text, size) in
            [("0B", 0), ("1000B", 1000), ("64MiB", 64 << 20), ("1GiB", 1 << 30), ("1536KiB", 1536 << 10)]
        {
            assert_eq!(bytes(text), Ok(size));
            assert_eq!(show_bytes(size), text);
        }
        assert_eq!(bytes("8 MiB"), Ok(8 << 20));
        for (text, says) in [
            ("8", "no unit"),
            ("8MB", "unknown unit \"MB\""),
            ("MiB", "no size"),
            ("99999999TiB", "too large"),
        ] {
            let error = bytes(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
