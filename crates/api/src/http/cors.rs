//! Cross-origin use of `/graphql`: nobody, unless the operator names the origin.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use super::Server;

/// The origin of the request, if it is one that the operator named.
pub(super) fn allowed(server: &Server, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    named(&server.allowed_origins, origin).then(|| origin.clone())
}

/// Whether the operator named this origin.
pub(crate) fn named(allowed: &[String], origin: &HeaderValue) -> bool {
    allowed.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}

/// Lets pages of this origin read the answer.
pub(super) fn allow(response: &mut Response, origin: Option<HeaderValue>) {
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}

/// The answer to a browser that asks first.
pub(super) fn preflight(server: &Server, headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(origin) = allowed(server, headers) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("accept, content-type"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
        allow(&mut response, Some(origin));
    }
    response
}
