//! How a story ends: what had an effect at AWS, what runs, how each incident ended, and what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rollbot::incident::event::Event;
use rollbot::incident::incident::Incident;
use rollbot::incident::report;
use rollbot::incident::time::Pace;
use rollbot::sandbox::scenario::Scenario;
use rollbot::sandbox::wire::Call;
use rollbot::slack::views::milestone::milestone;
use serde_json::Value;

use crate::fault::{Fault, Kind};
use crate::support::{Play, program};
use crate::world;

/// What has to be the same with and without a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// How often each operation had an effect at AWS. Lanes run side by side, so their order may differ.
    writes: BTreeMap<String, usize>,
    /// What runs: of every service each task's version, and what the site says that it is.
    runs: Vec<String>,
    /// How each incident ended, the newest first.
    ends: Vec<String>,
    /// How the rest of AWS stands.
    world: BTreeSet<String>,
}

impl Ending {
    /// How a play has ended, and what of its posts is lost or doubled.
    pub(crate) async fn of(play: &mut Play, scenario: &Scenario) -> (Self, Vec<Fault>) {
        let incidents: Vec<Incident> = ask(play, &["history", "--json"]).await;
        let mut wanted = Vec::new();
        for incident in &incidents {
            let told: Value = ask(play, &["show", incident.id.as_str(), "--json"]).await;
            let events: Vec<Event> = serde_json::from_value(told["events"].clone()).expect("events");
            wanted.extend(expected_marks(incident, &events));
        }
        let faults = posts(play, wanted).await;
        let ends = incidents.iter().map(|incident| report::standing(incident).to_owned()).collect();
        let writes = effects(&play.aws_writes());
        let world = world::standing(&play.stage.aws.endpoint(), &scenario.seed).await;
        (Self { writes, runs: runs(play, scenario).await, ends, world }, faults)
    }

    /// What is otherwise than in the calm run.
    pub(crate) fn against(&self, calm: &Self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (operation, count) in &self.writes {
            let once = calm.writes.get(operation).copied().unwrap_or(0);
            if *count > once {
                let what = format!("{operation} had an effect {count} times, not {once}");
                faults.push(Fault::new(Kind::RepeatedWrite, what));
            }
        }
        for (operation, once) in &calm.writes {
            let count = self.writes.get(operation).copied().unwrap_or(0);
            if count < *once {
                let what = format!("{operation} had an effect {count} times, not {once}");
                faults.push(Fault::new(Kind::Different, what));
            }
        }
        for (now, calm, what) in [(&self.runs, &calm.runs, "what runs"), (&self.ends, &calm.ends, "the incidents")] {
            if now != calm {
                faults.push(Fault::new(Kind::Different, format!("{what}: {now:?}, not {calm:?}")));
            }
        }
        for (one, other, what) in [(&self.world, &calm.world, "there is"), (&calm.world, &self.world, "there is not")] {
            for line in one.difference(other) {
                faults.push(Fault::new(Kind::Different, format!("{what}: {line}")));
            }
        }
        faults
    }
}

/// How often each operation took effect. One that was repeated with its own token had one effect.
fn effects(writes: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut tokens: Vec<(&str, &Value)> = Vec::new();
    for call in writes {
        // A reply that was lost has no status, whether it was a refusal or not; one that is null never came about.
        let refused = call.reply.get("__type").is_some();
        if call.reply.is_null() || refused || !(matches!(call.status, 200..=299) || call.status == 0) {
            continue;
        }
        let token = ["clientToken", "clientRequestToken", "ClientRequestToken", "ClientToken"]
            .iter()
            .find_map(|name| call.request.get(name))
            .or_else(|| call.request.pointer("/InvalidationBatch/CallerReference"));
        if let Some(token) = token {
            if tokens.contains(&(&call.operation, token)) {
                continue;
            }
            tokens.push((&call.operation, token));
        }
        *counts.entry(call.operation.clone()).or_default() += 1;
    }
    counts
}

async fn runs(play: &Play, scenario: &Scenario) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    for service in &scenario.seed.services {
        for task in play.stage.aws.running(&service.cluster, &service.name) {
            let versions: Vec<String> = task.versions.into_values().collect();
            runs.push(format!("{}/{}: {}", service.cluster, service.name, versions.join(", ")));
        }
    }
    runs.sort();
    for (name, site) in play.stage.aws.sites() {
        let version = match reqwest::get(site).await {
            Ok(reply) => reply.headers().get("x-app-version").and_then(|it| it.to_str().ok()).map(str::to_owned),
            Err(error) => Some(format!("no answer: {error}")),
        };
        runs.push(format!("the site of {name}: {}", version.unwrap_or_default()));
    }
    runs
}

/// What of the wanted posts is lost, and what is there beside them.
async fn posts(play: &mut Play, mut wanted: Vec<String>) -> Vec<Fault> {
    // The last words may still be on their way.
    let all_there = |play: &Play| {
        let found = marks(play);
        wanted.iter().all(|mark| found.contains(mark))
    };
    play.glimpse(Duration::from_mins(1), all_there).await;
    let marks = marks(play);
    wanted.extend(notices(&marks));
    let mut faults = Vec::new();
    let mut lost = wanted.clone();
    for mark in marks {
        if let Some(place) = wanted.iter().position(|wanted| *wanted == mark) {
            wanted.remove(place);
            lost.retain(|lost| *lost != mark);
        } else {
            faults.push(Fault::new(Kind::DoubledPost, mark));
        }
    }
    faults.extend(lost.into_iter().map(|mark| Fault::new(Kind::LostPost, mark)));
    if play.public().iter().any(|message| play.read(message).contains("possibly")) {
        faults.push(Fault::new(Kind::DoubledPost, "a post is marked as possibly repeated"));
    }
    faults
}

/// The notices of failed deployments and what is said of freezes, each once: that the former come at all, the story waits
/// for, and of the latter `freeze_crash.rs` looks after the rest.
fn notices(marks: &[String]) -> BTreeSet<String> {
    marks.iter().filter(|mark| mark.starts_with("deploy-") || mark.starts_with("fz-")).cloned().collect()
}

/// What each message of the bot says it is: incident and message.
fn marks(play: &Play) -> Vec<String> {
    let mark = |metadata: &Value| {
        let payload = &metadata["event_payload"];
        Some(format!("{} {}", payload["incident"].as_str()?, payload["message"].as_str()?))
    };
    play.public().iter().filter_map(|message| message.metadata.as_ref().and_then(mark)).collect()
}

/// What the record wants told: the card, the steps of a run, and a post for each milestone.
fn expected_marks(incident: &Incident, events: &[Event]) -> Vec<String> {
    let milestones = events
        .iter()
        .enumerate()
        .filter(|(_, event)| milestone(incident, event, Pace::REAL).is_some())
        .map(|(number, _)| format!("event-{number}"));
    let steps = incident.run().map(|_| "steps".to_owned());
    std::iter::once("card".to_owned())
        .chain(steps)
        .chain(milestones)
        .map(|message| format!("{} {message}", incident.id))
        .collect()
}

/// Asks the bot on the command line, while it runs.
async fn ask<T: serde::de::DeserializeOwned>(play: &mut Play, arguments: &[&str]) -> T {
    loop {
        play.revive().await;
        let output = tokio::process::Command::new(program())
            .args(arguments)
            .current_dir(play.stage.folder())
            .env("ROLLBOT_CONFIG", "rollbot.yml")
            .output()
            .await
            .expect("the command line runs");
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).expect("JSON");
        }
        // The bot may just be starting again, and hold the store without listening yet.
        play.stage.clock.sleep_really(Duration::from_millis(200)).await;
    }
}
