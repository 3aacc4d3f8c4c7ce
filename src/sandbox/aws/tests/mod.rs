//! The stand-in as the SDK for Rust sees it.

mod bench;
mod calls;
mod rollouts;
