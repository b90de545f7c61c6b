//! The GraphQL schema: the vocabulary of the API, and a thin way from it to the port and back.
//!
//! Why async-graphql 7.2 (measured with one hot mutation, 2 cores, in memory; an echo does 68,600 requests/s):
//!
//! - Stock it does 22,400/s, half of the time parsing. With the parsed document kept ([`crate::gate`]) and handed over
//!   by `Request::set_parsed_query`, and its *strict* validation, 39,200/s with every check. Its `ValidationMode::Fast`
//!   (45,800/s) accepts and runs unknown input fields, so it is not used.
//! - juniper, its validated operation kept, does 48,100/s, but needs resolvers that do not await and has no macro for
//!   subscriptions as plain streams.
//! - A prepared plan for the hot mutation, made from a validated document, does 64,200/s in either and needs no
//!   change of the schema ([`crate::plan`]); so the choice is by the schema macros, the subscriptions and
//!   `Request::set_parsed_query`.
//! - Its own axum glue is not used at all: it runs mutations sent by GET and as `text/plain`, ignores `Accept`, and closes
//!   WebSockets with the wrong codes. See [`crate::http`] and [`crate::ws`].

mod bulk;
mod check;
pub(crate) mod cursor;
mod enums;
pub(crate) mod error;
mod input;
mod leaderboard;
pub(crate) mod limits_of_rows;
mod mutation;
mod payload;
mod query;
mod record;
pub(crate) mod scalar;
mod subscription;

use std::sync::Arc;

use async_graphql::{Context, Result, SDLExportOptions};
use hiscore_score::LeaderboardId;

use crate::plan::{Judged, Submitted};
use crate::service::{Entry, Service, Wanted};
use cursor::Cursors;
pub(crate) use input::metadata;
use mutation::Mutation;
use query::Query;
use subscription::Subscription;

/// What the resolvers stand on.
pub(crate) struct Backend {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) cursors: Cursors,
    pub(crate) bulk_entries: usize,
}

/// The executable schema.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema over a backend.
pub(crate) fn build(backend: Arc<Backend>) -> Schema {
    Schema::build(Query, Mutation, Subscription).data(backend).finish()
}

/// The schema in the schema definition language, exactly as the server serves it.
pub fn sdl() -> String {
    Schema::new(Query, Mutation, Subscription)
        .sdl_with_options(SDLExportOptions::new().use_space_ident().prefer_single_line_descriptions())
}

/// What the resolvers stand on, as [`build`] put it there.
fn backend<'a>(ctx: &Context<'a>) -> Result<&'a Arc<Backend>> {
    ctx.data::<Arc<Backend>>()
}

/// Submits through the port; or, where a plan has done so already, gives what came of it.
async fn submit(
    ctx: &Context<'_>,
    board: &LeaderboardId,
    entries: Vec<Entry>,
    wanted: Wanted,
) -> Result<Submitted> {
    match ctx.data_opt::<Judged>() {
        Some(judged) => Ok(judged.take()),
        None => Ok(backend(ctx)?.service.submit(board, entries, wanted).await),
    }
}
