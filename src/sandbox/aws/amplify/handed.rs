//! Addresses that are good without a signature: where a zip is handed over, and where one is fetched that is kept.
//!
//! A zip in this account is what the seed's `site` calls it, and not a zip.

use axum::body::{Body, Bytes};
use axum::http::{Method, Response, StatusCode};

use super::super::account::Account;
use super::super::rest_xml::percent_decoded;
use super::job::JobStatus;

impl Account {
    /// Answers a call to such an address; `None` where it is none.
    pub(in super::super) fn answer_presigned(
        &mut self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Option<Response<Body>> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (status, body) = match parts.as_slice() {
            ["amplify-uploads", app, branch, job] if method == Method::PUT => {
                let body = String::from_utf8_lossy(body);
                let app = self.apps.app_mut(app).ok();
                let taken = app.and_then(|app| app.take_upload(&percent_decoded(branch), job, &body));
                (taken.map_or(StatusCode::FORBIDDEN, |()| StatusCode::OK), String::new())
            }
            ["amplify-artifacts", app, branch, job, "artifacts.zip"] if method == Method::GET => {
                let kept = self.apps.app(app).ok().and_then(|app| {
                    let job = app.branch(&percent_decoded(branch)).ok()?.job(job)?;
                    (job.status == JobStatus::Succeed && job.files.is_none()).then(|| job.content.clone())
                });
                kept.map_or((StatusCode::NOT_FOUND, String::new()), |kept| (StatusCode::OK, kept))
            }
            _ => return None,
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        Some(response)
    }
}
