//! `StartBuild`, with one attempt and a token.

use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `StartBuild` of a commit.
    StartBuild {
        /// The project's name.
        project: String,
        /// `sourceVersion`.
        source_version: String,
        /// `idempotencyToken`: for five minutes the same request starts one build.
        token: String,
    },
}

/// What `CodeBuild` answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The build's id.
    pub build: String,
    /// Where its log is.
    pub log: Option<String>,
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &Do) -> Result<Acted<Receipt>, AwsError> {
    let Do::StartBuild { project, source_version, token } = what;
    let call = aws.writes().codebuild.start_build().project_name(project).source_version(source_version);
    let answer = call.idempotency_token(token).send().await;
    let answer = answer.map_err(|error| AwsError::of("codebuild", "StartBuild", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    let build = answer.build_value;
    let log = build.as_ref().and_then(|build| build.logs.as_ref()).and_then(|logs| logs.deep_link.clone());
    Ok(Acted { receipt: Receipt { build: build.and_then(|build| build.id).unwrap_or_default(), log }, request_id })
}
