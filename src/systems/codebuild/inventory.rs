//! What a look at a build project finds: plain data.

use jiff::Timestamp;

use crate::systems::commit_image::CommitImage;

/// A build project as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The project's name.
    pub project: String,
    /// The ECR repository that has an image for every commit.
    pub image: Option<String>,
}

/// What was found for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInventory {
    /// What was looked for.
    pub spec: BuildSpec,
    /// The project's ARN.
    pub arn: String,
    /// Its newest builds, newest first.
    pub builds: Vec<Build>,
    /// The image of the commit that would be gone back to, where a repository is configured.
    pub image: Option<CommitImage>,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// `project:uuid`.
    pub id: String,
    /// Its number within the project.
    pub number: i64,
    /// `IN_PROGRESS`, `SUCCEEDED`, `FAILED`, `FAULT`, `TIMED_OUT` or `STOPPED`.
    pub status: String,
    /// The version that was asked for.
    pub asked: Option<String>,
    /// The commit that it built, once its source was there.
    pub resolved: Option<String>,
    /// The phase that it is in.
    pub phase: Option<String>,
    /// What went wrong in its phases, in AWS's words.
    pub errors: Vec<String>,
    /// Where its log is.
    pub log: Option<String>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
}

impl Build {
    /// The commit: the one that was built, else the one that was asked for.
    pub fn commit(&self) -> Option<&str> {
        self.resolved.as_deref().or(self.asked.as_deref())
    }

    /// Whether it built `commit`, which may be the beginning of a sha.
    pub fn built(&self, commit: &str) -> bool {
        self.resolved.as_deref().is_some_and(|resolved| resolved.starts_with(commit))
    }

    /// Whether it goes on.
    pub fn goes_on(&self) -> bool {
        self.status == "IN_PROGRESS"
    }

    /// `build 17`, as people read it.
    pub fn name(&self) -> String {
        format!("build {}", self.number)
    }
}

/// The first eight characters of a commit: what people call it by.
pub fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
