//! `rollbot check`

use std::process::ExitCode;

use crate::config::Config;

use super::output::{Outcome, finish, line};

pub(super) fn run() -> ExitCode {
    finish(async {
        match Config::from_process() {
            Ok(config) => {
                config.warnings.iter().for_each(|warning| line(format!("warning: {warning}")));
                let (environments, services) = (config.environments.len(), config.services.len());
                line(format!("The configuration is right: {environments} environments, {services} services."));
                Outcome::Fine
            }
            Err(errors) => Outcome::Wrong(errors.to_string()),
        }
    })
}
