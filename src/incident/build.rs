//! What a step that deploys an earlier commit by a build does.

use serde::{Deserialize, Serialize};

/// A build project and the commit that it shall deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitBuild {
    /// The project's name.
    pub project: String,
    /// The commit.
    pub commit: String,
}
