//! `CodeDeploy`'s past in the words of ECS's own, so that one and the same rules choose what to go back to. Pure.
//!
//! A rollback is a deployment of its own in `CodeDeploy`, and a part of the deployment that it takes back in ECS. Told in
//! ECS's way, a release that was taken back is not taken for a good one, and a rollback is not taken back unasked.

use std::collections::BTreeMap;

use super::super::inventory::{DeploymentStatus, Revision, ServiceDeployment};
use super::super::strategy::Strategy;
use super::app_spec::AppSpec;
use super::deployments::{CodeDeployment, Status};
use crate::incident::release::Image;

/// The deployments of a group as ECS would tell them, newest first, and what each goes to, by deployment id. Those whose
/// revision is not an `AppSpec` are left out. `running` are the images that run now, by task definition.
pub fn told_as_ecs(
    deployments: &[CodeDeployment],
    app_specs: &BTreeMap<String, AppSpec>,
    running: &BTreeMap<String, Vec<Image>>,
) -> (Vec<ServiceDeployment>, BTreeMap<String, Revision>) {
    let spec_of = |deployment: &CodeDeployment| app_specs.get(deployment.app_spec.as_ref()?);
    let by_id = |id: &String| deployments.iter().find(|other| other.id == *id);
    let mut told = Vec::new();
    let mut revisions = BTreeMap::new();
    for (age, deployment) in deployments.iter().enumerate() {
        let Some(spec) = spec_of(deployment) else { continue };
        revisions.insert(
            deployment.id.clone(),
            Revision {
                arn: deployment.id.clone(),
                task_definition: spec.task_definition.clone(),
                images: running.get(&spec.task_definition).cloned().unwrap_or_default(),
                settings: BTreeMap::new(),
            },
        );
        if deployment.rollback_of.as_ref().is_some_and(|of| by_id(of).is_some()) {
            continue;
        }
        let back = match &deployment.rolled_back_by {
            None => Back::Never,
            Some(id) => by_id(id).map_or(Back::NotListed, |rollback| Back::At(&rollback.status)),
        };
        let source = deployments.iter().skip(age + 1).find(|older| older.status == Status::Succeeded);
        told.push(ServiceDeployment {
            arn: deployment.id.clone(),
            status: status(deployment, back),
            reason: deployment.error.clone(),
            created_at: deployment.created_at,
            finished_at: deployment.completed_at,
            sources: source.map(|source| source.id.clone()).into_iter().collect(),
            target: deployment.id.clone(),
            rolled_back_to: deployment.rolled_back_by.clone(),
            waits_at: None,
            breaker: None,
            stage: None,
            strategy: Strategy::default(),
        });
    }
    (told, revisions)
}

/// Whether a deployment is taken back.
enum Back<'a> {
    /// It is not.
    Never,
    /// By a deployment that is not listed yet.
    NotListed,
    /// By a deployment that stands so.
    At(&'a Status),
}

/// How a deployment stands, with what takes it back.
fn status(deployment: &CodeDeployment, back: Back<'_>) -> DeploymentStatus {
    match (&deployment.status, back) {
        (_, Back::NotListed) => DeploymentStatus::RollbackRequested,
        (_, Back::At(Status::Succeeded)) => DeploymentStatus::RollbackSuccessful,
        (_, Back::At(Status::Failed | Status::Stopped)) => DeploymentStatus::RollbackFailed,
        (_, Back::At(_)) => DeploymentStatus::RollbackInProgress,
        (Status::Created | Status::Queued, Back::Never) => DeploymentStatus::Pending,
        (Status::InProgress | Status::Baking | Status::Ready, Back::Never) => DeploymentStatus::InProgress,
        (Status::Succeeded, Back::Never) => DeploymentStatus::Successful,
        (Status::Failed | Status::Stopped, Back::Never) => DeploymentStatus::Stopped,
        (Status::Other(word), Back::Never) => DeploymentStatus::Other(word.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{at, definition_arn};
    use super::*;

    fn deployment(hour: u32, number: u32, status: Status) -> CodeDeployment {
        CodeDeployment {
            id: format!("d-{hour:02}"),
            status,
            created_at: Some(at(&format!("{hour:02}:00:00"))),
            completed_at: None,
            description: None,
            rollback_of: None,
            rolled_back_by: None,
            error: None,
            app_spec: Some(format!("sha-{number}")),
        }
    }

    fn specs() -> BTreeMap<String, AppSpec> {
        let spec = |number: u32| AppSpec {
            content: String::new(),
            task_definition: definition_arn(number),
            hooks: Vec::new(),
        };
        (40..=42).map(|number| (format!("sha-{number}"), spec(number))).collect()
    }

    #[test]
    fn a_rollback_is_told_as_a_part_of_what_it_takes_back() {
        let taken_back =
            CodeDeployment { rolled_back_by: Some("d-03".to_owned()), ..deployment(2, 42, Status::Stopped) };
        let rollback = CodeDeployment { rollback_of: Some("d-02".to_owned()), ..deployment(3, 41, Status::Succeeded) };
        let (told, revisions) =
            told_as_ecs(&[rollback, taken_back, deployment(1, 41, Status::Succeeded)], &specs(), &BTreeMap::new());
        let words: Vec<(&str, &str)> = told.iter().map(|told| (told.arn.as_str(), told.status.word())).collect();
        assert_eq!(words, [("d-02", "ROLLBACK_SUCCESSFUL"), ("d-01", "SUCCESSFUL")]);
        assert_eq!(told[0].sources, ["d-01"]);
        assert_eq!(revisions[told[0].rolled_back_to.as_ref().unwrap()].task_definition, definition_arn(41));
    }

    #[test]
    fn a_rollback_that_is_not_listed_yet_is_one_that_was_asked_for() {
        let stopped = CodeDeployment { rolled_back_by: Some("d-09".to_owned()), ..deployment(2, 42, Status::Stopped) };
        let (told, _) = told_as_ecs(&[stopped], &specs(), &BTreeMap::new());
        assert_eq!(told[0].status, DeploymentStatus::RollbackRequested);
    }

    #[test]
    fn a_revision_that_lies_elsewhere_is_left_out() {
        let in_s3 = CodeDeployment { app_spec: None, ..deployment(2, 42, Status::Succeeded) };
        let (told, revisions) = told_as_ecs(&[in_s3, deployment(1, 41, Status::Succeeded)], &specs(), &BTreeMap::new());
        assert_eq!((told.len(), revisions.len()), (1, 1));
    }
}
