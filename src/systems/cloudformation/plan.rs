//! Makes the step that takes a stack back. Pure.

use std::time::Duration;

use super::changes;
use super::compare;
use super::events;
use super::inventory::{Deletion, Protection, SeenChangeSet, StackInventory, StackResource, Wanted};
use super::refusal::Refusal;
use super::releases::{before, deleted, under_way};
use super::status::{Action, Status, Towards};
use super::triggers;
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::stack::{ChangeSet, StackChange, StackWay, StackWork};
use crate::incident::work::Work;
use crate::systems::planned::{PlanRefusal, Planned};

/// How long a cancelled or continued update usually takes to be back (cira-invoice: 5–10 minutes).
const UNDO: Duration = Duration::from_mins(8);
/// How long an update with an earlier template usually takes.
const UPDATE: Duration = Duration::from_mins(10);
/// How long deleting a stack usually takes.
const DELETE: Duration = Duration::from_mins(10);
/// The deadline, in estimates: CloudFormation's own operations take up to an hour.
const PATIENCE: u32 = 6;
/// How many resources a deletion names.
const NAMED: usize = 12;

/// What is to be done to go back to `to`, or to the version before.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &StackInventory, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let stack = &inventory.stack;
    if let Some(root) = &stack.root {
        return Err(PlanRefusal::new(format!(
            "{} is nested in {}, and CloudFormation takes back only whole trees. Name the root stack in rollbot.yml.",
            stack.name,
            super::look::name_of(root)
        )));
    }
    if StackInventory::is_deletion(to) {
        return delete(inventory);
    }
    match stack.status.action() {
        Action::Refuse(refused) => Err(PlanRefusal::new(refused.sentence(&stack.name, &stack.status))),
        Action::Wait(Towards::Gone) => Err(PlanRefusal::new(format!(
            "{} is {}: somebody has it deleted, and CloudFormation does not turn that round. Wait for the end, then \
             deploy it again.",
            stack.name,
            stack.status.name()
        ))),
        Action::Wait(Towards::Settled) => Err(PlanRefusal::new(format!(
            "{} is {}: CloudFormation is still cleaning up, and takes no other order before it is through. Ask again in \
             some minutes.",
            stack.name,
            stack.status.name()
        ))),
        Action::Cancel
        | Action::RollBack
        | Action::Continue
        | Action::Wait(Towards::Before | Towards::NeverCreated) => undo(inventory, to, None),
        Action::RollBackCreation => {
            let what = format!(
                "{} was never deployed to its end. RollbackStack deletes every resource that its creation made.",
                stack.name
            );
            undo(inventory, to, Some(&what))
        }
        Action::ChangeSet => earlier(inventory),
    }
}

/// CloudFormation takes back what is under way, failed or stuck.
fn undo(inventory: &StackInventory, to: Option<&str>, destroys: Option<&str>) -> Result<Planned, PlanRefusal> {
    let stack = &inventory.stack;
    let target = before(inventory);
    if let Some(asked) = to.filter(|asked| *asked != "previous" && !super::releases::names(&target, asked)) {
        return Err(PlanRefusal::new(format!(
            "{} is {}, and from there CloudFormation goes back only to what ran before. Ask without `to {asked}`; once \
             that is done, ask again for {asked}.",
            stack.name,
            stack.status.name()
        )));
    }
    let chosen = match stack.status.action() {
        Action::Cancel => "an update is in progress, and CloudFormation takes it back itself",
        Action::RollBack => "the last update failed and stayed as it was; CloudFormation takes it back itself",
        Action::Continue => "taking the last update back got stuck, and CloudFormation goes on with it",
        Action::Wait(Towards::NeverCreated) => {
            "its creation failed and is being taken back already; Rollbot waits for its end"
        }
        Action::Wait(_) => "the last update is being taken back already; Rollbot waits for its end",
        Action::RollBackCreation => "its creation failed, and CloudFormation takes it back itself",
        Action::ChangeSet | Action::Refuse(_) => "CloudFormation takes it back itself",
    };
    let is_known = !inventory.history.is_empty();
    let work = StackWork {
        stack: stack.arn.clone(),
        name: stack.name.clone(),
        way: if stack.status.is_of_a_creation() { StackWay::UndoCreation } else { StackWay::Undo },
        content: is_known.then(|| crate::incident::ids::Digest::new(&target.id)),
    };
    let loses = destroys.map(str::to_owned).into_iter().collect();
    let verbs: &[&str] = match stack.status.action() {
        Action::RollBackCreation => &["RollbackStack"],
        Action::Wait(Towards::NeverCreated) => &[],
        Action::Cancel
        | Action::RollBack
        | Action::Continue
        | Action::Wait(_)
        | Action::ChangeSet
        | Action::Refuse(_) => &["CancelUpdateStack", "RollbackStack", "ContinueUpdateRollback"],
    };
    let from = under_way(inventory);
    let step = step(inventory, work, (Some(from), target), chosen.to_owned(), verbs, loses, UNDO);
    let mut warnings = Vec::new();
    if let Some(cause) = events::root_cause(events::newest_operation(&inventory.events)) {
        warnings.push(format!("What failed first: {}.", cause.line()));
    }
    if stack.status.is_of_a_creation() {
        warnings.push(format!(
            "{} was never deployed to its end, so nothing ran before: what stays is an empty stack \
             (ROLLBACK_COMPLETE), which can only be deleted.",
            stack.name
        ));
    } else if !is_known {
        warnings.push(
            "Rollbot has kept no earlier version, so what the stack goes back to is known to CloudFormation alone."
                .to_owned(),
        );
    }
    Ok(lane(step, warnings, destroys.map(|what| (stack.name.clone(), what.to_owned()))))
}

/// A change set with an earlier version.
fn earlier(inventory: &StackInventory) -> Result<Planned, PlanRefusal> {
    let stack = &inventory.stack;
    let wanted = match &inventory.wanted {
        Some(Ok(wanted)) => wanted,
        Some(Err(why)) => return Err(PlanRefusal::new(why.clone())),
        None => return Err(PlanRefusal::new(format!("No earlier version of {} was looked for.", stack.name))),
    };
    let nothing = |why: String| Ok(Planned::NothingToDo { release: wanted.release.clone(), why });
    if inventory.now().is_some_and(|now| now.id == wanted.release.id) {
        return nothing(format!(
            "{} is what {} runs already: it is {}, with this template and these parameters.",
            wanted.release.name(),
            stack.name,
            stack.status.name()
        ));
    }
    let (change_set, mut warnings) = match &inventory.change_set {
        Some(Ok(seen)) if is_empty(seen) => {
            return nothing(format!(
                "CloudFormation finds nothing to change: {} has what {} was deployed with.",
                stack.name,
                wanted.release.name()
            ));
        }
        Some(Ok(seen)) => made(stack.name.as_str(), seen)?,
        Some(Err(why)) => return Err(PlanRefusal::new(why.clone())),
        None => compared(inventory, wanted),
    };
    let destroyed = changes::destroyed(&change_set.changes);
    let forbidden = changes::forbidden(&destroyed, &inventory.spec.may_replace);
    if !forbidden.is_empty() {
        let mut kinds: Vec<&str> = forbidden.iter().map(|change| change.kind.as_str()).collect();
        kinds.dedup();
        return Err(PlanRefusal::new(format!(
            "Going back to {} would take data of {} away: {}. Nothing was changed. If that is meant, name {} under \
             `may_replace` of this target; otherwise go back by hand, or name another release.",
            wanted.release.name(),
            stack.name,
            changes::names(&forbidden),
            kinds.join(", ")
        )));
    }
    warnings.extend(warnings_of(inventory, wanted));
    let loses = changes::losses(&change_set.changes);
    let gate = (!destroyed.is_empty()).then(|| {
        (
            stack.name.clone(),
            format!("Executing the change set destroys what holds data: {}.", changes::names(&destroyed)),
        )
    });
    let work = StackWork {
        stack: stack.arn.clone(),
        name: stack.name.clone(),
        way: StackWay::ChangeSet(change_set),
        content: Some(wanted.content.identity()),
    };
    let ends = (inventory.now(), wanted.release.clone());
    let verbs = &["ExecuteChangeSet", "ContinueUpdateRollback"];
    let step = step(inventory, work, ends, wanted.how.clone(), verbs, loses, UPDATE);
    Ok(lane(step, warnings, gate))
}

/// Whether a change set could not be made because nothing differs.
pub fn is_empty(seen: &SeenChangeSet) -> bool {
    let says_so = seen.reason.as_deref().and_then(Refusal::of_text) == Some(Refusal::NoChanges);
    (seen.status == "FAILED" && says_so) || (seen.status == "CREATE_COMPLETE" && seen.changes.is_empty())
}

fn made(stack: &str, seen: &SeenChangeSet) -> Result<(ChangeSet, Vec<String>), PlanRefusal> {
    if seen.status != "CREATE_COMPLETE" || seen.execution != "AVAILABLE" {
        let reason = seen.reason.clone().unwrap_or_else(|| format!("it is {} and {}", seen.status, seen.execution));
        let advice = Refusal::of_text(&reason).map_or("Ask again, or deploy the earlier commit.", Refusal::advice);
        return Err(PlanRefusal::new(format!(
            "CloudFormation could not make a change set for {stack}: {}. {advice}",
            reason.trim_end_matches('.')
        )));
    }
    let name = seen.arn.split('/').nth(1).unwrap_or(&seen.arn);
    let said = format!(
        "This plan is the change set {name}, which was made in CloudFormation just now and has changed nothing. It is \
         deleted if the plan is not carried out."
    );
    Ok((ChangeSet { arn: Some(seen.arn.clone()), changes: seen.changes.clone() }, vec![said]))
}

fn compared(inventory: &StackInventory, wanted: &Wanted) -> (ChangeSet, Vec<String>) {
    let Some(present) = &inventory.present else {
        return (ChangeSet { arn: None, changes: Vec::new() }, Vec::new());
    };
    let changes: Vec<StackChange> = compare::changes(present, &wanted.content);
    let parameters = compare::parameters(present, &wanted.content);
    let mut warnings = vec![
        "No change set was made for this look: the templates were compared, and what CloudFormation would replace is not \
         known."
            .to_owned(),
    ];
    if !parameters.is_empty() {
        warnings.push(format!("Parameters that differ: {}.", parameters.join(", ")));
    }
    (ChangeSet { arn: None, changes }, warnings)
}

fn warnings_of(inventory: &StackInventory, wanted: &Wanted) -> Vec<String> {
    let stack = &inventory.stack;
    let mut warnings = Vec::new();
    warnings.extend(triggers::warnings(stack, &inventory.alarms));
    if stack.status == Status::UpdateRollbackComplete {
        warnings.push(
            "The last update failed and CloudFormation took it back by itself: what runs now is from before it."
                .to_owned(),
        );
    }
    let anew: Vec<&str> =
        wanted.content.parameters.keys().filter(|key| stack.resolved.contains_key(*key)).map(String::as_str).collect();
    if !anew.is_empty() {
        warnings.push(format!(
            "These parameters are read from Parameter Store anew and may stand for something else than then: {}.",
            anew.join(", ")
        ));
    }
    let policy_then = wanted.content.policy.is_some() && wanted.content.policy != stack.settings.policy;
    if policy_then && stack.settings.policy.is_some() {
        warnings.push("The stack policy has changed since; a change set leaves it as it is.".to_owned());
    }
    warnings
}

/// The stack is deleted, which is only ever done where it is configured and asked for.
fn delete(inventory: &StackInventory) -> Result<Planned, PlanRefusal> {
    let stack = &inventory.stack;
    if inventory.spec.deletion == Deletion::Refused {
        return Err(PlanRefusal::new(format!(
            "{} is not to be deleted by Rollbot. Where that is wanted, `delete: true` stands at its target in rollbot.yml.",
            stack.name
        )));
    }
    if stack.status == Status::DeleteComplete {
        return Ok(Planned::NothingToDo { release: deleted(), why: format!("{} is deleted already.", stack.name) });
    }
    if stack.status.is_under_way() && stack.status != Status::DeleteInProgress {
        return Err(PlanRefusal::new(format!(
            "{} is {}, and CloudFormation deletes nothing before that is through. Ask again then.",
            stack.name,
            stack.status.name()
        )));
    }
    if stack.protection == Protection::On {
        return Err(PlanRefusal::new(format!(
            "{}: {} {}",
            stack.name,
            Refusal::Protected.sentence(),
            Refusal::Protected.advice()
        )));
    }
    let (stateful, others): (Vec<&StackResource>, Vec<&StackResource>) =
        inventory.resources.iter().partition(|resource| changes::is_stateful(&resource.kind));
    let name = |resource: &&StackResource| {
        format!("{} ({})", resource.name, resource.kind.strip_prefix("AWS::").unwrap_or(&resource.kind))
    };
    let mut loses: Vec<String> =
        stateful.iter().map(|resource| format!("{} with what it holds.", name(resource))).collect();
    if !others.is_empty() {
        let more = others.len().saturating_sub(NAMED);
        let mut names: Vec<String> = others.iter().take(NAMED).map(name).collect();
        names.extend((more > 0).then(|| format!("{more} more")));
        loses.push(format!("{}.", names.join(", ")));
    }
    let what = format!(
        "The stack {} is deleted with its {} resources, {} of which hold data. Nothing brings them back.",
        stack.name,
        inventory.resources.len(),
        stateful.len()
    );
    let work = StackWork { stack: stack.arn.clone(), name: stack.name.clone(), way: StackWay::Delete, content: None };
    let from = inventory.now().unwrap_or_else(|| under_way(inventory));
    let step = step(
        inventory,
        work,
        (Some(from), deleted()),
        "asked for, and allowed by `delete: true`".to_owned(),
        &["DeleteStack"],
        loses,
        DELETE,
    );
    Ok(lane(step, Vec::new(), Some(("DELETE".to_owned(), what))))
}

fn step(
    inventory: &StackInventory,
    work: StackWork,
    (from, to): (Option<Release>, Release),
    chosen: String,
    verbs: &[&str],
    loses: Vec<String>,
    estimate: Duration,
) -> Step {
    Step {
        id: StepId::new(&inventory.spec.name),
        title: format!("CloudFormation stack {}", inventory.stack.name),
        resource: Resource::new(&inventory.stack.arn),
        from,
        to: Some(to),
        chosen: Some(chosen),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        loses,
        need: Need::Required,
        deadline: estimate * PATIENCE,
        estimate,
        work: Work::Stack(work),
    }
}

/// The target's lane: the step, behind a gate where something is destroyed.
fn lane(step: Step, warnings: Vec<String>, gate: Option<(String, String)>) -> Planned {
    let gate = gate.map(|(phrase, what)| Step::gate(&step.id, step.resource.clone(), phrase, what));
    Planned::Steps { steps: gate.into_iter().chain([step]).collect(), warnings }
}
