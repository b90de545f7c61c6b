//! The front: where every request comes in. `/graphql` goes straight to its handler, everything else through axum's router.
//!
//! A router finds a path, and boxes a future and a body for each layer in between: more than the rest of what a planned
//! operation costs its thread. So there is one box a request here, and what few requests need is boxed where it begins.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::future::{BoxFuture, FutureExt};
use http::Request;
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{Server, graphql, headers};

/// The whole HTTP interface, as a service; a clone is the same one.
#[derive(Clone)]
pub struct Front {
    server: Arc<Server>,
    rest: Router,
}

impl Front {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        let rest = super::rest(Arc::clone(&server));
        Self { server, rest }
    }
}

impl<B> Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = Arc::clone(&self.server);
        if request.uri().path() == "/graphql" {
            return async move { Ok(around(&server, graphql::handle(&server, request).await)) }.boxed();
        }
        let rest = self.rest.call(request.map(Body::new));
        async move { rest.await.map(|response| around(&server, response)) }.boxed()
    }
}

/// What holds for every path.
fn around(server: &Server, mut response: Response) -> Response {
    headers::secure(response.headers_mut());
    server.metrics.responded(response.status());
    response
}
