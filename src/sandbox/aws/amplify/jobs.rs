//! `StartJob`, `StopJob` and `UpdateBranch`.

use serde_json::{Value, json};

use super::super::json::text;
use super::super::refusal::Refusal;
use super::app::App;
use super::job::{CANCELLING, HEAD, JobStatus, Order};
use super::seed::SeedJobKind;
use crate::incident::time::Now;

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new("BadRequestException", message)
}

impl App {
    pub(super) fn start_job(&mut self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let name = text(request, "branchName").unwrap_or_default();
        let kind = text(request, "jobType").unwrap_or_default();
        let head = self.head();
        let is_connected = self.repository.is_some();
        let branch = self.branch(name)?;
        let order = match kind {
            "RELEASE" | "RETRY" if !is_connected => {
                return Err(bad("Operation not supported. App is not connected to a repository."));
            }
            "RELEASE" => Order {
                kind: SeedJobKind::Release,
                content: head.id,
                // What the caller calls it; what is built is the newest commit all the same.
                commit: text(request, "commitId").unwrap_or(HEAD).to_owned(),
                message: text(request, "commitMessage").unwrap_or_default().to_owned(),
                loses_commit: true,
                files: None,
            },
            "RETRY" => {
                if text(request, "jobId").is_none() {
                    return Err(bad("A job id is required to retry a job."));
                }
                let job = branch.job_named(request)?;
                let names_head = job.commit == HEAD;
                let content = if job.loses_commit { head.id } else { job.content.clone() };
                let message = if job.loses_commit { head.summary } else { job.message.clone() };
                Order {
                    kind: SeedJobKind::Retry,
                    commit: if names_head { HEAD.to_owned() } else { content.clone() },
                    content,
                    message,
                    loses_commit: job.loses_commit,
                    files: None,
                }
            }
            other => return Err(bad(format!("The requested jobType {other} does not support."))),
        };
        branch.must_be_idle()?;
        let number = self.branch_mut(name)?.enqueue(order, now);
        self.summary_of_job(name, number)
    }

    pub(super) fn stop_job(&mut self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let name = text(request, "branchName").unwrap_or_default();
        let job = self.branch(name)?.job_named(request)?;
        let (number, status) = (job.number, job.status);
        match status {
            JobStatus::Created | JobStatus::Pending | JobStatus::Provisioning | JobStatus::Running => {
                if let Some(job) = self.branch_mut(name)?.job_mut(number) {
                    job.status = JobStatus::Cancelling;
                    job.due = Some(now.after(CANCELLING));
                }
            }
            JobStatus::Cancelling => {}
            JobStatus::Failed | JobStatus::Succeed | JobStatus::Cancelled => {
                return Err(bad(format!("The job {number} is already finished with status {}.", status.word())));
            }
        }
        self.summary_of_job(name, number)
    }

    /// The reply that tells of one job.
    pub(super) fn summary_of_job(&self, branch: &str, number: u32) -> Result<Value, Refusal> {
        let branch = self.branch(branch)?;
        let job = branch.jobs.iter().find(|job| job.number == number);
        let missing = || Refusal::new("NotFoundException", format!("Job {number} not found."));
        Ok(json!({"jobSummary": job.ok_or_else(missing)?.summary(branch)}))
    }

    pub(super) fn update_branch(&mut self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let branch = self.branch_mut(text(request, "branchName").unwrap_or_default())?;
        for (member, value) in request.as_object().into_iter().flatten() {
            match (member.as_str(), value.as_bool()) {
                ("appId" | "branchName", _) => {}
                ("enableAutoBuild", Some(wanted)) => branch.auto_build = wanted,
                _ => {
                    branch.settings.insert(member.clone(), value.clone());
                }
            }
        }
        branch.updated_at = now.at;
        let branch = self.branch(text(request, "branchName").unwrap_or_default())?;
        Ok(json!({"branch": branch.described(self)}))
    }
}
