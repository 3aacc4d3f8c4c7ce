//! Logs and metrics of the process.
//!
//! Logs go to standard error, one JSON line per event in a server and readable lines on a terminal. What is logged has
//! fields (`incident`, `step`, `aws.request_id`); never a payload, a token or a response URL.
//!
//! Everything that is counted has its name here and nowhere else. Labels take few values: names of methods and ends,
//! never of people, services or incidents.

use std::io::IsTerminal as _;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing::warn;
use tracing_subscriber::EnvFilter;

/// What is logged unless the filter says otherwise. The SDKs' own debug logs may hold payloads and stay off.
const QUIET: &str = "warn,rollbot=info,sled=warn,aws_config=warn";

/// Incidents that were opened.
const OPENED: &str = "rollbot_incidents_opened_total";
/// Incidents that were closed, by `end`: `rolled_back`, `failed`, `expired`, …
const CLOSED: &str = "rollbot_incidents_closed_total";
/// Incidents that are open now.
const OPEN: &str = "rollbot_incidents_open";
/// Calls that change something at AWS, by `outcome`: `accepted`, `refused`, `unknown`.
const ACTS: &str = "rollbot_aws_acts_total";
/// Calls of Slack's Web API, by `method` and `outcome`: `ok`, `rate_limited`, `failed`.
const SLACK: &str = "rollbot_slack_calls_total";
/// Durable changes of the store, by `kind`: `commit`, `put_inbox`, `put_view`, …
const WRITES: &str = "rollbot_store_writes_total";
/// Syncs to disk that they took.
const SYNCS: &str = "rollbot_store_syncs_total";
/// What the store could not read and keeps aside. More than 0 is for a person to look at.
const QUARANTINED: &str = "rollbot_store_quarantined_total";

/// Starts logging; `filter` is in the syntax of tracing's `EnvFilter`. A second call does nothing.
pub fn log(filter: Option<&str>) {
    let asked = filter.map(EnvFilter::try_new).transpose();
    let (filter, wrong) = match asked {
        Ok(filter) => (filter.unwrap_or_else(|| EnvFilter::new(QUIET)), None),
        Err(error) => (EnvFilter::new(QUIET), Some(error)),
    };
    let to_stderr = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is set already, as in tests, stays.
    let _ = if std::io::stderr().is_terminal() { to_stderr.try_init() } else { to_stderr.json().try_init() };
    if let Some(error) = wrong {
        warn!(%error, "ROLLBOT_LOG cannot be read, so the usual is logged; write for example `info,rollbot=debug`");
    }
}

/// Starts counting; the handle renders what was counted for Prometheus.
///
/// # Errors
/// When a recorder is installed already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    describe_counter!(OPENED, Unit::Count, "Incidents that were opened.");
    describe_counter!(CLOSED, Unit::Count, "Incidents that were closed, by how they ended.");
    describe_gauge!(OPEN, Unit::Count, "Incidents that are open now.");
    describe_counter!(ACTS, Unit::Count, "Calls that change something at AWS, by what came of them.");
    describe_counter!(SLACK, Unit::Count, "Calls of Slack's Web API, by method and what came of them.");
    describe_counter!(WRITES, Unit::Count, "Durable changes of the store, by kind.");
    describe_counter!(SYNCS, Unit::Count, "Syncs to disk that the store's changes took.");
    describe_counter!(QUARANTINED, Unit::Count, "Stored things that cannot be read and are kept aside.");
    // What has not happened yet is there from the beginning, as 0, so that an alert can count on it.
    counter!(OPENED).increment(0);
    counter!(QUARANTINED).increment(0);
    Ok(handle)
}

/// An incident was opened.
pub fn incident_opened() {
    counter!(OPENED).increment(1);
}

/// An incident was closed; `end` is the word of its record.
pub fn incident_closed(end: &'static str) {
    counter!(CLOSED, "end" => end).increment(1);
}

/// So many incidents are open now.
pub fn incidents_open(count: usize) {
    gauge!(OPEN).set(u32::try_from(count).unwrap_or(u32::MAX));
}

/// AWS was told to do something: `accepted`, `refused` or `unknown`.
pub fn aws_act(outcome: &'static str) {
    counter!(ACTS, "outcome" => outcome).increment(1);
}

/// A method of Slack's Web API was called: `ok`, `rate_limited` or `failed`.
pub fn slack_call(method: &'static str, outcome: &'static str) {
    counter!(SLACK, "method" => method, "outcome" => outcome).increment(1);
}

/// A change of this kind is durable in the store.
pub fn store_write(kind: &'static str) {
    counter!(WRITES, "kind" => kind).increment(1);
}

/// The store has synced to disk.
pub fn store_sync() {
    counter!(SYNCS).increment(1);
}

/// The store has kept something aside that it cannot read.
pub fn quarantined() {
    counter!(QUARANTINED).increment(1);
}
