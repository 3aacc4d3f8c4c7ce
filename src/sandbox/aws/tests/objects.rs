//! S3 as the SDK sees it.

use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use serde_json::json;

use super::bench::*;

#[tokio::test]
async fn a_versioned_object_is_read_at_each_of_its_versions() {
    let mut seed = seed();
    let object = |body: &str, age: &str, version: &str| json!({"key": "stacks/api v1.json", "body": body, "age": age, "version": version});
    let objects =
        json!([object("old", "2h", "v1"), object("new <b>", "1h", "v2"), {"key": "other", "body": "x", "age": "1h"}]);
    let bucket = json!({"versioning": "enabled", "objects": objects});
    seed.buckets.insert("artifacts".to_owned(), serde_json::from_value(bucket).unwrap());
    let bench = Bench::of(seed).await;
    // No path style is asked for: the SDK chooses it by itself where the endpoint's host is an address.
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(bench.aws.endpoint());
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    let get = || s3.get_object().bucket("artifacts").key("stacks/api v1.json");
    let newest = get().send().await.unwrap();
    assert_eq!((newest.version_id(), newest.e_tag().map(str::len)), (Some("v2"), Some(34)));
    assert_eq!(newest.body.collect().await.unwrap().to_vec(), b"new <b>");
    let old = get().version_id("v1").send().await.unwrap();
    assert_eq!(old.body.collect().await.unwrap().to_vec(), b"old");
    let head = s3.head_object().bucket("artifacts").key("stacks/api v1.json").send().await.unwrap();
    assert_eq!(head.content_length(), Some(7));
    let passed = bench.clock.now().at.as_second() - head.last_modified().unwrap().secs();
    assert!((3590..3700).contains(&passed), "{passed}");
    let first = s3.list_object_versions().bucket("artifacts").prefix("stacks/").max_keys(1).send().await.unwrap();
    assert_eq!((first.versions()[0].version_id(), first.versions()[0].is_latest()), (Some("v2"), Some(true)));
    let call = s3.list_object_versions().bucket("artifacts").key_marker(first.next_key_marker().unwrap());
    let second =
        call.version_id_marker(first.next_version_id_marker().unwrap()).prefix("stacks/").send().await.unwrap();
    assert_eq!((second.versions()[0].version_id(), second.is_truncated()), (Some("v1"), Some(false)));
    let versioning = s3.get_bucket_versioning().bucket("artifacts").send().await.unwrap();
    assert_eq!(versioning.status().unwrap().as_str(), "Enabled");
    let listed = s3.list_objects_v2().bucket("artifacts").send().await.unwrap();
    assert_eq!(
        listed.contents().iter().map(|one| one.key().unwrap()).collect::<Vec<_>>(),
        ["other", "stacks/api v1.json"]
    );
    let missing = s3.get_object().bucket("artifacts").key("nothing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_key());
    let gone = get().version_id("v9").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchVersion"));
    assert!(
        s3.head_object()
            .bucket("artifacts")
            .key("nothing")
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_not_found()
    );
    drop(s3);
    bench.end().await;
}
