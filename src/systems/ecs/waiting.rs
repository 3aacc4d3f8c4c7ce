//! What ECS waits for by itself before a deployment is over, in words: a deployment that bakes, or that somebody has
//! paused, is where it should be. Pure.

use super::inventory::ServiceDeployment;
use super::strategy::minutes;

/// How far a deployment is: what ECS waits for, then how its tasks stand.
pub(super) fn progress(goes: Option<&ServiceDeployment>, tasks: String) -> String {
    let Some(goes) = goes.filter(|goes| goes.status.is_in_flight()) else { return tasks };
    if let Some(hook) = &goes.waits_at {
        return format!("paused at the lifecycle hook {hook} until somebody continues the deployment in ECS; {tasks}");
    }
    let (shifting, bake) = (goes.strategy.shifting(), goes.strategy.bake);
    match goes.stage.as_deref() {
        Some("PRODUCTION_TRAFFIC_SHIFT") if !shifting.is_zero() => {
            format!("ECS shifts the traffic in steps, over {}; {tasks}", minutes(shifting))
        }
        Some("BAKE_TIME") => {
            format!(
                "the new tasks have all traffic, and ECS bakes them for {} before it is done; {tasks}",
                minutes(bake)
            )
        }
        Some(_) | None => tasks,
    }
}
