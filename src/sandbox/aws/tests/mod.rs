//! The stand-in as the SDK for Rust sees it.

mod alarms;
mod apps;
mod bench;
mod builds;
mod calls;
mod cloudfront;
mod object_writes;
mod objects;
mod pipelines;
mod rollouts;
mod stacks;
mod stacks_bench;
