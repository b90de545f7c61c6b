//! Real processes of hiscore with real Redis and MongoDB, under load, while something of it is stopped, killed, emptied
//! or put back. Each test ends with every submission checked: what the API shows and what MongoDB has must be the
//! same, and must be what was submitted, by an account that knows nothing of hiscore's own code.
//!
//! `HISCORE_LONG=1` lets outages last as long as they are said to be survived; without it they are short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

mod account;
mod clustered;
mod deployment;
mod load;
mod logged_field;
mod shown;
mod wire;

mod cluster;
mod levels;
mod logged;
mod logged_appliers;
mod logged_broker;
mod logged_failover;
mod logged_judged;
mod logged_replay;
mod logged_room;
mod logged_seasons;
mod logged_stopped;
mod logged_store;
mod logged_tools;
mod logged_warming;
mod names;
mod persisters;
mod processes;
mod redis_failover;
mod redis_lost;
mod replies;
mod secured;
mod starting;
mod store_away;
mod store_back;
