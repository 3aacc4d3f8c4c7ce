//! The one match over the kinds: what the engine calls without knowing which system it is.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ecs;
use super::planned::{PlanRefusal, Planned, ProvedRelease, ReleaseLine};
use super::step_kind::{Acted, Judgement, StepJournal, StepKind};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::clock::Clock;
use crate::incident::ids::Resource;
use crate::incident::work::{EcsService, Work};

/// A target as configured: what is looked at when a plan is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// An ECS service.
    Ecs(ecs::EcsSpec),
}

/// What a look for planning found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inventory {
    /// Of an ECS service.
    Ecs(Box<ecs::EcsInventory>),
}

impl TargetSpec {
    /// The target's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ecs(spec) => &spec.name,
        }
    }

    /// What it is, for people: `ECS service shop-prod/api`.
    pub fn title(&self) -> String {
        match self {
            Self::Ecs(spec) => format!("ECS service {}/{}", spec.cluster, spec.service),
        }
    }

    /// A fresh look, for planning; `to` is what somebody asked for, so that it is looked at too.
    ///
    /// # Errors
    /// When AWS does not answer or refuses, or there is no such thing.
    pub async fn look(&self, aws: &Aws, to: Option<&str>) -> Result<Inventory, AwsError> {
        match self {
            Self::Ecs(spec) => Ok(Inventory::Ecs(Box::new(Box::pin(ecs::look(aws, spec, to)).await?))),
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
        }
    }
}

impl Inventory {
    /// What is locked while it is taken back.
    pub fn resource(&self) -> Resource {
        match self {
            Self::Ecs(inventory) => Resource::new(inventory.service.arn.clone()),
        }
    }

    /// What could be gone back to and what runs now, newest first.
    pub fn releases(&self) -> Vec<ReleaseLine> {
        match self {
            Self::Ecs(inventory) => ecs::releases(inventory),
        }
    }
}

/// A step that takes something back. Checks are no such thing.
#[derive(Debug, Clone, Copy)]
pub enum System<'a> {
    /// An ECS service.
    Ecs(&'a EcsService),
}

impl<'a> System<'a> {
    /// The system behind `work`; `None` for a check.
    pub fn of(work: &'a Work) -> Option<Self> {
        match work {
            Work::EcsService(work) => Some(Self::Ecs(work)),
            Work::Check(_) => None,
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
        match self {
            Self::Ecs(work) => Box::pin(look_and_judge(work, aws, journal, clock)).await,
        }
    }

    /// Does what was judged, with one attempt.
    ///
    /// # Errors
    /// [`AwsError::effect`] says whether it may have happened all the same.
    pub async fn act(self, aws: &Aws, what: &Value, key: &str) -> Result<Acted<Value>, AwsError> {
        match self {
            Self::Ecs(work) => act(work, aws, what, key).await,
        }
    }
}

async fn look_and_judge<K: StepKind + Sync>(
    kind: &K,
    aws: &Aws,
    journal: &StepJournal<'_>,
    clock: &Clock,
) -> Result<Judgement<Value>, AwsError> {
    let seen = kind.observe(aws, journal).await?;
    Ok(match kind.judge(&seen, journal, clock.now()) {
        Judgement::Done { evidence, output } => Judgement::Done { evidence, output },
        Judgement::Holding { hold, progress, evidence, output } => {
            Judgement::Holding { hold, progress, evidence, output }
        }
        Judgement::Act(what) => Judgement::Act(value(&what)),
        Judgement::Wait(progress) => Judgement::Wait(progress),
        Judgement::Failed(failure) => Judgement::Failed(failure),
    })
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
