//! In which order objects are written. Pure.
//!
//! A page names the assets that it needs. As long as a page never comes before its assets, and nothing is deleted before
//! every page is there and `CloudFront` has forgotten the old ones, nobody meets a broken site on the way.

/// What is written together; the next group begins when all of the one before is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Assets that are not live: nobody asks for them yet.
    NewAssets,
    /// Assets that are live with other content, because their names bear no hash.
    ChangedAssets,
    /// What browsers begin with: pages, manifests, service workers.
    Pages,
}

/// The group of `key`; `was` is whether something is live under it.
pub fn group(key: &str, was: Was) -> Group {
    match (is_page(key), was) {
        (true, Was::Live | Was::Absent) => Group::Pages,
        (false, Was::Live) => Group::ChangedAssets,
        (false, Was::Absent) => Group::NewAssets,
    }
}

/// Whether something is live under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// Yes.
    Live,
    /// No.
    Absent,
}

/// Whether browsers begin with it: a page, a web app's manifest, a service worker, a page whose key has no extension.
pub fn is_page(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let is_document = matches!(extension, None | Some("html" | "htm" | "webmanifest"));
    let stem = name.split('.').next().unwrap_or_default();
    let is_worker = extension == Some("js")
        && (stem == "sw" || stem.ends_with("service-worker") || stem.ends_with("serviceworker"));
    let is_manifest = matches!(name.as_str(), "manifest.json" | "asset-manifest.json" | "version.json");
    is_document || is_worker || is_manifest
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::page("index.html", true)]
    #[case::deep_page("docs/a.HTML", true)]
    #[case::without_extension("about", true)]
    #[case::manifest("site.webmanifest", true)]
    #[case::old_manifest("manifest.json", true)]
    #[case::worker("service-worker.js", true)]
    #[case::short_worker("sw.js", true)]
    #[case::asset("assets/index-3c9d5e71.js", false)]
    #[case::data("assets/data.json", false)]
    #[case::named_like_one("assets/swatch.js", false)]
    fn what_browsers_begin_with(#[case] key: &str, #[case] page: bool) {
        assert_eq!(is_page(key), page);
    }

    #[test]
    fn new_assets_come_first_and_pages_last() {
        let order =
            [group("assets/new.js", Was::Absent), group("assets/app.js", Was::Live), group("new.html", Was::Absent)];
        assert!(order.is_sorted() && order[0] < order[1] && order[1] < order[2]);
    }
}
