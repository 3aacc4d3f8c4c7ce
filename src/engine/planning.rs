//! Makes plans: a fresh look at every target, then a pure assembly. The same look is taken again when a plan is
//! approved; only if it leads to the same digest does the plan start.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{FutureExt as _, try_join_all};
use tracing::warn;

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::config::{Check as ConfiguredCheck, Necessity, ServiceIn, Target, TargetGroup, Watch};
use crate::incident::command::Command;
use crate::incident::ids::{IncidentId, Resource, StepId};
use crate::incident::incident::{State, Terms};
use crate::incident::plan::{Lane, Need, Plan, Purpose, Stage, Step};
use crate::incident::policy::Policy;
use crate::incident::request::Request;
use crate::incident::work::{Check, CheckWork, HttpCheck, Span, TargetGroupCheck, Work};
use crate::systems::ecs::EcsSpec;
use crate::systems::ecs::inventory::family_and_revision;
use crate::systems::kinds::{Inventory, TargetSpec};
use crate::systems::planned::{Planned, ProvedRelease};

use super::carry::{pause, say, unless_ending};
use super::engine::{Engine, storage};
use super::pacing::Pacing;
use super::refusal::Refusal;
use super::selection;

/// How long AWS may fail to answer before a plan is given up.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a target group has to be seen healthy in a row, and how often one looks.
const GROUP_PASSES: u32 = 3;
const GROUP_EVERY: Duration = Duration::from_secs(5);
const GROUP_WITHIN: Duration = Duration::from_mins(5);
/// How many unhealthy looks in a row are a regression: one may be a blink.
const REGRESSION: u32 = 3;
/// How long one may spend on a check, beyond the time that it gives itself, before the step is late.
const GRACE: Duration = Duration::from_mins(2);

/// What a fresh look leads to.
pub(super) enum Outcome {
    /// This can be done.
    Plan(Plan),
    /// What was asked for runs already.
    NothingToDo(String),
    /// Nothing can be done; says why and what to do.
    Refused(String),
}

/// Makes the first plan of an incident.
pub(super) async fn propose(engine: &Engine, id: &IncidentId) -> Result<(), Refusal> {
    let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
    let Some(outcome) = patiently(engine, &incident.request, id).await? else { return Ok(()) };
    pin(engine, id, &incident.request, outcome).await
}

/// Takes a fresh look at an approved plan: starts it if it still fits, else proposes anew.
pub(super) async fn start(engine: &Engine, id: &IncidentId) -> Result<(), Refusal> {
    let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
    let State::Proposed(proposal) = &incident.state else { return Ok(()) };
    let Some(outcome) = patiently(engine, &incident.request, id).await? else { return Ok(()) };
    match outcome {
        Outcome::Plan(plan) if plan.digest() == proposal.digest => {
            let voters = engine.voters(&incident.request, proposal).await?;
            say(engine, id, Command::Start { digest: proposal.digest.clone(), voters }).await
        }
        drifted @ (Outcome::Plan(_) | Outcome::NothingToDo(_) | Outcome::Refused(_)) => {
            pin(engine, id, &incident.request, drifted).await
        }
    }
}

async fn pin(engine: &Engine, id: &IncidentId, request: &Request, outcome: Outcome) -> Result<(), Refusal> {
    let command = match outcome {
        Outcome::Plan(plan) => {
            let policy = engine.policy(&request.environment)?;
            match terms(policy, request) {
                Ok(terms) => Command::Propose { plan, terms },
                Err(why) => Command::CannotPlan { why },
            }
        }
        Outcome::NothingToDo(why) => Command::NothingToDo { why },
        Outcome::Refused(why) => Command::CannotPlan { why },
    };
    match say(engine, id, command).await {
        Err(Refusal::InTheWay(by)) => {
            let why = format!("{by} works on the same resources. Wait for it or stop it, then ask again.");
            say(engine, id, Command::CannotPlan { why }).await
        }
        said => said,
    }
}

fn terms(policy: &Policy, request: &Request) -> Result<Terms, String> {
    let terms = Terms::of(policy, request.manner);
    if terms.required > 0 && terms.approvers.is_empty() {
        return Err(format!(
            "Nobody may approve in {}. Name approvers under `may: approve:` in the configuration.",
            request.environment
        ));
    }
    Ok(terms)
}

/// Looks until AWS answers; `None` when the process is to end.
async fn patiently(engine: &Engine, request: &Request, id: &IncidentId) -> Result<Option<Outcome>, Refusal> {
    let since = engine.clock.now().at;
    let mut pacing = Pacing::new();
    while !engine.stop.is_cancelled() {
        let Some(planned) = unless_ending(engine, Box::pin(plan(engine, request, id.as_str()))).await else {
            return Ok(None);
        };
        match planned {
            Ok(outcome) => return Ok(Some(outcome)),
            Err(Failed::Store(refusal)) => return Err(refusal),
            Err(Failed::Aws(error)) => {
                warn!(incident = %id, %error, "no plan yet");
                if !error.class.may_pass() || engine.clock.now().elapsed(since) >= PATIENCE {
                    return Ok(Some(Outcome::Refused(cannot_look(&error))));
                }
            }
        }
        pause(engine, pacing.pause()).await;
    }
    Ok(None)
}

/// That AWS could not be looked at, and what to do about it.
pub(super) fn cannot_look(error: &AwsError) -> String {
    let advice = match error.class {
        ErrorClass::Transient | ErrorClass::Throttled => " Ask again in a moment.",
        ErrorClass::Denied => " Give Rollbot's role this permission, then ask again.",
        ErrorClass::NotFound | ErrorClass::Conflict | ErrorClass::Invalid | ErrorClass::Bug => "",
    };
    format!("AWS could not be looked at: {error}.{advice}")
}

/// Why there is no outcome.
pub(super) enum Failed {
    /// AWS did not answer, or refused to.
    Aws(AwsError),
    /// The store did not.
    Store(Refusal),
}

impl From<AwsError> for Failed {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

/// Looks at every target that `request` is about and makes a plan of it. `session` names the AWS session.
pub(super) async fn plan(engine: &Engine, request: &Request, session: &str) -> Result<Outcome, Failed> {
    let Some(service) = engine.config.service(&request.environment, &request.service) else {
        let why = format!("The configuration has no service `{}` in {}.", request.service, request.environment);
        return Ok(Outcome::Refused(why));
    };
    let stages = match selection::select(&service, request) {
        Ok(stages) => stages,
        Err(why) => return Ok(Outcome::Refused(why)),
    };
    let aws = engine.accounts.aws(&request.environment, session).await?;
    let mut looks = Vec::new();
    for target in stages.iter().flatten() {
        looks.push(plan_target(engine, &aws, target, request).boxed());
    }
    let mut looked = try_join_all(looks).await?.into_iter();
    let planned = stages
        .into_iter()
        .map(|stage| {
            let count = stage.len();
            stage.into_iter().zip(looked.by_ref().take(count)).collect()
        })
        .collect();
    Ok(assemble(&service, planned))
}

async fn plan_target(
    engine: &Engine,
    aws: &Aws,
    target: &Target,
    request: &Request,
) -> Result<Result<Planned, String>, Failed> {
    let (spec, to) = (spec(target), request.to.as_deref());
    let inventory = match spec.look(aws, to).await {
        Ok(inventory) => inventory,
        Err(error) if error.class.may_pass() => return Err(Failed::Aws(error)),
        Err(error) => return Ok(Err(cannot_look(&error))),
    };
    if is_own(engine, &inventory).await? {
        let why = format!("{} is what Rollbot itself runs as; roll it back from the AWS console.", spec.title());
        return Ok(Err(why));
    }
    let good = engine.store.last_good(&inventory.resource()).await.map_err(|error| Failed::Store(storage(error)))?;
    let proved: Vec<ProvedRelease> =
        good.into_iter().map(|good| ProvedRelease { id: good.release.id, at: good.at }).collect();
    Ok(spec.plan(&inventory, to, &proved).map_err(|refusal| refusal.to_string()))
}

/// Whether `inventory` is of the service that this process runs as.
async fn is_own(engine: &Engine, inventory: &Inventory) -> Result<bool, AwsError> {
    let Some(own) = &engine.own_task else { return Ok(false) };
    let Inventory::Ecs(ecs) = inventory;
    let family = family_and_revision(&ecs.service.task_definition).map_or("", |(family, _)| family);
    Ok(own.task(&engine.http).await?.is_of(&ecs.service.arn, family))
}

/// A configured target, as the systems know it.
pub(super) fn spec(target: &Target) -> TargetSpec {
    match target {
        Target::Ecs(ecs) => TargetSpec::Ecs(EcsSpec {
            name: ecs.name.clone(),
            cluster: ecs.cluster.clone(),
            service: ecs.service.clone(),
            container: ecs.container.clone(),
            image: ecs.image.clone(),
        }),
    }
}

/// Puts the steps of all targets, the checks and the watch into stages. Pure.
fn assemble(service: &ServiceIn, planned: Vec<Vec<(&Target, Result<Planned, String>)>>) -> Outcome {
    let several = planned.iter().map(Vec::len).sum::<usize>() > 1;
    let mut stages = Vec::new();
    let mut warnings = Vec::new();
    let mut refusals = Vec::new();
    let mut left_out = Vec::new();
    let mut nothing = Vec::new();
    for stage in planned {
        let mut lanes = Vec::new();
        for (target, planned) in stage {
            let name = |text: String| if several { format!("{}: {text}", target.name()) } else { text };
            let Target::Ecs(ecs) = target;
            match planned {
                Ok(Planned::Step { mut step, warnings: more }) => {
                    step.need = match ecs.optional {
                        Necessity::Required => Need::Required,
                        Necessity::Optional => Need::Optional,
                    };
                    step.deadline = ecs.deadline.unwrap_or(step.deadline);
                    warnings.extend(more.into_iter().map(name));
                    lanes.push(Lane { steps: vec![*step] });
                }
                Ok(Planned::NothingToDo { why, .. }) => nothing.push(name(why)),
                Err(why) => match ecs.optional {
                    Necessity::Required => refusals.push(name(why)),
                    Necessity::Optional => left_out.push(name(format!("left out: {why}"))),
                },
            }
        }
        if !lanes.is_empty() {
            stages.push(Stage { purpose: Purpose::RollBack, lanes });
        }
    }
    if !refusals.is_empty() {
        return Outcome::Refused(refusals.join(" "));
    }
    if stages.is_empty() && nothing.is_empty() {
        return Outcome::Refused(left_out.join(" "));
    }
    if stages.is_empty() {
        return Outcome::NothingToDo(nothing.join(" "));
    }
    warnings.extend(nothing);
    warnings.extend(left_out);
    if service.verify.is_empty() {
        warnings.push(
            "No checks are configured under `verify`, so health is judged by what AWS says of the targets alone."
                .to_owned(),
        );
    } else {
        let lanes = service.verify.iter().map(|check| lane(service, check, None)).collect();
        stages.push(Stage { purpose: Purpose::Verify, lanes });
    }
    if let Some(watch) = &service.watch
        && !service.verify.is_empty()
    {
        let lanes = service.verify.iter().map(|check| lane(service, check, Some(watch))).collect();
        stages.push(Stage { purpose: Purpose::Watch, lanes });
    }
    Outcome::Plan(Plan { stages, warnings })
}

fn lane(service: &ServiceIn, configured: &ConfiguredCheck, watch: Option<&Watch>) -> Lane {
    let (check, title, resource, passes, every, within) = match configured {
        ConfiguredCheck::Http(http) => {
            let headers: BTreeMap<String, String> =
                http.header.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
            let check = HttpCheck {
                url: http.url.clone(),
                status: http.status,
                body: http.body_contains.clone(),
                headers,
                timeout: http.timeout,
            };
            let title = format!("{} answers {}", http.url, http.status);
            (Check::Http(check), title, http.url.clone(), http.passes, http.every, http.within)
        }
        ConfiguredCheck::TargetGroup(group) => {
            let (check, what) = match &group.target_group {
                TargetGroup::Arn(arn) => (TargetGroupCheck::Group { arn: arn.clone() }, arn.clone()),
                TargetGroup::Of(name) => service
                    .targets
                    .iter()
                    .flat_map(|stage| &stage.targets)
                    .find(|target| target.name() == name)
                    .map_or_else(
                        || (TargetGroupCheck::Group { arn: name.clone() }, name.clone()),
                        |Target::Ecs(ecs)| {
                            let check = TargetGroupCheck::Service {
                                cluster: ecs.cluster.clone(),
                                service: ecs.service.clone(),
                            };
                            (check, format!("{}/{}", ecs.cluster, ecs.service))
                        },
                    ),
            };
            let title = format!("load balancer targets of {what} are healthy");
            (Check::TargetGroup(check), title, what, GROUP_PASSES, GROUP_EVERY, GROUP_WITHIN)
        }
    };
    let (prefix, span, estimate, deadline) = match watch {
        None => ("verify", Span::Passes { passes, every, within }, every * passes.saturating_sub(1), within),
        Some(watch) => (
            "watch",
            Span::Elapsed { span: watch.lasts, every: watch.every, failures: REGRESSION },
            watch.lasts,
            watch.lasts,
        ),
    };
    let step = Step {
        id: StepId::new(format!("{prefix}/{}", configured.name())),
        title,
        resource: Resource::new(resource),
        from: None,
        to: None,
        chosen: None,
        verbs: Vec::new(),
        loses: Vec::new(),
        need: Need::Required,
        deadline: deadline + GRACE,
        estimate,
        work: Work::Check(CheckWork { check, span }),
    };
    Lane { steps: vec![step] }
}
