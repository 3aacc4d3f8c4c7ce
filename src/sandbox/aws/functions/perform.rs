//! Which operation is which, and the reads.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::json::{present, text};
use super::super::refusal::Refusal;
use super::described::Detail;
use super::function::{Function, LATEST, Slot};
use super::named::Named;

/// Lambda lists at most fifty at a time.
const PAGE: usize = 50;

/// `InvalidParameterValueException`.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValueException", message)
}

impl Account {
    /// Performs a Lambda operation whose request fits the model. `host` is where the caller reaches this account.
    pub(in super::super) fn perform_lambda(
        &mut self,
        operation: &str,
        request: &Value,
        host: &str,
    ) -> Result<Value, Refusal> {
        let (now, at) = (self.now(), self.at);
        let functions = &self.functions;
        match operation {
            "GetFunction" => {
                let Named { function, qualifier } = functions.named(request)?;
                let slot = function.qualified(qualifier.as_deref())?;
                let tags = (qualifier.is_none() && !function.tags.is_empty()).then(|| json!(function.tags));
                let place = (self.id.as_str(), self.region.as_str());
                Ok(present(json!({
                    "Configuration": function.described(slot, qualifier.as_deref(), Detail::One, at),
                    "Code": function.code_location(slot, place, host, at),
                    "Tags": tags,
                })))
            }
            "GetFunctionConfiguration" => {
                let Named { function, qualifier } = functions.named(request)?;
                let slot = function.qualified(qualifier.as_deref())?;
                Ok(function.described(slot, qualifier.as_deref(), Detail::One, at))
            }
            "ListVersionsByFunction" => {
                let Named { function, .. } = functions.named(request)?;
                let all = std::iter::once(&function.latest).chain(&function.versions);
                let told = |slot: &Slot| function.described(slot, Some(slot.version.as_str()), Detail::Listed, at);
                page(request, "Versions", &all.map(told).collect::<Vec<_>>())
            }
            "GetAlias" => {
                let Named { function, .. } = functions.named(request)?;
                Ok(function.described_alias(function.alias(text(request, "Name").unwrap_or_default())?))
            }
            "ListAliases" => {
                let Named { function, .. } = functions.named(request)?;
                let of = text(request, "FunctionVersion");
                let listed = function.aliases.iter().filter(|alias| of.is_none_or(|of| alias.version == of));
                let told: Vec<Value> = listed.map(|alias| function.described_alias(alias)).collect();
                page(request, "Aliases", &told)
            }
            "GetPolicy" => functions.policy(request),
            "GetFunctionUrlConfig" => functions.url(request),
            "ListEventSourceMappings" => {
                let told = functions.mappings(request)?;
                page(request, "EventSourceMappings", &told)
            }
            "GetProvisionedConcurrencyConfig" => functions.provisioned(request, now),
            "UpdateAlias" => self.functions.update_alias(request, now, &mut self.ids),
            "CreateAlias" => self.functions.create_alias(request, &mut self.ids),
            "PutProvisionedConcurrencyConfig" => self.functions.provision(request, now),
            "UpdateFunctionCode" => self.functions.update_code(request, now, &mut self.ids),
            "UpdateFunctionConfiguration" => self.functions.update_settings(request, now, &mut self.ids),
            "PublishVersion" => self.functions.publish(request, now, &mut self.ids),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        }
    }
}

/// One page of `items` by `Marker` and `MaxItems`.
fn page(request: &Value, member: &str, items: &[Value]) -> Result<Value, Refusal> {
    let from = match text(request, "Marker") {
        None => 0,
        Some(marker) => marker.parse::<usize>().map_err(|_not_ours| invalid("Invalid Marker."))?,
    };
    let asked = request.get("MaxItems").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    let shown: Vec<&Value> = items.iter().skip(from).take(asked.unwrap_or(PAGE).min(PAGE)).collect();
    let next = from + shown.len();
    Ok(present(json!({member: shown, "NextMarker": (next < items.len()).then(|| next.to_string())})))
}

/// Refuses a request that was made for another state of what it is about.
pub(super) fn must_be_revision(request: &Value, revision: &str) -> Result<(), Refusal> {
    match text(request, "RevisionId") {
        Some(asked) if asked != revision => Err(Refusal::new(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
             retrieve the latest Revision Id",
        )),
        Some(_) | None => Ok(()),
    }
}

impl Function {
    /// Whether there is such a version, `$LATEST` included.
    pub(super) fn must_have(&self, version: &str) -> Result<(), Refusal> {
        if version == LATEST || self.slot(version).is_some() { Ok(()) } else { Err(self.no_version(version)) }
    }
}
