//! Invalidations: paths that edges shall forget, and when they have.
//!
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::json::iso;
use super::super::refusal::Refusal;
use super::config::listed;

/// The longest path that may be invalidated.
const LONGEST: usize = 4000;

/// An invalidation.
#[derive(Debug, Clone)]
pub(super) struct Invalidation {
    pub(super) id: String,
    pub(super) caller_reference: String,
    pub(super) paths: Vec<String>,
    pub(super) created: Timestamp,
    /// When all edges have forgotten; nothing when they have.
    pub(super) due: Option<Timestamp>,
}

impl Invalidation {
    /// `InProgress` or `Completed`.
    pub(super) fn status(&self) -> &'static str {
        if self.due.is_some() { "InProgress" } else { "Completed" }
    }

    /// How many of its paths end with a wildcard.
    pub(super) fn wildcards(&self) -> usize {
        self.paths.iter().filter(|path| path.ends_with('*')).count()
    }

    /// Whether it is about what an edge keeps for this path.
    pub(super) fn is_about(&self, kept: &str) -> bool {
        self.paths.iter().any(|path| match path.strip_suffix('*') {
            Some(prefix) => kept.starts_with(prefix),
            None => kept == path,
        })
    }

    /// `Invalidation`.
    pub(super) fn described(&self) -> Value {
        let paths: Vec<Value> = self.paths.iter().map(|path| json!(path)).collect();
        json!({
            "Id": self.id,
            "Status": self.status(),
            "CreateTime": iso(self.created),
            "InvalidationBatch": {"Paths": listed(&paths), "CallerReference": self.caller_reference},
        })
    }

    /// `InvalidationSummary`.
    pub(super) fn summary(&self) -> Value {
        json!({"Id": self.id, "CreateTime": iso(self.created), "Status": self.status()})
    }
}

/// Refuses paths that cannot be invalidated.
pub(super) fn check(paths: &[String]) -> Result<(), Refusal> {
    let is_good = |path: &String| {
        let inside = path.strip_suffix('*').unwrap_or(path);
        path.starts_with('/')
            && path.len() <= LONGEST
            && !inside.contains('*')
            && path.is_ascii()
            && !path.contains(' ')
    };
    if paths.is_empty() || !paths.iter().all(is_good) {
        let message = "Your request contains one or more invalid invalidation paths.";
        return Err(Refusal::new("InvalidArgument", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::everything("/*", "/assets/a.js", true)]
    #[case::itself("/index.html", "/index.html", true)]
    #[case::another("/index.html", "/index.html5", false)]
    #[case::with_any_query("/index.html*", "/index.html?v=2", true)]
    #[case::without_query("/index.html", "/index.html?v=2", false)]
    #[case::the_root_is_an_object_like_others("/", "/index.html", false)]
    fn an_invalidation_is_about_its_paths(#[case] path: &str, #[case] kept: &str, #[case] wanted: bool) {
        let at: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        let invalidation = Invalidation {
            id: "I1".to_owned(),
            caller_reference: "r".to_owned(),
            paths: vec![path.to_owned()],
            created: at,
            due: Some(at),
        };
        assert_eq!(invalidation.is_about(kept), wanted);
    }

    #[rstest]
    #[case(&["/index.html", "/assets/*"], true)]
    #[case(&["index.html"], false)]
    #[case(&["/assets/*.js"], false)]
    #[case(&["/a b"], false)]
    #[case(&[], false)]
    fn paths_are_checked(#[case] paths: &[&str], #[case] good: bool) {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(check(&paths).is_ok(), good);
    }
}
