//! The things that can be taken back: one folder per system, one contract, one match over the kinds.

pub mod amplify;
pub mod cloudformation;
pub mod codebuild;
pub mod codepipeline;
pub mod commit_image;
pub mod ecs;
pub mod freezes;
pub mod kinds;
pub mod lambda;
pub mod manual;
pub mod planned;
pub mod static_site;
pub mod step_kind;
