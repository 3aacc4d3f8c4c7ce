//! What a step that takes a stage of a pipeline back does.

use serde::{Deserialize, Serialize};

/// A stage of a pipeline and the release that it shall have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStage {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// The execution that was the stage's latest when the plan was made, if there was one: what is taken back.
    pub from: Option<String>,
    /// The execution whose source revisions the stage shall have; `None` where only a commit was named.
    pub target: Option<String>,
    /// The source revisions that the stage shall have, one for each source action.
    pub revisions: Vec<SourceRevision>,
    /// By which of AWS's ways.
    pub way: Way,
    /// Whether a person may choose to run the pipeline again where AWS refuses to roll the stage back.
    pub fallback: Fallback,
}

/// The revision of one source action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRevision {
    /// The source action's name.
    pub action: String,
    /// What the revision is.
    pub kind: RevisionKind,
    /// The revision: a commit's sha, a digest, a version of an object.
    pub id: String,
}

/// `SourceRevisionType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevisionKind {
    /// A commit.
    Commit,
    /// An image's digest.
    ImageDigest,
    /// A version of an object in S3.
    ObjectVersion,
}

/// By which of AWS's ways a stage gets an earlier release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `RollbackStage`: the stage alone, with the artifacts of the earlier execution.
    RollbackStage,
    /// `StartPipelineExecution` with the earlier source revisions: everything is built and tested again.
    Rerun,
}

/// Whether there is another way, for a person to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The pipeline may be run again.
    Rerun,
    /// The configuration asks for this one way.
    None,
}
