//! The stand-in as the SDK for Rust sees it.

mod bench;
mod builds;
mod calls;
mod objects;
mod pipelines;
mod rollouts;
mod stacks;
mod stacks_bench;
