//! A service and its deployments as the ECS API tells them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::{present, seconds, tag_list};
use super::rollout::count;
use super::seed::{Controller, ResourceManagementType, Scheduling, ServiceStatus};
use super::service::{Deployment, HookAnswer, Rollout, Service, ServiceDeployment, ServiceDeploymentStatus};
use super::strategies::{Kept, times};
use super::task::Stage;

/// Whether tags are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TagsTold {
    Yes,
    No,
}

impl Service {
    /// The service as `DescribeServices` and `UpdateService` tell it.
    pub(super) fn described(&self, at: Timestamp, tags: TagsTold) -> Value {
        let running = count(self.tasks.iter().filter(|task| task.stage == Stage::Running));
        let pending = count(self.tasks.iter().filter(|task| task.wanted && task.is_pending()));
        let status = match self.status {
            ServiceStatus::Active => "ACTIVE",
            ServiceStatus::Draining => "DRAINING",
            ServiceStatus::Inactive => "INACTIVE",
        };
        let managed = match self.resource_management_type {
            ResourceManagementType::Customer => "CUSTOMER",
            ResourceManagementType::Ecs => "ECS",
        };
        let by_ecs = self.controller == Controller::Ecs;
        let newest_first = self.deployments.iter().rev().enumerate();
        let deployments = newest_first.map(|(age, deployment)| self.deployment_described(deployment, age == 0));
        let revisions = self.revisions.iter().filter(|revision| {
            self.tasks.iter().any(|task| task.revision == revision.arn && !task.is_stopped())
                || self.primary().is_some_and(|primary| primary.revision == revision.arn)
        });
        let events = self
            .events
            .iter()
            .map(|(id, at, message)| json!({"id": id, "createdAt": seconds(*at), "message": message}));
        let current = match &self.stale {
            Some((previous, until)) if at < *until => previous.clone(),
            Some(_) | None => self.current().map(|current| current.arn.clone()),
        };
        present(json!({
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster_arn,
            "loadBalancers": self.load_balancers(),
            "serviceRegistries": [],
            "status": status,
            "desiredCount": self.desired_count,
            "runningCount": running,
            "pendingCount": pending,
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
            "platformFamily": "Linux",
            "taskDefinition": self.task_definition,
            "deploymentConfiguration": self.configuration,
            "taskSets": if by_ecs { None } else { Some(self.task_sets(running, pending)) },
            "deployments": if by_ecs { deployments.collect() } else { Vec::new() },
            "roleArn": self.role(),
            "events": events.collect::<Vec<_>>(),
            "createdAt": seconds(self.created_at),
            "currentServiceDeployment": current.filter(|_| by_ecs),
            "currentServiceRevisions": revisions.filter(|_| self.blue_green.is_none()).map(|revision| self.revision_counts(&revision.arn)).collect::<Vec<_>>(),
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": self.network_configuration,
            "healthCheckGracePeriodSeconds": self.balancing.as_ref().map(|_| self.grace.as_secs()),
            "schedulingStrategy": match self.scheduling {
                Scheduling::Replica => "REPLICA",
                Scheduling::Daemon => "DAEMON",
            },
            "deploymentController": {"type": self.controller.word()},
            "tags": (tags == TagsTold::Yes).then(|| tag_list(&self.tags)),
            "createdBy": self.created_by,
            "enableECSManagedTags": false,
            "propagateTags": "NONE",
            "enableExecuteCommand": false,
            "availabilityZoneRebalancing": "DISABLED",
            "resourceManagementType": managed,
        }))
    }

    fn role(&self) -> String {
        let account = self.arn.split(':').nth(4).unwrap_or_default();
        format!("arn:aws:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    }

    /// The task sets that `CodeDeploy` made, the primary one first; without it, one that somebody else made.
    fn task_sets(&self, running: u32, pending: u32) -> Value {
        let Some(group) = &self.blue_green else { return json!([self.task_set(running, pending)]) };
        let mut sets: Vec<_> = group.sets.iter().collect();
        sets.sort_by_key(|set| set.id != group.primary);
        let described = sets.into_iter().map(|set| {
            let own = || self.tasks.iter().filter(|task| task.deployment == set.id);
            let running = count(own().filter(|task| task.stage == Stage::Running));
            let wanted = if set.is_leaving { 0 } else { self.desired_count };
            let is_steady = !set.is_leaving && self.set_serving(&set.id) == wanted && running == wanted;
            let status = match (set.id == group.primary, set.is_leaving) {
                (true, _) => "PRIMARY",
                (false, true) => "DRAINING",
                (false, false) => "ACTIVE",
            };
            let balancer = self.balancing.as_ref().map(|balancing| {
                json!({
                    "targetGroupArn": set.target_group,
                    "containerName": balancing.container_name,
                    "containerPort": balancing.container_port,
                })
            });
            json!({
                "id": set.id,
                "taskSetArn": format!("{}/{}", self.arn.replace(":service/", ":task-set/"), set.id),
                "serviceArn": self.arn,
                "clusterArn": self.cluster_arn,
                "startedBy": "CODE_DEPLOY",
                "externalId": set.external_id,
                "status": status,
                "taskDefinition": set.task_definition,
                "computedDesiredCount": wanted,
                "pendingCount": count(own().filter(|task| task.wanted && task.is_pending())),
                "runningCount": running,
                "createdAt": seconds(set.created_at),
                "updatedAt": seconds(set.created_at),
                "launchType": "FARGATE",
                "platformVersion": "1.4.0",
                "platformFamily": "Linux",
                "loadBalancers": balancer.into_iter().collect::<Vec<_>>(),
                "networkConfiguration": self.network_configuration,
                "serviceRegistries": [],
                "scale": {"value": if set.is_leaving { 0.0 } else { 100.0 }, "unit": "PERCENT"},
                "stabilityStatus": if is_steady { "STEADY_STATE" } else { "STABILIZING" },
                "stabilityStatusAt": seconds(set.created_at),
                "tags": [],
            })
        });
        described.collect()
    }

    fn task_set(&self, running: u32, pending: u32) -> Value {
        let id = "ecs-svc/9223370535416182807";
        json!({
            "id": id,
            "taskSetArn": format!("{}/{id}", self.arn.replace(":service/", ":task-set/")),
            "serviceArn": self.arn,
            "clusterArn": self.cluster_arn,
            "startedBy": self.controller.word(),
            "status": "PRIMARY",
            "taskDefinition": self.task_definition,
            "computedDesiredCount": self.desired_count,
            "pendingCount": pending,
            "runningCount": running,
            "createdAt": seconds(self.created_at),
            "updatedAt": seconds(self.created_at),
            "launchType": "FARGATE",
            "loadBalancers": self.load_balancers(),
            "networkConfiguration": self.network_configuration,
            "scale": {"value": 100.0, "unit": "PERCENT"},
            "stabilityStatus": "STEADY_STATE",
            "stabilityStatusAt": seconds(self.created_at),
        })
    }

    fn deployment_described(&self, deployment: &Deployment, is_primary: bool) -> Value {
        let own = || self.tasks.iter().filter(|task| task.deployment == deployment.id);
        let wanted = count(own().filter(|task| task.wanted));
        let rollout = match deployment.rollout {
            Rollout::InProgress => "IN_PROGRESS",
            Rollout::Completed => "COMPLETED",
            Rollout::Failed => "FAILED",
        };
        // AWS tells it of rolling updates alone.
        let rollout = times(&self.configuration).is_none().then_some(rollout);
        present(json!({
            "id": deployment.id,
            "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": deployment.task_definition,
            "desiredCount": if is_primary && deployment.rollout != Rollout::Failed { self.desired_count } else { wanted },
            "pendingCount": count(own().filter(|task| task.wanted && task.is_pending())),
            "runningCount": count(own().filter(|task| task.stage == Stage::Running)),
            "failedTasks": deployment.failed_tasks,
            "createdAt": seconds(deployment.created_at),
            "updatedAt": seconds(deployment.updated_at),
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "networkConfiguration": self.network_configuration,
            "rolloutState": rollout,
            "rolloutStateReason": rollout.map(|_| &deployment.reason),
        }))
    }

    fn revision_counts(&self, arn: &str) -> Value {
        let own = || self.tasks.iter().filter(|task| task.revision == arn);
        let is_primary = self.primary().is_some_and(|primary| primary.revision == arn);
        let wanted = count(own().filter(|task| task.wanted));
        json!({
            "arn": arn,
            "requestedTaskCount": if is_primary { self.desired_count } else { wanted },
            "runningTaskCount": count(own().filter(|task| task.stage == Stage::Running)),
            "pendingTaskCount": count(own().filter(|task| task.wanted && task.is_pending())),
        })
    }

    /// A service deployment as `ListServiceDeployments` tells it.
    pub(super) fn brief(&self, deployment: &ServiceDeployment) -> Value {
        present(json!({
            "serviceDeploymentArn": deployment.arn,
            "serviceArn": self.arn,
            "clusterArn": self.cluster_arn,
            "startedAt": deployment.started_at.map(seconds),
            "createdAt": seconds(deployment.created_at),
            "finishedAt": deployment.finished_at.map(seconds),
            "targetServiceRevisionArn": deployment.target,
            "status": deployment.status.word(),
            "statusReason": deployment.reason,
        }))
    }

    /// A service deployment as `DescribeServiceDeployments` tells it.
    pub(super) fn service_deployment_described(&self, deployment: &ServiceDeployment) -> Value {
        let watched = deployment.configuration.pointer("/deploymentCircuitBreaker/enable") == Some(&json!(true));
        let tripped = deployment.failures >= deployment.threshold;
        let breaker = match (watched, tripped) {
            (false, _) => "DISABLED",
            (true, true) => "TRIGGERED",
            (true, false) if deployment.status.is_over() => "MONITORING_COMPLETE",
            (true, false) => "MONITORING",
        };
        let hook = deployment.hook.as_ref().map(|hook| {
            let status = match hook.answer {
                None if deployment.is_paused() => "AWAITING_ACTION",
                Some(HookAnswer::Continue) => "SUCCEEDED",
                None | Some(HookAnswer::Rollback) => "FAILED",
            };
            json!([{
                "hookId": hook.id, "targetType": "PAUSE", "status": status, "expiresAt": seconds(hook.expires_at),
                "timeoutAction": "ROLLBACK",
            }])
        });
        let kept = self.primary().and_then(|primary| primary.kept);
        let stage = match deployment.status {
            ServiceDeploymentStatus::InProgress if deployment.is_paused() => Some("POST_SCALE_UP"),
            ServiceDeploymentStatus::Pending => Some("RECONCILE_SERVICE"),
            ServiceDeploymentStatus::InProgress if kept == Some(Kept::Bake) => Some("BAKE_TIME"),
            ServiceDeploymentStatus::InProgress if kept == Some(Kept::TrafficShifts) => {
                Some("PRODUCTION_TRAFFIC_SHIFT")
            }
            ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress => Some("SCALE_UP"),
            ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => None,
        };
        let rollback = deployment.rollback.as_ref().map(|rollback| {
            json!({
                "reason": rollback.cause.reason(),
                "startedAt": seconds(rollback.started_at),
                "serviceRevisionArn": rollback.revision,
            })
        });
        present(json!({
            "serviceDeploymentArn": deployment.arn,
            "serviceArn": self.arn,
            "clusterArn": self.cluster_arn,
            "createdAt": seconds(deployment.created_at),
            "startedAt": deployment.started_at.map(seconds),
            "finishedAt": deployment.finished_at.map(seconds),
            "stoppedAt": deployment.stopped_at.map(seconds),
            "updatedAt": seconds(deployment.updated_at),
            "sourceServiceRevisions": deployment.sources.iter().map(|arn| self.revision_counts(arn)).collect::<Vec<_>>(),
            "targetServiceRevision": self.revision_counts(&deployment.target),
            "status": deployment.status.word(),
            "statusReason": deployment.reason,
            "lifecycleStage": stage,
            "lifecycleHookDetails": hook,
            "deploymentConfiguration": deployment.configuration,
            "rollback": rollback,
            "deploymentCircuitBreaker": {
                "status": breaker, "failureCount": deployment.failures, "threshold": if watched { deployment.threshold } else { 0 },
            },
            "alarms": {"status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": []},
        }))
    }
}
