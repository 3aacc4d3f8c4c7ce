//! Drift: what approval binds, and nothing else.

use std::time::Duration;

use crate::incident::ids::Resource;
use crate::incident::plan::{Plan, Step};
use crate::incident::sample::{release, rolls_back, small_plan};

fn api(plan: &mut Plan) -> &mut Step {
    &mut plan.stages[0].lanes[0].steps[0]
}

fn check(change: impl FnOnce(&mut Plan), expected: &[&str]) {
    let old = small_plan("api");
    let mut new = old.clone();
    change(&mut new);
    assert_eq!(old.drift(&new), expected);
    assert_eq!(old.digest() != new.digest(), !expected.is_empty(), "{expected:?}");
}

#[test]
fn what_may_differ_between_two_looks_is_no_drift() {
    check(|_| {}, &[]);
    check(|plan| api(plan).title = "Other words".to_owned(), &[]);
    check(|plan| api(plan).estimate = Duration::from_secs(1), &[]);
    check(|plan| api(plan).from.as_mut().unwrap().deployed_at = None, &[]);
    check(|plan| plan.warnings.push("The last deployment is a minute old.".to_owned()), &[]);
}

#[test]
fn what_approval_binds_is_drift_and_is_named() {
    check(
        |plan| api(plan).resource = Resource::new("other"),
        &["ECS service shop-prod/api: it is another resource now (other)"],
    );
    check(
        |plan| api(plan).from = Some(release(43)),
        &["ECS service shop-prod/api: what runs now was v42 (api:42), now it is v43 (api:43)"],
    );
    check(
        |plan| api(plan).to = Some(release(40)),
        &["ECS service shop-prod/api: the target was v41 (api:41), now it is v40 (api:40)"],
    );
    check(
        |plan| api(plan).to.as_mut().unwrap().images[0].digest = None,
        &["ECS service shop-prod/api: the target was v41 (api:41), and the same name stands for other images now"],
    );
    check(
        |plan| api(plan).verbs.push("StopServiceDeployment".to_owned()),
        &["ECS service shop-prod/api: it takes UpdateService, StopServiceDeployment now"],
    );
    check(
        |plan| api(plan).loses.push("Sessions end.".to_owned()),
        &["ECS service shop-prod/api: what may be lost has changed"],
    );
}

#[test]
fn steps_that_come_go_or_change_places_are_drift() {
    check(
        |plan| plan.stages[0].lanes[0].steps.push(rolls_back("web")),
        &["ECS service shop-prod/web is new in the plan"],
    );
    check(|plan| plan.stages[1].lanes.clear(), &["HTTP https://api.example.com/health is no longer in the plan"]);
    check(|plan| plan.stages.swap(0, 1), &["the steps run in another order now"]);
}
