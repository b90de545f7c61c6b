//! The plan of a `rankChanged`: what a follower of a player is told, written without an execution of its own.
//!
//! Made of an operation that may not be valid: whoever uses it has the schema open the changes first, which validates it.

use async_graphql::parser::types::{OperationDefinition, OperationType, Selection};
use async_graphql::{Error, PathSegment, Pos, Response, Value};
use hiscore_score::{LeaderboardId, VersionId};

use super::selection::{self, Fields, RecordField};
use crate::service::Row;

/// How to write what one player has.
pub(crate) struct Follow {
    /// The key of the field in the answer.
    key: Box<str>,
    /// Where the field stands in the document.
    at: Pos,
    record: Fields<RecordField>,
}

impl Follow {
    /// The plan of an operation; `None` if it is not of the shape.
    pub(crate) fn of(operation: &OperationDefinition) -> Option<Self> {
        let [root] = operation.selection_set.node.items.as_slice() else { return None };
        let Selection::Field(field) = &root.node else { return None };
        let (at, field) = (field.pos, &field.node);
        let plain = operation.ty == OperationType::Subscription
            && operation.directives.is_empty()
            && field.directives.is_empty()
            && field.name.node == "rankChanged";
        if !plain {
            return None;
        }
        let mut record = selection::fields(&field.selection_set.node, RecordField::of)?;
        record.shrink_to_fit();
        Some(Self { key: field.response_key().node.as_str().into(), at, record })
    }

    /// The whole answer; `None` if a number is beyond what can be said.
    pub(crate) fn write(
        &self,
        board: &LeaderboardId,
        standing: Option<&(VersionId, Row)>,
    ) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(32 + 48 * self.record.len());
        out.extend_from_slice(br#"{"data":{""#);
        out.extend_from_slice(self.key.as_bytes());
        out.extend_from_slice(br#"":"#);
        match standing {
            Some((version, row)) => selection::record(&mut out, &self.record, board, *version, row)?,
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}}");
        Some(out)
    }

    /// The answer when there is trouble instead, as the library gives it.
    pub(crate) fn failed(&self, error: Error) -> Response {
        let mut error = error.into_server_error(self.at);
        error.path = vec![PathSegment::Field(self.key.to_string())];
        let mut response = Response::from_errors(vec![error]);
        response.data = Value::Null;
        response
    }
}
