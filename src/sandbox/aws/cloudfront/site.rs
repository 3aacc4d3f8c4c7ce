//! What viewers of a distribution get.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Response, StatusCode, Uri};

use super::super::account::Account;
use crate::clock::Clock;

/// The address of a distribution.
pub(in super::super) struct EdgeSite {
    pub(in super::super) account: Arc<Mutex<Account>>,
    pub(in super::super) clock: Clock,
    /// The id.
    pub(in super::super) distribution: String,
}

impl EdgeSite {
    /// Answers a request.
    pub(in super::super) fn answer(&self, uri: &Uri) -> Response<Body> {
        let viewed = {
            let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
            account.pass(self.clock.now().at);
            let account = &mut *account;
            let now = account.now();
            account.distributions.view(&self.distribution, (uri.path(), uri.query()), now, &account.buckets)
        };
        let Some(viewed) = viewed else {
            let mut response = Response::new(Body::from("The request could not be satisfied."));
            *response.status_mut() = StatusCode::FORBIDDEN;
            return response;
        };
        let status = StatusCode::from_u16(viewed.answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status).header("x-cache", viewed.from);
        if let Some(age) = viewed.age {
            response = response.header("age", age.as_secs());
        }
        for (name, value) in &viewed.answer.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(viewed.answer.body)).unwrap_or_default()
    }
}
