//! A distribution's configuration: JSON by the names of the published members, whole, as clients send it and get it back.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::json::text;
use super::super::refusal::Refusal;
use super::seed::SeedDistribution;

/// AWS's managed policy `CachingDisabled`.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html>
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/// The configuration that a seed describes, with everything that CloudFront fills in.
pub(super) fn seeded(id: &str, seed: &SeedDistribution, region: &str) -> Value {
    let origins: Vec<Value> = seed
        .origins
        .iter()
        .map(|origin| {
            json!({
                "Id": origin.id,
                "DomainName": format!("{}.s3.{region}.amazonaws.com", origin.bucket),
                "OriginPath": origin.path,
                "CustomHeaders": {"Quantity": 0},
                "S3OriginConfig": {"OriginAccessIdentity": ""},
                "ConnectionAttempts": 3,
                "ConnectionTimeout": 10,
                "OriginShield": {"Enabled": false},
                "OriginAccessControlId": format!("EOAC{id}"),
            })
        })
        .collect();
    let behavior = |origin: &str| {
        json!({
            "TargetOriginId": origin,
            "TrustedSigners": {"Enabled": false, "Quantity": 0},
            "TrustedKeyGroups": {"Enabled": false, "Quantity": 0},
            "ViewerProtocolPolicy": "redirect-to-https",
            "AllowedMethods": {
                "Quantity": 2, "Items": ["HEAD", "GET"], "CachedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"]},
            },
            "SmoothStreaming": false,
            "Compress": true,
            "LambdaFunctionAssociations": {"Quantity": 0},
            "FunctionAssociations": {"Quantity": 0},
            "FieldLevelEncryptionId": "",
            "GrpcConfig": {"Enabled": false},
            "ForwardedValues": {
                "QueryString": seed.forwards_query, "Cookies": {"Forward": "none"}, "Headers": {"Quantity": 0},
                "QueryStringCacheKeys": {"Quantity": 0},
            },
            "MinTTL": seed.min_ttl.as_secs(),
            "DefaultTTL": seed.ttl.as_secs(),
            "MaxTTL": seed.max_ttl.as_secs(),
        })
    };
    let behaviors: Vec<Value> = seed
        .behaviors
        .iter()
        .map(|one| {
            let mut behavior = behavior(&one.origin);
            if let Some(behavior) = behavior.as_object_mut() {
                behavior.insert("PathPattern".to_owned(), json!(one.pattern));
            }
            behavior
        })
        .collect();
    let errors: Vec<Value> = seed
        .error_pages
        .iter()
        .map(|error| {
            json!({"ErrorCode": error.of, "ResponsePagePath": error.page, "ResponseCode": error.status.to_string(),
                "ErrorCachingMinTTL": 10})
        })
        .collect();
    let aliases: Vec<Value> = seed.aliases.iter().map(|alias| json!(alias)).collect();
    let first = seed.origins.first().map(|origin| origin.id.as_str()).unwrap_or_default();
    json!({
        "CallerReference": format!("made-{id}"),
        "Aliases": listed(&aliases),
        "DefaultRootObject": seed.root,
        "Origins": listed(&origins),
        "OriginGroups": {"Quantity": 0},
        "DefaultCacheBehavior": behavior(first),
        "CacheBehaviors": listed(&behaviors),
        "CustomErrorResponses": listed(&errors),
        "Comment": seed.comment,
        "Logging": {"Enabled": false, "IncludeCookies": false, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_100",
        "Enabled": true,
        "ViewerCertificate": {
            "CloudFrontDefaultCertificate": true, "SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1",
            "CertificateSource": "cloudfront",
        },
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": true,
        "ContinuousDeploymentPolicyId": "",
        "Staging": false,
    })
}

/// `{Quantity, Items}`; an empty one has no items.
pub(super) fn listed(items: &[Value]) -> Value {
    if items.is_empty() { json!({"Quantity": 0}) } else { json!({"Quantity": items.len(), "Items": items}) }
}

/// The items of `{Quantity, Items}`.
pub(super) fn items<'a>(of: &'a Value, member: &str) -> &'a [Value] {
    of.get(member).and_then(|list| list.get("Items")?.as_array()).map(Vec::as_slice).unwrap_or_default()
}

/// Refuses a configuration that CloudFront would not take in place of `present`.
pub(super) fn check(new: &Value, present: &Value) -> Result<(), Refusal> {
    quantities(new)?;
    if text(new, "CallerReference") != text(present, "CallerReference") {
        let message = "The update contains modifications that are not allowed: CallerReference cannot be changed.";
        return Err(Refusal::new("IllegalUpdate", message));
    }
    let invalid = |what: &str| Err(Refusal::new("InvalidArgument", what.to_owned()));
    if items(new, "Origins").is_empty() {
        return invalid("The parameter Origins must have at least one origin.");
    }
    for origin in items(new, "Origins") {
        let path = text(origin, "OriginPath").unwrap_or_default();
        if !path.is_empty() && (!path.starts_with('/') || path.ends_with('/')) {
            return invalid("The parameter Origin OriginPath must begin with a slash and must not end with one.");
        }
    }
    let behaviors = new.get("DefaultCacheBehavior").into_iter().chain(items(new, "CacheBehaviors"));
    for behavior in behaviors {
        let target = text(behavior, "TargetOriginId");
        if !items(new, "Origins").iter().any(|origin| text(origin, "Id") == target) {
            let message = "One or more of your origins or origin groups do not exist.";
            return Err(Refusal::new("NoSuchOrigin", message).with_status(404));
        }
    }
    if text(new, "DefaultRootObject").is_some_and(|root| root.starts_with('/')) {
        let message = "The default root object must not begin with a slash.";
        return Err(Refusal::new("InvalidDefaultRootObject", message));
    }
    Ok(())
}

/// Every list says how many items it has, and is right.
pub(super) fn quantities(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Object(members) => {
            if let Some(quantity) = members.get("Quantity").and_then(Value::as_u64) {
                let count = members.get("Items").and_then(Value::as_array).map_or(0, Vec::len);
                if u64::try_from(count) != Ok(quantity) {
                    let message = "The value of Quantity and the number of items do not match.";
                    return Err(Refusal::new("InconsistentQuantities", message));
                }
            }
            members.values().try_for_each(quantities)
        }
        Value::Array(items) => items.iter().try_for_each(quantities),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// How an edge handles a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behavior {
    /// The bucket, where the origin is one.
    pub(super) bucket: Option<String>,
    /// What stands before every key.
    pub(super) origin_path: String,
    /// Whether query strings tell objects apart.
    pub(super) by_query: bool,
    min_ttl: Duration,
    ttl: Duration,
    max_ttl: Duration,
}

impl Behavior {
    /// The behaviour for a path: the first whose pattern fits, else the default one.
    pub(super) fn of(config: &Value, path: &str) -> Option<Self> {
        let mut some = items(config, "CacheBehaviors").iter();
        let fitting = some.find(|one| fits(text(one, "PathPattern").unwrap_or_default(), path));
        let behavior = fitting.or_else(|| config.get("DefaultCacheBehavior"))?;
        let target = text(behavior, "TargetOriginId");
        let origin = items(config, "Origins").iter().find(|origin| text(origin, "Id") == target)?;
        let seconds = |member: &str, usual: u64| {
            Duration::from_secs(behavior.get(member).and_then(Value::as_u64).unwrap_or(usual))
        };
        let (day, year) = (24 * 3600, 365 * 24 * 3600);
        let (min_ttl, ttl, max_ttl) = match text(behavior, "CachePolicyId") {
            Some(CACHING_DISABLED) => (Duration::ZERO, Duration::ZERO, Duration::ZERO),
            // CachingOptimized.
            Some(_) => (Duration::from_secs(1), Duration::from_secs(day), Duration::from_secs(year)),
            None => (seconds("MinTTL", 0), seconds("DefaultTTL", day), seconds("MaxTTL", year)),
        };
        let domain = text(origin, "DomainName").unwrap_or_default();
        let bucket = domain.split_once(".s3").filter(|(_, rest)| rest.ends_with(".amazonaws.com"));
        Some(Self {
            bucket: bucket.map(|(bucket, _)| bucket.to_owned()),
            origin_path: text(origin, "OriginPath").unwrap_or_default().to_owned(),
            by_query: behavior.pointer("/ForwardedValues/QueryString").and_then(Value::as_bool) == Some(true),
            min_ttl,
            ttl,
            max_ttl,
        })
    }

    /// How long an edge keeps an object whose `Cache-Control` this is.
    /// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html>
    pub(super) fn keeps_for(&self, cache_control: Option<&str>) -> Duration {
        let directives = cache_control.unwrap_or_default().split(',').map(|one| one.trim().to_ascii_lowercase());
        let directives: Vec<String> = directives.collect();
        let seconds = |name: &str| {
            let mut all = directives.iter();
            all.find_map(|one| one.strip_prefix(name)?.strip_prefix('=')?.parse().ok()).map(Duration::from_secs)
        };
        let is_not_kept = directives.iter().any(|one| ["no-cache", "no-store", "private"].contains(&one.as_str()));
        let asked = if is_not_kept { Some(Duration::ZERO) } else { seconds("s-maxage").or_else(|| seconds("max-age")) };
        asked.unwrap_or(self.ttl).clamp(self.min_ttl, self.max_ttl.max(self.min_ttl))
    }
}

/// Whether a path pattern fits: `*` is any number of characters, `?` exactly one; a slash before it may be left out.
fn fits(pattern: &str, path: &str) -> bool {
    let trimmed = |text: &str| text.trim_start_matches('/').to_owned();
    let (pattern, path) = (trimmed(pattern), trimmed(path));
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    // Which beginnings of the path fit what of the pattern has been read.
    let mut fitting = vec![false; path.len() + 1];
    if let Some(first) = fitting.first_mut() {
        *first = true;
    }
    for one in pattern {
        let mut next = vec![false; path.len() + 1];
        let mut any = false;
        for (place, fits) in fitting.iter().enumerate() {
            any |= *fits;
            match one {
                '*' => next.get_mut(place).into_iter().for_each(|next| *next = any),
                _ if *fits && path.get(place).is_some_and(|character| one == '?' || *character == one) => {
                    next.get_mut(place + 1).into_iter().for_each(|next| *next = true);
                }
                _ => {}
            }
        }
        fitting = next;
    }
    fitting.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/assets/*", "/assets/a/b.js", true)]
    #[case("assets/*", "/assets/", true)]
    #[case("*.js", "/assets/app.js", true)]
    #[case("*.js", "/assets/app.jsx", false)]
    #[case("/v?/*", "/v1/x", true)]
    #[case("/v?/*", "/v10/x", false)]
    #[case("/assets/*", "/asset", false)]
    fn patterns_fit_paths(#[case] pattern: &str, #[case] path: &str, #[case] wanted: bool) {
        assert_eq!(fits(pattern, path), wanted);
    }

    #[rstest]
    #[case::nothing_said(None, 86_400)]
    #[case::for_browsers(Some("max-age=60"), 60)]
    #[case::for_edges(Some("max-age=60, s-maxage=600"), 600)]
    #[case::not_at_all(Some("No-Cache"), 5)]
    #[case::too_long(Some("public, max-age=999999999"), 1_000_000)]
    fn an_edge_keeps_what_it_is_told_within_its_limits(#[case] cache_control: Option<&str>, #[case] seconds: u64) {
        let seed = SeedDistribution {
            min_ttl: Duration::from_secs(5),
            max_ttl: Duration::from_secs(1_000_000),
            origins: vec![super::super::seed::SeedOrigin {
                id: "site".to_owned(),
                bucket: "shop-site".to_owned(),
                path: "/releases/v41".to_owned(),
            }],
            ..SeedDistribution::default()
        };
        let behavior = Behavior::of(&seeded("E1", &seed, "eu-north-1"), "/index.html").unwrap();
        assert_eq!(behavior.bucket.as_deref(), Some("shop-site"));
        assert_eq!(behavior.keeps_for(cache_control), Duration::from_secs(seconds));
    }
}
