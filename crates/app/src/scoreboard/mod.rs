//! Scoreboard: what readers see, and how they are told of changes.

pub mod directory;
pub mod live;
pub mod reader;
pub mod source;
