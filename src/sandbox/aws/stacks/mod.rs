//! CloudFormation: stacks as state machines whose resources take their time, fail, get stuck and are taken back.
//!
//! A stack is what its seed deployed (`seed`, `seeding`). Requests (`perform`, `changes`) begin an operation; `work` is
//! what one consists of, `deploying` and `undoing` carry it on as time passes, and `all` hands orders down to nested
//! stacks and their outcomes up. `described` is how it all looks from outside.

mod all;
mod beginning;
mod change_sets;
mod changes;
mod deleting;
mod deploying;
mod described;
mod listed;
mod nested_changes;
mod outside;
mod perform;
mod policy;
mod replacing;
mod requested;
mod resource;
mod seed;
mod seeding;
mod site;
mod stack;
mod status;
mod template;
mod undoing;
mod work;

pub(super) use all::Stacks;
pub(super) use outside::StackDeployment;
pub(super) use seed::listed;
pub use seed::{
    SeedDeploying, SeedFailure, SeedParent, SeedResource, SeedStack, SeedStackSite, SeedTakes, SeedUpdate, SeedVersion,
    Undertaking,
};
pub(super) use seeding::Ground;
pub(super) use site::StackSite;
pub use status::StackStatus;
