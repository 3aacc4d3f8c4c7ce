//! The heart: what an incident is and how it may change. Pure: no clock, no network, no randomness.

pub mod command;
pub mod decide;
pub mod due;
pub mod event;
pub mod evolve;
pub mod ids;
#[expect(clippy::module_inception, reason = "the room and its noun bear the same name")]
pub mod incident;
pub mod plan;
pub mod policy;
pub mod rejection;
pub mod release;
pub mod report;
pub mod request;
#[cfg(test)]
pub(crate) mod sample;
pub mod step;
#[cfg(test)]
mod tests;
pub mod time;
pub mod work;
