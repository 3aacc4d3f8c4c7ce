//! What a static site's rollback asks of S3.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::delete_objects::DeleteObjectsOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, MetadataDirective, ObjectIdentifier, VersioningConfiguration};
use aws_types::SdkConfig;

use crate::outcomes::{Outcomes, refusal};
use crate::stand_ins::BUCKET;

fn described(head: &HeadObjectOutput) -> String {
    let metadata: BTreeMap<_, _> = head.metadata().into_iter().flatten().collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {metadata:?}",
        head.e_tag(),
        head.content_type(),
        head.cache_control(),
        head.content_encoding(),
        head.content_disposition(),
        head.content_length()
    )
}

/// What a static site's rollback asks of S3.
pub(crate) async fn s3_story(config: &SdkConfig) -> Outcomes {
    let s3 = aws_sdk_s3::Client::new(config);
    let mut seen: Outcomes = Vec::new();
    let set = async |status| {
        let wanted = VersioningConfiguration::builder().status(status).build();
        s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(wanted).send().await.expect("it is set");
    };
    let put =
        |key: &str, body: &'static str| s3.put_object().bucket(BUCKET).key(key).body(body.as_bytes().to_vec().into());
    let copy = |key: &str, from: &str| s3.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/{from}"));
    let head = async |key: &str| {
        s3.head_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .map_or_else(|error| refusal::<(), _>(Err(error)), |head| described(&head))
    };
    let read = async |key: &str| match s3.get_object().bucket(BUCKET).key(key).send().await {
        Ok(got) => String::from_utf8(got.body.collect().await.expect("a body").to_vec()).expect("text"),
        Err(error) => refusal::<(), _>(Err(error)),
    };
    let versioning = async || match s3.get_bucket_versioning().bucket(BUCKET).send().await {
        Ok(told) => format!("{:?}", told.status()),
        Err(error) => refusal::<(), _>(Err(error)),
    };
    seen.push(("versioning before", versioning().await));
    set(BucketVersioningStatus::Enabled).await;
    seen.push(("versioning", versioning().await));

    let page = put("releases/v41/index.html", "<h1>v41</h1>").content_type("text/html").cache_control("max-age=60");
    let page = page.content_encoding("identity").content_disposition("inline").metadata("release", "v41");
    let first = page.send().await.expect("it is put");
    seen.push(("put", format!("{:?}", first.e_tag())));
    put("releases/v41/a b+c&é.js", "x").send().await.expect("it is put");
    put("live/index.html", "<h1>v42</h1>").send().await.expect("it is put");
    put("live/old.js", "old").send().await.expect("it is put");
    seen.push(("read", read("releases/v41/index.html").await));
    let copied = copy("live/index.html", "releases/v41/index.html").send().await.expect("it is copied");
    seen.push(("copy", format!("{:?}", copied.copy_object_result().and_then(|result| result.e_tag()))));
    seen.push(("a copy keeps everything", head("live/index.html").await));
    copy("live/a b+c&é.js", "releases/v41/a%20b%2Bc%26%C3%A9.js").send().await.expect("it is copied");
    seen.push(("a copy with an odd key", read("live/a b+c&é.js").await));
    let replaced = copy("live/replaced", "releases/v41/index.html").metadata_directive(MetadataDirective::Replace);
    replaced.content_type("text/plain").metadata("other", "1").send().await.expect("it is copied");
    seen.push(("metadata replaced", head("live/replaced").await));

    let deleted = s3.delete_object().bucket(BUCKET).key("live/index.html").send().await.expect("it is deleted");
    seen.push(("delete", format!("{:?}", deleted.delete_marker())));
    seen.push(("deleted", read("live/index.html").await));
    let versions = s3.list_object_versions().bucket(BUCKET).prefix("live/index.html").send().await.expect("a list");
    let oldest = versions
        .versions()
        .last()
        .and_then(aws_sdk_s3::types::ObjectVersion::version_id)
        .unwrap_or_default()
        .to_owned();
    let latest: Vec<_> = versions.versions().iter().map(aws_sdk_s3::types::ObjectVersion::is_latest).collect();
    let markers = versions.delete_markers().iter().map(aws_sdk_s3::types::DeleteMarkerEntry::is_latest);
    seen.push(("versions", format!("{latest:?} {:?}", markers.collect::<Vec<_>>())));
    copy("live/index.html", &format!("live/index.html?versionId={oldest}")).send().await.expect("it is restored");
    seen.push(("restored by version", read("live/index.html").await));
    s3.delete_object().bucket(BUCKET).key("live/old.js").send().await.expect("it is deleted");
    let marker = s3.list_object_versions().bucket(BUCKET).prefix("live/old.js").send().await.expect("a list");
    let marker = marker.delete_markers()[0].version_id().unwrap_or_default().to_owned();
    let undone =
        s3.delete_object().bucket(BUCKET).key("live/old.js").version_id(marker).send().await.expect("it is undone");
    seen.push(("marker removed", format!("{:?} {}", undone.delete_marker(), read("live/old.js").await)));

    let delete = |keys: &[&str]| {
        let named = keys.iter().map(|key| ObjectIdentifier::builder().key(*key).build().expect("a key")).collect();
        let delete = Delete::builder().set_objects(Some(named)).build().expect("keys");
        s3.delete_objects().bucket(BUCKET).delete(delete).send()
    };
    let told = |reply: &DeleteObjectsOutput| {
        let told: Vec<_> = reply.deleted().iter().map(|one| (one.key(), one.delete_marker())).collect();
        format!("{told:?} {}", reply.errors().len())
    };
    let several = delete(&["live/old.js", "live/replaced"]).await.expect("they are deleted");
    seen.push(("several deleted", told(&several)));
    let (mut token, mut pages) = (None, Vec::new());
    loop {
        let page =
            s3.list_objects_v2().bucket(BUCKET).max_keys(2).set_continuation_token(token).send().await.expect("a page");
        pages.push(page.contents().iter().map(|one| format!("{:?} {:?}", one.key(), one.size())).collect::<Vec<_>>());
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    seen.push(("pages", format!("{pages:?}")));
    let top = s3.list_objects_v2().bucket(BUCKET).delimiter("/").send().await.expect("a list");
    seen.push((
        "prefixes",
        format!(
            "{:?} {}",
            top.common_prefixes().iter().map(|one| one.prefix()).collect::<Vec<_>>(),
            top.contents().len()
        ),
    ));
    let after = s3
        .list_objects_v2()
        .bucket(BUCKET)
        .start_after("live/index.html")
        .prefix("live/")
        .send()
        .await
        .expect("a list");
    seen.push(("start after", format!("{:?}", after.contents().iter().map(|one| one.key()).collect::<Vec<_>>())));
    let (mut markers, mut all) = ((None, None), Vec::new());
    loop {
        let call = s3.list_object_versions().bucket(BUCKET).max_keys(3).set_key_marker(markers.0);
        let page = call.set_version_id_marker(markers.1).send().await.expect("a page");
        all.extend(page.versions().iter().map(|one| format!("{:?} {:?}", one.key(), one.is_latest())));
        all.extend(page.delete_markers().iter().map(|one| format!("{:?} {:?} marker", one.key(), one.is_latest())));
        if page.is_truncated() != Some(true) {
            break;
        }
        markers = (page.next_key_marker().map(str::to_owned), page.next_version_id_marker().map(str::to_owned));
    }
    all.sort();
    seen.push(("pages of versions", format!("{all:?}")));
    let elsewhere = "\"00000000000000000000000000000000\"";
    let from = "releases/v41/index.html";
    seen.push(("source does not match", refusal(copy("live/x", from).copy_source_if_match(elsewhere).send().await)));
    seen.push((
        "source is the same",
        refusal(copy("live/x", from).copy_source_if_none_match(first.e_tag().unwrap_or_default()).send().await),
    ));
    seen.push(("put where something is", refusal(put("live/index.html", "y").if_none_match("*").send().await)));
    seen.push(("put over something else", refusal(put("live/index.html", "y").if_match(elsewhere).send().await)));
    seen.push(("copy onto itself", refusal(copy("live/index.html", "live/index.html").send().await)));
    seen.push(("copy of nothing", refusal(copy("live/x", "nothing").send().await)));
    seen.push(("nothing", head("nothing").await));
    seen.push(("no bucket", refusal(s3.list_objects_v2().bucket("there-is-none").send().await)));
    let marker = deleted.version_id().unwrap_or_default();
    seen.push((
        "copy of a marker",
        refusal(copy("live/x", &format!("live/index.html?versionId={marker}")).send().await),
    ));
    let gone = delete(&["live/there-is-none"]).await.expect("it is deleted");
    seen.push(("deletion of nothing", told(&gone)));
    set(BucketVersioningStatus::Suspended).await;
    let without = put("live/index.html", "suspended").send().await.expect("it is put");
    seen.push(("suspended", format!("{:?} {}", without.version_id().unwrap_or("null"), read("live/index.html").await)));
    seen
}
