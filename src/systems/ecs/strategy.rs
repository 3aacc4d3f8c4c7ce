//! How ECS itself replaces what runs, and how long it waits on the way: blue/green, linear and canary deployments keep
//! the old tasks beside the new ones until the bake time is over, and count as done only then. Pure.

use std::time::Duration;

use aws_sdk_ecs::types as sdk;

/// How often a linear deployment shifts traffic where the service does not say (ECS model, `LinearConfiguration`).
const LINEAR_STEP: PartOfTraffic = PartOfTraffic { tenths: 100, minutes: 6 };
/// The first part of a canary deployment where the service does not say (ECS model, `CanaryConfiguration`).
const CANARY_STEP: PartOfTraffic = PartOfTraffic { tenths: 50, minutes: 10 };

/// How a deployment replaces what runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strategy {
    /// How traffic gets from the old tasks to the new ones.
    pub shift: Shift,
    /// For how long old and new tasks stay side by side after that.
    pub bake: Duration,
}

/// How traffic gets from the old tasks to the new ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shift {
    /// Task by task.
    #[default]
    Rolling,
    /// All at once, when all new tasks are up.
    BlueGreen,
    /// In equal steps.
    Linear(PartOfTraffic),
    /// A part first, and the rest after a while.
    Canary(PartOfTraffic),
    /// A way that this version does not know.
    Other(String),
}

/// A part of the traffic, and how long ECS waits before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOfTraffic {
    /// How much of the traffic, in tenths of a percent.
    pub tenths: u32,
    /// For how many minutes.
    pub minutes: u32,
}

impl Strategy {
    /// The strategy that a service or a deployment is configured with.
    pub fn of(configuration: Option<&sdk::DeploymentConfiguration>) -> Self {
        let Some(told) = configuration else { return Self::default() };
        let shift = match &told.strategy {
            None | Some(sdk::DeploymentStrategy::Rolling) => return Self::default(),
            Some(sdk::DeploymentStrategy::BlueGreen) => Shift::BlueGreen,
            Some(sdk::DeploymentStrategy::Linear) => {
                let linear = told.linear_configuration.as_ref();
                let percent = linear.and_then(|linear| linear.step_percent);
                let minutes = linear.and_then(|linear| linear.step_bake_time_in_minutes);
                Shift::Linear(LINEAR_STEP.or(percent, minutes))
            }
            Some(sdk::DeploymentStrategy::Canary) => {
                let canary = told.canary_configuration.as_ref();
                let percent = canary.and_then(|canary| canary.canary_percent);
                let minutes = canary.and_then(|canary| canary.canary_bake_time_in_minutes);
                Shift::Canary(CANARY_STEP.or(percent, minutes))
            }
            Some(other) => Shift::Other(other.as_str().to_owned()),
        };
        let bake = told.bake_time_in_minutes.and_then(|minutes| u32::try_from(minutes).ok()).unwrap_or_default();
        Self { shift, bake: in_minutes(bake) }
    }

    /// How long traffic is being shifted: from the first part of it to the last.
    pub fn shifting(&self) -> Duration {
        match &self.shift {
            Shift::Rolling | Shift::BlueGreen | Shift::Other(_) => Duration::ZERO,
            // There is no wait after the step that makes it the whole.
            Shift::Linear(step) => in_minutes(step.minutes) * 1000_u32.div_ceil(step.tenths.max(1)).saturating_sub(1),
            Shift::Canary(step) if step.tenths >= 1000 => Duration::ZERO,
            Shift::Canary(step) => in_minutes(step.minutes),
        }
    }

    /// How long ECS waits on the way, beside the time that tasks take.
    pub fn waits(&self) -> Duration {
        self.shifting() + self.bake
    }

    /// How its deployments go, as sentences for whoever approves; nothing for a rolling update.
    pub fn told(&self) -> Option<String> {
        let shift = match &self.shift {
            Shift::Rolling => return None,
            Shift::BlueGreen => "It is deployed blue/green: all traffic goes over at once.".to_owned(),
            Shift::Linear(step) => format!(
                "It is deployed in linear steps: {} of the traffic every {} min, {} in all.",
                step.percent(),
                step.minutes,
                minutes(self.shifting())
            ),
            Shift::Canary(step) => format!(
                "It is deployed with a canary: {} of the traffic goes over first, the rest {} min later.",
                step.percent(),
                step.minutes
            ),
            Shift::Other(strategy) => {
                return Some(format!(
                    "It is deployed by the strategy {strategy}, which Rollbot does not know: how long it takes is not known \
                     either."
                ));
            }
        };
        let bake = match self.bake {
            Duration::ZERO => "It has no bake time.".to_owned(),
            bake => format!("Then ECS bakes it for {}: old tasks stay up beside the new ones.", minutes(bake)),
        };
        Some(format!("{shift} {bake}"))
    }
}

impl PartOfTraffic {
    /// This step, with what is configured in place of its own.
    fn or(self, percent: Option<f64>, minutes: Option<i32>) -> Self {
        Self {
            tenths: percent.map_or(self.tenths, tenths),
            minutes: minutes.and_then(|minutes| u32::try_from(minutes).ok()).unwrap_or(self.minutes),
        }
    }

    fn percent(self) -> String {
        match self.tenths % 10 {
            0 => format!("{} %", self.tenths / 10),
            rest => format!("{}.{rest} %", self.tenths / 10),
        }
    }
}

/// A share as AWS tells it, in tenths of a percent: it takes no finer ones.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 100")]
fn tenths(percent: f64) -> u32 {
    (percent.clamp(0.0, 100.0) * 10.0).round() as u32
}

fn in_minutes(minutes: u32) -> Duration {
    Duration::from_mins(u64::from(minutes))
}

/// A time as people read it.
pub(super) fn minutes(time: Duration) -> String {
    format!("{} min", time.as_secs().div_ceil(60))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::builders::DeploymentConfigurationBuilder;
    use rstest::rstest;

    use super::*;

    fn configuring(strategy: &str) -> DeploymentConfigurationBuilder {
        let strategy = sdk::DeploymentStrategy::from(strategy);
        sdk::DeploymentConfiguration::builder().strategy(strategy).bake_time_in_minutes(15)
    }

    fn configured(strategy: &str) -> sdk::DeploymentConfiguration {
        configuring(strategy).build()
    }

    fn linear(percent: f64, minutes: i32) -> sdk::DeploymentConfiguration {
        let step = sdk::LinearConfiguration::builder().step_percent(percent).step_bake_time_in_minutes(minutes).build();
        configuring("LINEAR").linear_configuration(step).build()
    }

    fn canary(percent: f64, minutes: i32) -> sdk::DeploymentConfiguration {
        let step = sdk::CanaryConfiguration::builder();
        let step = step.canary_percent(percent).canary_bake_time_in_minutes(minutes).build();
        configuring("CANARY").canary_configuration(step).build()
    }

    #[rstest]
    #[case::rolling(configured("ROLLING"), 0, 0)]
    #[case::blue_green(configured("BLUE_GREEN"), 0, 15)]
    #[case::linear(linear(20.0, 3), 12, 15)]
    #[case::linear_with_a_rest(linear(30.0, 3), 9, 15)]
    #[case::linear_all_at_once(linear(100.0, 3), 0, 15)]
    #[case::linear_by_default(configured("LINEAR"), 54, 15)]
    #[case::canary(canary(12.5, 4), 4, 15)]
    #[case::canary_of_everything(canary(100.0, 4), 0, 15)]
    #[case::canary_by_default(configured("CANARY"), 10, 15)]
    #[case::unknown(configured("RAINBOW"), 0, 15)]
    fn a_strategy_takes_its_steps_and_its_bake_time(
        #[case] configuration: sdk::DeploymentConfiguration,
        #[case] shifting: u32,
        #[case] bake: u32,
    ) {
        let strategy = Strategy::of(Some(&configuration));
        assert_eq!((strategy.shifting(), strategy.bake), (in_minutes(shifting), in_minutes(bake)));
    }

    #[rstest]
    #[case::rolling(configured("ROLLING"), None)]
    #[case::blue_green(configured("BLUE_GREEN"), Some("all traffic goes over at once. Then ECS bakes it for 15 min"))]
    #[case::linear(
        linear(20.0, 3),
        Some("20 % of the traffic every 3 min, 12 min in all. Then ECS bakes it for 15 min")
    )]
    #[case::canary(
        canary(12.5, 4),
        Some("12.5 % of the traffic goes over first, the rest 4 min later. Then ECS bakes")
    )]
    #[case::unknown(configured("RAINBOW"), Some("the strategy RAINBOW, which Rollbot does not know"))]
    fn a_strategy_is_told_with_its_times(
        #[case] configuration: sdk::DeploymentConfiguration,
        #[case] words: Option<&str>,
    ) {
        let told = Strategy::of(Some(&configuration)).told();
        assert_eq!(told.is_some(), words.is_some());
        assert!(told.unwrap_or_default().contains(words.unwrap_or_default()), "{words:?}");
    }
}
