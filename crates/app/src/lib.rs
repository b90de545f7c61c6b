//! The stages of hiscore in the order of a score's path, and their wiring.
//!
//! [`submit`] judges and syncs, or logs what [`apply`] has judged, [`coalesce`] carries what is dirty into the store, [`scoreboard`] shows it.
//! [`serve`] wires them; it, [`transfer`], which carries data from one profile into another, and [`log_tools`], which look at a
//! log, are the only places that name a backend.

pub mod apply;
pub mod clock;
pub mod coalesce;
pub mod deployment;
pub mod direct;
pub mod failpoint;
pub mod greeting;
pub mod health;
pub mod healthy;
pub mod listen;
pub mod log_link;
pub mod log_room;
pub mod log_tools;
pub mod metrics;
pub mod outside;
pub mod recover;
pub mod scoreboard;
pub mod serve;
pub mod service;
pub mod share;
pub mod submit;
pub mod transfer;
