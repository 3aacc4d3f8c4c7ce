//! `CodeDeploy` operations: applications, deployment groups and deployments of ECS services.

use serde_json::{Value, json};
use sha2::Digest as _;

use super::account::Account;
use super::blue_green::{AfterStop, BlueGreen, CodeDeployment, CodeStatus, Creator};
use super::json::{PageLength, page, present, seconds, text, texts};
use super::refusal::Refusal;
use super::service::Service;

/// Deployments per `BatchGetDeployments`.
const AT_ONCE: usize = 25;
/// Deployments per page of `ListDeployments`. AWS does not say how many it gives; few make whoever forgets pages fail.
const LISTED: usize = 25;
/// The longest description.
const DESCRIPTION: usize = 256;

fn refusal<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

/// The SHA-256 of an `AppSpec`.
pub(super) fn sha256(content: &str) -> String {
    hex::encode(sha2::Sha256::digest(content.as_bytes()))
}

/// The task definition that an `AppSpec` of an ECS service names.
pub(super) fn named_by(content: &str) -> Option<String> {
    let spec: Value = serde_saphyr::from_str(content).ok()?;
    let resources = spec.get("Resources").or_else(|| spec.get("resources"))?.as_array()?;
    let mut services = resources.iter().filter_map(Value::as_object).flat_map(serde_json::Map::values);
    let service = services.find(|one| text(one, "Type") == Some("AWS::ECS::Service"))?;
    text(service.get("Properties")?, "TaskDefinition").map(str::to_owned)
}

impl Account {
    /// Performs a `CodeDeploy` operation whose request fits the model.
    pub(super) fn perform_code_deploy(&mut self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        if let Some(told) = self.functions.told_by_code_deploy(operation, request) {
            return told;
        }
        match operation {
            "GetDeployment" => {
                let (group, deployment) = self.find_deployment(text(request, "deploymentId").unwrap_or_default())?;
                Ok(json!({"deploymentInfo": described(group, deployment)}))
            }
            "BatchGetDeployments" => self.batch_get_deployments(request),
            "ListDeployments" => self.list_deployments(request),
            "GetDeploymentGroup" => {
                let service = self.deployed_service(request)?;
                Ok(json!({"deploymentGroupInfo": group_described(service)}))
            }
            "GetApplicationRevision" => self.get_application_revision(request),
            "CreateDeployment" => self.create_deployment(request),
            "StopDeployment" => self.stop_code_deployment(request),
            "ListDeploymentTargets" => {
                let id = text(request, "deploymentId").unwrap_or_default();
                let (service, deployment) = self.deployment_of_service(id)?;
                if deployment.status == CodeStatus::Created {
                    return refusal("DeploymentNotStartedException", "The specified deployment has not started.");
                }
                Ok(json!({"targetIds": [target_id(service)]}))
            }
            "BatchGetDeploymentTargets" => self.batch_get_targets(request),
            _ => refusal("UnknownOperationException", ""),
        }
    }

    fn groups(&self) -> impl Iterator<Item = (&Service, &BlueGreen)> {
        self.services.iter().filter_map(|service| Some((service, service.blue_green.as_ref()?)))
    }

    fn deployment_of_service(&self, id: &str) -> Result<(&Service, &CodeDeployment), Refusal> {
        let mut all =
            self.groups().flat_map(|(service, group)| group.deployments.iter().map(move |one| (service, one)));
        all.find(|(_, one)| one.id == id).ok_or_else(|| {
            Refusal::new("DeploymentDoesNotExistException", format!("The deployment {id} could not be found"))
        })
    }

    fn find_deployment(&self, id: &str) -> Result<(&BlueGreen, &CodeDeployment), Refusal> {
        let (service, deployment) = self.deployment_of_service(id)?;
        let group = service.blue_green.as_ref();
        group
            .map(|group| (group, deployment))
            .ok_or_else(|| Refusal::new("DeploymentDoesNotExistException", "No deployment."))
    }

    /// The service that the group of a request deploys.
    fn deployed_service(&self, request: &Value) -> Result<&Service, Refusal> {
        let application = text(request, "applicationName").unwrap_or_default();
        let name = text(request, "deploymentGroupName").unwrap_or_default();
        if !self.groups().any(|(_, group)| group.application == application) {
            return refusal(
                "ApplicationDoesNotExistException",
                format!("No application found for name: {application}"),
            );
        }
        let found = self.groups().find(|(_, group)| group.application == application && group.group == name);
        found.map(|(service, _)| service).ok_or_else(|| {
            Refusal::new("DeploymentGroupDoesNotExistException", format!("No Deployment Group found for name: {name}"))
        })
    }

    fn batch_get_deployments(&self, request: &Value) -> Result<Value, Refusal> {
        let ids = texts(request, "deploymentIds");
        if ids.len() > AT_ONCE {
            return refusal("BatchLimitExceededException", "The maximum number of deployments is 25.");
        }
        let found = ids.into_iter().filter_map(|id| self.find_deployment(id).ok());
        Ok(json!({"deploymentsInfo": found.map(|(group, one)| described(group, one)).collect::<Vec<_>>()}))
    }

    fn list_deployments(&self, request: &Value) -> Result<Value, Refusal> {
        let statuses = texts(request, "includeOnlyStatuses");
        // Without a group, those of the whole account.
        let of_account = text(request, "applicationName").is_none() && text(request, "deploymentGroupName").is_none();
        let groups: Vec<&BlueGreen> = if of_account {
            self.groups().map(|(_, group)| group).collect()
        } else {
            self.deployed_service(request)?.blue_green.iter().collect()
        };
        let others = if of_account { self.functions.deployments(request) } else { Vec::new() };
        let deployments = groups.into_iter().flat_map(|group| group.deployments.iter().rev());
        let chosen = deployments.filter(|one| statuses.is_empty() || statuses.contains(&one.status.word()));
        let chosen: Vec<Value> = chosen.map(|one| one.id.clone()).chain(others).map(Value::from).collect();
        page(request, "deployments", &chosen, PageLength { usual: LISTED, most: LISTED })
    }

    fn get_application_revision(&self, request: &Value) -> Result<Value, Refusal> {
        let application = text(request, "applicationName").unwrap_or_default();
        let wanted = request.pointer("/revision/appSpecContent/sha256").and_then(Value::as_str).unwrap_or_default();
        let mut groups = self.groups().filter(|(_, group)| group.application == application);
        let found = groups.find_map(|(_, group)| group.revisions.get(wanted));
        let Some((content, _)) = found else {
            return refusal("RevisionDoesNotExistException", "No revision found for the given revision location.");
        };
        let spec = json!({"content": content, "sha256": wanted});
        Ok(json!({
            "applicationName": application,
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": spec},
            "revisionInfo": {"description": "Application revision registered by Deployment"},
        }))
    }

    /// `CreateDeployment`. One deployment at a time in each group.
    pub(super) fn create_deployment(&mut self, request: &Value) -> Result<Value, Refusal> {
        let service = self.deployed_service(request)?;
        let (cluster, name) = (service.cluster.clone(), service.name.clone());
        let revision = request.get("revision").unwrap_or(&Value::Null);
        let Some(content) = revision.pointer("/appSpecContent/content").and_then(Value::as_str) else {
            return refusal("RevisionRequiredException", "RevisionLocation must be specified");
        };
        if text(revision, "revisionType") != Some("AppSpecContent") {
            return refusal("InvalidRevisionException", "The revision type does not fit the revision.");
        }
        let digest = sha256(content);
        let given = revision.pointer("/appSpecContent/sha256").and_then(Value::as_str);
        if given.is_some_and(|given| given != digest) {
            return refusal("InvalidRevisionException", "The SHA256 of the AppSpec content does not match.");
        }
        let Some(task_definition) = named_by(content) else {
            return refusal(
                "InvalidRevisionException",
                "The AppSpec file must contain exactly 1 item in the Resources section.",
            );
        };
        let description = text(request, "description").map(str::to_owned);
        if description.as_ref().is_some_and(|description| description.len() > DESCRIPTION) {
            return refusal("DescriptionTooLongException", "The description is too long.");
        }
        if let Some(group) = &service.blue_green
            && let Some(active) = group.under_way()
        {
            let message =
                format!("The Deployment Group '{}' already has an active Deployment '{}'", group.group, active.id);
            return refusal("DeploymentLimitExceededException", message);
        }
        let containers = self.containers_now(&task_definition);
        let (service, mut scene) = self.service_in_scene(&cluster, &name)?;
        let Some(group) = service.blue_green.as_mut() else {
            return refusal("InvalidECSServiceException", "The ECS service cannot be deployed.");
        };
        group.revisions.insert(digest.clone(), (content.to_owned(), task_definition));
        let id = group.open(&mut scene, &digest, Creator::User, description);
        match containers {
            Ok((arn, containers)) => {
                service.add_set(&mut scene, &id, &arn, containers);
            }
            Err(why) => {
                if let Some(failed) = group.deployments.last_mut() {
                    let why =
                        format!("The Amazon ECS service cannot be updated due to the following error: {}", why.message);
                    failed.error = Some(("ECS_UPDATE_ERROR", why));
                    failed.status = CodeStatus::Failed;
                    failed.completed_at = Some(scene.now.at);
                }
            }
        }
        service.look_after(scene.now, std::time::Duration::from_secs(2));
        Ok(json!({"deploymentId": id}))
    }

    /// `StopDeployment`.
    pub(super) fn stop_code_deployment(&mut self, request: &Value) -> Result<Value, Refusal> {
        let id = text(request, "deploymentId").unwrap_or_default();
        let (service, deployment) = self.deployment_of_service(id)?;
        if deployment.status.is_over() {
            let message = format!("The deployment {id} is already complete");
            return refusal("DeploymentAlreadyCompletedException", message);
        }
        let (cluster, name) = (service.cluster.clone(), service.name.clone());
        let after = match request.get("autoRollbackEnabled") {
            Some(Value::Bool(true)) => AfterStop::RollBack,
            Some(_) | None => AfterStop::Leave,
        };
        let (service, scene) = self.service_in_scene(&cluster, &name)?;
        let deployments = service.blue_green.iter_mut().flat_map(|group| &mut group.deployments);
        deployments.filter(|one| one.id == id).for_each(|one| one.stop = Some(after));
        service.look_after(scene.now, std::time::Duration::from_secs(2));
        Ok(
            json!({"status": "Pending", "statusMessage": "No more commands will be scheduled for execution in the deployment"}),
        )
    }

    fn batch_get_targets(&self, request: &Value) -> Result<Value, Refusal> {
        let id = text(request, "deploymentId").unwrap_or_default();
        let (service, deployment) = self.deployment_of_service(id)?;
        let wanted = target_id(service);
        if texts(request, "targetIds") != [wanted.as_str()] {
            return refusal("DeploymentTargetDoesNotExistException", "The deployment target does not exist.");
        }
        Ok(json!({"deploymentTargets": [{
            "deploymentTargetType": "ECSTarget",
            "ecsTarget": target(service, deployment, &wanted, self.at),
        }]}))
    }
}

/// `cluster:service`.
fn target_id(service: &Service) -> String {
    format!("{}:{}", service.cluster, service.name)
}

fn target(service: &Service, deployment: &CodeDeployment, id: &str, at: jiff::Timestamp) -> Value {
    let group = service.blue_green.as_ref();
    let sets = group.iter().flat_map(|group| &group.sets).map(|set| {
        let own = || service.tasks.iter().filter(|task| task.wanted && task.deployment == set.id);
        let pending = own().filter(|task| task.is_pending()).count();
        let is_primary = group.is_some_and(|group| group.primary == set.id);
        json!({
            "identifer": set.id,
            "desiredCount": service.desired_count,
            "pendingCount": pending,
            "runningCount": own().count() - pending,
            "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
            "trafficWeight": f64::from(set.weight),
            "targetGroup": {"name": set.target_group.split('/').nth(1)},
            "taskSetLabel": if Some(&set.id) == deployment.green.as_ref() { "Green" } else { "Blue" },
        })
    });
    let over = |done: bool| if done { "Succeeded" } else { "Pending" };
    let events = [
        ("BeforeInstall", over(deployment.started_at.is_some())),
        ("Install", over(deployment.shift_began.is_some())),
        ("AfterInstall", over(deployment.shift_began.is_some())),
        ("BeforeAllowTraffic", over(deployment.shift_began.is_some())),
        ("AllowTraffic", over(deployment.shifted_at.is_some())),
        ("AfterAllowTraffic", over(deployment.shifted_at.is_some())),
    ];
    let events = events.map(|(name, status)| json!({"lifecycleEventName": name, "status": status}));
    present(json!({
        "deploymentId": deployment.id,
        "targetId": id,
        "targetArn": service.arn,
        "lastUpdatedAt": seconds(at),
        "lifecycleEvents": events,
        "status": deployment.status.word_of_target(),
        "taskSetsInfo": sets.collect::<Vec<_>>(),
    }))
}

fn group_described(service: &Service) -> Value {
    let Some(group) = &service.blue_green else { return Value::Null };
    let last = |wanted: fn(&CodeDeployment) -> bool| {
        group.deployments.iter().rev().find(|one| wanted(one)).map(|one| {
            json!({
                "deploymentId": one.id, "status": one.status.word(), "createTime": seconds(one.created_at),
                "endTime": one.completed_at.map(seconds),
            })
        })
    };
    let names = group.target_groups.iter().map(|arn| json!({"name": arn.split('/').nth(1)}));
    present(json!({
        "applicationName": group.application,
        "deploymentGroupId": "8c1d2e3f-4a5b-4c6d-8e7f-901234567890",
        "deploymentGroupName": group.group,
        "deploymentConfigName": group.config,
        "serviceRoleArn": format!("arn:aws:iam::{}:role/codedeploy", service.arn.split(':').nth(4).unwrap_or_default()),
        "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE"]},
        "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        "blueGreenDeploymentConfiguration": {
            "terminateBlueInstancesOnDeploymentSuccess": {
                "action": "TERMINATE", "terminationWaitTimeInMinutes": group.termination_wait.as_secs() / 60,
            },
            "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 0},
        },
        "loadBalancerInfo": {"targetGroupPairInfoList": [{"targetGroups": names.collect::<Vec<_>>()}]},
        "computePlatform": "ECS",
        "ecsServices": [{"serviceName": service.name, "clusterName": service.cluster}],
        "lastSuccessfulDeployment": last(|one| one.status == CodeStatus::Succeeded),
        "lastAttemptedDeployment": last(|_| true),
    }))
}

/// A deployment as `GetDeployment` tells it: the content of its `AppSpec` is always null.
fn described(group: &BlueGreen, one: &CodeDeployment) -> Value {
    let rollback = json!({
        "rollbackDeploymentId": one.rolled_back_by,
        "rollbackTriggeringDeploymentId": one.rollback_of,
    });
    let has_rollback = one.rolled_back_by.is_some() || one.rollback_of.is_some();
    present(json!({
        "applicationName": group.application,
        "deploymentGroupName": group.group,
        "deploymentConfigName": group.config,
        "deploymentId": one.id,
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": one.revision}},
        "status": one.status.word(),
        "errorInformation": one.error.as_ref().map(|(code, message)| json!({"code": code, "message": message})),
        "createTime": seconds(one.created_at),
        "startTime": one.started_at.map(seconds),
        "completeTime": one.completed_at.map(seconds),
        "description": one.description,
        "creator": match one.creator { Creator::User => "user", Creator::Rollback => "codeDeployRollback" },
        "rollbackInfo": has_rollback.then_some(rollback),
        "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        "instanceTerminationWaitTimeStarted": one.shifted_at.is_some(),
        "computePlatform": "ECS",
    }))
}
