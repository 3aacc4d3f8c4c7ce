//! Task definitions: families, revisions, and the operations on them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::json::{PageLength, Tags, includes, page, present, seconds, tag_list, text};
use super::refusal::Refusal;
use super::seed::TaskDefinitionStatus;

const PAGES: PageLength = PageLength { usual: 100, most: 100 };

/// One revision.
#[derive(Debug, Clone)]
pub(super) struct TaskDefinition {
    pub(super) arn: String,
    pub(super) family: String,
    pub(super) revision: u32,
    pub(super) status: TaskDefinitionStatus,
    /// The request that registered it, without `tags`.
    pub(super) request: Map<String, Value>,
    pub(super) registered_at: Timestamp,
    pub(super) deregistered_at: Option<Timestamp>,
    pub(super) registered_by: String,
    pub(super) tags: Tags,
}

/// All revisions of all families, oldest first.
#[derive(Debug, Default)]
pub(super) struct TaskDefinitions {
    pub(super) account: String,
    pub(super) region: String,
    families: BTreeMap<String, Vec<TaskDefinition>>,
}

impl TaskDefinition {
    /// Its container definitions.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Value> {
        self.request.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten()
    }

    fn described(&self) -> Value {
        let mut described = self.request.clone();
        for list in ["volumes", "placementConstraints"] {
            described.entry(list).or_insert_with(|| json!([]));
        }
        let compatibilities = if self.request.get("networkMode") == Some(&json!("awsvpc")) {
            json!(["EC2", "FARGATE"])
        } else {
            json!(["EXTERNAL", "EC2"])
        };
        let status = match self.status {
            TaskDefinitionStatus::Active => "ACTIVE",
            TaskDefinitionStatus::Inactive => "INACTIVE",
        };
        let own = [
            ("taskDefinitionArn", json!(self.arn)),
            ("family", json!(self.family)),
            ("revision", json!(self.revision)),
            ("status", json!(status)),
            ("compatibilities", compatibilities),
            ("requiresAttributes", json!([{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}])),
            ("registeredAt", seconds(self.registered_at)),
            ("registeredBy", json!(self.registered_by)),
            ("deregisteredAt", self.deregistered_at.map(seconds).unwrap_or_default()),
        ];
        described.extend(own.map(|(name, value)| (name.to_owned(), value)));
        present(Value::Object(described))
    }
}

impl TaskDefinitions {
    pub(super) fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned(), families: BTreeMap::new() }
    }

    /// Adds the next revision of a family.
    pub(super) fn add(
        &mut self,
        family: &str,
        mut request: Map<String, Value>,
        tags: Tags,
        status: TaskDefinitionStatus,
        registered_by: &str,
        at: Timestamp,
    ) -> TaskDefinition {
        complete_containers(&mut request);
        let revisions = self.families.entry(family.to_owned()).or_default();
        let revision = revisions.last().map_or(1, |newest| newest.revision + 1);
        let arn = format!("arn:aws:ecs:{}:{}:task-definition/{family}:{revision}", self.region, self.account);
        let definition = TaskDefinition {
            arn,
            family: family.to_owned(),
            revision,
            status,
            request,
            registered_at: at,
            deregistered_at: (status == TaskDefinitionStatus::Inactive).then_some(at),
            registered_by: registered_by.to_owned(),
            tags,
        };
        revisions.push(definition.clone());
        definition
    }

    fn place(&self, name: &str) -> Option<(String, Option<u32>)> {
        let prefix = format!("arn:aws:ecs:{}:{}:task-definition/", self.region, self.account);
        let name = match name.strip_prefix("arn:") {
            Some(_) => name.strip_prefix(prefix.as_str())?,
            None => name,
        };
        match name.split_once(':') {
            Some((family, revision)) => Some((family.to_owned(), Some(revision.parse().ok()?))),
            None => Some((name.to_owned(), None)),
        }
    }

    /// Finds a revision by ARN, `family:revision`, or `family` (its newest ACTIVE one).
    pub(super) fn find(&self, name: &str) -> Option<&TaskDefinition> {
        let (family, revision) = self.place(name)?;
        let mut newest_first = self.families.get(&family)?.iter().rev();
        newest_first.find(|definition| match revision {
            Some(revision) => definition.revision == revision,
            None => definition.status == TaskDefinitionStatus::Active,
        })
    }

    /// Finds the revision that a service is to be updated to: it must exist and be ACTIVE.
    pub(super) fn deployable(&self, name: &str) -> Result<&TaskDefinition, Refusal> {
        let definition = self.find(name).ok_or_else(|| Refusal::client("TaskDefinition not found."))?;
        match definition.status {
            TaskDefinitionStatus::Active => Ok(definition),
            TaskDefinitionStatus::Inactive => Err(Refusal::client("TaskDefinition is inactive")),
        }
    }

    /// `DescribeTaskDefinition`; INACTIVE revisions are described too.
    pub(super) fn describe(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "taskDefinition").unwrap_or_default();
        let definition = self.find(name).ok_or_else(|| Refusal::client("Unable to describe task definition."))?;
        let tags = includes(request, "TAGS").then(|| tag_list(&definition.tags));
        Ok(present(json!({"taskDefinition": definition.described(), "tags": tags})))
    }

    /// `ListTaskDefinitions`; `familyPrefix` is the whole name of a family.
    pub(super) fn list(&self, request: &Value) -> Result<Value, Refusal> {
        let status = match text(request, "status") {
            Some("INACTIVE") => Some(TaskDefinitionStatus::Inactive),
            Some("DELETE_IN_PROGRESS") => None,
            Some(_) | None => Some(TaskDefinitionStatus::Active),
        };
        let family = text(request, "familyPrefix");
        let chosen = self.families.iter().filter(|(name, _)| family.is_none_or(|family| family == name.as_str()));
        let mut arns: Vec<Value> = chosen
            .flat_map(|(_, revisions)| revisions)
            .filter(|definition| Some(definition.status) == status)
            .map(|definition| json!(definition.arn))
            .collect();
        if text(request, "sort") == Some("DESC") {
            arns.reverse();
        }
        page(request, "taskDefinitionArns", &arns, PAGES)
    }

    /// `RegisterTaskDefinition`.
    pub(super) fn register(&mut self, request: &Value, caller: &str, at: Timestamp) -> Result<Value, Refusal> {
        let mut body = request.as_object().cloned().unwrap_or_default();
        body.retain(|_, member| !member.is_null());
        let family = text(request, "family").unwrap_or_default().to_owned();
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if family.is_empty() || family.len() > 255 || !family.chars().all(allowed) {
            return Err(Refusal::client("Family contains invalid characters."));
        }
        check_containers(&body)?;
        let tags = body.remove("tags").map(|tags| read_tags(&tags)).transpose()?.unwrap_or_default();
        body.remove("family");
        let definition = self.add(&family, body, tags, TaskDefinitionStatus::Active, caller, at);
        let tags = (!definition.tags.is_empty()).then(|| tag_list(&definition.tags));
        Ok(present(json!({"taskDefinition": definition.described(), "tags": tags})))
    }

    /// `DeregisterTaskDefinition`; the revision must be named.
    pub(super) fn deregister(&mut self, request: &Value, at: Timestamp) -> Result<Value, Refusal> {
        let name = text(request, "taskDefinition").unwrap_or_default();
        let place = self.place(name);
        let Some((family, Some(revision))) = place else {
            return Err(Refusal::client("Invalid revision number."));
        };
        let revisions = self.families.get_mut(&family).into_iter().flatten();
        let definition = revisions
            .into_iter()
            .find(|definition| definition.revision == revision)
            .ok_or_else(|| Refusal::client("The specified task definition does not exist."))?;
        if definition.status == TaskDefinitionStatus::Inactive {
            return Err(Refusal::client(
                "The specified task definition is inactive. Specify an active task definition and try again.",
            ));
        }
        definition.status = TaskDefinitionStatus::Inactive;
        definition.deregistered_at = Some(at);
        Ok(json!({"taskDefinition": definition.described()}))
    }
}

/// Reads a request's `tags`, which must not be empty or AWS's own.
fn read_tags(tags: &Value) -> Result<Tags, Refusal> {
    let mut read = Tags::new();
    for tag in tags.as_array().into_iter().flatten() {
        let key = text(tag, "key").unwrap_or_default();
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Refusal::invalid("Tag keys must not start with 'aws:'."));
        }
        read.insert(key.to_owned(), text(tag, "value").unwrap_or_default().to_owned());
    }
    if read.is_empty() { Err(Refusal::invalid("Tags can not be empty.")) } else { Ok(read) }
}

fn check_containers(body: &Map<String, Value>) -> Result<(), Refusal> {
    let containers = body.get("containerDefinitions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        return Err(Refusal::client("Container list cannot be empty."));
    }
    for container in containers {
        for member in ["name", "image"] {
            if text(container, member).unwrap_or_default().is_empty() {
                return Err(Refusal::client(format!("Container.{member} should not be null or empty.")));
            }
        }
    }
    if !containers.iter().any(|container| container.get("essential") != Some(&json!(false))) {
        return Err(Refusal::client("At least one essential container must be specified."));
    }
    let fargate = body.get("requiresCompatibilities").and_then(Value::as_array);
    if fargate.is_some_and(|needs| needs.contains(&json!("FARGATE"))) {
        if body.get("networkMode") != Some(&json!("awsvpc")) {
            return Err(Refusal::client("Fargate only supports network mode 'awsvpc'."));
        }
        if body.get("cpu").is_none() || body.get("memory").is_none() {
            return Err(Refusal::client("Fargate requires that 'cpu' and 'memory' be defined at the task level."));
        }
    }
    Ok(())
}

/// What AWS adds to a container definition that leaves it out.
fn complete_containers(request: &mut Map<String, Value>) {
    let containers = request.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        container.entry("cpu").or_insert_with(|| json!(0));
        container.entry("essential").or_insert_with(|| json!(true));
        for list in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
            container.entry(list).or_insert_with(|| json!([]));
        }
    }
}
