//! Looks at a branch and its jobs. Reads only.

use aws_sdk_amplify::types::Backend;
use futures::future::try_join;

use super::app::{self, App};
use super::inventory::{Branch, BranchInventory, BranchSeen, BranchSpec, Caches, Followed, Pushes};
use super::job::{Job, JobStep, bare, number};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many jobs a page has: the most that `ListJobs` gives.
const JOBS: i32 = 50;
/// How many pages are read for a plan: the newest two hundred jobs.
const PAGES: usize = 4;

/// A fresh look, for planning.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such app or branch.
pub async fn look(aws: &Aws, spec: &BranchSpec) -> Result<BranchInventory, AwsError> {
    let app = app::find(aws, &spec.app).await?;
    let (branch, mut jobs) = try_join(branch(aws, &app, &spec.branch), jobs(aws, &app.id, &spec.branch, PAGES)).await?;
    if let Some(active) = &branch.active
        && !jobs.iter().any(|job| job.number() == number(active))
        && let Some(Followed { job, .. }) = followed(aws, &app.id, &spec.branch, active).await?
    {
        jobs.push(job);
    }
    Ok(BranchInventory { spec: spec.clone(), app, branch, jobs })
}

/// What there is to see while a branch is taken back; `follow` is the job that is followed.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn seen(
    aws: &Aws,
    app: &str,
    branch: &str,
    follow: impl FnOnce(&Branch, &[Job]) -> Option<String>,
) -> Result<BranchSeen, AwsError> {
    let (told, jobs) = try_join(branch_of(aws, app, branch), jobs(aws, app, branch, 1)).await?;
    let followed = match follow(&told, &jobs) {
        Some(job) => followed(aws, app, branch, &job).await?,
        None => None,
    };
    Ok(BranchSeen { branch: told, jobs, followed })
}

/// A branch of `app`; one that is not there is a mistake in the configuration.
pub(super) async fn branch(aws: &Aws, app: &App, branch: &str) -> Result<Branch, AwsError> {
    branch_of(aws, &app.id, branch).await.map_err(|error| {
        if error.class != ErrorClass::NotFound {
            return error;
        }
        let why = format!("Amplify app {} has no branch {branch}. Correct `branch` in rollbot.yml", app.name);
        AwsError::local("amplify", "GetBranch", ErrorClass::NotFound, why)
    })
}

pub(super) async fn branch_of(aws: &Aws, app: &str, branch: &str) -> Result<Branch, AwsError> {
    let call = aws.reads().amplify.get_branch().app_id(app).branch_name(branch);
    let answer = call.send().await.map_err(|error| AwsError::of("amplify", "GetBranch", &error))?;
    let Some(told) = answer.branch else {
        return Err(AwsError::local("amplify", "GetBranch", ErrorClass::Bug, "the answer has no branch in it"));
    };
    let active = bare(told.active_job_id());
    let stack = told.backend().and_then(Backend::stack_arn).or(told.backend_environment_arn());
    Ok(Branch {
        arn: told.branch_arn().to_owned(),
        active: (number(active) > 0).then(|| active.to_owned()),
        pushes: if told.enable_auto_build() { Pushes::Deploy } else { Pushes::Nothing },
        backend: stack.filter(|arn| !arn.is_empty()).map(last_name),
        caches: if told.enable_performance_mode() == Some(true) { Caches::Pages } else { Caches::Nothing },
    })
}

/// What a stack or an environment is called, from its ARN.
fn last_name(arn: &str) -> String {
    let mut parts = arn.split('/');
    match (parts.next(), parts.next()) {
        // arn:…:stack/<name>/<id>
        (Some(service), Some(name)) if service.contains(":cloudformation:") => name.to_owned(),
        (Some(_), Some(_)) => arn.rsplit('/').next().unwrap_or(arn).to_owned(),
        (Some(_) | None, _) => arn.to_owned(),
    }
}

/// A branch's newest jobs, newest first.
async fn jobs(aws: &Aws, app: &str, branch: &str, pages: usize) -> Result<Vec<Job>, AwsError> {
    let mut jobs = Vec::new();
    let mut next = None;
    for _ in 0..pages {
        let call = aws.reads().amplify.list_jobs().app_id(app).branch_name(branch).max_results(JOBS);
        let answer = call.set_next_token(next).send().await;
        let answer = answer.map_err(|error| AwsError::of("amplify", "ListJobs", &error))?;
        jobs.extend(answer.job_summaries().iter().map(Job::of));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            break;
        }
    }
    jobs.sort_by_key(|job| std::cmp::Reverse(job.number()));
    Ok(jobs)
}

/// A job with its steps; `None` where there is no such job.
pub(super) async fn followed(aws: &Aws, app: &str, branch: &str, job: &str) -> Result<Option<Followed>, AwsError> {
    let call = aws.reads().amplify.get_job().app_id(app).branch_name(branch).job_id(job);
    let answer = match call.send().await.map_err(|error| AwsError::of("amplify", "GetJob", &error)) {
        Ok(answer) => answer,
        Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(told) = answer.job else { return Ok(None) };
    let Some(summary) = told.summary() else { return Ok(None) };
    Ok(Some(Followed { job: Job::of(summary), steps: told.steps().iter().map(JobStep::of).collect() }))
}
