//! What a look at a running step finds, of ECS and of `CodeDeploy`: plain data, shared by whoever looks at the same
//! service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::types as sdk;

use super::super::observe::{Deployment, Seen, events_of};
use super::super::register;
use super::act::{Do, Receipt};
use super::deployments::{self, CodeDeployment};
use crate::aws::services::{self, Tags};
use crate::aws::target_health;
use crate::aws::tasks::{self, Wanted};
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::incident::work::EcsCodeDeploy;
use crate::systems::step_kind::{Entry, Outcome, StepJournal};

/// How many deployments are looked at: the present one and those that it may have been followed by.
const DEPLOYMENTS: usize = 10;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blue {
    /// The service. Its task sets stand for deployments: the primary one, and those that take traffic or may do so.
    pub service: Seen,
    /// Every task set, the primary one first.
    pub task_sets: Vec<TaskSet>,
    /// The newest deployments in `CodeDeploy`, newest first.
    pub deployments: Vec<CodeDeployment>,
    /// The task definition that each deployment goes to, by the deployment's id, where that is known.
    pub definitions: BTreeMap<String, String>,
    /// How much of production traffic each task set takes in the newest deployment while that is under way, in percent.
    pub traffic: BTreeMap<String, u32>,
}

/// One task set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskSet {
    /// Its id, `ecs-svc/…`: its tasks bear it as what started them.
    pub id: String,
    /// The deployment in `CodeDeploy` that made it.
    pub made_by: Option<String>,
    /// It as a deployment of ECS would be told.
    pub as_deployment: Deployment,
}

/// What one step sees.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The service; the same for whoever looks at it.
    pub blue: Arc<Blue>,
    /// The revision that an act of this step registered whose reply was lost, if there is one.
    pub registered: Option<String>,
}

/// A look at the service of `work`. Looks that begin after this call are shared.
///
/// # Errors
/// When AWS does not answer or refuses, or the service is gone.
pub async fn observe(aws: &Aws, work: &EcsCodeDeploy, journal: &StepJournal<'_>) -> Result<Sight, AwsError> {
    let entries: Vec<Entry<Do, Receipt>> = journal.entries().unwrap_or_default();
    let own: Vec<String> = entries.iter().filter_map(|entry| deployment_of(&entry.outcome)).collect();
    let look = || look(aws, work, &own);
    let resource = format!("codedeploy {} {}", work.ecs.service, own.join(" "));
    let blue = aws.flights().share(&resource, Duration::ZERO, look).await?;
    let registered = match (&work.ecs.register, lost_registrations(&entries, journal)) {
        (Some(registration), keys) if !keys.is_empty() => register::find(aws, &registration.like, &keys).await?,
        _ => None,
    };
    Ok(Sight { blue, registered })
}

/// The deployment that an act stopped or made.
pub fn deployment_of(outcome: &Outcome<Receipt>) -> Option<String> {
    match outcome {
        Outcome::Accepted(Receipt::Stopping { deployment } | Receipt::Created { deployment }) => {
            Some(deployment.clone())
        }
        Outcome::Accepted(Receipt::Registered { .. }) | Outcome::Unknown | Outcome::Refused(_) => None,
    }
}

/// The keys of registrations without a reply. None, once one is known to have been accepted. Pure.
fn lost_registrations(entries: &[Entry<Do, Receipt>], journal: &StepJournal<'_>) -> Vec<String> {
    let known = |entry: &Entry<Do, Receipt>| matches!(entry.outcome, Outcome::Accepted(Receipt::Registered { .. }));
    if entries.iter().any(known) {
        return Vec::new();
    }
    let lost =
        entries.iter().filter(|entry| matches!(entry.what, Do::Register { .. }) && entry.outcome == Outcome::Unknown);
    lost.map(|entry| journal.key_of(entry.number)).collect()
}

async fn look(aws: &Aws, work: &EcsCodeDeploy, own: &[String]) -> Result<Blue, AwsError> {
    let (cluster, service) = (work.ecs.cluster.as_str(), work.ecs.service.as_str());
    // First the deployments, then what came of them: a task set is never older than what is said of its deployment.
    let deployments = deployments::newest(aws, &work.application, &work.group, DEPLOYMENTS, own).await?;
    let (found, running, stopped) = futures::try_join!(
        services::describe(aws, cluster, service, Tags::Left),
        tasks::of_service(aws, cluster, service, Wanted::Running),
        tasks::of_service(aws, cluster, service, Wanted::Stopped),
    )?;
    let mut task_sets: Vec<TaskSet> = found.task_sets().iter().map(TaskSet::from).collect();
    task_sets.sort_by_key(|set| !set.as_deployment.is_primary());
    let under_way = deployments.first().filter(|newest| newest.status.is_under_way());
    let mut traffic = BTreeMap::new();
    let mut definitions: BTreeMap<String, String> = task_sets
        .iter()
        .filter_map(|set| Some((set.made_by.clone()?, set.as_deployment.task_definition.clone())))
        .collect();
    if let Some(newest) = under_way {
        traffic = deployments::traffic(aws, &newest.id).await?;
        if !definitions.contains_key(&newest.id)
            && let Some(sha256) = &newest.app_spec
            && let Some(spec) = deployments::app_spec(aws, &work.application, sha256).await?
        {
            definitions.insert(newest.id.clone(), spec.task_definition);
        }
    }
    let (primary, own_tasks) = target_health::of_primary(&found, &running);
    let health = target_health::of_tasks(aws, primary, target_health::groups_of(&found), own_tasks).await?;
    // A task set without traffic is no rival: CodeDeploy keeps the old one for a while, to be able to go back to it.
    let takes_traffic = |set: &&TaskSet| {
        set.as_deployment.is_primary() || traffic.get(&set.id).copied() != Some(0) || under_way.is_none()
    };
    let in_traffic = task_sets.iter().filter(takes_traffic).map(|set| set.as_deployment.clone()).collect();
    Ok(Blue {
        service: Seen {
            status: found.status().unwrap_or_default().to_owned(),
            desired: found.desired_count(),
            deployments: in_traffic,
            stopped,
            health,
            events: events_of(&found),
            ..Seen::default()
        },
        task_sets,
        deployments,
        definitions,
        traffic,
    })
}

impl From<&sdk::TaskSet> for TaskSet {
    fn from(set: &sdk::TaskSet) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let is_steady = |status: &sdk::StabilityStatus| *status == sdk::StabilityStatus::SteadyState;
        let rollout = set.stability_status().map(|status| if is_steady(status) { "COMPLETED" } else { "IN_PROGRESS" });
        Self {
            id: text(set.id()),
            made_by: set.external_id().filter(|id| !id.is_empty()).map(str::to_owned),
            as_deployment: Deployment {
                id: text(set.id()),
                status: text(set.status()),
                task_definition: text(set.task_definition()),
                desired: set.computed_desired_count(),
                running: set.running_count(),
                pending: set.pending_count(),
                failed_tasks: 0,
                created_at: set.created_at().copied().and_then(timestamp),
                rollout: rollout.map(str::to_owned),
                rollout_reason: None,
            },
        }
    }
}

impl Blue {
    /// The task set that takes production traffic.
    pub fn primary(&self) -> Option<&Deployment> {
        self.service.primary()
    }

    /// The deployment with this id.
    pub fn deployment(&self, id: &str) -> Option<&CodeDeployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The task set that a deployment made.
    pub fn made_by(&self, deployment: &str) -> Option<&TaskSet> {
        self.task_sets.iter().find(|set| set.made_by.as_deref() == Some(deployment))
    }
}
