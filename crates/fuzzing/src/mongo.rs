//! MongoDB's documents: any BSON, and any JSON as BSON.

/// See [`hiscore_store::mongo::fuzzing::check`].
pub fn check(bytes: &[u8]) {
    hiscore_store::mongo::fuzzing::check(bytes);
}
