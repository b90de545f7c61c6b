//! Exports that are imported: the file as it is, and its lines with check sums that are right.

use hiscore::transfer::Item;
use hiscore::transfer::fuzzing::{read, sealed, write};
use hiscore_score::{Record, RecordKey, Rules};
use hiscore_store::embedded::codec::{get_record, put_record};

use crate::measured;

/// The values of a line's JSON take about a hundred bytes each, of two at least.
const TIMES: u64 = 256;

/// What is imported is exported as the same, and every tier keeps a record as it was imported.
pub fn check(bytes: &[u8]) {
    for export in [bytes.to_vec(), sealed(bytes)] {
        let Ok((header, items)) = measured(&export, TIMES, || read(&export)) else { continue };
        let copy = write(&header, &items);
        assert_eq!(read(&copy).unwrap().1, items);
        for item in &items {
            if let Item::Record(key, record) = item {
                kept(key, record);
            }
        }
    }
}

fn kept(key: &RecordKey, record: &Record) {
    let mut packed = Vec::new();
    put_record(&mut packed, record);
    assert_eq!(get_record(&packed, usize::MAX).as_ref(), Ok(record), "in a data folder");
    let stored = hiscore_store::mongo::fuzzing::stored(key, record, &Rules::default());
    assert_eq!(stored, Ok((key.clone(), record.clone())), "in MongoDB");
    assert_eq!(hiscore_rank::redis::fuzzing::kept(record).as_ref(), Some(record), "in Redis");
}
