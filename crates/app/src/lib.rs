//! The stages of hiscore in the order of a score's path, and their wiring.
//!
//! [`submit`] judges and syncs, [`coalesce`] carries what is dirty into the store, [`scoreboard`] shows it.
//! [`serve`] wires them; it and [`transfer`], which carries data from one profile into another, are the only places that
//! name a backend.

pub mod clock;
pub mod coalesce;
pub mod deployment;
pub mod direct;
pub mod greeting;
pub mod health;
pub mod healthy;
pub mod listen;
pub mod metrics;
pub mod recover;
pub mod scoreboard;
pub mod serve;
pub mod service;
pub mod submit;
pub mod transfer;
