//! Makes plans: a fresh look at every target, their releases brought together, then a pure assembly. The same look is
//! taken again when a plan is approved; only if it leads to the same digest does the plan start.

use std::time::Duration;

use futures::future::{FutureExt as _, try_join_all};
use tracing::warn;

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::config::{PipelineHow, Target, TargetKind};
use crate::incident::command::Command;
use crate::incident::ids::IncidentId;
use crate::incident::incident::{State, Terms};
use crate::incident::plan::Plan;
use crate::incident::policy::Policy;
use crate::incident::release::Release;
use crate::incident::request::Request;
use crate::systems::amplify::{AmplifySpec, BranchSpec, DomainSpec};
use crate::systems::codebuild::BuildSpec;
use crate::systems::codepipeline::{How, StageSpec};
use crate::systems::ecs::EcsSpec;
use crate::systems::ecs::inventory::family_and_revision;
use crate::systems::kinds::{Inventory, TargetSpec};
use crate::systems::lambda::{LambdaSpec, SettingsSpec};
use crate::systems::manual::ManualSpec;
use crate::systems::planned::{Planned, ProvedRelease, Ran};

use super::assembly::{Looked, assemble};
use super::carry::{pause, say, unless_ending};
use super::deploys;
use super::engine::{Engine, storage};
use super::freeze_step;
use super::matching::{self, Aim, Matching, Member};
use super::pacing::Pacing;
use super::refusal::Refusal;
use super::selection::{self, Goal, Wanted};
use super::sites;
use super::stacks;
use super::subject::Subject;

/// How long AWS may fail to answer before a plan is given up.
const PATIENCE: Duration = Duration::from_mins(2);

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
        let Some(planned) = unless_ending(engine, Box::pin(plan(engine, request, Occasion::Incident(id)))).await else {
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

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Occasion<'a> {
    /// To be looked at: nothing is recorded or made.
    Rehearsal,
    /// To be proposed: what has to exist before it can be approved is made.
    Incident(&'a IncidentId),
}

impl Occasion<'_> {
    /// The name of the AWS session.
    fn session(&self) -> &str {
        match self {
            Self::Rehearsal => "rehearsal",
            Self::Incident(id) => id.as_str(),
        }
    }
}

/// Looks at every target that `request` is about and makes a plan of it.
pub(super) async fn plan(engine: &Engine, request: &Request, occasion: Occasion<'_>) -> Result<Outcome, Failed> {
    let Some(subject) = Subject::of(&engine.config, &request.environment, &request.service) else {
        let (name, environment) = (&request.service, &request.environment);
        let why = format!("The configuration has no service or group `{name}` in {environment}.");
        return Ok(Outcome::Refused(why));
    };
    let chosen = match selection::select(&subject, request) {
        Ok(chosen) => chosen,
        Err(why) => return Ok(Outcome::Refused(why)),
    };
    let aws = engine.accounts.aws(&request.environment, occasion.session()).await?;
    let wanted: Vec<&Wanted<'_>> = chosen.iter().flat_map(|chosen| chosen.stages.iter().flatten()).collect();
    let mut looks = Vec::new();
    for wanted in &wanted {
        looks.push(look_at(engine, &aws, wanted, occasion).boxed());
    }
    let mut seen = try_join_all(looks).await?;
    let matching = Box::pin(bring_together(engine, &aws, &wanted, &mut seen, occasion)).await?;
    let (matched, doubts) = matching.map_or((None, Vec::new()), |matching| (Some(matching.how), matching.warnings));
    let looked = seen.into_iter().map(|seen| seen.planned).collect();
    let freezes = freeze_step::plan(engine, &aws, chosen.iter().map(|chosen| chosen.service)).await?;
    Ok(freezes.in_front_of(assemble(&subject, &chosen, looked, matched, doubts)))
}

/// What a look at one target came to.
struct Seen {
    /// What was found; `None` where nothing could be looked at, or it is not to be touched.
    inventory: Option<Inventory>,
    /// What is to be done, or why nothing can be.
    planned: Looked,
}

impl Seen {
    /// Nothing that could be planned with.
    fn refused(why: String) -> Self {
        Self { inventory: None, planned: Err(why) }
    }
}

/// What is known of one target for matching.
struct Told {
    /// What is asked to run now.
    now: Release,
    /// What it would go back to by itself, if it would.
    own: Option<Release>,
    /// What ran, newest first.
    past: Vec<Ran>,
}

impl Seen {
    /// What is known for matching; `None` for what is not about releases.
    fn told(&self) -> Option<Told> {
        let inventory = self.inventory.as_ref()?;
        let way = self.planned.as_ref().ok().and_then(way);
        let now = way.map(|(now, _)| inventory.as_known(now)).or_else(|| inventory.now())?;
        Some(Told { now, own: way.map(|(_, own)| inventory.as_known(own)), past: inventory.past() })
    }
}

/// Looks at one target and plans where it goes by itself.
async fn look_at(engine: &Engine, aws: &Aws, wanted: &Wanted<'_>, occasion: Occasion<'_>) -> Result<Seen, Failed> {
    look_for(engine, aws, wanted, wanted.goal.release(), occasion).await
}

/// Looks at one target and plans its way to `to`, or to the release before.
async fn look_for(
    engine: &Engine,
    aws: &Aws,
    wanted: &Wanted<'_>,
    to: Option<&str>,
    occasion: Occasion<'_>,
) -> Result<Seen, Failed> {
    let spec = spec(&Target { name: wanted.step.clone(), ..wanted.target.clone() });
    let inventory = match spec.look(aws, to).await {
        Ok(inventory) => inventory,
        Err(error) if error.class.may_pass() => return Err(Failed::Aws(error)),
        Err(error) => return Ok(Seen::refused(cannot_look(&error))),
    };
    let inventory = Box::pin(stacks::complete(engine, aws, inventory, to, occasion)).await?;
    let mut inventory = match Box::pin(sites::complete(engine, aws, inventory, to, occasion)).await {
        Ok(inventory) => inventory,
        Err(Failed::Aws(error)) if !error.class.may_pass() => return Ok(Seen::refused(cannot_look(&error))),
        Err(failed) => return Err(failed),
    };
    if is_own(engine, &inventory).await? {
        let why = format!("{} is what Rollbot itself runs as; roll it back from the AWS console.", spec.title());
        return Ok(Seen::refused(why));
    }
    let good = engine.store.last_good(&inventory.resource()).await.map_err(|error| Failed::Store(storage(error)))?;
    let proved: Vec<ProvedRelease> =
        good.into_iter().map(|good| ProvedRelease { id: good.release.id, at: good.at }).collect();
    let told = engine.store.deploys(wanted.environment, wanted.service).await;
    let told = told.map_err(|error| Failed::Store(storage(error)))?;
    let proved = deploys::known_good(proved, &told, &inventory.releases());
    match Box::pin(inventory.look_at_target(aws, to, &proved)).await {
        Ok(()) => {}
        Err(error) if error.class.may_pass() => return Err(Failed::Aws(error)),
        Err(error) => return Ok(Seen::refused(cannot_look(&error))),
    }
    let mut planned = spec.plan(&inventory, to, &proved).map_err(|refusal| refusal.to_string());
    if let Ok(Planned::Steps { steps, warnings }) = &mut planned {
        let targets = steps.iter().filter_map(|step| step.to.as_ref());
        warnings.extend(targets.filter_map(|release| deploys::known_bad(&told, release)));
        warnings.extend(stacks::owner(engine, wanted.environment, &inventory));
    }
    Ok(Seen { inventory: Some(inventory), planned })
}

/// Finds what belongs together among the targets that are to go back together, and plans those anew that by themselves
/// would go elsewhere. `None` where there is nothing to match.
async fn bring_together(
    engine: &Engine,
    aws: &Aws,
    wanted: &[&Wanted<'_>],
    seen: &mut [Seen],
    occasion: Occasion<'_>,
) -> Result<Option<Matching>, Failed> {
    let together: Vec<usize> = wanted
        .iter()
        .zip(&*seen)
        .enumerate()
        .filter(|(_, (wanted, seen))| wanted.goal == Goal::Together && seen.inventory.is_some())
        .map(|(number, _)| number)
        .collect();
    if together.len() < 2 {
        return Ok(None);
    }
    for number in &together {
        if let Some(inventory) = seen.get_mut(*number).and_then(|seen| seen.inventory.as_mut()) {
            inventory.learn_commits(aws).await?;
        }
    }
    let told: Vec<(usize, &Wanted<'_>, Told)> = together
        .into_iter()
        .filter_map(|number| Some((number, *wanted.get(number)?, seen.get(number)?.told()?)))
        .collect();
    let members: Vec<Member<'_>> = told
        .iter()
        .map(|(_, wanted, Told { now, own, past })| Member { name: &wanted.step, now, own: own.as_ref(), past })
        .collect();
    let Some(matching) = matching::matched(&members) else { return Ok(None) };
    for ((number, wanted, Told { now, .. }), aim) in told.iter().zip(&matching.aims) {
        let Some(seen) = seen.get_mut(*number) else { continue };
        match aim {
            Aim::Own => {}
            Aim::Stay { why } => {
                seen.planned = Ok(Planned::NothingToDo { release: now.clone(), why: why.clone() });
            }
            Aim::To { release, why } => {
                *seen = Box::pin(look_for(engine, aws, wanted, Some(&release.id), occasion)).await?;
                if let Ok(Planned::Steps { steps, .. }) = &mut seen.planned {
                    for step in steps.iter_mut().filter(|step| step.to.is_some()) {
                        step.chosen = Some(why.clone());
                    }
                }
            }
        }
    }
    Ok(Some(matching))
}

/// From which release to which a target goes; `None` where nothing is to be done, or it is not about releases.
fn way(planned: &Planned) -> Option<(&Release, &Release)> {
    match planned {
        Planned::Steps { steps, .. } => {
            let chosen = steps.iter().rev().filter(|step| step.work.chooses());
            chosen.map(|step| Some((step.from.as_ref()?, step.to.as_ref()?))).find_map(|way| way)
        }
        Planned::NothingToDo { .. } => None,
    }
}

/// Whether `inventory` is of the service that this process runs as.
async fn is_own(engine: &Engine, inventory: &Inventory) -> Result<bool, AwsError> {
    let Some(own) = &engine.own_task else { return Ok(false) };
    let Inventory::Ecs(ecs) = inventory else { return Ok(false) };
    let family = family_and_revision(&ecs.service.task_definition).map_or("", |(family, _)| family);
    Ok(own.task(&engine.http).await?.is_of(&ecs.service.arn, family))
}

/// A configured target, as the systems know it.
pub(super) fn spec(target: &Target) -> TargetSpec {
    match &target.kind {
        TargetKind::Stack(stack) => TargetSpec::Stack(stacks::spec(&target.name, stack)),
        TargetKind::Ecs(ecs) => TargetSpec::Ecs(EcsSpec {
            name: target.name.clone(),
            cluster: ecs.cluster.clone(),
            service: ecs.service.clone(),
            container: ecs.container.clone(),
            image: ecs.image.clone(),
        }),
        TargetKind::CodePipeline(stage) => TargetSpec::PipelineStage(StageSpec {
            name: target.name.clone(),
            pipeline: stage.pipeline.clone(),
            stage: stage.stage.clone(),
            how: match stage.how {
                None => How::WhatAwsAllows,
                Some(PipelineHow::RollbackStage) => How::RollbackStage,
                Some(PipelineHow::Rerun) => How::Rerun,
            },
            image: stage.image.clone(),
        }),
        TargetKind::CodeBuild(build) => TargetSpec::CommitBuild(BuildSpec {
            name: target.name.clone(),
            project: build.project.clone(),
            image: build.image.clone(),
        }),
        TargetKind::Site(site) => TargetSpec::Site(sites::spec(&target.name, site)),
        TargetKind::Amplify(branch) => TargetSpec::Amplify(AmplifySpec::Branch(BranchSpec {
            name: target.name.clone(),
            app: branch.app.clone(),
            branch: branch.branch.clone(),
        })),
        TargetKind::AmplifyDomain(domain) => TargetSpec::Amplify(AmplifySpec::Domain(DomainSpec {
            name: target.name.clone(),
            app: domain.app.clone(),
            domain: domain.domain.clone(),
            prefix: domain.prefix.clone(),
            branch: domain.branch.clone(),
        })),
        TargetKind::Lambda(lambda) => TargetSpec::Lambda(LambdaSpec {
            name: target.name.clone(),
            function: lambda.function.clone(),
            alias: lambda.alias.clone(),
        }),
        TargetKind::LambdaSettings(settings) => TargetSpec::LambdaSettings(SettingsSpec {
            name: target.name.clone(),
            function: settings.function.clone(),
            timeout: settings.timeout,
            memory: settings.memory,
            environment: settings.environment.clone(),
        }),
        TargetKind::Manual(manual) => TargetSpec::Manual(ManualSpec {
            name: target.name.clone(),
            title: manual.title.clone(),
            text: manual.text.clone(),
            by: manual.by.clone(),
        }),
    }
}
