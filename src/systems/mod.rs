//! The things that can be taken back: one folder per system, one contract, one match over the kinds.

pub mod cloudformation;
pub mod codebuild;
pub mod codepipeline;
pub mod commit_image;
pub mod ecs;
pub mod kinds;
pub mod manual;
pub mod planned;
pub mod step_kind;
