//! A plan: the fully resolved stages of steps for one rollback.
//!
//! Immutable once proposed. Its digest binds, per step, the resource, from, to, the verbs that may be used and what may
//! be lost; approval is given to the digest. Wording, estimates, warnings and ages are not bound: they may differ
//! between two looks at the same thing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::by_hand::BoundAsk;
use super::ids::{Digest, Resource, StepId};
use super::release::Release;
use super::work::Work;

/// What will be done, in stages that run one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The stages in their order.
    pub stages: Vec<Stage>,
    /// What whoever approves should know.
    pub warnings: Vec<String>,
    /// How the releases of several targets were found to belong together, as a sentence; `None` where nothing was matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
}

/// Lanes that run side by side; the next stage begins when all of them are through.
///
/// Stages of one track run one after the other and do not wait for those of other tracks. A stage without a track waits
/// for everything before it, and everything after it waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What this stage is for.
    pub purpose: Purpose,
    /// The track that it belongs to: a service of a group whose services run side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// What runs side by side.
    pub lanes: Vec<Lane>,
}

/// What a stage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Hold deployments back.
    Freeze,
    /// Take targets back.
    RollBack,
    /// Prove that it worked.
    Verify,
    /// Look on for a while; the verdict has been given.
    Watch,
}

/// Steps that run one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The steps in their order.
    pub steps: Vec<Step>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name within the plan.
    pub id: StepId,
    /// What people read: `ECS service shop-prod/api`.
    pub title: String,
    /// What it works on or looks at.
    pub resource: Resource,
    /// The release that runs now, for a step that takes something back.
    pub from: Option<Release>,
    /// The release to go back to.
    pub to: Option<Release>,
    /// How `to` was found, as a sentence.
    pub chosen: Option<String>,
    /// The verbs that may be used, in the service's own words: `UpdateService`.
    pub verbs: Vec<String>,
    /// What may be lost, as sentences.
    pub loses: Vec<String>,
    /// Whether a failure of this step keeps the incident from being rolled back.
    pub need: Need,
    /// After how long a step that is not done has failed.
    pub deadline: Duration,
    /// How long it usually takes.
    pub estimate: Duration,
    /// What exactly.
    pub work: Work,
}

/// Whether a target has to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A failure waits for a person.
    Required,
    /// A failure passes with a warning.
    Optional,
}

/// What approval binds of one step.
#[derive(Serialize)]
struct Bound<'a> {
    step: &'a StepId,
    resource: &'a Resource,
    from: Option<BoundRelease<'a>>,
    to: Option<BoundRelease<'a>>,
    verbs: &'a [String],
    loses: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    exactly: Option<serde_json::Value>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    asks: Option<BoundAsk<'a>>,
}

#[derive(Serialize)]
struct BoundRelease<'a> {
    id: &'a str,
    digests: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> BoundRelease<'a> {
    fn of(release: &'a Release) -> Self {
        let digests = release.images.iter().map(|i| (i.container.as_str(), i.digest.as_deref())).collect();
        Self { id: &release.id, digests }
    }
}

/// What a step's work binds beside what every step has.
fn exactly(work: &Work) -> Option<serde_json::Value> {
    match work {
        Work::Stack(work) => work.bound(),
        Work::Site(work) => work.bound(),
        Work::Amplify(work) => work.bound(),
        Work::Lambda(work) => work.bound(),
        Work::EcsService(_)
        | Work::EcsCodeDeploy(_)
        | Work::Freeze(_)
        | Work::PipelineStage(_)
        | Work::CommitBuild(_)
        | Work::Check(_)
        | Work::Gate(_)
        | Work::Manual(_) => None,
    }
}

/// What it means that this has changed, for people.
fn exactly_words(work: &Work) -> &'static str {
    match work {
        Work::Amplify(work) => work.bound_words(),
        Work::Lambda(work) => work.drifted(),
        Work::Site(_) => "which objects are copied or deleted has changed",
        Work::Stack(_)
        | Work::EcsService(_)
        | Work::EcsCodeDeploy(_)
        | Work::Freeze(_)
        | Work::PipelineStage(_)
        | Work::CommitBuild(_)
        | Work::Check(_)
        | Work::Gate(_)
        | Work::Manual(_) => "its change set was made anew, because the old one no longer fits",
    }
}

impl Plan {
    /// Every step in order, with what its stage is for.
    pub fn steps(&self) -> impl Iterator<Item = (Purpose, &Step)> {
        self.stages
            .iter()
            .flat_map(|stage| stage.lanes.iter().flat_map(|lane| &lane.steps).map(|step| (stage.purpose, step)))
    }

    /// The step called `id`.
    pub fn step(&self, id: &StepId) -> Option<(Purpose, &Step)> {
        self.steps().find(|(_, step)| step.id == *id)
    }

    /// What the plan changes and therefore locks. A freeze is shared by those who hold it, and has a record of its own
    /// that keeps two of them from acting at once.
    pub fn resources(&self) -> Vec<Resource> {
        let mut resources: Vec<Resource> = self
            .steps()
            .filter(|(purpose, step)| *purpose == Purpose::RollBack && !matches!(step.work, Work::Manual(_)))
            .map(|(_, step)| step.resource.clone())
            .collect();
        resources.sort();
        resources.dedup();
        resources
    }

    /// What approval is given to.
    pub fn digest(&self) -> Digest {
        let bound: Vec<(Purpose, usize, Bound<'_>)> = self
            .stages
            .iter()
            .enumerate()
            .flat_map(|(number, stage)| {
                stage.lanes.iter().flat_map(|lane| &lane.steps).map(move |step| {
                    let bound = Bound {
                        step: &step.id,
                        resource: &step.resource,
                        from: step.from.as_ref().map(BoundRelease::of),
                        to: step.to.as_ref().map(BoundRelease::of),
                        verbs: &step.verbs,
                        loses: &step.loses,
                        exactly: exactly(&step.work),
                        asks: BoundAsk::of(&step.work),
                    };
                    (stage.purpose, number, bound)
                })
            })
            .collect();
        Digest::of(&serde_json::to_vec(&bound).unwrap_or_default())
    }

    /// The numbers of the stages that have to be through before stage `number` begins.
    pub fn before(&self, number: usize) -> impl Iterator<Item = usize> {
        let track = |stage: &Stage| stage.track.clone();
        let own = self.stages.get(number).and_then(track);
        self.stages.iter().enumerate().take(number).filter_map(move |(earlier, stage)| {
            let waits = stage.track.is_none() || own.is_none() || stage.track == own;
            waits.then_some(earlier)
        })
    }

    /// How long it takes: each stage as long as its longest lane, after those that it waits for; the watch is not
    /// counted.
    pub fn estimate(&self) -> Duration {
        let mut ends: Vec<Duration> = Vec::new();
        for (number, stage) in self.stages.iter().enumerate() {
            let begins = self.before(number).filter_map(|earlier| ends.get(earlier)).max().copied();
            let lanes = stage.lanes.iter().map(|lane| lane.steps.iter().map(|step| step.estimate).sum::<Duration>());
            let takes = if stage.purpose == Purpose::Watch { Duration::ZERO } else { lanes.max().unwrap_or_default() };
            ends.push(begins.unwrap_or_default() + takes);
        }
        ends.into_iter().max().unwrap_or_default()
    }

    /// What differs, in what approval binds, between this plan and a newer one; sentences for people.
    pub fn drift(&self, newer: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (_, step) in newer.steps() {
            let Some((_, old)) = self.step(&step.id) else {
                changes.push(format!("{} is new in the plan", step.title));
                continue;
            };
            if old.resource != step.resource {
                changes.push(format!("{}: it is another resource now ({})", step.title, step.resource));
            }
            change(&mut changes, &step.title, "what runs now was", old.from.as_ref(), step.from.as_ref());
            change(&mut changes, &step.title, "the target was", old.to.as_ref(), step.to.as_ref());
            if old.verbs != step.verbs {
                changes.push(format!("{}: it takes {} now", step.title, step.verbs.join(", ")));
            }
            if exactly(&old.work) != exactly(&step.work) {
                changes.push(format!("{}: {}", step.title, exactly_words(&step.work)));
            }
            if old.loses != step.loses {
                changes.push(format!("{}: what may be lost has changed", step.title));
            }
            if BoundAsk::of(&old.work) != BoundAsk::of(&step.work) {
                changes.push(format!("{}: what is asked of a person has changed", step.title));
            }
        }
        for (_, old) in self.steps() {
            if newer.step(&old.id).is_none() {
                changes.push(format!("{} is no longer in the plan", old.title));
            }
        }
        if changes.is_empty() && self.digest() != newer.digest() {
            changes.push("the steps run in another order now".to_owned());
        }
        changes
    }
}

fn change(changes: &mut Vec<String>, title: &str, what: &str, old: Option<&Release>, new: Option<&Release>) {
    let bound =
        |release: Option<&Release>| release.map(|r| serde_json::to_value(BoundRelease::of(r)).unwrap_or_default());
    if bound(old) != bound(new) {
        let name = |release: Option<&Release>| release.map_or_else(|| "nothing".to_owned(), Release::name);
        let (old, new) = (name(old), name(new));
        if old == new {
            changes.push(format!("{title}: {what} {old}, and the same name stands for other images now"));
        } else {
            changes.push(format!("{title}: {what} {old}, now it is {new}"));
        }
    }
}
