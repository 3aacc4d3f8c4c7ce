//! `UpdateAlias`, `UpdateFunctionCode` and `UpdateFunctionConfiguration`: one attempt each, and only on what was seen.

use std::collections::HashMap;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, Architecture, Environment, FunctionConfiguration};
use aws_smithy_types::{Blob, base64};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::configure;
use super::inventory::LATEST;
use super::look;
use crate::aws::clients::upload_timeouts;
use crate::aws::download::download;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::lambda::LambdaWork;
use crate::systems::step_kind::Acted;

/// Lambda takes no larger zip in a request, in bytes; larger ones have to lie in S3.
pub const LARGEST_ZIP: usize = 50 * 1024 * 1024;

/// What is to be done. In the journal it bears AWS's own verb, and no value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// Points the alias at the version, and takes every weight away.
    UpdateAlias {
        /// The alias's name.
        alias: String,
        /// The version's number.
        version: String,
        /// The alias's `RevisionId` when it was looked at.
        revision: String,
    },
    /// Gives `$LATEST` the code of a version.
    UpdateFunctionCode {
        /// The version's number.
        version: String,
        /// The version's `CodeSha256`.
        sha256: String,
        /// The `RevisionId` of `$LATEST` when it was looked at.
        revision: String,
    },
    /// Gives `$LATEST` the settings of a version, or some that are configured.
    UpdateFunctionConfiguration {
        /// The version whose settings are taken; none where configured ones are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        like: Option<String>,
        /// What is set, in words; of environment variables the names alone.
        sets: Vec<String>,
        /// The `RevisionId` of `$LATEST` when it was looked at.
        revision: String,
    },
}

impl Do {
    /// The `RevisionId` on which it depends: done twice, the second is refused.
    pub fn revision(&self) -> &str {
        match self {
            Self::UpdateAlias { revision, .. }
            | Self::UpdateFunctionCode { revision, .. }
            | Self::UpdateFunctionConfiguration { revision, .. } => revision,
        }
    }
}

/// What Lambda answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The new `RevisionId`.
    pub revision: Option<String>,
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, work: &LambdaWork, what: &Do) -> Result<Acted<Receipt>, AwsError> {
    let function = work.function();
    match what {
        Do::UpdateAlias { alias, version, revision } => {
            // Left out, the routing would stay, and with it a weight on the bad version.
            let nothing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(HashMap::new()));
            let call = aws.writes().lambda.update_alias().function_name(function).name(alias);
            let call = call.function_version(version).routing_config(nothing.build()).revision_id(revision);
            let answer = call.send().await.map_err(|error| AwsError::of("lambda", "UpdateAlias", &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            Ok(Acted { receipt: Receipt { revision: answer.revision_id }, request_id })
        }
        Do::UpdateFunctionCode { version, sha256, revision } => {
            Box::pin(send_code(aws, function, version, sha256, revision)).await
        }
        Do::UpdateFunctionConfiguration { like, revision, .. } => {
            Box::pin(configure(aws, work, like.as_deref(), revision)).await
        }
    }
}

async fn send_code(
    aws: &Aws,
    function: &str,
    version: &str,
    sha256: &str,
    revision: &str,
) -> Result<Acted<Receipt>, AwsError> {
    let told = look::get(aws, function, Some(version)).await.map_err(AwsError::without_effect)?;
    let architectures = told.configuration.as_ref().map(|told| told.architectures().to_vec()).unwrap_or_default();
    let code = told.code.unwrap_or_else(|| aws_sdk_lambda::types::FunctionCodeLocation::builder().build());
    let architectures: Option<Vec<Architecture>> = Some(architectures).filter(|all| !all.is_empty());
    let call = aws.writes().lambda.update_function_code().function_name(function).revision_id(revision);
    let call = call.set_architectures(architectures);
    let call = match (code.resolved_image_uri, code.image_uri, code.location) {
        (Some(image), ..) | (None, Some(image), _) => call.image_uri(image),
        (None, None, Some(location)) => {
            let zip = download("lambda", &location, LARGEST_ZIP).await?;
            if base64::encode(Sha256::digest(&zip)) != sha256 {
                let message = format!("what AWS hands out as the code of version {version} is something else");
                return Err(AwsError::local("lambda", "UpdateFunctionCode", ErrorClass::Invalid, message));
            }
            call.zip_file(Blob::new(zip))
        }
        (None, None, None) => {
            let message = format!("AWS does not hand out the code of version {version}");
            return Err(AwsError::local("lambda", "UpdateFunctionCode", ErrorClass::Invalid, message));
        }
    };
    let call = call.customize().config_override(Builder::new().timeout_config(upload_timeouts()));
    let answer = call.send().await.map_err(|error| AwsError::of("lambda", "UpdateFunctionCode", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    Ok(Acted { receipt: Receipt { revision: answer.revision_id }, request_id })
}

/// Read, change, write: `Environment` replaces all variables, so what is not to change has to be sent too. What was read
/// must be what was judged, and the `RevisionId` sees to it that it still is when AWS gets it.
async fn configure(
    aws: &Aws,
    work: &LambdaWork,
    like: Option<&str>,
    revision: &str,
) -> Result<Acted<Receipt>, AwsError> {
    let function = work.function();
    let now = configuration(aws, function, LATEST).await?;
    if now.revision_id() != Some(revision) {
        let message = format!("{function} was changed since it was looked at (PreconditionFailedException)");
        return Err(AwsError::local("lambda", "UpdateFunctionConfiguration", ErrorClass::Conflict, message));
    }
    let call = aws.writes().lambda.update_function_configuration().function_name(function).revision_id(revision);
    let call = match (work, like) {
        (LambdaWork::Settings(change), None) => {
            let call = call.set_timeout(change.timeout.and_then(|timeout| i32::try_from(timeout.to).ok()));
            let call = call.set_memory_size(change.memory.and_then(|memory| i32::try_from(memory.to).ok()));
            if change.environment.is_empty() {
                call
            } else {
                let mut variables = readable(&now)?;
                variables.extend(change.environment.clone());
                call.environment(Environment::builder().set_variables(Some(variables)).build())
            }
        }
        (_, Some(version)) => {
            let then = configuration(aws, function, version).await?;
            let variables = readable(&then)?;
            configure::like(call, &now, &then, variables)
        }
        (LambdaWork::Alias(_) | LambdaWork::Code(_), None) => {
            let message = "the recorded act names no version";
            return Err(AwsError::local("rollbot", "act", ErrorClass::Bug, message));
        }
    };
    let answer = call.send().await.map_err(|error| AwsError::of("lambda", "UpdateFunctionConfiguration", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    Ok(Acted { receipt: Receipt { revision: answer.revision_id }, request_id })
}

async fn configuration(aws: &Aws, function: &str, version: &str) -> Result<FunctionConfiguration, AwsError> {
    let told = look::get(aws, function, Some(version)).await.map_err(AwsError::without_effect)?;
    Ok(told.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build()))
}

/// All environment variables. Where AWS cannot decrypt them it tells none, and sending those back would delete them.
fn readable(told: &FunctionConfiguration) -> Result<HashMap<String, String>, AwsError> {
    let environment = told.environment();
    if let Some(error) = environment.and_then(|environment| environment.error()) {
        let why = error.message().or(error.error_code()).unwrap_or("no reason given");
        let message = format!("its environment variables cannot be read: {}", why.trim_end_matches('.'));
        return Err(AwsError::local("lambda", "UpdateFunctionConfiguration", ErrorClass::Denied, message));
    }
    Ok(environment.and_then(|environment| environment.variables().cloned()).unwrap_or_default())
}
