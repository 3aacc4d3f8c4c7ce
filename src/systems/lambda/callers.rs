//! Who calls an alias, as far as AWS shows that: event source mappings, the function URL, and the resource policy, by
//! which API Gateway, S3, SNS and their like are allowed in. Callers that are allowed by their own role leave no trace.

use serde_json::Value;

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// Who calls an alias, and who calls the function past it; a few words each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callers {
    /// Of the alias.
    pub of_alias: Vec<String>,
    /// Of the function itself, which is `$LATEST`.
    pub of_function: Vec<String>,
    /// What could not be looked at, in AWS's words.
    pub unseen: Option<String>,
}

impl Callers {
    /// What whoever approves should know before `alias` of `function` is moved; `None` where its callers are seen and
    /// nobody calls past it.
    pub fn warning(&self, function: &str, alias: &str) -> Option<String> {
        if let Some(why) = &self.unseen {
            return Some(format!("Whether anything calls the alias {alias} could not be seen: {why}."));
        }
        match (self.of_alias.is_empty(), self.of_function.is_empty()) {
            (false, true) => None,
            (false, false) => Some(format!(
                "{function} itself is called by {}, past the alias {alias}: nothing changes there.",
                list(&self.of_function)
            )),
            (true, false) => Some(format!(
                "Nothing that AWS shows calls the alias {alias}. {function} itself is called by {}, and moving the alias \
                 will probably change nothing there.",
                list(&self.of_function)
            )),
            (true, true) => Some(format!(
                "Nothing that AWS shows calls the alias {alias}: no event source, function URL or permission names it. \
                 Only callers with a role of their own may."
            )),
        }
    }
}

fn list(callers: &[String]) -> String {
    match callers {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Looks for callers. Not being allowed to look is no failure: it is said.
///
/// # Errors
/// When AWS does not answer now.
pub async fn look(aws: &Aws, function: &str, alias: &str) -> Result<Callers, AwsError> {
    let mut callers = Callers::default();
    for (qualifier, found) in [(Some(alias), true), (None, false)] {
        match of(aws, function, qualifier).await {
            Ok(seen) if found => callers.of_alias = seen,
            Ok(seen) => callers.of_function = seen,
            Err(error) if error.class.may_pass() => return Err(error),
            Err(error) => callers.unseen = Some(error.to_string()),
        }
    }
    Ok(callers)
}

async fn of(aws: &Aws, function: &str, alias: Option<&str>) -> Result<Vec<String>, AwsError> {
    let mut callers = mappings(aws, function, alias).await?;
    callers.extend(url(aws, function, alias).await?);
    callers.extend(allowed(aws, function, alias).await?);
    callers.dedup();
    Ok(callers)
}

async fn mappings(aws: &Aws, function: &str, alias: Option<&str>) -> Result<Vec<String>, AwsError> {
    let name = alias.map_or_else(|| function.to_owned(), |alias| format!("{function}:{alias}"));
    let call = aws.reads().lambda.list_event_source_mappings().function_name(&name);
    let answer = call.send().await.map_err(|error| AwsError::of("lambda", "ListEventSourceMappings", &error))?;
    let ours = answer.event_source_mappings().iter().filter(|mapping| {
        let qualifier = mapping.function_arn().and_then(|arn| arn.split(':').nth(7));
        qualifier == alias && mapping.state() != Some("Disabled")
    });
    Ok(ours.map(|mapping| source(mapping.event_source_arn().unwrap_or_default())).collect())
}

/// `the queue jobs`, from an ARN.
fn source(arn: &str) -> String {
    let name = arn.rsplit([':', '/']).next().filter(|name| !name.is_empty());
    let kind = match arn.split(':').nth(2) {
        Some("sqs") => "the queue",
        Some("kinesis") => "the stream",
        Some("dynamodb") => return format!("the table {}", arn.split('/').nth(1).unwrap_or("of a stream")),
        Some(_) | None => "the event source",
    };
    name.map_or_else(|| "an event source".to_owned(), |name| format!("{kind} {name}"))
}

async fn url(aws: &Aws, function: &str, alias: Option<&str>) -> Result<Option<String>, AwsError> {
    let call = aws.reads().lambda.get_function_url_config().function_name(function);
    match call.set_qualifier(alias.map(str::to_owned)).send().await {
        Ok(_) => Ok(Some("a function URL".to_owned())),
        Err(error) => unless_missing(AwsError::of("lambda", "GetFunctionUrlConfig", &error)),
    }
}

async fn allowed(aws: &Aws, function: &str, alias: Option<&str>) -> Result<Vec<String>, AwsError> {
    let call = aws.reads().lambda.get_policy().function_name(function);
    match call.set_qualifier(alias.map(str::to_owned)).send().await {
        Ok(told) => Ok(told.policy.as_deref().map(principals).unwrap_or_default()),
        Err(error) => unless_missing(AwsError::of("lambda", "GetPolicy", &error)).map(Option::unwrap_or_default),
    }
}

fn unless_missing<T>(error: AwsError) -> Result<Option<T>, AwsError> {
    if error.class == ErrorClass::NotFound { Ok(None) } else { Err(error) }
}

/// Whom a resource policy lets call, a few words each.
fn principals(policy: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy.get("Statement").and_then(Value::as_array).into_iter().flatten();
    let allowing = statements.filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Allow"));
    let mut names: Vec<String> = allowing.filter_map(|statement| statement.get("Principal")).map(principal).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn principal(principal: &Value) -> String {
    if principal.as_str() == Some("*") {
        return "a function URL".to_owned();
    }
    let of = |kind: &str| principal.get(kind).and_then(Value::as_str);
    match of("Service").or_else(|| of("AWS")).unwrap_or("somebody") {
        "apigateway.amazonaws.com" => "API Gateway".to_owned(),
        "elasticloadbalancing.amazonaws.com" => "a load balancer".to_owned(),
        "s3.amazonaws.com" => "S3".to_owned(),
        "sns.amazonaws.com" => "SNS".to_owned(),
        "events.amazonaws.com" => "EventBridge".to_owned(),
        other => other.strip_suffix(".amazonaws.com").unwrap_or(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn callers(of_alias: &[&str], of_function: &[&str]) -> Callers {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Callers { of_alias: own(of_alias), of_function: own(of_function), unseen: None }
    }

    #[rstest]
    #[case::used(&["API Gateway"], &[], None)]
    #[case::both(&["API Gateway"], &["the queue jobs"], Some("jobs itself is called by the queue jobs, past the alias live"))]
    #[case::past_it(&[], &["API Gateway"], Some("probably change nothing"))]
    #[case::nobody(&[], &[], Some("Only callers with a role of their own may"))]
    fn c18_an_alias_that_nothing_uses_is_said(
        #[case] of_alias: &[&str],
        #[case] of_function: &[&str],
        #[case] words: Option<&str>,
    ) {
        let warning = callers(of_alias, of_function).warning("jobs", "live");
        assert_eq!(warning.is_some(), words.is_some(), "{warning:?}");
        assert!(words.is_none_or(|words| warning.as_ref().is_some_and(|said| said.contains(words))), "{warning:?}");
    }

    #[test]
    fn callers_are_named_as_people_know_them() {
        let policy = r#"{"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}},
            {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}},
            {"Effect": "Allow", "Principal": "*"},
            {"Effect": "Deny", "Principal": {"Service": "s3.amazonaws.com"}}]}"#;
        assert_eq!(principals(policy), ["API Gateway", "a function URL"]);
        assert_eq!(source("arn:aws:sqs:eu-north-1:1:jobs"), "the queue jobs");
        assert_eq!(source("arn:aws:dynamodb:eu-north-1:1:table/orders/stream/2026"), "the table orders");
    }
}
