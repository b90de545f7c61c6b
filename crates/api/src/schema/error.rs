//! Errors without a payload to stand in: what `extensions.code` says, and how trouble behind us is shown.

use async_graphql::{Error, ErrorExtensions, ServerError, Value};

use crate::service::{BoardError, Trouble};

/// What a client can go by in `extensions.code` of a top-level error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request is no GraphQL request, or its document is not valid.
    BadRequest,
    /// An argument or a variable is against the rules; `extensions.field` says which.
    Invalid,
    /// The document asks for more than one request may.
    TooComplex,
    /// What was named is not there; `extensions.field` says which argument named it.
    NotFound,
    /// As many as there may be.
    TooMany,
    /// Nobody has said who is asking.
    Unauthenticated,
    /// Too often; try again later.
    RateLimited,
    /// Surely not applied; try again later.
    Unavailable,
    /// Perhaps applied; try again with the same submission id.
    Ambiguous,
    /// A defect of ours.
    Internal,
}

impl ErrorCode {
    /// The code as it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Invalid => "INVALID",
            Self::TooComplex => "TOO_COMPLEX",
            Self::NotFound => "NOT_FOUND",
            Self::TooMany => "TOO_MANY",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Ambiguous => "AMBIGUOUS",
            Self::Internal => "INTERNAL",
        }
    }

    /// An error of a field.
    pub(crate) fn error(self, message: impl Into<String>) -> Error {
        Error::new(message).extend_with(|_, extensions| extensions.set("code", self.as_str()))
    }

    /// An error of a field that names the argument at fault.
    pub(crate) fn error_at(self, message: impl Into<String>, field: &[&str]) -> Error {
        let field = field.iter().map(|name| Value::from(*name)).collect::<Vec<_>>();
        self.error(message).extend_with(|_, extensions| extensions.set("field", Value::List(field)))
    }

    /// An error of the whole request.
    pub(crate) fn request_error(self, message: impl Into<String>) -> ServerError {
        self.error(message).into_server_error(Default::default()).without_location()
    }

    /// An error of the whole request that names the input at fault.
    pub(crate) fn request_error_at(self, message: impl Into<String>, field: &[&str]) -> ServerError {
        self.error_at(message, field).into_server_error(Default::default()).without_location()
    }
}

trait WithoutLocation {
    fn without_location(self) -> Self;
}

impl WithoutLocation for ServerError {
    /// Line 0 of a document is nowhere.
    fn without_location(mut self) -> Self {
        self.locations.clear();
        self
    }
}

/// Trouble behind us, as a field error.
pub(crate) fn trouble(trouble: Trouble) -> Error {
    let code = match trouble {
        Trouble::Unavailable(_) => ErrorCode::Unavailable,
        Trouble::Ambiguous(_) => ErrorCode::Ambiguous,
        // The service has logged what it was; what it was is no client's business.
        Trouble::Internal(_) => return ErrorCode::Internal.error("internal error"),
    };
    code.error(trouble.to_string())
}

/// Why a board cannot be read, as a field error; `field` is the argument that named the board or its season.
pub(crate) fn unreadable(error: BoardError, field: &str) -> Error {
    let code = match error {
        BoardError::Trouble(behind) => return trouble(behind),
        BoardError::NotFound => ErrorCode::NotFound,
        BoardError::TooMany(_) => ErrorCode::TooMany,
        BoardError::AlreadyExists | BoardError::VersionConflict { .. } => ErrorCode::Invalid,
    };
    code.error_at(error.to_string(), &[field])
}
