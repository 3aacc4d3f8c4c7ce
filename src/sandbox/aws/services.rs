//! ECS operations on clusters and services.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::{Account, missing};
use super::described::TagsTold;
use super::json::{PageLength, includes, page, tag_list, text, texts};
use super::refusal::Refusal;
use super::rollout::count;
use super::seed::{Controller, ResourceManagementType, ServiceStatus};
use super::task::Stage;

/// Services per `DescribeServices`.
const AT_ONCE: usize = 10;

/// What `UpdateService` takes here. The stand-in refuses the rest rather than forget it.
const UNDERSTOOD: [&str; 9] = [
    "cluster",
    "service",
    "taskDefinition",
    "desiredCount",
    "forceNewDeployment",
    "deploymentConfiguration",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "platformVersion",
];

impl Account {
    /// `DescribeClusters`.
    pub(super) fn describe_clusters(&self, request: &Value) -> Value {
        let named = texts(request, "clusters");
        let named = if named.is_empty() { vec!["default"] } else { named };
        let (mut clusters, mut failures) = (Vec::new(), Vec::new());
        for name in named {
            match self.cluster(&json!({"cluster": name})) {
                Ok(name) => {
                    let services = || self.services.iter().filter(|service| service.cluster == name);
                    let tasks = |stage: fn(Stage) -> bool| {
                        count(services().flat_map(|service| &service.tasks).filter(|task| stage(task.stage)))
                    };
                    clusters.push(json!({
                        "clusterArn": self.cluster_arn(&name),
                        "clusterName": name,
                        "status": "ACTIVE",
                        "registeredContainerInstancesCount": 0,
                        "runningTasksCount": tasks(|stage| stage == Stage::Running),
                        "pendingTasksCount": tasks(|stage| stage < Stage::Running),
                        "activeServicesCount": services().filter(|service| service.status == ServiceStatus::Active).count(),
                        "statistics": [],
                        "tags": [],
                        "settings": [{"name": "containerInsights", "value": "disabled"}],
                        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
                        "defaultCapacityProviderStrategy": [],
                    }));
                }
                Err(_) if name.starts_with("arn:") => failures.push(missing(name)),
                Err(_) => failures.push(missing(&self.cluster_arn(name))),
            }
        }
        json!({"clusters": clusters, "failures": failures})
    }

    /// `ListServices`.
    pub(super) fn list_services(&self, request: &Value) -> Result<Value, Refusal> {
        let cluster = self.cluster(request)?;
        let managed = text(request, "resourceManagementType");
        let chosen = self.services.iter().filter(|service| {
            service.cluster == cluster
                && service.status != ServiceStatus::Inactive
                && managed.is_none_or(|managed| {
                    (managed == "ECS") == (service.resource_management_type == ResourceManagementType::Ecs)
                })
                && text(request, "launchType").is_none_or(|kind| kind == "FARGATE")
                && text(request, "schedulingStrategy").is_none_or(|strategy| strategy == "REPLICA")
        });
        let arns: Vec<Value> = chosen.map(|service| json!(service.arn)).collect();
        page(request, "serviceArns", &arns, PageLength { usual: 10, most: 100 })
    }

    /// `DescribeServices`; what is not there is a failure `MISSING`, not an error.
    pub(super) fn describe_services(&self, request: &Value) -> Result<Value, Refusal> {
        let cluster = self.cluster(request)?;
        let named = texts(request, "services");
        if named.is_empty() {
            return Err(Refusal::invalid("Services cannot be empty."));
        }
        if named.len() > AT_ONCE {
            return Err(Refusal::invalid("Too many services to describe: at most 10 at once."));
        }
        let tags = if includes(request, "TAGS") { TagsTold::Yes } else { TagsTold::No };
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for name in named {
            match self.service(&cluster, name) {
                Some(service) => services.push(service.described(self.at, tags)),
                None if name.starts_with("arn:") => failures.push(missing(name)),
                None => {
                    failures
                        .push(missing(&format!("arn:aws:ecs:{}:{}:service/{cluster}/{name}", self.region, self.id)));
                }
            }
        }
        Ok(json!({"services": services, "failures": failures}))
    }

    /// `ListTagsForResource`, for services, clusters and task definitions.
    pub(super) fn list_tags(&self, request: &Value) -> Result<Value, Refusal> {
        let arn = text(request, "resourceArn").unwrap_or_default();
        if let Some(service) = self.services.iter().find(|service| service.arn == arn) {
            return Ok(json!({"tags": tag_list(&service.tags)}));
        }
        if arn.contains(":task-definition/") {
            let definition = self.task_definitions.find(arn);
            let definition =
                definition.ok_or_else(|| Refusal::client("The specified task definition does not exist."))?;
            return Ok(json!({"tags": tag_list(&definition.tags)}));
        }
        if self.clusters.iter().any(|name| self.cluster_arn(name) == arn) {
            return Ok(json!({"tags": []}));
        }
        if arn.contains(":service/") {
            return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
        }
        Err(Refusal::invalid("The specified resource ARN is not valid."))
    }

    /// `UpdateService`. A new task definition, network configuration or platform version, or being forced to, makes a
    /// new deployment; the rest changes the service in place.
    pub(super) fn update_service(&mut self, request: &Value) -> Result<Value, Refusal> {
        let cluster = self.cluster(request)?;
        let given = |member: &str| request.get(member).filter(|value| !value.is_null());
        if let Some(member) = request
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .find(|name| !UNDERSTOOD.contains(&name.as_str()))
        {
            return Err(Refusal::new("UnsupportedFeatureException", format!("{member} cannot be changed here.")));
        }
        let named = text(request, "service").unwrap_or_default();
        let service = self
            .service(&cluster, named)
            .ok_or_else(|| Refusal::new("ServiceNotFoundException", "Service not found."))?;
        if service.status != ServiceStatus::Active {
            return Err(Refusal::new("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        let (controller, task_definition) = (service.controller, service.task_definition.clone());
        let is_forced = given("forceNewDeployment") == Some(&json!(true));
        let wanted = text(request, "taskDefinition");
        let is_new = is_forced
            || given("networkConfiguration").is_some()
            || given("platformVersion").is_some()
            || wanted.is_some();
        if is_new && controller != Controller::Ecs {
            let message = match controller {
                Controller::CodeDeploy => {
                    "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment."
                }
                Controller::External | Controller::Ecs => {
                    "Unable to update task definition on services with an EXTERNAL deployment controller."
                }
            };
            return Err(Refusal::invalid(message));
        }
        let target = match wanted {
            Some(wanted) => Some(self.containers_now(wanted)?),
            None if is_new => Some(self.containers_now(&task_definition)?),
            None => None,
        };
        let (service, mut scene) = self.service_in_scene(&cluster, named)?;
        if let Some(count) = given("desiredCount").and_then(Value::as_i64) {
            service.desired_count =
                u32::try_from(count).ok().ok_or_else(|| Refusal::invalid("desiredCount cannot be negative."))?;
            service.look_after(scene.now, Duration::from_secs(1));
        }
        if let (Some(changes), Some(own)) =
            (given("deploymentConfiguration").and_then(Value::as_object), service.configuration.as_object_mut())
        {
            own.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        if let Some(network) = given("networkConfiguration") {
            service.network_configuration = network.clone();
        }
        if let Some(grace) = given("healthCheckGracePeriodSeconds").and_then(Value::as_u64) {
            service.grace = Duration::from_secs(grace);
        }
        let changes = is_forced
            || given("networkConfiguration").is_some()
            || given("platformVersion").is_some()
            || target.as_ref().is_some_and(|(arn, _)| *arn != service.task_definition);
        if let Some((arn, containers)) = target.filter(|_| changes) {
            service.deploy(&mut scene, &arn, containers);
        }
        let at = scene.now.at;
        Ok(json!({"service": service.described(at, TagsTold::No)}))
    }
}
