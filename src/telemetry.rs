//! Logs and metrics of the process.
//!
//! Logs go to standard error, one JSON line per event in a server and readable lines on a terminal. What is logged has
//! fields (`incident`, `step`, `aws.request_id`); never a payload, a token or a response URL.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// What is logged unless the filter says otherwise. The SDKs' own debug logs may hold payloads and stay off.
const QUIET: &str = "warn,rollbot=info,sled=warn,aws_config=warn";

/// Starts logging; `filter` is in the syntax of tracing's `EnvFilter`. A second call does nothing.
pub fn log(filter: Option<&str>) {
    let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok()).unwrap_or_else(|| EnvFilter::new(QUIET));
    let to_stderr = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is set already, as in tests, stays.
    let _ = if std::io::stderr().is_terminal() { to_stderr.try_init() } else { to_stderr.json().try_init() };
}

/// Starts counting; the handle renders what was counted for Prometheus.
///
/// # Errors
/// When a recorder is installed already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().install_recorder()
}
