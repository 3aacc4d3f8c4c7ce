//! The edge of a distribution: what a viewer gets, from its cache or from the origin.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;

use super::super::buckets::Buckets;
use super::super::json::text;
use super::super::rest_xml::percent_decoded;
use super::config::{Behavior, items};
use super::invalidation::Invalidation;
use super::seed::SeedMissing;
use crate::incident::time::Now;

/// How long an edge keeps an error where the configuration does not say it (`ErrorCachingMinTTL`).
const ERRORS: Duration = Duration::from_secs(10);

/// An answer of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// An answer that an edge keeps.
#[derive(Debug, Clone)]
struct Kept {
    answer: Answer,
    since: Timestamp,
    until: Timestamp,
}

/// What a viewer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Viewed {
    pub(super) answer: Answer,
    /// `X-Cache`.
    pub(super) from: &'static str,
    /// How long the edge has had it, as durations count; nothing where it comes from the origin.
    pub(super) age: Option<Duration>,
}

/// All edges as one: they are told everything at the same time here.
#[derive(Debug, Default)]
pub(super) struct Edge {
    kept: BTreeMap<String, Kept>,
}

/// What an edge knows when a viewer asks.
pub(super) struct Scene<'a> {
    pub(super) config: &'a Value,
    pub(super) missing: SeedMissing,
    pub(super) buckets: &'a Buckets,
    pub(super) now: Now,
}

impl Edge {
    /// Forgets what an invalidation is about.
    pub(super) fn forget(&mut self, invalidation: &Invalidation) {
        self.kept.retain(|path, _| !invalidation.is_about(path));
    }

    /// What a viewer gets for a path, and perhaps a query.
    pub(super) fn view(&mut self, scene: &Scene<'_>, path: &str, query: Option<&str>) -> Viewed {
        let root = text(scene.config, "DefaultRootObject").filter(|root| !root.is_empty() && path == "/");
        let path = root.map_or_else(|| path.to_owned(), |root| format!("/{root}"));
        let Some(behavior) = Behavior::of(scene.config, &path) else {
            return Viewed { answer: bad_gateway(), from: "Error from cloudfront", age: None };
        };
        let key = match query.filter(|_| behavior.by_query) {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let was = self.kept.get(&key);
        if let Some(kept) = was.filter(|kept| scene.now.at < kept.until) {
            let from = if kept.answer.status < 400 { "Hit from cloudfront" } else { "Error from cloudfront" };
            return Viewed { answer: kept.answer.clone(), from, age: Some(scene.now.elapsed(kept.since)) };
        }
        let fetched = scene.fetched(&behavior, &path);
        let is_the_same = was.is_some_and(|kept| kept.answer == fetched);
        let (answer, keeps_for) = if fetched.status < 400 {
            let keeps_for = behavior.keeps_for(fetched.header("cache-control"));
            (fetched, keeps_for)
        } else {
            scene.instead_of(fetched)
        };
        // What is not to be kept is asked for again each time, by whether it has changed.
        let (since, until) = (scene.now.at, scene.now.after(keeps_for));
        self.kept.insert(key, Kept { answer: answer.clone(), since, until });
        let from = match answer.status {
            400.. => "Error from cloudfront",
            _ if is_the_same => "RefreshHit from cloudfront",
            _ => "Miss from cloudfront",
        };
        Viewed { answer, from, age: None }
    }
}

impl Scene<'_> {
    /// What the origin answers.
    fn fetched(&self, behavior: &Behavior, path: &str) -> Answer {
        let Some(bucket) = &behavior.bucket else {
            return bad_gateway();
        };
        let key = percent_decoded(&format!("{}{path}", behavior.origin_path));
        let key = key.strip_prefix('/').unwrap_or(&key);
        let bucket = self.buckets.all.get(bucket);
        let version = bucket.and_then(|bucket| bucket.version(key, None));
        let Some((version, object)) = version.and_then(|version| Some((version, version.object()?))) else {
            return match (bucket, self.missing) {
                (None, _) => error(404, "NoSuchBucket", "The specified bucket does not exist"),
                (Some(_), SeedMissing::Forbidden) => error(403, "AccessDenied", "Access Denied"),
                (Some(_), SeedMissing::NotFound) => error(404, "NoSuchKey", "The specified key does not exist."),
            };
        };
        let kept = [
            ("content-type", "ContentType"),
            ("cache-control", "CacheControl"),
            ("content-encoding", "ContentEncoding"),
            ("content-disposition", "ContentDisposition"),
            ("content-language", "ContentLanguage"),
            ("expires", "Expires"),
        ];
        let mut headers: Vec<(String, String)> = kept
            .into_iter()
            .filter_map(|(name, member)| Some((name.to_owned(), object.headers.get(member)?.clone())))
            .collect();
        headers.push(("etag".to_owned(), object.quoted_etag()));
        headers.extend(
            DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&version.at)
                .ok()
                .map(|at| ("last-modified".to_owned(), at)),
        );
        let id = bucket.and_then(|bucket| bucket.told_id(version));
        headers.extend(id.map(|id| ("x-amz-version-id".to_owned(), id.to_owned())));
        headers.extend(object.metadata.iter().map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone())));
        Answer { status: 200, headers, body: object.body.clone() }
    }

    /// What is shown in place of an error of the origin, and for how long the edge keeps it.
    fn instead_of(&self, failed: Answer) -> (Answer, Duration) {
        let code = |page: &&Value| page.get("ErrorCode").and_then(Value::as_u64) == Some(u64::from(failed.status));
        let Some(page) = items(self.config, "CustomErrorResponses").iter().find(code) else {
            return (failed, ERRORS);
        };
        let seconds = page.get("ErrorCachingMinTTL").and_then(Value::as_u64);
        let keeps_for = seconds.map_or(ERRORS, Duration::from_secs);
        let shown = text(page, "ResponsePagePath").filter(|path| !path.is_empty());
        let shown = shown.and_then(|path| Some(self.fetched(&Behavior::of(self.config, path)?, path)));
        let status = text(page, "ResponseCode").and_then(|status| status.parse().ok());
        match shown.filter(|shown| shown.status < 400) {
            Some(shown) => (Answer { status: status.unwrap_or(failed.status), ..shown }, keeps_for),
            None => (failed, keeps_for),
        }
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// An error as S3 writes it.
fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Answer { status, headers, body: Bytes::from(body) }
}

/// What CloudFront says of an origin that it cannot reach: none of those that are not buckets is there.
fn bad_gateway() -> Answer {
    Answer {
        status: 502,
        headers: Vec::new(),
        body: Bytes::from_static(b"502 ERROR: The request could not be satisfied."),
    }
}
