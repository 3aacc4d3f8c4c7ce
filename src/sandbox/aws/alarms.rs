//! `CloudWatch` alarms: what they say, and what makes them say it.
//!
//! An alarm is as its seed has it until somebody changes it; one that watches a path of a site follows what that answers;
//! a composite one follows those that it is made of. Whoever has an alarm as a rollback trigger is told of each change.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::json::{present, seconds, text, texts};
use super::refusal::Refusal;
use super::seeding::refused;
use super::stand_in::AwsStandIn;
use crate::incident::time::Now;

/// Alarm names that one request may have.
const NAMES: usize = 100;
/// Alarms on a page: as many as AWS gives at the most.
const PAGE: usize = 100;
/// From which status on a watched path counts as failing: the servers' own errors.
const FAILS_FROM: u16 = 500;
const TOKEN: &str = "page-";

/// A `CloudWatch` alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedAlarm {
    /// Its ARN, which ends with its name.
    pub arn: String,
    /// What it says.
    #[serde(default)]
    pub state: AlarmState,
    /// What makes it fire.
    #[serde(default)]
    pub watches: Option<SeedWatched>,
    /// The names of the alarms of which one has to fire, where it is a composite one.
    #[serde(default)]
    pub any_of: Vec<String>,
}

/// A path that an alarm watches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedWatched {
    /// Whose site: a stack, a pipeline or a project.
    pub site: String,
    /// The path; the alarm fires while it answers 500 or more.
    pub path: String,
}

/// `StateValue`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// What it measures is within its bounds.
    #[default]
    Ok,
    /// It is not.
    Alarm,
    /// There is nothing to measure.
    InsufficientData,
}

impl AlarmState {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// What a word means.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData].into_iter().find(|state| state.word() == word)
    }
}

/// An alarm as it is now.
#[derive(Debug, Clone)]
struct Alarm {
    seed: SeedAlarm,
    state: AlarmState,
    since: Timestamp,
}

impl Alarm {
    fn name(&self) -> &str {
        name_of(&self.seed.arn)
    }

    fn is_composite(&self) -> bool {
        !self.seed.any_of.is_empty()
    }

    fn described(&self, made_at: Timestamp) -> Value {
        let (since, made_at) = (seconds(self.since), seconds(made_at));
        let mut told = json!({
            "AlarmName": self.name(),
            "AlarmArn": self.seed.arn,
            "ActionsEnabled": true,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "AlarmConfigurationUpdatedTimestamp": made_at,
            "StateValue": self.state.word(),
            "StateReason": self.reason(),
            "StateUpdatedTimestamp": since,
            "StateTransitionedTimestamp": since,
        });
        let own = if self.is_composite() {
            let rule: Vec<String> = self.seed.any_of.iter().map(|name| format!("ALARM(\"{name}\")")).collect();
            json!({"AlarmRule": rule.join(" OR ")})
        } else {
            json!({
                "MetricName": "HTTPCode_Target_5XX_Count", "Namespace": "AWS/ApplicationELB", "Statistic": "Sum",
                "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Threshold": 5.0,
                "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing", "Dimensions": [],
            })
        };
        if let (Some(told), Value::Object(own)) = (told.as_object_mut(), own) {
            told.extend(own);
        }
        told
    }

    fn reason(&self) -> String {
        match self.state {
            AlarmState::Ok => "Threshold Crossed: no datapoints were greater than the threshold (5.0).".to_owned(),
            AlarmState::Alarm => "Threshold Crossed: 1 datapoint was greater than the threshold (5.0).".to_owned(),
            AlarmState::InsufficientData => "Insufficient Data: 1 datapoint was unknown.".to_owned(),
        }
    }
}

/// The name in an alarm's ARN: `arn:…:alarm:<name>`.
fn name_of(arn: &str) -> &str {
    arn.splitn(7, ':').nth(6).unwrap_or(arn)
}

/// The alarms of an account.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    all: Vec<Alarm>,
    made_at: Timestamp,
}

impl Alarms {
    /// The alarms that the seeds describe.
    pub(super) fn seeded(seeds: &[SeedAlarm], made_at: Timestamp) -> io::Result<Self> {
        for seed in seeds {
            if seed.arn.split(':').nth(5) != Some("alarm") {
                return Err(refused(format!("The seed's alarm {} has no ARN of an alarm.", seed.arn)));
            }
            let missing = seed.any_of.iter().find(|name| !seeds.iter().any(|other| name_of(&other.arn) == *name));
            if let Some(missing) = missing {
                return Err(refused(format!(
                    "The seed's alarm {} is made of {missing}, which is not there.",
                    seed.arn
                )));
            }
        }
        let all = seeds.iter().map(|seed| Alarm { seed: seed.clone(), state: seed.state, since: made_at });
        Ok(Self { all: all.collect(), made_at })
    }

    /// Which alarms fire, by ARN.
    pub(super) fn firing(&self) -> BTreeMap<String, bool> {
        self.all.iter().map(|one| (one.seed.arn.clone(), one.state == AlarmState::Alarm)).collect()
    }

    fn state_of(&self, name: &str) -> Option<AlarmState> {
        self.all.iter().find(|one| one.name() == name).map(|one| one.state)
    }

    /// What a composite alarm says by its rule: one that fires is enough, and it knows nothing where none of them does.
    fn together(&self, names: &[String]) -> AlarmState {
        let states: Vec<AlarmState> = names.iter().filter_map(|name| self.state_of(name)).collect();
        if states.contains(&AlarmState::Alarm) {
            AlarmState::Alarm
        } else if states.contains(&AlarmState::Ok) {
            AlarmState::Ok
        } else {
            AlarmState::InsufficientData
        }
    }

    /// `DescribeAlarms`: metric alarms only, unless other types are asked for.
    pub(super) fn describe(&self, request: &Value) -> Result<Value, Refusal> {
        let names = texts(request, "AlarmNames");
        if names.len() > NAMES {
            let message = "1 validation error detected: Value at 'alarmNames' failed to satisfy constraint: Member must have length less than or equal to 100";
            return Err(Refusal::new("ValidationError", message));
        }
        let kinds = texts(request, "AlarmTypes");
        let kinds = if kinds.is_empty() { vec!["MetricAlarm"] } else { kinds };
        let from = match text(request, "NextToken") {
            None => 0,
            Some(token) => token
                .strip_prefix(TOKEN)
                .and_then(|from| from.parse().ok())
                .ok_or_else(|| Refusal::new("InvalidNextToken", "The specified nextToken is invalid."))?,
        };
        let most = request.get("MaxRecords").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
        let most = most.unwrap_or(PAGE).clamp(1, PAGE);
        let chosen: Vec<&Alarm> = self
            .all
            .iter()
            .filter(|one| {
                let kind = if one.is_composite() { "CompositeAlarm" } else { "MetricAlarm" };
                kinds.contains(&kind)
                    && (names.is_empty() || names.contains(&one.name()))
                    && text(request, "AlarmNamePrefix").is_none_or(|prefix| one.name().starts_with(prefix))
                    && text(request, "StateValue").is_none_or(|state| one.state.word() == state)
            })
            .collect();
        let shown: Vec<&&Alarm> = chosen.iter().skip(from).take(most).collect();
        let told = |composite: bool| -> Vec<Value> {
            shown.iter().filter(|one| one.is_composite() == composite).map(|one| one.described(self.made_at)).collect()
        };
        let next = from + shown.len();
        let token = (next < chosen.len()).then(|| format!("{TOKEN}{next}"));
        Ok(present(json!({"MetricAlarms": told(false), "CompositeAlarms": told(true), "NextToken": token})))
    }
}

impl Account {
    /// Lets the alarms follow what they watch.
    pub(super) fn follow_alarms(&mut self) {
        let watched: Vec<(String, AlarmState)> = self
            .alarms
            .all
            .iter()
            .filter_map(|one| {
                let watched = one.seed.watches.as_ref()?;
                let state = match self.status_of(&watched.site, &watched.path) {
                    None => AlarmState::InsufficientData,
                    Some(status) if status >= FAILS_FROM => AlarmState::Alarm,
                    Some(_) => AlarmState::Ok,
                };
                Some((one.seed.arn.clone(), state))
            })
            .collect();
        for (arn, state) in watched {
            self.put_alarm(&arn, state);
        }
        let composite: Vec<(String, AlarmState)> = self
            .alarms
            .all
            .iter()
            .filter(|one| one.is_composite())
            .map(|one| (one.seed.arn.clone(), self.alarms.together(&one.seed.any_of)))
            .collect();
        for (arn, state) in composite {
            self.put_alarm(&arn, state);
        }
    }

    fn status_of(&self, site: &str, path: &str) -> Option<u16> {
        let answered = self.stacks.answer_of(site, path).map(|(_, answer)| answer);
        let pipeline = || {
            let pipeline = self.pipelines.iter().find(|one| one.name == site)?;
            pipeline.answer(path).map(|(_, answer)| answer)
        };
        let project = || {
            let project = self.projects.iter().find(|one| one.name == site)?;
            project.answer(path).map(|(_, answer)| answer)
        };
        answered.or_else(pipeline).or_else(project).map(|answer| answer.status)
    }

    /// An alarm changes to `state`, unless it has it.
    fn put_alarm(&mut self, arn: &str, state: AlarmState) {
        let at = self.at;
        let Some(alarm) = self.alarms.all.iter_mut().find(|one| one.seed.arn == arn && one.state != state) else {
            return;
        };
        alarm.state = state;
        alarm.since = at;
        let now: Now = self.now();
        self.stacks.set_alarm(arn, state == AlarmState::Alarm, now, &mut self.ids);
    }
}

impl AwsStandIn {
    /// An alarm, by its name or ARN, begins to say something else. One that is not there is made.
    pub fn set_alarm(&self, alarm: &str, state: AlarmState) {
        let mut account = self.account();
        let known = account.alarms.all.iter().find(|one| one.seed.arn == alarm || one.name() == alarm);
        let arn = known.map_or_else(
            || {
                if alarm.starts_with("arn:") {
                    return alarm.to_owned();
                }
                format!("arn:aws:cloudwatch:{}:{}:alarm:{alarm}", account.region, account.id)
            },
            |known| known.seed.arn.clone(),
        );
        let at = account.at;
        if !account.alarms.all.iter().any(|one| one.seed.arn == arn) {
            let seed = SeedAlarm { arn: arn.clone(), state, watches: None, any_of: Vec::new() };
            // In another state, so that what follows is a change.
            let other = if state == AlarmState::Ok { AlarmState::InsufficientData } else { AlarmState::Ok };
            account.alarms.all.push(Alarm { seed, state: other, since: at });
        }
        account.put_alarm(&arn, state);
        account.follow_alarms();
    }

    /// An alarm is deleted.
    pub fn delete_alarm(&self, alarm: &str) {
        let mut account = self.account();
        let account = &mut *account;
        account.alarms.all.retain(|one| one.seed.arn != alarm && one.name() != alarm);
        account.stacks.know_alarms(account.alarms.firing());
    }
}
