//! What a game may keep beside a score: a small piece of JSON, kept as compact text.

use std::sync::Arc;

use serde_json::Value;

/// The longest metadata, in bytes of compact JSON.
pub const MAX_BYTES: usize = 4096;
/// The deepest metadata: `1` is 0 deep, `[1]` is 1, `[[1]]` is 2.
pub const MAX_DEPTH: usize = 8;

/// JSON beside a score: at most 4 KiB in compact form and 8 deep.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metadata(Arc<str>);

/// Why a JSON value cannot be metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// Its compact form is too long.
    #[error("metadata may have at most {MAX_BYTES} bytes of compact JSON, this has {0}")]
    TooLong(usize),
    /// Arrays or objects in one another beyond the limit.
    #[error("metadata may be at most {MAX_DEPTH} deep")]
    TooDeep,
    /// Stored text that is no JSON.
    #[error("metadata must be JSON")]
    NotJson,
}

impl Metadata {
    /// Takes a value; `null` is no metadata at all.
    pub fn new(value: &Value) -> Result<Option<Self>, InvalidMetadata> {
        if value.is_null() {
            return Ok(None);
        }
        if deeper_than(value, MAX_DEPTH) {
            return Err(InvalidMetadata::TooDeep);
        }
        let text = value.to_string();
        if text.len() > MAX_BYTES {
            return Err(InvalidMetadata::TooLong(text.len()));
        }
        Ok(Some(Self(Arc::from(text))))
    }

    /// Takes text that was stored by [`Metadata::as_str`], and checks it again. The text stays as it is: written
    /// anew, a number could become another, and the whole longer than the limit.
    pub fn from_stored(text: &str) -> Result<Option<Self>, InvalidMetadata> {
        let value: Value = serde_json::from_str(text).map_err(|_| InvalidMetadata::NotJson)?;
        if value.is_null() {
            return Ok(None);
        }
        if deeper_than(&value, MAX_DEPTH) {
            return Err(InvalidMetadata::TooDeep);
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidMetadata::TooLong(text.len()));
        }
        Ok(Some(Self(Arc::from(text))))
    }

    /// The compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value.
    pub fn to_value(&self) -> Value {
        // The text was made from a value, so it can only parse; null is the harmless answer if it ever does not.
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }
}

/// Whether `value` has containers more than `limit` deep. Recursion is bounded by `limit`.
fn deeper_than(value: &Value, limit: usize) -> bool {
    let inside = |child: &Value| limit == 0 || deeper_than(child, limit - 1);
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(inside),
        Value::Object(fields) => limit == 0 || fields.values().any(inside),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_is_none_and_the_rest_comes_back() {
        assert_eq!(Metadata::new(&Value::Null), Ok(None));
        // The neighbour of this number is what a quick parser makes of it.
        assert_eq!(
            Metadata::from_stored("9.675760593319148e-157").unwrap().unwrap().to_value().to_string(),
            "9.675760593319148e-157"
        );
        for value in [json!({"$score": {"$gt": ""}, "a.b": [1, 2.5, "x", null, true]}), json!("x"), json!(0)]
        {
            let kept = Metadata::new(&value).unwrap().unwrap();
            assert_eq!(kept.to_value(), value);
            assert_eq!(Metadata::from_stored(kept.as_str()), Ok(Some(kept)));
        }
    }

    #[test]
    fn limits() {
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert!(Metadata::new(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Metadata::new(&nested(MAX_DEPTH + 1)), Err(InvalidMetadata::TooDeep));
        assert!(Metadata::new(&json!("x".repeat(MAX_BYTES - 2))).is_ok());
        assert_eq!(Metadata::new(&json!("x".repeat(MAX_BYTES - 1))), Err(InvalidMetadata::TooLong(4097)));
        assert_eq!(Metadata::from_stored("{"), Err(InvalidMetadata::NotJson));
    }
}
