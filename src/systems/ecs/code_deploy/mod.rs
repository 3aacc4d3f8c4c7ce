//! ECS services under the deployment controller `CODE_DEPLOY`: blue/green deployments by AWS `CodeDeploy`.
//!
//! ECS refuses another task definition for them. The way back is `CodeDeploy`'s own: stop the deployment under way with
//! a rollback, or make a new deployment of the revision that the last good one had. A revision is an `AppSpec`, which
//! names the task definition.

pub mod act;
pub mod app_spec;
pub mod deployments;
pub mod history;
pub mod judge;
#[cfg(test)]
mod judge_cases;
pub mod look;
pub mod observe;
pub mod planning;
