//! What is done to a branch: each call with one attempt. None of them takes a token.

use aws_sdk_amplify::types::{JobType, SourceUrlType};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use super::job::{Job, bare};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `StartJob` RETRY of an earlier job: its commit is built and deployed again.
    #[serde(rename = "StartJob")]
    Retry {
        /// The app's id.
        app: String,
        /// The branch.
        branch: String,
        /// The job that is built again.
        job: String,
        /// Its commit.
        commit: String,
        /// The newest job that was seen before: ours has a larger number.
        newest: u64,
    },
    /// `StartDeployment` from the place that an earlier job was deployed from.
    #[serde(rename = "StartDeployment")]
    Deploy {
        /// The app's id.
        app: String,
        /// The branch.
        branch: String,
        /// The place.
        source: String,
        /// `ZIP` or `BUCKET_PREFIX`.
        kind: Option<String>,
        /// The newest job that was seen before: ours has a larger number.
        newest: u64,
    },
    /// `StopJob`.
    #[serde(rename = "StopJob")]
    Stop {
        /// The app's id.
        app: String,
        /// The branch.
        branch: String,
        /// The job.
        job: String,
        /// Why.
        why: Stopping,
    },
}

/// Why a job is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Stopping {
    /// It would be deployed over what is wanted.
    InTheWay,
    /// Rollbot started it, and it builds something else than it should.
    BuildsSomethingElse {
        /// What Amplify says that it builds.
        commit: String,
    },
}

/// What Amplify answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The job that was started or stopped.
    pub job: String,
    /// What Amplify calls its commit.
    pub commit: String,
    /// Its status.
    pub status: String,
}

impl Receipt {
    fn of(told: Option<&aws_sdk_amplify::types::JobSummary>) -> Self {
        let job = told.map(Job::of).unwrap_or_default();
        Self { job: job.id, commit: job.commit_id, status: job.status }
    }
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
    let client = &aws.writes().amplify;
    match what {
        Do::Retry { app, branch, job, .. } => {
            let call = client.start_job().app_id(app).branch_name(branch).job_type(JobType::Retry).job_id(job);
            let answer = call.job_reason(format!("Rollbot {key}: back to job {job}")).send().await;
            let answer = answer.map_err(|error| blocked(AwsError::of("amplify", "StartJob", &error)))?;
            let request_id = answer.request_id().map(str::to_owned);
            Ok(Acted { receipt: Receipt::of(answer.job_summary()), request_id })
        }
        Do::Deploy { app, branch, source, kind, .. } => {
            let call = client.start_deployment().app_id(app).branch_name(branch).source_url(source);
            let kind = kind.as_deref().map(SourceUrlType::from);
            let answer = call.set_source_url_type(kind).send().await;
            let answer = answer.map_err(|error| blocked(AwsError::of("amplify", "StartDeployment", &error)))?;
            let request_id = answer.request_id().map(str::to_owned);
            Ok(Acted { receipt: Receipt::of(answer.job_summary()), request_id })
        }
        Do::Stop { app, branch, job, .. } => {
            let answer = client.stop_job().app_id(app).branch_name(branch).job_id(bare(job)).send().await;
            let answer = answer.map_err(|error| over(AwsError::of("amplify", "StopJob", &error)))?;
            let request_id = answer.request_id().map(str::to_owned);
            Ok(Acted { receipt: Receipt::of(answer.job_summary()), request_id })
        }
    }
}

/// A branch has one job at a time. That another is open, Amplify says with general codes: a limit for `StartJob`, a bad
/// request for `StartDeployment`. It is a conflict: the next look sees the other job.
fn blocked(error: AwsError) -> AwsError {
    let is_open = match error.code.as_deref() {
        Some("LimitExceededException") => true,
        Some("BadRequestException") => {
            ["pending or running", "was not finished"].iter().any(|words| error.message.contains(words))
        }
        _ => false,
    };
    if is_open { error.as_class(ErrorClass::Conflict) } else { error }
}

/// A job that cannot be stopped is over: the next look sees how it ended.
fn over(error: AwsError) -> AwsError {
    if error.code.as_deref() == Some("BadRequestException") { error.as_class(ErrorClass::Conflict) } else { error }
}
