//! What a task definition needs beside its images: secrets, parameters and log groups. Where one of them is gone, ECS
//! starts no task, and that is known before anybody approves.
//!
//! No value is ever read: of a secret its description is asked for, of a parameter its metadata. So whether a secret's
//! JSON still has a key is not known.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types as logs;
use aws_sdk_ecs::types as sdk;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_ssm::types::ParameterStringFilter;

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many names `DescribeParameters` takes at once in one filter.
const NAMES_AT_ONCE: usize = 50;

/// Something that a container needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// What for, for people: `DATABASE_URL of app`.
    pub used_as: String,
    /// What.
    pub what: Needed,
}

/// What a container needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needed {
    /// A secret in Secrets Manager.
    Secret {
        /// Its ARN, without what may follow it.
        arn: String,
        /// The stage that is asked for, where it is not the usual one.
        stage: Option<String>,
        /// The version that is asked for.
        version: Option<String>,
    },
    /// A parameter of Systems Manager.
    Parameter {
        /// Its names: an ARN does not tell whether a name begins with a slash.
        names: Vec<String>,
        /// The region and account that its ARN names.
        place: Option<(String, String)>,
    },
    /// A log group of CloudWatch Logs, which the log driver does not make itself.
    LogGroup {
        /// Its name.
        name: String,
        /// Its region, where the log driver names one.
        region: Option<String>,
    },
}

/// What was found of a task definition's needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supplies {
    /// The ARN of the task definition that was looked at.
    pub of: Option<String>,
    /// What is gone, as the end of a sentence: `the secret … (DATABASE_URL of app): …`.
    pub missing: Vec<String>,
    /// What could not be found out, as sentences.
    pub unseen: Vec<String>,
}

/// What a container needs. Pure.
pub fn of_container(container: &sdk::ContainerDefinition) -> Vec<Need> {
    let name = container.name().unwrap_or_default();
    let secret = |secret: &sdk::Secret| Need {
        used_as: format!("{} of {name}", secret.name()),
        what: Needed::of(secret.value_from()),
    };
    let mut needs: Vec<Need> = container.secrets().iter().map(secret).collect();
    if let Some(credentials) = container.repository_credentials() {
        let used_as = format!("the registry's credentials of {name}");
        needs.push(Need { used_as, what: Needed::of(credentials.credentials_parameter()) });
    }
    if let Some(log) = container.log_configuration() {
        needs.extend(log.secret_options().iter().map(secret));
        let option = |key: &str| log.options().and_then(|options| options.get(key)).map(String::as_str);
        let makes_it = option("awslogs-create-group").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if let (sdk::LogDriver::Awslogs, Some(group), false) = (log.log_driver(), option("awslogs-group"), makes_it) {
            needs.push(Need {
                used_as: format!("the log of {name}"),
                what: Needed::LogGroup { name: group.to_owned(), region: option("awslogs-region").map(str::to_owned) },
            });
        }
    }
    needs
}

impl Needed {
    /// What `valueFrom` means: the ARN of a secret with `:json-key:stage:version` after it, or of a parameter, or a
    /// parameter's name.
    fn of(value_from: &str) -> Self {
        let parts: Vec<&str> = value_from.split(':').collect();
        let given = |text: Option<&&str>| text.filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
        match parts.as_slice() {
            ["arn", _, "secretsmanager", _, _, "secret", _, rest @ ..] => Self::Secret {
                arn: parts.iter().take(7).copied().collect::<Vec<_>>().join(":"),
                stage: given(rest.get(1)),
                version: given(rest.get(2)),
            },
            ["arn", _, "ssm", region, account, name] => {
                let name = name.strip_prefix("parameter").unwrap_or(name);
                let bare = name.trim_start_matches('/');
                // A name of several parts begins with a slash; one of a single part may.
                let names = if bare.contains('/') {
                    vec![format!("/{bare}")]
                } else {
                    vec![bare.to_owned(), format!("/{bare}")]
                };
                Self::Parameter { names, place: Some(((*region).to_owned(), (*account).to_owned())) }
            }
            _ => Self::Parameter { names: vec![value_from.to_owned()], place: None },
        }
    }

    /// What people read.
    fn title(&self) -> String {
        match self {
            Self::Secret { arn, .. } => format!("the secret {}", arn.rsplit(':').next().unwrap_or(arn)),
            Self::Parameter { names, .. } => {
                format!("the parameter {}", names.last().map(String::as_str).unwrap_or_default())
            }
            Self::LogGroup { name, .. } => format!("the log group {name}"),
        }
    }

    /// The region and account of something that cannot be looked at from here.
    fn elsewhere(&self, region: Option<&str>) -> Option<String> {
        let own = |other: &str| Some(other) == region;
        match self {
            Self::Secret { arn, .. } => arn.split(':').nth(3).filter(|other| !own(other)).map(str::to_owned),
            Self::Parameter { place, .. } => {
                place.as_ref().map(|(region, _)| region.clone()).filter(|other| !own(other))
            }
            Self::LogGroup { region, .. } => region.clone().filter(|other| !own(other)),
        }
    }
}

/// Looks whether everything that the task definition called `of` needs is there.
pub async fn look(aws: &Aws, of: &str, needs: &[Need]) -> Supplies {
    let region = aws.reads().secretsmanager.config().region().map(ToString::to_string);
    let mut supplies = Supplies { of: Some(of.to_owned()), ..Supplies::default() };
    let all: BTreeSet<&Need> = needs.iter().collect();
    let mut looks = Vec::new();
    let mut parameters: Vec<&Need> = Vec::new();
    for need in all {
        let title = need.what.title();
        if let Some(elsewhere) = need.what.elsewhere(region.as_deref()) {
            supplies.unseen.push(format!("Whether {title} still exists was not checked: it is in {elsewhere}."));
            continue;
        }
        match &need.what {
            Needed::Parameter { .. } => parameters.push(need),
            Needed::Secret { .. } | Needed::LogGroup { .. } => looks.push(one(aws, need)),
        }
    }
    let mut found: Vec<(&Need, Result<Option<String>, AwsError>)> = futures::future::join_all(looks).await;
    for needs in parameters.chunks(NAMES_AT_ONCE / 2) {
        let present = present(aws, needs).await;
        found.extend(needs.iter().map(|need| (*need, is_among(need, &present))));
    }
    for (need, found) in found {
        let title = need.what.title();
        match found {
            Ok(None) => {}
            Ok(Some(why)) => {
                supplies.missing.push(format!("{title} ({}): {}", need.used_as, why.trim_end_matches('.')));
            }
            Err(error) => supplies.unseen.push(format!("Whether {title} still exists could not be checked: {error}.")),
        }
    }
    supplies
}

/// Why a secret or a log group is missing; `None` if it is there.
async fn one<'n>(aws: &Aws, need: &'n Need) -> (&'n Need, Result<Option<String>, AwsError>) {
    let looked = match &need.what {
        Needed::Secret { arn, stage, version } => secret(aws, arn, stage.as_deref(), version.as_deref()).await,
        Needed::LogGroup { name, .. } => log_group(aws, name).await,
        Needed::Parameter { .. } => Ok(None),
    };
    (need, looked)
}

async fn secret(aws: &Aws, arn: &str, stage: Option<&str>, version: Option<&str>) -> Result<Option<String>, AwsError> {
    let answer = aws.reads().secretsmanager.describe_secret().secret_id(arn).send().await;
    match answer.map_err(|error| AwsError::of("secretsmanager", "DescribeSecret", &error)) {
        Ok(found) => Ok(unusable(&found, stage, version)),
        Err(error) if error.class == ErrorClass::NotFound => Ok(Some(error.message)),
        Err(error) => Err(error),
    }
}

/// Why a secret that is there cannot be used. Pure.
fn unusable(secret: &DescribeSecretOutput, stage: Option<&str>, version: Option<&str>) -> Option<String> {
    if secret.deleted_date().is_some() {
        return Some("it is marked for deletion".to_owned());
    }
    let versions = secret.version_ids_to_stages();
    if let Some(version) = version
        && !versions.is_some_and(|versions| versions.contains_key(version))
    {
        return Some(format!("it has no version {version}"));
    }
    let has = |stage: &str| versions.is_some_and(|versions| versions.values().flatten().any(|own| own == stage));
    stage.filter(|stage| !has(stage)).map(|stage| format!("no version of it has the stage {stage}"))
}

async fn log_group(aws: &Aws, name: &str) -> Result<Option<String>, AwsError> {
    // Of all names that begin so, the name itself is the first.
    let answer = aws.reads().cloudwatchlogs.describe_log_groups().log_group_name_prefix(name).send().await;
    let answer = answer.map_err(|error| AwsError::of("logs", "DescribeLogGroups", &error))?;
    let is_there = answer.log_groups().iter().any(|group: &logs::LogGroup| group.log_group_name() == Some(name));
    Ok((!is_there).then(|| "CloudWatch Logs has none of this name".to_owned()))
}

/// The names of those parameters that are there. Metadata alone: no value is asked for.
async fn present(aws: &Aws, needs: &[&Need]) -> Result<BTreeSet<String>, AwsError> {
    let names: BTreeSet<String> = needs
        .iter()
        .flat_map(|need| match &need.what {
            Needed::Parameter { names, .. } => names.clone(),
            Needed::Secret { .. } | Needed::LogGroup { .. } => Vec::new(),
        })
        .collect();
    let filter =
        ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names.into_iter().collect()));
    let filter = filter
        .build()
        .map_err(|error| AwsError::local("ssm", "DescribeParameters", ErrorClass::Bug, error.to_string()))?;
    // Pages may be empty and have a next one all the same.
    let pages = aws.reads().ssm.describe_parameters().parameter_filters(filter).into_paginator().send();
    let found: Vec<aws_sdk_ssm::operation::describe_parameters::DescribeParametersOutput> =
        pages.collect::<Result<_, _>>().await.map_err(|error| AwsError::of("ssm", "DescribeParameters", &error))?;
    let parameters = found.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
    Ok(parameters.filter_map(|parameter| parameter.name).collect())
}

fn is_among(need: &Need, present: &Result<BTreeSet<String>, AwsError>) -> Result<Option<String>, AwsError> {
    let present = present.as_ref().map_err(AwsError::clone)?;
    let Needed::Parameter { names, .. } = &need.what else { return Ok(None) };
    let is_there = names.iter().any(|name| present.contains(name));
    Ok((!is_there).then(|| "Systems Manager has none of this name".to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;
    use rstest::rstest;

    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:shop/db-AbCdEf";

    #[rstest]
    #[case::whole(SECRET, None, None)]
    #[case::key("arn:aws:secretsmanager:eu-north-1:123456789012:secret:shop/db-AbCdEf:password::", None, None)]
    #[case::stage(
        "arn:aws:secretsmanager:eu-north-1:123456789012:secret:shop/db-AbCdEf:password:AWSPREVIOUS:",
        Some("AWSPREVIOUS"),
        None
    )]
    #[case::version("arn:aws:secretsmanager:eu-north-1:123456789012:secret:shop/db-AbCdEf:::9d4c", None, Some("9d4c"))]
    fn a_secret_is_meant_by_its_arn_and_what_follows(
        #[case] value_from: &str,
        #[case] stage: Option<&str>,
        #[case] version: Option<&str>,
    ) {
        let (stage, version) = (stage.map(str::to_owned), version.map(str::to_owned));
        assert_eq!(Needed::of(value_from), Needed::Secret { arn: SECRET.to_owned(), stage, version });
    }

    #[rstest]
    #[case::path("arn:aws:ssm:eu-north-1:123456789012:parameter/shop/database", &["/shop/database"])]
    #[case::one_part("arn:aws:ssm:eu-north-1:123456789012:parameter/database", &["database", "/database"])]
    #[case::name("/shop/database", &["/shop/database"])]
    fn a_parameter_is_meant_by_its_arn_or_name(#[case] value_from: &str, #[case] expected: &[&str]) {
        let Needed::Parameter { names, .. } = Needed::of(value_from) else { panic!("{value_from}") };
        assert_eq!(names, expected);
    }

    fn described(stage: &str) -> DescribeSecretOutput {
        DescribeSecretOutput::builder().version_ids_to_stages("9d4c", vec![stage.to_owned()]).build()
    }

    #[rstest]
    #[case::fine(described("AWSCURRENT"), None, None, None)]
    #[case::stage(
        described("AWSCURRENT"),
        Some("AWSPREVIOUS"),
        None,
        Some("no version of it has the stage AWSPREVIOUS")
    )]
    #[case::version(described("AWSCURRENT"), None, Some("77aa"), Some("it has no version 77aa"))]
    #[case::both(described("AWSPREVIOUS"), Some("AWSPREVIOUS"), Some("9d4c"), None)]
    #[case::deleted(
        DescribeSecretOutput::builder().deleted_date(DateTime::from_secs(1)).build(), None, None,
        Some("it is marked for deletion")
    )]
    fn a_secret_that_is_there_may_be_of_no_use(
        #[case] secret: DescribeSecretOutput,
        #[case] stage: Option<&str>,
        #[case] version: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(unusable(&secret, stage, version).as_deref(), expected);
    }

    #[test]
    fn what_the_log_driver_makes_itself_is_not_needed() {
        let container = |create: &str| {
            let log = sdk::LogConfiguration::builder()
                .log_driver(sdk::LogDriver::Awslogs)
                .options("awslogs-group", "/ecs/api")
                .options("awslogs-create-group", create)
                .build()
                .unwrap();
            sdk::ContainerDefinition::builder().name("app").log_configuration(log).build()
        };
        assert_eq!(of_container(&container("true")), []);
        assert_eq!(of_container(&container("false"))[0].what.title(), "the log group /ecs/api");
    }
}
