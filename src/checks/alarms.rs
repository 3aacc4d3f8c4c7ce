//! `CloudWatch` alarms: every one that is named has to exist and be OK.
//!
//! Right after a rollback an alarm may have no data yet, or still show the time before it: what cannot be known is
//! inconclusive, and the looks go on until the time of the check is up.

use crate::aws::alarms::{self, Alarm, State};
use crate::aws::{Aws, AwsError};
use crate::incident::work::AlarmsCheck;

use super::look::Look;

/// How many alarms a sentence names.
const NAMED: usize = 5;

/// Looks once.
pub async fn look(check: &AlarmsCheck, aws: &Aws) -> Look {
    judge(alarms::by_name(aws, &check.names).await)
}

/// What was seen comes to. One that fires decides, whatever the others are. Pure.
fn judge(seen: Result<Vec<Alarm>, AwsError>) -> Look {
    let alarms = match seen {
        Ok(alarms) => alarms,
        Err(error) => return Look::inconclusive(error.to_string()),
    };
    let (firing, rest): (Vec<&Alarm>, Vec<&Alarm>) = alarms.iter().partition(|alarm| alarm.state == State::Alarm);
    if let Some(first) = firing.first() {
        let why = first.reason.as_deref().map(|why| format!(" ({})", why.trim_end_matches('.'))).unwrap_or_default();
        return Look::unhealthy(match firing.len() {
            1 => format!("the alarm {} is in ALARM{why}", first.name),
            _ => format!("{} of {} alarms are in ALARM: {}", firing.len(), alarms.len(), names(&firing)),
        });
    }
    let unclear: Vec<&Alarm> = rest.into_iter().filter(|alarm| alarm.state != State::Ok).collect();
    if let Some(first) = unclear.first() {
        let missing = if unclear.iter().any(|alarm| alarm.state == State::Missing) {
            "; correct the name in rollbot.yml or create the alarm"
        } else {
            ""
        };
        return Look::inconclusive(match unclear.len() {
            1 => format!("the alarm {} is {}{missing}", first.name, first.state),
            _ => format!(
                "{} of {} alarms are not known to be OK: {}{missing}",
                unclear.len(),
                alarms.len(),
                states(&unclear)
            ),
        });
    }
    Look::healthy(match alarms.as_slice() {
        [only] => format!("the alarm {} is OK", only.name),
        all => format!("all {} alarms are OK: {}", all.len(), names(&all.iter().collect::<Vec<_>>())),
    })
}

fn names(alarms: &[&Alarm]) -> String {
    shortened(alarms, |alarm| alarm.name.clone())
}

fn states(alarms: &[&Alarm]) -> String {
    shortened(alarms, |alarm| format!("{} is {}", alarm.name, alarm.state))
}

fn shortened(alarms: &[&Alarm], words: impl Fn(&Alarm) -> String) -> String {
    let mut said: Vec<String> = alarms.iter().take(NAMED).map(|alarm| words(alarm)).collect();
    let more = alarms.len().saturating_sub(NAMED);
    said.extend((more > 0).then(|| format!("and {more} more")));
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::aws::error::ErrorClass;
    use crate::checks::look::Health;

    fn alarms(states: &[State]) -> Vec<Alarm> {
        let one = |(number, state): (usize, &State)| Alarm {
            name: format!("a{}", number + 1),
            state: state.clone(),
            reason: Some("Threshold Crossed: 1 datapoint.".to_owned()),
        };
        states.iter().enumerate().map(one).collect()
    }

    #[rstest]
    #[case::one(&[State::Ok], Health::Healthy, "the alarm a1 is OK")]
    #[case::all(&[State::Ok, State::Ok], Health::Healthy, "all 2 alarms are OK: a1, a2")]
    #[case::fires(&[State::Ok, State::Alarm], Health::Unhealthy, "the alarm a2 is in ALARM (Threshold Crossed: 1 datapoint)")]
    #[case::fire(&[State::Alarm, State::Alarm], Health::Unhealthy, "2 of 2 alarms are in ALARM: a1, a2")]
    #[case::fires_beside_one_without_data(&[State::InsufficientData, State::Alarm], Health::Unhealthy,
        "the alarm a2 is in ALARM (Threshold Crossed: 1 datapoint)")]
    #[case::no_data(&[State::Ok, State::InsufficientData], Health::Inconclusive,
        "the alarm a2 is without data (INSUFFICIENT_DATA)")]
    #[case::missing(&[State::Missing], Health::Inconclusive,
        "the alarm a1 is not there; correct the name in rollbot.yml or create the alarm")]
    #[case::new_state(&[State::Unknown("MUTED".to_owned())], Health::Inconclusive, "the alarm a1 is MUTED")]
    #[case::several_unclear(&[State::Missing, State::InsufficientData], Health::Inconclusive,
        "2 of 2 alarms are not known to be OK: a1 is not there, a2 is without data (INSUFFICIENT_DATA); correct the name in \
         rollbot.yml or create the alarm")]
    fn what_alarms_come_to(#[case] states: &[State], #[case] health: Health, #[case] text: &str) {
        assert_eq!(judge(Ok(alarms(states))), Look { health, text: text.to_owned() });
    }

    #[test]
    fn no_answer_is_inconclusive() {
        let error = AwsError::local("monitoring", "DescribeAlarms", ErrorClass::Transient, "no answer".to_owned());
        assert_eq!(judge(Err(error)).health, Health::Inconclusive);
    }
}
