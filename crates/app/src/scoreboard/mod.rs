//! Scoreboard: what readers see, and how they are told of changes.

pub mod boards;
mod counts;
pub mod directory;
pub mod live;
mod players;
pub mod reader;
pub mod remote;
pub mod source;
pub mod stored;
