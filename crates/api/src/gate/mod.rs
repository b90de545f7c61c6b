//! What stands between a request and its execution: whoever passes asks for a bounded amount of work, and every input of
//! it, wherever it is written, has the type it must have. So a request with one bad value executes nothing.
//!
//! In order: [`lexer`] counts before the parser runs, the parser, [`cost`] counts with fragments written out, [`literals`] are
//! checked by the rules of [`coerce`], and all of that is done once for a text ([`cache`]); then with each request's variables
//! [`coerce`] again and [`rows`]. The library's own strict validation comes on top, with what it knows better: fields,
//! arguments, fragments, directives.

mod cache;
mod coerce;
mod cost;
mod document;
mod lexer;
mod literals;
mod rows;
mod types;

use std::sync::Arc;

use async_graphql::ServerError;

use crate::limits::Limits;
use crate::schema;
use cache::Cache;
pub(crate) use document::Document;
use types::Types;

/// The gate of one server.
pub(crate) struct Gate {
    types: Types,
    cache: Cache,
    limits: Limits,
}

impl Gate {
    /// A gate to the schema.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            types: Types::new(&schema::sdl()),
            cache: Cache::new(limits.document_cache_entries, limits.document_cache_bytes),
            limits: limits.clone(),
        }
    }

    /// The document of a text, checked as far as it can be without variables.
    pub(crate) fn document(&self, text: &str) -> Result<Arc<Document>, Vec<ServerError>> {
        if let Some(document) = self.cache.get(text) {
            return Ok(document);
        }
        let document = Arc::new(Document::new(text, &self.types, &self.limits)?);
        self.cache.keep(text, &document);
        Ok(document)
    }

    /// The document of a text that has a plan.
    pub(crate) fn planned(&self, text: &str) -> Option<Arc<Document>> {
        self.cache.get(text).filter(|document| document.plan().is_some())
    }

    /// What no request may ask for more of.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Checks what depends on the variables, and fills in their defaults.
    pub(crate) fn check(
        &self,
        chosen: &document::Chosen<'_>,
        variables: &mut async_graphql::Variables,
    ) -> Result<(), Vec<ServerError>> {
        chosen.check(variables, &self.types, &self.limits)
    }
}
