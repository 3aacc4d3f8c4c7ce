//! A stage of a pipeline as a target.

use serde::{Deserialize, Serialize};

use crate::config::section::{Field, Reader, Section};

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePipelineTarget {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// Which of AWS's ways; the first that AWS allows where nothing is said.
    pub how: Option<PipelineHow>,
    /// The ECR repository that has an image for every commit.
    pub image: Option<String>,
}

/// By which of AWS's ways a stage gets an earlier release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineHow {
    /// `RollbackStage`.
    RollbackStage,
    /// `StartPipelineExecution` with the earlier source revision.
    Rerun,
}

impl CodePipelineTarget {
    pub(super) fn identity(&self) -> String {
        format!("pipeline stage {}/{}", self.pipeline, self.stage)
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<CodePipelineTarget> {
    let pipeline = section.required("pipeline", "\"shop-${env}\"", reader.report);
    let pipeline = pipeline.and_then(|field| name(field, "pipeline", reader));
    let stage = section.required("stage", "Deploy", reader.report);
    let stage = stage.and_then(|field| name(field, "stage", reader));
    let how = section.optional("how", reader.report).and_then(|field| {
        let how = field.text(reader)?;
        match how.as_str() {
            "rollback_stage" => Some(PipelineHow::RollbackStage),
            "rerun" => Some(PipelineHow::Rerun),
            _ => {
                field.error(
                    reader.report,
                    format!(
                        "`{how}` is not a way to take a stage back; write `rollback_stage` or `rerun`, or leave `how` out to \
                         have the first where AWS allows it"
                    ),
                );
                None
            }
        }
    });
    let image = section.optional("image", reader.report).and_then(|field| repository(field, reader));
    Some(CodePipelineTarget { pipeline: pipeline?, stage: stage?, how, image })
}

/// `CodePipeline`: names of pipelines and stages match `[A-Za-z0-9.@\-_]+`, up to 100 characters.
fn name(field: Field<'_>, what: &str, reader: &mut Reader<'_>) -> Option<String> {
    let name = field.text(reader)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '-' | '_');
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        field.error(
            reader.report,
            format!(
                "`{name}` cannot be the name of a {what}; those are made of letters, digits, `.`, `@`, `-` and `_`"
            ),
        );
    }
    Some(name)
}

/// An ECR repository of the account, by its name.
pub(super) fn repository(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let image = field.text(reader)?;
    let is_plain =
        !image.is_empty() && !image.contains(':') && !image.contains('@') && !image.contains(".amazonaws.com");
    if !is_plain {
        field.error(
            reader.report,
            format!(
                "`{image}` is not the name of an ECR repository; write it without registry and tag, such as `shop/api`"
            ),
        );
    }
    Some(image)
}
