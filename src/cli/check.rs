//! `rollbot check`

use std::process::ExitCode;

use crate::config::Config;

use super::output::{Outcome, finish, line};

pub(super) fn run() -> ExitCode {
    finish(async {
        match Config::from_process() {
            Ok(config) => {
                config.warnings.iter().for_each(|warning| line(format!("warning: {warning}")));
                let environments = count(config.environments.len(), "environment");
                let services = count(config.services.len(), "service");
                line(format!("The configuration is right: {environments}, {services}."));
                Outcome::Fine
            }
            Err(errors) => Outcome::Wrong(errors.to_string()),
        }
    })
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
