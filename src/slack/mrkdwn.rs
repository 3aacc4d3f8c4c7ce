//! The one place where foreign text becomes mrkdwn.
//!
//! Reasons, AWS's words, names of people and things are written by others. Slack has no escape for its formatting
//! characters, only for `& < >`, so these are escaped and the rest is *defused*: a zero-width space behind a character
//! that would begin or end formatting, an emoji or a call to everybody. Inside a word (`shop_prod`) nothing is touched,
//! so what people copy stays whole. Lengths count what is sent, escapes included, so a message of bounded parts is
//! bounded.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::incident::ids::{GroupId, UserId};
use crate::incident::policy::{Actor, Principal};

/// Renders as nothing and keeps its neighbours from being read together.
const DEFUSE: char = '\u{200b}';

/// Foreign prose on one line, at most `max` characters as sent; longer text ends in `…`.
pub fn foreign(text: &str, max: usize) -> String {
    let tame = one_line(text);
    let mut out = Bounded::new(max);
    let mut before = ' ';
    for (at, c) in tame.char_indices() {
        let rest = tame.get(at + c.len_utf8()..).unwrap_or_default();
        let after = rest.chars().next().unwrap_or(' ');
        let edge = !(before.is_alphanumeric() && after.is_alphanumeric());
        let piece: String = match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            // At the beginning of a line Slack reads `&gt;` as a quotation.
            '>' if before == ' ' => format!("{DEFUSE}&gt;"),
            '>' => "&gt;".to_owned(),
            '`' => "'".to_owned(),
            '*' | '_' | '~' if edge => format!("{DEFUSE}{c}{DEFUSE}"),
            '@' | '#' if before == ' ' || !before.is_alphanumeric() => format!("{c}{DEFUSE}"),
            ':' if names_an_emoji(rest) => format!("{c}{DEFUSE}"),
            _ => c.to_string(),
        };
        if !out.push(&piece) {
            break;
        }
        before = c;
    }
    out.finish()
}

/// Whether what follows a colon would make Slack draw an emoji: `tada:`.
fn names_an_emoji(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '+' | '-' | '\''))
    })
}

/// Foreign text as it is, in a code span: ids, ARNs, images, what AWS said.
pub fn code(text: &str, max: usize) -> String {
    let tame = one_line(text);
    let mut out = Bounded::new(max.saturating_sub(2));
    for c in tame.chars() {
        let fits = match c {
            '&' => out.push("&amp;"),
            '<' => out.push("&lt;"),
            '>' => out.push("&gt;"),
            '`' => out.push("'"),
            _ => out.push(c.encode_utf8(&mut [0; 4])),
        };
        if !fits {
            break;
        }
    }
    let inner = out.finish();
    if inner.is_empty() { "–".to_owned() } else { format!("`{inner}`") }
}

/// Foreign text for `plain_text` (headers, buttons), where nothing is formatted. Slack decodes entities there on some
/// clients and not on others, so the three characters are replaced by ones that look like them.
pub fn plain(text: &str, max: usize) -> String {
    let mut out = Bounded::new(max);
    for c in one_line(text).chars() {
        let c = match c {
            '<' => '‹',
            '>' => '›',
            '&' => '＆',
            _ => c,
        };
        if !out.push(c.encode_utf8(&mut [0; 4])) {
            break;
        }
    }
    out.finish()
}

/// Our own mrkdwn, cut to `max` characters where its parts add up to more; never inside a mention, an escape or a code
/// span.
pub fn clamp(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
    if let Some(open) = cut.rfind('<').filter(|open| cut.rfind('>').is_none_or(|close| close < *open)) {
        cut.truncate(open);
    }
    if let Some(open) = cut.rfind('&').filter(|open| cut.rfind(';').is_none_or(|close| close < *open)) {
        cut.truncate(open);
    }
    if cut.matches('`').count() % 2 == 1
        && let Some(open) = cut.rfind('`')
    {
        cut.truncate(open);
    }
    cut.push('…');
    cut
}

/// A person, by mention.
pub fn user(user: &UserId) -> String {
    mention("@", user.as_str())
}

/// A user group, by mention. Where a message is changed rather than posted, nobody is called by it.
pub fn group(group: &GroupId) -> String {
    mention("!subteam^", group.as_str())
}

/// Whoever did something.
pub fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Slack(member) => user(&member.user),
        Actor::Machine { user } => format!("{} (command line)", foreign(user, 60)),
        Actor::Rollbot => "Rollbot".to_owned(),
    }
}

/// Whoever may do something: `@sre, @lead or whoever asked`.
pub fn principals(principals: &[Principal]) -> String {
    let names = principals.iter().map(|principal| match principal {
        Principal::Members => "any full member in this channel".to_owned(),
        Principal::Requester => "whoever asked".to_owned(),
        Principal::Person { id, .. } => user(id),
        Principal::Group { id, .. } => group(id),
    });
    any_of(names.collect())
}

/// `a`, `a or b`, `a, b or c`; long lists are cut and counted.
fn any_of(names: Vec<String>) -> String {
    enumerate(names, "or", "nobody")
}

/// `a`, `a and b`, `a, b and c`; long lists are cut and counted.
pub fn all_of(names: Vec<String>) -> String {
    enumerate(names, "and", "nobody")
}

/// How many names of a list are shown.
const NAMES: usize = 6;

fn enumerate(mut names: Vec<String>, word: &str, none: &str) -> String {
    if names.len() > NAMES {
        let more = names.len() - (NAMES - 1);
        names.truncate(NAMES - 1);
        names.push(format!("{more} more"));
    }
    match names.pop() {
        None => none.to_owned(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} {word} {last}", names.join(", ")),
    }
}

fn mention(kind: &str, id: &str) -> String {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        format!("<{kind}{id}>")
    } else {
        foreign(id, 30)
    }
}

/// A time of day that every reader sees in their own time zone: `14:32`.
pub fn time(at: Timestamp) -> String {
    format!("<!date^{}^{{time}}|{}>", at.as_second(), at.to_zoned(TimeZone::UTC).strftime("%H:%M UTC"))
}

/// A day and time that every reader sees in their own time zone: `Nov 1 at 14:32`.
pub fn date(at: Timestamp) -> String {
    let fallback = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC");
    format!("<!date^{}^{{date_short_pretty}} at {{time}}|{fallback}>", at.as_second())
}

/// A duration in words, to two units: `4 min 12 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let first = units.iter().position(|(number, _)| *number > 0).unwrap_or(units.len() - 1);
    let mut words = String::new();
    for (number, unit) in units.iter().skip(first).take(2).filter(|(number, _)| *number > 0) {
        let _infallible = write!(words, "{}{number} {unit}", if words.is_empty() { "" } else { " " });
    }
    if words.is_empty() { "under 1 s".to_owned() } else { words }
}

/// How long before `then` something was, in its largest unit: `3 days`. Both are real times.
pub fn age(since: Timestamp, then: Timestamp) -> String {
    let seconds = u64::try_from(then.duration_since(since).max(SignedDuration::ZERO).as_secs()).unwrap_or(0);
    let (number, unit) = match seconds {
        0..60 => return "under a minute".to_owned(),
        60..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    plural(number, unit)
}

/// `1 step`, `2 steps`.
pub fn plural(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The same with a capital letter, unless it begins with something that is no word: a URL, an id.
pub fn capital(sentence: &str) -> String {
    let first = sentence.split(' ').next().unwrap_or_default();
    if !first.chars().all(|c| c.is_alphabetic() || matches!(c, ',' | ':' | '’')) {
        return sentence.to_owned();
    }
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The same with a full stop, unless it ends in one or its like.
pub fn stopped(sentence: &str) -> String {
    let end = if sentence.ends_with(['.', '!', '?', '…', ':']) { "" } else { "." };
    format!("{sentence}{end}")
}

/// Line breaks and tabs become spaces, runs of space one; what is invisible or turns the direction of writing is
/// left out.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let invisible = matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{00ad}');
        if c.is_whitespace() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !c.is_control() && !invisible {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Text that grows up to a bound and then ends in `…`. JSON writes `"` and `\` as two characters, so they count two.
struct Bounded {
    text: String,
    /// Where `text` ended when there was still room for the `…`.
    safe: usize,
    left: usize,
    full: bool,
}

impl Bounded {
    fn new(max: usize) -> Self {
        Self { text: String::new(), safe: 0, left: max, full: false }
    }

    /// Adds a piece whole, or says that it does not fit.
    fn push(&mut self, piece: &str) -> bool {
        let size = piece.chars().map(|c| if matches!(c, '"' | '\\') { 2 } else { 1 }).sum();
        if self.left < size {
            self.full = true;
            return false;
        }
        self.left -= size;
        self.text.push_str(piece);
        if self.left > 0 {
            self.safe = self.text.len();
        }
        true
    }

    fn finish(mut self) -> String {
        if self.full {
            self.text.truncate(self.safe);
            self.text.truncate(self.text.trim_end().len());
            self.text.push('…');
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::escaped("a < b && c > d", "a &lt; b &amp;&amp; c \u{200b}&gt; d")]
    #[case::a_mention_is_none("<@U0LEAD0001> <!channel>", "&lt;@\u{200b}U0LEAD0001&gt; &lt;!channel&gt;")]
    #[case::everybody_is_not_called("@channel @here", "@\u{200b}channel @\u{200b}here")]
    #[case::bold_is_not_bold("*rolled back*", "\u{200b}*\u{200b}rolled back\u{200b}*\u{200b}")]
    #[case::names_stay_whole("shop_prod me@example.com api:41 at 12:30", "shop_prod me@example.com api:41 at 12:30")]
    #[case::emoji_are_not_drawn(":white_check_mark:", ":\u{200b}white_check_mark:")]
    #[case::code_is_no_code("`x` ```y```", "'x' '''y'''")]
    #[case::lines_are_tamed("one\n\n> two\r\n\tthree ", "one \u{200b}&gt; two three")]
    #[case::direction_stays("a\u{202e}b\u{200b}c\u{7}", "abc")]
    fn foreign_text_is_only_text(#[case] text: &str, #[case] mrkdwn: &str) {
        assert_eq!(foreign(text, 200), mrkdwn);
    }

    #[rstest]
    #[case("abcdef", 6, "abcdef")]
    #[case("abcdefg", 6, "abcde…")]
    #[case("äöüß€", 4, "äöü…")]
    #[case("a&&&&", 8, "a&amp;…")]
    #[case("abc defg", 5, "abc…")]
    fn long_text_ends_in_an_ellipsis_at_a_whole_character(#[case] text: &str, #[case] max: usize, #[case] cut: &str) {
        assert_eq!(foreign(text, max), cut);
    }

    #[rstest]
    #[case("arn:aws:ecs:eu-north-1:1:service/a_b", 60, "`arn:aws:ecs:eu-north-1:1:service/a_b`")]
    #[case("a`b\nc", 60, "`a'b c`")]
    #[case("abcdef", 6, "`abc…`")]
    #[case("", 6, "–")]
    fn code_is_shown_as_it_is(#[case] text: &str, #[case] max: usize, #[case] span: &str) {
        assert_eq!(code(text, max), span);
    }

    #[rstest]
    #[case("one two three", 8, "one two…")]
    #[case("see <@U0LEAD0001> now", 12, "see …")]
    #[case("a &amp; b", 6, "a …")]
    #[case("run `abc def` now", 10, "run …")]
    fn nothing_is_cut_in_its_middle(#[case] text: &str, #[case] max: usize, #[case] cut: &str) {
        assert_eq!(clamp(text, max), cut);
    }

    #[rstest]
    #[case(0, "under 1 s")]
    #[case(42, "42 s")]
    #[case(252, "4 min 12 s")]
    #[case(1_800, "30 min")]
    #[case(3_900, "1 h 5 min")]
    #[case(3_605, "1 h")]
    #[case(266_400, "3 d 2 h")]
    fn durations_are_words(#[case] seconds: u64, #[case] words: &str) {
        assert_eq!(duration(Duration::from_secs(seconds)), words);
    }

    #[rstest]
    #[case(30, "under a minute")]
    #[case(60, "1 minute")]
    #[case(7_199, "119 minutes")]
    #[case(7_200, "2 hours")]
    #[case(172_800, "2 days")]
    #[case(-5, "under a minute")]
    fn ages_are_one_unit(#[case] seconds: i64, #[case] words: &str) {
        let since: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        assert_eq!(age(since, since + SignedDuration::from_secs(seconds)), words);
    }

    #[test]
    fn dates_are_slack_dates_with_a_fallback() {
        let at: Timestamp = "2026-11-01T12:05:00Z".parse().unwrap();
        assert_eq!(time(at), "<!date^1793534700^{time}|12:05 UTC>");
        assert_eq!(date(at), "<!date^1793534700^{date_short_pretty} at {time}|2026-11-01 12:05 UTC>");
    }

    #[test]
    fn an_id_that_is_none_is_not_mentioned() {
        assert_eq!(user(&UserId::new("U1> <!channel")), "U1&gt; &lt;!channel");
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (1..=9).map(|n| n.to_string()).collect();
        assert_eq!(all_of(names), "1, 2, 3, 4, 5 and 4 more");
    }

    proptest! {
        #[test]
        fn foreign_text_never_outgrows_its_bound_nor_opens_anything(text in ".{0,80}", max in 4_usize..60) {
            for rendered in [foreign(&text, max), code(&text, max), plain(&text, max)] {
                prop_assert!(rendered.chars().count() <= max, "{rendered:?}");
                prop_assert!(!rendered.contains(['<', '>', '\n']), "{rendered:?}");
            }
            prop_assert!(!plain(&text, max).contains('&'));
            prop_assert!(!foreign(&text, max).contains('`'));
        }
    }
}
