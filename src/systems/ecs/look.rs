//! The fresh look at an ECS service that a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types as sdk;
use futures::{StreamExt as _, TryStreamExt as _};

use super::deployments;
use super::inventory::{
    Balanced, Controller, Definition, DefinitionStatus, EcsInventory, EcsSpec, Hooks, Management, Revision, Scheduling,
    Service, ServiceDeployment, family_and_revision, short,
};
use super::needs::Supplies;
use super::releases::{naming, release};
use super::strategy::Strategy;
use super::{code_deploy, making, needs, register, registry, target};
use crate::aws::error::ErrorClass;
use crate::aws::services::{self, Tags};
use crate::aws::target_health::primary_set;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::incident::release::Image;
use crate::systems::planned::ProvedRelease;

/// How many deployments are looked at: further back than anybody goes in an incident.
const DEPLOYMENTS: usize = 40;
/// How many task definitions are described: there is no call for several, and the rate is limited.
const DESCRIBED: usize = 30;
/// How many of them at a time.
const AT_A_TIME: usize = 5;

/// A fresh look. `to` is what somebody asked for: a task definition that it names is looked at wherever it is. What a
/// plan goes back to is looked at closely by [`look_at_target`].
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such service.
pub async fn look(aws: &Aws, spec: &EcsSpec, to: Option<&str>) -> Result<EcsInventory, AwsError> {
    let found = services::describe(aws, &spec.cluster, &spec.service, Tags::Asked).await?;
    let service = Service::from(found.clone());
    let family = family_and_revision(&service.task_definition).map_or("", |(family, _)| family).to_owned();
    let ((deployments, revisions, code_deploy), active, inactive) = futures::try_join!(
        remembered(aws, spec, &service, &found),
        listed(aws, &family, sdk::TaskDefinitionStatus::Active),
        listed(aws, &family, sdk::TaskDefinitionStatus::Inactive),
    )?;
    let mut definitions: Vec<Definition> = active
        .into_iter()
        .map(|arn| (arn, DefinitionStatus::Active))
        .chain(inactive.into_iter().map(|arn| (arn, DefinitionStatus::Inactive)))
        .map(|(arn, status)| Definition {
            arn,
            status,
            images: Vec::new(),
            registered_at: None,
            registered_by: None,
            needs: Vec::new(),
            instead_of: None,
            like: None,
        })
        .collect();
    newest_first(&mut definitions);
    // What is looked at closely: what was asked for, what runs, what was deployed, and the newest of the family.
    let asked = to.and_then(|to| named(to, &service.task_definition, &family));
    let deployed = deployments.iter().filter_map(|deployment| revisions.get(&deployment.target));
    let mut seen = BTreeSet::new();
    let wanted: Vec<String> = asked
        .into_iter()
        .chain([service.task_definition.clone()])
        .chain(deployed.map(|revision| revision.task_definition.clone()))
        .chain(definitions.iter().map(|definition| definition.arn.clone()))
        .filter(|arn| seen.insert(arn.clone()))
        .take(DESCRIBED)
        .collect();
    let described: Vec<Option<Definition>> = futures::stream::iter(wanted.into_iter().map(|arn| describe(aws, arn)))
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    for definition in described.into_iter().flatten() {
        definitions.retain(|listed| listed.arn != definition.arn);
        definitions.push(definition);
    }
    newest_first(&mut definitions);
    let mut inventory = EcsInventory {
        spec: spec.clone(),
        service,
        deployments,
        revisions,
        definitions,
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
        unseen: Vec::new(),
        supplies: Supplies::default(),
        code_deploy,
    };
    if to.is_some() && target::choose(&inventory, to, &[]).is_err() {
        // What was asked for may be a tag that no task definition uses.
        inventory.tags = registry::tags(aws, &recorded(&inventory)).await?;
    }
    if let Some(to) = to
        && target::choose(&inventory, Some(to), &[]).is_err()
    {
        let asked: Vec<String> = target::asked_images(&inventory, to).into_iter().map(|(_, image)| image).collect();
        (inventory.images, inventory.unseen) = registry::look(aws, &asked).await;
    }
    let now = release(&inventory, inventory.asked_now());
    if now.version.is_none() {
        // It is named by its digest. What people call it, only ECR knows.
        let exact =
            now.images.iter().filter_map(|image| Some(registry::by_digest(&image.image, image.digest.as_deref()?)));
        let (states, _) = registry::look(aws, &exact.collect::<Vec<_>>()).await;
        inventory.images.extend(states);
    }
    Ok(inventory)
}

/// Looks closely at what a plan goes back to: whether its images can still be pulled, and whether what its containers
/// need is there. It has to be the same choice as the plan's, so `proved`, Rollbot's own record, belongs to it.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn look_at_target(
    inventory: &mut EcsInventory,
    aws: &Aws,
    to: Option<&str>,
    proved: &[ProvedRelease],
) -> Result<(), AwsError> {
    // What only Rollbot remembers may be older than everything that was described.
    if let Ok(picked) = target::pick(inventory, to, proved)
        && inventory.definition(&picked.definition).is_none_or(|definition| definition.images.is_empty())
        && let Some(described) = describe(aws, picked.definition).await?
    {
        inventory.definitions.retain(|listed| listed.arn != described.arn);
        inventory.definitions.push(described);
        newest_first(&mut inventory.definitions);
    }
    let Ok(choice) = target::choose(inventory, to, proved) else { return Ok(()) };
    let needs = inventory.definition(&choice.definition).map(|definition| definition.needs.clone());
    let needs = needs.unwrap_or_default();
    let references = making::references(inventory, &choice);
    let ((states, unseen), supplies) =
        futures::join!(registry::look(aws, &references), needs::look(aws, &choice.definition, &needs));
    inventory.supplies = supplies;
    inventory.images.extend(states);
    inventory.unseen.extend(unseen);
    Ok(())
}

/// Looks every recorded image's tags up in ECR, unless that was done: one of them may name its commit.
///
/// # Errors
/// When ECR does not answer now.
pub async fn learn_commits(inventory: &mut EcsInventory, aws: &Aws) -> Result<(), AwsError> {
    if inventory.tags.is_empty() {
        inventory.tags = registry::tags(aws, &recorded(inventory)).await?;
    }
    Ok(())
}

type Remembered = (Vec<ServiceDeployment>, BTreeMap<String, Revision>, Option<code_deploy::look::CodeDeployed>);

/// What is remembered of the service's deployments, by whoever carries them out.
async fn remembered(
    aws: &Aws,
    spec: &EcsSpec,
    service: &Service,
    found: &sdk::Service,
) -> Result<Remembered, AwsError> {
    let nothing = (Vec::new(), BTreeMap::new(), None);
    match &service.controller {
        Controller::Ecs => {
            let (deployments, revisions) = deployments::newest(aws, &spec.cluster, &service.arn, DEPLOYMENTS).await?;
            return Ok((deployments, revisions, None));
        }
        Controller::CodeDeploy => {}
        // It is refused, and ECS keeps no deployments of such a service.
        Controller::External | Controller::Other(_) => return Ok(nothing),
    }
    let Some(known) = code_deploy::look::look(aws, &spec.cluster, found).await? else { return Ok(nothing) };
    let (deployments, revisions) =
        code_deploy::history::told_as_ecs(&known.deployments, &known.app_specs, &known.running);
    Ok((deployments, revisions, Some(known)))
}

/// The images that task definitions ran, by repository and digest, where they name versions.
fn recorded(inventory: &EcsInventory) -> Vec<String> {
    let definitions = inventory.definitions.iter().filter(|definition| !definition.images.is_empty());
    let images = definitions.map(|definition| release(inventory, &definition.arn).images);
    images
        .flat_map(|images| {
            let named: Vec<String> = naming(&inventory.spec, &images)
                .filter_map(|image| Some(format!("{}@{}", registry::parts(&image.image).0, image.digest.as_deref()?)))
                .collect();
            named
        })
        .collect()
}

/// The task definition that `to` names by number, family and number, or ARN.
fn named(to: &str, current: &str, family: &str) -> Option<String> {
    if to.starts_with("arn:") && to.contains(":task-definition/") {
        return Some(to.to_owned());
    }
    let number = to.strip_prefix(family).and_then(|rest| rest.strip_prefix(':')).unwrap_or(to);
    let number: u32 = number.parse().ok()?;
    let (before, _) = current.rsplit_once('/')?;
    Some(format!("{before}/{family}:{number}"))
}

fn newest_first(definitions: &mut [Definition]) {
    definitions
        .sort_by_key(|definition| std::cmp::Reverse(family_and_revision(&definition.arn).map(|(_, number)| number)));
}

async fn listed(aws: &Aws, family: &str, status: sdk::TaskDefinitionStatus) -> Result<Vec<String>, AwsError> {
    let answer = aws
        .reads()
        .ecs
        .list_task_definitions()
        .family_prefix(family)
        .status(status)
        .sort(sdk::SortOrder::Desc)
        .max_results(100)
        .send()
        .await
        .map_err(|error| AwsError::of("ecs", "ListTaskDefinitions", &error))?;
    let mut arns = answer.task_definition_arns.unwrap_or_default();
    arns.retain(|arn| family_and_revision(arn).is_some_and(|(own, _)| own == family));
    Ok(arns)
}

/// A task definition, active or not; `None` if there is none by this name.
async fn describe(aws: &Aws, arn: String) -> Result<Option<Definition>, AwsError> {
    let answer = aws.reads().ecs.describe_task_definition().task_definition(&arn);
    let answer = answer.include(sdk::TaskDefinitionField::Tags).send().await;
    let (found, tags) = match answer.map_err(|error| AwsError::of("ecs", "DescribeTaskDefinition", &error)) {
        Ok(answer) => (answer.task_definition, answer.tags.unwrap_or_default()),
        Err(error) if matches!(error.class, ErrorClass::Invalid | ErrorClass::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let tag =
        |name: &str| tags.iter().find(|tag| tag.key() == Some(name)).and_then(|tag| tag.value().map(str::to_owned));
    let needed =
        found.as_ref().map(|found| found.container_definitions().iter().flat_map(needs::of_container).collect());
    Ok(found.map(|found| Definition {
        needs: needed.unwrap_or_default(),
        instead_of: tag(register::INSTEAD_OF_TAG),
        like: tag(register::LIKE_TAG),
        arn: found.task_definition_arn.unwrap_or(arn),
        status: match found.status {
            Some(sdk::TaskDefinitionStatus::Active) => DefinitionStatus::Active,
            Some(sdk::TaskDefinitionStatus::DeleteInProgress) => DefinitionStatus::BeingDeleted,
            _ => DefinitionStatus::Inactive,
        },
        images: found
            .container_definitions
            .unwrap_or_default()
            .into_iter()
            .map(|container| Image {
                container: container.name.unwrap_or_default(),
                image: container.image.unwrap_or_default(),
                digest: None,
            })
            .collect(),
        registered_at: found.registered_at.and_then(timestamp),
        registered_by: found.registered_by,
    }))
}

impl From<sdk::Service> for Service {
    fn from(service: sdk::Service) -> Self {
        let primary = service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY")).cloned();
        let configuration = service.deployment_configuration.as_ref();
        let controller = service.deployment_controller.as_ref().map(|controller| &controller.r#type);
        let stack = service
            .tags()
            .iter()
            .find(|tag| tag.key() == Some("aws:cloudformation:stack-name"))
            .and_then(|tag| tag.value().map(str::to_owned));
        let balanced = if service.load_balancers().is_empty() { Balanced::No } else { Balanced::Yes };
        let set = primary_set(&service).cloned();
        let asked = primary.as_ref().and_then(|primary| primary.task_definition.clone());
        let asked = asked.or_else(|| set.as_ref().and_then(|set| set.task_definition.clone()));
        let steady = set.as_ref().and_then(|set| set.stability_status.as_ref()).map(|stability| {
            let is_steady = *stability == sdk::StabilityStatus::SteadyState;
            if is_steady { "COMPLETED".to_owned() } else { "IN_PROGRESS".to_owned() }
        });
        Self {
            controller: match controller {
                None | Some(sdk::DeploymentControllerType::Ecs) => Controller::Ecs,
                Some(sdk::DeploymentControllerType::CodeDeploy) => Controller::CodeDeploy,
                Some(sdk::DeploymentControllerType::External) => Controller::External,
                Some(other) => Controller::Other(other.as_str().to_owned()),
            },
            management: match service.resource_management_type {
                Some(sdk::ResourceManagementType::Ecs) => Management::Express,
                _ => Management::Customer,
            },
            scheduling: match service.scheduling_strategy {
                Some(sdk::SchedulingStrategy::Daemon) => Scheduling::Daemon,
                _ => Scheduling::Replica,
            },
            strategy: Strategy::of(configuration),
            minimum_healthy_percent: configuration.and_then(|configuration| configuration.minimum_healthy_percent),
            hooks: match configuration.map(sdk::DeploymentConfiguration::lifecycle_hooks) {
                None | Some([]) => Hooks::None,
                Some(_) => Hooks::Some,
            },
            deployed_at: primary
                .as_ref()
                .and_then(|primary| primary.created_at)
                .or_else(|| set.as_ref().and_then(|set| set.created_at))
                .and_then(timestamp),
            rollout: primary
                .as_ref()
                .and_then(|primary| primary.rollout_state.as_ref())
                .map(|state| state.as_str().to_owned())
                .or(steady),
            deployments: service.deployments().len().max(service.task_sets().len()),
            desired: service.desired_count,
            running: service.running_count,
            stack,
            balanced,
            task_definition: asked.or(service.task_definition).unwrap_or_default(),
            name: service.service_name.unwrap_or_default(),
            arn: service.service_arn.unwrap_or_default(),
            cluster: service.cluster_arn.unwrap_or_default(),
            status: service.status.unwrap_or_default(),
        }
    }
}

impl Service {
    /// The cluster's name.
    pub fn cluster_name(&self) -> &str {
        short(&self.cluster)
    }
}
