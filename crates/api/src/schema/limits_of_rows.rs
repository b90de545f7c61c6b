//! Which arguments say how many rows a field gives. Beside the resolvers, whose bounds they repeat; a test holds every
//! argument of the schema that looks like one against this list.

/// An argument that says how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowArgument {
    /// A count.
    Count { name: &'static str, default: u64, most: u64 },
    /// So many above and below one.
    Range { name: &'static str, default: u64, most: u64 },
    /// As many as are listed.
    List { name: &'static str, most: u64 },
    /// As many as are listed in a field of an input object.
    Bulk { name: &'static str, inside: &'static str },
}

/// The argument of a field that says how many rows it gives.
pub(crate) fn row_argument(parent: &str, field: &str) -> Option<RowArgument> {
    Some(match (parent, field) {
        ("Query", "leaderboards") => RowArgument::Count { name: "first", default: 50, most: 100 },
        ("Leaderboard", "records") => RowArgument::Count { name: "first", default: 10, most: 1000 },
        ("Leaderboard", "around") => RowArgument::Range { name: "range", default: 5, most: 100 },
        ("Leaderboard", "recordsByPlayerIds") => RowArgument::List { name: "playerIds", most: 1000 },
        ("Mutation", "submitScores") => RowArgument::Bulk { name: "input", inside: "submissions" },
        ("Subscription", "leaderboardChanged") => {
            RowArgument::Count { name: "first", default: 10, most: 100 }
        }
        _ => return None,
    })
}
