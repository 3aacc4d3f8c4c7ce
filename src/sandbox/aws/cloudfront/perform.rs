//! CloudFront's operations.
//!
//! <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_UpdateDistribution.html>,
//! <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html>; the words of the refusals are
//! those that people quote from CloudFront.

use serde_json::{Value, json};

use super::super::ids::Ids;
use super::super::json::{present, text, texts};
use super::super::refusal::Refusal;
use super::config;
use super::distribution::named;
use super::distributions::Distributions;
use super::invalidation::{self, Invalidation};
use crate::incident::time::Now;

/// Items on a page without `MaxItems`; also the most.
const PAGE: usize = 100;
/// Paths in one invalidation, and in all of a distribution that are under way together.
const PATHS: usize = 3000;
/// Paths with a wildcard in all invalidations of a distribution that are under way.
const WILDCARDS: usize = 15;
/// How many characters an `ETag` has.
const ETAG: usize = 14;

impl Distributions {
    /// Performs a CloudFront operation whose request fits the model.
    pub(in super::super) fn perform(
        &mut self,
        operation: &str,
        request: &Value,
        now: Now,
        ids: &mut Ids,
    ) -> Result<Value, Refusal> {
        let account = self.account.clone();
        let id = text(request, "Id").unwrap_or_default();
        match operation {
            "GetDistribution" => {
                let found = self.find(id)?;
                Ok(json!({"Distribution": found.described(&account), "ETag": found.etag}))
            }
            "GetDistributionConfig" => {
                let found = self.find(id)?;
                Ok(json!({"DistributionConfig": found.config, "ETag": found.etag}))
            }
            "UpdateDistribution" => {
                let found = self.find(id)?;
                found.contend(now, ids);
                match text(request, "IfMatch").filter(|sent| sent.len() == ETAG && sent.starts_with('E')) {
                    Some(sent) if sent == found.etag => {}
                    Some(_) => {
                        let message = "The request failed because it didn't meet the preconditions in one or more \
                            request-header fields.";
                        return Err(Refusal::new("PreconditionFailed", message).with_status(412));
                    }
                    None => {
                        let message = "The If-Match version is missing or not valid for the resource.";
                        return Err(Refusal::new("InvalidIfMatchVersion", message));
                    }
                }
                let config = request.get("DistributionConfig").cloned().unwrap_or_default();
                config::check(&config, &found.config)?;
                found.take(config, now, ids);
                Ok(json!({"Distribution": found.described(&account), "ETag": found.etag}))
            }
            "ListDistributions" => {
                let all: Vec<(&str, Value)> =
                    self.all.values().map(|one| (one.id.as_str(), one.summary(&account))).collect();
                Ok(json!({"DistributionList": page(request, &all)?}))
            }
            "CreateInvalidation" => self.create_invalidation(request, now, ids),
            "GetInvalidation" => {
                let found = self.find(text(request, "DistributionId").unwrap_or_default())?;
                let found = found.invalidations.iter().find(|one| one.id == id);
                let missing = || Refusal::new("NoSuchInvalidation", "The specified invalidation does not exist.");
                let found = found.ok_or_else(missing).map_err(|refusal| refusal.with_status(404))?;
                Ok(json!({"Invalidation": found.described()}))
            }
            "ListInvalidations" => {
                let found = self.find(text(request, "DistributionId").unwrap_or_default())?;
                let all: Vec<(&str, Value)> =
                    found.invalidations.iter().rev().map(|one| (one.id.as_str(), one.summary())).collect();
                Ok(json!({"InvalidationList": page(request, &all)?}))
            }
            _ => Err(Refusal::new("InvalidAction", "The action is not valid.")),
        }
    }

    fn create_invalidation(&mut self, request: &Value, now: Now, ids: &mut Ids) -> Result<Value, Refusal> {
        let id = text(request, "DistributionId").unwrap_or_default();
        let found = self.find(id)?;
        let batch = request.get("InvalidationBatch").cloned().unwrap_or_default();
        config::quantities(&batch)?;
        let caller_reference = text(&batch, "CallerReference").unwrap_or_default().to_owned();
        let named_paths = batch.get("Paths").map(|paths| texts(paths, "Items")).unwrap_or_default();
        let paths: Vec<String> = named_paths.into_iter().map(str::to_owned).collect();
        let location =
            |made: &str| format!("https://cloudfront.amazonaws.com/2020-05-31/distribution/{id}/invalidation/{made}");
        if let Some(before) = found.invalidations.iter().find(|one| one.caller_reference == caller_reference) {
            if before.paths != paths {
                let message = "Your request contains a caller reference that was used for a previous invalidation \
                    batch with other paths.";
                return Err(Refusal::new("InvalidationBatchAlreadyExists", message).with_status(409));
            }
            return Ok(json!({"Location": location(&before.id), "Invalidation": before.described()}));
        }
        if paths.len() > PATHS {
            let message = "Your request contains more paths than are allowed in one invalidation.";
            return Err(Refusal::new("BatchTooLarge", message).with_status(413));
        }
        invalidation::check(&paths)?;
        let made = Invalidation {
            id: named('I', ids),
            caller_reference,
            paths,
            created: now.at,
            due: Some(now.after(found.seed.invalidates_for)),
        };
        let together = || found.in_progress().chain([&made]);
        if together().map(Invalidation::wildcards).sum::<usize>() > WILDCARDS
            || together().map(|one| one.paths.len()).sum::<usize>() > PATHS
        {
            let message = "Processing your request will cause you to exceed the maximum number of in-progress \
                wildcard invalidations.";
            return Err(Refusal::new("TooManyInvalidationsInProgress", message));
        }
        let reply = json!({"Location": location(&made.id), "Invalidation": made.described()});
        found.invalidations.push(made);
        Ok(reply)
    }
}

/// A page of a list, by `Marker` (the last id of the page before) and `MaxItems`.
fn page(request: &Value, all: &[(&str, Value)]) -> Result<Value, Refusal> {
    let invalid = |what: &str| Refusal::new("InvalidArgument", format!("The parameter {what} is not valid."));
    let most = match text(request, "MaxItems") {
        Some(most) => most.parse().ok().filter(|most| *most > 0).ok_or_else(|| invalid("MaxItems"))?,
        None => PAGE,
    };
    let marker = text(request, "Marker").filter(|marker| !marker.is_empty());
    let from = match marker {
        Some(marker) => {
            let place = all.iter().position(|(id, _)| *id == marker);
            place.map(|place| place + 1).ok_or_else(|| invalid("Marker"))?
        }
        None => 0,
    };
    let shown: Vec<&(&str, Value)> = all.iter().skip(from).take(most.min(PAGE)).collect();
    let is_truncated = from + shown.len() < all.len();
    let items: Vec<&Value> = shown.iter().map(|(_, item)| item).collect();
    Ok(present(json!({
        "Marker": marker.unwrap_or_default(),
        "NextMarker": shown.last().filter(|_| is_truncated).map(|(id, _)| id),
        "MaxItems": most,
        "IsTruncated": is_truncated,
        "Quantity": items.len(),
        "Items": (!items.is_empty()).then_some(items),
    })))
}
