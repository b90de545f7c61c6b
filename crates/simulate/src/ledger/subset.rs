//! Whether some of the amounts whose fate is unknown add up to what was found.

use std::collections::HashSet;

/// A sum of scores and of subscores. Wide, since the amounts sent may add up to more than a score may hold.
pub(super) type Sum = (i128, i128);

/// Sums that are followed before giving up: about 4 MB.
const MAX_STATES: usize = 1 << 16;

/// Whether exactly `count` of `amounts`, each at most once, add up to `target`; `None`: too many ways to tell.
pub(super) fn reachable(amounts: &[Sum], count: u64, target: Sum) -> Option<bool> {
    let Ok(count) = usize::try_from(count) else { return Some(false) };
    if count > amounts.len() {
        return Some(false);
    }
    // Leaving out is choosing too, and the smaller choice has fewer ways.
    if count > amounts.len() / 2 {
        let all = amounts.iter().fold((0, 0), |sum, amount| (sum.0 + amount.0, sum.1 + amount.1));
        return walk(amounts, amounts.len() - count, (all.0 - target.0, all.1 - target.1));
    }
    walk(amounts, count, target)
}

fn walk(amounts: &[Sum], count: usize, target: Sum) -> Option<bool> {
    // by_count[n]: the sums of n of the amounts seen so far.
    let mut by_count: Vec<HashSet<Sum>> = vec![HashSet::new(); count + 1];
    by_count[0].insert((0, 0));
    for amount in amounts {
        for chosen in (0..count).rev() {
            let grown: Vec<Sum> =
                by_count[chosen].iter().map(|sum| (sum.0 + amount.0, sum.1 + amount.1)).collect();
            by_count[chosen + 1].extend(grown);
        }
        if by_count.iter().map(HashSet::len).sum::<usize>() > MAX_STATES {
            return None;
        }
    }
    Some(by_count[count].contains(&target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_amount_counts_at_most_once() {
        let amounts = [(5, 0), (5, 1), (-3, 0)];
        assert_eq!(reachable(&amounts, 0, (0, 0)), Some(true));
        assert_eq!(reachable(&amounts, 2, (10, 1)), Some(true));
        assert_eq!(reachable(&amounts, 2, (10, 0)), Some(false));
        assert_eq!(reachable(&amounts, 3, (7, 1)), Some(true));
        assert_eq!(reachable(&amounts, 1, (7, 1)), Some(false));
        assert_eq!(reachable(&amounts, 4, (7, 1)), Some(false));
    }

    #[test]
    fn gives_up_instead_of_filling_the_memory() {
        let amounts: Vec<Sum> = (0..60).map(|bit| (1i128 << bit, 0)).collect();
        assert_eq!(reachable(&amounts, 30, (1, 0)), None);
        assert_eq!(reachable(&amounts, 60, ((1 << 60) - 1, 0)), Some(true));
    }
}
