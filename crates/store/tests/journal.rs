//! The journal on a simulated disk: what was acknowledged comes back, what was cut off stays away, and damage is
//! told, not skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::sync::Arc;

use hiscore_faults::{Random, SimDisk};
use hiscore_score::{PlayerId, Score, Stamp, Submission};
use hiscore_store::Disk;
use hiscore_store::embedded::{AppendError, Change, Journal, JournalEntry, JournalError, RowKey, Sizes};

const SEGMENT: u64 = 1024;
const SIZES: Sizes = Sizes { segment: SEGMENT, limit: 1 << 20 };

/// Entries as they were read: each with its sequence.
type Entries = Vec<(u64, JournalEntry)>;

fn open(disk: &SimDisk) -> Result<(Journal, Entries), JournalError> {
    open_from(disk, SIZES, 0, 0)
}

fn open_from(
    disk: &SimDisk,
    sizes: Sizes,
    from: u64,
    watermark: u64,
) -> Result<(Journal, Entries), JournalError> {
    let mut entries = Vec::new();
    let (journal, _) =
        Journal::recover(Arc::new(disk.clone()), sizes, from, watermark, |sequence, entry| {
            entries.push((sequence, entry));
            Ok(())
        })?;
    Ok((journal, entries))
}

fn entry(n: u64) -> JournalEntry {
    let key = RowKey { board: 1, version: 1, player: PlayerId::new(&format!("player {n}")).unwrap() };
    let score = Score::new(n as i64).unwrap();
    let submission = Submission::new(score, score, None, None);
    JournalEntry { stamp: Stamp::from_raw(n).unwrap(), change: Change::Submit { key, submission } }
}

/// Appends one frame of `count` entries, noting them where they are acknowledged.
fn append(journal: &mut Journal, acked: &mut Entries, count: u64) -> Result<(), AppendError> {
    let first = journal.next_sequence();
    let entries: Vec<JournalEntry> = (first..first + count).map(entry).collect();
    journal.append(&entries)?;
    acked.extend((first..).zip(entries));
    Ok(())
}

/// A disk with frames of several sizes in several segments; what is on it.
fn written(frames: u64) -> (SimDisk, Entries) {
    let disk = SimDisk::new();
    let (mut journal, mut acked) = open(&disk).unwrap();
    for n in 0..frames {
        append(&mut journal, &mut acked, 1 + n % 4).unwrap();
    }
    (disk, acked)
}

fn segments(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| name.starts_with("journal-0"));
    names.sort();
    names
}

fn crashed(disk: &SimDisk) -> SimDisk {
    disk.crash(&mut Random::new(1))
}

/// A copy to damage.
fn copy(disk: &SimDisk) -> SimDisk {
    crashed(disk)
}

#[test]
fn what_was_appended_comes_back_over_many_segments_and_starts() {
    let disk = SimDisk::new();
    let mut acked = Vec::new();
    for start in 0..6 {
        let (mut journal, found) = open(&disk).unwrap();
        assert_eq!(found, acked, "start {start}");
        for n in 0..20 {
            append(&mut journal, &mut acked, 1 + n % 7).unwrap();
        }
        // A frame that no segment of the usual size could hold.
        append(&mut journal, &mut acked, SEGMENT / 16).unwrap();
        assert_eq!(open(&crashed(&disk)).unwrap().1, acked, "start {start}, after a crash");
    }
    let watermark = acked.len() as u64 / 2;
    let above: Entries = acked.into_iter().filter(|(sequence, _)| *sequence > watermark).collect();
    assert_eq!(open_from(&disk, SIZES, 1, watermark).unwrap().1, above);
}

#[test]
fn a_flipped_byte_is_told_or_changes_nothing() {
    let (disk, acked) = written(30);
    // Opened again, so that the last frame is known to have been acknowledged as well.
    open(&disk).unwrap();
    let names = segments(&disk);
    let (mut told, mut harmless) = (0, 0);
    for name in &names[..names.len() - 1] {
        for at in 0..disk.open(name).unwrap().len().unwrap() {
            let damaged = copy(&disk);
            damaged.damage(name, at).unwrap();
            match open(&damaged) {
                Err(JournalError::Damaged(_) | JournalError::UnknownFormat(_)) => told += 1,
                Err(other) => panic!("{name}, byte {at}: {other}"),
                Ok((_, found)) => {
                    assert!(found == acked, "{name}, byte {at}: something else came back");
                    harmless += 1;
                }
            }
        }
    }
    println!("{told} flips told, {harmless} harmless");
    assert!(told > harmless, "most bytes count");
}

#[test]
fn in_the_last_segment_only_the_last_frame_can_pass_for_torn() {
    let (disk, acked) = written(3);
    let name = segments(&disk).pop().unwrap();
    // Three frames of 1, 2 and 3 entries.
    let but_last = acked[..3].to_vec();
    for at in 64..disk.open(&name).unwrap().len().unwrap() {
        let damaged = copy(&disk);
        damaged.damage(&name, at).unwrap();
        match open(&damaged) {
            Err(JournalError::Damaged(why)) => assert!(why.contains("a whole frame follows"), "{why}"),
            Err(other) => panic!("byte {at}: {other}"),
            Ok((_, found)) => assert!(found == acked || found == but_last, "byte {at}: {found:?}"),
        }
    }
}

#[test]
fn a_torn_tail_is_cut_and_the_journal_goes_on() {
    let (disk, acked) = written(3);
    let name = segments(&disk).pop().unwrap();
    let file = disk.open(&name).unwrap();
    let mut whole = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut whole).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // Where the last frame begins: the end of what two frames alone take.
    let (two, _) = written(2);
    let mut shorter = vec![0; whole.len()];
    two.open(&name).unwrap().read_at(0, &mut shorter).unwrap();
    let begin = (shorter.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(8);
    for torn in begin..end {
        let disk = copy(&disk);
        disk.open(&name).unwrap().write_at(torn as u64, &vec![0; end - torn]).unwrap();
        let (mut journal, found) = open(&disk).unwrap();
        let mut now = acked[..3].to_vec();
        assert_eq!(found, now, "torn at byte {torn}");
        append(&mut journal, &mut now, 2).unwrap();
        assert_eq!(open(&crashed(&disk)).unwrap().1, now, "torn at byte {torn}, and written on");
    }
}

#[test]
fn a_segment_that_is_missing_is_told() {
    let (disk, acked) = written(100);
    let names = segments(&disk);
    assert!(names.len() > 3);
    for name in &names[..names.len() - 1] {
        let disk = copy(&disk);
        disk.remove(name).unwrap();
        let error = open_from(&disk, SIZES, 1, 0).unwrap_err();
        let number = u64::from_str_radix(&name["journal-".len()..], 16).unwrap();
        let missing = format!("segment {number} is missing");
        assert!(matches!(&error, JournalError::Damaged(why) if *why == missing), "{name}: {error}");
    }
    // Of the last one only the table knows, if it has something that was in it.
    let (last, watermark) = (&names[names.len() - 1], acked.last().unwrap().0);
    let cut = copy(&disk);
    cut.remove(last).unwrap();
    let error = open_from(&cut, SIZES, 1, watermark).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged(why) if why.contains("but the table has")), "{error}");
    assert_eq!(open_from(&disk, SIZES, 1, 0).unwrap().1, acked);
}

#[test]
fn a_failed_sync_is_cut_off_for_good() {
    let (disk, mut acked) = written(5);
    let (mut journal, _) = open(&disk).unwrap();
    disk.fail_syncs(1);
    let error = append(&mut journal, &mut Vec::new(), 3).unwrap_err();
    assert!(matches!(error, AppendError::Refused(_)), "{error}");
    (0..20).for_each(|seed| {
        assert_eq!(open(&disk.crash(&mut Random::new(seed))).unwrap().1, acked, "refused, so not there")
    });
    append(&mut journal, &mut acked, 2).unwrap();
    assert_eq!(open(&crashed(&disk)).unwrap().1, acked);
}

#[test]
fn a_failed_cut_is_ambiguous_until_the_next_segment_is_made() {
    let (disk, acked) = written(5);
    let (mut journal, _) = open(&disk).unwrap();
    // The frame's sync, the next segment's, and once more the next segment's.
    disk.fail_syncs(3);
    let error = append(&mut journal, &mut Vec::new(), 3).unwrap_err();
    assert!(matches!(error, AppendError::Ambiguous(_)), "{error}");
    let survived: Vec<bool> = (0..40)
        .map(|seed| {
            let found = open(&disk.crash(&mut Random::new(seed))).unwrap().1;
            assert_eq!(found[..acked.len()], acked);
            assert!(found.len() == acked.len() || found.len() == acked.len() + 3, "all in or all out");
            found.len() > acked.len()
        })
        .collect();
    assert!(survived.contains(&true) && survived.contains(&false), "it really may go either way");
    let error = append(&mut journal, &mut Vec::new(), 1).unwrap_err();
    assert!(matches!(error, AppendError::Refused(_)), "nothing of this one was written: {error}");
    let mut now = acked;
    append(&mut journal, &mut now, 2).unwrap();
    (0..20).for_each(|seed| assert_eq!(open(&disk.crash(&mut Random::new(seed))).unwrap().1, now, "settled"));
}

#[test]
fn nothing_is_acknowledged_behind_where_the_next_segment_says_that_one_ends() {
    let (disk, mut acked) = written(1);
    let (mut journal, _) = open(&disk).unwrap();
    // One that does not fit: the header of its segment is written, not synced, and survives as often as not.
    disk.fail_syncs(1);
    let error = append(&mut journal, &mut Vec::new(), 100).unwrap_err();
    assert!(matches!(error, AppendError::Refused(_)), "{error}");
    // One that would fit where the last one is.
    append(&mut journal, &mut acked, 1).unwrap();
    for seed in 0..40 {
        assert_eq!(open(&disk.crash(&mut Random::new(seed))).unwrap().1, acked, "seed {seed}");
    }
}

#[test]
fn the_limit_refuses_until_segments_are_let_go() {
    let disk = SimDisk::new();
    let sizes = Sizes { segment: SEGMENT, limit: 4 * SEGMENT };
    let mut entries = Vec::new();
    let (mut journal, segments) =
        Journal::recover(Arc::new(disk.clone()), sizes, 0, 0, |_, _| Ok(())).unwrap();
    let error = loop {
        if let Err(error) = append(&mut journal, &mut entries, 3) {
            break error;
        }
    };
    assert!(matches!(&error, AppendError::Refused(why) if why.contains("its limit is 4096")), "{error}");
    assert_eq!(disk.used(), 4 * SEGMENT);
    let watermark = entries.last().unwrap().0;
    segments.trim(segments.needed_above(watermark)).unwrap();
    append(&mut journal, &mut entries, 3).unwrap();
    assert!(disk.used() <= 2 * SEGMENT, "only what is needed is left: {}", disk.used());
}

#[test]
fn a_full_disk_is_read_and_written_on_when_there_is_space() {
    let (disk, mut acked) = written(10);
    disk.set_capacity(Some(disk.used()));
    let (mut journal, found) = open(&disk).unwrap();
    assert_eq!(found, acked);
    for _ in 0..3 {
        let error = append(&mut journal, &mut Vec::new(), 1).unwrap_err();
        assert!(matches!(error, AppendError::Refused(_)), "{error}");
    }
    assert_eq!(open(&crashed(&disk)).unwrap().1, acked);
    disk.set_capacity(None);
    append(&mut journal, &mut acked, 2).unwrap();
    assert_eq!(open(&crashed(&disk)).unwrap().1, acked);
}
