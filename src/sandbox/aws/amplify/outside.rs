//! What others do to apps while somebody rolls back.

use serde_json::json;

use super::super::json::text;
use super::super::refusal::Refusal;
use super::super::seed_pipelines::SeedCommit;
use super::super::stand_in::AwsStandIn;
use super::job::{HEAD, Order};
use super::seed::SeedJobKind;

impl AwsStandIn {
    /// Somebody pushes a commit. Returns the number of the job that builds it, or `None` where the branch does not build
    /// by itself.
    ///
    /// # Errors
    ///
    /// When there is no such app or branch.
    pub fn push_to_app(&self, app: &str, branch: &str, commit: SeedCommit) -> Result<Option<u32>, Refusal> {
        let mut account = self.account();
        let now = account.now();
        let app = account.apps.app_mut(app)?;
        app.commits.retain(|known| known.id != commit.id);
        app.commits.push(commit.clone());
        let builds = app.auto_build && app.repository.is_some();
        let branch = app.branch_mut(branch)?;
        let order = Order {
            kind: SeedJobKind::Release,
            content: commit.id.clone(),
            commit: commit.id,
            message: commit.summary,
            loses_commit: false,
            files: None,
        };
        Ok((builds && branch.auto_build).then(|| branch.enqueue(order, now)))
    }

    /// Somebody calls the incoming webhook of a branch: its newest commit is built. Returns the job's number.
    ///
    /// # Errors
    ///
    /// When there is no such app or branch.
    pub fn call_webhook(&self, app: &str, branch: &str) -> Result<u32, Refusal> {
        let mut account = self.account();
        let now = account.now();
        let app = account.apps.app_mut(app)?;
        let head = app.head();
        let order = Order {
            kind: SeedJobKind::WebHook,
            content: head.id,
            commit: HEAD.to_owned(),
            message: head.summary,
            loses_commit: true,
            files: None,
        };
        Ok(app.branch_mut(branch)?.enqueue(order, now))
    }

    /// Somebody hands files over by address. Returns the job's id.
    ///
    /// # Errors
    ///
    /// Whatever `StartDeployment` would answer.
    pub fn hand_over(&self, app: &str, branch: &str, url: &str) -> Result<String, Refusal> {
        let mut account = self.account();
        let request = json!({"appId": app, "branchName": branch, "sourceUrl": url});
        let reply = account.perform_amplify("StartDeployment", &request, "")?;
        let id = reply.pointer("/jobSummary").and_then(|summary| text(summary, "jobId"));
        Ok(id.unwrap_or_default().to_owned())
    }

    /// What the branch's active job published: a commit, or the address of files.
    pub fn published(&self, app: &str, branch: &str) -> Option<String> {
        let account = self.account();
        let branch = account.apps.app(app).ok()?.branch(branch).ok()?;
        let active = branch.active?;
        branch.jobs.iter().find(|job| job.number == active).map(|job| job.content.clone())
    }
}
