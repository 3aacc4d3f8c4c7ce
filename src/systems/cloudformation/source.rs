//! The earlier version that lies in S3: a template, and its parameters beside it.
//!
//! The parameters of `path/template.yml` are looked for in `path/template.parameters.json`, in either of the forms that
//! AWS's own tools read: the list of the command line (`[{"ParameterKey": "Version", "ParameterValue": "v41"}]`, where
//! `"UsePreviousValue": true` keeps the present value), or CodePipeline's template configuration
//! (`{"Parameters": {"Version": "v41"}, "Tags": {"team": "shop"}}`). Without such an object every parameter keeps its
//! present value, and the plan says so.
//!
//! What a stack has in the end is proved by its template and every one of its parameters, as CloudFormation shows them. So
//! everything that the object leaves out is filled in beforehand with what it will be: the template's default, or the
//! present value; secrets always keep theirs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::content::{Content, ParameterValue};
use super::inventory::Wanted;
use crate::aws::error::ErrorClass;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};

/// The longest template that CloudFormation takes from S3, in bytes.
const LONGEST: i64 = 1024 * 1024;

/// Reads the version at `key`. `present` is what the stack has now, for what is not said.
///
/// # Errors
/// When S3 does not answer or refuses, or what lies there cannot be read.
pub async fn read(aws: &Aws, bucket: &str, key: &str, present: &Content) -> Result<Wanted, AwsError> {
    let template = object(aws, bucket, key).await?.ok_or_else(|| missing(key))?;
    let beside = parameters_key(key);
    let parameters = object(aws, bucket, &beside).await?;
    let mut content = Content { template: template.text, policy: None, ..present.clone() };
    let url = address(aws, bucket, key);
    let declared = declared(aws, &url).await?;
    let how = if let Some(object) = &parameters {
        let said = Said::parse(&object.text).map_err(|why| {
            AwsError::local("s3", "GetObject", ErrorClass::Invalid, format!("{beside} cannot be read: {why}"))
        })?;
        content.parameters = completed(said.parameters, declared.as_deref(), &present.parameters);
        if let Some(tags) = said.tags {
            content.tags = tags;
        }
        format!("the template at s3://{bucket}/{key} with the parameters beside it")
    } else {
        let kept = present
            .parameters
            .keys()
            .filter(|key| declared.as_ref().is_none_or(|declared| declared.iter().any(|one| one.key == **key)));
        let kept = kept.map(|key| (key.clone(), ParameterValue::AsItIs)).collect();
        content.parameters = completed(kept, declared.as_deref(), &present.parameters);
        format!("the template at s3://{bucket}/{key}; there is no {beside}, so every parameter keeps its present value")
    };
    let release = content.release(template.at);
    Ok(Wanted { release, content, url: Some(url), how })
}

/// A parameter that a template declares.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Declared {
    key: String,
    default: Option<String>,
    secrecy: Secrecy,
}

/// Whether CloudFormation shows a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    /// It does.
    Shown,
    /// It does not (`NoEcho`).
    Secret,
}

/// What the template at `url` declares; `None` where Rollbot may not ask.
async fn declared(aws: &Aws, url: &str) -> Result<Option<Vec<Declared>>, AwsError> {
    let answer = aws.reads().cloudformation.get_template_summary().template_url(url).send().await;
    let answer = match answer.map_err(|error| AwsError::of("cloudformation", "GetTemplateSummary", &error)) {
        Ok(answer) => answer,
        Err(error) if error.class == ErrorClass::Denied => return Ok(None),
        Err(error) => return Err(error),
    };
    let declared = answer.parameters.unwrap_or_default().into_iter().filter_map(|one| {
        Some(Declared {
            key: one.parameter_key?,
            default: one.default_value,
            secrecy: if one.no_echo == Some(true) { Secrecy::Secret } else { Secrecy::Shown },
        })
    });
    Ok(Some(declared.collect()))
}

/// `said` with every parameter that the template declares, each with what it will be.
fn completed(
    mut said: BTreeMap<String, ParameterValue>,
    declared: Option<&[Declared]>,
    present: &BTreeMap<String, ParameterValue>,
) -> BTreeMap<String, ParameterValue> {
    for (key, value) in &mut said {
        if *value == ParameterValue::AsItIs
            && let Some(present) = present.get(key)
        {
            *value = present.clone();
        }
    }
    for Declared { key, default, secrecy } in declared.unwrap_or_default() {
        let present = present.get(key);
        if *secrecy == Secrecy::Secret && present.is_some() {
            said.insert(key.clone(), ParameterValue::AsItIs);
            continue;
        }
        // Where there is neither, CloudFormation will say that it needs a value.
        let left_out = default.clone().map(ParameterValue::Text).or_else(|| present.cloned());
        if let Some(value) = left_out.filter(|_| !said.contains_key(key)) {
            said.insert(key.clone(), value);
        }
    }
    said
}

/// Why the version in S3 cannot be had, with what to do.
pub fn refusal(bucket: &str, key: &str, error: &AwsError) -> String {
    let advice = match error.class {
        ErrorClass::Denied => "Give Rollbot's role s3:GetObject on it, then ask again.",
        ErrorClass::NotFound => "Put the earlier template there, or correct `previous` in rollbot.yml.",
        ErrorClass::Transient
        | ErrorClass::Throttled
        | ErrorClass::Conflict
        | ErrorClass::Invalid
        | ErrorClass::Bug => "Correct what lies there, then ask again.",
    };
    format!("The earlier template at s3://{bucket}/{key} cannot be had: {}. {advice}", error.message)
}

fn missing(key: &str) -> AwsError {
    AwsError::local("s3", "GetObject", ErrorClass::NotFound, format!("there is no object {key}"))
}

/// Where the parameters of the template at `key` lie.
pub fn parameters_key(key: &str) -> String {
    let (folder, name) = key.rsplit_once('/').map_or(("", key), |(folder, name)| (folder, name));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{stem}.parameters.json")
}

/// The address by which CloudFormation reads an object (virtual-hosted style, in the bucket's region).
fn address(aws: &Aws, bucket: &str, key: &str) -> String {
    let region = aws.reads().s3.config().region().map_or("us-east-1", aws_types::region::Region::as_ref).to_owned();
    format!("https://{bucket}.s3.{region}.amazonaws.com/{key}")
}

struct Object {
    text: String,
    at: Option<jiff::Timestamp>,
}

async fn object(aws: &Aws, bucket: &str, key: &str) -> Result<Option<Object>, AwsError> {
    let answer = match aws.reads().s3.get_object().bucket(bucket).key(key).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = AwsError::of("s3", "GetObject", &error);
            let is_missing = error.code.as_deref() == Some("NoSuchKey");
            return if is_missing { Ok(None) } else { Err(error) };
        }
    };
    let too_long = |length: i64| {
        AwsError::local(
            "s3",
            "GetObject",
            ErrorClass::Invalid,
            format!("{key} has {length} bytes, and 1 MB is the most"),
        )
    };
    if let Some(length) = answer.content_length.filter(|length| *length > LONGEST) {
        return Err(too_long(length));
    }
    let at = answer.last_modified.and_then(timestamp);
    let bytes = answer.body.collect().await.map_err(|error| {
        AwsError::local("s3", "GetObject", ErrorClass::Transient, format!("{key} was not read to its end: {error}"))
    })?;
    match String::from_utf8(bytes.into_bytes().to_vec()) {
        Ok(text) => Ok(Some(Object { text, at })),
        Err(error) => {
            Err(AwsError::local("s3", "GetObject", ErrorClass::Invalid, format!("{key} is not text: {error}")))
        }
    }
}

/// What the object beside a template says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    parameters: BTreeMap<String, ParameterValue>,
    tags: Option<BTreeMap<String, String>>,
}

impl Said {
    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON ({error})"))?;
        match value {
            Value::Array(entries) => {
                let parameters = entries.iter().map(Self::entry).collect::<Result<_, _>>()?;
                Ok(Self { parameters, tags: None })
            }
            Value::Object(parts) => {
                let texts = |key: &str| -> Result<Option<BTreeMap<String, String>>, String> {
                    let Some(part) = parts.get(key) else { return Ok(None) };
                    let entries = part.as_object().ok_or_else(|| format!("`{key}` is not a mapping"))?;
                    let texts = entries.iter().map(|(name, value)| {
                        let value = scalar(value).ok_or_else(|| format!("`{name}` in `{key}` is not text"))?;
                        Ok((name.clone(), value))
                    });
                    texts.collect::<Result<_, String>>().map(Some)
                };
                let parameters = texts("Parameters")?.ok_or("it has neither a list nor `Parameters`")?;
                let parameters =
                    parameters.into_iter().map(|(key, value)| (key, ParameterValue::Text(value))).collect();
                Ok(Self { parameters, tags: texts("Tags")? })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err("it is neither a list nor a mapping".to_owned())
            }
        }
    }

    fn entry(entry: &Value) -> Result<(String, ParameterValue), String> {
        let key = entry.get("ParameterKey").and_then(Value::as_str).ok_or("an entry has no `ParameterKey`")?;
        if entry.get("UsePreviousValue").and_then(Value::as_bool) == Some(true) {
            return Ok((key.to_owned(), ParameterValue::AsItIs));
        }
        let value = entry.get("ParameterValue").and_then(scalar).ok_or_else(|| format!("`{key}` has no value"))?;
        Ok((key.to_owned(), ParameterValue::Text(value)))
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_declared_parameter_gets_what_it_will_be() {
        let text = |value: &str| ParameterValue::Text(value.to_owned());
        let map = |all: &[(&str, ParameterValue)]| -> BTreeMap<String, ParameterValue> {
            all.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
        };
        let one = |key: &str, default: Option<&str>, secrecy| Declared {
            key: key.to_owned(),
            default: default.map(str::to_owned),
            secrecy,
        };
        let declared = [
            one("Version", None, Secrecy::Shown),
            one("Size", Some("small"), Secrecy::Shown),
            one("Stage", None, Secrecy::Shown),
            one("Zone", Some("a"), Secrecy::Shown),
            one("Password", Some("changeme"), Secrecy::Secret),
            one("Fresh", None, Secrecy::Shown),
        ];
        let present = map(&[
            ("Version", text("v3")),
            ("Size", text("large")),
            ("Stage", text("prod")),
            ("Zone", text("b")),
            ("Password", ParameterValue::AsItIs),
        ]);
        let said = map(&[("Version", text("v1")), ("Zone", ParameterValue::AsItIs), ("Password", text("hunter2"))]);
        let expected = map(&[
            ("Version", text("v1")),
            ("Size", text("small")),
            ("Stage", text("prod")),
            ("Zone", text("b")),
            ("Password", ParameterValue::AsItIs),
        ]);
        assert_eq!(completed(said, Some(&declared), &present), expected);
        let unasked = map(&[("Zone", ParameterValue::AsItIs)]);
        assert_eq!(completed(unasked, None, &present), map(&[("Zone", text("b"))]), "where Rollbot may not ask");
    }

    #[rstest]
    #[case("template.yml", "template.parameters.json")]
    #[case("shop/prod/api.template.json", "shop/prod/api.template.parameters.json")]
    #[case("shop/api", "shop/api.parameters.json")]
    fn a05_the_parameters_lie_beside_the_template(#[case] key: &str, #[case] beside: &str) {
        assert_eq!(parameters_key(key), beside);
    }

    #[rstest]
    #[case(r#"[{"ParameterKey": "Version", "ParameterValue": "v41"}, {"ParameterKey": "Password", "UsePreviousValue": true}]"#)]
    #[case(r#"[{"ParameterKey": "Password", "UsePreviousValue": true}, {"ParameterKey": "Version", "ParameterValue": "v41"}]"#)]
    fn p05_parameters_in_the_form_of_the_command_line(#[case] text: &str) {
        let said = Said::parse(text).unwrap();
        assert_eq!(said.parameters["Version"], ParameterValue::Text("v41".to_owned()));
        assert_eq!(said.parameters["Password"], ParameterValue::AsItIs);
        assert_eq!(said.tags, None);
    }

    #[test]
    fn a05_parameters_in_the_form_of_codepipeline() {
        let said = Said::parse(r#"{"Parameters": {"Version": "v41", "Count": 2}, "Tags": {"team": "shop"}}"#).unwrap();
        assert_eq!(said.parameters["Count"], ParameterValue::Text("2".to_owned()));
        assert_eq!(said.tags.unwrap()["team"], "shop");
    }

    #[rstest]
    #[case("no json", "it is not JSON")]
    #[case("7", "neither a list nor a mapping")]
    #[case("{}", "neither a list nor `Parameters`")]
    #[case(r#"[{"ParameterKey": "Version"}]"#, "`Version` has no value")]
    #[case(r#"{"Parameters": {"Version": []}}"#, "`Version` in `Parameters` is not text")]
    fn what_cannot_be_read_is_said(#[case] text: &str, #[case] why: &str) {
        let error = Said::parse(text).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
