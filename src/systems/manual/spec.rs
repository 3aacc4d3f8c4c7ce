//! A manual step, from the configuration to the plan. Pure.

use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::Step;
use crate::incident::policy::Principal;
use crate::incident::work::Manual;
use crate::systems::planned::Planned;

/// A manual step as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualSpec {
    /// The target's name.
    pub name: String,
    /// What it is called on cards.
    pub title: String,
    /// What is to be done.
    pub text: String,
    /// Who may say that it is done; empty: whoever may approve.
    pub by: Vec<Principal>,
}

impl ManualSpec {
    /// Names the step where things in AWS have their ARN. It is not locked: nothing else can hold what a person does.
    pub fn resource(&self) -> Resource {
        Resource::new(format!("by hand: {}", self.title))
    }
}

/// The step that asks for it; it is asked for in every rollback that includes it.
pub fn plan(spec: &ManualSpec) -> Planned {
    let manual = Manual { text: spec.text.clone(), by: spec.by.clone() };
    let step = Step::manual(StepId::new(spec.name.clone()), spec.title.clone(), spec.resource(), manual);
    Planned::Steps { steps: vec![step], warnings: Vec::new() }
}
