//! Slack's mrkdwn as readable plain text.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::workspace::Workspace;

/// Markers dropped, links as their text, mentions as names, dates in their format (UTC), escapes undone.
pub fn mrkdwn(text: &str, workspace: &Workspace) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        if let Some((token, tail)) = after.split_once('>') {
            plain.push_str(&reference(token, workspace));
            rest = tail;
        } else {
            plain.push('<');
            rest = after;
        }
    }
    plain.push_str(rest);
    let plain = without_markers(&plain);
    emoji(&plain).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Common emoji as themselves; others keep their names.
pub(super) fn emoji(text: &str) -> String {
    const KNOWN: [(&str, &str); 14] = [
        (":white_check_mark:", "✅"),
        (":x:", "❌"),
        (":warning:", "⚠"),
        (":rotating_light:", "🚨"),
        (":hourglass_flowing_sand:", "⏳"),
        (":hourglass:", "⌛"),
        (":lock:", "🔒"),
        (":unlock:", "🔓"),
        (":snowflake:", "❄"),
        (":rewind:", "⏪"),
        (":red_circle:", "🔴"),
        (":large_green_circle:", "🟢"),
        (":eyes:", "👀"),
        (":octagonal_sign:", "🛑"),
    ];
    KNOWN.iter().fold(text.to_owned(), |text, (name, sign)| text.replace(name, sign))
}

/// What stands between `<` and `>`.
fn reference(token: &str, workspace: &Workspace) -> String {
    let (target, label) = token.split_once('|').map_or((token, None), |(target, label)| (target, Some(label)));
    if let Some(user) = target.strip_prefix('@') {
        return format!("@{}", workspace.handle(user));
    }
    if let Some(channel) = target.strip_prefix('#') {
        return format!("#{}", workspace.channel(channel).map_or(channel, |channel| channel.name.as_str()));
    }
    if let Some(group) = target.strip_prefix("!subteam^") {
        return group_name(group, workspace);
    }
    if let Some(date) = target.strip_prefix("!date^") {
        let mut parts = date.split('^');
        let seconds = parts.next().and_then(|seconds| seconds.parse().ok());
        return match (seconds, parts.next()) {
            (Some(seconds), Some(format)) => date_text(seconds, format),
            _ => label.unwrap_or_default().to_owned(),
        };
    }
    if let Some(range) = target.strip_prefix('!') {
        return format!("@{}", label.unwrap_or(range));
    }
    label.unwrap_or(target.trim_start_matches("mailto:")).to_owned()
}

/// `@sre` for a user group's id.
pub(super) fn group_name(id: &str, workspace: &Workspace) -> String {
    let group = workspace.user_groups.iter().find(|group| group.id == id);
    format!("@{}", group.map_or(id, |group| group.handle.as_str()))
}

/// A Slack date format filled in with a time in UTC.
pub(super) fn date_text(seconds: i64, format: &str) -> String {
    let Ok(at) = Timestamp::from_second(seconds) else {
        return format.to_owned();
    };
    let at = at.to_zoned(TimeZone::UTC);
    let tokens = [
        ("{date_num}", "%Y-%m-%d"),
        ("{date}", "%B %-d, %Y"),
        ("{date_short}", "%b %-d, %Y"),
        ("{date_long}", "%A, %B %-d, %Y"),
        ("{date_pretty}", "%B %-d, %Y"),
        ("{date_short_pretty}", "%b %-d, %Y"),
        ("{date_long_pretty}", "%A, %B %-d, %Y"),
        ("{time}", "%H:%M"),
        ("{time_secs}", "%H:%M:%S"),
        ("{ago}", "at %H:%M:%S"),
    ];
    tokens
        .iter()
        .fold(format.to_owned(), |text, (token, pattern)| text.replace(token, &at.strftime(pattern).to_string()))
}

/// Drops the markers of bold, italic, strike and code where they come in pairs around words; code stays as it is.
fn without_markers(text: &str) -> String {
    let chars: Vec<char> = text.replace("```", "`").chars().collect();
    let mut keep = vec![true; chars.len()];
    let mut position = 0;
    while let Some(&char) = chars.get(position) {
        if char == '`'
            && let Some(end) = (position + 1..chars.len()).find(|at| chars.get(*at) == Some(&'`'))
        {
            drop_pair(&mut keep, position, end);
            position = end + 1;
            continue;
        }
        if matches!(char, '*' | '_' | '~')
            && keep.get(position) == Some(&true)
            && let Some(end) = closing(&chars, position, char)
        {
            drop_pair(&mut keep, position, end);
        }
        position += 1;
    }
    chars.iter().zip(keep).filter(|(_, keep)| *keep).map(|(char, _)| char).collect()
}

fn drop_pair(keep: &mut [bool], start: usize, end: usize) {
    for at in [start, end] {
        if let Some(kept) = keep.get_mut(at) {
            *kept = false;
        }
    }
}

/// Where a marker that opens at `start` closes, on the same line.
fn closing(chars: &[char], start: usize, marker: char) -> Option<usize> {
    let is_word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|char| char.is_alphanumeric());
    let is_space = |at: usize| chars.get(at).is_none_or(|char| char.is_whitespace());
    if is_word(start.checked_sub(1)) || is_space(start + 1) {
        return None;
    }
    let line_end = (start..chars.len()).find(|at| chars.get(*at) == Some(&'\n')).unwrap_or(chars.len());
    (start + 2..line_end).find(|at| chars.get(*at) == Some(&marker) && !is_space(at - 1) && !is_word(Some(at + 1)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::sandbox::slack::tests::workspace;

    #[rstest]
    #[case("*Bold* and _italic_, ~gone~ and `code *kept*`", "Bold and italic, gone and code *kept*")]
    #[case("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4")]
    #[case("<https://example.com/a|the log> by <@U1> for <!subteam^S1>", "the log by @ada for @sre")]
    #[case("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c")]
    #[case("expires <!date^1763640309^{date_short} at {time_secs}|soon>", "expires Nov 20, 2025 at 12:05:09")]
    #[case("<!date^x^{time}|soon> in <#C1|old-name> <!here>", "soon in #incidents @here")]
    #[case("1 < 2", "1 < 2")]
    fn mrkdwn_reads_as_plain_text(#[case] written: &str, #[case] read: &str) {
        assert_eq!(mrkdwn(written, &workspace()), read);
    }
}
