//! Answers: every one to `/graphql` has the shape of a GraphQL response, also when the request was no GraphQL at all.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::event_stream;
use super::negotiate::Media;
use crate::engine::Answer;
use crate::schema::error::ErrorCode;

/// The answer to a GraphQL request. One that was refused is 400 where the media type says so.
pub(super) fn graphql(answer: &Answer, media: Media) -> Response {
    let status = match media {
        Media::GraphqlResponse if answer.is_refusal() => StatusCode::BAD_REQUEST,
        Media::GraphqlResponse | Media::Json | Media::EventStream => StatusCode::OK,
    };
    with_status(answer, media, status)
}

/// The answer to what is no GraphQL request, or not one for this path and method.
pub(super) fn refused(status: StatusCode, media: Media, message: &str) -> Response {
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Unavailable,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooComplex,
        _ => ErrorCode::BadRequest,
    };
    with_status(&Answer::refused(vec![code.request_error(message)]), media, status)
}

/// The answer to a method that does not go with the path or the operation.
pub(super) fn not_allowed(media: Media, allow: &'static str, message: &str) -> Response {
    let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, media, message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// The same, and the connection ends with it: its body was not read to the end.
pub(super) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer to a GraphQL request that was executed, in JSON already.
pub(super) fn written(json: Vec<u8>, media: Media) -> Response {
    in_json(json, media, StatusCode::OK)
}

fn with_status(answer: &Answer, media: Media, status: StatusCode) -> Response {
    in_json(answer.to_json(), media, status)
}

fn in_json(json: Vec<u8>, media: Media, status: StatusCode) -> Response {
    // What was no GraphQL request is no stream either: the status says more to who wanted one.
    let media = match media {
        Media::EventStream if status == StatusCode::OK => return event_stream::once(&json),
        Media::EventStream => Media::Json,
        Media::GraphqlResponse | Media::Json => media,
    };
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(media.content_type()))];
    (status, headers, json).into_response()
}

/// No such path.
pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

/// The path knows only GET (and HEAD).
pub(super) async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n").into_response()
}
