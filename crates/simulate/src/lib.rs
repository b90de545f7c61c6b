//! `hiscore simulate`: players that play against a server, and the proof that no acknowledged score is missing.
//!
//! [`run()`] does it all. [`ledger`] is the checker by itself: pure, and shared with the fault tests.
//!
//! The way through: `run` finds the board and takes the baseline, `lane` plays on a fixed schedule and retries,
//! `game` makes up names, scores and submission ids, `api` and `client` speak to the server, `stats` counts,
//! `read_back` compares, `report` and `summary` tell.

mod api;
mod client;
mod console;
mod game;
mod lane;
pub mod ledger;
mod read_back;
mod report;
mod run;
mod stats;
mod summary;

pub use console::{Console, Reporter, Silent};
pub use report::{Check, Report};
pub use run::{Error, run};
