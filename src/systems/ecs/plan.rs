//! Makes the step that takes an ECS service back. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::code_deploy::planning;
use super::inventory::{
    Balanced, Controller, EcsInventory, Hooks, ImageState, Management, Revision, Scheduling, short,
};
use super::making::{chosen, registering, short_digest};
use super::registry::{by_digest, parts, unchecked};
use super::releases::{newest_of, newest_success_of, release};
use super::target::{self, Choice, Making, Record};
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::work::{EcsService, Registration, Work};
use crate::systems::planned::{PlanRefusal, Planned, ProvedRelease};

/// How long new tasks usually take to start and pass their health checks.
const START: Duration = Duration::from_mins(2);
/// How long old tasks usually take to leave a load balancer. The default deregistration delay is 300 s, and what counts
/// is when they have stopped; most services set it lower.
const DRAIN: Duration = Duration::from_mins(2);
/// The shortest deadline: ECS's own waiter gives up after ten minutes, and a rollback is not given up earlier.
const SHORTEST_DEADLINE: Duration = Duration::from_mins(10);

/// What is to be done to go back to `to`, or to the release before. `proved` is Rollbot's own record, newest first.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &EcsInventory, to: Option<&str>, proved: &[ProvedRelease]) -> Result<Planned, PlanRefusal> {
    refuse_what_cannot_be_taken_back(inventory)?;
    let choice = target::choose(inventory, to, proved)?;
    let mut target = chosen(inventory, &choice);
    refuse_without_supplies(inventory, &choice)?;
    let Pinned { fixed, platforms, warnings } = pin(inventory, &choice, &mut target)?;
    let unseen = inventory.unseen.iter().chain(&inventory.supplies.unseen);
    let mut warnings: Vec<String> = unseen.cloned().chain(warnings).collect();
    if let Some(why) = nothing_to_do(inventory, &target) {
        return Ok(Planned::NothingToDo { release: target, why });
    }
    let mut from = release(inventory, taken_back(inventory, &target.id));
    if inventory.code_deploy.is_some() {
        // CodeDeploy keeps no record of images, so their digests are known only as long as such tasks run: what is
        // forgotten between two looks is no drift.
        from.images.iter_mut().for_each(|image| image.digest = None);
    }
    let register = (choice.making != Making::Nothing || !fixed.is_empty())
        .then(|| Registration { like: choice.definition.clone(), images: fixed });
    warnings.extend(register.iter().flat_map(|registration| registering(inventory, &choice, registration)));
    warnings.extend(warnings_of(inventory, &choice, &target));
    let (estimate, deadline) = times(inventory, &target);
    let service = &inventory.service;
    let verbs = verbs(inventory, register.as_ref());
    let ecs = EcsService {
        cluster: service.cluster.clone(),
        service: service.arn.clone(),
        from: from.id.clone(),
        target: target.id.clone(),
        images: target.images.clone(),
        register,
        platforms,
    };
    let work = match &inventory.code_deploy {
        None => Work::EcsService(ecs),
        Some(known) => {
            let work = planning::work(inventory, known, ecs)?;
            warnings.extend(planning::warnings(inventory, known, &work, &target));
            Work::EcsCodeDeploy(work)
        }
    };
    let step = Step {
        id: StepId::new(&inventory.spec.name),
        title: format!("ECS service {}/{}", service.cluster_name(), service.name),
        resource: Resource::new(&service.arn),
        chosen: Some(choice.how),
        verbs,
        loses: Vec::new(),
        need: Need::Required,
        deadline,
        estimate,
        work,
        from: Some(from),
        to: Some(target),
    };
    Ok(Planned::Steps { steps: vec![step], warnings })
}

/// How long it usually takes, and how long at the most. What ECS waits for by itself (steps of traffic, bake time) is
/// as long as it is configured, and passes before anything counts as late.
fn times(inventory: &EcsInventory, target: &Release) -> (Duration, Duration) {
    // Old tasks that CodeDeploy keeps for a while are not waited for; how it shifts traffic, is.
    if let Some(known) = &inventory.code_deploy {
        let estimate = START + planning::shift(&known.group.config).unwrap_or_default();
        return (estimate, (estimate * 3).max(SHORTEST_DEADLINE));
    }
    let tasks = match inventory.service.balanced {
        Balanced::Yes => START + DRAIN,
        Balanced::No => START,
    };
    let waits = inventory.service.strategy.waits();
    let estimate = if is_stopped(inventory, &target.id) { tasks } else { tasks + waits };
    (estimate, (tasks * 3).max(SHORTEST_DEADLINE) + waits)
}

/// Whether a deployment is in flight from the target alone: stopping it is the whole way back, while it lasts.
fn is_stopped(inventory: &EcsInventory, target: &str) -> bool {
    inventory.unfinished().filter(|deployment| deployment.status.is_in_flight()).is_some_and(|deployment| {
        let runs_target = |revision: &String| inventory.definition_of(revision) == Some(target);
        !deployment.sources.is_empty() && deployment.sources.iter().all(runs_target) && !runs_target(&deployment.target)
    })
}

/// How ECS's own deployments of the service go, where they take longer than their tasks.
fn strategy(inventory: &EcsInventory, target: &Release) -> Vec<String> {
    if inventory.code_deploy.is_some() {
        return Vec::new();
    }
    let Some(told) = inventory.service.strategy.told() else { return Vec::new() };
    let stopped = is_stopped(inventory, &target.id).then(|| {
        "The deployment under way is stopped, which waits for none of that: the old tasks are up and take the traffic again."
            .to_owned()
    });
    std::iter::once(told).chain(stopped).collect()
}

/// The verbs that may be used: which of them, is judged when it is done.
fn verbs(inventory: &EcsInventory, register: Option<&Registration>) -> Vec<String> {
    let register = register.map(|_| "RegisterTaskDefinition");
    if inventory.code_deploy.is_some() {
        let verbs = [Some("StopDeployment"), register, Some("CreateDeployment")];
        return verbs.into_iter().flatten().map(str::to_owned).collect();
    }
    let pauses = inventory.service.hooks == Hooks::Some
        || inventory.unfinished().is_some_and(|deployment| deployment.waits_at.is_some());
    let verbs =
        [Some("StopServiceDeployment"), pauses.then_some("ContinueServiceDeployment"), register, Some("UpdateService")];
    verbs.into_iter().flatten().map(str::to_owned).collect()
}

fn refuse_what_cannot_be_taken_back(inventory: &EcsInventory) -> Result<(), PlanRefusal> {
    let service = &inventory.service;
    let name = &service.name;
    let refuse = |sentence: String| Err(PlanRefusal::new(sentence));
    match service.status.as_str() {
        "ACTIVE" => {}
        "DRAINING" => {
            return refuse(format!(
                "{name} is being deleted (DRAINING), and ECS takes no deployment for it. Create it anew."
            ));
        }
        status => {
            return refuse(format!("{name} is deleted ({status}). Create it anew, or correct the target's service."));
        }
    }
    if service.management == Management::Express {
        return refuse(format!(
            "{name} is an Express Mode service, which ECS manages itself and Rollbot does not take back. Use \
             UpdateExpressGatewayService with the earlier image."
        ));
    }
    match &service.controller {
        Controller::Ecs => {}
        Controller::CodeDeploy if inventory.code_deploy.is_some() => {}
        Controller::CodeDeploy => {
            return refuse(format!(
                "{name} is deployed by CodeDeploy (deployment controller CODE_DEPLOY), and no deployment of CodeDeploy made \
                 what runs, so there is none to go back to. Deploy a known good release with CodeDeploy."
            ));
        }
        Controller::External => {
            return refuse(format!(
                "{name} has the deployment controller EXTERNAL: whoever makes its task sets has to take it back."
            ));
        }
        Controller::Other(controller) => {
            return refuse(format!(
                "{name} has the deployment controller {controller}, which Rollbot does not know. Take it back by hand."
            ));
        }
    }
    if service.task_definition.is_empty() {
        return refuse(format!("{name} has no task definition that could be taken back."));
    }
    Ok(())
}

/// Without what its containers need, ECS starts no task of the target.
fn refuse_without_supplies(inventory: &EcsInventory, choice: &Choice) -> Result<(), PlanRefusal> {
    let supplies = &inventory.supplies;
    if supplies.of.as_deref() != Some(&choice.definition) || supplies.missing.is_empty() {
        return Ok(());
    }
    Err(PlanRefusal::new(format!(
        "{} needs what is gone: {}. Put it back, or name another release.",
        short(&choice.definition),
        supplies.missing.join("; ")
    )))
}

/// Which images are fixed to digests.
#[derive(Default)]
struct Pinned {
    /// The images that a new task definition has to name otherwise, by container.
    fixed: BTreeMap<String, String>,
    /// The digests of each platform's image, by the digest of their index.
    platforms: BTreeMap<String, Vec<String>>,
    warnings: Vec<String>,
}

/// Fixes which digests shall run. A tag that was moved or deleted is replaced by the digest that ran, while that is there;
/// an image that is gone altogether is refused, and one that nobody could ask about is said.
fn pin(inventory: &EcsInventory, choice: &Choice, target: &mut Release) -> Result<Pinned, PlanRefusal> {
    let mut pinned = Pinned::default();
    let label = short(&choice.definition);
    for image in &mut target.images {
        let is_asked = matches!(&choice.making, Making::With { container, .. } if *container == image.container);
        let exact = image.digest.as_deref().map(|digest| by_digest(&image.image, digest));
        let named = inventory.images.get(&image.image);
        let is_exact_there =
            exact.as_ref().and_then(|exact| inventory.images.get(exact)).is_some_and(|state| !state.is_gone());
        if let Some(ImageState::There { digest, platforms, .. }) = named
            && !platforms.is_empty()
        {
            pinned.platforms.insert(digest.clone(), platforms.clone());
        }
        let is_fixed = match (named, &image.digest) {
            (None, _) => {
                let region = inventory.service.arn.split(':').nth(3);
                pinned.warnings.extend(unchecked(&image.image, region, &inventory.unseen));
                choice.making == Making::Again
            }
            (Some(ImageState::Gone { why }), _) if !is_exact_there => {
                return Err(PlanRefusal::new(format!(
                    "The image {} of {label} is gone: {}. Name another release, or push the image again.",
                    image.image,
                    why.trim_end_matches('.')
                )));
            }
            (Some(ImageState::Gone { why }), _) => {
                pinned.warnings.push(format!(
                    "{}: {}. The image itself is still there.",
                    image.image,
                    why.trim_end_matches('.')
                ));
                true
            }
            (Some(ImageState::There { digest, .. }), None) => {
                image.digest = Some(digest.clone());
                choice.making == Making::Again || is_asked
            }
            (Some(state), Some(recorded)) if state.is(recorded) => choice.making == Making::Again || is_asked,
            (Some(ImageState::There { digest, .. }), Some(recorded)) => {
                let moved = format!(
                    "The tag of {} was moved: it stands for {} now, and {label} ran {}.",
                    image.image,
                    short_digest(digest),
                    short_digest(recorded),
                );
                if !is_exact_there {
                    return Err(PlanRefusal::new(format!(
                        "{moved} That image is gone, and going back would start another one. Point the tag back to what \
                         ran, or name another release."
                    )));
                }
                pinned.warnings.push(moved);
                true
            }
        };
        if let Some(digest) = image.digest.as_deref().filter(|_| is_fixed)
            && parts(&image.image).2.is_none_or(|_| is_asked)
        {
            pinned.fixed.insert(image.container.clone(), by_digest(&image.image, digest));
        }
    }
    Ok(pinned)
}

/// What was seen, if the target runs already and nothing is under way.
fn nothing_to_do(inventory: &EcsInventory, target: &Release) -> Option<String> {
    let service = &inventory.service;
    let settled = inventory.unfinished().is_none()
        && service.task_definition == target.id
        && service.deployments == 1
        && service.rollout.as_deref().is_none_or(|rollout| rollout == "COMPLETED")
        && service.desired > 0
        && service.running == service.desired;
    settled.then(|| {
        format!(
            "{} is what {} runs already: its deployment is complete, and {} of {} tasks are up.",
            target.name(),
            service.name,
            service.running,
            service.desired
        )
    })
}

/// The task definition that is taken back: what is asked to run now. Where somebody is already on the way to the target,
/// that is what it comes from.
fn taken_back<'a>(inventory: &'a EcsInventory, target: &str) -> &'a str {
    let now = inventory.asked_now();
    if now != target {
        return now;
    }
    let source = inventory.unfinished().and_then(|deployment| {
        let mut sources = deployment.sources.iter().filter_map(|source| inventory.definition_of(source));
        sources.find(|source| *source != target)
    });
    source.unwrap_or(now)
}

fn warnings_of(inventory: &EcsInventory, choice: &Choice, target: &Release) -> Vec<String> {
    let service = &inventory.service;
    let mut warnings = Vec::new();
    match choice.record {
        Record::Good => {}
        Record::Bad => warnings.push(format!("The last deployment of {} did not succeed.", target.label)),
        Record::Unknown => warnings.push(format!("Nothing says that {} has ever run well.", target.label)),
    }
    if service.scheduling == Scheduling::Daemon {
        warnings.push(
            "It is a daemon service: its tasks are replaced one host after the other, with a gap on each.".to_owned(),
        );
    }
    if service.desired == 0 {
        warnings.push(
            "It is asked to run 0 tasks. Rollbot does not change that, and without tasks nothing can be proved."
                .to_owned(),
        );
    }
    if service.scheduling == Scheduling::Replica && service.minimum_healthy_percent == Some(0) {
        warnings.push("Its minimum healthy percentage is 0: all old tasks may stop before new ones are up.".to_owned());
    }
    warnings.extend(strategy(inventory, target));
    let needs_something =
        inventory.definition(&choice.definition).is_some_and(|definition| !definition.needs.is_empty());
    if needs_something && inventory.supplies.of.as_deref() != Some(&choice.definition) {
        warnings.push(format!(
            "Whether the secrets and log groups of {} still exist was not checked.",
            short(&choice.definition)
        ));
    }
    if let Some(stack) = &service.stack {
        warnings.push(format!(
            "The CloudFormation stack {stack} owns it and will not know: its next update deploys the newer release again."
        ));
    }
    let left = left_as_they_are(inventory, &target.id);
    if !left.is_empty() {
        warnings.push(format!(
            "These have changed since {} ran and are not taken back: {}.",
            target.label,
            left.join(", ")
        ));
    }
    if let Some(deployment) = inventory.unfinished().filter(|deployment| deployment.status.is_rolling_back()) {
        let to = deployment.rolled_back_to.as_deref().and_then(|revision| inventory.definition_of(revision));
        let to = to.map_or_else(String::new, |to| format!(" to {}", short(to)));
        warnings.push(format!("It is being rolled back{to} already; Rollbot waits for that first."));
    }
    warnings
}

/// What differs between the newest revision of what runs now and that of the target, beside the task definition.
fn left_as_they_are(inventory: &EcsInventory, target: &str) -> Vec<&'static str> {
    let revision = |definition: &str| -> Option<&Revision> {
        let deployment = newest_success_of(inventory, definition).or_else(|| newest_of(inventory, definition))?;
        inventory.revisions.get(&deployment.target)
    };
    let (Some(now), Some(target)) = (revision(inventory.asked_now()), revision(target)) else {
        return Vec::new();
    };
    now.settings
        .iter()
        .filter(|(name, value)| target.settings.get(*name).is_some_and(|then| then != *value))
        .map(|(name, _)| *name)
        .collect()
}
