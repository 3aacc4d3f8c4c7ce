//! What `CloudWatch` alarms say, metric, composite and log ones alike.
//!
//! `DescribeAlarms` leaves out what is not there without a word, and everything but metric alarms unless it is asked for.

use std::fmt;

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::clients::Aws;
use super::error::AwsError;

/// How many names one call takes (`DescribeAlarms`, `AlarmNames`).
const AT_ONCE: usize = 100;

/// What an alarm says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// What it measures is within its bounds.
    Ok,
    /// It is not.
    Alarm,
    /// There is nothing to measure.
    InsufficientData,
    /// There is no alarm of this name.
    Missing,
    /// A state that this version does not know.
    Unknown(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Alarm => "in ALARM",
            Self::InsufficientData => "without data (INSUFFICIENT_DATA)",
            Self::Missing => "not there",
            Self::Unknown(state) => state,
        })
    }
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it says.
    pub state: State,
    /// Why, in `CloudWatch`'s words.
    pub reason: Option<String>,
}

/// What each alarm of `names` says, in their order.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn by_name(aws: &Aws, names: &[String]) -> Result<Vec<Alarm>, AwsError> {
    let mut found: Vec<Alarm> = Vec::new();
    for names in names.chunks(AT_ONCE) {
        let answer = aws
            .reads()
            .cloudwatch
            .describe_alarms()
            .set_alarm_names(Some(names.to_vec()))
            .set_alarm_types(Some(vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm, AlarmType::LogAlarm]))
            // As many as there are names: one page holds the answer.
            .max_records(i32::try_from(AT_ONCE).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| AwsError::of("monitoring", "DescribeAlarms", &error))?;
        let metric = answer.metric_alarms.unwrap_or_default().into_iter();
        found.extend(metric.filter_map(|one| alarm(one.alarm_name, one.state_value, one.state_reason)));
        let composite = answer.composite_alarms.unwrap_or_default().into_iter();
        found.extend(composite.filter_map(|one| alarm(one.alarm_name, one.state_value, one.state_reason)));
        let log = answer.log_alarms.unwrap_or_default().into_iter();
        found.extend(log.filter_map(|one| alarm(one.alarm_name, one.state_value, one.state_reason)));
    }
    let one = |name: &String| {
        let known = found.iter().find(|alarm| alarm.name == *name).cloned();
        known.unwrap_or_else(|| Alarm { name: name.clone(), state: State::Missing, reason: None })
    };
    Ok(names.iter().map(one).collect())
}

/// The name in an alarm's ARN: `arn:…:alarm:<name>`.
pub fn name_of(arn: &str) -> &str {
    arn.splitn(7, ':').nth(6).unwrap_or(arn)
}

#[expect(clippy::needless_pass_by_value, reason = "the SDK gives its words away")]
fn alarm(name: Option<String>, state: Option<StateValue>, reason: Option<String>) -> Option<Alarm> {
    let state = match state.as_ref().map_or("", StateValue::as_str) {
        "OK" => State::Ok,
        "ALARM" => State::Alarm,
        "INSUFFICIENT_DATA" => State::InsufficientData,
        other => State::Unknown(other.to_owned()),
    };
    Some(Alarm { name: name?, state, reason })
}
