//! Builds under a prefix: which of them is live, and which is gone back to. Pure.
//!
//! Nothing in S3 says what was live when. A build is older than another if it was uploaded earlier, so the release before
//! is the newest build that was uploaded before the live one. Which one is live is told by comparing every object; where
//! none fits, that is said, and nobody guesses what was before it.

use jiff::Timestamp;

use super::object::{Listing, is_of_parts};
use crate::systems::planned::PlanRefusal;

/// The shortest piece of a name that names a build, and of a sha that names a commit.
const SHORTEST: usize = 4;
const SHORTEST_SHA: usize = 7;

/// A build under a prefix of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What its prefix is called: `2026-11-20-3c9d5e71`.
    pub name: String,
    /// When its newest object was uploaded; of a build that was not listed whole, when its first was.
    pub uploaded_at: Option<Timestamp>,
    /// How many objects and bytes it has; `None` where it was not listed whole.
    pub size: Option<(u64, u64)>,
}

/// How a build and the live site compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Some object of the build is not live.
    Other,
    /// Every object of the build is live by its size, and not by its `ETag`.
    OfSize,
    /// The same, and all these objects were uploaded in parts, on one side or the other.
    InParts,
    /// Every object of the build is live, and so is something else: what earlier builds left.
    Within,
    /// The two are the same.
    Exact,
}

/// How `build` and the live site compare. An object that was uploaded in parts is told by its size alone, because a copy
/// of it bears another `ETag`; a build of nothing else is not told by that.
pub fn likeness(build: &Listing, live: &Listing) -> Likeness {
    let (mut is_told, mut differs) = (false, false);
    for (key, object) in build {
        let Some(present) = live.get(key).filter(|present| present.size == object.size) else { return Likeness::Other };
        let is_same = present.etag == object.etag;
        is_told |= is_same && !is_of_parts(&object.etag);
        differs |= !is_same && !is_of_parts(&object.etag) && !is_of_parts(&present.etag);
    }
    match (build.is_empty(), differs, is_told) {
        (true, ..) => Likeness::Other,
        (false, true, _) => Likeness::OfSize,
        (false, false, false) => Likeness::InParts,
        (false, false, true) if build.len() == live.len() => Likeness::Exact,
        (false, false, true) => Likeness::Within,
    }
}

/// Which build is live, as far as a look can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live<'a> {
    /// The one of this name.
    Build(&'a str),
    /// None of those that were compared.
    NoneOfThem,
    /// One that looks like it is there, and `ETag`s cannot be compared.
    Untold(Opaque),
}

/// Why the `ETag`s of a build and of what is live cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// Objects are encrypted with a key of KMS.
    Sealed,
    /// Objects were uploaded in parts.
    InParts,
}

impl Opaque {
    /// Why, as the end of a sentence.
    fn why(self) -> &'static str {
        match self {
            Self::Sealed => {
                "its objects are encrypted with a key of KMS, so an ETag says nothing of what is in an object, and sizes \
                 alone prove nothing"
            }
            Self::InParts => {
                "its objects were uploaded in parts, so a copy bears another ETag than what it was copied from, and sizes \
                 alone prove nothing"
            }
        }
    }
}

impl<'a> Live<'a> {
    fn name(self) -> Option<&'a str> {
        match self {
            Self::Build(name) => Some(name),
            Self::NoneOfThem | Self::Untold(_) => None,
        }
    }
}

/// The commit that a build's name bears, if it bears one. A date is no commit.
pub fn commit(name: &str) -> Option<String> {
    let is_sha = |part: &&str| {
        (SHORTEST_SHA..=40).contains(&part.len())
            && part.bytes().all(|digit| digit.is_ascii_hexdigit())
            && !part.bytes().all(|digit| digit.is_ascii_digit())
    };
    let mut parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    parts.rfind(is_sha).map(str::to_lowercase)
}

/// A build to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The build.
    pub build: &'a Build,
    /// How it was found, as a sentence.
    pub how: String,
}

/// The build that `to` names; with `None` or `previous`, the one before the live one. `builds` are newest first, and
/// `prefix` is what they lie under, for what is said.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose<'a>(
    builds: &'a [Build],
    live: Live<'_>,
    prefix: &str,
    to: Option<&str>,
) -> Result<Choice<'a>, PlanRefusal> {
    match to.map(str::trim) {
        None | Some("") => previous(builds, live, prefix),
        Some(to) if to.eq_ignore_ascii_case("previous") => previous(builds, live, prefix),
        Some(to) => named(builds, prefix, to),
    }
}

fn previous<'a>(builds: &'a [Build], live: Live<'_>, prefix: &str) -> Result<Choice<'a>, PlanRefusal> {
    if builds.is_empty() {
        return Err(PlanRefusal::new(format!(
            "There is no build under {prefix}, so there is nothing to go back to. Have the pipeline keep its builds there."
        )));
    }
    if let Live::Untold(opaque) = live {
        return Err(PlanRefusal::new(format!(
            "Which of the builds under {prefix} is live cannot be told: {}. So nothing says which was before it. Name one \
             with `to <build>`: {}.",
            opaque.why(),
            some(builds)
        )));
    }
    let Some(place) = builds.iter().position(|build| Some(build.name.as_str()) == live.name()) else {
        return Err(PlanRefusal::new(format!(
            "What is live is none of the builds under {prefix}, so nothing says which was before it. Name one with \
             `to <build>`: {}.",
            some(builds)
        )));
    };
    let now = builds.get(place).map(|build| build.name.as_str()).unwrap_or_default();
    builds.get(place + 1).map_or_else(
        || {
            Err(PlanRefusal::new(format!(
                "{now} is live, and no build under {prefix} was uploaded before it. Name another with `to <build>`."
            )))
        },
        |build| {
            let how = format!("The newest build that was uploaded before {now}{}.", when(build));
            Ok(Choice { build, how })
        },
    )
}

fn named<'a>(builds: &'a [Build], prefix: &str, to: &str) -> Result<Choice<'a>, PlanRefusal> {
    let wanted = to.strip_prefix(prefix).unwrap_or(to).trim_matches('/');
    let chosen = |build: &'a Build| Choice { build, how: format!("The build that was asked for{}.", when(build)) };
    if let Some(build) = builds.iter().find(|build| build.name == wanted) {
        return Ok(chosen(build));
    }
    if let Ok(at) = wanted.to_ascii_uppercase().parse::<Timestamp>() {
        let before = builds.iter().find(|build| build.uploaded_at.is_some_and(|uploaded| uploaded <= at));
        return before.map_or_else(
            || {
                Err(PlanRefusal::new(format!(
                    "No build under {prefix} was uploaded before {to}. There are {}.",
                    some(builds)
                )))
            },
            |build| {
                Ok(Choice { build, how: format!("The newest build that was uploaded before {to}{}.", when(build)) })
            },
        );
    }
    let lower = wanted.to_lowercase();
    let names = |build: &&Build| {
        let of_commit = lower.len() >= SHORTEST_SHA
            && commit(&build.name).is_some_and(|commit| commit.starts_with(&lower) || lower.starts_with(&commit));
        of_commit || (lower.len() >= SHORTEST && build.name.to_lowercase().contains(&lower))
    };
    let found: Vec<&Build> = builds.iter().filter(names).collect();
    match found.as_slice() {
        [build] => Ok(chosen(build)),
        [] => Err(PlanRefusal::new(format!("There is no build `{to}` under {prefix}. There are {}.", some(builds)))),
        [_, _, ..] => Err(PlanRefusal::new(format!(
            "`{to}` names {} builds under {prefix}. Write more of one of their names.",
            found.len()
        ))),
    }
}

/// How many builds a refusal names.
const NAMED: usize = 5;

fn some(builds: &[Build]) -> String {
    if builds.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = builds.iter().take(NAMED).map(|build| build.name.as_str()).collect();
    let more = builds.len().saturating_sub(NAMED);
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

fn when(build: &Build) -> String {
    build.uploaded_at.map(|at| format!(" ({})", at.strftime("%-d %b %H:%M UTC"))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::object::Object;
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hour * 3_600).unwrap()
    }

    fn build(name: &str, hour: i64) -> Build {
        Build { name: name.to_owned(), uploaded_at: Some(at(hour)), size: Some((3, 300)) }
    }

    fn builds() -> Vec<Build> {
        vec![build("20261120-3c9d5e71", 3), build("20261118-2b7e4d60", 2), build("20261101-1a6f3c5d", 1)]
    }

    fn chosen(live: Option<&str>, to: Option<&str>) -> Result<String, String> {
        let builds = builds();
        let live = live.map_or(Live::NoneOfThem, Live::Build);
        let choice = choose(&builds, live, "releases/", to).map_err(|refusal| refusal.sentence)?;
        Ok(choice.build.name.clone())
    }

    #[rstest]
    #[case::previous(None, "20261118-2b7e4d60")]
    #[case::the_word(Some("previous"), "20261118-2b7e4d60")]
    #[case::name(Some("20261101-1a6f3c5d"), "20261101-1a6f3c5d")]
    #[case::prefix(Some("releases/20261101-1a6f3c5d/"), "20261101-1a6f3c5d")]
    #[case::sha(Some("1a6f3c5"), "20261101-1a6f3c5d")]
    #[case::whole_sha(Some("1a6f3c5d7e9b0a2c4d6e8f0a1b3c5d7e9f0a2b4c"), "20261101-1a6f3c5d")]
    #[case::part(Some("20261118"), "20261118-2b7e4d60")]
    #[case::time(Some("2023-11-15T00:30:00Z"), "20261118-2b7e4d60")]
    fn peer_04_a_build_is_named_in_many_ways(#[case] to: Option<&str>, #[case] name: &str) {
        assert_eq!(chosen(Some("20261120-3c9d5e71"), to), Ok(name.to_owned()));
    }

    #[rstest]
    #[case::unknown_live(None, None, "What is live is none of the builds under releases/")]
    #[case::nothing_before(Some("20261101-1a6f3c5d"), None, "no build under releases/ was uploaded before it")]
    #[case::no_such(
        Some("20261120-3c9d5e71"),
        Some("v99"),
        "There is no build `v99` under releases/. There are 20261120-3c9d5e71"
    )]
    #[case::ambiguous(Some("20261120-3c9d5e71"), Some("202611"), "names 3 builds")]
    #[case::too_early(None, Some("2020-01-01T00:00:00Z"), "No build under releases/ was uploaded before")]
    fn what_cannot_be_chosen_says_why(#[case] live: Option<&str>, #[case] to: Option<&str>, #[case] words: &str) {
        let refusal = chosen(live, to).unwrap_err();
        assert!(refusal.contains(words), "{refusal}");
    }

    #[rstest]
    #[case::sealed(Opaque::Sealed, "encrypted with a key of KMS")]
    #[case::in_parts(Opaque::InParts, "uploaded in parts")]
    fn where_etags_say_nothing_that_is_said_and_a_build_can_still_be_named(#[case] opaque: Opaque, #[case] why: &str) {
        let builds = builds();
        let live = Live::Untold(opaque);
        let refusal = choose(&builds, live, "releases/", None).unwrap_err().sentence;
        assert!(refusal.starts_with("Which of the builds under releases/ is live cannot be told"), "{refusal}");
        assert!(refusal.contains(why) && refusal.contains("`to <build>`: 20261120-3c9d5e71"), "{refusal}");
        assert_eq!(choose(&builds, live, "releases/", Some("1a6f3c5")).unwrap().build.name, "20261101-1a6f3c5d");
    }

    #[test]
    fn a_date_is_no_commit() {
        assert_eq!(commit("20261120-3c9d5e71"), Some("3c9d5e71".to_owned()));
        assert_eq!(commit("dist-prod-20261120"), None);
        assert_eq!(commit("v41"), None);
    }

    fn listing(objects: &[(&str, &str)]) -> Listing {
        let object = |etag: &str| Object { etag: etag.to_owned(), size: 1, modified: at(0), class: None };
        objects.iter().map(|(key, etag)| ((*key).to_owned(), object(etag))).collect()
    }

    #[rstest]
    #[case::exact(&[("a", "1"), ("b", "2")], &[("a", "1"), ("b", "2")], Likeness::Exact)]
    #[case::leftovers(&[("a", "1")], &[("a", "1"), ("b", "2")], Likeness::Within)]
    #[case::changed(&[("a", "1")], &[("a", "9")], Likeness::OfSize)]
    #[case::changed_beside_parts(&[("a", "1"), ("b", "2-3")], &[("a", "9"), ("b", "8")], Likeness::OfSize)]
    #[case::live_in_parts(&[("a", "1"), ("b", "2")], &[("a", "1"), ("b", "8-2")], Likeness::Exact)]
    #[case::half_deployed(&[("a", "1"), ("b", "2")], &[("a", "1")], Likeness::Other)]
    #[case::in_parts(&[("a", "1"), ("b", "2-3")], &[("a", "1"), ("b", "8")], Likeness::Exact)]
    #[case::nothing_told(&[("b", "2-3")], &[("b", "8")], Likeness::InParts)]
    #[case::empty(&[], &[], Likeness::Other)]
    fn which_build_is_live(#[case] build: &[(&str, &str)], #[case] live: &[(&str, &str)], #[case] like: Likeness) {
        assert_eq!(likeness(&listing(build), &listing(live)), like);
    }
}
