//! For tests only: the roles of hiscore, run through schedules of faults that a seed repeats.
//!
//! What runs is the code that ships: ingests, appliers, persisters, their leases, the client of Redis, and the library of functions
//! in Lua. Simulated are the machines and their time ([`world`]), the servers of Redis ([`redis`]), the store ([`store`]) and, in
//! the logged profile, the log ([`log`]).
//! [`plan`] draws from the seed what is done to whom, [`players`] play meanwhile, and [`run()`] lets everything settle and checks
//! the history of all that was acknowledged. All of it happens in one thread, so the same seed gives the same [`journal`].

mod chance;
mod journal;
mod log;
mod many;
mod mistake;
mod plan;
mod players;
mod process;
mod redis;
mod run;
mod store;
mod world;

pub use many::{Summary, run_all};
pub use mistake::Mistake;
pub use plan::Profile;
pub use run::{Outcome, run};
