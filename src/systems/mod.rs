//! The things that can be taken back: one folder per system, one contract, one match over the kinds.

pub mod ecs;
pub mod kinds;
pub mod planned;
pub mod step_kind;
