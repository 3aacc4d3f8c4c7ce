//! One command after another, under the sample policy.

use crate::incident::command::{Command, Facts};
use crate::incident::decide::decide;
use crate::incident::evolve::evolve;
use crate::incident::incident::Incident;
use crate::incident::policy::{Actor, Policy};
use crate::incident::rejection::Rejection;
use crate::incident::sample::{at, policy};
use crate::incident::time::Now;

/// Facts so many seconds after the beginning.
pub(super) fn facts(policy: &Policy, actor: Actor, second: i64) -> Facts<'_> {
    Facts { now: Now::real(at(second)), actor, policy }
}

/// The incident after `command`, if it is accepted.
pub(super) fn then(incident: &Incident, actor: Actor, second: i64, command: Command) -> Result<Incident, Rejection> {
    let policy = policy(1);
    let events = decide(incident, command, &facts(&policy, actor, second))?;
    Ok(events.iter().fold(incident.clone(), evolve))
}
