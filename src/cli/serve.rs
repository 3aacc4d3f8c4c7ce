//! `rollbot serve`

use std::process::ExitCode;

use crate::config::Settings;
use crate::{server, telemetry};

use super::output::{Outcome, finish};

pub(super) fn run() -> ExitCode {
    let settings = match Settings::from_process() {
        Ok(settings) => settings,
        Err(errors) => return finish(async move { Outcome::Wrong(errors.to_string()) }),
    };
    telemetry::log(settings.log.as_deref());
    finish(async {
        match server::serve(settings).await {
            Ok(()) => Outcome::Fine,
            Err(error) => Outcome::No(error.to_string()),
        }
    })
}
