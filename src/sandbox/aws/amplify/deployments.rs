//! `CreateDeployment` and `StartDeployment`: files that are handed over, for apps without a repository.

use serde_json::{Value, json};

use super::super::json::text;
use super::super::refusal::Refusal;
use super::app::{App, Branch};
use super::described::escaped;
use super::job::{HEAD, JobStatus, Order, PENDING};
use super::seed::{SeedFiles, SeedJobKind, SeedSourceKind};
use crate::incident::time::Now;

/// What a job publishes whose files never came.
const NOTHING: &str = "";

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new("BadRequestException", message)
}

impl App {
    fn must_be_manual(&self) -> Result<(), Refusal> {
        match self.repository {
            None => Ok(()),
            Some(_) => Err(bad("Operation not supported. App is already connected a repository.")),
        }
    }

    pub(super) fn create_deployment(&mut self, request: &Value, now: Now, host: &str) -> Result<Value, Refusal> {
        let name = text(request, "branchName").unwrap_or_default();
        self.branch(name)?;
        self.must_be_manual()?;
        let branch = self.branch_mut(name)?;
        branch.must_have_finished()?;
        let number = branch.add(handed_over(NOTHING.to_owned(), None), now.at, JobStatus::Created);
        let address = format!("http://{host}/amplify-uploads/{}/{}/{number}", self.id, escaped(name));
        let files = request.get("fileMap").and_then(Value::as_object).into_iter().flatten();
        let files: serde_json::Map<String, Value> =
            files.map(|(path, _)| (path.clone(), json!(format!("{address}?file={}", escaped(path))))).collect();
        Ok(json!({"jobId": number.to_string(), "zipUploadUrl": address, "fileUploadUrls": files}))
    }

    pub(super) fn start_deployment(&mut self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let name = text(request, "branchName").unwrap_or_default();
        self.branch(name)?;
        self.must_be_manual()?;
        let branch = self.branch_mut(name)?;
        branch.must_have_finished()?;
        let number = match (text(request, "jobId"), text(request, "sourceUrl")) {
            (Some(_), Some(_)) => return Err(bad("Only one of jobId and sourceUrl may be given.")),
            (None, None) => return Err(bad("Either jobId or sourceUrl is required.")),
            (Some(_), None) => {
                let job = branch.job_named(request)?;
                let (number, status) = (job.number, job.status);
                if status != JobStatus::Created {
                    return Err(bad(format!("The deployment {number} has been started already.")));
                }
                if let Some(job) = branch.job_mut(number) {
                    job.status = JobStatus::Pending;
                    job.due = Some(now.after(PENDING));
                    job.started_at = now.at;
                }
                number
            }
            (None, Some(url)) => {
                if !["s3://", "https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
                    return Err(bad("sourceUrl must begin with s3://, https:// or http://."));
                }
                let kind = match text(request, "sourceUrlType") {
                    Some("BUCKET_PREFIX") => SeedSourceKind::BucketPrefix,
                    Some(_) | None => SeedSourceKind::Zip,
                };
                branch.enqueue(handed_over(url.to_owned(), Some(SeedFiles { url: url.to_owned(), kind })), now)
            }
        };
        self.summary_of_job(name, number)
    }

    /// Takes a zip, or one of many files, for a deployment that has been created.
    pub(super) fn take_upload(&mut self, branch: &str, job: &str, body: &str) -> Option<()> {
        let number = job.parse::<u32>().ok()?;
        let job = self.branch_mut(branch).ok()?.job_mut(number)?;
        if job.status != JobStatus::Created {
            return None;
        }
        body.clone_into(&mut job.content);
        Some(())
    }
}

fn handed_over(content: String, files: Option<SeedFiles>) -> Order {
    Order {
        kind: SeedJobKind::Manual,
        content,
        commit: HEAD.to_owned(),
        message: String::new(),
        loses_commit: false,
        files,
    }
}

impl Branch {
    fn must_have_finished(&self) -> Result<(), Refusal> {
        match self.open_job() {
            None => Ok(()),
            Some(open) => Err(bad(format!(
                "The last job(deployment) {} was not finished, please wait until it finish or use StopJob operation to cancel it before creating a new deployment.",
                open.number
            ))),
        }
    }
}
