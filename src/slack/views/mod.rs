//! What Slack shows of an incident: pure functions from the record to messages.

pub mod announcement;
pub mod ask;
mod asks;
mod blocks;
mod brief;
pub mod card;
pub mod confirm;
mod evidence;
pub mod failed_deploy;
pub mod freeze;
pub mod help;
pub mod listing;
pub mod milestone;
pub mod pass;
mod plan;
pub mod private;
pub mod reason;
pub mod remedy;
pub mod steps;
mod target;
mod words;

pub use plan::dry_run;

#[cfg(test)]
pub(super) mod fixtures;
#[cfg(test)]
pub(super) mod lint;
#[cfg(test)]
pub(super) mod states;
#[cfg(test)]
mod tests;
