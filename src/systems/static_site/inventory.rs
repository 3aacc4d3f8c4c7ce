//! What a look at a static site finds: plain data.

use std::time::Duration;

use jiff::Timestamp;

use super::builds::{Build, Live, Opaque};
use super::manifest::{Manifest, Seal};
use super::object::Listing;
use super::versions::{Point, Versions};
use crate::incident::site::number;

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
    /// Why that cannot be told, where a build looks like what is live.
    pub opaque: Option<Opaque>,
    /// When the live objects were last written, or the distribution was last changed.
    pub changed_at: Option<Timestamp>,
    /// What is live, where builds are copied.
    pub present: Listing,
    /// What going to the chosen build takes, or what it has where nothing is copied; `None` where none could be chosen, or
    /// nobody asked.
    pub manifest: Option<Manifest>,
    /// What was not looked at.
    pub untold: Untold,
}

impl FoundBuilds {
    /// Which build is live, as far as it can be told.
    pub fn live(&self) -> Live<'_> {
        match (&self.live, self.opaque) {
            (Some(name), _) => Live::Build(name),
            (None, Some(opaque)) => Live::Untold(opaque),
            (None, None) => Live::NoneOfThem,
        }
    }
}

/// How many single objects were not looked at, because a site may have very many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Untold {
    /// Objects that are the same on both sides, whose headers were not compared.
    pub headers: u64,
    /// Pages and empty objects that are copied: a website may redirect from them, and a copy does not keep that.
    pub redirects: u64,
    /// Objects that are copied, where objects are not all encrypted alike.
    pub seals: u64,
}

impl Untold {
    /// What whoever approves should know of it, in sentences.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let headers = "unchanged objects, the headers were not compared.";
        let redirects = "pages and empty objects that are copied, it was not looked whether they redirect; a copy does not \
                         keep that.";
        let seals = "objects that are copied, it was not looked how they are encrypted; the copies are encrypted as the \
                     bucket does it.";
        let counted = [(self.headers, headers), (self.redirects, redirects), (self.seals, seals)];
        counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("Of {} {what}", number(count)))
    }
}

/// The points in time that a bucket's versions know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundVersions {
    /// The folder of the bucket that the distribution takes its objects from: empty for all of it, else it ends in `/`.
    /// `None` where nothing says so; then nothing was listed.
    pub folder: Option<String>,
    /// What was not looked at.
    pub untold: Untold,
    /// After each burst of writes, newest first.
    pub points: Vec<Point>,
    /// When what people ask for was last written or deleted.
    pub changed_at: Option<Timestamp>,
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
    /// Where it takes objects from.
    pub origins: Vec<Origin>,
    /// The id of the origin of what no other behaviour is for.
    pub default: Option<String>,
    /// What is answered for `/`.
    pub root: Option<String>,
    /// When its configuration was last changed.
    pub changed_at: Option<Timestamp>,
}

/// Where a distribution takes objects from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its id within the distribution.
    pub id: String,
    /// What stands before every path: empty, or `/live`.
    pub path: String,
    /// Its host: `shop-web.s3.eu-north-1.amazonaws.com`.
    pub host: String,
}

impl Origin {
    /// Whether it is `bucket`, as a bucket or as a website.
    pub fn is_of(&self, bucket: &str) -> bool {
        let rest = self.host.strip_prefix(bucket);
        rest.is_some_and(|rest| [".s3.", ".s3-"].iter().any(|service| rest.starts_with(service)))
    }

    /// Its path as a prefix: `/releases/41` is `releases/41/`.
    pub fn folder(&self) -> String {
        folder(&self.path)
    }
}

/// An origin path as a prefix.
pub fn folder(path: &str) -> String {
    let inner = path.trim_matches('/');
    if inner.is_empty() { String::new() } else { format!("{inner}/") }
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
    /// How it is encrypted.
    pub seal: Seal,
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
        self.origins.iter().find(|other| other.id == origin).map(|origin| origin.path.as_str())
    }

    /// The folder of `bucket` that visitors see: that of the default behaviour's origin or, where that is none of the
    /// bucket, the one that all other origins of it have. `None` where nothing says so.
    pub fn folder_of(&self, bucket: &str) -> Option<String> {
        let of_bucket = || self.origins.iter().filter(|origin| origin.is_of(bucket));
        if let Some(default) = of_bucket().find(|origin| Some(&origin.id) == self.default.as_ref()) {
            return Some(default.folder());
        }
        let mut folders = of_bucket().map(Origin::folder);
        let first = folders.next()?;
        folders.all(|other| other == first).then_some(first)
    }

    /// The folders of `bucket` that some visitors see beside `folder`.
    pub fn folders_beside<'a>(&'a self, bucket: &'a str, folder: &'a str) -> impl Iterator<Item = String> + use<'a> {
        let of_bucket = self.origins.iter().filter(move |origin| origin.is_of(bucket));
        of_bucket.map(Origin::folder).filter(move |other| other != folder)
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

    fn distribution(default: Option<&str>, origins: &[(&str, &str, &str)]) -> Distribution {
        let origin = |(id, host, path): &(&str, &str, &str)| Origin {
            id: (*id).to_owned(),
            path: (*path).to_owned(),
            host: (*host).to_owned(),
        };
        Distribution {
            arn: String::new(),
            etag: String::new(),
            status: "Deployed".to_owned(),
            enabled: Enabled::Yes,
            names: Vec::new(),
            origins: origins.iter().map(origin).collect(),
            default: default.map(str::to_owned),
            root: None,
            changed_at: None,
        }
    }

    const WEB: &str = "shop-web.s3.eu-north-1.amazonaws.com";
    const WEBSITE: &str = "shop-web.s3-website-eu-west-1.amazonaws.com";

    #[rstest]
    #[case::the_whole_bucket(Some("web"), &[("web", WEB, "")], Some(""))]
    #[case::the_default_origin(Some("web"), &[("old", WEB, "/old"), ("web", WEB, "/live")], Some("live/"))]
    #[case::a_website(Some("web"), &[("web", WEBSITE, "/live")], Some("live/"))]
    #[case::the_only_one_of_the_bucket(Some("api"), &[("api", "api.example.com", "/v1"), ("web", WEB, "/live")], Some("live/"))]
    #[case::two_of_the_bucket(Some("api"), &[("api", "api.example.com", ""), ("a", WEB, "/a"), ("b", WEB, "/b")], None)]
    #[case::another_bucket(Some("web"), &[("web", "shop-web-logs.s3.eu-north-1.amazonaws.com", "/live")], None)]
    fn which_folder_of_the_bucket_visitors_see(
        #[case] default: Option<&str>,
        #[case] origins: &[(&str, &str, &str)],
        #[case] folder: Option<&str>,
    ) {
        assert_eq!(distribution(default, origins).folder_of("shop-web").as_deref(), folder);
    }

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
