//! For `fuzz/`: what is read of documents is written again to the same meaning.

use hiscore_score::{Record, RecordKey, Rules};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{RawBson, RawDocumentBuf};

use super::documents::{
    board, deployment, get_board, get_deployment, get_log, get_record, get_shard, log, record, shard,
};
use super::metadata;

/// Panics if it is not. The first byte says what the document is taken for; the rest is BSON, or JSON.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let document = if bytes.starts_with(b"{") { of_json(bytes) } else { of_bytes(bytes) };
    let Some(document) = document else { return };
    match kind % 4 {
        0 => {
            if let Ok((key, read)) = get_record(&document) {
                assert_eq!(stored(&key, &read, &Rules::default()), Ok((key, read)));
            }
        }
        1 => {
            if let Ok(read) = get_board(&document) {
                assert_eq!(board(3, &read).and_then(|document| get_board(&document)), Ok(read));
            }
        }
        2 => {
            if let Ok((read, opened)) = get_shard(&document) {
                let again = shard(3, &read, opened).and_then(|document| get_shard(&document));
                assert_eq!(again, Ok((read, opened)));
            }
        }
        _ => {
            if let Ok(read) = get_deployment(&document) {
                assert_eq!(deployment(&read).and_then(|document| get_deployment(&document)), Ok(read));
            }
            if let Ok(Some((read, adopted))) = get_log(&document) {
                let mut holder = RawDocumentBuf::new();
                holder.append(mongodb::bson::raw::cstr!("format"), 1);
                holder.append(mongodb::bson::raw::cstr!("log"), log(&read, adopted));
                assert_eq!(get_log(&holder), Ok(Some((read, adopted))));
            }
        }
    }
}

/// A record as it comes back from its document.
///
/// # Errors
/// What MongoDB has no room for, or what cannot be read.
pub fn stored(key: &RecordKey, of: &Record, rules: &Rules) -> Result<(RecordKey, Record), String> {
    get_record(&record(3, key, of, rules)?)
}

/// With a length and an end that are right, without which nothing would be looked at.
fn of_bytes(bytes: &[u8]) -> Option<RawDocumentBuf> {
    let mut all = u32::try_from(bytes.len() + 5).ok()?.to_le_bytes().to_vec();
    all.extend_from_slice(bytes);
    all.push(0);
    RawDocumentBuf::from_bytes(all).ok()
}

/// Texts that begin with `#` stand for bytes, those that begin with `@` for object ids.
fn of_json(bytes: &[u8]) -> Option<RawDocumentBuf> {
    match marked(metadata::to_bson(&serde_json::from_slice(bytes).ok()?)?)? {
        RawBson::Document(document) => Some(document),
        _ => None,
    }
}

fn marked(value: RawBson) -> Option<RawBson> {
    Some(match value {
        RawBson::String(text) => match text.as_bytes() {
            [b'#', bytes @ ..] => RawBson::Binary(super::documents::binary(bytes)),
            [b'@', bytes @ ..] => {
                let mut id = [0; 12];
                id.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                RawBson::ObjectId(ObjectId::from_bytes(id))
            }
            _ => RawBson::String(text),
        },
        RawBson::Array(items) => {
            let mut out = mongodb::bson::RawArrayBuf::new();
            for item in &items {
                out.push(marked(item.ok()?.into())?);
            }
            RawBson::Array(out)
        }
        RawBson::Document(fields) => {
            let mut out = RawDocumentBuf::new();
            for field in &fields {
                let (name, field) = field.ok()?;
                out.append(name, marked(field.into())?);
            }
            RawBson::Document(out)
        }
        other => other,
    })
}
