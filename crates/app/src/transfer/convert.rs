//! Between the lines of an export and what they say: boards and records, every value checked by its own rules.

use hiscore_score::window::{Entry, LATEST_TIME_MS};
use hiscore_score::{
    Leaderboard, LeaderboardId, Live, Metadata, Operator, PlayerId, Position, Record, RecordKey, Rules,
    Score, Season, SortOrder, Stamp, SubmissionKey, Window,
};
use serde_json::Value;

use super::lines::{
    BoardLine, BoardStamps, OperatorName, OrderName, RecordLine, RecordStamps, SubmissionLine, WindowLine,
};

/// What every tier counts exactly.
const MOST_SUBMISSIONS: u64 = 1 << 53;

/// The line of a board.
pub(super) fn board_line(id: &LeaderboardId, board: &Leaderboard) -> BoardLine {
    let Leaderboard { rules, version, created, opened } = board;
    BoardLine {
        id: id.to_string(),
        operator: match rules.operator {
            Operator::Best => OperatorName::Best,
            Operator::Set => OperatorName::Set,
            Operator::Increment => OperatorName::Increment,
        },
        sort_order: order_name(rules.sort_order),
        subscore_order: order_name(rules.subscore_order),
        version_id: *version,
        created_at: rfc3339(created.unix_ms()),
        opened_at: rfc3339(opened.unix_ms()),
        stamps: BoardStamps { created: created.raw(), opened: opened.raw() },
    }
}

fn order_name(order: SortOrder) -> OrderName {
    match order {
        SortOrder::Desc => OrderName::Desc,
        SortOrder::Asc => OrderName::Asc,
    }
}

fn order(name: OrderName) -> SortOrder {
    match name {
        OrderName::Desc => SortOrder::Desc,
        OrderName::Asc => SortOrder::Asc,
    }
}

/// The board that a line says.
pub(super) fn board(line: BoardLine) -> Result<(LeaderboardId, Leaderboard), String> {
    let id = LeaderboardId::new(&line.id).map_err(|error| format!("id: {error}"))?;
    if line.version_id == 0 || line.version_id > i32::MAX as u32 {
        return Err("versionId: must be from 1 to 2147483647".to_owned());
    }
    let operator = match line.operator {
        OperatorName::Best => Operator::Best,
        OperatorName::Set => Operator::Set,
        OperatorName::Increment => Operator::Increment,
    };
    let rules =
        Rules { operator, sort_order: order(line.sort_order), subscore_order: order(line.subscore_order) };
    let created = stamp(line.stamps.created)?;
    Ok((id, Leaderboard { rules, version: line.version_id, created, opened: stamp(line.stamps.opened)? }))
}

/// The line of a record.
pub(super) fn record_line(key: &RecordKey, record: &Record) -> RecordLine {
    let live = record.live.as_ref();
    let shown = |stamp: Stamp| rfc3339(stamp.unix_ms());
    let deleted = (record.deleted != Stamp::ZERO).then_some(record.deleted);
    let metadata = live.and_then(|live| live.metadata.as_ref()).map(shown_metadata);
    let (metadata, metadata_json) = metadata.map_or((None, None), |(value, text)| (Some(value), text));
    RecordLine {
        leaderboard_id: key.season.leaderboard.to_string(),
        version_id: key.season.version,
        player_id: key.player.to_string(),
        score: live.map(|live| live.score.get()),
        subscore: live.map(|live| live.subscore.get()),
        num_score: live.map(|live| live.num_score),
        metadata,
        metadata_json,
        created_at: live.map(|live| shown(live.created)),
        updated_at: shown(record.updated),
        deleted_at: deleted.map(shown),
        stamps: RecordStamps {
            created: live.map(|live| live.created.raw()),
            reached: live.map(|live| live.reached.raw()),
            updated: record.updated.raw(),
            deleted: deleted.map(Stamp::raw),
        },
        window: (!record.window.is_empty()).then(|| window_line(&record.window)),
    }
}

/// The value, and its text if that is not what the value is written as: what comes back is the same to the byte.
fn shown_metadata(metadata: &Metadata) -> (Value, Option<String>) {
    let value = metadata.to_value();
    let written = value.to_string();
    let exact = metadata.as_str();
    (value, (written != exact).then(|| exact.to_owned()))
}

fn window_line(window: &Window) -> WindowLine {
    let submissions = window.entries().iter().map(|entry| SubmissionLine {
        id: hex(&entry.key.id),
        body: hex(&entry.key.body.to_be_bytes()),
        at: entry.stamp.raw(),
        time: entry.key.time_ms,
    });
    WindowLine { submissions: submissions.collect(), horizon: window.horizon_ms() }
}

/// The record that a line says, without a position. `length` is that of the target's windows.
pub(super) fn record(line: RecordLine, length: usize) -> Result<(RecordKey, Record), String> {
    let leaderboard =
        LeaderboardId::new(&line.leaderboard_id).map_err(|error| format!("leaderboardId: {error}"))?;
    let player = PlayerId::new(&line.player_id).map_err(|error| format!("playerId: {error}"))?;
    let stamps = &line.stamps;
    let live = match (line.score, line.subscore, line.num_score, stamps.created, stamps.reached) {
        (Some(score), Some(subscore), Some(num_score), Some(created), Some(reached)) => Some(Live {
            score: Score::new(score).map_err(|error| format!("score: {error}"))?,
            subscore: Score::new(subscore).map_err(|error| format!("subscore: {error}"))?,
            metadata: { line.metadata_json.or_else(|| line.metadata.map(|value| value.to_string())) }
                .map_or(Ok(None), |text| Metadata::from_stored(&text))
                .map_err(|error| format!("metadata: {error}"))?,
            num_score: Some(num_score)
                .filter(|count| *count <= MOST_SUBMISSIONS)
                .ok_or_else(|| format!("numScore: must be at most {MOST_SUBMISSIONS}"))?,
            created: stamp(created)?,
            reached: stamp(reached)?,
        }),
        (None, None, None, None, None) if line.metadata.is_none() && line.metadata_json.is_none() => None,
        _ => {
            return Err(
                "score, subscore, numScore, stamps.created and stamps.reached come together".to_owned()
            );
        }
    };
    let record = Record {
        live,
        deleted: stamps.deleted.map_or(Ok(Stamp::ZERO), stamp)?,
        updated: stamp(stamps.updated)?,
        position: Position::ZERO,
        window: line.window.map_or(Ok(Window::default()), |line| window(line, length))?,
    };
    let key = RecordKey { season: Season { leaderboard, version: line.version_id }, player };
    Ok((key, record))
}

fn window(line: WindowLine, length: usize) -> Result<Window, String> {
    let entry = |line: SubmissionLine| {
        let id = unhex(&line.id).ok_or("window: an id has 32 hexadecimal digits")?;
        let body = unhex(&line.body).ok_or("window: a body has 16 hexadecimal digits")?;
        let time_ms = line.time.map(time).transpose()?;
        let key = SubmissionKey { id, body: u64::from_be_bytes(body), time_ms };
        Ok::<_, String>(Entry { stamp: stamp(line.at)?, key })
    };
    let entries: Result<Vec<Entry>, String> = line.submissions.into_iter().map(entry).collect();
    Ok(Window::from_parts(entries?, time(line.horizon)?, length))
}

fn time(ms: u64) -> Result<u64, String> {
    let fits = ms <= LATEST_TIME_MS;
    fits.then_some(ms).ok_or_else(|| format!("window: a time must be at most {LATEST_TIME_MS}"))
}

fn stamp(raw: u64) -> Result<Stamp, String> {
    Stamp::from_raw(raw).ok_or_else(|| format!("{raw} is no stamp: one has at most 53 bits"))
}

/// The latest stamp in a record.
pub(super) fn last_stamp(record: &Record) -> Stamp {
    let live = record.live.as_ref().map(|live| live.created.max(live.reached));
    let window = record.window.entries().last().map(|entry| entry.stamp);
    record.updated.max(record.deleted).max(live.unwrap_or_default()).max(window.unwrap_or_default())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut out = [0; N];
    for (byte, at) in out.iter_mut().zip((0..).step_by(2)) {
        let digits = text.get(at..at + 2).filter(|digits| !digits.starts_with('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(out)
}

/// RFC 3339 in UTC of milliseconds since the Unix epoch: `2025-01-31T23:59:59.999Z`.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Counted in years that begin in March, so that the leap day is the last; since 0000-03-01.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (4_102_444_800_001, "2100-01-01T00:00:00.001Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }

    #[test]
    fn digits_are_digits() {
        assert_eq!(unhex(&hex(&[0, 15, 16, 255])), Some([0u8, 15, 16, 255]));
        for wrong in ["", "0", "+f", "g0", "é", "000"] {
            assert_eq!(unhex::<1>(wrong), None, "{wrong}");
        }
    }
}
