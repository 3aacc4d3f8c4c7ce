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
const KINDS: [&str; 1] = ["codepipeline"];

/// Reads `freeze`.
pub(super) fn read(field: Field<'_>, reader: &mut Reader<'_>) -> Vec<Freeze> {
    let mut freezes: Vec<Freeze> = Vec::new();
    for item in field.filled_list(reader.report).unwrap_or_default() {
        let Some(entry) = targets::only_entry(item, "freeze", reader) else { continue };
        let field = Field { key: &entry.key, node: &entry.node };
        match entry.key.as_str() {
            "codepipeline" => {
                let Some(pipeline) = read_pipeline(field, reader) else { continue };
                let is_same = |other: &Freeze| {
                    let Freeze::CodePipeline(other) = other;
                    (&other.pipeline, &other.stage) == (&pipeline.pipeline, &pipeline.stage)
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
