//! Block Kit, as strictly as Slack takes it.
//!
//! Blocks that no operations bot needs (`file`, `video`, `card`, `carousel`, `container`, `context_actions`,
//! `data_table`, `data_visualization`) are not modelled and refused as unsupported.

mod checker;
mod elements;
mod fill;
mod layout;
mod rich_text;
mod surfaces;

pub(super) use fill::fill_in;
pub(super) use surfaces::{check_blocks, check_view};
