//! Names that people type after `/rollback`, and the nearest one to what they typed.

use crate::incident::ids::IncidentId;

/// The first words of commands: an environment of that name could not be reached.
pub const RESERVED_VERBS: [&str; 9] =
    ["status", "releases", "history", "freeze", "unfreeze", "stop", "report", "note", "help"];

/// The words that introduce the parts of a command.
pub const KEYWORDS: [&str; 4] = ["to", "only", "with", "because"];

/// Why a name cannot be typed as one word of a command; `None` if it can.
pub(super) fn unusable(name: &str) -> Option<String> {
    if RESERVED_VERBS.contains(&name) {
        return Some(format!("`{name}` is a command of /rollback and cannot be a name; choose another"));
    }
    if KEYWORDS.contains(&name) {
        return Some(format!("`{name}` is a keyword of /rollback and cannot be a name; choose another"));
    }
    if IncidentId::is_one(name) {
        return Some(format!("`{name}` looks like the id of an incident and cannot be a name; choose another"));
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let goes_on_well =
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'));
    if starts_well && goes_on_well {
        None
    } else {
        Some(format!(
            "`{name}` cannot be a name; write one word of a-z, 0-9, `.`, `_` and `-` that starts with a letter or digit"
        ))
    }
}

/// The candidate that `word` was probably meant to be, if one is near: about one slip in three characters.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let longer = word.chars().count().max(candidate.chars().count());
            *distance <= (longer / 3).max(1) && *distance < longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a sentence about an unknown name: the nearest one, else all of them.
pub(super) fn instead<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>, all: &str) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match (nearest(word, candidates.iter().copied()), candidates.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => format!("{all} none"),
        (None, _) => {
            let quoted: Vec<String> = candidates.iter().map(|candidate| format!("`{candidate}`")).collect();
            format!("{all} {}", quoted.join(", "))
        }
    }
}

/// `wanted`, or `wanted-2`, `wanted-3`, … if it is taken.
pub(super) fn unique(wanted: &str, taken: &[String]) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("chanels", Some("channels"))]
    #[case("Prod", Some("prod"))]
    #[case("x", None)]
    #[case("elephants", None)]
    #[case("porduction", None)]
    fn the_nearest_name_is_offered_only_if_it_is_near(#[case] word: &str, #[case] near: Option<&str>) {
        assert_eq!(nearest(word, ["channels", "prod", "ab"]), near);
    }

    #[rstest]
    #[case("api")]
    #[case("api.v2_blue-1")]
    #[case("2fa")]
    fn one_plain_word_is_a_name(#[case] name: &str) {
        assert_eq!(unusable(name), None);
    }

    #[test]
    fn reserved_words_and_what_is_not_one_word_are_no_names() {
        let others = ["", "two words", "API", "-x", "--dry-run", ".", "ä", "rb-7k3fq"];
        for name in RESERVED_VERBS.into_iter().chain(KEYWORDS).chain(others) {
            assert!(unusable(name).is_some(), "`{name}` was taken as a name");
        }
    }
}
