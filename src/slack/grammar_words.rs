//! From what Slack sends to the words that somebody typed.
//!
//! With `should_escape` Slack sends `&`, `<` and `>` as entities, and people, channels and links in angle brackets;
//! phones turn `--` into a dash and quotes into curly ones. What is left here is what the person meant to type.

use super::mrkdwn::foreign;

/// One word, twice: as it was typed, for reasons, and bare of quotes and punctuation, for names and keywords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As typed, decoded.
    pub(super) raw: String,
    /// Plain dashes, no quotes around it, no punctuation at its ends.
    pub(super) plain: String,
}

/// A word that begins with dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flag {
    /// `--dry-run`.
    DryRun,
    /// `--dry`, which is `--dry-run` if `run` follows.
    Dry,
    /// `--emergency`.
    Emergency,
    /// `--help`.
    Help,
    /// Another one, without its dashes.
    Other(String),
}

/// The words of a command's text.
pub(super) fn words(text: &str) -> Vec<Word> {
    decode(text).split_whitespace().map(|raw| Word { raw: raw.to_owned(), plain: plain(raw) }).collect()
}

impl Word {
    /// The flag that this is, if it begins with dashes.
    pub(super) fn flag(&self) -> Option<Flag> {
        let name = self.plain.strip_prefix('-')?.trim_start_matches('-');
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match letters.to_ascii_lowercase().as_str() {
            "dryrun" => Flag::DryRun,
            "dry" => Flag::Dry,
            "emergency" => Flag::Emergency,
            "help" | "h" => Flag::Help,
            _ => Flag::Other(name.to_ascii_lowercase()),
        })
    }

    /// Whether this is `other`, whatever the case.
    pub(super) fn is(&self, other: &str) -> bool {
        self.plain.eq_ignore_ascii_case(other)
    }
}

/// Text without quotes around it, if it bears them on both sides.
pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix(is_quote).and_then(|rest| rest.strip_suffix(is_quote)).map(str::trim);
    match inner {
        Some(inner) if !inner.contains(is_double_quote) => inner,
        _ => text,
    }
}

/// The start of what somebody typed, for repeating it in a sentence of mrkdwn.
pub(super) fn excerpt(text: &str) -> String {
    foreign(text, 48)
}

/// Replaces Slack's bracketed forms and entities, and drops what nobody can see.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        decoded.push_str(before);
        if let Some((form, behind)) = after.split_once('>').filter(|(form, _)| !form.contains('<')) {
            decoded.push_str(&spoken(form));
            rest = behind;
        } else {
            decoded.push('<');
            rest = after;
        }
    }
    decoded.push_str(rest);
    let decoded = decoded.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    decoded.chars().filter(|c| c.is_whitespace() || !(c.is_control() || is_invisible(*c))).collect()
}

/// What a bracketed form of Slack's shows on the screen: `@U1|ann` is `@ann`, `http://a.example|a.example` its label.
fn spoken(form: &str) -> String {
    let (target, label) = form.split_once('|').unwrap_or((form, ""));
    let sign = target.chars().next();
    match (sign, label) {
        (Some('@' | '#'), "") => target.to_owned(),
        (Some(sign @ ('@' | '#')), label) => format!("{sign}{}", label.trim_start_matches(sign)),
        (Some('!'), "") => format!("@{}", target.trim_start_matches('!').replace('^', " ")),
        (Some(_) | None, "") => target.to_owned(),
        (Some(_) | None, label) => label.to_owned(),
    }
}

fn plain(raw: &str) -> String {
    let dashed = with_plain_dashes(raw);
    let is_around =
        |c: char| is_quote(c) || matches!(c, '*' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '[' | ']' | '=');
    // A question mark alone asks for help.
    if dashed == "?" {
        return dashed;
    }
    dashed.trim_matches(is_around).trim_end_matches(|c| c == '.' || is_around(c)).to_owned()
}

/// A long dash at the start is two short ones, as typed before the phone joined them; elsewhere a dash is a dash.
fn with_plain_dashes(raw: &str) -> String {
    let start = raw.trim_start_matches(is_quote);
    let name = start.trim_start_matches(is_dash);
    let lead = start.strip_suffix(name).unwrap_or_default();
    let lead = match lead {
        "" => "",
        "-" | "\u{2010}" | "\u{2011}" | "\u{2212}" => "-",
        _ => "--",
    };
    let name: String = name.chars().map(|c| if is_dash(c) { '-' } else { c }).collect();
    format!("{lead}{name}")
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

fn is_quote(c: char) -> bool {
    is_double_quote(c) || matches!(c, '\'' | '`' | '\u{2018}'..='\u{201b}' | '\u{2039}' | '\u{203a}')
}

fn is_double_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
}

/// Zero-width characters and those that turn the direction of text around.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a &lt;b&gt; &amp; c", "a <b> & c")]
    #[case("&amp;lt;", "&lt;")]
    #[case("<@U1|ann> and <@U2>", "@ann and @U2")]
    #[case("<#C1|42>", "#42")]
    #[case("<http://api.example.com|api.example.com>", "api.example.com")]
    #[case("<https://example.com/a?b=c>", "https://example.com/a?b=c")]
    #[case("<!here> <!subteam^S1|@sre>", "@here @sre")]
    #[case("a < b <", "a < b <")]
    #[case("a < b <@U1|ann>", "a < b @ann")]
    #[case("p\u{200b}rod\u{202e}", "prod")]
    fn slack_forms_are_read_as_they_look(#[case] sent: &str, #[case] seen: &str) {
        assert_eq!(decode(sent), seen);
    }

    #[rstest]
    #[case("—dry-run", Some(Flag::DryRun))]
    #[case("–Dry—Run.", Some(Flag::DryRun))]
    #[case("-dryrun", Some(Flag::DryRun))]
    #[case("--dry_run", Some(Flag::DryRun))]
    #[case("“--emergency”", Some(Flag::Emergency))]
    #[case("--dyr-run", Some(Flag::Other("dyr-run".to_owned())))]
    #[case("dry-run", None)]
    fn flags_survive_phones(#[case] typed: &str, #[case] flag: Option<Flag>) {
        assert_eq!(words(typed)[0].flag(), flag);
    }

    #[rstest]
    #[case("\"it is down\"", "it is down")]
    #[case("“it is down”", "it is down")]
    #[case("it is \"down\"", "it is \"down\"")]
    #[case("\"up\" and \"down\"", "\"up\" and \"down\"")]
    #[case("\"", "\"")]
    fn only_quotes_around_the_whole_are_dropped(#[case] typed: &str, #[case] meant: &str) {
        assert_eq!(unquoted(typed), meant);
    }
}
