//! Exploring a model to the end, and telling what was found.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

/// What an exploration came to.
#[derive(Debug)]
pub struct Explored<M: Model> {
    /// Different states.
    pub states: usize,
    /// The longest way to one.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The actions to the first state that broke a promise, and that state.
    pub broken: Option<(Vec<M::Action>, M::State)>,
}

/// For a model that has no end; all there are take seconds, on a machine that is not busy with something else.
const LIMIT: Duration = Duration::from_secs(1_200);

/// Explores all of a model, up to the first promise that is not kept. One thread finds the shortest way there, two are
/// quicker.
///
/// # Panics
/// When it takes too long: a part of the states says little.
pub fn explore<M>(model: M, threads: usize) -> Explored<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Clone + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Debug + Clone + PartialEq + Send + Sync + 'static,
{
    let began = Instant::now();
    let checker = model.checker().threads(threads).timeout(LIMIT);
    let checker = checker.finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    assert!(
        began.elapsed() < LIMIT,
        "not explored to the end: {} states so far",
        checker.unique_state_count()
    );
    let found = checker.discoveries().into_values().next();
    let broken = found.map(|path| {
        let state = path.last_state().clone();
        (path.into_actions(), state)
    });
    Explored {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        broken,
    }
}
