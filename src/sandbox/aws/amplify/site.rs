//! What viewers of an app get: what the active job of the branch published that they are shown.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::super::account::Account;
use super::super::seed::Answer;
use super::app::{App, Apps};
use crate::clock::Clock;

/// What viewers of a site are shown.
#[derive(Debug, Clone)]
pub(in super::super) enum Shown {
    /// A branch, under the domain that every app has.
    Branch {
        /// The app's id.
        app: String,
        /// The branch.
        branch: String,
    },
    /// The branch that a host's prefix points to.
    Host {
        /// The app's id.
        app: String,
        /// The host, `www.example.com`.
        host: String,
    },
}

/// The address of a branch or a host.
pub(in super::super) struct AppSite {
    pub(in super::super) account: Arc<Mutex<Account>>,
    pub(in super::super) clock: Clock,
    pub(in super::super) shown: Shown,
}

impl AppSite {
    /// Answers a request for `path`.
    pub(in super::super) fn answer(&self, path: &str) -> Response<Body> {
        let answered = {
            let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
            account.pass(self.clock.now().at);
            account.apps.answer_of(&self.shown, path)
        };
        let (version, answer) =
            answered.unwrap_or_else(|| (String::new(), Answer { status: 404, body: "404 Not Found".to_owned() }));
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Ok(version) = version.parse() {
            response.headers_mut().insert("x-app-version", version);
        }
        response
    }
}

impl Apps {
    /// The sites of all apps: by the app's name where it has one branch, by `NAME/BRANCH`, and by host.
    pub(in super::super) fn sites(&self) -> Vec<(String, Shown)> {
        let mut sites = Vec::new();
        for app in &self.all {
            for branch in &app.branches {
                let shown = || Shown::Branch { app: app.id.clone(), branch: branch.name.clone() };
                if app.branches.len() == 1 {
                    sites.push((app.name.clone(), shown()));
                }
                sites.push((format!("{}/{}", app.name, branch.name), shown()));
            }
            for domain in &app.domains {
                for one in &domain.rules.sub_domains {
                    let host = match one.prefix.as_str() {
                        "" => domain.rules.name.clone(),
                        prefix => format!("{prefix}.{}", domain.rules.name),
                    };
                    sites.push((host.clone(), Shown::Host { app: app.id.clone(), host }));
                }
            }
        }
        sites
    }

    /// What was published that answers, and the answer; `None` where nothing is published.
    fn answer_of(&self, shown: &Shown, path: &str) -> Option<(String, Answer)> {
        let (app, branch) = match shown {
            Shown::Branch { app, branch } => (self.app(app).ok()?, branch.as_str()),
            Shown::Host { app, host } => {
                let app = self.app(app).ok()?;
                (app, app.domains.iter().find_map(|domain| domain.branch_of(host))?)
            }
        };
        app.answer_of(branch, path)
    }
}

impl App {
    fn answer_of(&self, branch: &str, path: &str) -> Option<(String, Answer)> {
        let branch = self.branch(branch).ok()?;
        let active = branch.active?;
        let published = branch.jobs.iter().find(|job| job.number == active).map(|job| job.content.clone())?;
        let answer = self.site.get(&published).and_then(|paths| paths.get(path)).cloned();
        Some((published, answer.unwrap_or(Answer { status: 200, body: "ok".to_owned() })))
    }
}
