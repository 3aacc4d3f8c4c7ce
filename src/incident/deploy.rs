//! What a pipeline tells of a deployment that has ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::release::Release;

/// The shortest piece of a git sha that names a commit.
const SHORTEST_SHA: usize = 7;

/// A deployment that has ended, as whoever carried it out tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// What names it, once per environment: a run of a pipeline.
    pub id: String,
    /// The environment's name.
    pub environment: String,
    /// The service's name.
    pub service: String,
    /// How it ended.
    pub status: DeployStatus,
    /// Where it ended: `infrastructure`, `smoke-tests`.
    pub stage: Option<String>,
    /// What was deployed: a git sha, a tag, a task definition.
    pub revision: Option<String>,
    /// The branch that it came from.
    pub branch: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Where it can be looked at.
    pub url: Option<String>,
    /// Why it ended so.
    pub reason: Option<String>,
    /// When it was told.
    pub at: Timestamp,
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployStatus {
    /// It succeeded, its tests included.
    Succeeded,
    /// It failed.
    Failed,
}

impl Deploy {
    /// Whether it deployed `release`: by its own name, its version, its commit, or an image's tag or digest.
    pub fn is_of(&self, release: &Release) -> bool {
        let Some(revision) = self.revision.as_deref() else { return false };
        let is_same = |name: &str| name == revision;
        let is_sha = revision.len() >= SHORTEST_SHA && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit = release.commit.as_deref().is_some_and(|commit| {
            let revision = revision.to_ascii_lowercase();
            is_sha && (revision.starts_with(commit) || commit.starts_with(&revision))
        });
        commit
            || is_same(&release.id)
            || is_same(&release.label)
            || release.version.as_deref().is_some_and(is_same)
            || release.images.iter().any(|image| image.digest.as_deref().is_some_and(is_same))
    }
}

/// What the newest of these says of `release`, if one speaks of it; `deploys` are newest first.
pub fn newest_of<'a>(deploys: &'a [Deploy], release: &Release) -> Option<&'a Deploy> {
    deploys.iter().find(|deploy| deploy.is_of(release))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn release() -> Release {
        Release {
            id: "arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41".to_owned(),
            label: "api:41".to_owned(),
            version: Some("v41".to_owned()),
            commit: Some("9f3c1ab".to_owned()),
            images: Vec::new(),
            deployed_at: None,
            deployed_by: None,
        }
    }

    #[rstest]
    #[case::sha("9f3c1ab", true)]
    #[case::longer_sha("9F3C1AB0c0ffee0c0ffee0c0ffee0c0ffee0c0ffe", true)]
    #[case::tag("v41", true)]
    #[case::task_definition("api:41", true)]
    #[case::another("v4", false)]
    #[case::another_sha("9f3c1ac", false)]
    #[case::too_short("9f3c1", false)]
    fn a_revision_names_a_release(#[case] revision: &str, #[case] expected: bool) {
        let deploy = Deploy {
            id: "42".to_owned(),
            environment: "prod".to_owned(),
            service: "api".to_owned(),
            status: DeployStatus::Succeeded,
            stage: None,
            revision: Some(revision.to_owned()),
            branch: None,
            author: None,
            url: None,
            reason: None,
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(deploy.is_of(&release()), expected);
    }
}
