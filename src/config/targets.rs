//! Targets: what is taken back, in which order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::names;
use super::section::{self, Field, Part, Reader, Section};
use super::yaml::{Entry, Value};

mod amplify;
mod codebuild;
mod codepipeline;
mod ecs;
mod lambda;
mod manual;
mod site;
mod stack;

pub use amplify::{AmplifyDomainTarget, AmplifyTarget};
pub(super) use amplify::{app as amplify_app, branch as amplify_branch};
pub use codebuild::CodeBuildTarget;
pub use codepipeline::{CodePipelineTarget, PipelineHow};
pub use ecs::EcsTarget;
pub use lambda::{LambdaSettingsTarget, LambdaTarget};
pub use manual::ManualTarget;
pub use site::{SiteDeletes, SiteLayout, SiteTarget};
pub use stack::{Deletion, Previous, StackTarget};

/// Targets that are rolled back side by side; the next stage begins when all of them are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// At least one.
    pub targets: Vec<Target>,
}

/// One thing in AWS that can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Unique within its service; its kind where nothing is said.
    pub name: String,
    /// Whether a plain rollback includes it.
    pub on_request: Inclusion,
    /// What its failure means.
    pub optional: Necessity,
    /// How long its rollback may take; the engine's own where nothing is said.
    pub deadline: Option<Duration>,
    /// What it is.
    #[serde(flatten)]
    pub kind: TargetKind,
}

/// What a target is, with the settings of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TargetKind {
    /// An ECS service.
    Ecs(EcsTarget),
    /// A CloudFormation stack.
    #[serde(rename = "cloudformation")]
    Stack(StackTarget),
    /// A stage of a pipeline.
    #[serde(rename = "codepipeline")]
    CodePipeline(CodePipelineTarget),
    /// A build project.
    #[serde(rename = "codebuild")]
    CodeBuild(CodeBuildTarget),
    /// A static site.
    #[serde(rename = "static_site")]
    Site(SiteTarget),
    /// A branch of an Amplify app.
    Amplify(AmplifyTarget),
    /// A name of a domain of an Amplify app.
    AmplifyDomain(AmplifyDomainTarget),
    /// A Lambda function.
    Lambda(LambdaTarget),
    /// Settings of a Lambda function.
    LambdaSettings(LambdaSettingsTarget),
    /// Something that a person does by hand.
    Manual(ManualTarget),
}

impl TargetKind {
    /// The kinds as they are written, in the order of the documentation.
    const KINDS: [&'static str; 10] = [
        "ecs",
        "cloudformation",
        "codepipeline",
        "codebuild",
        "static_site",
        "amplify",
        "amplify_domain",
        "lambda",
        "lambda_settings",
        "manual",
    ];

    /// What two targets of one service or group may not share, as people read it; within one environment.
    pub fn identity(&self) -> String {
        match self {
            Self::Ecs(ecs) => ecs.identity(),
            Self::Stack(stack) => stack.identity(),
            Self::CodePipeline(stage) => stage.identity(),
            Self::CodeBuild(build) => build.identity(),
            Self::Site(site) => site.identity(),
            Self::Amplify(branch) => branch.identity(),
            Self::AmplifyDomain(domain) => domain.identity(),
            Self::Lambda(lambda) => lambda.identity(),
            Self::LambdaSettings(settings) => settings.identity(),
            Self::Manual(manual) => manual.identity(),
        }
    }
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

/// Reads the settings of one kind; those that every kind has are read already.
type ReadKind = fn(&mut Section<'_>, &mut Reader<'_>) -> Option<TargetKind>;

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
    refuse_one_thing_twice(&stages, reader);
    let all_on_request = stages.iter().flatten().all(|draft| draft.target.on_request == Inclusion::OnRequest);
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
    let (part, read): (Part, ReadKind) = match entry.key.as_str() {
        "ecs" => (Part::Ecs, |section, reader| ecs::read(section, reader).map(TargetKind::Ecs)),
        "cloudformation" => (Part::Stack, |section, reader| stack::read(section, reader).map(TargetKind::Stack)),
        "codepipeline" => {
            (Part::CodePipeline, |section, reader| codepipeline::read(section, reader).map(TargetKind::CodePipeline))
        }
        "codebuild" => (Part::CodeBuild, |section, reader| codebuild::read(section, reader).map(TargetKind::CodeBuild)),
        "static_site" => (Part::Site, |section, reader| site::read(section, reader).map(TargetKind::Site)),
        "amplify" => (Part::Amplify, |section, reader| amplify::read(section, reader).map(TargetKind::Amplify)),
        "amplify_domain" => (Part::AmplifyDomain, |section, reader| {
            amplify::read_domain(section, reader).map(TargetKind::AmplifyDomain)
        }),
        "lambda" => (Part::Lambda, |section, reader| lambda::read(section, reader).map(TargetKind::Lambda)),
        "lambda_settings" => (Part::LambdaSettings, |section, reader| {
            lambda::read_settings(section, reader).map(TargetKind::LambdaSettings)
        }),
        "manual" => (Part::Manual, |section, reader| manual::read(section, reader).map(TargetKind::Manual)),
        unknown => {
            let known: Vec<&str> = TargetKind::KINDS.into_iter().chain(std::iter::once("parallel")).collect();
            reader.report.error(entry.place, section::refusal(Part::TargetKind, unknown, &known));
            return None;
        }
    };
    let mut section = Section::open(Field { key: &entry.key, node: &entry.node }, part, reader.report)?;
    let name_field = section.optional("name", reader.report);
    let name = name_field.and_then(|field| {
        let name = field.text(reader)?;
        if let Some(sentence) = names::unusable(&name) {
            field.error(reader.report, sentence);
        }
        Some(name)
    });
    let on_request = section.optional("on_request", reader.report).and_then(|field| field.flag(reader.report));
    let optional = section.optional("optional", reader.report).and_then(|field| field.flag(reader.report));
    let deadline = section.optional("deadline", reader.report).and_then(|field| field.duration(reader.report));
    let kind = read(&mut section, reader);
    section.close(reader.report);
    let target = Target {
        name: name.unwrap_or_else(|| entry.key.clone()),
        on_request: if on_request == Some(true) { Inclusion::OnRequest } else { Inclusion::Always },
        optional: if optional == Some(true) { Necessity::Optional } else { Necessity::Required },
        deadline,
        kind: kind?,
    };
    Some(Draft { target, field: item, is_named: name_field.is_some() })
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

/// Gives each target without a name its kind as one, made unique; refuses a name that stands twice.
fn give_names(stages: &mut [Vec<Draft<'_>>], reader: &mut Reader<'_>) {
    let mut taken: Vec<String> = Vec::new();
    for draft in stages.iter().flatten().filter(|draft| draft.is_named) {
        let name = draft.target.name.clone();
        if taken.contains(&name) {
            draft.field.error(reader.report, format!("a second target is named `{name}`; give it another name"));
        }
        taken.push(name);
    }
    for draft in stages.iter_mut().flatten().filter(|draft| !draft.is_named) {
        let name = names::unique(&draft.target.name, &taken);
        taken.push(name.clone());
        draft.target.name = name;
    }
}

fn refuse_one_thing_twice(stages: &[Vec<Draft<'_>>], reader: &mut Reader<'_>) {
    let drafts: Vec<&Draft<'_>> = stages.iter().flatten().collect();
    for (index, draft) in drafts.iter().enumerate() {
        let identity = draft.target.kind.identity();
        if let Some(earlier) = drafts.iter().take(index).find(|other| other.target.kind.identity() == identity) {
            let other = &earlier.target.name;
            let thing = identity.split(' ').take(2).collect::<Vec<_>>().join(" ");
            draft.field.error(
                reader.report,
                format!("this is the same {thing} as the target `{other}`; remove one of the two"),
            );
        }
    }
}
