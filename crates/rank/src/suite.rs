//! The conformance suite: what every ranking tier must pass, checked against a plain sorted `Vec`.
//!
//! A tier joins in by implementing [`Subject`] and calling each of the functions here from a test of its own:
//! [`histories_agree_with_a_sorted_list`], [`pages_neither_repeat_nor_skip`] and [`edges`].

mod cases;
mod model;
mod walks;

use hiscore_score::{PlayerId, Season, Standing};

pub use cases::{edges, histories_agree_with_a_sorted_list};
pub use walks::pages_neither_repeat_nor_skip;

use crate::{Query, RankError, View};

/// A tier under test, with the writer that a reader's contract does not have. All methods block until done.
pub trait Subject {
    /// Opens a season; harmless if it is open.
    fn open(&self, season: &Season);
    /// Lets a season go.
    fn close(&self, season: &Season);
    /// Puts a player somewhere on an open season, as its change number `revision`.
    fn upsert(&self, season: &Season, player: &PlayerId, standing: Standing, revision: u64);
    /// Takes a player out of an open season, as its change number `revision`.
    fn remove(&self, season: &Season, player: &PlayerId, revision: u64);
    /// Reads through [`crate::Ranking::read`].
    fn read(&self, season: &Season, query: Query) -> Result<View, RankError>;
}
