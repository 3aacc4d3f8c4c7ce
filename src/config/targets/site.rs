//! A static site in S3 behind `CloudFront`, as a target.

use serde::{Deserialize, Serialize};

use crate::config::section::{Field, Part, Reader, Section};

/// A static site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteTarget {
    /// The bucket's name.
    pub bucket: String,
    /// The distribution's id.
    pub distribution: String,
    /// How its releases are kept.
    pub layout: SiteLayout,
    /// The paths that `CloudFront` is told to forget; everything where nothing is said.
    pub invalidate: Vec<String>,
    /// Whether live objects that the release does not have are deleted.
    pub deletes: SiteDeletes,
}

/// How the releases of a static site are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteLayout {
    /// Each build lies under a prefix of its own and is copied over the live one.
    Releases {
        /// What the builds lie under; ends in `/`.
        prefix: String,
        /// What visitors see: empty for the whole bucket, else it ends in `/`.
        live: String,
    },
    /// Each build lies under a prefix of its own, and the distribution's origin path says which is live.
    OriginPath {
        /// What the builds lie under; ends in `/`.
        prefix: String,
        /// The id of the origin within the distribution.
        origin: String,
    },
    /// The bucket keeps versions of its objects.
    Versions,
}

/// Whether live objects that the release does not have are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteDeletes {
    /// After everything else, as `aws s3 sync --delete` would.
    Last,
    /// They stay.
    Never,
}

impl SiteTarget {
    pub(super) fn identity(&self) -> String {
        let place = match &self.layout {
            SiteLayout::Releases { live, .. } => format!("{}/{live}", self.bucket),
            SiteLayout::OriginPath { origin, .. } => format!("{}:{origin}", self.distribution),
            SiteLayout::Versions => format!("{}/", self.bucket),
        };
        format!("static site {place}")
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<SiteTarget> {
    let bucket = section.required("bucket", "\"shop-web-${env}\"", reader.report);
    let bucket = bucket.and_then(|field| bucket_name(field, reader));
    let distribution = section.required("distribution", "E2QWRUHEXAMPLE", reader.report);
    let distribution = distribution.and_then(|field| distribution_id(field, reader));
    let layout = layout(section, reader);
    let invalidate = match section.optional("invalidate", reader.report) {
        None => vec!["/*".to_owned()],
        Some(field) => paths(field, reader),
    };
    let deletes_field = section.optional("deletes", reader.report);
    let asked = deletes_field.and_then(|field| deletes(field, reader));
    let layout = layout?;
    let deletes = match (&layout, asked) {
        (SiteLayout::OriginPath { .. }, Some(_)) => {
            if let Some(field) = deletes_field {
                field.error(
                    reader.report,
                    "`deletes` does nothing where the origin path is switched, because no object is touched; remove it",
                );
            }
            SiteDeletes::Never
        }
        (_, Some(asked)) => asked,
        (SiteLayout::Releases { .. } | SiteLayout::OriginPath { .. }, None) => SiteDeletes::Never,
        // A point in time is one only if what was not there is gone. The bucket keeps what is deleted.
        (SiteLayout::Versions, None) => SiteDeletes::Last,
    };
    Some(SiteTarget { bucket: bucket?, distribution: distribution?, layout, invalidate, deletes })
}

fn layout(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<SiteLayout> {
    let releases = section.optional("releases", reader.report);
    let origin_path = section.optional("origin_path", reader.report);
    let versions = section.optional("versions", reader.report);
    match (releases, origin_path, versions) {
        (Some(field), None, None) => of_releases(field, reader),
        (None, Some(field), None) => of_origin_path(field, reader),
        (None, None, Some(field)) => {
            Section::open(field, Part::SiteVersions, reader.report)?.close(reader.report);
            Some(SiteLayout::Versions)
        }
        (None, None, None) => {
            let sentence = "this does not say where earlier builds are; add one of `releases: { prefix, live }`, \
                            `origin_path: { prefix, origin }` or `versions: {}`";
            reader.report.error(section.place, sentence);
            None
        }
        _ => {
            let sentence = "`releases`, `origin_path` and `versions` are three ways to keep earlier builds; keep one of \
                            them";
            reader.report.error(section.place, sentence);
            None
        }
    }
}

fn of_releases(field: Field<'_>, reader: &mut Reader<'_>) -> Option<SiteLayout> {
    let mut section = Section::open(field, Part::SiteReleases, reader.report)?;
    let prefix = section.required("prefix", "releases/", reader.report).and_then(|field| prefix(field, reader));
    // The whole bucket is written as an empty text or by leaving it out.
    let live = match section.optional("live", reader.report) {
        None => Some(String::new()),
        Some(field) if matches!(&field.node.value, crate::config::yaml::Value::Text(text) if text.trim_matches('/').is_empty()) => {
            Some(String::new())
        }
        Some(live) => {
            let place = live;
            prefix.as_ref().zip(self::prefix(live, reader)).and_then(|(builds, live)| {
                if live.starts_with(builds.as_str()) {
                    place.error(
                        reader.report,
                        format!("`{live}` lies within `{builds}`, so the live site would count as a build; move one"),
                    );
                    return None;
                }
                Some(live)
            })
        }
    };
    section.close(reader.report);
    Some(SiteLayout::Releases { prefix: prefix?, live: live? })
}

fn of_origin_path(field: Field<'_>, reader: &mut Reader<'_>) -> Option<SiteLayout> {
    let mut section = Section::open(field, Part::SiteOriginPath, reader.report)?;
    let prefix = section.required("prefix", "releases/", reader.report).and_then(|field| prefix(field, reader));
    let origin = section.required("origin", "web", reader.report).and_then(|field| field.text(reader));
    section.close(reader.report);
    Some(SiteLayout::OriginPath { prefix: prefix?, origin: origin? })
}

/// A prefix, as S3 has it: without a slash in front, with one at its end.
fn prefix(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let text = field.text(reader)?;
    let inner = text.trim_matches('/');
    if inner.is_empty() {
        let sentence = format!("`{text}` is the whole bucket; write the prefix that the builds lie under, `releases/`");
        field.error(reader.report, sentence);
        return None;
    }
    Some(format!("{inner}/"))
}

/// S3: 3 to 63 lower-case letters, digits, `.` and `-`, with a letter or digit at both ends.
fn bucket_name(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let name = field.text(reader)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_name = (3..=63).contains(&name.len()) && name.chars().all(fits);
    if !is_name || !ends(name.chars().next()) || !ends(name.chars().next_back()) {
        field.error(
            reader.report,
            format!(
                "`{name}` cannot be the name of a bucket; those have 3 to 63 lower-case letters, digits, `.` and `-`, \
                 without `s3://`"
            ),
        );
    }
    Some(name)
}

fn distribution_id(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let id = field.text(reader)?;
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    if id.is_empty() || !id.chars().all(fits) {
        field.error(
            reader.report,
            format!(
                "`{id}` is not the id of a distribution; those are upper-case letters and digits, such as `E2QWRUHEXAMPLE`"
            ),
        );
    }
    Some(id)
}

fn paths(field: Field<'_>, reader: &mut Reader<'_>) -> Vec<String> {
    let items = field.filled_list(reader.report).unwrap_or_default();
    let paths = items.into_iter().filter_map(|item| {
        let path = item.text(reader)?;
        // CloudFront takes `*` only at the end of a path.
        let star = path.find('*');
        if !path.starts_with('/') || star.is_some_and(|at| at + 1 < path.len()) {
            item.error(
                reader.report,
                format!("`{path}` is no path to invalidate; it begins with `/` and has `*` at its end only"),
            );
        }
        Some(path)
    });
    paths.collect()
}

fn deletes(field: Field<'_>, reader: &mut Reader<'_>) -> Option<SiteDeletes> {
    let word = field.text(reader)?;
    match word.as_str() {
        "last" => Some(SiteDeletes::Last),
        "never" => Some(SiteDeletes::Never),
        _ => {
            field.error(
                reader.report,
                format!(
                    "`{word}` is not when objects are deleted; write `last` (as `aws s3 sync --delete`, after everything is \
                     copied) or `never`"
                ),
            );
            None
        }
    }
}
