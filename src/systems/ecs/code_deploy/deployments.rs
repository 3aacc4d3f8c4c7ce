//! Reads what `CodeDeploy` knows: deployments, their revisions, and how far traffic has been shifted.

use std::collections::BTreeMap;

use aws_sdk_codedeploy::types as sdk;
use jiff::Timestamp;

use super::app_spec::AppSpec;
use crate::aws::error::ErrorClass;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};

/// How many deployments `BatchGetDeployments` takes at once.
const DESCRIBED_AT_ONCE: usize = 25;

/// One deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeDeployment {
    /// Its id, `d-…`.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What whoever created it wrote.
    pub description: Option<String>,
    /// The deployment that it takes back, where `CodeDeploy` made it as a rollback.
    pub rollback_of: Option<String>,
    /// The deployment that takes it back.
    pub rolled_back_by: Option<String>,
    /// Why it failed, in AWS's words.
    pub error: Option<String>,
    /// The SHA-256 of its `AppSpec`; `None` where its revision lies elsewhere, as in S3.
    pub app_spec: Option<String>,
}

/// `DeploymentStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Made, not begun.
    Created,
    /// Waits for its turn.
    Queued,
    /// Under way; the wait before the old tasks are stopped included.
    InProgress,
    /// The new tasks take traffic and are looked at.
    Baking,
    /// The new tasks are up; somebody has to say that traffic may be rerouted.
    Ready,
    /// It succeeded, and the old tasks are gone.
    Succeeded,
    /// It failed.
    Failed,
    /// It was stopped.
    Stopped,
    /// One that this version does not know.
    Other(String),
}

/// A deployment group, as far as a rollback is concerned with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The application's name.
    pub application: String,
    /// The group's name.
    pub name: String,
    /// How traffic is shifted: `CodeDeployDefault.ECSAllAtOnce`.
    pub config: String,
    /// Who says that traffic may be rerouted.
    pub rerouting: Rerouting,
}

/// Who says that traffic may be rerouted to the new tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rerouting {
    /// `CodeDeploy`, as soon as they are up.
    AtOnce,
    /// A person, by `ContinueDeployment`.
    ByAPerson,
}

impl Status {
    /// Whether it goes on.
    pub fn is_under_way(&self) -> bool {
        matches!(self, Self::Created | Self::Queued | Self::InProgress | Self::Baking | Self::Ready)
    }

    /// AWS's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Created => "Created",
            Self::Queued => "Queued",
            Self::InProgress => "InProgress",
            Self::Baking => "Baking",
            Self::Ready => "Ready",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for Status {
    fn from(word: &str) -> Self {
        match word {
            "Created" => Self::Created,
            "Queued" => Self::Queued,
            "InProgress" => Self::InProgress,
            "Baking" => Self::Baking,
            "Ready" => Self::Ready,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "Stopped" => Self::Stopped,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// The application and the group that a deployment belongs to.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such deployment.
pub async fn group_of(aws: &Aws, deployment: &str) -> Result<Group, AwsError> {
    let answer = aws.reads().codedeploy.get_deployment().deployment_id(deployment).send().await;
    let answer = answer.map_err(|error| AwsError::of("codedeploy", "GetDeployment", &error))?;
    let info = answer.deployment_info;
    let (application, name) = info
        .and_then(|info| Some((info.application_name?, info.deployment_group_name?)))
        .ok_or_else(|| nothing("GetDeployment", "the deployment names no application and group"))?;
    let answer = aws
        .reads()
        .codedeploy
        .get_deployment_group()
        .application_name(&application)
        .deployment_group_name(&name)
        .send()
        .await
        .map_err(|error| AwsError::of("codedeploy", "GetDeploymentGroup", &error))?;
    let info = answer.deployment_group_info;
    let ready = info
        .as_ref()
        .and_then(|info| info.blue_green_deployment_configuration())
        .and_then(|configuration| configuration.deployment_ready_option());
    Ok(Group {
        application,
        name,
        rerouting: match ready.and_then(|ready| ready.action_on_timeout()) {
            Some(sdk::DeploymentReadyAction::StopDeployment) => Rerouting::ByAPerson,
            _ => Rerouting::AtOnce,
        },
        config: info.and_then(|info| info.deployment_config_name).unwrap_or_default(),
    })
}

/// The newest `count` deployments of a group (100 at most), newest first, and those called `also`.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn newest(
    aws: &Aws,
    application: &str,
    group: &str,
    count: usize,
    also: &[String],
) -> Result<Vec<CodeDeployment>, AwsError> {
    let answer = aws
        .reads()
        .codedeploy
        .list_deployments()
        .application_name(application)
        .deployment_group_name(group)
        .send()
        .await
        .map_err(|error| AwsError::of("codedeploy", "ListDeployments", &error))?;
    let mut ids: Vec<String> = answer.deployments.unwrap_or_default().into_iter().take(count).collect();
    ids.extend(also.iter().filter(|id| !ids.contains(id)).cloned().collect::<Vec<_>>());
    let mut looks = Vec::new();
    for ids in ids.chunks(DESCRIBED_AT_ONCE) {
        looks.push(described(aws, ids));
    }
    let mut deployments = futures::future::try_join_all(looks).await?.concat();
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
    Ok(deployments)
}

async fn described(aws: &Aws, ids: &[String]) -> Result<Vec<CodeDeployment>, AwsError> {
    let call = aws.reads().codedeploy.batch_get_deployments().set_deployment_ids(Some(ids.to_vec()));
    let answer = call.send().await.map_err(|error| AwsError::of("codedeploy", "BatchGetDeployments", &error))?;
    Ok(answer.deployments_info.unwrap_or_default().into_iter().map(CodeDeployment::from).collect())
}

/// The `AppSpec` with this SHA-256. What a deployment itself tells of its revision has no content.
///
/// # Errors
/// When AWS does not answer or refuses; `None` where there is none, or none that names a task definition.
pub async fn app_spec(aws: &Aws, application: &str, sha256: &str) -> Result<Option<AppSpec>, AwsError> {
    let content = sdk::AppSpecContent::builder().sha256(sha256).build();
    let revision = sdk::RevisionLocation::builder()
        .revision_type(sdk::RevisionLocationType::AppSpecContent)
        .app_spec_content(content)
        .build();
    let call = aws.reads().codedeploy.get_application_revision().application_name(application).revision(revision);
    match call.send().await.map_err(|error| AwsError::of("codedeploy", "GetApplicationRevision", &error)) {
        Ok(answer) => {
            let content = answer.revision.and_then(|revision| revision.app_spec_content);
            Ok(content.and_then(|spec| AppSpec::read(spec.content()?)))
        }
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// How much of production traffic each task set takes in a deployment, in percent by the task set's id (`ecs-svc/…`).
/// Empty before the deployment has targets.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn traffic(aws: &Aws, deployment: &str) -> Result<BTreeMap<String, u32>, AwsError> {
    let answer = aws.reads().codedeploy.list_deployment_targets().deployment_id(deployment).send().await;
    let answer = match answer.map_err(|error| AwsError::of("codedeploy", "ListDeploymentTargets", &error)) {
        Ok(answer) => answer,
        // DeploymentNotStartedException: there is nothing to tell yet.
        Err(error) if error.code.as_deref() == Some("DeploymentNotStartedException") => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let ids = answer.target_ids.unwrap_or_default();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let call = aws.reads().codedeploy.batch_get_deployment_targets().deployment_id(deployment);
    let answer = call.set_target_ids(Some(ids)).send().await;
    let answer = answer.map_err(|error| AwsError::of("codedeploy", "BatchGetDeploymentTargets", &error))?;
    let targets = answer.deployment_targets.unwrap_or_default().into_iter().filter_map(|target| target.ecs_target);
    let sets = targets.flat_map(|target| target.task_sets_info.unwrap_or_default());
    Ok(sets.filter_map(|set| Some((set.identifer?, percent(set.traffic_weight)))).collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0…100 before")]
fn percent(weight: f64) -> u32 {
    weight.clamp(0.0, 100.0).round() as u32
}

fn nothing(operation: &'static str, why: &str) -> AwsError {
    AwsError::local("codedeploy", operation, ErrorClass::NotFound, why)
}

impl From<sdk::DeploymentInfo> for CodeDeployment {
    fn from(info: sdk::DeploymentInfo) -> Self {
        let rollback = info.rollback_info;
        let revision = info.revision.and_then(|revision| revision.app_spec_content);
        Self {
            status: Status::from(info.status.as_ref().map_or("", sdk::DeploymentStatus::as_str)),
            id: info.deployment_id.unwrap_or_default(),
            created_at: info.create_time.and_then(timestamp),
            completed_at: info.complete_time.and_then(timestamp),
            description: info.description,
            rolled_back_by: rollback.as_ref().and_then(|rollback| named(rollback.rollback_deployment_id())),
            rollback_of: rollback.as_ref().and_then(|rollback| named(rollback.rollback_triggering_deployment_id())),
            error: info.error_information.map(|error| {
                let code = error.code.map_or_else(String::new, |code| format!(" ({})", code.as_str()));
                format!("{}{code}", error.message.unwrap_or_default())
            }),
            app_spec: revision.and_then(|revision| revision.sha256),
        }
    }
}

fn named(id: Option<&str>) -> Option<String> {
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}
