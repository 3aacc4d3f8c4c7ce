//! What can be frozen, under one name: where it is, the step that holds it, and the order that its keeper carries out.

use std::time::Duration;

use super::amplify::auto_build::{self, AutoBuildOrder};
use super::codepipeline::{FreezeOrder as PipelineOrder, freeze_plan};
use crate::aws::{Aws, AwsError};
use crate::incident::freeze::Freeze;
use crate::incident::freeze_work::FreezeWork;
use crate::incident::ids::Resource;
use crate::incident::plan::Step;
use crate::incident::work::Stop;

/// After how long a place that is not held has failed: that of the slowest, a stage whose actions are waited for.
pub const DEADLINE: Duration = freeze_plan::DEADLINE;

/// What is wanted of a place, as the freeze's record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreezeOrder {
    /// Of a stage of a pipeline.
    Pipeline(PipelineOrder),
    /// Of a branch's automatic builds.
    AutoBuild(AutoBuildOrder),
}

impl FreezeOrder {
    /// What the record of `freeze` wants.
    pub fn of(freeze: &Freeze) -> Self {
        match &freeze.work {
            FreezeWork::Pipeline(work) => Self::Pipeline(PipelineOrder::of(freeze, work)),
            FreezeWork::AutoBuild(work) => Self::AutoBuild(AutoBuildOrder::of(freeze, work)),
        }
    }

    /// The same, to see only whether it is so: what is under way is left alone.
    #[must_use]
    pub fn looking_on(self) -> Self {
        match self {
            Self::Pipeline(order) => Self::Pipeline(PipelineOrder { stop: Stop::Leave, ..order }),
            Self::AutoBuild(order) => Self::AutoBuild(order),
        }
    }
}

/// What is locked and recorded.
///
/// # Errors
/// When AWS does not answer, or there is no such place.
pub async fn resource(aws: &Aws, work: &FreezeWork) -> Result<Resource, AwsError> {
    match work {
        FreezeWork::Pipeline(work) => freeze_plan::resource(aws, work).await,
        FreezeWork::AutoBuild(work) => auto_build::resource(aws, work).await,
    }
}

/// The step that holds `work` at `resource`.
pub fn step(work: &FreezeWork, resource: Resource) -> Step {
    match work {
        FreezeWork::Pipeline(work) => freeze_plan::step(work, resource),
        FreezeWork::AutoBuild(work) => auto_build::step(work, resource),
    }
}
