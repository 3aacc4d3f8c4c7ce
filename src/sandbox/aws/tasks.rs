//! ECS operations on tasks.

use serde_json::{Value, json};

use super::account::{Account, missing};
use super::json::{PageLength, page, text, texts};
use super::refusal::Refusal;
use super::service::Service;
use super::task::Task;

/// Tasks per `DescribeTasks`.
const AT_ONCE: usize = 100;
/// Filters that `startedBy` does not go with.
const FILTERS: [&str; 5] = ["containerInstance", "family", "serviceName", "launchType", "daemonName"];

impl Account {
    fn tasks<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = (&'a Service, &'a Task)> {
        let services = self.services.iter().filter(move |service| service.cluster == cluster);
        services.flat_map(|service| service.tasks.iter().map(move |task| (service, task)))
    }

    /// `ListTasks`: by default those whose desired status is RUNNING.
    pub(super) fn list_tasks(&self, request: &Value) -> Result<Value, Refusal> {
        let cluster = self.cluster(request)?;
        let started_by = text(request, "startedBy");
        if started_by.is_some()
            && let Some(other) = FILTERS.into_iter().find(|filter| text(request, filter).is_some())
        {
            return Err(Refusal::invalid(format!("startedBy cannot be combined with {other}.")));
        }
        let named = text(request, "serviceName");
        if let Some(named) = named
            && self.service(&cluster, named).is_none()
        {
            return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
        }
        let wanted = match text(request, "desiredStatus") {
            None | Some("RUNNING") => Some(true),
            Some("STOPPED") => Some(false),
            Some(_) => None,
        };
        let family = text(request, "family");
        let chosen = self.tasks(&cluster).filter(|(service, task)| {
            Some(task.wanted) == wanted
                && named.is_none_or(|named| service.name == named || service.arn == named)
                && started_by.is_none_or(|deployment| task.started_by == deployment)
                && text(request, "launchType").is_none_or(|kind| kind == "FARGATE")
                && text(request, "containerInstance").is_none()
                && text(request, "daemonName").is_none()
                && family.is_none_or(|family| task.task_definition.contains(&format!(":task-definition/{family}:")))
        });
        let arns: Vec<Value> = chosen.map(|(_, task)| json!(task.arn)).collect();
        page(request, "taskArns", &arns, PageLength { usual: 100, most: 100 })
    }

    /// `DescribeTasks`, by id or ARN.
    pub(super) fn describe_tasks(&self, request: &Value) -> Result<Value, Refusal> {
        let cluster = self.cluster(request)?;
        let named = texts(request, "tasks");
        if named.is_empty() || named.len() > AT_ONCE {
            return Err(Refusal::invalid(format!("tasks must have 1 to {AT_ONCE} items.")));
        }
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        let zone = format!("{}a", self.region);
        for name in named {
            match self.tasks(&cluster).find(|(_, task)| task.arn == name || task.id == name) {
                Some((service, task)) => tasks.push(task.described(&service.cluster_arn, &service.name, &zone)),
                None if name.starts_with("arn:") => failures.push(missing(name)),
                None => failures
                    .push(missing(&format!("{}/{name}", self.cluster_arn(&cluster).replace(":cluster/", ":task/")))),
            }
        }
        Ok(json!({"tasks": tasks, "failures": failures}))
    }
}
