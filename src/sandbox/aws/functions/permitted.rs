//! Who calls a function: its resource policies, its URLs, and what reads events for it.

use serde_json::{Value, json};

use super::super::json::text;
use super::super::refusal::Refusal;
use super::function::{Function, Functions, LATEST};
use super::named::{Named, parts};
use super::perform::invalid;

fn nothing() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The resource you requested does not exist.")
}

impl Functions {
    pub(super) fn policy(&self, request: &Value) -> Result<Value, Refusal> {
        let Named { function, qualifier } = self.named(request)?;
        function.qualified(qualifier.as_deref())?;
        let allowed = function.permissions.get(Function::place(qualifier.as_deref())).ok_or_else(nothing)?;
        let statements: Vec<Value> = allowed
            .iter()
            .enumerate()
            .map(|(place, service)| {
                json!({
                    "Sid": format!("allow-{place}"),
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "lambda:InvokeFunction",
                    "Resource": function.arn_of(qualifier.as_deref()),
                })
            })
            .collect();
        let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}).to_string();
        Ok(json!({"Policy": policy, "RevisionId": function.latest.revision}))
    }

    pub(super) fn url(&self, request: &Value) -> Result<Value, Refusal> {
        let Named { function, qualifier } = self.named(request)?;
        let place = Function::place(qualifier.as_deref());
        if !function.urls.iter().any(|url| url == place) {
            return Err(nothing());
        }
        let at = format!("{:.3}", function.since);
        Ok(json!({
            "FunctionUrl": format!("https://{}.lambda-url.{}.on.aws/", function.name.to_lowercase(), self.region),
            "FunctionArn": function.arn_of(qualifier.as_deref()),
            "AuthType": "NONE",
            "CreationTime": at,
            "LastModifiedTime": at,
            "InvokeMode": "BUFFERED",
        }))
    }

    /// The mappings of what the request names: of a function without a qualifier, those of the function itself.
    pub(super) fn mappings(&self, request: &Value) -> Result<Vec<Value>, Refusal> {
        let of_source = text(request, "EventSourceArn");
        let named = text(request, "FunctionName").map(|_| parts(request)).transpose()?;
        if let Some((name, _)) = &named
            && self.find(name).is_err()
        {
            return Err(invalid("The function does not exist."));
        }
        let functions = self.all.iter().filter(|one| named.as_ref().is_none_or(|(name, _)| one.name == *name));
        let mappings =
            functions.flat_map(|function| function.event_sources.iter().map(move |source| (function, source)));
        let wanted = named.as_ref().map(|(_, qualifier)| qualifier.as_deref().filter(|it| *it != LATEST));
        let mappings = mappings.filter(|(_, (_, source))| {
            wanted.is_none_or(|wanted| source.alias.as_deref() == wanted)
                && of_source.is_none_or(|arn| source.arn == arn)
        });
        Ok(mappings
            .map(|(function, (uuid, source))| {
                json!({
                    "UUID": uuid,
                    "BatchSize": 10,
                    "EventSourceArn": source.arn,
                    "FunctionArn": function.arn_of(source.alias.as_deref()),
                    "State": "Enabled",
                    "StateTransitionReason": "USER_INITIATED",
                })
            })
            .collect())
    }
}
