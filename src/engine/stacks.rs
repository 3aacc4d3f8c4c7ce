//! What a CloudFormation stack needs beside a look: the versions that were kept of it, and the change set that a plan is.
//!
//! A change set has to exist before anybody can approve it. So its name, which follows from the incident, is on disk
//! before it is made ([`Command::Prepare`]); whenever the process died, it is found again by that name, used, or deleted
//! when the plan ends without it ([`remove`]).

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::aws::{Aws, AwsError};
use crate::config::{Deletion as MayDelete, Previous as Source, StackTarget, TargetKind};
use crate::incident::command::Command;
use crate::incident::ids::{Digest, IncidentId, Resource};
use crate::incident::preparation::{Fate, Preparation, next_name};
use crate::store::{Fresh, KeptVersion, StoreError};
use crate::systems::cloudformation::content::Content;
use crate::systems::cloudformation::inventory::{
    Deletion, Kept, Previous, SeenChangeSet, Stack, StackInventory, StackSpec, Wanted,
};
use crate::systems::cloudformation::status::{Action, Towards};
use crate::systems::cloudformation::{change_set, look, releases};
use crate::systems::kinds::Inventory;

use super::carry::{pause, say, unless_ending};
use super::engine::{Engine, storage};
use super::planning::{Failed, Occasion};
use super::refusal::Refusal;

/// How often a change set that is being made is looked at: AWS's own waiter takes thirty seconds, and most are made in
/// five.
const EVERY: Duration = Duration::from_secs(3);
/// How long a change set may take to be made: large stacks with nested ones take some minutes.
const MAKING: Duration = Duration::from_mins(10);
/// How long a plan waits for CloudFormation to remove what an update replaced.
const CLEANING: Duration = Duration::from_mins(10);
/// How long to leave a change set alone that could not be deleted.
const AFTER_A_REFUSAL: Duration = Duration::from_mins(10);
/// How often each configured stack is looked at for a new version. A deployment takes some minutes, so none is missed;
/// one call per stack is far below what CloudFormation throttles.
const POLL: Duration = Duration::from_mins(5);

/// A configured stack, as the systems know it.
pub(super) fn spec(name: &str, target: &StackTarget) -> StackSpec {
    StackSpec {
        name: name.to_owned(),
        stack: target.stack.clone(),
        previous: match &target.previous {
            Source::History => Previous::History,
            Source::S3 { bucket, key } => Previous::S3 { bucket: bucket.clone(), key: key.clone() },
        },
        deletion: match target.delete {
            MayDelete::Refused => Deletion::Refused,
            MayDelete::Allowed => Deletion::Allowed,
        },
        may_replace: target.may_replace.clone(),
    }
}

/// The target that takes back the stack that owns an ECS service or a function, where one is configured: what runs out of band there is
/// undone by the stack's next update.
pub(super) fn owner(engine: &Engine, environment: &str, inventory: &Inventory) -> Option<String> {
    let owner = inventory.stack()?;
    let services = engine.config.services.keys().filter_map(|name| engine.config.service(environment, name));
    let targets = services.flat_map(|service| {
        let targets = service.targets.iter().flat_map(|stage| &stage.targets);
        let owning = targets.filter(|target| match &target.kind {
            TargetKind::Stack(stack) => stack.stack == owner || look::name_of(&stack.stack) == owner,
            TargetKind::Ecs(_)
            | TargetKind::CodePipeline(_)
            | TargetKind::CodeBuild(_)
            | TargetKind::Manual(_)
            | TargetKind::Site(_)
            | TargetKind::Amplify(_)
            | TargetKind::AmplifyDomain(_)
            | TargetKind::Lambda(_)
            | TargetKind::LambdaSettings(_) => false,
        });
        owning.map(|target| (service.service.clone(), target.name.clone())).collect::<Vec<_>>()
    });
    let (service, target) = targets.into_iter().next()?;
    Some(format!("The target {target} of {service} takes that stack back, and that lasts."))
}

/// `inventory` with the versions that were kept of it, for people who only want to know.
pub(super) async fn remember(engine: &Engine, inventory: Inventory) -> Inventory {
    match inventory {
        Inventory::Stack(mut stack) => {
            match history(engine, &stack.stack.arn).await {
                Ok(history) => stack.history = history,
                Err(error) => warn!(stack = stack.stack.name, %error, "the kept versions could not be read"),
            }
            Inventory::Stack(stack)
        }
        other @ (Inventory::Ecs(_)
        | Inventory::PipelineStage(_)
        | Inventory::CommitBuild(_)
        | Inventory::Site(_)
        | Inventory::Amplify(_)
        | Inventory::Lambda(_)
        | Inventory::LambdaSettings(_)
        | Inventory::Manual(_)) => other,
    }
}

async fn history(engine: &Engine, stack: &str) -> Result<Vec<Kept>, StoreError> {
    let kept = engine.store.kept(&Resource::new(stack)).await?;
    Ok(kept.into_iter().map(|kept| Kept { release: kept.release, blob: kept.content }).collect())
}

/// `inventory` with everything that a plan is made from: the kept versions, the one to go back to, and its change set.
pub(super) async fn complete(
    engine: &Engine,
    aws: &Aws,
    inventory: Inventory,
    to: Option<&str>,
    occasion: Occasion<'_>,
) -> Result<Inventory, Failed> {
    let Inventory::Stack(stack) = inventory else { return Ok(inventory) };
    let mut stack = match occasion {
        Occasion::Rehearsal => *stack,
        Occasion::Incident(_) => settled(engine, aws, *stack, to).await?,
    };
    if let (Occasion::Incident(_), Some(content)) = (occasion, &stack.present) {
        keep(engine, aws, &stack.stack, content).await?;
    }
    stack.history = history(engine, &stack.stack.arn).await.map_err(|error| Failed::Store(storage(error)))?;
    let is_wanted = stack.stack.status.action() == Action::ChangeSet
        && stack.stack.root.is_none()
        && !StackInventory::is_deletion(to);
    if is_wanted {
        let wanted = wanted(engine, &stack, to).await?;
        if let (Occasion::Incident(id), Ok(wanted)) = (occasion, &wanted)
            && stack.now().is_none_or(|now| now.id != wanted.release.id)
        {
            stack.change_set = Some(made(engine, aws, id, &stack, wanted).await?);
        }
        stack.wanted = Some(wanted);
    }
    Ok(Inventory::Stack(Box::new(stack)))
}

/// The look once CloudFormation has removed what the last update replaced: before that it takes no other order.
async fn settled(
    engine: &Engine,
    aws: &Aws,
    mut stack: StackInventory,
    to: Option<&str>,
) -> Result<StackInventory, Failed> {
    let since = engine.clock.now().at;
    while stack.stack.status.action() == Action::Wait(Towards::Settled)
        && engine.clock.now().elapsed(since) < CLEANING
        && !engine.stop.is_cancelled()
    {
        pause(engine, EVERY).await;
        stack = Box::pin(look(aws, &stack.spec, to)).await?;
    }
    Ok(stack)
}

/// The version to go back to, with its content.
async fn wanted(engine: &Engine, stack: &StackInventory, to: Option<&str>) -> Result<Result<Wanted, String>, Failed> {
    if let Some(source) = &stack.source {
        return Ok(source.clone().and_then(|wanted| match to {
            None | Some("previous") => Ok(wanted),
            Some(asked) if releases::names(&wanted.release, asked) => Ok(wanted),
            Some(asked) => Err(format!(
                "`{asked}` is not what lies at the place that `previous` names: that is {}. Ask without `to {asked}`.",
                wanted.release.name()
            )),
        }));
    }
    let chosen = match releases::choose(stack, to) {
        Ok(chosen) => chosen,
        Err(why) => return Ok(Err(why)),
    };
    let blob = engine.store.blob(&chosen.kept.blob).await.map_err(|error| Failed::Store(storage(error)))?;
    let content = blob.and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok());
    Ok(content.map_or_else(
        || {
            Err(format!(
                "What {} was deployed with cannot be read from Rollbot's store. Name another release.",
                chosen.kept.release.name()
            ))
        },
        |content| {
            if content.template.len() > change_set::LONGEST_TEMPLATE {
                return Err(format!(
                    "The template of {} is longer than the 51,200 bytes that a call takes. Keep it in S3 and configure \
                     `previous: {{ s3: … }}`, so that its address is sent instead.",
                    chosen.kept.release.name()
                ));
            }
            let release = chosen.kept.release.clone();
            Ok(Wanted { release, content, url: None, how: chosen.how.clone() })
        },
    ))
}

/// The change set that brings `wanted` back: the one that was made for this incident, or a new one.
async fn made(
    engine: &Engine,
    aws: &Aws,
    id: &IncidentId,
    stack: &StackInventory,
    wanted: &Wanted,
) -> Result<Result<SeenChangeSet, String>, Failed> {
    let since = engine.clock.now().at;
    let content = wanted.content.identity();
    loop {
        let preparation = prepared(engine, id, stack, &content).await?;
        let seen = look::change_set(aws, &stack.stack.arn, &preparation.name).await?;
        match seen {
            None => match change_set::create(aws, &stack.stack, &preparation.name, wanted).await {
                Ok(()) => info!(incident = %id, change_set = preparation.name, "a change set is being made"),
                Err(error) if error.class.may_pass() => return Err(Failed::Aws(error)),
                Err(error) => return Ok(Err(refused(&stack.stack, &error))),
            },
            Some(seen) if is_pending(&seen) => {}
            Some(seen) if is_spent(&seen) => {
                // The stack was updated since: what was approved no longer fits, and a new one is made.
                say_removed(engine, id, &preparation).await.map_err(Failed::Store)?;
                if let Err(error) = change_set::delete(aws, &preparation.stack, &preparation.name).await {
                    warn!(incident = %id, change_set = preparation.name, %error, "it could not be deleted");
                }
                continue;
            }
            Some(seen) => return Ok(Ok(seen)),
        }
        if engine.clock.now().elapsed(since) >= MAKING || engine.stop.is_cancelled() {
            return Ok(Err(format!(
                "CloudFormation has not made a change set for {} in {} minutes. Ask again.",
                stack.stack.name,
                MAKING.as_secs() / 60
            )));
        }
        pause(engine, EVERY).await;
    }
}

fn is_pending(seen: &SeenChangeSet) -> bool {
    seen.status.ends_with("_PENDING") || seen.status.ends_with("_IN_PROGRESS")
}

fn is_spent(seen: &SeenChangeSet) -> bool {
    seen.status == "CREATE_COMPLETE" && seen.execution != "AVAILABLE"
}

/// What was recorded to be made for this stack and content; recorded now where nothing was.
async fn prepared(
    engine: &Engine,
    id: &IncidentId,
    stack: &StackInventory,
    content: &Digest,
) -> Result<Preparation, Failed> {
    let storage = |error| Failed::Store(storage(error));
    let Some(incident) = engine.incident(id).await.map_err(storage)? else {
        return Err(Failed::Store(Refusal::NoSuchIncident(id.clone())));
    };
    let arn = &stack.stack.arn;
    let newest = incident.prepared.iter().rfind(|made| made.stack == *arn);
    if let Some(made) = newest.filter(|made| made.fate == Fate::Made && made.content == *content) {
        return Ok(made.clone());
    }
    let preparation =
        Preparation { stack: arn.clone(), name: next_name(&incident, arn), content: content.clone(), fate: Fate::Made };
    let command = Command::Prepare { preparation: preparation.clone() };
    // Not `say`: where somebody has stopped it in this moment, nothing may be made.
    engine.command(id, command, crate::incident::policy::Actor::Rollbot).await.map_err(Failed::Store)?;
    Ok(preparation)
}

fn refused(stack: &Stack, error: &AwsError) -> String {
    use crate::systems::cloudformation::refusal::Refusal as Known;
    Known::of(error).map_or_else(
        || format!("CloudFormation makes no change set for {}: {error}.", stack.name),
        |known| {
            format!("CloudFormation makes no change set for {}. {} {}", stack.name, known.sentence(), known.advice())
        },
    )
}

/// Deletes a change set that is of no more use, and records that it is gone.
pub(super) async fn remove(engine: &Engine, id: &IncidentId, preparation: &Preparation) -> Result<(), Refusal> {
    let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
    let environment = &incident.request.environment;
    if !engine.config.environments.contains_key(environment) {
        return say_removed(engine, id, preparation).await;
    }
    let looked = async {
        let aws = engine.accounts.aws(environment, id.as_str()).await?;
        let seen = look::change_set(&aws, &preparation.stack, &preparation.name).await?;
        Ok::<_, AwsError>((aws, seen))
    };
    let Some(looked) = Box::pin(unless_ending(engine, looked)).await else { return Ok(()) };
    let done = match looked {
        Ok((_, None)) => Ok(()),
        Ok((_, Some(seen))) if seen.execution.starts_with("EXECUTE_") => Ok(()),
        Ok((_, Some(seen))) if is_pending(&seen) => {
            pause(engine, EVERY).await;
            return Ok(());
        }
        Ok((aws, Some(_))) => change_set::delete(&aws, &preparation.stack, &preparation.name).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => {
            info!(incident = %id, change_set = preparation.name, "a change set that was not needed is gone");
            say_removed(engine, id, preparation).await
        }
        Err(error) => {
            warn!(incident = %id, change_set = preparation.name, %error, "a change set could not be deleted");
            pause(engine, if error.class.may_pass() { EVERY } else { AFTER_A_REFUSAL }).await;
            Ok(())
        }
    }
}

async fn say_removed(engine: &Engine, id: &IncidentId, preparation: &Preparation) -> Result<(), Refusal> {
    let Preparation { stack, name, .. } = preparation.clone();
    say(engine, id, Command::Remove { stack, name }).await
}

/// Keeps what a stack is deployed with, unless that is kept already.
async fn keep(engine: &Engine, aws: &Aws, stack: &Stack, content: &Content) -> Result<Fresh, Failed> {
    let at = stack.updated_at.unwrap_or_else(|| engine.clock.now().at);
    keep_at(engine, aws, stack, content, at).await
}

async fn keep_at(engine: &Engine, aws: &Aws, stack: &Stack, content: &Content, at: Timestamp) -> Result<Fresh, Failed> {
    let storage = |error| Failed::Store(storage(error));
    let resource = Resource::new(&stack.arn);
    let release = content.release(Some(at));
    let newest = engine.store.kept(&resource).await.map_err(storage)?;
    if newest.first().is_some_and(|newest| newest.release.id == release.id) {
        return Ok(Fresh::Duplicate);
    }
    let policy = match look::policy(aws, &stack.arn).await {
        Ok(policy) => policy,
        Err(error) if error.class.may_pass() => return Err(Failed::Aws(error)),
        Err(error) => {
            warn!(stack = stack.name, %error, "its policy is not kept");
            None
        }
    };
    let whole = Content { policy, ..content.clone() };
    let bytes = serde_json::to_vec(&whole).unwrap_or_default();
    let blob = engine.store.put_blob(&bytes).await.map_err(storage)?;
    engine.store.keep(&resource, &KeptVersion { release, content: blob, at }).await.map_err(storage)
}

impl Engine {
    /// Looks at every configured stack now and then, and keeps each version that went live: CloudFormation itself keeps
    /// only the present one. Ends with the process.
    pub async fn keep_versions_of_stacks(self) {
        while !self.stop.is_cancelled() {
            Box::pin(self.keep_versions(None)).await;
            pause(&self, POLL).await;
        }
    }

    /// Keeps what the stacks are deployed with now: of one service, or of all.
    pub(super) async fn keep_versions(&self, only: Option<(&str, &str)>) {
        for environment in self.config.environments.keys() {
            for service in self.config.services.keys() {
                if only.is_some_and(|only| only != (environment.as_str(), service.as_str())) {
                    continue;
                }
                let Some(configured) = self.config.service(environment, service) else { continue };
                let targets = configured.targets.iter().flat_map(|stage| &stage.targets);
                for target in targets {
                    let TargetKind::Stack(stack) = &target.kind else { continue };
                    let kept = Box::pin(unless_ending(self, self.keep_version(environment, &stack.stack))).await;
                    if kept.is_none() {
                        return;
                    }
                }
            }
        }
    }

    async fn keep_version(&self, environment: &str, stack: &str) {
        let kept = async {
            let aws = self.accounts.aws(environment, "snapshots").await?;
            let stack = look::stack(&aws, stack).await?;
            let newest = self.store.kept(&Resource::new(&stack.arn)).await;
            let newest = newest.map_err(|error| Failed::Store(storage(error)))?;
            let is_known = newest.first().is_some_and(|newest| Some(newest.at) == stack.updated_at);
            if is_known || !stack.status.is_good() {
                return Ok(());
            }
            let content = look::content(&aws, &stack).await?;
            if keep(self, &aws, &stack, &content).await? == Fresh::New {
                info!(stack = stack.name, release = content.release(None).name(), "a version is kept");
            }
            Ok(())
        };
        match kept.await {
            Ok(()) => {}
            Err(Failed::Aws(error)) => warn!(stack, %error, "its version could not be kept now"),
            Err(Failed::Store(error)) => warn!(stack, %error, "its version could not be kept now"),
        }
    }
}
