//! AWS: who Rollbot is there, per environment and incident, and what its answers mean.

pub mod account;
pub mod accounts;
pub mod alarms;
pub mod clients;
pub mod download;
pub mod error;
pub mod flight;
pub mod own_task;
pub mod raw;
pub mod services;
pub mod target_health;
pub mod tasks;
pub mod time;

pub use accounts::Accounts;
pub use clients::Aws;
pub use error::AwsError;
