//! One incident in each of its states, made by the events that make it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::incident::event::{Event, What};
use crate::incident::evolve::{evolve, open};
use crate::incident::ids::{ChannelId, GroupId, IncidentId, Resource, StepId, TeamId, UserId};
use crate::incident::incident::{End, Incident, Proposal, Terms, Verdict};
use crate::incident::plan::{Lane, Need, Plan, Purpose, Stage, Step};
use crate::incident::policy::{Actor, Known, Member, Principal, Standing};
use crate::incident::release::{Image, Release};
use crate::incident::remedy::{Choice, Preselected, Remedy, RemedyRight};
use crate::incident::request::{Manner, Request};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::incident::work::{Check, CheckWork, EcsService, HttpCheck, Manual, Span, TargetGroupCheck, Work};

/// An incident and the events that made it, numbered from 1.
#[derive(Debug, Clone)]
pub(in crate::slack) struct Told {
    pub(in crate::slack) incident: Incident,
    pub(in crate::slack) events: Vec<Event>,
    pub(super) at: Timestamp,
}

pub(in crate::slack) fn start() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

/// A moment after everything that the fixtures tell.
pub(in crate::slack) fn later() -> Now {
    Now::real(start() + SignedDuration::from_hours(1))
}

pub(in crate::slack) fn person(id: &str) -> Actor {
    Actor::Slack(Member {
        user: UserId::new(id),
        standing: Standing::Full,
        in_channel: Known::Yes,
        groups: BTreeMap::new(),
    })
}

fn request() -> Request {
    Request {
        environment: "prod".into(),
        service: "api".into(),
        to: None,
        apart: std::collections::BTreeMap::new(),
        only: Vec::new(),
        with: Vec::new(),
        manner: Manner::Regular,
        reason: Some("checkout answers 502 since the deployment at 11:48".into()),
        by: UserId::new("U0REQ00001"),
        by_name: "Dev".into(),
        team: TeamId::new("T0SHOP0001"),
        channel: ChannelId::new("C0INC00001"),
    }
}

impl Told {
    pub(in crate::slack) fn requested() -> Self {
        let what = What::Requested { id: IncidentId::new("rb-7k3fq"), request: request() };
        let event = Event { at: start(), by: person("U0REQ00001"), what };
        Self { incident: open(&event).unwrap(), events: vec![event], at: start() }
    }

    pub(in crate::slack) fn emergency() -> Self {
        let request = Request { manner: Manner::Emergency, ..request() };
        let what = What::Requested { id: IncidentId::new("rb-7k3fq"), request };
        let event = Event { at: start(), by: person("U0REQ00001"), what };
        Self { incident: open(&event).unwrap(), events: vec![event], at: start() }
    }

    /// What happens `seconds` later.
    pub(in crate::slack) fn then(mut self, seconds: i64, by: Actor, what: What) -> Self {
        self.at += SignedDuration::from_secs(seconds);
        let event = Event { at: self.at, by, what };
        self.incident = evolve(self.incident, &event);
        self.events.push(event);
        self
    }

    pub(super) fn bot(self, seconds: i64, what: What) -> Self {
        self.then(seconds, Actor::Rollbot, what)
    }

    pub(in crate::slack) fn proposed(self, terms: Terms) -> Self {
        let drift = Vec::new();
        self.proposed_as(1, terms, plan(), drift)
    }

    pub(super) fn proposed_as(self, number: u32, terms: Terms, plan: Plan, drift: Vec<String>) -> Self {
        let at = self.at + SignedDuration::from_secs(2);
        let proposal = Proposal {
            number,
            digest: plan.digest(),
            plan,
            terms,
            at,
            expires_at: at + SignedDuration::from_mins(15),
            drift,
            votes: Vec::new(),
            fallen: Vec::new(),
        };
        self.bot(2, What::Proposed { proposal: Box::new(proposal) })
    }

    pub(in crate::slack) fn approved(self, by: &str) -> Self {
        let digest = self.incident.proposal().unwrap().digest.clone();
        self.then(40, person(by), What::Approved { digest })
    }

    pub(in crate::slack) fn started(self) -> Self {
        let digest = self.incident.proposal().unwrap().digest.clone();
        self.bot(1, What::Started { digest })
    }

    pub(in crate::slack) fn began(self, step: &str, attempt: u32) -> Self {
        self.bot(0, What::Began { step: StepId::new(step), attempt })
    }

    pub(in crate::slack) fn acted(self, step: &str, number: u32) -> Self {
        let what = json!({ "verb": "UpdateService", "task_definition": "api:41" });
        self.bot(1, What::Acting { step: StepId::new(step), number, what }).bot(
            1,
            What::Accepted {
                step: StepId::new(step),
                number,
                receipt: json!({ "deployment": "ecs-svc/1" }),
                request_id: Some("5d0f8c1e-6f0e-4c53-9a1e-0c7c2f6f4a11".into()),
            },
        )
    }

    pub(in crate::slack) fn progressed(self, step: &str, text: &str) -> Self {
        self.bot(40, What::Progressed { step: StepId::new(step), text: text.into() })
    }

    pub(in crate::slack) fn finished(self, step: &str, seconds: i64, evidence: &[&str]) -> Self {
        let evidence = evidence.iter().map(|text| Evidence::new(*text)).collect();
        self.bot(seconds, What::Finished { step: StepId::new(step), evidence, output: Value::Null })
    }

    pub(in crate::slack) fn failed(self, step: &str, failure: Failure) -> Self {
        self.bot(64, What::Failed { step: StepId::new(step), failure })
    }

    pub(in crate::slack) fn running() -> Self {
        Self::requested().proposed(terms(1)).approved("U0LEAD0001").started().began("backend", 1)
    }

    pub(in crate::slack) fn under_way() -> Self {
        Self::running()
            .acted("backend", 1)
            .progressed("backend", "2 of 4 tasks run api:41; 3 tasks of api:42 are draining")
    }

    pub(in crate::slack) fn verifying() -> Self {
        Self::under_way()
            .finished(
                "backend",
                60,
                &[
                    "Deployment ecs-svc/6301849274 of arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41 is the \
                     primary one, and its rollout is complete.",
                    "4 of 4 tasks run, all of this deployment; no task of another one is up.",
                    "app: 4 of 4 tasks run \
                     sha256:3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b.",
                    "4 targets are healthy in shop-api.",
                ],
            )
            .began("verify/http-1", 1)
            .began("verify/target-group", 1)
    }

    pub(in crate::slack) fn watching() -> Self {
        Self::verifying()
            .finished("verify/http-1", 11, &["GET https://api.example.com/health answered 200 three times in a row"])
            .finished("verify/target-group", 1, &["4 of 4 targets are healthy"])
            .bot(0, What::VerdictReached { verdict: Verdict::RolledBack })
            .began("watch/http-1", 1)
    }

    pub(in crate::slack) fn blocked() -> Self {
        Self::under_way().failed("backend", tasks_do_not_start())
    }

    pub(in crate::slack) fn stopped(self) -> Self {
        self.then(5, person("U0REQ00001"), What::StopRequested)
    }

    pub(in crate::slack) fn closed(self, by: Actor, end: End) -> Self {
        self.then(5, by, What::Closed { end })
    }
}

pub(in crate::slack) fn terms(required: u8) -> Terms {
    Terms {
        required,
        approvers: vec![
            Principal::Group { id: GroupId::new("S0SRE00001"), name: "sre".into() },
            Principal::Person { id: UserId::new("U0LEAD0001"), name: "lead".into() },
        ],
        confirm_phrase: None,
        skippers: vec![Principal::Group { id: GroupId::new("S0SRE00001"), name: "sre".into() }],
    }
}

pub(super) fn with_phrase() -> Terms {
    Terms { confirm_phrase: Some("rollback-production".into()), ..terms(1) }
}

pub(super) fn tasks_do_not_start() -> Failure {
    Failure {
        why: "the new tasks do not start".into(),
        details: vec![
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): image \
             123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/api:v41 not found"
                .into(),
            "(service api) was unable to place a task because no container instance met all of its requirements."
                .into(),
        ],
        finding: Finding::Wrong,
        advice: "Push the image of v41 again and retry, or stop and ask for another release".into(),
        remedies: Vec::new(),
    }
}

fn release(version: &str, revision: u32, digest: &str, deployed_at: &str, by: &str) -> Release {
    Release {
        id: format!("arn:aws:ecs:eu-north-1:123456789012:task-definition/api:{revision}"),
        label: format!("api:{revision}"),
        version: Some(version.into()),
        commit: None,
        images: vec![Image {
            container: "app".into(),
            image: format!("123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/api:{version}"),
            digest: Some(format!("sha256:{}", digest.repeat(8))),
        }],
        deployed_at: Some(deployed_at.parse().unwrap()),
        deployed_by: Some(by.into()),
    }
}

pub(in crate::slack) fn v42() -> Release {
    release("v42", 42, "9f31c7a0", "2026-11-01T11:48:00Z", "ci-deployer")
}

pub(in crate::slack) fn v41() -> Release {
    release("v41", 41, "3f2a9c1b", "2026-10-29T09:12:00Z", "ci-deployer")
}

fn step(id: &str, title: &str, estimate: u64, work: Work) -> Step {
    Step {
        id: StepId::new(id),
        title: title.into(),
        resource: Resource::new(format!("arn:aws:ecs:eu-north-1:123456789012:service/shop-prod/{id}")),
        from: None,
        to: None,
        chosen: None,
        verbs: Vec::new(),
        loses: Vec::new(),
        need: Need::Required,
        deadline: Duration::from_mins(30),
        estimate: Duration::from_secs(estimate),
        work,
    }
}

fn http(span: Span) -> Work {
    let check = HttpCheck {
        url: "https://api.example.com/health".into(),
        status: 200,
        body: None,
        headers: BTreeMap::new(),
        timeout: Duration::from_secs(5),
    };
    Work::Check(CheckWork { check: Check::Http(check), span })
}

fn passes() -> Span {
    Span::Passes { passes: 3, every: Duration::from_secs(5), within: Duration::from_mins(5) }
}

fn ecs_step() -> Step {
    let work = Work::EcsService(EcsService {
        cluster: "shop-prod".into(),
        service: "arn:aws:ecs:eu-north-1:123456789012:service/shop-prod/api".into(),
        from: v42().id,
        target: v41().id,
        images: v41().images,
        register: None,
        platforms: std::collections::BTreeMap::new(),
    });
    Step {
        from: Some(v42()),
        to: Some(v41()),
        chosen: Some("the newest deployment that succeeded before this one".into()),
        verbs: vec!["StopServiceDeployment".into(), "UpdateService".into()],
        ..step("backend", "ECS service shop-prod/api", 180, work)
    }
}

pub(in crate::slack) fn plan() -> Plan {
    let targets = TargetGroupCheck::Service { cluster: "shop-prod".into(), service: "api".into() };
    let group = Work::Check(CheckWork { check: Check::TargetGroup(targets), span: passes() });
    let watch = Span::Elapsed { span: Duration::from_mins(30), every: Duration::from_secs(30), failures: 3 };
    let stage = |purpose, steps: Vec<Step>| Stage {
        purpose,
        track: None,
        lanes: steps.into_iter().map(|step| Lane { steps: vec![step] }).collect(),
    };
    Plan {
        stages: vec![
            stage(Purpose::RollBack, vec![ecs_step()]),
            stage(
                Purpose::Verify,
                vec![
                    step("verify/http-1", "https://api.example.com/health answers 200", 15, http(passes())),
                    step("verify/target-group", "load balancer targets of api", 15, group),
                ],
            ),
            stage(
                Purpose::Watch,
                vec![step("watch/http-1", "https://api.example.com/health answers 200", 1_800, http(watch))],
            ),
        ],
        matched: None,
        warnings: vec!["v42 is still being deployed: the deployment is stopped and taken back".into()],
    }
}

/// A plan over three targets, one of which loses something.
pub(super) fn wide_plan() -> Plan {
    let mut plan = plan();
    let mut jobs = ecs_step();
    jobs.id = StepId::new("jobs");
    jobs.title = "ECS service shop-prod/jobs".into();
    jobs.chosen = Some("ran together with api:41".into());
    let mut reports = jobs.clone();
    reports.id = StepId::new("reports");
    reports.title = "ECS service shop-prod/reports".into();
    reports.need = Need::Optional;
    reports.loses = vec!["reports that were begun with v42 are begun anew".into()];
    let lanes = [jobs, reports].map(|step| Lane { steps: vec![step] });
    plan.stages[0].lanes.extend(lanes);
    plan.warnings.clear();
    plan
}

/// The targets with a gate in front of the first, and something that is done by hand beside it.
pub(super) fn plan_with_people() -> Plan {
    let mut plan = plan();
    let what = "The stack shop-prod-old and everything in it, the table `orders` too, is deleted";
    let gate =
        Step::gate(&StepId::new("backend"), plan.stages[0].lanes[0].steps[0].resource.clone(), "shop-prod-old", what);
    plan.stages[0].lanes[0].steps.insert(0, gate);
    let text = "Call 555-0100 and say that orders are held.\nThey ask for our number: 4711.".to_owned();
    let manual = Manual { text, by: vec![Principal::Person { id: UserId::new("U0LEAD0001"), name: "lead".into() }] };
    let resource = Resource::new("by hand: tell the payment provider");
    let manual = Step::manual(StepId::new("provider"), "tell the payment provider", resource, manual);
    plan.stages[0].lanes.push(Lane { steps: vec![manual] });
    plan
}

/// What can be done where resources cannot be updated.
pub(super) fn remedies() -> Vec<Remedy> {
    let choice = |id: &str, detail: &str, preselected| Choice {
        id: id.into(),
        label: id.into(),
        detail: detail.into(),
        preselected,
    };
    vec![
        Remedy {
            id: "again".into(),
            label: "Deploy it anew".into(),
            says: "A new deployment of v41 is forced; tasks of the present one are replaced.".into(),
            right: RemedyRight::Approve,
            choices: Vec::new(),
        },
        Remedy {
            id: "skip-resources".into(),
            label: "Continue, skipping…".into(),
            says: "The rollback of the stack goes on, and what is chosen stays as it is now".into(),
            right: RemedyRight::Skip,
            choices: vec![
                choice("Cache", "Cache cluster shop-cache was deleted by hand <yesterday>", Preselected::Yes),
                choice("QueuePolicy", "Resource handler returned message: access denied", Preselected::No),
            ],
        },
    ]
}

pub(super) fn inconclusive() -> Failure {
    Failure {
        why: "no target has reported its health".into(),
        details: vec!["DescribeTargetHealth: TargetHealthDescriptions is empty".into()],
        finding: Finding::Inconclusive,
        advice: "Look at the target group, then retry".into(),
        remedies: Vec::new(),
    }
}

pub(super) fn unhealthy() -> Failure {
    Failure {
        why: "https://api.example.com/health answered 503 three times in a row".into(),
        details: vec!["503 Service Unavailable".into()],
        finding: Finding::Wrong,
        advice: "Look at the logs of v41 before you go back further".into(),
        remedies: Vec::new(),
    }
}
