//! What a plan for a service under `CodeDeploy` binds and says beyond one for ECS's own controller. Pure.

use std::time::Duration;

use super::super::inventory::{EcsInventory, short};
use super::super::registry::parts;
use super::app_spec::AppSpec;
use super::deployments::{Group, Rerouting};
use super::look::CodeDeployed;
use crate::incident::release::Release;
use crate::incident::work::{EcsCodeDeploy, EcsService};
use crate::systems::planned::PlanRefusal;

/// What is to be done: `ecs` says to which task definition.
///
/// # Errors
/// Where there is no `AppSpec` that could be deployed.
pub fn work(inventory: &EcsInventory, known: &CodeDeployed, ecs: EcsService) -> Result<EcsCodeDeploy, PlanRefusal> {
    let name = &inventory.service.name;
    let base = ecs.register.as_ref().map_or(ecs.target.as_str(), |registration| registration.like.as_str());
    let Some(app_spec) = app_spec(inventory, known, base) else {
        let why = if known.deployments.iter().all(|deployment| deployment.app_spec.is_none()) {
            format!(
                "The revisions of {name} in CodeDeploy are no AppSpecs that CodeDeploy keeps (they lie in S3, for instance)"
            )
        } else {
            format!("No AppSpec of {name} in CodeDeploy names a task definition that could be replaced")
        };
        return Err(PlanRefusal::new(format!(
            "{why}, and Rollbot does not make one up. Redeploy the last good revision in CodeDeploy."
        )));
    };
    Ok(EcsCodeDeploy {
        application: known.group.application.clone(),
        group: known.group.name.clone(),
        app_spec: app_spec.content,
        ecs,
    })
}

/// The `AppSpec` to deploy: that of the newest deployment that succeeded with the task definition; where there is none,
/// the present one with the task definition in place of its own.
fn app_spec(inventory: &EcsInventory, known: &CodeDeployed, task_definition: &str) -> Option<AppSpec> {
    let spec = |id: &str| {
        let deployment = known.deployments.iter().find(|deployment| deployment.id == id)?;
        known.app_specs.get(deployment.app_spec.as_ref()?)
    };
    let succeeded = super::super::releases::newest_success_of(inventory, task_definition);
    if let Some(own) = succeeded.and_then(|deployment| spec(&deployment.target)) {
        return Some(own.clone());
    }
    let newest = inventory.deployments.iter().find_map(|deployment| spec(&deployment.target));
    newest.and_then(|spec| spec.with(task_definition))
}

/// What whoever approves should know.
pub fn warnings(inventory: &EcsInventory, known: &CodeDeployed, work: &EcsCodeDeploy, target: &Release) -> Vec<String> {
    let mut warnings = Vec::new();
    let Group { config, rerouting, .. } = &known.group;
    if shift(config).is_some_and(|shift| !shift.is_zero()) {
        warnings.push(format!(
            "Where the bad deployment cannot be stopped any more, CodeDeploy shifts traffic back in steps ({config})."
        ));
    }
    if *rerouting == Rerouting::ByAPerson {
        warnings.push(
            "The deployment group waits for a person before it reroutes traffic: somebody has to continue the deployment in \
             CodeDeploy."
                .to_owned(),
        );
    }
    let hooks = AppSpec::read(&work.app_spec).map(|spec| spec.hooks).unwrap_or_default();
    if !hooks.is_empty() {
        warnings.push(format!("Its AppSpec runs Lambda functions on the way ({}).", hooks.join(", ")));
    }
    let by_tag = |image: &crate::incident::release::Image| parts(&image.image).2.is_none();
    if !known.running.contains_key(&target.id) && target.images.iter().any(by_tag) {
        let name = work.ecs.register.as_ref().map_or(target.label.as_str(), |registration| short(&registration.like));
        warnings.push(format!(
            "CodeDeploy keeps no record of the images that {name} ran: what its tags stand for now will run."
        ));
    }
    let unfinished = inventory.unfinished().is_some_and(|deployment| deployment.status.is_in_flight());
    if unfinished {
        warnings.push(
            "A deployment is under way. While it is, it is stopped with a rollback, and the old tasks take the traffic again."
                .to_owned(),
        );
    }
    warnings
}

/// For how long `CodeDeploy` shifts traffic; `None` for a configuration of somebody's own.
pub fn shift(config: &str) -> Option<Duration> {
    let name = config.strip_prefix("CodeDeployDefault.ECS")?;
    if name == "AllAtOnce" {
        return Some(Duration::ZERO);
    }
    let (percent, minutes) = name.trim_end_matches("Minutes").split_once("Percent")?;
    if let Some(percent) = percent.strip_prefix("Linear") {
        let percent: u64 = percent.parse().ok()?;
        let minutes: u64 = minutes.strip_prefix("Every")?.trim_end_matches("Minute").parse().ok()?;
        return Some(Duration::from_secs(60 * minutes * 100_u64.checked_div(percent)?.saturating_sub(1)));
    }
    percent.strip_prefix("Canary")?;
    Some(Duration::from_secs(60 * minutes.parse::<u64>().ok()?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("CodeDeployDefault.ECSAllAtOnce", Some(0))]
    #[case("CodeDeployDefault.ECSCanary10Percent5Minutes", Some(5))]
    #[case("CodeDeployDefault.ECSCanary10Percent15Minutes", Some(15))]
    #[case("CodeDeployDefault.ECSLinear10PercentEvery1Minutes", Some(9))]
    #[case("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", Some(27))]
    #[case("shop-slowly", None)]
    fn the_time_of_a_shift_follows_from_the_name(#[case] config: &str, #[case] minutes: Option<u64>) {
        assert_eq!(shift(config), minutes.map(|minutes| Duration::from_secs(60 * minutes)));
    }
}
