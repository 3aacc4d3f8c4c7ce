//! Effects over systems, checks and the store: makes plans, carries them out, and takes them up again after a restart.
//!
//! One driver per open incident. It reads the record, asks [`crate::incident::due`] what is due, and does that; every
//! change goes through [`Engine::command`], which decides, commits, and only then lets anybody see it. Nothing is
//! remembered outside the record that a restart would miss, so first start and restart are one path.

mod assembly;
mod await_person;
mod carry;
mod check_run;
mod confirm;
mod deploys;
mod driver;
#[expect(clippy::module_inception, reason = "the room and its noun bear the same name")]
mod engine;
mod freeze_step;
mod freezing;
mod keeper;
mod matching;
mod pacing;
mod people;
mod planning;
mod queries;
mod refusal;
mod selection;
mod sites;
mod stacks;
mod subject;

pub use engine::{Engine, Parts};
pub use freezing::{FreezeAsk, Which};
pub use people::People;
pub use queries::{ServiceStatus, TargetReleases, TargetStatus};
pub use refusal::Refusal;
