//! Whether some of the increments whose fate is unknown add up to what was found.

use std::collections::HashSet;

use super::event::Scores;

/// Sums of a half that are followed before giving up: about 3 MB.
const MOST: usize = 1 << 16;

/// Amounts without a mark of their own, all of whose sums are tried.
const FEW: usize = 12;

/// Score and subscore. Wide, since what is added up may be more than a score may hold.
pub(super) type Sum = (i128, i128);

pub(super) fn amount(scores: &Scores) -> Sum {
    (scores.score.into(), scores.subscore.into())
}

pub(super) fn minus(a: Sum, b: Sum) -> Sum {
    (a.0 - b.0, a.1 - b.1)
}

/// Whether some of the amounts, each at most once, and so many if a count is given, add up to `target`. `None`: too many
/// ways to tell. At once if the subscores are powers of two, all different but for a few (an id that was used for two bodies).
pub(super) fn reachable(amounts: &[Sum], count: Option<i128>, target: Sum) -> Option<bool> {
    let (marked, others) = told_apart(amounts);
    if others.len() <= FEW {
        return Some(sums_of(&others)?.iter().any(|(counted, sum)| {
            let (count, target) = (count.map(|count| count - counted), minus(target, *sum));
            let chosen = || marked.iter().filter(|one| target.1 > 0 && target.1 & one.1 != 0);
            let sum = chosen().fold((0, 0), |sum: Sum, one| (sum.0 + one.0, sum.1 + one.1));
            sum == target && count.is_none_or(|count| count == chosen().count() as i128)
        }));
    }
    // Two halves, each with all its sums, tell as much as twice as many amounts in one set of the square of the size.
    let (left, right) = amounts.split_at(amounts.len() / 2);
    let (left, right) = (sums_of(left)?, sums_of(right)?);
    let counts: HashSet<(i128, Sum)> = match count {
        Some(_) => right,
        None => right.into_iter().map(|(_, sum)| (0, sum)).collect(),
    };
    Some(left.iter().any(|(counted, sum)| {
        let others = count.map_or(0, |count| count - counted);
        counts.contains(&(others, minus(target, *sum)))
    }))
}

/// Every sum that some of the amounts add up to, and of how many; `None`: too many.
fn sums_of(amounts: &[Sum]) -> Option<HashSet<(i128, Sum)>> {
    let mut sums = HashSet::from([(0, (0, 0))]);
    for one in amounts {
        let more: Vec<_> = sums
            .iter()
            .map(|(count, sum): &(i128, Sum)| (count + 1, (sum.0 + one.0, sum.1 + one.1)))
            .collect();
        sums.extend(more);
        if sums.len() > MOST {
            return None;
        }
    }
    Some(sums)
}

/// Those whose mark no one before has, and the others.
fn told_apart(amounts: &[Sum]) -> (Vec<Sum>, Vec<Sum>) {
    let mut seen = 0i128;
    amounts.iter().partition(|(_, mark)| {
        let new = *mark > 0 && mark.count_ones() == 1 && seen & mark == 0;
        seen |= if new { *mark } else { 0 };
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
        // One of them twice, with another score.
        let twice: Vec<Sum> = marked.iter().copied().chain([(100, 2)]).collect();
        assert_eq!(reachable(&twice, Some(2), (103, 0b1010)), Some(true));
        assert_eq!(reachable(&twice, Some(2), (104, 0b1010)), Some(false));
        assert_eq!(reachable(&twice, None, (101, 0b100)), Some(true), "both of them");
        let plain: Vec<Sum> = vec![(5, 0), (5, 1), (-3, 0)];
        assert_eq!(reachable(&plain, Some(2), (10, 1)), Some(true));
        assert_eq!(reachable(&plain, Some(2), (10, 0)), Some(false));
        assert_eq!(reachable(&plain, None, (2, 0)), Some(true));
        let more: Vec<Sum> = (0..30).map(|bit| (1 << bit, 0)).collect();
        assert_eq!(reachable(&more, Some(3), (7, 0)), Some(true));
        assert_eq!(reachable(&more, None, (7, 0)), Some(true));
        assert_eq!(reachable(&more, Some(2), (7, 0)), Some(false));
        assert_eq!(reachable(&more, None, (-1, 0)), Some(false));
        let many: Vec<Sum> = (0..60).map(|bit| (1 << bit, 0)).collect();
        assert_eq!(reachable(&many, Some(30), (1, 0)), None);
    }
}
