//! Lists what is in a bucket, page by page. Reads only.

use aws_sdk_s3::types::{DeleteMarkerEntry, ObjectVersion};
use aws_smithy_types::DateTime;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::object::{Listing, Object, unquoted};
use super::versions::{Version, Versions};
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};

/// How many prefixes are looked into at once: far below what S3 takes, and a hundred builds are told in a second.
const AT_ONCE: usize = 16;
/// What comes after every key under a prefix.
const AFTER: char = '\u{10ffff}';

/// The objects under `prefix`, with their keys counted from it; those under `except` are left out, and not even paged
/// through.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn objects(aws: &Aws, bucket: &str, prefix: &str, except: Option<&str>) -> Result<Listing, AwsError> {
    let mut found = Listing::new();
    let mut after: Option<String> = None;
    let mut token: Option<String> = None;
    loop {
        let call = aws.reads().s3.list_objects_v2().bucket(bucket).prefix(prefix);
        let call = call.set_continuation_token(token.take()).set_start_after(after.take());
        let page =
            call.send().await.map_err(|error| listing_failed(bucket, AwsError::of("s3", "ListObjectsV2", &error)))?;
        let is_truncated = page.is_truncated == Some(true);
        let mut last = None;
        for object in page.contents.unwrap_or_default() {
            let Some(key) = object.key else { continue };
            let is_left_out = except.is_some_and(|except| key.starts_with(except));
            if let Some(within) = key.strip_prefix(prefix).filter(|within| !is_left_out && !within.is_empty()) {
                let told = Object {
                    etag: unquoted(object.e_tag.as_deref().unwrap_or_default()),
                    size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                    modified: time(object.last_modified),
                    class: class(object.storage_class.as_ref().map(aws_sdk_s3::types::ObjectStorageClass::as_str)),
                };
                found.insert(within.to_owned(), told);
            }
            last = Some(key);
        }
        if !is_truncated {
            return Ok(found);
        }
        match except.filter(|except| last.as_deref().is_some_and(|last| last.starts_with(except))) {
            Some(except) => after = Some(format!("{except}{AFTER}")),
            None => token = page.next_continuation_token,
        }
        if token.is_none() && after.is_none() {
            return Ok(found);
        }
    }
}

/// What lies directly under `prefix`, as folders: the names of the builds.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn folders(aws: &Aws, bucket: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let call = aws.reads().s3.list_objects_v2().bucket(bucket).prefix(prefix).delimiter("/");
        let page = call.set_continuation_token(token).send().await;
        let page = page.map_err(|error| listing_failed(bucket, AwsError::of("s3", "ListObjectsV2", &error)))?;
        let folders = page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
        found.extend(folders.filter_map(|folder| {
            let name = folder.strip_prefix(prefix)?.trim_end_matches('/');
            (!name.is_empty()).then(|| name.to_owned())
        }));
        token = page.next_continuation_token;
        if page.is_truncated != Some(true) || token.is_none() {
            return Ok(found);
        }
    }
}

/// When the first object of each build was uploaded: that orders them, and takes one call each.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn first_uploads(
    aws: &Aws,
    bucket: &str,
    prefix: &str,
    names: Vec<String>,
) -> Result<Vec<(String, Option<Timestamp>)>, AwsError> {
    let looks = names.into_iter().map(|name| async move {
        let call = aws.reads().s3.list_objects_v2().bucket(bucket).prefix(format!("{prefix}{name}/")).max_keys(1);
        let page = call.send().await.map_err(|error| AwsError::of("s3", "ListObjectsV2", &error))?;
        let first = page.contents.unwrap_or_default().into_iter().next();
        Ok::<_, AwsError>((name, first.and_then(|object| timestamp(object.last_modified?))))
    });
    stream::iter(looks).buffered(AT_ONCE).try_collect().await
}

/// Every version of every object under `prefix`, with their keys counted from it.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn versions(aws: &Aws, bucket: &str, prefix: &str) -> Result<Versions, AwsError> {
    let mut found: std::collections::BTreeMap<String, Vec<(bool, Version)>> = std::collections::BTreeMap::new();
    let (mut key_marker, mut version_marker) = (None, None);
    loop {
        let call = aws.reads().s3.list_object_versions().bucket(bucket).prefix(prefix);
        let call = call.set_key_marker(key_marker).set_version_id_marker(version_marker);
        let page = call.send().await;
        let page = page.map_err(|error| listing_failed(bucket, AwsError::of("s3", "ListObjectVersions", &error)))?;
        let written = page.versions.unwrap_or_default().into_iter().filter_map(written);
        let deleted = page.delete_markers.unwrap_or_default().into_iter().filter_map(deleted);
        for (key, is_latest, version) in written.chain(deleted) {
            if let Some(within) = key.strip_prefix(prefix).filter(|within| !within.is_empty()) {
                found.entry(within.to_owned()).or_default().push((is_latest, version));
            }
        }
        key_marker = page.next_key_marker;
        version_marker = page.next_version_id_marker;
        if page.is_truncated != Some(true) || key_marker.is_none() {
            break;
        }
    }
    let newest_first = |mut versions: Vec<(bool, Version)>| {
        // Listings tell times by the second; which of two is live is told apart.
        versions.sort_by_key(|(is_latest, version)| (std::cmp::Reverse(*is_latest), std::cmp::Reverse(version.at)));
        versions.into_iter().map(|(_, version)| version).collect()
    };
    Ok(found.into_iter().map(|(key, versions)| (key, newest_first(versions))).collect())
}

fn written(version: ObjectVersion) -> Option<(String, bool, Version)> {
    let at = time(version.last_modified);
    let object = Object {
        etag: unquoted(version.e_tag.as_deref().unwrap_or_default()),
        size: version.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        modified: at,
        class: class(version.storage_class.as_ref().map(aws_sdk_s3::types::ObjectVersionStorageClass::as_str)),
    };
    let is_latest = version.is_latest == Some(true);
    Some((version.key?, is_latest, Version { id: version.version_id?, at, object: Some(object) }))
}

fn deleted(marker: DeleteMarkerEntry) -> Option<(String, bool, Version)> {
    let is_latest = marker.is_latest == Some(true);
    Some((marker.key?, is_latest, Version { id: marker.version_id?, at: time(marker.last_modified), object: None }))
}

fn class(class: Option<&str>) -> Option<String> {
    class.filter(|class| *class != "STANDARD").map(str::to_owned)
}

fn time(time: Option<DateTime>) -> Timestamp {
    time.and_then(timestamp).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn listing_failed(bucket: &str, mut error: AwsError) -> AwsError {
    if error.code.as_deref() != Some("NoSuchBucket") {
        return error;
    }
    let message = format!("there is no bucket {bucket}. Correct `bucket` in rollbot.yml");
    error.message = message;
    error
}
