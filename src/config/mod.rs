//! rollbot.yml and the process environment, read once and validated whole.
//!
//! Nothing here guesses: what is unknown, undefined or not carried out is an error with its line. Every problem of a
//! file is reported in one go. The rest of the program sees plain data with every `${…}` already replaced.

mod alarms;
mod amplify_check;
mod checks;
mod document;
mod durations;
mod environments;
mod freezes;
mod groups;
mod later;
mod names;
mod problems;
mod scope;
mod section;
mod services;
mod settings;
mod slack;
mod targets;
mod webhooks;
mod yaml;

pub use alarms::AlarmsCheck;
pub use amplify_check::AmplifyCheck;
pub use checks::{Check, Header, HttpCheck, TargetGroup, TargetGroupCheck, Watch};
pub use document::Config;
pub use durations::parse_duration;
pub use environments::{AwsAccount, Environment};
pub use freezes::{AutoBuildFreeze, Freeze, PipelineFreeze, StopExecution};
pub use groups::{Group, GroupIn, Order};
pub use names::{KEYWORDS, RESERVED_VERBS, nearest};
pub use problems::{ConfigErrors, Place, Problem, Warning};
pub use services::{Service, ServiceIn};
pub use settings::{Settings, SettingsError, SettingsErrors};
pub use slack::{SlackSection, StoreSection};
pub use targets::{
    AmplifyDomainTarget, AmplifyTarget, CodeBuildTarget, CodePipelineTarget, Deletion, EcsTarget, Inclusion,
    LambdaSettingsTarget, LambdaTarget, ManualTarget, Necessity, PipelineHow, Previous, SiteDeletes, SiteLayout,
    SiteTarget, StackTarget, Stage, Target, TargetKind,
};
pub use webhooks::webhook_variable;
