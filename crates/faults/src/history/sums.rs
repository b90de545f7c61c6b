//! Whether some of the increments whose fate is unknown add up to what was found.

use std::collections::HashSet;

use super::event::Scores;

/// Sums that are followed before giving up: about 3 MB.
const MOST: usize = 1 << 16;

/// Score and subscore. Wide, since what is added up may be more than a score may hold.
pub(super) type Sum = (i128, i128);

pub(super) fn amount(scores: &Scores) -> Sum {
    (scores.score.into(), scores.subscore.into())
}

pub(super) fn minus(a: Sum, b: Sum) -> Sum {
    (a.0 - b.0, a.1 - b.1)
}

/// Whether some of the amounts, each at most once, and so many if a count is given, add up to `target`. `None`: too many
/// ways to tell. At once if the subscores are powers of two, all different.
pub(super) fn reachable(amounts: &[Sum], count: Option<i128>, target: Sum) -> Option<bool> {
    if told_apart(amounts) {
        let chosen = || amounts.iter().filter(|one| target.1 > 0 && target.1 & one.1 != 0);
        let sum = chosen().fold((0, 0), |sum: Sum, one| (sum.0 + one.0, sum.1 + one.1));
        return Some(sum == target && count.is_none_or(|count| count == chosen().count() as i128));
    }
    let mut sums: HashSet<(i128, Sum)> = HashSet::from([(0, (0, 0))]);
    for one in amounts {
        let more: Vec<_> =
            sums.iter().map(|(count, sum)| (count + 1, (sum.0 + one.0, sum.1 + one.1))).collect();
        sums.extend(more);
        if sums.len() > MOST {
            return None;
        }
    }
    Some(sums.iter().any(|(counted, sum)| *sum == target && count.is_none_or(|count| count == *counted)))
}

fn told_apart(amounts: &[Sum]) -> bool {
    let mut seen = 0i128;
    amounts.iter().all(|(_, mark)| {
        let new = *mark > 0 && mark.count_ones() == 1 && seen & mark == 0;
        seen |= mark;
        new
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_at_once_what_sums_tell_slowly() {
        let marked: Vec<Sum> = (0..50).map(|bit| (i128::from(bit % 7), 1 << bit)).collect();
        assert_eq!(reachable(&marked, Some(2), (3, 0b1010)), Some(false));
        assert_eq!(reachable(&marked, Some(2), (4, 0b1010)), Some(true));
        assert_eq!(reachable(&marked, Some(3), (4, 0b1010)), Some(false));
        let plain: Vec<Sum> = vec![(5, 0), (5, 1), (-3, 0)];
        assert_eq!(reachable(&plain, Some(2), (10, 1)), Some(true));
        assert_eq!(reachable(&plain, Some(2), (10, 0)), Some(false));
        assert_eq!(reachable(&plain, None, (2, 0)), Some(true));
        let many: Vec<Sum> = (0..60).map(|bit| (1 << bit, 0)).collect();
        assert_eq!(reachable(&many, Some(30), (1, 0)), None);
    }
}
