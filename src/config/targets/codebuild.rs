//! A build project that deploys a commit, as a target.

use serde::{Deserialize, Serialize};

use super::codepipeline::repository;
use crate::config::section::{Reader, Section};

/// A build project: a build of an earlier commit deploys it, as `cdk deploy` would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBuildTarget {
    /// The project's name.
    pub project: String,
    /// The ECR repository that has an image for every commit.
    pub image: Option<String>,
}

impl CodeBuildTarget {
    pub(super) fn identity(&self) -> String {
        format!("build project {}", self.project)
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<CodeBuildTarget> {
    let project = section.required("project", "\"shop-deploy-${env}\"", reader.report).and_then(|field| {
        let project = field.text(reader)?;
        // CodeBuild: `[A-Za-z0-9][A-Za-z0-9\-_]{1,149}`.
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if project.len() < 2 || project.len() > 150 || !project.chars().all(fits) {
            field.error(
                reader.report,
                format!(
                    "`{project}` cannot be the name of a build project; those are made of letters, digits, `-` and `_`"
                ),
            );
        }
        Some(project)
    });
    let image = section.optional("image", reader.report).and_then(|field| repository(field, reader));
    Some(CodeBuildTarget { project: project?, image })
}
