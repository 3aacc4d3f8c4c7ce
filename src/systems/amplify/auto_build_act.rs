//! `UpdateBranch`, with one attempt: it changes what is written and nothing else.

use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum BuildsDo {
    /// `UpdateBranch` with `enableAutoBuild` alone. Doing it twice changes nothing.
    #[serde(rename = "UpdateBranch")]
    Turn {
        /// The app's id.
        app: String,
        /// The branch.
        branch: String,
        /// Off or on.
        builds: Switch,
    },
}

/// Off or on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Pushes are not built.
    Off,
    /// Pushes are built and deployed.
    On,
}

/// What Amplify answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildsReceipt {
    /// How automatic builds stand.
    pub builds: Switch,
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &BuildsDo) -> Result<Acted<BuildsReceipt>, AwsError> {
    let BuildsDo::Turn { app, branch, builds } = what;
    let call = aws.writes().amplify.update_branch().app_id(app).branch_name(branch);
    let answer = call.enable_auto_build(*builds == Switch::On).send().await;
    let answer = answer.map_err(|error| AwsError::of("amplify", "UpdateBranch", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    let is_on = answer.branch().is_some_and(aws_sdk_amplify::types::Branch::enable_auto_build);
    Ok(Acted { receipt: BuildsReceipt { builds: if is_on { Switch::On } else { Switch::Off } }, request_id })
}
