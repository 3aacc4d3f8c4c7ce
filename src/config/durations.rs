//! Durations as people write them: `30s`, `15m`, `1h30m`, `2d`.

use std::time::Duration;

/// The units in the order in which the parts of a duration stand, with their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration: one or more parts, each a whole number and one of `d`, `h`, `m`, `s`, larger units first, each
/// unit at most once, nothing between them.
///
/// `None` for everything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(end)?;
        let unit = tail.chars().next()?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        seconds = seconds.checked_add(part)?;
        rest = tail.get(unit.len_utf8()..)?;
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("30s", 30)]
    #[case("15m", 900)]
    #[case("1h30m", 5_400)]
    #[case("2d", 172_800)]
    #[case("1d2h3m4s", 93_784)]
    #[case("90m", 5_400)]
    #[case("0s", 0)]
    fn a_number_and_a_unit_is_a_duration(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_unit("15")]
    #[case::no_number("m")]
    #[case::a_space("5 m")]
    #[case::a_sign("-5m")]
    #[case::a_fraction("1.5h")]
    #[case::another_unit("5min")]
    #[case::milliseconds("500ms")]
    #[case::a_capital("5M")]
    #[case::units_in_the_wrong_order("30m1h")]
    #[case::a_unit_twice("1m1m")]
    #[case::too_large("99999999999999999999d")]
    #[case::too_large_in_seconds("999999999999999999d")]
    fn anything_else_is_not(#[case] text: &str) {
        assert_eq!(parse_duration(text), None);
    }
}
