//! The heart: what an incident is and how it may change. Pure: no clock, no network, no randomness.

pub mod amplify;
pub mod build;
mod by_hand;
pub mod command;
pub mod decide;
mod decide_by_hand;
pub mod deploy;
pub mod due;
pub mod event;
pub mod evolve;
pub mod freeze;
pub mod freeze_event;
pub mod freeze_work;
pub mod ids;
#[expect(clippy::module_inception, reason = "the room and its noun bear the same name")]
pub mod incident;
pub mod lambda;
pub mod pipeline;
pub mod plan;
pub mod policy;
pub mod preparation;
pub mod rejection;
pub mod release;
pub mod remedy;
pub mod report;
pub mod request;
#[cfg(test)]
pub(crate) mod sample;
pub mod site;
pub mod stack;
pub mod step;
#[cfg(test)]
mod tests;
pub mod time;
pub mod whereabouts;
pub mod work;
