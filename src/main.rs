//! Parses, installs the TLS provider, runs, and gives the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Slack's client and the SDK bring two providers; without a choice the first connection would panic.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    rollbot::cli::run()
}
