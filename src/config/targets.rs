//! Targets: what is taken back, in which order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::names;
use super::section::{self, Field, Part, Reader, Section};
use super::yaml::{Entry, Value};

/// Targets that are rolled back side by side; the next stage begins when all of them are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// At least one.
    pub targets: Vec<Target>,
}

/// One thing in AWS that can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// An ECS service.
    Ecs(EcsTarget),
}

impl Target {
    /// The kinds as they are written, in the order of the documentation.
    const KINDS: [&'static str; 1] = ["ecs"];

    /// What people call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Ecs(ecs) => &ecs.name,
        }
    }

    /// Whether a plain rollback includes it.
    pub fn on_request(&self) -> Inclusion {
        match self {
            Self::Ecs(ecs) => ecs.on_request,
        }
    }

    fn rename(&mut self, name: String) {
        match self {
            Self::Ecs(ecs) => ecs.name = name,
        }
    }
}

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsTarget {
    /// Unique within its service; `ecs` where nothing is said.
    pub name: String,
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The container that image tags are about, where a task definition has several.
    pub container: Option<String>,
    /// The image repository, without tag or digest.
    pub image: Option<String>,
    /// Whether a plain rollback includes it.
    pub on_request: Inclusion,
    /// What its failure means.
    pub optional: Necessity,
    /// How long its rollback may take; the engine's own where nothing is said.
    pub deadline: Option<Duration>,
}

/// Whether a rollback includes a target without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inclusion {
    /// Every rollback of the service takes it back.
    Always,
    /// Only a rollback `with <name>` does.
    OnRequest,
}

/// What the failure of a target means for the rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Necessity {
    /// The rollback waits for a person.
    Required,
    /// The rollback goes on with a warning.
    Optional,
}

/// A target while its service is being read.
struct Draft<'n> {
    target: Target,
    field: Field<'n>,
    is_named: bool,
}

/// Reads `targets`. `None` unless every one could be read: a check may be about one that could not.
pub(super) fn read(field: Field<'_>, reader: &mut Reader<'_>) -> Option<Vec<Stage>> {
    let mut stages: Vec<Vec<Draft<'_>>> = Vec::new();
    let mut is_complete = true;
    for item in field.filled_list(reader.report)? {
        let Some(entry) = only_entry(item, "target", reader) else {
            is_complete = false;
            continue;
        };
        let lanes: Vec<Option<Draft<'_>>> = if entry.key == "parallel" {
            let lanes = Field { key: &entry.key, node: &entry.node }.filled_list(reader.report);
            is_complete &= lanes.is_some();
            lanes.unwrap_or_default().into_iter().map(|lane| read_lane(lane, reader)).collect()
        } else {
            vec![read_target(item, entry, reader)]
        };
        is_complete &= lanes.iter().all(Option::is_some);
        stages.push(lanes.into_iter().flatten().collect());
    }
    give_names(&mut stages, reader);
    refuse_one_service_twice(&stages, reader);
    let all_on_request = stages.iter().flatten().all(|draft| draft.target.on_request() == Inclusion::OnRequest);
    if is_complete && all_on_request {
        reader.report.warn(
            field.node.place,
            "every target of this service is `on_request`, so a plain rollback would take nothing back",
        );
    }
    let stage = |lanes: Vec<Draft<'_>>| Stage { targets: lanes.into_iter().map(|draft| draft.target).collect() };
    is_complete.then(|| stages.into_iter().map(stage).collect())
}

fn read_lane<'n>(item: Field<'n>, reader: &mut Reader<'_>) -> Option<Draft<'n>> {
    let entry = only_entry(item, "target", reader)?;
    if entry.key == "parallel" {
        reader.report.error(entry.place, "`parallel` cannot stand within `parallel`; put these targets side by side");
        return None;
    }
    read_target(item, entry, reader)
}

fn read_target<'n>(item: Field<'n>, entry: &'n Entry, reader: &mut Reader<'_>) -> Option<Draft<'n>> {
    let field = Field { key: &entry.key, node: &entry.node };
    if entry.key == "ecs" {
        return read_ecs(field, reader).map(|(ecs, is_named)| Draft {
            target: Target::Ecs(ecs),
            field: item,
            is_named,
        });
    }
    let known: Vec<&str> = Target::KINDS.into_iter().chain(std::iter::once("parallel")).collect();
    reader.report.error(entry.place, section::refusal(Part::TargetKind, &entry.key, &known));
    None
}

/// The one `kind: {…}` that an item of a list has to be.
pub(super) fn only_entry<'n>(item: Field<'n>, what: &str, reader: &mut Reader<'_>) -> Option<&'n Entry> {
    if let Value::Mapping(entries) = &item.node.value
        && let [entry] = entries.as_slice()
    {
        return Some(entry);
    }
    let found = match &item.node.value {
        Value::Mapping(entries) if entries.len() > 1 => {
            let keys: Vec<String> = entries.iter().map(|entry| format!("`{}`", entry.key)).collect();
            format!("has {}; indent what belongs to the {what}, and begin each further one with `-`", keys.join(", "))
        }
        Value::Mapping(_) | Value::Nothing => "is empty; remove it".to_owned(),
        Value::Flag(_) | Value::Whole(_) | Value::OtherNumber | Value::Text(_) | Value::List(_) => {
            "is something else".to_owned()
        }
    };
    item.error(
        reader.report,
        format!("a {what} is written as one kind with its settings, `- kind: {{ … }}`; this {found}"),
    );
    None
}

fn read_ecs(field: Field<'_>, reader: &mut Reader<'_>) -> Option<(EcsTarget, bool)> {
    let mut section = Section::open(field, Part::Ecs, reader.report)?;
    let name_field = section.optional("name", reader.report);
    let name = name_field.and_then(|field| {
        let name = field.text(reader)?;
        if let Some(sentence) = names::unusable(&name) {
            field.error(reader.report, sentence);
        }
        Some(name)
    });
    let cluster =
        section.required("cluster", "\"shop-${env}\"", reader.report).and_then(|field| cluster(field, reader));
    let service = section.required("service", "api", reader.report).and_then(|field| {
        let service = field.text(reader)?;
        if service.starts_with("arn:") {
            field.error(reader.report, "`service` takes the name of the ECS service, not its ARN; write its last part");
        } else if !is_ecs_name(&service) {
            field.error(reader.report, not_an_ecs_name("service", &service));
        }
        Some(service)
    });
    let container = section.optional("container", reader.report).and_then(|field| field.text(reader));
    let image = section.optional("image", reader.report).and_then(|field| {
        let image = field.text(reader)?;
        let last = image.rsplit('/').next().unwrap_or_default();
        if last.contains(':') || last.contains('@') || last.is_empty() {
            field.error(
                reader.report,
                format!("`{image}` is not an image repository; write it without a tag or digest, such as `shop/api`"),
            );
        }
        Some(image)
    });
    let on_request = section.optional("on_request", reader.report).and_then(|field| field.flag(reader.report));
    let optional = section.optional("optional", reader.report).and_then(|field| field.flag(reader.report));
    let deadline = section.optional("deadline", reader.report).and_then(|field| field.duration(reader.report));
    section.close(reader.report);
    let target = EcsTarget {
        name: name.unwrap_or_else(|| "ecs".to_owned()),
        cluster: cluster?,
        service: service?,
        container,
        image,
        on_request: if on_request == Some(true) { Inclusion::OnRequest } else { Inclusion::Always },
        optional: if optional == Some(true) { Necessity::Optional } else { Necessity::Required },
        deadline,
    };
    Some((target, name_field.is_some()))
}

fn cluster(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let cluster = field.text(reader)?;
    if !cluster.starts_with("arn:") {
        if !is_ecs_name(&cluster) {
            field.error(reader.report, not_an_ecs_name("cluster", &cluster));
        }
        return Some(cluster);
    }
    let parts: Vec<&str> = cluster.splitn(6, ':').collect();
    let (region, account) = match parts.as_slice() {
        ["arn", _, "ecs", region, account, name] if name.strip_prefix("cluster/").is_some_and(is_ecs_name) => {
            (*region, *account)
        }
        _ => {
            field.error(
                reader.report,
                format!(
                    "`{cluster}` is not the ARN of an ECS cluster; write one such as \
                     `arn:aws:ecs:eu-north-1:123456789012:cluster/shop`, or the cluster's name"
                ),
            );
            return None;
        }
    };
    belongs_here(field, ("region", region), reader);
    belongs_here(field, ("account", account), reader);
    Some(cluster)
}

/// Reports an ARN whose region or account is not the environment's.
pub(super) fn belongs_here(field: Field<'_>, (what, found): (&str, &str), reader: &mut Reader<'_>) {
    let own = reader.scope.value(what).filter(|own| !own.is_empty());
    if let Some(own) = own
        && own != found
    {
        let environment = reader.scope.environment();
        let sentence =
            format!("this ARN is in the {what} `{found}`, but the environment `{environment}` is in `{own}`");
        field.error(reader.report, sentence);
    }
}

/// ECS: "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed."
fn is_ecs_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn not_an_ecs_name(what: &str, name: &str) -> String {
    format!("`{name}` cannot be the name of an ECS {what}; those are made of letters, digits, `-` and `_`")
}

/// Gives each target without a name its kind as one, made unique; refuses a name that stands twice.
fn give_names(stages: &mut [Vec<Draft<'_>>], reader: &mut Reader<'_>) {
    let mut taken: Vec<String> = Vec::new();
    for draft in stages.iter().flatten().filter(|draft| draft.is_named) {
        let name = draft.target.name().to_owned();
        if taken.contains(&name) {
            draft.field.error(reader.report, format!("a second target is named `{name}`; give it another name"));
        }
        taken.push(name);
    }
    for draft in stages.iter_mut().flatten().filter(|draft| !draft.is_named) {
        let name = names::unique(draft.target.name(), &taken);
        taken.push(name.clone());
        draft.target.rename(name);
    }
}

fn refuse_one_service_twice(stages: &[Vec<Draft<'_>>], reader: &mut Reader<'_>) {
    let drafts: Vec<&Draft<'_>> = stages.iter().flatten().collect();
    for (index, draft) in drafts.iter().enumerate() {
        let Target::Ecs(ecs) = &draft.target;
        let earlier = drafts.iter().take(index).find(|other| {
            let Target::Ecs(other) = &other.target;
            cluster_name(&other.cluster) == cluster_name(&ecs.cluster) && other.service == ecs.service
        });
        if let Some(earlier) = earlier {
            let other = earlier.target.name();
            draft.field.error(
                reader.report,
                format!("this is the same ECS service as the target `{other}`; remove one of the two"),
            );
        }
    }
}

fn cluster_name(cluster: &str) -> &str {
    cluster.rsplit('/').next().unwrap_or(cluster)
}
