//! Freezes: where deployments of a service are held back.

use serde::{Deserialize, Serialize};

use super::section::{self, Field, Part, Reader, Section};
use super::targets;

/// A place where deployments can be held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Freeze {
    /// The entrance of a stage of a pipeline.
    CodePipeline(PipelineFreeze),
    /// The automatic builds of a branch on Amplify Hosting.
    AmplifyAutoBuild(AutoBuildFreeze),
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineFreeze {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage that deploys.
    pub stage: String,
    /// What becomes of the execution that is in the stage.
    pub stop_execution: StopExecution,
}

/// A branch whose pushes Amplify builds and deploys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoBuildFreeze {
    /// The app's id or name.
    pub app: String,
    /// The branch.
    pub branch: String,
}

/// What becomes of the execution that is in a frozen stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopExecution {
    /// It goes on.
    No,
    /// It is stopped; actions that have begun are waited for.
    Yes,
}

/// The kinds as they are written.
const KINDS: [&str; 2] = ["codepipeline", "amplify_auto_build"];

/// Reads `freeze`.
pub(super) fn read(field: Field<'_>, reader: &mut Reader<'_>) -> Vec<Freeze> {
    let mut freezes: Vec<Freeze> = Vec::new();
    for item in field.filled_list(reader.report).unwrap_or_default() {
        let Some(entry) = targets::only_entry(item, "freeze", reader) else { continue };
        let field = Field { key: &entry.key, node: &entry.node };
        match entry.key.as_str() {
            "codepipeline" => {
                let Some(pipeline) = read_pipeline(field, reader) else { continue };
                let is_same = |other: &Freeze| match other {
                    Freeze::CodePipeline(other) => {
                        (&other.pipeline, &other.stage) == (&pipeline.pipeline, &pipeline.stage)
                    }
                    Freeze::AmplifyAutoBuild(_) => false,
                };
                if freezes.iter().any(is_same) {
                    let PipelineFreeze { pipeline, stage, .. } = &pipeline;
                    item.error(
                        reader.report,
                        format!("stage {stage} of pipeline {pipeline} stands here a second time; remove one"),
                    );
                }
                freezes.push(Freeze::CodePipeline(pipeline));
            }
            "amplify_auto_build" => {
                let Some(builds) = read_auto_build(field, reader) else { continue };
                if freezes.contains(&Freeze::AmplifyAutoBuild(builds.clone())) {
                    let AutoBuildFreeze { app, branch } = &builds;
                    item.error(
                        reader.report,
                        format!("branch {branch} of Amplify app {app} stands here a second time; remove one"),
                    );
                }
                freezes.push(Freeze::AmplifyAutoBuild(builds));
            }
            other => reader.report.error(entry.place, section::refusal(Part::FreezeKind, other, &KINDS)),
        }
    }
    freezes
}

fn read_pipeline(field: Field<'_>, reader: &mut Reader<'_>) -> Option<PipelineFreeze> {
    let mut section = Section::open(field, Part::PipelineFreeze, reader.report)?;
    let pipeline = section
        .required("pipeline", "\"shop-${env}\"", reader.report)
        .and_then(|field| name(field, "pipeline", reader));
    let stage = section.required("stage", "Deploy", reader.report).and_then(|field| name(field, "stage", reader));
    let stop = section.optional("stop_execution", reader.report).and_then(|field| field.flag(reader.report));
    section.close(reader.report);
    let stop_execution = if stop == Some(true) { StopExecution::Yes } else { StopExecution::No };
    Some(PipelineFreeze { pipeline: pipeline?, stage: stage?, stop_execution })
}

fn read_auto_build(field: Field<'_>, reader: &mut Reader<'_>) -> Option<AutoBuildFreeze> {
    let mut section = Section::open(field, Part::AutoBuildFreeze, reader.report)?;
    let app = section.required("app", "\"${amplify_app}\"", reader.report);
    let app = app.and_then(|field| targets::amplify_app(field, reader));
    let branch = section.required("branch", "main", reader.report);
    let branch = branch.and_then(|field| targets::amplify_branch(field, reader));
    section.close(reader.report);
    Some(AutoBuildFreeze { app: app?, branch: branch? })
}

/// CodePipeline (botocore, `PipelineName` and `StageName`): 1 to 100 characters of `[A-Za-z0-9.@\-_]`.
fn name(field: Field<'_>, what: &str, reader: &mut Reader<'_>) -> Option<String> {
    let name = field.text(reader)?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'@' | b'-' | b'_');
    if name.starts_with("arn:") {
        field.error(reader.report, format!("`{what}` takes a name, not an ARN; write its last part"));
    } else if !(1..=100).contains(&name.len()) || !name.bytes().all(legal) {
        field.error(
            reader.report,
            format!(
                "`{name}` cannot be the name of a {what}; those are at most 100 letters, digits, `.`, `@`, `-` and `_`"
            ),
        );
    }
    Some(name)
}
