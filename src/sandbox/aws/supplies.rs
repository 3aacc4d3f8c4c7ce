//! What task definitions name beside images: secrets, parameters and log groups. Nothing here has a value.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::{seconds, text, texts};
use super::refusal::Refusal;

/// The names of what is there.
#[derive(Debug, Default)]
pub(super) struct Supplies {
    pub(super) account: String,
    pub(super) region: String,
    /// Names of secrets, with the six characters that Secrets Manager adds.
    pub(super) secrets: Vec<String>,
    pub(super) parameters: Vec<String>,
    pub(super) log_groups: Vec<String>,
    pub(super) since: Timestamp,
}

impl Supplies {
    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }

    /// `DescribeSecret`, by ARN or by the name without the added characters.
    pub(super) fn describe_secret(&self, request: &Value) -> Result<Value, Refusal> {
        let wanted = text(request, "SecretId").unwrap_or_default();
        let bare = |name: &str| name.rsplit_once('-').map_or(name, |(bare, _)| bare).to_owned();
        let found = self
            .secrets
            .iter()
            .find(|name| self.arn("secretsmanager", &format!("secret:{name}")) == wanted || bare(name) == wanted);
        let name = found.ok_or_else(|| {
            Refusal::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        })?;
        Ok(json!({
            "ARN": self.arn("secretsmanager", &format!("secret:{name}")),
            "Name": bare(name),
            "VersionIdsToStages": {"6f1c9a52-0d3e-4c1b-9f7a-2b8e4d5c6a70": ["AWSCURRENT"]},
            "CreatedDate": seconds(self.since),
        }))
    }

    /// `DescribeParameters` with a filter by name.
    pub(super) fn describe_parameters(&self, request: &Value) -> Result<Value, Refusal> {
        let filters = request.get("ParameterFilters").and_then(Value::as_array);
        let names = filters.into_iter().flatten().find(|filter| text(filter, "Key") == Some("Name"));
        let Some(names) = names.map(|filter| texts(filter, "Values")) else {
            return Err(Refusal::new("InvalidFilterKey", "Only the filter by name is known here."));
        };
        let found = self.parameters.iter().filter(|name| names.contains(&name.as_str()));
        let described = found.map(|name| {
            json!({
                "Name": name,
                "ARN": self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))),
                "Type": "SecureString",
                "LastModifiedDate": seconds(self.since),
                "Version": 1,
                "Tier": "Standard",
            })
        });
        Ok(json!({"Parameters": described.collect::<Vec<_>>()}))
    }

    /// `DescribeLogGroups`, by the beginning of their names.
    pub(super) fn describe_log_groups(&self, request: &Value) -> Value {
        let prefix = text(request, "logGroupNamePrefix").unwrap_or_default();
        let found = self.log_groups.iter().filter(|name| name.starts_with(prefix));
        let described = found.map(|name| {
            json!({
                "logGroupName": name,
                "arn": self.arn("logs", &format!("log-group:{name}:*")),
                "creationTime": self.since.as_millisecond(),
                "storedBytes": 0,
            })
        });
        json!({"logGroups": described.collect::<Vec<_>>()})
    }
}
