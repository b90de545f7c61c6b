//! What a game sent for one player: the scores, what goes with them, and the key that makes a retry safe.

use sha2::{Digest, Sha256};

use crate::window::SubmissionKey;
use crate::{Metadata, Score, SubmissionId};

/// One score update of one player, as it was sent; who and where is the key it is filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The score, or on an INCREMENT board the amount to add.
    pub score: Score,
    /// The second column, 0 unless given.
    pub subscore: Score,
    /// What the game keeps beside it.
    pub metadata: Option<Metadata>,
    /// The idempotency key, already hashed, if one was given.
    pub key: Option<SubmissionKey>,
}

impl Submission {
    /// A submission; `id` is hashed together with the body, so that the same id with another body is found out.
    pub fn new(score: Score, subscore: Score, metadata: Option<Metadata>, id: Option<&SubmissionId>) -> Self {
        let key = id.map(|id| SubmissionKey::new(id, body_hash(score, subscore, metadata.as_ref())));
        Self { score, subscore, metadata, key }
    }
}

/// The first eight bytes (big endian) of the SHA-256 of the body. Part of the stored format: must never change.
fn body_hash(score: Score, subscore: Score, metadata: Option<&Metadata>) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(score.get().to_be_bytes());
    hasher.update(subscore.get().to_be_bytes());
    if let Some(metadata) = metadata {
        hasher.update([1]);
        hasher.update(metadata.as_str());
    }
    let digest = hasher.finalize();
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}
