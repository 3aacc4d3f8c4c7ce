//! What is planned for an ECS service, and what is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use rstest::rstest;

use super::fixtures::{definition_arn, digest, image, inventory, revision_arn};
use super::inventory::DeploymentStatus::{InProgress, RollbackInProgress, Successful};
use super::inventory::{Controller, EcsInventory, ImageState, Management, Scheduling};
use super::needs::Supplies;
use super::plan::plan;
use super::registry::{by_digest, parts};
use super::strategy::{PartOfTraffic, Shift, Strategy};
use crate::incident::plan::Step;
use crate::incident::work::{Registration, Work};
use crate::systems::planned::Planned;

fn finished() -> EcsInventory {
    let mut inventory = inventory(&[(39, 40, Successful), (40, 41, Successful), (41, 42, Successful)]);
    inventory.images.extend((38..=43).flat_map(|n| [(image(n).image, there(n)), (exact(n), there(n))]));
    inventory
}

fn step_of(inventory: &EcsInventory, to: Option<&str>) -> (Step, Vec<String>) {
    match plan(inventory, to, &[]).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

#[test]
fn a_plan_binds_what_runs_what_shall_run_and_the_digests() {
    let (step, warnings) = step_of(&finished(), None);
    assert_eq!(step.title, "ECS service shop-prod/api");
    assert_eq!(step.from.as_ref().unwrap().id, definition_arn(42));
    let to = step.to.as_ref().unwrap();
    assert_eq!((to.id.as_str(), to.name().as_str()), (definition_arn(41).as_str(), "v41-29c0ffee (api:41)"));
    assert_eq!(to.images[0].digest, Some(digest(41)));
    assert_eq!(step.verbs, ["StopServiceDeployment", "UpdateService"]);
    assert_eq!(step.deadline, Duration::from_mins(12));
    assert_eq!(warnings, Vec::<String>::new());
}

#[rstest]
#[case::in_flight(InProgress)]
#[case::rolling_back(RollbackInProgress)]
fn peer_11_a_deployment_that_is_not_over_is_what_is_taken_back(#[case] status: super::inventory::DeploymentStatus) {
    let (step, _) = step_of(&inventory(&[(40, 41, Successful), (41, 42, status)]), None);
    assert_eq!(step.from.unwrap().id, definition_arn(42));
    assert_eq!(step.to.unwrap().id, definition_arn(41));
}

#[test]
fn a_deployment_to_the_target_under_way_is_still_a_step() {
    let (step, _) = step_of(&inventory(&[(40, 42, Successful), (42, 41, InProgress)]), Some("41"));
    assert_eq!(step.from.unwrap().id, definition_arn(42));
}

#[test]
fn what_runs_already_is_nothing_to_do_and_says_what_was_seen() {
    let planned = plan(&finished(), Some("42"), &[]).unwrap();
    let Planned::NothingToDo { why, .. } = planned else { panic!("{planned:?}") };
    assert_eq!(
        why,
        "v42-2ac0ffee (api:42) is what api runs already: its deployment is complete, and 2 of 2 tasks are up."
    );
}

#[rstest]
#[case::no_tasks(0, 0)]
#[case::a_task_missing(2, 1)]
fn what_is_not_fully_up_is_not_nothing_to_do(#[case] desired: i32, #[case] running: i32) {
    let mut inventory = finished();
    (inventory.service.desired, inventory.service.running) = (desired, running);
    assert!(matches!(plan(&inventory, Some("42"), &[]).unwrap(), Planned::Steps { .. }));
}

#[rstest]
#[case::code_deploy(|i: &mut EcsInventory| i.service.controller = Controller::CodeDeploy, "CODE_DEPLOY")]
#[case::external(|i: &mut EcsInventory| i.service.controller = Controller::External, "EXTERNAL")]
#[case::express(|i: &mut EcsInventory| i.service.management = Management::Express, "Express Mode")]
#[case::draining(|i: &mut EcsInventory| i.service.status = "DRAINING".to_owned(), "DRAINING")]
#[case::inactive(|i: &mut EcsInventory| i.service.status = "INACTIVE".to_owned(), "INACTIVE")]
fn what_cannot_be_taken_back_is_refused_with_the_reason(#[case] change: fn(&mut EcsInventory), #[case] reason: &str) {
    let mut inventory = finished();
    change(&mut inventory);
    let refusal = plan(&inventory, None, &[]).unwrap_err().to_string();
    assert!(refusal.contains(reason), "{refusal}");
}

#[rstest]
#[case::daemon(|i: &mut EcsInventory| i.service.scheduling = Scheduling::Daemon, "daemon service")]
#[case::no_tasks(|i: &mut EcsInventory| i.service.desired = 0, "asked to run 0 tasks")]
#[case::gap(|i: &mut EcsInventory| i.service.minimum_healthy_percent = Some(0), "minimum healthy percentage is 0")]
#[case::stack(|i: &mut EcsInventory| i.service.stack = Some("shop".to_owned()), "CloudFormation stack shop owns it")]
#[case::settings(
    |i: &mut EcsInventory| {
        let revision = i.revisions.get_mut(&revision_arn(42)).unwrap();
        revision.settings.insert("platform version", "1.5.0".to_owned());
    },
    "These have changed since api:41 ran and are not taken back: platform version."
)]
#[case::unseen(|i: &mut EcsInventory| i.unseen.push("ECR did not answer.".to_owned()), "ECR did not answer.")]
fn what_whoever_approves_should_know_is_said(#[case] change: fn(&mut EcsInventory), #[case] warning: &str) {
    let mut inventory = finished();
    change(&mut inventory);
    let (_, warnings) = step_of(&inventory, None);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(warning), "{warnings:?}");
}

fn there(number: u32) -> ImageState {
    ImageState::There { digest: digest(number), platforms: Vec::new(), tags: Vec::new() }
}

fn gone() -> ImageState {
    ImageState::Gone { why: "The image with imageId {…} does not exist".to_owned() }
}

fn exact(number: u32) -> String {
    by_digest(&image(number).image, &digest(number))
}

fn registration_of(step: &Step) -> Option<Registration> {
    let Work::EcsService(work) = &step.work else { panic!("{:?}", step.work) };
    work.register.clone()
}

#[test]
fn a_secret_that_is_gone_is_refused() {
    let mut inventory = finished();
    let missing = vec!["the secret shop/db-AbCdEf (DATABASE_URL of app): it is marked for deletion".to_owned()];
    inventory.supplies = Supplies { of: Some(definition_arn(41)), missing, unseen: Vec::new() };
    assert_eq!(
        plan(&inventory, None, &[]).unwrap_err().to_string(),
        "api:41 needs what is gone: the secret shop/db-AbCdEf (DATABASE_URL of app): it is marked for deletion. \
         Put it back, or name another release."
    );
    // It is that of another release.
    assert!(plan(&inventory, Some("40"), &[]).is_ok());
}

#[test]
fn an_image_that_is_gone_is_refused() {
    let mut inventory = finished();
    inventory.images.extend([(image(41).image, gone()), (exact(41), gone())]);
    let refusal = plan(&inventory, None, &[]).unwrap_err().to_string();
    assert!(refusal.contains("of api:41 is gone: The image with"), "{refusal}");
}

#[rstest]
#[case::nobody_asked(image(41).image, "shop/api:v41-29c0ffee is still in ECR was not checked.")]
#[case::elsewhere(image(41).image.replace("eu-north-1", "us-east-1"), "is still in ECR was not checked: it is in us-east-1.")]
#[case::another_registry("docker.io/shop/api:v41".to_owned(), "can still be pulled was not checked: it is not in ECR.")]
fn an_image_that_nobody_asked_about_is_said(#[case] name: String, #[case] said: &str) {
    let mut inventory = finished();
    inventory.images.clear();
    let definition = inventory.definitions.iter_mut().find(|one| one.arn == definition_arn(41)).unwrap();
    definition.images[0].image = name;
    let (_, warnings) = step_of(&inventory, None);
    assert!(warnings[0].starts_with("Whether ") && warnings[0].ends_with(said), "{warnings:?}");
    inventory.unseen.push(format!("{} could not be checked: denied.", warnings[0].split(" was").next().unwrap()));
    let (_, again) = step_of(&inventory, None);
    assert_eq!(again.len(), if said.contains("pulled") { 2 } else { 1 }, "said once: {again:?}");
}

fn strategy(shift: Shift, minutes: u64) -> Strategy {
    Strategy { shift, bake: Duration::from_mins(minutes) }
}

/// Four minutes for the tasks, and twelve before they are late.
#[rstest]
#[case::rolling(Strategy::default(), 4, 12)]
#[case::blue_green(strategy(Shift::BlueGreen, 30), 34, 42)]
#[case::linear(strategy(Shift::Linear(PartOfTraffic { tenths: 250, minutes: 10 }), 5), 39, 47)]
#[case::canary(strategy(Shift::Canary(PartOfTraffic { tenths: 50, minutes: 20 }), 5), 29, 37)]
fn what_ecs_waits_for_is_no_delay(#[case] strategy: Strategy, #[case] estimate: u64, #[case] deadline: u64) {
    let mut over = finished();
    over.service.strategy = strategy.clone();
    let (step, warnings) = step_of(&over, None);
    assert_eq!((step.estimate, step.deadline), (Duration::from_mins(estimate), Duration::from_mins(deadline)));
    assert_eq!(warnings, strategy.told().into_iter().collect::<Vec<_>>());
    // What is stopped waits for nothing; where it ends before that, the whole way is left.
    let mut flying = inventory(&[(40, 41, Successful), (41, 42, InProgress)]);
    flying.service.strategy = strategy;
    let (step, _) = step_of(&flying, None);
    assert_eq!((step.estimate, step.deadline), (Duration::from_mins(4), Duration::from_mins(deadline)));
}

#[rstest]
#[case::moved(there(99), "was moved: it stands for sha256:000000000000 now, and api:41 ran sha256:000000000000.")]
#[case::deleted(gone(), "The image itself is still there.")]
fn a_tag_that_does_not_stand_for_what_ran_is_replaced_by_its_digest(#[case] tag: ImageState, #[case] said: &str) {
    let mut inventory = finished();
    inventory.images.extend([(image(41).image, tag), (exact(41), there(41))]);
    let (step, warnings) = step_of(&inventory, None);
    assert_eq!(
        registration_of(&step),
        Some(Registration { like: definition_arn(41), images: BTreeMap::from([("app".to_owned(), exact(41))]) })
    );
    assert_eq!(step.verbs, ["StopServiceDeployment", "RegisterTaskDefinition", "UpdateService"]);
    assert!(warnings.iter().any(|warning| warning.contains(said)), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.starts_with("A copy of api:41 is registered")), "{warnings:?}");
}

#[test]
fn a_tag_that_was_moved_is_refused_where_what_ran_is_gone() {
    let mut over = finished();
    over.images.extend([(image(41).image, there(99)), (exact(41), gone())]);
    let refusal = plan(&over, None, &[]).unwrap_err().to_string();
    assert!(refusal.contains("was moved") && refusal.contains("That image is gone"), "{refusal}");
}

#[test]
fn peer_03_a_target_that_was_deregistered_is_registered_again_with_the_digests_that_ran() {
    let mut inventory = finished();
    for definition in inventory.definitions.iter_mut().filter(|definition| definition.arn == definition_arn(41)) {
        definition.status = super::inventory::DefinitionStatus::Inactive;
    }
    inventory.images.extend([(image(41).image, there(41)), (exact(41), there(41))]);
    let (step, warnings) = step_of(&inventory, None);
    assert_eq!(step.to.as_ref().unwrap().id, definition_arn(41));
    assert_eq!(step.to.as_ref().unwrap().name(), "v41-29c0ffee (api:41)");
    let images = BTreeMap::from([("app".to_owned(), exact(41))]);
    assert_eq!(registration_of(&step), Some(Registration { like: definition_arn(41), images }));
    assert_eq!(step.verbs, ["StopServiceDeployment", "RegisterTaskDefinition", "UpdateService"]);
    assert!(warnings[0].starts_with("api:41 is deregistered (INACTIVE)"), "{warnings:?}");
}

#[test]
fn e03_an_image_that_no_task_definition_has_is_put_into_a_copy_of_the_present_one() {
    let mut inventory = finished();
    let wanted = format!("{}:v77", parts(&image(42).image).0);
    inventory.images.insert(wanted.clone(), there(77));
    let (step, warnings) = step_of(&inventory, Some("v77"));
    let to = step.to.as_ref().unwrap();
    assert_eq!(to.name(), "v77 (a copy of api:42)");
    assert_eq!(to.images[0].digest, Some(digest(77)));
    assert_eq!(step.from.as_ref().unwrap().id, definition_arn(42));
    let images = BTreeMap::from([("app".to_owned(), by_digest(&wanted, &digest(77)))]);
    assert_eq!(registration_of(&step), Some(Registration { like: definition_arn(42), images }));
    assert_eq!(
        warnings[..2],
        [
            "No task definition has shop/api:v77. A copy of api:42 with this image for app is registered first.",
            "Everything else stays as in api:42: settings, environment and secrets.",
        ]
    );
}

#[test]
fn e03_a_tag_of_an_image_that_a_task_definition_has_names_that_one() {
    let mut inventory = finished();
    inventory.images.insert(format!("{}:stable", parts(&image(42).image).0), there(40));
    let (step, _) = step_of(&inventory, Some("stable"));
    assert_eq!((step.to.as_ref().unwrap().id.as_str(), registration_of(&step)), (&*definition_arn(40), None));
}

#[test]
fn e03_a_tag_that_two_containers_could_have_is_refused_with_both() {
    let mut inventory = finished();
    for definition in &mut inventory.definitions {
        definition.images.push(crate::incident::release::Image { container: "worker".to_owned(), ..image(42) });
    }
    inventory.images.insert(format!("{}:v77", parts(&image(42).image).0), there(77));
    let refusal = plan(&inventory, Some("v77"), &[]).unwrap_err().to_string();
    assert!(refusal.contains("the container app (") && refusal.contains(" or worker ("), "{refusal}");
    inventory.spec.container = Some("worker".to_owned());
    let (step, _) = step_of(&inventory, Some("v77"));
    assert!(registration_of(&step).unwrap().images.keys().eq(["worker"]));
}

#[test]
fn an_index_and_its_platform_are_the_same_image() {
    let mut inventory = finished();
    let index = ImageState::There { digest: digest(99), platforms: vec![digest(41)], tags: Vec::new() };
    inventory.images.insert(image(41).image, index);
    let (step, warnings) = step_of(&inventory, None);
    assert_eq!((registration_of(&step), warnings), (None, Vec::new()));
}

#[test]
fn where_ecs_recorded_no_digest_that_of_the_tag_shall_run() {
    let mut inventory = inventory(&[]);
    inventory.revisions.clear();
    inventory.images.insert(image(41).image, there(41));
    let (step, _) = step_of(&inventory, None);
    assert_eq!(step.to.unwrap().images[0].digest, Some(digest(41)));
}
