//! Looks at a function, its versions and its alias. Reads only.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::FunctionConfiguration;
use futures::future::{FutureExt as _, join_all};

use super::callers;
use super::inventory::{
    Alias, AliasInventory, Code, LATEST, LambdaInventory, LambdaSpec, Package, Provisioned, SettingsInventory,
    SettingsSpec, Standing, Weight,
};
use super::settings::Settings;
use super::shifting;
use super::target;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many versions are looked at for their state: lists do not tell it, and what is gone back to is among the newest.
const STATES: usize = 5;
/// The tag by which CloudFormation marks what it owns.
const OWNER: &str = "aws:cloudformation:stack-name";

/// A fresh look, for planning; what `to` names is looked at too.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such function or alias.
pub async fn look(aws: &Aws, spec: &LambdaSpec, to: Option<&str>) -> Result<LambdaInventory, AwsError> {
    let function = &spec.function;
    let (latest, stack) = of_function(&get(aws, function, None).await?);
    let versions = versions(aws, function).await?;
    let aliases = aliases(aws, function).await?;
    let alias = match &spec.alias {
        None => None,
        Some(name) => Some(Box::pin(look_at_alias(aws, function, name)).await?),
    };
    let aliases = aliases.into_iter().map(|alias| (alias.name, alias.version)).collect();
    let states = BTreeMap::new();
    let mut inventory = LambdaInventory { spec: spec.clone(), latest, versions, states, aliases, alias, stack };
    for (version, code) in looked_at(aws, &inventory, to).await? {
        inventory.states.insert(version.clone(), code.standing.clone());
        // A list may leave things out that a look tells.
        if let Some(listed) = inventory.versions.iter_mut().find(|listed| listed.version == version) {
            *listed = code;
        }
    }
    Ok(inventory)
}

/// A fresh look at the settings of `$LATEST`.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such function.
pub async fn look_at_settings(aws: &Aws, spec: &SettingsSpec) -> Result<SettingsInventory, AwsError> {
    let (latest, stack) = of_function(&get(aws, &spec.function, None).await?);
    let aliases = aliases(aws, &spec.function).await?;
    let aliases = aliases.into_iter().map(|alias| (alias.name, alias.version)).collect();
    Ok(SettingsInventory { spec: spec.clone(), latest, aliases, stack })
}

/// The versions whose state matters for a plan: what may be gone back to.
async fn looked_at(aws: &Aws, inventory: &LambdaInventory, to: Option<&str>) -> Result<Vec<(String, Code)>, AwsError> {
    let mut wanted: Vec<String> = target::named(inventory, to).into_iter().collect();
    let present = inventory.present().map_or(u64::MAX, Code::number);
    let standing = inventory.alias.iter().map(|alias| alias.alias.version.clone());
    let older = inventory.versions.iter().filter(|version| version.number() < present).take(STATES);
    wanted.extend(standing.chain(older.map(|version| version.version.clone())));
    wanted.sort_unstable();
    wanted.dedup();
    let looks = wanted.into_iter().map(|version| {
        async move {
            match code(aws, &inventory.spec.function, &version).await {
                Ok(code) => Ok(Some((version, code))),
                // Deleted since the list was made.
                Err(error) if error.class == ErrorClass::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }
        .boxed()
    });
    let looked = join_all(looks).await.into_iter().collect::<Result<Vec<_>, AwsError>>()?;
    Ok(looked.into_iter().flatten().collect())
}

async fn look_at_alias(aws: &Aws, function: &str, name: &str) -> Result<AliasInventory, AwsError> {
    let alias = alias(aws, function, name).await?;
    let provisioned = provisioned(aws, function, name).await?;
    let callers = callers::look(aws, function, name).await?;
    let shifting = shifting::look(aws, function, name).await?;
    Ok(AliasInventory { alias, callers, provisioned, shifting })
}

/// `GetFunction` of a version, or of `$LATEST`.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such function or version.
pub(super) async fn get(aws: &Aws, function: &str, version: Option<&str>) -> Result<GetFunctionOutput, AwsError> {
    let call = aws.reads().lambda.get_function().function_name(function);
    let call = call.set_qualifier(version.filter(|version| *version != LATEST).map(str::to_owned));
    call.send().await.map_err(|error| {
        let error = AwsError::of("lambda", "GetFunction", &error);
        match (error.class, version) {
            (ErrorClass::NotFound, None) => missing(error, &format!("there is no Lambda function {function}")),
            (ErrorClass::NotFound, Some(version)) => {
                missing(error, &format!("{function} has no version {version} any more: it was deleted"))
            }
            _ => error,
        }
    })
}

fn missing(error: AwsError, sentence: &str) -> AwsError {
    let hint =
        if sentence.contains("version") { "Ask for another release" } else { "Correct `function` in rollbot.yml" };
    error.saying(format!("{sentence}. {hint}"))
}

/// A version, or `$LATEST`.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such version.
pub async fn code(aws: &Aws, function: &str, version: &str) -> Result<Code, AwsError> {
    let told = get(aws, function, Some(version)).await?;
    Ok(told.configuration.as_ref().map(told_code).unwrap_or_default())
}

fn of_function(told: &GetFunctionOutput) -> (Code, Option<String>) {
    let stack = told.tags().and_then(|tags| tags.get(OWNER)).cloned();
    let latest = told.configuration.as_ref().map(told_code).unwrap_or_default();
    (latest, stack)
}

/// All published versions, newest first. AWS lists the oldest first, fifty at a time.
async fn versions(aws: &Aws, function: &str) -> Result<Vec<Code>, AwsError> {
    let mut versions = Vec::new();
    let mut marker = None;
    loop {
        let call = aws.reads().lambda.list_versions_by_function().function_name(function).set_marker(marker);
        let answer = call.send().await.map_err(|error| AwsError::of("lambda", "ListVersionsByFunction", &error))?;
        versions.extend(answer.versions().iter().map(told_code).filter(|code| code.version != LATEST));
        marker = answer.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    versions.sort_by_key(|code| std::cmp::Reverse(code.number()));
    Ok(versions)
}

async fn aliases(aws: &Aws, function: &str) -> Result<Vec<Alias>, AwsError> {
    let mut aliases = Vec::new();
    let mut marker = None;
    loop {
        let call = aws.reads().lambda.list_aliases().function_name(function).set_marker(marker);
        let answer = call.send().await.map_err(|error| AwsError::of("lambda", "ListAliases", &error))?;
        aliases.extend(answer.aliases.unwrap_or_default().into_iter().map(|told| Alias {
            arn: told.alias_arn.unwrap_or_default(),
            name: told.name.unwrap_or_default(),
            version: told.function_version.unwrap_or_default(),
            weights: weights(told.routing_config),
            revision: told.revision_id.unwrap_or_default(),
        }));
        marker = answer.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    Ok(aliases)
}

/// An alias as it is now.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such alias.
pub async fn alias(aws: &Aws, function: &str, name: &str) -> Result<Alias, AwsError> {
    let call = aws.reads().lambda.get_alias().function_name(function).name(name);
    let told = call.send().await.map_err(|error| {
        let error = AwsError::of("lambda", "GetAlias", &error);
        if error.class == ErrorClass::NotFound {
            let message = format!("{function} has no alias {name}. Correct `alias` in rollbot.yml");
            return error.saying(message);
        }
        error
    })?;
    Ok(Alias {
        arn: told.alias_arn.unwrap_or_default(),
        name: told.name.unwrap_or_default(),
        version: told.function_version.unwrap_or_default(),
        weights: weights(told.routing_config),
        revision: told.revision_id.unwrap_or_default(),
    })
}

fn weights(told: Option<aws_sdk_lambda::types::AliasRoutingConfiguration>) -> BTreeMap<String, Weight> {
    let weights = told.and_then(|routing| routing.additional_version_weights).unwrap_or_default();
    weights.into_iter().map(|(version, share)| (version, Weight::of(share))).collect()
}

/// The provisioned concurrency of an alias, if it has any.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn provisioned(aws: &Aws, function: &str, alias: &str) -> Result<Option<Provisioned>, AwsError> {
    let call = aws.reads().lambda.get_provisioned_concurrency_config().function_name(function).qualifier(alias);
    match call.send().await {
        Ok(told) => Ok(Some(Provisioned {
            requested: told.requested_provisioned_concurrent_executions.unwrap_or_default(),
            available: told.available_provisioned_concurrent_executions.unwrap_or_default(),
            status: told.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: told.status_reason,
        })),
        Err(error) => {
            let error = AwsError::of("lambda", "GetProvisionedConcurrencyConfig", &error);
            if error.class == ErrorClass::NotFound { Ok(None) } else { Err(error) }
        }
    }
}

fn told_code(told: &FunctionConfiguration) -> Code {
    let whole = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    let image = told.package_type.as_ref().is_some_and(|package| package.as_str() == "Image");
    Code {
        version: told.version.clone().unwrap_or_else(|| LATEST.to_owned()),
        arn: told.function_arn.clone().unwrap_or_default(),
        description: told.description.clone().unwrap_or_default(),
        sha256: told.code_sha256.clone().unwrap_or_default(),
        size: told.code_size,
        package: if image { Package::Image } else { Package::Zip },
        architectures: told.architectures().iter().map(|one| one.as_str().to_owned()).collect(),
        // `2026-11-21T03:00:00.000+0000`.
        modified: told.last_modified.as_deref().and_then(|at| at.parse().ok()),
        revision: told.revision_id.clone().unwrap_or_default(),
        settings: Settings::of(told),
        timeout: whole(told.timeout),
        memory: whole(told.memory_size),
        standing: Standing {
            status: told.state.as_ref().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            code: told.state_reason_code.as_ref().map(|code| code.as_str().to_owned()),
            reason: told.state_reason.clone(),
        },
        update: Standing {
            status: told.last_update_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            code: told.last_update_status_reason_code.as_ref().map(|code| code.as_str().to_owned()),
            reason: told.last_update_status_reason.clone(),
        },
    }
}
