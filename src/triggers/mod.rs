//! What comes in from pipelines: signed, recorded, answered. It proposes and starts nothing by itself.

pub mod deploys;
mod payload;
mod signature;
