//! CloudFront as the SDK sees it, and what viewers get meanwhile.

use std::time::Duration;

use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::config::{BehaviorVersion, Region};
use aws_sdk_cloudfront::error::ProvideErrorMetadata;
use aws_sdk_cloudfront::operation::create_invalidation::{CreateInvalidationError, CreateInvalidationOutput};
use aws_sdk_cloudfront::types::{DistributionConfig, InvalidationBatch, Paths};
use serde_json::{Value, json};

use super::bench::*;
use crate::incident::time::Pace;
use crate::sandbox::aws::Seed;

const ID: &str = "E2SHOPSITE0001";
/// Slow enough for what happens between two calls, fast enough for minutes.
const SPEED: u32 = 60;

fn seed_with(distribution: &Value) -> Seed {
    let object = |key: &str, body: &str, cache: Option<&str>| json!({"key": key, "body": body, "age": "48h", "content_type": "text/html", "cache_control": cache});
    let objects = json!([
        object("releases/v41/index.html", "v41", None),
        object("releases/v41/app.css", "v41", Some("no-cache")),
        object("releases/v42/index.html", "v42", None),
        object("releases/v42/app.css", "v42", Some("no-cache")),
    ]);
    let mut whole = json!({"origins": [{"id": "site", "bucket": "shop-site", "path": "/releases/v42"}]});
    whole.as_object_mut().unwrap().extend(distribution.as_object().unwrap().clone());
    Seed {
        buckets: serde_json::from_value(json!({"shop-site": {"objects": objects}})).unwrap(),
        distributions: serde_json::from_value(json!({ID: whole})).unwrap(),
        ..seed()
    }
}

struct Viewers {
    bench: Bench,
    cloudfront: Client,
}

/// What a viewer saw: status, body, `x-cache`.
type Seen = (u16, String, String);

impl Viewers {
    async fn of(distribution: &Value) -> Self {
        let bench = Bench::paced(seed_with(distribution), Pace::new(SPEED)).await;
        let config = aws_sdk_cloudfront::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(keys())
            .retry_config(aws_sdk_cloudfront::config::retry::RetryConfig::disabled())
            .endpoint_url(bench.aws.endpoint());
        Self { cloudfront: Client::from_conf(config.build()), bench }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("{}{path}", self.bench.aws.site(ID).unwrap())).await.unwrap()
    }

    async fn see(&self, path: &str) -> Seen {
        let reply = self.get(path).await;
        let from = reply.headers()["x-cache"].to_str().unwrap().replace(" from cloudfront", "");
        (reply.status().as_u16(), reply.text().await.unwrap(), from)
    }

    async fn config(&self) -> (String, DistributionConfig) {
        let got = self.cloudfront.get_distribution_config().id(ID).send().await.unwrap();
        (got.e_tag().unwrap().to_owned(), got.distribution_config().unwrap().clone())
    }

    async fn status(&self) -> String {
        let got = self.cloudfront.get_distribution().id(ID).send().await.unwrap();
        got.distribution().unwrap().status().to_owned()
    }

    async fn invalidate(
        &self,
        reference: &str,
        paths: &[&str],
    ) -> Result<CreateInvalidationOutput, Box<CreateInvalidationError>> {
        let count = i32::try_from(paths.len()).unwrap();
        let items = paths.iter().map(|path| (*path).to_owned()).collect();
        let paths = Paths::builder().quantity(count).set_items(Some(items)).build().unwrap();
        let batch = InvalidationBatch::builder().caller_reference(reference).paths(paths).build().unwrap();
        let call = self.cloudfront.create_invalidation().distribution_id(ID).invalidation_batch(batch);
        call.send().await.map_err(|error| Box::new(error.into_service_error()))
    }

    async fn state_of(&self, invalidation: &str) -> String {
        let got = self.cloudfront.get_invalidation().distribution_id(ID).id(invalidation).send().await.unwrap();
        got.invalidation().unwrap().status().to_owned()
    }

    async fn passes(&self, duration: Duration) {
        self.bench.clock.sleep(duration).await;
    }
}

fn with_path(mut config: DistributionConfig, path: &str) -> DistributionConfig {
    let origins = config.origins.as_mut().unwrap();
    origins.items[0].origin_path = Some(path.to_owned());
    config
}

#[tokio::test]
async fn an_origin_path_is_in_force_when_it_is_deployed_and_seen_when_it_is_invalidated() {
    let it = Viewers::of(&json!({"warm": ["/"]})).await;
    assert_eq!(it.see("/").await, (200, "v42".to_owned(), "Hit".to_owned()));
    let (etag, config) = it.config().await;
    let update = || it.cloudfront.update_distribution().id(ID);
    let missing = update().distribution_config(config.clone()).send().await.unwrap_err();
    assert_eq!(missing.code(), Some("InvalidIfMatchVersion"));
    let changed = with_path(config.clone(), "/releases/v41");
    let updated = update().if_match(&etag).distribution_config(changed.clone()).send().await.unwrap();
    assert_ne!(updated.e_tag(), Some(etag.as_str()));
    assert_eq!(updated.distribution().unwrap().status(), "InProgress");
    let late = update().if_match(&etag).distribution_config(config).send().await.unwrap_err();
    assert_eq!((late.code(), late.raw_response().unwrap().status().as_u16()), (Some("PreconditionFailed"), 412));
    assert_eq!(it.config().await, (updated.e_tag().unwrap().to_owned(), changed));
    assert_eq!(it.see("/app.css").await.1, "v42", "edges still have the old path");
    while it.status().await != "Deployed" {
        it.passes(Duration::from_secs(20)).await;
    }
    assert_eq!(it.see("/app.css").await, (200, "v41".to_owned(), "Miss".to_owned()));
    assert_eq!(it.see("/").await, (200, "v42".to_owned(), "Hit".to_owned()), "nobody has invalidated");
    let made = it.invalidate("rb-1", &["/*"]).await.unwrap();
    let made = made.invalidation().unwrap();
    assert_eq!(made.status(), "InProgress");
    assert_eq!(it.see("/index.html").await.1, "v42");
    while it.state_of(made.id()).await != "Completed" {
        it.passes(Duration::from_secs(10)).await;
    }
    assert_eq!(it.see("/").await, (200, "v41".to_owned(), "Miss".to_owned()));
    assert_eq!(it.see("/index.html").await, (200, "v41".to_owned(), "Hit".to_owned()));
    it.bench.end().await;
}

#[tokio::test]
async fn an_edge_keeps_an_object_until_it_expires() {
    let it = Viewers::of(&json!({"ttl": "2m", "warm": ["/index.html"]})).await;
    it.passes(Duration::from_secs(30)).await;
    let hit = it.get("/").await;
    let age: u64 = hit.headers()["age"].to_str().unwrap().parse().unwrap();
    assert!((30..120).contains(&age), "{age}");
    assert_eq!(hit.headers()["content-type"], "text/html");
    assert!(hit.headers().contains_key("etag") && hit.headers().contains_key("last-modified"));
    it.passes(Duration::from_mins(2)).await;
    assert_eq!(it.see("/").await.2, "RefreshHit");
    assert_eq!(it.see("/?cachebuster=1").await.2, "Hit", "a query does not tell objects apart");
    assert_eq!(it.see("/app.css").await.2, "Miss");
    assert_eq!(it.see("/app.css").await.2, "RefreshHit", "it asks not to be kept");
    it.bench.end().await;
}

#[tokio::test]
async fn what_is_missing_is_forbidden_or_the_page_for_it() {
    let it = Viewers::of(&json!({})).await;
    assert_eq!(it.see("/cart").await.0, 403);
    it.bench.end().await;
    let pages = json!([{"of": 404, "page": "/index.html", "status": 200}]);
    let it = Viewers::of(&json!({"missing": "not_found", "error_pages": pages, "forwards_query": true})).await;
    assert_eq!(it.see("/cart").await, (200, "v42".to_owned(), "Miss".to_owned()));
    assert_eq!(it.see("/index.html?a=1").await.2, "Miss");
    assert_eq!(it.see("/index.html?a=2").await.2, "Miss");
    it.bench.end().await;
}

#[tokio::test]
async fn a_configuration_is_whole_and_consistent() {
    let it = Viewers::of(&json!({})).await;
    let (etag, config) = it.config().await;
    let refused = async |config: DistributionConfig| {
        let update = it.cloudfront.update_distribution().id(ID).if_match(&etag).distribution_config(config);
        update.send().await.unwrap_err().code().unwrap().to_owned()
    };
    assert_eq!(refused(with_path(config.clone(), "releases")).await, "InvalidArgument");
    let mut wrong = config.clone();
    wrong.origins.as_mut().unwrap().quantity = 2;
    assert_eq!(refused(wrong).await, "InconsistentQuantities");
    let mut wrong = config.clone();
    wrong.caller_reference = "another".to_owned();
    assert_eq!(refused(wrong).await, "IllegalUpdate");
    let mut wrong = config.clone();
    wrong.default_cache_behavior.as_mut().unwrap().target_origin_id = "none".to_owned();
    assert_eq!(refused(wrong).await, "NoSuchOrigin");
    let none = it.cloudfront.get_distribution().id("E1").send().await.unwrap_err();
    assert!(none.into_service_error().is_no_such_distribution());
    assert_eq!(it.config().await, (etag.clone(), config.clone()));
    let listed = it.cloudfront.list_distributions().send().await.unwrap();
    let summary = &listed.distribution_list().unwrap().items()[0];
    assert_eq!((summary.id(), summary.status()), (ID, "Deployed"));
    assert_eq!(summary.origins().unwrap().items()[0].origin_path(), Some("/releases/v42"));
    it.bench.end().await;
}

#[tokio::test]
async fn an_invalidation_is_made_once_and_there_are_not_too_many() {
    let it = Viewers::of(&json!({"invalidates_for": "1h"})).await;
    let first = it.invalidate("rb-1", &["/index.html", "/assets/*"]).await.unwrap();
    let again = it.invalidate("rb-1", &["/index.html", "/assets/*"]).await.unwrap();
    assert_eq!(first.invalidation().unwrap().id(), again.invalidation().unwrap().id());
    let other = it.invalidate("rb-1", &["/*"]).await.unwrap_err();
    assert_eq!(other.code(), Some("InvalidationBatchAlreadyExists"));
    let wrong = it.invalidate("rb-2", &["index.html"]).await.unwrap_err();
    assert!(wrong.is_invalid_argument());
    let many = vec!["/x"; 3001];
    assert!(it.invalidate("rb-3", &many).await.unwrap_err().is_batch_too_large());
    for number in 0..14 {
        it.invalidate(&format!("w-{number}"), &["/*"]).await.unwrap();
    }
    let one_more = it.invalidate("w-14", &["/*"]).await.unwrap_err();
    assert!(one_more.is_too_many_invalidations_in_progress());
    it.invalidate("plain", &["/a"]).await.unwrap();
    let listed = it.cloudfront.list_invalidations().distribution_id(ID).max_items(10).send().await.unwrap();
    let page = listed.invalidation_list().unwrap();
    assert_eq!((page.items().len(), page.is_truncated()), (10, true));
    let rest = it.cloudfront.list_invalidations().distribution_id(ID).marker(page.next_marker().unwrap());
    let rest = rest.send().await.unwrap();
    let rest = rest.invalidation_list().unwrap().items();
    assert_eq!((rest.len(), rest[5].id()), (6, first.invalidation().unwrap().id()));
    let none = it.cloudfront.get_invalidation().distribution_id(ID).id("I1").send().await.unwrap_err();
    assert!(none.into_service_error().is_no_such_invalidation());
    it.bench.end().await;
}
