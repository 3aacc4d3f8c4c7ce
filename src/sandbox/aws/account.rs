//! The account: everything the stand-in knows, and the passing of time in it.
//!
//! Time passes when somebody looks. Before each call the account does, one after the other and each at its own time,
//! everything that has become due since; so what is seen does not depend on how busy the machine is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::alarms::Alarms;
use super::amplify::Apps;
use super::buckets::Buckets;
use super::build::Project;
use super::cloudfront::Distributions;
use super::functions::Functions;
use super::identities::Identities;
use super::ids::Ids;
use super::images::Images;
use super::json::text;
use super::pipeline::Pipeline;
use super::refusal::Refusal;
use super::revision::{Resolution, RevisionContainer};
use super::seed::SeedTargetGroup;
use super::service::{Scene, Service};
use super::stacks::Stacks;
use super::supplies::Supplies;
use super::task_definitions::TaskDefinitions;
use crate::incident::time::{Now, Pace};

/// A target group and its load balancer.
#[derive(Debug)]
pub(super) struct TargetGroup {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) load_balancer_arn: String,
    pub(super) rules: SeedTargetGroup,
}

/// An AWS account in one region.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) opened_at: Timestamp,
    pub(super) at: Timestamp,
    pub(super) pace: Pace,
    pub(super) ids: Ids,
    pub(super) images: Images,
    pub(super) task_definitions: TaskDefinitions,
    pub(super) clusters: Vec<String>,
    pub(super) target_groups: BTreeMap<String, TargetGroup>,
    pub(super) services: Vec<Service>,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) projects: Vec<Project>,
    pub(super) identities: Identities,
    pub(super) buckets: Buckets,
    pub(super) distributions: Distributions,
    pub(super) stacks: Stacks,
    pub(super) alarms: Alarms,
    pub(super) supplies: Supplies,
    pub(super) apps: Apps,
    pub(super) functions: Functions,
}

impl Account {
    /// The account's present.
    pub(super) fn now(&self) -> Now {
        Now { at: self.at, pace: self.pace }
    }

    /// Lets time pass until `until`.
    pub(super) fn pass(&mut self, until: Timestamp) {
        while let Some(due) = self.due().filter(|due| *due <= until) {
            self.at = self.at.max(due);
            let now = self.now();
            for service in self.services.iter_mut().filter(|service| service.due().is_some_and(|due| due <= now.at)) {
                service.step(&mut Scene { now, images: &self.images, ids: &mut self.ids });
            }
            self.stacks.pass(now.at, self.pace, &mut self.ids, &self.buckets);
            self.step_pipelines();
            self.step_projects();
            self.apps.step(now);
            self.functions.step(self.at, &mut self.ids);
            self.follow_alarms();
            self.distributions.step(now);
        }
        self.at = self.at.max(until);
    }

    /// When something happens next by itself.
    fn due(&self) -> Option<Timestamp> {
        let services = self.services.iter().filter_map(Service::due).min();
        let (pipelines, projects) = (self.pipelines_due(), self.projects_due());
        let others = [self.apps.due(), self.stacks.due(), self.functions.due(), self.distributions.due()];
        [services, pipelines, projects].into_iter().chain(others).flatten().min()
    }

    /// A service and the scene in which something happens to it.
    pub(super) fn service_in_scene(
        &mut self,
        cluster: &str,
        service: &str,
    ) -> Result<(&mut Service, Scene<'_>), Refusal> {
        let now = self.now();
        let found =
            self.services.iter_mut().find(|one| one.cluster == cluster && (one.name == service || one.arn == service));
        let found = found.ok_or_else(|| Refusal::new("ServiceNotFoundException", "Service not found."))?;
        Ok((found, Scene { now, images: &self.images, ids: &mut self.ids }))
    }

    /// The name of the cluster that a request names, by name or ARN; `default` where it names none.
    pub(super) fn cluster(&self, request: &Value) -> Result<String, Refusal> {
        let named = text(request, "cluster").unwrap_or("default");
        let found = self.clusters.iter().find(|name| name.as_str() == named || self.cluster_arn(name) == named);
        found.cloned().ok_or_else(|| Refusal::new("ClusterNotFoundException", "Cluster not found."))
    }

    /// The ARN of a cluster.
    pub(super) fn cluster_arn(&self, name: &str) -> String {
        format!("arn:aws:ecs:{}:{}:cluster/{name}", self.region, self.id)
    }

    /// A service by name or ARN.
    pub(super) fn service(&self, cluster: &str, named: &str) -> Option<&Service> {
        self.services.iter().find(|one| one.cluster == cluster && (one.name == named || one.arn == named))
    }

    /// The containers that a task definition would have if it were deployed now.
    pub(super) fn containers_now(&self, task_definition: &str) -> Result<(String, Vec<RevisionContainer>), Refusal> {
        let definition = self.task_definitions.deployable(task_definition)?;
        Ok((definition.arn.clone(), RevisionContainer::resolve(definition, &self.images, &Resolution::Now)))
    }

    /// Performs an ECS operation whose request fits the model.
    pub(super) fn perform_ecs(&mut self, operation: &str, request: &Value, caller: &str) -> Result<Value, Refusal> {
        match operation {
            "DescribeClusters" => Ok(self.describe_clusters(request)),
            "ListServices" => self.list_services(request),
            "DescribeServices" => self.describe_services(request),
            "UpdateService" => self.update_service(request),
            "ListTagsForResource" => self.list_tags(request),
            "ListServiceDeployments" => self.list_service_deployments(request),
            "DescribeServiceDeployments" => self.describe_service_deployments(request),
            "DescribeServiceRevisions" => self.describe_service_revisions(request),
            "StopServiceDeployment" => self.stop_service_deployment(request),
            "ContinueServiceDeployment" => self.continue_service_deployment(request),
            "ListTasks" => self.list_tasks(request),
            "DescribeTasks" => self.describe_tasks(request),
            "ListTaskDefinitions" => self.task_definitions.list(request),
            "DescribeTaskDefinition" => self.task_definitions.describe(request),
            "RegisterTaskDefinition" => self.task_definitions.register(request, caller, self.at),
            "DeregisterTaskDefinition" => self.task_definitions.deregister(request, self.at),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        }
    }
}

/// An entry of `failures`.
pub(super) fn missing(arn: &str) -> Value {
    json!({"arn": arn, "reason": "MISSING"})
}
