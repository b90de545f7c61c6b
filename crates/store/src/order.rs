//! The columns that an index of the order has.

use hiscore_score::{Rules, Score, SortOrder, Standing};

/// (score, subscore, reached): smaller first whatever the directions of the board, so that one index serves all boards.
pub(crate) fn columns(standing: &Standing, rules: &Rules) -> (i64, i64, u64) {
    let directed = |score: Score, order| match order {
        SortOrder::Desc => -score.get(),
        SortOrder::Asc => score.get(),
    };
    (
        directed(standing.score(rules), rules.sort_order),
        directed(standing.subscore(rules), rules.subscore_order),
        standing.reached().raw(),
    )
}
