//! The targets of a load balancer: those of a service's newest deployment, or all of one group.
//!
//! Targets that drain are on their way out and do not count; an empty group is unhealthy, since nothing would answer.

use crate::aws::target_health::{self, Target, TargetHealth};
use crate::aws::{Aws, AwsError};
use crate::incident::work::TargetGroupCheck;

use super::look::Look;

/// Looks once.
pub async fn look(check: &TargetGroupCheck, aws: &Aws) -> Look {
    match check {
        TargetGroupCheck::Group { arn } => judge(target_health::of_group(aws, arn).await, of_group),
        TargetGroupCheck::Service { cluster, service } => {
            judge(target_health::of_service(aws, cluster, service).await, of_service)
        }
    }
}

fn judge(health: Result<TargetHealth, AwsError>, found: fn(&TargetHealth) -> Look) -> Look {
    match health {
        Ok(health) => found(&health),
        Err(error) => Look::inconclusive(error.to_string()),
    }
}

/// Every target of the group that is not draining. Pure.
fn of_group(health: &TargetHealth) -> Look {
    let counted: Vec<&Target> = health.targets.iter().filter(|target| !target.is_draining()).collect();
    if counted.is_empty() {
        return Look::unhealthy("the target group has no targets");
    }
    let healthy = counted.iter().filter(|target| target.is_healthy()).count();
    if healthy == counted.len() {
        return Look::healthy(format!("{healthy} of {healthy} targets are healthy"));
    }
    let ill = counted.iter().find(|target| !target.is_healthy()).map(|target| said(target)).unwrap_or_default();
    Look::unhealthy(format!("{healthy} of {} targets are healthy{ill}", counted.len()))
}

/// The tasks of the newest deployment, in every group of the service. Pure.
fn of_service(health: &TargetHealth) -> Look {
    if health.groups.is_empty() {
        return Look::inconclusive("the service has no target group");
    }
    let all = health.tasks.len();
    if all == 0 {
        return Look::unhealthy("the newest deployment has no tasks");
    }
    let healthy = health.healthy_tasks();
    if healthy == all {
        return Look::healthy(format!("{healthy} of {all} tasks are healthy in the load balancer"));
    }
    let standings = health.standings();
    let ill = standings.iter().find(|standing| !standing.is_healthy());
    let ill = match ill.map(|standing| standing.target) {
        Some(Some(target)) => said(target),
        Some(None) => ": one is not registered".to_owned(),
        None => String::new(),
    };
    Look::unhealthy(format!("{healthy} of {all} tasks are healthy in the load balancer{ill}"))
}

fn said(target: &Target) -> String {
    match &target.reason {
        Some(reason) => format!(": {} is {} ({reason})", target.id, target.state),
        None => format!(": {} is {}", target.id, target.state),
    }
}
