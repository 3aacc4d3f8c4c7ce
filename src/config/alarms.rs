//! The check that alarms are OK.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checks::must_fit;
use super::section::{Field, Part, Reader, Section};

/// How many looks in a row have to find every alarm OK when nothing is said.
const DEFAULT_PASSES: u32 = 3;
/// How long between two looks when nothing is said: alarms change once a minute at the most, and `DescribeAlarms` is one
/// call for all of them.
const DEFAULT_EVERY: Duration = Duration::from_secs(20);
/// How long alarms have for becoming OK when nothing is said: metrics come up to two minutes late, and alarms over five
/// minutes are usual.
const DEFAULT_WITHIN: Duration = Duration::from_mins(10);
/// The longest name of an alarm (`PutMetricAlarm`, `AlarmName`).
const LONGEST_NAME: usize = 255;

/// Alarms that have to exist and be OK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmsCheck {
    /// Unique within its service.
    pub name: String,
    /// The alarms' names; at least one.
    pub names: Vec<String>,
    /// How many looks in a row; at least 1.
    pub passes: u32,
    /// From one look to the next.
    pub every: Duration,
    /// From the first look to giving up.
    pub within: Duration,
}

pub(super) fn read(field: Field<'_>, name: String, reader: &mut Reader<'_>) -> Option<AlarmsCheck> {
    let mut section = Section::open(field, Part::Alarms, reader.report)?;
    let names = section.required("names", "[\"api-5xx-${env}\"]", reader.report);
    let names = names.and_then(|field| alarm_names(field, reader));
    let passes = section
        .optional("passes", reader.report)
        .and_then(|field| field.whole(1..=100, reader.report))
        .and_then(|passes| u32::try_from(passes).ok())
        .unwrap_or(DEFAULT_PASSES);
    let mut duration = |key: &'static str, default: Duration| {
        section.optional(key, reader.report).and_then(|field| field.duration(reader.report)).unwrap_or(default)
    };
    let every = duration("every", DEFAULT_EVERY);
    let within = duration("within", DEFAULT_WITHIN);
    must_fit(section.place, passes, every, within, reader);
    section.close(reader.report);
    Some(AlarmsCheck { name, names: names?, passes, every, within })
}

fn alarm_names(field: Field<'_>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for item in field.filled_list(reader.report)? {
        let Some(name) = item.text(reader) else { continue };
        if name.starts_with("arn:") {
            item.error(reader.report, format!("`{name}` is an ARN; write the alarm's name, which is its last part"));
        } else if name.is_empty() || name.chars().count() > LONGEST_NAME {
            item.error(reader.report, format!("the name of an alarm has 1 to {LONGEST_NAME} characters"));
        } else if names.contains(&name) {
            item.error(reader.report, format!("the alarm `{name}` is named twice; remove one of the two"));
        }
        names.push(name);
    }
    (!names.is_empty()).then_some(names)
}
