//! For tests only: the protocol between Redis, the persisters and the store as a model, and every interleaving of it
//! explored for small bounds.
//!
//! A model is a second description of what the code does, step by step: [`redis`] is the library of functions (each call is
//! one step), [`persister`] and [`reconcile`] are the roles (each call that they make is one step, between any two of which
//! they may pause, be overtaken or die), [`store`] is MongoDB as its contract says. [`law`] is no model: it is the crate
//! `score` itself. [`logged`] and [`rebuild`] are the profile with a log in front. [`world`] says what can happen, [`promise`] what must be true whatever did. [`bounds`] says how much of
//! all that a run explores, and has the mistakes that are put in to see that they are found.

pub mod bounds;
pub mod explore;
pub mod law;
pub mod logged;
pub mod persister;
pub mod promise;
pub mod rebuild;
pub mod reconcile;
pub mod redis;
pub mod store;
pub mod world;
