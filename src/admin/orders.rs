//! What the command line orders of a running server, for the hour in which Slack is down.
//!
//! Who may reach the socket is the file's business (mode 0600). Who did it is recorded as the machine's user on the
//! other end of the socket, which the kernel vouches for.

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use crate::engine::{Engine, Refusal};
use crate::incident::command::Command;
use crate::incident::due::{awaited, blocking};
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::incident::Incident;
use crate::incident::policy::Actor;
use crate::incident::rejection::Rejection;
use crate::incident::report::standing;

/// Where the machine keeps the names of its users.
const USERS: &str = "/etc/passwd";

/// What is ordered of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Approve the plan.
    Approve {
        /// What was typed, where a phrase is asked for.
        phrase: Option<String>,
        /// How the digest of the plan begins that the person has read; without it the plan as it is now is meant.
        plan: Option<String>,
    },
    /// Do what a gate or a manual step waits for.
    Pass {
        /// Which.
        step: StepId,
        /// What was typed, where a phrase is asked for.
        phrase: Option<String>,
        /// What the person wants to have noted.
        note: Option<String>,
    },
    /// Begin nothing new, finish what is in flight, end.
    Stop,
    /// Try a failed step again.
    Retry {
        /// Which.
        step: StepId,
    },
}

/// Carries `order` out, and says what was done.
///
/// # Errors
/// A sentence that says why nothing was done.
pub(super) async fn carry_out(engine: &Engine, id: &IncidentId, order: Order, user: String) -> Result<String, String> {
    let incident = match engine.incident(id).await {
        Ok(Some(incident)) => incident,
        Ok(None) => return Err(Refusal::NoSuchIncident(id.clone()).to_string()),
        Err(error) => return Err(error.to_string()),
    };
    let (command, done) = command_of(&incident, order)?;
    match engine.command(id, command, Actor::Machine { user }).await {
        Ok(after) => Ok(format!("{id}: {done}; {}.", standing(&after))),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// The command that an order comes to now, and what it does in a few words. Pure.
fn command_of(incident: &Incident, order: Order) -> Result<(Command, String), String> {
    match order {
        Order::Approve { phrase, plan } => {
            let digest = &incident.proposal().ok_or_else(|| not_proposed(incident))?.digest;
            if plan.is_some_and(|plan| !digest.as_str().starts_with(plan.as_str())) {
                return Err(format!("The plan of {} is {} now. {}", incident.id, digest.short(), Rejection::StalePlan));
            }
            let done = format!("plan {} approved", digest.short());
            Ok((Command::Approve { digest: digest.clone(), phrase }, done))
        }
        Order::Pass { step, phrase, note } => {
            let waiting: Vec<(&StepId, u32)> = incident
                .run()
                .map_or_else(Vec::new, |run| awaited(run).map(|(step, record)| (&step.id, record.attempt)).collect());
            match waiting.iter().find(|(waits, _)| **waits == step) {
                Some((_, attempt)) => {
                    let done = format!("{step} is done");
                    Ok((Command::Pass { step, attempt: *attempt, phrase, note }, done))
                }
                None if waiting.is_empty() => {
                    Err(format!("No step of {} waits for a person; it is {}.", incident.id, standing(incident)))
                }
                None => {
                    let names: Vec<&str> = waiting.iter().map(|(step, _)| step.as_str()).collect();
                    Err(format!("{step} does not wait for a person; these do: {}.", names.join(", ")))
                }
            }
        }
        Order::Stop => Ok((Command::Stop, "stopped".to_owned())),
        Order::Retry { step } => {
            let failed: Vec<(&StepId, u32)> = incident
                .run()
                .map_or_else(Vec::new, |run| blocking(run).map(|(step, record)| (&step.id, record.attempt)).collect());
            match failed.iter().find(|(failed, _)| **failed == step) {
                Some((_, attempt)) => {
                    let done = format!("{step} is tried again");
                    Ok((Command::Retry { step, attempt: *attempt }, done))
                }
                None if failed.is_empty() => {
                    Err(format!("No step of {} waits for that; it is {}.", incident.id, standing(incident)))
                }
                None => {
                    let names: Vec<&str> = failed.iter().map(|(step, _)| step.as_str()).collect();
                    Err(format!("{step} has not failed; these have: {}.", names.join(", ")))
                }
            }
        }
    }
}

fn not_proposed(incident: &Incident) -> String {
    if incident.is_closed() {
        return Rejection::Over { how: standing(incident).replace('_', " ") }.to_string();
    }
    Rejection::NotPlannedYet.to_string()
}

/// The machine's name for whoever is at the other end of `stream`: their number where it knows no name.
///
/// # Errors
/// When the kernel does not say who it is.
pub(super) async fn peer(stream: &UnixStream) -> std::io::Result<String> {
    let uid = stream.peer_cred()?.uid();
    let users = tokio::fs::read_to_string(USERS).await.unwrap_or_default();
    Ok(name_of(uid, &users).map_or_else(|| format!("uid {uid}"), str::to_owned))
}

/// The name of user number `uid` in a passwd(5) file. Pure.
fn name_of(uid: u32, users: &str) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::sample::{replay, story};

    #[rstest]
    #[case(0, Some("root"))]
    #[case(1000, Some("dev"))]
    #[case(1001, None)]
    fn a_user_has_the_name_that_the_machine_gives_them(#[case] uid: u32, #[case] name: Option<&str>) {
        let users =
            "root:x:0:0:root:/root:/bin/sh\n\nbroken\n:x:1001:1::/:\ndev:x:1000:1000:Dev,,,:/home/dev:/bin/sh\n";
        assert_eq!(name_of(uid, users), name);
    }

    fn approve(plan: Option<&str>) -> Order {
        Order::Approve { phrase: None, plan: plan.map(str::to_owned) }
    }

    fn retry(step: &str) -> Order {
        Order::Retry { step: StepId::new(step) }
    }

    fn passed(step: &str) -> Order {
        Order::Pass { step: StepId::new(step), phrase: None, note: None }
    }

    #[rstest]
    // How many events of the story have happened, what is ordered, and the refusal if there is one.
    #[case::no_plan(1, approve(None), Some("The plan is still being made."))]
    #[case::any_plan(2, approve(None), None)]
    #[case::that_plan(2, approve(Some("a533f2a4")), None)]
    #[case::another_plan(2, approve(Some("ffff")), Some("The plan of rb-23456 is a533f2a4"))]
    #[case::stop(2, Order::Stop, None)]
    #[case::nothing_failed(5, retry("api"), Some("No step of rb-23456 waits for that; it is running."))]
    #[case::it_failed(8, retry("api"), None)]
    #[case::nobody_is_waited_for(5, passed("api"), Some("No step of rb-23456 waits for a person; it is running."))]
    #[case::another_failed(8, retry("web"), Some("web has not failed; these have: api."))]
    fn an_order_is_read_by_what_the_incident_is_now(
        #[case] told: usize,
        #[case] order: Order,
        #[case] refusal: Option<&str>,
    ) {
        let incident = replay(&story("rb-23456", "api")[..told]);
        match (command_of(&incident, order), refusal) {
            (Ok(_), None) => {}
            (Err(sentence), Some(refusal)) => assert!(sentence.starts_with(refusal), "{sentence}"),
            (other, refusal) => panic!("{other:?} instead of {refusal:?}"),
        }
    }
}
