//! Cursors: a place in an order, written so that only this deployment can have written it.
//!
//! A cursor holds the order key itself, so that a page behind it never repeats or skips a player that did not move. It is
//! sealed with a truncated HMAC over what it belongs to: one that is forged, cut short, or of another board or season is
//! refused instead of giving a wrong page.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hiscore_score::{LeaderboardId, OrderKey, PlayerId, Rules, Score, Stamp, Standing, VersionId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// 96 bits: 2^95 guesses on average, and every guess is a request.
const SEAL_BYTES: usize = 12;
/// Longer than any cursor of ours, so that nobody makes us decode megabytes.
const MAX_TEXT: usize = 512;

/// Writes and reads cursors.
pub(crate) struct Cursors {
    secret: Arc<OnceLock<[u8; 32]>>,
    keyed: OnceLock<Hmac<Sha256>>,
}

/// A text that is no cursor for what it was used on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidCursor;

impl InvalidCursor {
    pub(crate) const MESSAGE: &str =
        "this is no cursor of this list: take it as it was given, for the same leaderboard and version";
}

impl Cursors {
    /// Cursors sealed with `secret`, which every process of a deployment shares. Until it is set no cursor is read, and
    /// nothing is served that a cursor could be written of.
    pub(crate) fn new(secret: Arc<OnceLock<[u8; 32]>>) -> Self {
        Self { secret, keyed: OnceLock::new() }
    }

    fn keyed(&self) -> Option<&Hmac<Sha256>> {
        let secret = self.secret.get()?;
        Some(self.keyed.get_or_init(|| {
            // A key shorter than the hash's block is filled up with zeros, as HMAC does by itself.
            let mut block = [0; 64];
            block[..32].copy_from_slice(secret);
            Hmac::new(&block.into())
        }))
    }

    /// The cursor of a place on a season.
    pub(crate) fn row(
        &self,
        board: &LeaderboardId,
        version: VersionId,
        rules: &Rules,
        key: &OrderKey,
    ) -> String {
        let mut body = Vec::with_capacity(28 + key.player.as_str().len() + SEAL_BYTES);
        body.extend(version.to_be_bytes());
        body.extend(key.standing.score(rules).get().to_be_bytes());
        body.extend(key.standing.subscore(rules).get().to_be_bytes());
        body.extend(key.standing.reached().raw().to_be_bytes());
        body.extend(key.player.as_str().as_bytes());
        self.seal(b"row", board.as_str(), body)
    }

    /// The place that a cursor names on exactly this season.
    pub(crate) fn read_row(
        &self,
        board: &LeaderboardId,
        version: VersionId,
        rules: &Rules,
        cursor: &str,
    ) -> Result<OrderKey, InvalidCursor> {
        let body = self.open(b"row", board.as_str(), cursor)?;
        row_of(&body, version, rules).ok_or(InvalidCursor)
    }

    /// The cursor of a leaderboard in the list of all.
    pub(crate) fn board(&self, id: &LeaderboardId) -> String {
        self.seal(b"board", "", id.as_str().as_bytes().to_vec())
    }

    /// The leaderboard that a cursor names.
    pub(crate) fn read_board(&self, cursor: &str) -> Result<LeaderboardId, InvalidCursor> {
        let body = self.open(b"board", "", cursor)?;
        let text = std::str::from_utf8(&body).map_err(|_| InvalidCursor)?;
        LeaderboardId::new(text).map_err(|_| InvalidCursor)
    }

    /// What the seal is over: lengths first, so that no two things of different shape give the same bytes.
    fn mac(&self, kind: &[u8], scope: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = self.keyed()?.clone();
        mac.update(&[kind.len() as u8]);
        mac.update(kind);
        mac.update(&(scope.len() as u32).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(body);
        Some(mac)
    }

    pub(crate) fn seal(&self, kind: &[u8], scope: &str, mut body: Vec<u8>) -> String {
        let Some(mac) = self.mac(kind, scope, &body) else { return String::new() };
        let seal = mac.finalize().into_bytes();
        body.extend(&seal[..SEAL_BYTES]);
        URL_SAFE_NO_PAD.encode(body)
    }

    fn open(&self, kind: &[u8], scope: &str, text: &str) -> Result<Vec<u8>, InvalidCursor> {
        if text.len() > MAX_TEXT {
            return Err(InvalidCursor);
        }
        let mut body = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let split = body.len().checked_sub(SEAL_BYTES).ok_or(InvalidCursor)?;
        let seal = body.split_off(split);
        let mac = self.mac(kind, scope, &body).ok_or(InvalidCursor)?;
        mac.verify_truncated_left(&seal).map_err(|_| InvalidCursor)?;
        Ok(body)
    }
}

fn row_of(body: &[u8], version: VersionId, rules: &Rules) -> Option<OrderKey> {
    let (of_version, rest) = body.split_first_chunk::<4>()?;
    let (score, rest) = rest.split_first_chunk::<8>()?;
    let (subscore, rest) = rest.split_first_chunk::<8>()?;
    let (reached, player) = rest.split_first_chunk::<8>()?;
    if u32::from_be_bytes(*of_version) != version {
        return None;
    }
    let score = Score::new(i64::from_be_bytes(*score)).ok()?;
    let subscore = Score::new(i64::from_be_bytes(*subscore)).ok()?;
    let reached = Stamp::from_raw(u64::from_be_bytes(*reached))?;
    let player = PlayerId::new(std::str::from_utf8(player).ok()?).ok()?;
    Some(OrderKey { standing: Standing::new(rules, score, subscore, reached), player })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(id: &str) -> LeaderboardId {
        LeaderboardId::new(id).unwrap()
    }

    #[test]
    fn comes_back_only_where_it_belongs() {
        let cursors = Cursors::new(Arc::new(OnceLock::from([7; 32])));
        let rules = Rules::default();
        let standing = Standing::new(&rules, Score::MAX, Score::MIN, Stamp::from_raw(12_345).unwrap());
        let key = OrderKey { standing, player: PlayerId::new("玩家 1").unwrap() };
        let text = cursors.row(&board("daily"), 3, &rules, &key);
        assert_eq!(cursors.read_row(&board("daily"), 3, &rules, &text), Ok(key.clone()));
        assert_eq!(cursors.read_row(&board("daily"), 2, &rules, &text), Err(InvalidCursor));
        assert_eq!(cursors.read_row(&board("dail"), 3, &rules, &text), Err(InvalidCursor));
        let other = Cursors::new(Arc::new(OnceLock::from([8; 32])));
        assert_eq!(other.read_row(&board("daily"), 3, &rules, &text), Err(InvalidCursor));
        for cut in 0..text.len() {
            assert_eq!(cursors.read_row(&board("daily"), 3, &rules, &text[..cut]), Err(InvalidCursor));
        }
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(cursors.read_row(&board("daily"), 3, &rules, &forged), Err(InvalidCursor));
        }
        assert_eq!(cursors.read_board(&text), Err(InvalidCursor));
        assert_eq!(cursors.read_board(&cursors.board(&board("daily"))), Ok(board("daily")));
    }
}
