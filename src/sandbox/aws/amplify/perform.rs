//! Which operation is which, and the reads.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::json::{PageLength, page, text};
use super::super::refusal::Refusal;
use super::app::{App, Branch};

/// Pages of apps.
const APPS: PageLength = PageLength { usual: 10, most: 100 };
/// Pages of branches, jobs and domains.
const OTHERS: PageLength = PageLength { usual: 10, most: 50 };

impl Account {
    /// Performs an Amplify operation whose request fits the model. `host` is where the caller reaches this account.
    pub(in super::super) fn perform_amplify(
        &mut self,
        operation: &str,
        request: &Value,
        host: &str,
    ) -> Result<Value, Refusal> {
        let now = self.now();
        let id = text(request, "appId").unwrap_or_default();
        let branch = text(request, "branchName").unwrap_or_default();
        let apps = &mut self.apps;
        match operation {
            "ListApps" => {
                let told: Vec<Value> = apps.all.iter().map(App::described).collect();
                page(request, "apps", &told, APPS)
            }
            "GetApp" => Ok(json!({"app": apps.app(id)?.described()})),
            "ListBranches" => {
                let app = apps.app(id)?;
                let told: Vec<Value> = app.branches.iter().map(|branch| branch.described(app)).collect();
                page(request, "branches", &told, OTHERS)
            }
            "GetBranch" => {
                let app = apps.app(id)?;
                Ok(json!({"branch": app.branch(branch)?.described(app)}))
            }
            "ListJobs" => {
                let app = apps.app(id)?;
                let branch = app.branch(branch)?;
                let told: Vec<Value> = branch.jobs.iter().rev().map(|job| job.summary(branch)).collect();
                page(request, "jobSummaries", &told, OTHERS)
            }
            "GetJob" => {
                let app = apps.app(id)?;
                let branch = app.branch(branch)?;
                let job = branch.job_named(request)?;
                Ok(json!({"job": {"summary": job.summary(branch), "steps": job.described_steps(app, branch, host)}}))
            }
            "StartJob" => apps.app_mut(id)?.start_job(request, now),
            "StopJob" => apps.app_mut(id)?.stop_job(request, now),
            "CreateDeployment" => apps.app_mut(id)?.create_deployment(request, now, host),
            "StartDeployment" => apps.app_mut(id)?.start_deployment(request, now),
            "UpdateBranch" => apps.app_mut(id)?.update_branch(request, now),
            "ListDomainAssociations" => {
                let app = apps.app(id)?;
                let told: Vec<Value> = app.domains.iter().map(|domain| domain.described(app)).collect();
                page(request, "domainAssociations", &told, OTHERS)
            }
            "GetDomainAssociation" => {
                let app = apps.app(id)?;
                Ok(json!({"domainAssociation": app.domain_named(request)?.described(app)}))
            }
            "UpdateDomainAssociation" => apps.app_mut(id)?.update_domain(request, now),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        }
    }
}

impl Branch {
    /// The job that a request names.
    pub(super) fn job_named(&self, request: &Value) -> Result<&super::job::Job, Refusal> {
        let id = text(request, "jobId").unwrap_or_default();
        let missing = || Refusal::new("NotFoundException", format!("Job {id} not found."));
        self.job(id).ok_or_else(missing)
    }
}
