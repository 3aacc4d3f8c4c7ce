//! S3's writing operations as the SDK sees them.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier};
use serde_json::{Value, json};

use super::bench::*;
use crate::sandbox::aws::Seed;

fn seed_with(buckets: Value) -> Seed {
    Seed { buckets: serde_json::from_value(buckets).unwrap(), ..seed() }
}

fn client(bench: &Bench) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(bench.aws.endpoint());
    Client::from_conf(config.build())
}

async fn text(s3: &Client, bucket: &str, key: &str) -> Option<String> {
    let got = s3.get_object().bucket(bucket).key(key).send().await.ok()?;
    Some(String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap())
}

async fn keys_of(s3: &Client, bucket: &str) -> Vec<String> {
    let listed = s3.list_objects_v2().bucket(bucket).send().await.unwrap();
    listed.contents().iter().map(|one| one.key().unwrap().to_owned()).collect()
}

fn code<E: ProvideErrorMetadata + std::error::Error + 'static, R: std::fmt::Debug>(
    error: &aws_sdk_s3::error::SdkError<E, R>,
) -> String {
    error.code().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn a_copy_keeps_what_the_source_says_of_itself() {
    let page = json!({"key": "releases/v41/a b+c.html", "body": "<h1>v41</h1>", "age": "48h", "content_type": "text/html",
        "cache_control": "max-age=60", "content_encoding": "identity", "content_disposition": "inline",
        "metadata": {"release": "v41"}, "tags": {"team": "shop"}, "redirect": "/elsewhere",
        "etag": "0123456789abcdef0123456789abcdef-2"});
    let bench = Bench::of(seed_with(json!({"site": {"objects": [page]}}))).await;
    let s3 = client(&bench);
    let source = "site/releases/v41/a%20b%2Bc.html";
    let copied = s3.copy_object().bucket("site").key("live/a b+c.html").copy_source(source).send().await.unwrap();
    let head = s3.head_object().bucket("site").key("live/a b+c.html").send().await.unwrap();
    assert_eq!(head.e_tag(), copied.copy_object_result().unwrap().e_tag());
    assert_eq!(head.e_tag(), Some("\"f11e860ec59805b9da751c34d79ad3e1\""), "the MD5 of a body in one piece");
    assert_eq!(head.content_type(), Some("text/html"));
    assert_eq!(head.cache_control(), Some("max-age=60"));
    assert_eq!(head.content_encoding(), Some("identity"));
    assert_eq!(head.content_disposition(), Some("inline"));
    assert_eq!(head.metadata().unwrap()["release"], "v41");
    assert_eq!(head.tag_count(), Some(1));
    assert_eq!(head.website_redirect_location(), None);
    assert_eq!(head.version_id(), None);
    let replaced = s3.copy_object().bucket("site").key("live/a b+c.html").copy_source(source);
    let replaced = replaced.metadata_directive(MetadataDirective::Replace).cache_control("no-cache");
    replaced.send().await.unwrap();
    let head = s3.head_object().bucket("site").key("live/a b+c.html").send().await.unwrap();
    assert_eq!((head.cache_control(), head.content_type()), (Some("no-cache"), Some("binary/octet-stream")));
    let onto_itself = s3.copy_object().bucket("site").key("live/a b+c.html").copy_source("site/live/a%20b%2Bc.html");
    assert_eq!(code(&onto_itself.send().await.unwrap_err()), "InvalidRequest");
    let nothing = s3.copy_object().bucket("site").key("x").copy_source("site/none").send().await.unwrap_err();
    assert_eq!(code(&nothing), "NoSuchKey");
    bench.end().await;
}

#[tokio::test]
async fn copies_and_writes_go_by_their_conditions() {
    let objects = json!([{"key": "a", "body": "1", "age": "2h"}, {"key": "b", "body": "2", "age": "1h"}]);
    let bench = Bench::of(seed_with(json!({"site": {"objects": objects, "locked": ["kept/"]}}))).await;
    let s3 = client(&bench);
    let etag = |body: &str| format!("\"{}\"", hex::encode(<md5::Md5 as md5::Digest>::digest(body)));
    let copy = || s3.copy_object().bucket("site").key("b").copy_source("site/a");
    assert_eq!(code(&copy().copy_source_if_match(etag("2")).send().await.unwrap_err()), "PreconditionFailed");
    assert_eq!(code(&copy().if_match(etag("1")).send().await.unwrap_err()), "PreconditionFailed");
    assert_eq!(code(&copy().if_none_match("*").send().await.unwrap_err()), "PreconditionFailed");
    assert_eq!(code(&copy().key("c").if_match(etag("1")).send().await.unwrap_err()), "NoSuchKey");
    assert_eq!(code(&copy().key("kept/a").send().await.unwrap_err()), "AccessDenied");
    assert_eq!(text(&s3, "site", "b").await.as_deref(), Some("2"));
    copy().copy_source_if_match(etag("1")).if_match(etag("2")).send().await.unwrap();
    assert_eq!(text(&s3, "site", "b").await.as_deref(), Some("1"));
    copy().key("c").if_none_match("*").send().await.unwrap();
    assert_eq!(keys_of(&s3, "site").await, ["a", "b", "c"]);
    let put = s3.put_object().bucket("site").key("c").if_none_match("*").body(ByteStream::from_static(b"3"));
    assert_eq!(code(&put.send().await.unwrap_err()), "PreconditionFailed");
    let unchanged = s3.get_object().bucket("site").key("a").if_none_match(etag("1")).send().await.unwrap_err();
    assert_eq!(unchanged.raw_response().unwrap().status().as_u16(), 304);
    bench.end().await;
}

#[tokio::test]
async fn what_is_put_comes_back_byte_for_byte() {
    let bench = Bench::of(seed_with(json!({"site": {}}))).await;
    let s3 = client(&bench);
    let body: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let put =
        s3.put_object().bucket("site").key("logo.png").content_type("image/png").cache_control("max-age=31536000");
    let put = put.metadata("release", "v41").content_encoding("gzip").body(body.clone().into()).send().await.unwrap();
    let got = s3.get_object().bucket("site").key("logo.png").send().await.unwrap();
    assert_eq!(
        (got.e_tag(), got.content_type(), got.content_encoding()),
        (put.e_tag(), Some("image/png"), Some("gzip"))
    );
    assert_eq!(got.metadata().unwrap()["release"], "v41");
    assert_eq!(got.body.collect().await.unwrap().to_vec(), body);
    // A body that is read from a file travels in chunks, with its checksum behind it.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &body).unwrap();
    let stream = ByteStream::from_path(file.path()).await.unwrap();
    let streamed = s3.put_object().bucket("site").key("streamed").body(stream).send().await.unwrap();
    assert_eq!(streamed.e_tag(), put.e_tag());
    let head = s3.head_object().bucket("site").key("streamed").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_encoding()), (Some(70_000), None));
    let mut calls = bench.wire.calls().into_iter().filter(|call| call.operation == "PutObject");
    assert!(calls.all(|call| call.writes && call.status == 200));
    bench.end().await;
}

#[tokio::test]
async fn versions_outlive_deletion() {
    let objects = json!([
        {"key": "index.html", "body": "v1", "age": "3h", "version": "one"},
        {"key": "index.html", "body": "v2", "age": "2h", "version": "two"},
        {"key": "old.js", "body": "x", "age": "3h"}, {"key": "old.js", "age": "1h", "deleted": true, "version": "gone"},
    ]);
    let bench = Bench::of(seed_with(json!({"site": {"versioning": "enabled", "objects": objects}}))).await;
    let s3 = client(&bench);
    assert_eq!(keys_of(&s3, "site").await, ["index.html"]);
    let gone = s3.get_object().bucket("site").key("old.js").send().await.unwrap_err();
    assert_eq!(code(&gone), "NoSuchKey");
    let marker = s3.get_object().bucket("site").key("old.js").version_id("gone").send().await.unwrap_err();
    assert_eq!(code(&marker), "MethodNotAllowed");
    let copy = s3.copy_object().bucket("site").key("old.js").copy_source("site/old.js?versionId=gone").send().await;
    assert_eq!(code(&copy.unwrap_err()), "InvalidRequest");
    let restored = s3.copy_object().bucket("site").key("index.html").copy_source("site/index.html?versionId=one");
    let restored = restored.send().await.unwrap();
    assert_eq!(restored.copy_source_version_id(), Some("one"));
    assert_eq!(text(&s3, "site", "index.html").await.as_deref(), Some("v1"));
    let deleted = s3.delete_object().bucket("site").key("index.html").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let listed = s3.list_object_versions().bucket("site").prefix("index").send().await.unwrap();
    assert_eq!(listed.versions().len(), 3);
    let marker = &listed.delete_markers()[0];
    assert_eq!((marker.version_id(), marker.is_latest()), (deleted.version_id(), Some(true)));
    let undone = s3.delete_object().bucket("site").key("index.html").version_id(marker.version_id().unwrap());
    assert_eq!(undone.send().await.unwrap().delete_marker(), Some(true));
    assert_eq!(text(&s3, "site", "index.html").await.as_deref(), Some("v1"));
    bench.end().await;
}

#[tokio::test]
async fn of_several_deletions_each_has_its_own_outcome() {
    let objects = json!([{"key": "a", "body": "1", "age": "2h"}, {"key": "kept/b", "body": "2", "age": "1h"}]);
    let bench = Bench::of(seed_with(json!({"site": {"objects": objects, "locked": ["kept/"]}}))).await;
    let s3 = client(&bench);
    let named = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let delete = |keys: &[&str], quiet: bool| {
        let keys = keys.iter().map(|key| named(key)).collect();
        let delete = Delete::builder().set_objects(Some(keys)).quiet(quiet).build().unwrap();
        s3.delete_objects().bucket("site").delete(delete)
    };
    let reply = delete(&["a", "kept/b", "nothing"], false).send().await.unwrap();
    assert_eq!(reply.deleted().iter().map(|one| one.key().unwrap()).collect::<Vec<_>>(), ["a", "nothing"]);
    let told: Vec<_> = reply.errors().iter().map(|one| (one.key().unwrap(), one.code().unwrap())).collect();
    assert_eq!(told, [("kept/b", "AccessDenied")]);
    let quiet = delete(&["a", "kept/b"], true).send().await.unwrap();
    assert_eq!((quiet.deleted().len(), quiet.errors().len()), (0, 1));
    let names: Vec<String> = (0..1001).map(|number| format!("k{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(code(&delete(&names, true).send().await.unwrap_err()), "MalformedXML");
    assert_eq!(keys_of(&s3, "site").await, ["kept/b"]);
    bench.end().await;
}

#[tokio::test]
async fn lists_have_pages_prefixes_and_odd_keys() {
    let mut objects: Vec<Value> =
        (0..2500).map(|number| json!({"key": format!("assets/{number:04}.js"), "body": "x", "age": "1h"})).collect();
    for key in ["404.html", "a b&<c>.html", "index.html", "é/x"] {
        objects.push(json!({"key": key, "body": "x", "age": "1h"}));
    }
    let bench = Bench::of(seed_with(json!({"site": {"versioning": "enabled", "objects": objects}}))).await;
    let s3 = client(&bench);
    let mut pages = s3.list_objects_v2().bucket("site").into_paginator().send();
    let (mut keys, mut sizes) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.key_count().unwrap());
        keys.extend(page.contents().iter().map(|one| one.key().unwrap().to_owned()));
    }
    assert_eq!(sizes, [1000, 1000, 504]);
    let mut sorted = keys.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((keys.len(), &sorted), (2504, &keys));
    let call = || s3.list_objects_v2().bucket("site").delimiter("/");
    let top = call().encoding_type(aws_sdk_s3::types::EncodingType::Url).send().await.unwrap();
    assert_eq!(
        top.contents().iter().map(|one| one.key().unwrap()).collect::<Vec<_>>(),
        ["404.html", "a+b%26%3Cc%3E.html", "index.html"]
    );
    assert_eq!(
        top.common_prefixes().iter().map(|one| one.prefix().unwrap()).collect::<Vec<_>>(),
        ["assets/", "%C3%A9/"]
    );
    let first = call().max_keys(3).send().await.unwrap();
    assert_eq!((first.common_prefixes().len(), first.is_truncated()), (1, Some(true)));
    let rest = call().continuation_token(first.next_continuation_token().unwrap()).send().await.unwrap();
    assert_eq!((rest.contents()[0].key(), rest.key_count()), (Some("index.html"), Some(2)));
    let after =
        s3.list_objects_v2().bucket("site").prefix("assets/").start_after("assets/2497.js").send().await.unwrap();
    assert_eq!(
        after.contents().iter().map(|one| one.key().unwrap()).collect::<Vec<_>>(),
        ["assets/2498.js", "assets/2499.js"]
    );
    let wrong = s3.list_objects_v2().bucket("site").continuation_token("tomorrow").send().await.unwrap_err();
    assert_eq!(code(&wrong), "InvalidArgument");
    let (mut marker, mut versions) = ((None, None), BTreeMap::new());
    loop {
        let call = s3.list_object_versions().bucket("site").prefix("assets/").set_key_marker(marker.0);
        let page = call.set_version_id_marker(marker.1).send().await.unwrap();
        versions.extend(
            page.versions().iter().map(|one| (one.version_id().unwrap().to_owned(), one.key().unwrap().to_owned())),
        );
        if page.is_truncated() != Some(true) {
            break;
        }
        marker = (page.next_key_marker().map(str::to_owned), page.next_version_id_marker().map(str::to_owned));
    }
    assert_eq!(versions.len(), 2500);
    bench.end().await;
}
