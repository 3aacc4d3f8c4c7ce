//! The reason that CodePipeline keeps beside a disabled transition.
//!
//! CodePipeline takes 1 to 300 characters of `[a-zA-Z0-9!@ \(\)\.\*\?\-]` for it (botocore, `DisabledReason`): no
//! colon, slash, comma, underscore or quote. Rollbot's own reasons begin with its name and the freeze's, so that it
//! knows its work again and leaves that of others alone.

use crate::incident::ids::FreezeId;

/// The longest reason that CodePipeline takes, in characters.
const LONGEST: usize = 300;

/// What every reason of this freeze begins with.
pub fn mark(freeze: &FreezeId) -> String {
    format!("Rollbot {freeze}")
}

/// Whether `reason` is one that Rollbot gave for this freeze.
pub fn is_ours(reason: Option<&str>, freeze: &FreezeId) -> bool {
    let Some(rest) = reason.and_then(|reason| reason.strip_prefix(&mark(freeze))) else { return false };
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The reason for `freeze`: who holds it and why, in what CodePipeline takes. What it does not take becomes a space, and
/// a comma or colon between words a dash.
pub fn reason(freeze: &FreezeId, by: &str, incident: Option<&str>, why: Option<&str>) -> String {
    let occasion = incident.map(|incident| format!(" for {incident}")).unwrap_or_default();
    let why = why.map(|why| format!(" - {why}")).unwrap_or_default();
    let text = format!("{}{occasion} by {by}{why}", mark(freeze));
    let mut clean = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '!' | '@' | '(' | ')' | '.' | '*' | '?' | '-' => clean.push(c),
            '_' | '/' | ':' => clean.push('-'),
            _ if clean.ends_with(' ') => {}
            _ => clean.push(' '),
        }
    }
    clean.chars().take(LONGEST).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn id() -> FreezeId {
        FreezeId::new("fz-7k3fq")
    }

    #[rstest]
    #[case(
        "anna",
        Some("rb-9xk2p"),
        Some("5xx since 12:10, see <#C0INC>"),
        "Rollbot fz-7k3fq for rb-9xk2p by anna - 5xx since 12-10 see C0INC"
    )]
    #[case("anna_b", None, None, "Rollbot fz-7k3fq by anna-b")]
    #[case("Åsa", None, Some("\n\t“quoted”\n"), "Rollbot fz-7k3fq by sa - quoted")]
    fn a_reason_is_what_codepipeline_takes(
        #[case] by: &str,
        #[case] incident: Option<&str>,
        #[case] why: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(reason(&id(), by, incident, why), expected);
    }

    #[test]
    fn a_long_reason_is_cut_and_stays_ours() {
        let long = reason(&id(), "anna", None, Some(&"x, ".repeat(500)));
        assert!((290..=300).contains(&long.len()), "{}", long.len());
        assert!(is_ours(Some(&long), &id()));
    }

    #[rstest]
    #[case(None, false)]
    #[case(Some("Rollbot fz-7k3fq by anna"), true)]
    #[case(Some("Rollbot fz-7k3fq"), true)]
    #[case(Some("Rollbot fz-7k3fqx by anna"), false)]
    #[case(Some("Rollbot fz-22222 by anna"), false)]
    #[case(Some("Christmas"), false)]
    fn what_others_wrote_is_not_ours(#[case] reason: Option<&str>, #[case] ours: bool) {
        assert_eq!(is_ours(reason, &id()), ours);
    }
}
