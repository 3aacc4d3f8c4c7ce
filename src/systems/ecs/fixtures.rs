//! A service called `api` of the cluster `shop-prod`, for the tables of cases.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::inventory::{
    Balanced, Controller, Definition, DefinitionStatus, DeploymentStatus, EcsInventory, EcsSpec, Hooks, Management,
    Revision, Scheduling, Service, ServiceDeployment,
};
use super::needs::Supplies;
use super::strategy::Strategy;
use crate::incident::release::Image;

/// A time of the incident's day.
pub(super) fn at(time: &str) -> Timestamp {
    format!("2026-11-12T{time}Z").parse().unwrap()
}

/// The ARN of a task definition of the family `api`.
pub(super) fn definition_arn(number: u32) -> String {
    format!("arn:aws:ecs:eu-north-1:123456789012:task-definition/api:{number}")
}

/// The ARN of the service revision that runs it.
pub(super) fn revision_arn(number: u32) -> String {
    format!("arn:aws:ecs:eu-north-1:123456789012:service-revision/shop-prod/api/{number}")
}

/// The digest of its image.
pub(super) fn digest(number: u32) -> String {
    format!("sha256:{number:064x}")
}

/// Its image.
pub(super) fn image(number: u32) -> Image {
    Image {
        container: "app".to_owned(),
        image: format!("123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/api:v{number}-{number:x}c0ffee"),
        digest: None,
    }
}

/// The service revision that runs task definition `number`.
pub(super) fn revision(number: u32) -> Revision {
    Revision {
        arn: revision_arn(number),
        task_definition: definition_arn(number),
        images: vec![Image { digest: Some(digest(number)), ..image(number) }],
        settings: BTreeMap::from([("platform version", "1.4.0".to_owned())]),
    }
}

/// A deployment from one task definition to another.
pub(super) fn deployment(hour: u32, from: u32, to: u32, status: DeploymentStatus) -> ServiceDeployment {
    let rolled_back = matches!(
        status,
        DeploymentStatus::RollbackRequested
            | DeploymentStatus::RollbackInProgress
            | DeploymentStatus::RollbackSuccessful
    );
    ServiceDeployment {
        arn: format!("arn:aws:ecs:eu-north-1:123456789012:service-deployment/shop-prod/api/sd-{hour:02}"),
        status,
        reason: None,
        created_at: Some(at(&format!("{hour:02}:00:00"))),
        finished_at: None,
        sources: vec![revision_arn(from)],
        target: revision_arn(to),
        rolled_back_to: rolled_back.then(|| revision_arn(from)),
        waits_at: None,
        breaker: None,
        stage: None,
        strategy: Strategy::default(),
    }
}

/// The service, with the deployments (oldest first, as `(from, to, status)`) that it has had.
pub(super) fn inventory(history: &[(u32, u32, DeploymentStatus)]) -> EcsInventory {
    let deployments: Vec<ServiceDeployment> = history
        .iter()
        .enumerate()
        .map(|(hour, (from, to, status))| deployment(u32::try_from(hour).unwrap(), *from, *to, status.clone()))
        .rev()
        .collect();
    let goes_back = |status: &DeploymentStatus| {
        matches!(status, DeploymentStatus::RollbackSuccessful | DeploymentStatus::RollbackInProgress)
    };
    let runs = history.last().map_or(42, |(from, to, status)| if goes_back(status) { *from } else { *to });
    EcsInventory {
        spec: EcsSpec {
            name: "backend".to_owned(),
            cluster: "shop-prod".to_owned(),
            service: "api".to_owned(),
            container: None,
            image: None,
        },
        service: Service {
            arn: "arn:aws:ecs:eu-north-1:123456789012:service/shop-prod/api".to_owned(),
            name: "api".to_owned(),
            cluster: "arn:aws:ecs:eu-north-1:123456789012:cluster/shop-prod".to_owned(),
            status: "ACTIVE".to_owned(),
            controller: Controller::Ecs,
            management: Management::Customer,
            scheduling: Scheduling::Replica,
            strategy: Strategy::default(),
            task_definition: definition_arn(runs),
            deployed_at: Some(at("09:00:00")),
            desired: 2,
            running: 2,
            minimum_healthy_percent: Some(100),
            rollout: Some("COMPLETED".to_owned()),
            deployments: 1,
            stack: None,
            balanced: Balanced::Yes,
            hooks: Hooks::None,
        },
        revisions: (38..=43).map(|number| (revision_arn(number), revision(number))).collect(),
        deployments,
        definitions: (38..=43)
            .rev()
            .map(|number| Definition {
                arn: definition_arn(number),
                status: DefinitionStatus::Active,
                images: vec![image(number)],
                registered_at: Some(at("08:00:00")),
                needs: Vec::new(),
                registered_by: Some("arn:aws:sts::123456789012:assumed-role/ci/deploy".to_owned()),
                instead_of: None,
                like: None,
            })
            .collect(),
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
        unseen: Vec::new(),
        supplies: Supplies::default(),
        code_deploy: None,
    }
}
