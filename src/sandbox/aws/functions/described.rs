//! Functions as Lambda tells of them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::json::present;
use super::function::{Alias, Function, LATEST, Slot};
use super::seed::SeedPackage;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Of one: with its state.
    One,
    /// In a list: without.
    Listed,
}

impl Function {
    /// A version as `FunctionConfiguration`; `qualifier` is how it was asked for.
    pub(super) fn described(&self, slot: &Slot, qualifier: Option<&str>, detail: Detail, at: Timestamp) -> Value {
        let known = self.codes.get(&slot.content.sha256);
        let size = match self.package {
            SeedPackage::Image => 0,
            SeedPackage::Zip => known.map_or(1_024, |known| {
                known.does.size.unwrap_or_else(|| i64::try_from(known.zip.len()).unwrap_or_default())
            }),
        };
        let mut told = json!({
            "FunctionName": self.name,
            "FunctionArn": self.arn_of(qualifier),
            "CodeSize": size,
            "Description": slot.description,
            "LastModified": slot.modified.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string(),
            "CodeSha256": slot.content.sha256,
            "Version": slot.version,
            "RevisionId": slot.revision,
            "PackageType": match self.package {
                SeedPackage::Zip => "Zip",
                SeedPackage::Image => "Image",
            },
            "Architectures": ["x86_64"],
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", self.name)},
        });
        let members = settings(&slot.content.settings);
        if let Some(told) = told.as_object_mut() {
            told.extend(members);
            if detail == Detail::One {
                told.extend(self.state(slot, at));
            }
        }
        present(told)
    }

    fn state(&self, slot: &Slot, at: Timestamp) -> Map<String, Value> {
        let state = slot.state_at(at);
        let under_way = slot.version == LATEST && self.update.is_some();
        let update = match (&slot.failed, under_way) {
            (_, true) => json!({"LastUpdateStatus": "InProgress"}),
            (Some(failed), false) => json!({
                "LastUpdateStatus": "Failed",
                "LastUpdateStatusReason": failed.reason,
                "LastUpdateStatusReasonCode": failed.code,
            }),
            (None, false) => json!({"LastUpdateStatus": "Successful"}),
        };
        let mut told = json!({
            "State": state.map_or("Active", |state| state.status.as_str()),
            "StateReason": state.and_then(|state| state.reason.as_ref()),
            "StateReasonCode": state.and_then(|state| state.code.as_ref()),
        });
        if let (Some(told), Some(update)) = (told.as_object_mut(), update.as_object()) {
            told.extend(update.clone());
        }
        told.as_object().cloned().unwrap_or_default()
    }

    /// Where its code is; `host` is where the caller reaches this account.
    pub(super) fn code_location(&self, slot: &Slot, account: (&str, &str), host: &str, at: Timestamp) -> Value {
        let (id, region) = account;
        match self.package {
            SeedPackage::Zip => json!({
                "RepositoryType": "S3",
                "Location": format!("http://{host}{}", self.handed_out(slot, at)),
            }),
            SeedPackage::Image => {
                let image = format!("{id}.dkr.ecr.{region}.amazonaws.com/{}", self.name.to_lowercase());
                let resolved = format!("{image}@sha256:{}", slot.content.sha256);
                json!({"RepositoryType": "ECR", "ImageUri": format!("{image}:live"), "ResolvedImageUri": resolved})
            }
        }
    }

    /// An alias as `AliasConfiguration`.
    pub(super) fn described_alias(&self, alias: &Alias) -> Value {
        let routing = (!alias.weights.is_empty()).then(|| json!({"AdditionalVersionWeights": alias.weights}));
        present(json!({
            "AliasArn": format!("{}:{}", self.arn, alias.name),
            "Name": alias.name,
            "FunctionVersion": alias.version,
            "Description": alias.description.as_deref().unwrap_or_default(),
            "RoutingConfig": routing,
            "RevisionId": alias.revision,
        }))
    }
}

/// Settings as replies have them: some are told otherwise than they are asked for.
fn settings(asked: &Map<String, Value>) -> Map<String, Value> {
    let mut told = asked.clone();
    if let Some(layers) = told.remove("Layers") {
        let layers: Vec<Value> =
            layers.as_array().into_iter().flatten().map(|arn| json!({"Arn": arn, "CodeSize": 1_024})).collect();
        if !layers.is_empty() {
            told.insert("Layers".to_owned(), json!(layers));
        }
    }
    if let Some(image) = told.remove("ImageConfig") {
        told.insert("ImageConfigResponse".to_owned(), json!({"ImageConfig": image}));
    }
    let no_variables = told.get("Environment").and_then(|it| it.get("Variables")).and_then(Value::as_object);
    if no_variables.is_some_and(Map::is_empty) {
        told.remove("Environment");
    }
    if told.get("KMSKeyArn").and_then(Value::as_str) == Some("") {
        told.remove("KMSKeyArn");
    }
    if let Some(vpc) = told.get_mut("VpcConfig").and_then(Value::as_object_mut) {
        vpc.insert("VpcId".to_owned(), json!(""));
    }
    if let Some(snap) = told.get_mut("SnapStart").and_then(Value::as_object_mut) {
        snap.insert("OptimizationStatus".to_owned(), json!("Off"));
    }
    told
}
