//! The page: the built front end out of the binary itself.
//!
//! The build script puts `web/dist` into the binary, compressed where that helps. That is about 60 lines and no
//! dependency at run time; `rust-embed` keeps no compressed form that could be sent as it is, and `memory-serve` brings a
//! Brotli encoder and its own router for the same.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::headers::{GRAPHIQL_POLICY, PAGE_POLICY};

/// One file of the front end.
struct File {
    /// Its path below `web/dist`.
    path: &'static str,
    content_type: &'static str,
    /// A quoted hash of what is in it.
    etag: &'static str,
    plain: &'static [u8],
    /// In gzip, where that is smaller.
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Names with a hash of their content never change what they mean.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// May be kept, and must be asked about.
const ASK: &str = "no-cache";

const NOT_BUILT: &str = "The page is not in this binary: it was built without web/dist.\n\n\
    To have it: cd web && npm ci && npm run build, then build hiscore again.\n\n\
    The API is at /graphql all the same.\n";

/// The score board.
pub(super) async fn index(headers: HeaderMap) -> Response {
    page("index.html", PAGE_POLICY, &headers)
}

/// GraphiQL.
pub(super) async fn graphiql(headers: HeaderMap) -> Response {
    page("graphiql.html", GRAPHIQL_POLICY, &headers)
}

/// The icon.
pub(super) async fn favicon(headers: HeaderMap) -> Response {
    file("favicon.svg").map_or_else(missing, |file| serve(file, ASK, &headers))
}

/// A script, a style, a font.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    file(&format!("assets/{name}")).map_or_else(missing, |file| serve(file, FOREVER, &headers))
}

fn file(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|at| FILES.get(at))
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

fn page(path: &str, policy: &'static str, headers: &HeaderMap) -> Response {
    let Some(file) = file(path) else {
        return (StatusCode::NOT_FOUND, NOT_BUILT).into_response();
    };
    let mut response = serve(file, ASK, headers);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn serve(file: &File, cache: &'static str, request: &HeaderMap) -> Response {
    let known = request.get_all(IF_NONE_MATCH).iter().any(|value| {
        let mut tags = value.to_str().unwrap_or("").split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == file.etag)
    });
    let gzip = file.gzip.filter(|_| takes_gzip(request));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = [(CONTENT_TYPE, HeaderValue::from_static(file.content_type))];
        (content_type, gzip.unwrap_or(file.plain)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(ETAG, HeaderValue::from_static(file.etag));
    if file.gzip.is_some() {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if gzip.is_some() && !known {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn takes_gzip(request: &HeaderMap) -> bool {
    request.get_all(ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().unwrap_or("").split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            named && !refused
        })
    })
}
