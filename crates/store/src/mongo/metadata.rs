//! Metadata as a BSON value, so that it can be queried, and back to the text that it was, to the byte.
//!
//! BSON has no integer above 2^63, no key with a NUL, no two ways to write a number. Where the value alone would not
//! give the text back, the text is kept beside it; that is found out by trying.

use std::fmt::Write as _;

use hiscore_score::Metadata;
use mongodb::bson::raw::{CString, RawBson, RawBsonRef, RawDocumentBuf};
use mongodb::bson::{RawArrayBuf, rawdoc};
use serde_json::Value;

/// What is stored of a piece of metadata.
pub(super) struct Stored {
    /// The value; `None` when BSON has no such thing.
    pub value: Option<RawBson>,
    /// The text, when the value does not give it back.
    pub text: Option<String>,
}

/// Makes of metadata what is stored.
pub(super) fn store(metadata: &Metadata) -> Stored {
    let value = to_bson(&metadata.to_value());
    let same = value.as_ref().is_some_and(|value| {
        // Only what sits in a document can be read by reference.
        let holder = rawdoc! { "v": value.clone() };
        matches!(holder.get("v"), Ok(Some(value)) if to_text(value).as_deref() == Some(metadata.as_str()))
    });
    Stored { text: (!same).then(|| metadata.as_str().to_owned()), value }
}

/// The text of a stored value; `None` if it is no JSON.
pub(super) fn to_text(value: RawBsonRef<'_>) -> Option<String> {
    let mut out = String::new();
    write(&mut out, value)?;
    Some(out)
}

pub(super) fn to_bson(value: &Value) -> Option<RawBson> {
    Some(match value {
        Value::Null => RawBson::Null,
        Value::Bool(value) => RawBson::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => i32::try_from(value).map_or(RawBson::Int64(value), RawBson::Int32),
            None => RawBson::Double(number.as_f64()?),
        },
        Value::String(text) => RawBson::String(text.clone()),
        Value::Array(items) => {
            let mut out = RawArrayBuf::new();
            for item in items {
                out.push(to_bson(item)?);
            }
            RawBson::Array(out)
        }
        Value::Object(fields) => {
            let mut out = RawDocumentBuf::new();
            for (key, field) in fields {
                out.append(CString::try_from(key.as_str()).ok()?, to_bson(field)?);
            }
            RawBson::Document(out)
        }
    })
}

/// Recursion is as deep as metadata may be, since nothing deeper is stored.
fn write(out: &mut String, value: RawBsonRef<'_>) -> Option<()> {
    match value {
        RawBsonRef::Null => out.push_str("null"),
        RawBsonRef::Boolean(value) => write!(out, "{value}").ok()?,
        RawBsonRef::Int32(value) => write!(out, "{value}").ok()?,
        RawBsonRef::Int64(value) => write!(out, "{value}").ok()?,
        RawBsonRef::Double(value) => write!(out, "{}", serde_json::Number::from_f64(value)?).ok()?,
        RawBsonRef::String(text) => out.push_str(&serde_json::to_string(text).ok()?),
        RawBsonRef::Array(items) => {
            out.push('[');
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item.ok()?)?;
            }
            out.push(']');
        }
        RawBsonRef::Document(fields) => {
            out.push('{');
            for (at, field) in fields.into_iter().enumerate() {
                let (key, field) = field.ok()?;
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(key.as_str()).ok()?);
                out.push(':');
                write(out, field)?;
            }
            out.push('}');
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> (Option<RawBson>, Option<String>) {
        let stored = store(&Metadata::from_stored(text).unwrap().unwrap());
        (stored.value, stored.text)
    }

    #[test]
    fn what_bson_holds_needs_no_text() {
        for text in [
            r#"{"":1,"$score":{"$gt":""},"__proto__":[],"a.b":[1,-2.5,"x\u0000y",null,true]}"#,
            "9223372036854775807",
            "-0.0",
            "1.0",
            "9.675760593319148e-157",
            r#""$literal""#,
            "[]",
        ] {
            let (value, beside) = kept(text);
            assert!(value.is_some() && beside.is_none(), "{text}");
        }
    }

    #[test]
    fn what_bson_does_not_hold_is_kept_as_text_too() {
        for text in
            ["18446744073709551615", "1e2", "[ 1 ]", r#"{"b":1,"a":2}"#, r#"{"a":1,"a":2}"#, r#""\u0041""#]
        {
            let (value, beside) = kept(text);
            assert!(value.is_some(), "{text}");
            assert_eq!(beside.as_deref(), Some(text));
        }
        let (value, beside) = kept(r#"{"a\u0000b":1}"#);
        assert!(value.is_none() && beside.is_some());
    }
}
