//! Blue/green, linear and canary deployments of ECS's own: the old tasks stay beside the new ones until the traffic is
//! over and the bake time has passed. Of the traffic itself nothing is modelled: who serves, serves.

use std::time::Duration;

use serde_json::Value;

use super::rollout::count;
use super::service::{Scene, Service, ServiceDeploymentStatus};

/// Why the old tasks of a deployment are still kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// The new ones are not all up.
    TasksStart,
    /// The traffic goes over in steps.
    TrafficShifts,
    /// The bake time runs.
    Bake,
}

/// How long traffic goes over in steps, and how long the bake time is; `None` for a rolling update.
pub(super) fn times(configuration: &Value) -> Option<(Duration, Duration)> {
    let number =
        |pointer: &str, default: f64| configuration.pointer(pointer).and_then(Value::as_f64).unwrap_or(default);
    let minutes = |minutes: f64| Duration::from_secs_f64(minutes.max(0.0) * 60.0);
    let shift = match configuration.get("strategy").and_then(Value::as_str) {
        Some("BLUE_GREEN") => 0.0,
        Some("LINEAR") => {
            let steps = (100.0 / number("/linearConfiguration/stepPercent", 10.0).max(0.1)).ceil();
            (steps - 1.0) * number("/linearConfiguration/stepBakeTimeInMinutes", 6.0)
        }
        Some("CANARY") => number("/canaryConfiguration/canaryBakeTimeInMinutes", 10.0),
        Some(_) | None => return None,
    };
    Some((minutes(shift), minutes(number("/bakeTimeInMinutes", 0.0))))
}

impl Service {
    /// Says of the deployment that is under way whether its old tasks are still kept.
    pub(super) fn turn_strategy(&mut self, scene: &Scene<'_>) {
        let goes = self.current().filter(|current| current.status == ServiceDeploymentStatus::InProgress);
        let times = goes.and_then(|goes| times(&goes.configuration));
        let Some(primary) = self.primary().map(|primary| primary.id.clone()) else { return };
        let own =
            count(self.tasks.iter().filter(|task| task.deployment == primary && task.serves(self.balancing.as_ref())));
        let all_up = own >= self.desired_count;
        let Some(primary) = self.deployments.last_mut() else { return };
        let Some((shift, bake)) = times else {
            primary.kept = None;
            return;
        };
        if all_up && primary.up_since.is_none() {
            primary.up_since = Some(scene.now.at);
        }
        primary.kept = match primary.up_since.map(|since| scene.now.elapsed(since)) {
            None => Some(Kept::TasksStart),
            Some(up) if up < shift => Some(Kept::TrafficShifts),
            Some(up) if up < shift + bake => Some(Kept::Bake),
            Some(_) => None,
        };
    }
}
