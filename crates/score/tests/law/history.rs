//! Random histories of one record: what happens to it, when, and what it is after each step.
//!
//! Everything is drawn from small sets, so that scores tie, ids come again (with the same body or another) and
//! ids fall out of the window; the ends of the range are among the scores.

use hiscore_score::{
    Applied, Metadata, Moment, Operator, Position, Record, Rules, Score, SortOrder, Stamp, Submission,
    SubmissionId,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A window short enough for ids to fall out of it within a test.
pub(crate) const WINDOW: usize = 4;

/// What happens to a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Submit(Submission),
    Delete,
}

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) at: Moment,
    pub(crate) event: Event,
}

/// Every operator with every direction of both columns.
pub(crate) fn rules() -> impl Strategy<Value = Rules> {
    let operator = prop_oneof![Just(Operator::Best), Just(Operator::Set), Just(Operator::Increment)];
    let order = || prop_oneof![Just(SortOrder::Desc), Just(SortOrder::Asc)];
    (operator, order(), order()).prop_map(|(operator, sort_order, subscore_order)| Rules {
        operator,
        sort_order,
        subscore_order,
    })
}

pub(crate) fn score() -> impl Strategy<Value = Score> {
    prop_oneof![
        12 => (-2..=2i64).prop_map(|n| Score::new(n).unwrap()),
        1 => Just(Score::MAX),
        1 => Just(Score::MIN),
    ]
}

pub(crate) fn metadata() -> impl Strategy<Value = Option<Metadata>> {
    (0..4u8).prop_map(|n| Metadata::new(&if n == 0 { serde_json::Value::Null } else { n.into() }).unwrap())
}

/// A UUIDv7 made at `ms`; `n` is its random part.
pub(crate) fn uuid_v7(ms: u64, n: u64) -> SubmissionId {
    let text = format!("{:08x}-{:04x}-7000-8000-{:012x}", ms >> 16, ms & 0xffff, n);
    SubmissionId::new(&text).unwrap()
}

/// A ULID made at `ms`; `n` is its random part, below 32.
pub(crate) fn ulid(ms: u64, n: usize) -> SubmissionId {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut text: String =
        (0..10).rev().map(|at| char::from(ALPHABET[(ms >> (5 * at)) as usize & 31])).collect();
    text.push_str("000000000000000");
    text.push(char::from(ALPHABET[n]));
    SubmissionId::new(&text).unwrap()
}

/// None, one of the untimed, or one of either kind with a time in it.
pub(crate) fn id() -> impl Strategy<Value = Option<SubmissionId>> {
    let timed = 1_750_000_000_000u64;
    prop_oneof![
        2 => Just(None),
        3 => (0..7u8).prop_map(|n| SubmissionId::new(&format!("id-{n}")).ok()),
        3 => (0..9u64).prop_map(move |n| Some(uuid_v7(timed + n, n % 2))),
        1 => (0..9u64).prop_map(move |n| Some(ulid(timed + n, 1))),
    ]
}

pub(crate) fn submission() -> impl Strategy<Value = Submission> {
    (score(), score(), metadata(), id())
        .prop_map(|(score, subscore, metadata, id)| Submission::new(score, subscore, metadata, id.as_ref()))
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![9 => submission().prop_map(Event::Submit), 1 => Just(Event::Delete)]
}

/// Events in one serial order; stamps and sequence numbers grow, by one or by more.
pub(crate) fn events(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(Event, u64)>> {
    vec((event(), 1..3u64), length)
}

/// Sequences events in `era`, right after `last`.
pub(crate) fn sequence(last: Moment, era: u32, events: &[(Event, u64)]) -> Vec<Step> {
    let mut at = last;
    let step = |(event, gap): &(Event, u64)| {
        at.position = Position::new(era, at.position.sequence + gap);
        at.stamp = Stamp::from_raw(at.stamp.raw() + gap).unwrap();
        Step { at, event: event.clone() }
    };
    events.iter().map(step).collect()
}

/// Before everything.
pub(crate) const DAWN: Moment = Moment { position: Position::ZERO, stamp: Stamp::ZERO };

/// The record after one step; refusals and repeats leave it as it is.
pub(crate) fn after(rules: &Rules, record: &Record, step: &Step) -> Record {
    match &step.event {
        Event::Submit(submission) => match record.submit(rules, submission, step.at, WINDOW) {
            Ok(Applied::Changed(record, _)) => record,
            Ok(Applied::Duplicate) | Err(_) => record.clone(),
        },
        Event::Delete => record.delete(step.at).unwrap_or_else(|| record.clone()),
    }
}

/// The record before the first step and after each.
pub(crate) fn states(rules: &Rules, first: Record, steps: &[Step]) -> Vec<Record> {
    let mut states = vec![first];
    for step in steps {
        states.push(after(rules, &states[states.len() - 1], step));
    }
    states
}

/// A record of a season that follows another one: unborn, with the window that the other left.
pub(crate) fn reborn(rules: &Rules, steps: &[Step]) -> Record {
    let before = states(rules, Record::unborn(Default::default()), steps);
    Record::unborn(before[before.len() - 1].window.clone())
}
