//! The one match over the kinds: what the engine calls without knowing which system it is.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::amplify;
use super::cloudformation;
use super::codebuild;
use super::codepipeline;
use super::ecs;
use super::freezes::FreezeOrder;
use super::lambda;
use super::manual;
use super::planned::{PlanRefusal, Planned, ProvedRelease, Ran, ReleaseLine, ReleaseStatus};
use super::static_site;
use super::step_kind::{Acted, Judgement, Looked, StepJournal, StepKind};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::clock::Clock;
use crate::incident::amplify::{AmplifyWork, BranchJob, DomainRoute};
use crate::incident::build::CommitBuild;
use crate::incident::ids::Resource;
use crate::incident::lambda::LambdaWork;
use crate::incident::pipeline::PipelineStage;
use crate::incident::release::Release;
use crate::incident::stack::StackWork;
use crate::incident::step::Failure;
use crate::incident::work::{EcsCodeDeploy, EcsService, Work};

/// A target as configured: what is looked at when a plan is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// An ECS service.
    Ecs(ecs::EcsSpec),
    /// A CloudFormation stack.
    Stack(cloudformation::StackSpec),
    /// A stage of a pipeline.
    PipelineStage(codepipeline::StageSpec),
    /// A build project.
    CommitBuild(codebuild::BuildSpec),
    /// A static site.
    Site(static_site::SiteSpec),
    /// A branch or a domain of an Amplify app.
    Amplify(amplify::AmplifySpec),
    /// A Lambda function.
    Lambda(lambda::LambdaSpec),
    /// Settings of a Lambda function.
    LambdaSettings(lambda::SettingsSpec),
    /// Something that a person does by hand.
    Manual(manual::ManualSpec),
}

/// What a look for planning found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inventory {
    /// Of an ECS service.
    Ecs(Box<ecs::EcsInventory>),
    /// Of a CloudFormation stack.
    Stack(Box<cloudformation::StackInventory>),
    /// Of a stage of a pipeline.
    PipelineStage(Box<codepipeline::StageInventory>),
    /// Of a build project.
    CommitBuild(Box<codebuild::BuildInventory>),
    /// Of a static site.
    Site(Box<static_site::SiteInventory>),
    /// Of a branch or a domain of an Amplify app.
    Amplify(Box<amplify::AmplifyInventory>),
    /// Of a Lambda function.
    Lambda(Box<lambda::LambdaInventory>),
    /// Of the settings of a Lambda function.
    LambdaSettings(Box<lambda::SettingsInventory>),
    /// There is nothing to find of what a person does by hand.
    Manual(manual::ManualSpec),
}

impl TargetSpec {
    /// The target's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ecs(spec) => &spec.name,
            Self::Stack(spec) => &spec.name,
            Self::PipelineStage(spec) => &spec.name,
            Self::CommitBuild(spec) => &spec.name,
            Self::Site(spec) => &spec.name,
            Self::Amplify(spec) => spec.name(),
            Self::Lambda(spec) => &spec.name,
            Self::LambdaSettings(spec) => &spec.name,
            Self::Manual(spec) => &spec.name,
        }
    }

    /// What it is, for people: `ECS service shop-prod/api`.
    pub fn title(&self) -> String {
        match self {
            Self::Ecs(spec) => format!("ECS service {}/{}", spec.cluster, spec.service),
            Self::Stack(spec) => format!("CloudFormation stack {}", spec.stack),
            Self::PipelineStage(spec) => format!("pipeline {}, stage {}", spec.pipeline, spec.stage),
            Self::CommitBuild(spec) => format!("build project {}", spec.project),
            Self::Site(spec) => spec.title(),
            Self::Amplify(spec) => spec.title(),
            Self::Lambda(spec) => spec.title(),
            Self::LambdaSettings(spec) => format!("settings of Lambda function {}", spec.function),
            Self::Manual(spec) => spec.title.clone(),
        }
    }

    /// A fresh look, for planning; `to` is what somebody asked for, so that it is looked at too.
    ///
    /// # Errors
    /// When AWS does not answer or refuses, or there is no such thing.
    pub async fn look(&self, aws: &Aws, to: Option<&str>) -> Result<Inventory, AwsError> {
        match self {
            Self::Ecs(spec) => Ok(Inventory::Ecs(Box::new(Box::pin(ecs::look(aws, spec, to)).await?))),
            Self::Stack(spec) => Ok(Inventory::Stack(Box::new(Box::pin(cloudformation::look(aws, spec, to)).await?))),
            Self::PipelineStage(spec) => {
                Ok(Inventory::PipelineStage(Box::new(Box::pin(codepipeline::look(aws, spec, to)).await?)))
            }
            Self::CommitBuild(spec) => {
                Ok(Inventory::CommitBuild(Box::new(Box::pin(codebuild::look(aws, spec, to)).await?)))
            }
            Self::Site(spec) => Ok(Inventory::Site(Box::new(Box::pin(static_site::look(aws, spec)).await?))),
            Self::Amplify(spec) => Ok(Inventory::Amplify(Box::new(Box::pin(spec.look(aws, to)).await?))),
            Self::Lambda(spec) => Ok(Inventory::Lambda(Box::new(Box::pin(lambda::look(aws, spec, to)).await?))),
            Self::LambdaSettings(spec) => {
                Ok(Inventory::LambdaSettings(Box::new(Box::pin(lambda::look_at_settings(aws, spec)).await?)))
            }
            Self::Manual(spec) => Ok(Inventory::Manual(spec.clone())),
        }
    }

    /// What is to be done to go back to `to`, or to the release before. `proved` is Rollbot's own record, newest first.
    ///
    /// # Errors
    /// Why that is not possible, in a sentence that says what to do.
    pub fn plan(
        &self,
        inventory: &Inventory,
        to: Option<&str>,
        proved: &[ProvedRelease],
    ) -> Result<Planned, PlanRefusal> {
        match (self, inventory) {
            (Self::Ecs(_), Inventory::Ecs(inventory)) => ecs::plan(inventory, to, proved),
            (Self::Stack(_), Inventory::Stack(inventory)) => cloudformation::plan(inventory, to),
            (Self::PipelineStage(_), Inventory::PipelineStage(inventory)) => codepipeline::plan(inventory, to),
            (Self::CommitBuild(_), Inventory::CommitBuild(inventory)) => codebuild::plan(inventory, to),
            (Self::Site(_), Inventory::Site(inventory)) => static_site::plan(inventory, to),
            (Self::Amplify(_), Inventory::Amplify(inventory)) => inventory.plan(to),
            (Self::Lambda(_), Inventory::Lambda(inventory)) => lambda::plan(inventory, to, proved),
            (Self::LambdaSettings(_), Inventory::LambdaSettings(inventory)) => lambda::settings_plan::plan(inventory),
            (Self::Manual(spec), _) => Ok(manual::plan(spec)),
            (
                Self::Amplify(_)
                | Self::Lambda(_)
                | Self::LambdaSettings(_)
                | Self::Site(_)
                | Self::Ecs(_)
                | Self::PipelineStage(_)
                | Self::CommitBuild(_)
                | Self::Stack(_),
                _,
            ) => Err(PlanRefusal::new("Something else was looked at. Ask again.")),
        }
    }
}

impl Inventory {
    /// What is locked while it is taken back.
    pub fn resource(&self) -> Resource {
        match self {
            Self::Ecs(inventory) => Resource::new(inventory.service.arn.clone()),
            Self::Stack(inventory) => Resource::new(inventory.stack.arn.clone()),
            Self::PipelineStage(inventory) => codepipeline::plan::resource(inventory),
            Self::CommitBuild(inventory) => Resource::new(inventory.arn.clone()),
            Self::Site(inventory) => static_site::plan::resource(inventory),
            Self::Amplify(inventory) => inventory.resource(),
            Self::Lambda(inventory) => Resource::new(inventory.arn()),
            Self::LambdaSettings(inventory) => Resource::new(inventory.latest.arn.clone()),
            Self::Manual(spec) => spec.resource(),
        }
    }

    /// The stack that owns it, where something says that one does.
    pub fn stack(&self) -> Option<&str> {
        match self {
            Self::Ecs(inventory) => inventory.service.stack.as_deref(),
            Self::Lambda(inventory) => inventory.stack.as_deref(),
            // Of settings the plan says so itself, and what is set for a while is not to last.
            Self::LambdaSettings(_)
            | Self::Stack(_)
            | Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Amplify(_)
            | Self::Manual(_)
            | Self::Site(_) => None,
        }
    }

    /// What could be gone back to and what runs now, newest first.
    pub fn releases(&self) -> Vec<ReleaseLine> {
        match self {
            Self::Ecs(inventory) => ecs::releases(inventory),
            Self::Stack(inventory) => cloudformation::releases::releases(inventory),
            Self::PipelineStage(inventory) => codepipeline::releases(inventory),
            Self::CommitBuild(inventory) => codebuild::releases(inventory),
            Self::Site(inventory) => static_site::releases(inventory),
            Self::Amplify(inventory) => inventory.releases(),
            Self::Lambda(inventory) => lambda::releases(inventory),
            Self::LambdaSettings(_) | Self::Manual(_) => Vec::new(),
        }
    }

    /// What runs and what is going on, as a sentence without a full stop, where the releases alone do not say it.
    pub fn stands(&self) -> Option<String> {
        match self {
            Self::Lambda(inventory) => lambda::releases::stands(inventory),
            Self::Ecs(_)
            | Self::LambdaSettings(_)
            | Self::Site(_)
            | Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Manual(_) => None,
            Self::Stack(inventory) => Some(cloudformation::releases::stands(inventory)),
            Self::Amplify(inventory) => inventory.stands(),
        }
    }

    /// What ran, newest first, as far as anybody remembers: releases of several targets are matched by it.
    pub fn past(&self) -> Vec<Ran> {
        match self {
            Self::Ecs(inventory) => ecs::past(inventory),
            Self::Stack(inventory) => cloudformation::releases::past(inventory),
            Self::PipelineStage(inventory) => codepipeline::past(inventory),
            Self::CommitBuild(inventory) => codebuild::past(inventory),
            Self::Site(inventory) => static_site::past(inventory),
            Self::Amplify(inventory) => inventory.past(),
            Self::Lambda(inventory) => lambda::past(inventory),
            Self::LambdaSettings(_) | Self::Manual(_) => Vec::new(),
        }
    }

    /// What is asked to run now, as far as that is known.
    pub fn now(&self) -> Option<Release> {
        let mut lines = self.releases();
        let is_now = |line: &ReleaseLine| matches!(line.status, ReleaseStatus::BeingDeployed | ReleaseStatus::RunsNow);
        let place = lines.iter().position(is_now)?;
        Some(lines.swap_remove(place).release)
    }

    /// A release of this target with everything that is known of it by now: a look after the plan may know its commit.
    pub fn as_known(&self, release: &Release) -> Release {
        let known = self.releases().into_iter().map(|line| line.release).find(|known| known.id == release.id);
        let commit = release.commit.clone().or_else(|| known.and_then(|known| known.commit));
        Release { commit, ..release.clone() }
    }

    /// Looks closely at what a plan would go back to, where that depends on what Rollbot itself remembers.
    ///
    /// # Errors
    /// When AWS does not answer or refuses.
    pub async fn look_at_target(
        &mut self,
        aws: &Aws,
        to: Option<&str>,
        proved: &[ProvedRelease],
    ) -> Result<(), AwsError> {
        match self {
            Self::Ecs(inventory) => ecs::look_at_target(inventory, aws, to, proved).await,
            Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Stack(_)
            | Self::Amplify(_)
            | Self::Lambda(_)
            | Self::LambdaSettings(_)
            | Self::Site(_)
            | Self::Manual(_) => Ok(()),
        }
    }

    /// Finds out which commits the releases were built from, where that takes a look of its own.
    ///
    /// # Errors
    /// When AWS does not answer now: a release must not count as one without a commit because of that.
    pub async fn learn_commits(&mut self, aws: &Aws) -> Result<(), AwsError> {
        match self {
            Self::Ecs(inventory) => ecs::learn_commits(inventory, aws).await,
            // Their releases bear their commits, or nothing does.
            Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Stack(_)
            | Self::Amplify(_)
            | Self::Lambda(_)
            | Self::LambdaSettings(_)
            | Self::Site(_)
            | Self::Manual(_) => Ok(()),
        }
    }
}

/// A step that takes something back. Checks are no such thing.
#[derive(Debug, Clone, Copy)]
pub enum System<'a> {
    /// An ECS service.
    Ecs(&'a EcsService),
    /// A CloudFormation stack.
    Stack(&'a StackWork),
    /// A place that is held or opened; its own record carries it, not a plan's step.
    Freeze(&'a FreezeOrder),
    /// A stage of a pipeline.
    PipelineStage(&'a PipelineStage),
    /// A build project.
    CommitBuild(&'a CommitBuild),
    /// A static site, with the list of its objects where it has one.
    Site(static_site::SiteStep<'a>),
    /// A branch of an Amplify app.
    AmplifyBranch(&'a BranchJob),
    /// A name of a domain of an Amplify app.
    AmplifyDomain(&'a DomainRoute),
    /// A Lambda function.
    Lambda(&'a LambdaWork),
    /// An ECS service under `CodeDeploy`.
    EcsCodeDeploy(&'a EcsCodeDeploy),
}

impl<'a> System<'a> {
    /// The system behind `work`; `None` for a check, for what a person does, and for a freeze, which has a record of its own.
    pub fn of(work: &'a Work) -> Option<Self> {
        match work {
            Work::EcsService(work) => Some(Self::Ecs(work)),
            Work::Stack(work) => Some(Self::Stack(work)),
            Work::PipelineStage(work) => Some(Self::PipelineStage(work)),
            Work::CommitBuild(work) => Some(Self::CommitBuild(work)),
            Work::Site(work) => Some(Self::Site(static_site::SiteStep { work, manifest: None })),
            Work::Amplify(AmplifyWork::Branch(work)) => Some(Self::AmplifyBranch(work)),
            Work::Amplify(AmplifyWork::Domain(work)) => Some(Self::AmplifyDomain(work)),
            Work::Lambda(work) => Some(Self::Lambda(work)),
            Work::EcsCodeDeploy(work) => Some(Self::EcsCodeDeploy(work)),
            Work::Freeze(_) | Work::Check(_) | Work::Gate(_) | Work::Manual(_) => None,
        }
    }

    /// The same with the list of objects that was approved, where the work names one.
    #[must_use]
    pub fn with(self, manifest: Option<&'a static_site::manifest::Manifest>) -> Self {
        if let Self::Site(step) = self { Self::Site(static_site::SiteStep { manifest, ..step }) } else { self }
    }

    /// Looks, judges what was seen, and says what the other side reports.
    ///
    /// # Errors
    /// When the look fails; nothing was changed.
    pub async fn look_and_report(
        self,
        aws: &Aws,
        journal: &StepJournal<'_>,
        clock: &Clock,
    ) -> Result<Looked, AwsError> {
        match self {
            Self::Ecs(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::Stack(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::Freeze(FreezeOrder::Pipeline(order)) => Box::pin(look_and_judge(order, aws, journal, clock)).await,
            Self::Freeze(FreezeOrder::AutoBuild(order)) => Box::pin(look_and_judge(order, aws, journal, clock)).await,
            Self::PipelineStage(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::CommitBuild(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::Site(step) => Box::pin(look_and_judge(&step, aws, journal, clock)).await,
            Self::AmplifyBranch(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::AmplifyDomain(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::Lambda(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
            Self::EcsCodeDeploy(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
        }
    }

    /// Looks, then judges what was seen.
    ///
    /// # Errors
    /// When the look fails; nothing was changed.
    pub async fn look_and_judge(
        self,
        aws: &Aws,
        journal: &StepJournal<'_>,
        clock: &Clock,
    ) -> Result<Judgement<Value>, AwsError> {
        self.look_and_report(aws, journal, clock).await.map(|looked| looked.judgement)
    }

    /// Does what was judged, with one attempt.
    ///
    /// # Errors
    /// [`AwsError::effect`] says whether it may have happened all the same.
    pub async fn act(self, aws: &Aws, what: &Value, key: &str) -> Result<Acted<Value>, AwsError> {
        match self {
            Self::Ecs(work) => act(work, aws, what, key).await,
            Self::Stack(work) => act(work, aws, what, key).await,
            Self::Freeze(FreezeOrder::Pipeline(order)) => act(order, aws, what, key).await,
            Self::Freeze(FreezeOrder::AutoBuild(order)) => act(order, aws, what, key).await,
            Self::PipelineStage(work) => act(work, aws, what, key).await,
            Self::CommitBuild(work) => act(work, aws, what, key).await,
            Self::Site(step) => act(&step, aws, what, key).await,
            Self::AmplifyBranch(work) => act(work, aws, what, key).await,
            Self::AmplifyDomain(work) => act(work, aws, what, key).await,
            Self::Lambda(work) => Box::pin(act(work, aws, what, key)).await,
            Self::EcsCodeDeploy(work) => act(work, aws, what, key).await,
        }
    }

    /// What a refusal means and what to do, where the system knows more of it than AWS's words say.
    pub fn explained(self, error: &AwsError) -> Option<Failure> {
        match self {
            Self::Ecs(_) | Self::EcsCodeDeploy(_) | Self::Freeze(_) => None,
            Self::Stack(_) => cloudformation::refusal::explained(error),
            Self::PipelineStage(work) => codepipeline::refusals::explained(work, error),
            Self::CommitBuild(work) => codebuild::refusals::explained(work, error),
            Self::Site(step) => static_site::refusals::explained(step.work, error),
            Self::AmplifyBranch(_) | Self::AmplifyDomain(_) => amplify::refusals::explained(error),
            Self::Lambda(work) => lambda::refusals::explained(work, error),
        }
    }
}

async fn look_and_judge<K: StepKind + Sync>(
    kind: &K,
    aws: &Aws,
    journal: &StepJournal<'_>,
    clock: &Clock,
) -> Result<Looked, AwsError> {
    let seen = kind.observe(aws, journal).await?;
    let judged = kind.judge(&seen, journal, clock.now());
    let threatened = match &judged {
        Judgement::Act(what) | Judgement::Restore(what) => kind.threatened(&seen, what),
        Judgement::Done { .. } | Judgement::Holding { .. } | Judgement::Wait(_) | Judgement::Failed(_) => None,
    };
    let judgement = match judged {
        Judgement::Done { evidence, output } => Judgement::Done { evidence, output },
        Judgement::Holding { hold, progress, evidence, output } => {
            Judgement::Holding { hold, progress, evidence, output }
        }
        Judgement::Act(what) if kind.completes(&what, &seen, journal) => Judgement::Restore(value(&what)),
        Judgement::Act(what) => Judgement::Act(value(&what)),
        Judgement::Restore(what) => Judgement::Restore(value(&what)),
        Judgement::Wait(progress) => Judgement::Wait(progress),
        Judgement::Failed(failure) => Judgement::Failed(failure),
    };
    Ok(Looked { judgement, news: kind.news(&seen, journal), threatened })
}

async fn act<K: StepKind + Sync>(kind: &K, aws: &Aws, what: &Value, key: &str) -> Result<Acted<Value>, AwsError> {
    let what = read::<K::Do>(what)?;
    let Acted { receipt, request_id } = kind.act(aws, &what, key).await?;
    Ok(Acted { receipt: value(&receipt), request_id })
}

/// Acts and receipts are plain structs and enums with string keys: they always have a JSON form.
fn value(what: &impl Serialize) -> Value {
    serde_json::to_value(what).unwrap_or_default()
}

fn read<D: DeserializeOwned>(what: &Value) -> Result<D, AwsError> {
    D::deserialize(what).map_err(|error| {
        AwsError::local("rollbot", "act", ErrorClass::Bug, format!("the recorded act cannot be read: {error}"))
    })
}
