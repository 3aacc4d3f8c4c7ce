//! What a look at a static site finds: plain data.

use std::time::Duration;

use jiff::Timestamp;

use super::builds::Build;
use super::manifest::Manifest;
use super::object::Listing;
use super::versions::{Point, Versions};

/// What is answered for `/` where the distribution names nothing: what builds call it.
const ENTRY: &str = "index.html";

/// A static site as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The bucket's name.
    pub bucket: String,
    /// The distribution's id.
    pub distribution: String,
    /// How its releases are kept.
    pub layout: Layout,
    /// The paths that `CloudFront` is told to forget.
    pub invalidate: Vec<String>,
    /// What becomes of live objects that the release does not have.
    pub extra: super::manifest::Extra,
}

/// How the releases of a static site are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
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

impl SiteSpec {
    /// What it is, for people: `static site shop-web`.
    pub fn title(&self) -> String {
        match &self.layout {
            Layout::Releases { live, .. } if !live.is_empty() => {
                format!("static site {}/{}", self.bucket, live.trim_end_matches('/'))
            }
            Layout::Releases { .. } | Layout::OriginPath { .. } | Layout::Versions => {
                format!("static site {}", self.bucket)
            }
        }
    }

    /// The prefix that visitors see, as far as it is fixed.
    pub fn live(&self) -> &str {
        match &self.layout {
            Layout::Releases { live, .. } => live,
            Layout::OriginPath { .. } | Layout::Versions => "",
        }
    }
}

/// What was found for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteInventory {
    /// What was looked for.
    pub spec: SiteSpec,
    /// The distribution.
    pub distribution: Distribution,
    /// The page that browsers begin with, as it is live.
    pub entry: Option<EntryPage>,
    /// Whether the bucket keeps what is written over and deleted.
    pub versioning: Versioning,
    /// What could be gone back to.
    pub found: Found,
    /// When the newest invalidation of everything was ordered that is completed, if one is remembered.
    pub invalidated_at: Option<Timestamp>,
}

/// What could be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Builds under a prefix.
    Builds(FoundBuilds),
    /// Points in time.
    Versions(FoundVersions),
}

/// The builds of a site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundBuilds {
    /// Every build, newest first.
    pub builds: Vec<Build>,
    /// The name of the build that is live; `None` where it is none of those that were compared.
    pub live: Option<String>,
    /// When the live objects were last written, or the distribution was last changed.
    pub changed_at: Option<Timestamp>,
    /// What is live, where builds are copied.
    pub present: Listing,
    /// What going to the chosen build takes, or what it has where nothing is copied; `None` where none could be chosen, or
    /// nobody asked.
    pub manifest: Option<Manifest>,
    /// How many objects are the same on both sides and had their headers not compared.
    pub untold: u64,
}

/// The points in time that a bucket's versions know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundVersions {
    /// After each burst of writes, newest first.
    pub points: Vec<Point>,
    /// All versions.
    pub versions: Versions,
    /// What going to the chosen point takes; `None` where none could be chosen.
    pub manifest: Option<Manifest>,
}

/// Whether a bucket keeps what is written over and deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// It does.
    Enabled,
    /// It does no more: what is written now replaces the version without a name.
    Suspended,
    /// It never did.
    Off,
    /// Rollbot may not ask.
    Unknown,
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Its ARN.
    pub arn: String,
    /// The `ETag` of its configuration.
    pub etag: String,
    /// `Deployed` or `InProgress`.
    pub status: String,
    /// Whether it answers at all.
    pub enabled: Enabled,
    /// The names that visitors know it by; its own where there is no other.
    pub names: Vec<String>,
    /// Each origin's id and path.
    pub origins: Vec<(String, String)>,
    /// What is answered for `/`.
    pub root: Option<String>,
    /// When its configuration was last changed.
    pub changed_at: Option<Timestamp>,
}

/// Whether a distribution answers at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// It does.
    Yes,
    /// Somebody has switched it off.
    No,
}

/// The page that browsers begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPage {
    /// Its name: `index.html`.
    pub name: String,
    /// How long browsers may keep it.
    pub kept: KeptFor,
}

/// How long browsers may keep a page without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptFor {
    /// They ask every time.
    Nothing,
    /// For so long.
    Time(Duration),
    /// Nothing says so; browsers guess from the page's age.
    Unsaid,
}

impl Distribution {
    /// The path of an origin; `None` where there is no such origin.
    pub fn origin_path(&self, origin: &str) -> Option<&str> {
        self.origins.iter().find(|(id, _)| id == origin).map(|(_, path)| path.as_str())
    }

    /// The name of the page that browsers begin with.
    pub fn entry(&self) -> &str {
        self.root.as_deref().map_or(ENTRY, |root| root.trim_start_matches('/'))
    }

    /// The name that visitors know it by.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

impl KeptFor {
    /// What `Cache-Control` says.
    pub fn of(cache_control: Option<&str>) -> Self {
        let Some(header) = cache_control else { return Self::Unsaid };
        let header = header.to_ascii_lowercase();
        let directives: Vec<&str> = header.split(',').map(str::trim).collect();
        if directives.iter().any(|directive| matches!(*directive, "no-cache" | "no-store")) {
            return Self::Nothing;
        }
        let age = directives.iter().find_map(|directive| directive.strip_prefix("max-age="));
        match age.and_then(|age| age.trim_matches('"').parse::<u64>().ok()) {
            Some(0) => Self::Nothing,
            Some(seconds) => Self::Time(Duration::from_secs(seconds)),
            None => Self::Unsaid,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, KeptFor::Unsaid)]
    #[case(Some("public"), KeptFor::Unsaid)]
    #[case(Some("no-cache"), KeptFor::Nothing)]
    #[case(Some("max-age=0, must-revalidate"), KeptFor::Nothing)]
    #[case(Some("Public, Max-Age=300"), KeptFor::Time(Duration::from_mins(5)))]
    #[case(Some("s-maxage=60"), KeptFor::Unsaid)]
    fn how_long_a_page_is_kept(#[case] header: Option<&str>, #[case] kept: KeptFor) {
        assert_eq!(KeptFor::of(header), kept);
    }
}
