//! Lambda: functions, their versions and aliases.
//!
//! An update of `$LATEST` takes some seconds; until then calls get what was there before, and another update is refused.
//! Every change gives a new `RevisionId`, the end of an update too. A version never changes. What callers get follows
//! from the version that they call, its code and its settings: code that takes longer than the time-out fails.

mod aliases;
mod described;
mod function;
mod handed_out;
mod named;
mod outside;
mod perform;
mod permitted;
mod seed;
mod seeding;
mod shifted;
mod site;
mod updates;

pub(super) use function::Functions;
pub(super) use site::FunctionSite;

pub use seed::{
    SeedAlias, SeedCode, SeedEventSource, SeedFunction, SeedFunctionVersion, SeedLatest, SeedPackage, SeedProvisioned,
    SeedState, SeedUpdateFailure,
};
