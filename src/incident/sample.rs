//! Incidents for tests: a small team, a small plan, and the whole story of one rollback.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::event::{Event, What};
use super::evolve::{evolve, open};
use super::freeze::{Cause, Holder};
use super::freeze_event::{FreezeEvent, FreezeWhat};
use super::freeze_work::FreezeWork;
use super::ids::{ChannelId, FreezeId, GroupId, IncidentId, Resource, StepId, TeamId, UserId};
use super::incident::{End, Incident, Proposal, Terms, Verdict};
use super::plan::{Lane, Need, Plan, Purpose, Stage, Step};
use super::policy::{Actor, Approval, Known, Member, Policy, Principal, SelfApproval, Standing};
use super::release::{Image, Release};
use super::remedy::{Choice, Preselected, Remedy, RemedyRight};
use super::request::{Manner, Request};
use super::step::{Evidence, Failure, Finding};
use super::work::{Check, CheckWork, EcsService, HttpCheck, Manual, PipelineFreeze, Span, Stop, Work};

/// Asks for rollbacks.
pub(crate) const ANNA: &str = "U0ANNA0001";
/// May approve, as one of the group.
pub(crate) const BEN: &str = "U0BEN00001";
/// May approve, as one of the group.
pub(crate) const CLEO: &str = "U0CLEO0001";
/// In the channel, in no group.
pub(crate) const DORA: &str = "U0DORA0001";
/// Who may approve.
pub(crate) const GROUP: &str = "S0SRE00001";

/// So many seconds after the beginning of the story.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_793_534_400 + second).unwrap()
}

/// A full member of the workspace in the channel; Ben and Cleo are in the group.
pub(crate) fn member(user: &str) -> Member {
    let in_group = if [BEN, CLEO].contains(&user) { Known::Yes } else { Known::No };
    Member {
        user: UserId::new(user),
        standing: Standing::Full,
        in_channel: Known::Yes,
        groups: BTreeMap::from([(GroupId::new(GROUP), in_group)]),
    }
}

/// The same, as an actor.
pub(crate) fn person(user: &str) -> Actor {
    Actor::Slack(member(user))
}

pub(crate) fn sre() -> Principal {
    Principal::Group { id: GroupId::new(GROUP), name: "sre".to_owned() }
}

/// Members ask and stop, the group does the rest, `required` of them approve within fifteen minutes.
pub(crate) fn policy(required: u8) -> Policy {
    Policy {
        request: vec![Principal::Members],
        approve: vec![sre()],
        skip: vec![sre()],
        stop: vec![sre(), Principal::Requester],
        freeze: vec![sre()],
        emergency: Vec::new(),
        approval: Approval {
            required,
            self_approval: SelfApproval::Refused,
            confirm_phrase: None,
            expires_after: Duration::from_mins(15),
        },
    }
}

pub(crate) fn terms(required: u8) -> Terms {
    Terms { required, approvers: vec![sre()], confirm_phrase: None, skippers: Vec::new() }
}

pub(crate) fn request() -> Request {
    Request {
        environment: "prod".to_owned(),
        service: "api".to_owned(),
        to: None,
        apart: std::collections::BTreeMap::new(),
        only: Vec::new(),
        with: Vec::new(),
        manner: Manner::Regular,
        reason: Some("p99 tripled".to_owned()),
        by: UserId::new(ANNA),
        by_name: "Anna".to_owned(),
        team: TeamId::new("T0TEAM0001"),
        channel: ChannelId::new("C0INC00001"),
    }
}

pub(crate) fn release(number: u32) -> Release {
    Release {
        id: format!("arn:aws:ecs:eu-north-1:123456789012:task-definition/api:{number}"),
        label: format!("api:{number}"),
        version: Some(format!("v{number}")),
        commit: None,
        images: vec![Image {
            container: "api".to_owned(),
            image: format!("123456789012.dkr.ecr.eu-north-1.amazonaws.com/api:v{number}"),
            digest: Some(format!("sha256:{number:064}")),
        }],
        deployed_at: Some(at(-3600)),
        deployed_by: Some("ci".to_owned()),
    }
}

pub(crate) fn resource(name: &str) -> Resource {
    Resource::new(format!("arn:aws:ecs:eu-north-1:123456789012:service/shop-prod/{name}"))
}

/// What is frozen in the sample.
pub(crate) fn pipeline_freeze() -> PipelineFreeze {
    PipelineFreeze { pipeline: "shop-prod".to_owned(), stage: "Deploy".to_owned(), stop: Stop::Leave }
}

/// A step that holds deployments back.
pub(crate) fn freezes() -> Step {
    let work = pipeline_freeze();
    Step {
        id: StepId::new("freeze/shop-prod/Deploy"),
        title: work.title(),
        resource: Resource::new("arn:aws:codepipeline:eu-north-1:123456789012:shop-prod/Deploy"),
        verbs: vec!["DisableStageTransition".to_owned()],
        chosen: None,
        from: None,
        to: None,
        work: Work::Freeze(FreezeWork::Pipeline(work)),
        ..rolls_back("freeze")
    }
}

/// Anna holds deployments of `service` back.
pub(crate) fn holder(service: &str, cause: Cause, attempt: u32) -> Holder {
    Holder {
        environment: "prod".to_owned(),
        service: service.to_owned(),
        cause,
        by: person(ANNA),
        by_name: "anna".to_owned(),
        reason: Some("p99 tripled".to_owned()),
        channel: ChannelId::new("C0INC00001"),
        at: at(0),
        attempt,
        stop: Stop::Leave,
        outlived_at: None,
    }
}

/// The event that opens a freeze.
pub(crate) fn freeze_opened(holder: Holder) -> FreezeEvent {
    let what = FreezeWhat::Opened {
        id: FreezeId::new("fz-23456"),
        environment: "prod".to_owned(),
        resource: freezes().resource,
        work: FreezeWork::Pipeline(pipeline_freeze()),
        holder: Box::new(holder),
    };
    FreezeEvent { at: at(0), by: person(ANNA), what }
}

/// A step that takes the ECS service `name` from release 42 to 41.
pub(crate) fn rolls_back(name: &str) -> Step {
    let (from, to) = (release(42), release(41));
    Step {
        id: StepId::new(name),
        title: format!("ECS service shop-prod/{name}"),
        resource: resource(name),
        chosen: Some("the deployment before".to_owned()),
        verbs: vec!["UpdateService".to_owned()],
        loses: Vec::new(),
        need: Need::Required,
        deadline: Duration::from_mins(30),
        estimate: Duration::from_mins(4),
        work: Work::EcsService(EcsService {
            cluster: "shop-prod".to_owned(),
            service: resource(name).to_string(),
            from: from.id.clone(),
            target: to.id.clone(),
            images: to.images.clone(),
            register: None,
            platforms: std::collections::BTreeMap::new(),
        }),
        from: Some(from),
        to: Some(to),
    }
}

/// A step that looks at an endpoint.
pub(crate) fn checks(name: &str) -> Step {
    let url = "https://api.example.com/health".to_owned();
    Step {
        id: StepId::new(name),
        title: format!("HTTP {url}"),
        resource: Resource::new(url.as_str()),
        from: None,
        to: None,
        chosen: None,
        verbs: Vec::new(),
        loses: Vec::new(),
        need: Need::Required,
        deadline: Duration::from_mins(5),
        estimate: Duration::from_secs(15),
        work: Work::Check(CheckWork {
            check: Check::Http(HttpCheck {
                url,
                status: 200,
                body: None,
                headers: BTreeMap::new(),
                timeout: Duration::from_secs(5),
            }),
            span: Span::Passes { passes: 3, every: Duration::from_secs(5), within: Duration::from_mins(5) },
        }),
    }
}

/// What opens the gates of the samples.
pub(crate) const PHRASE: &str = "DELETE api";

/// The gate before the step `before`.
pub(crate) fn gate(before: &str) -> Step {
    let what = format!("The stack {before} and everything in it is deleted");
    Step::gate(&StepId::new(before), resource(before), PHRASE, what)
}

/// Something that the group does by hand.
pub(crate) fn by_hand(name: &str) -> Step {
    let manual = Manual { text: "Call the payment provider.".to_owned(), by: vec![sre()] };
    Step::manual(
        StepId::new(name),
        "tell the payment provider",
        Resource::new(format!("manual/prod/api/{name}")),
        manual,
    )
}

/// A remedy that leaves something out.
pub(crate) fn force() -> Remedy {
    let choice = |id: &str, preselected| Choice {
        id: id.to_owned(),
        label: format!("Resource {id}"),
        detail: "It cannot be updated: it was deleted by hand.".to_owned(),
        preselected,
    };
    Remedy {
        id: "force".to_owned(),
        label: "Continue without".to_owned(),
        says: "What is chosen is left as it is now.".to_owned(),
        right: RemedyRight::Skip,
        choices: vec![choice("one", Preselected::Yes), choice("two", Preselected::No)],
    }
}

pub(crate) fn optional(step: Step) -> Step {
    Step { need: Need::Optional, ..step }
}

/// A stage of lanes.
pub(crate) fn stage(purpose: Purpose, lanes: Vec<Vec<Step>>) -> Stage {
    Stage { purpose, track: None, lanes: lanes.into_iter().map(|steps| Lane { steps }).collect() }
}

pub(crate) fn plan(stages: Vec<Stage>) -> Plan {
    Plan { stages, warnings: Vec::new(), matched: None }
}

/// One service back, proved by one check, watched by another.
pub(crate) fn small_plan(service: &str) -> Plan {
    plan(vec![
        stage(Purpose::RollBack, vec![vec![rolls_back(service)]]),
        stage(Purpose::Verify, vec![vec![checks("verify/http")]]),
        stage(Purpose::Watch, vec![vec![checks("watch/http")]]),
    ])
}

pub(crate) fn proposal(plan: Plan, required: u8) -> Proposal {
    Proposal {
        number: 1,
        digest: plan.digest(),
        plan,
        terms: terms(required),
        at: at(2),
        expires_at: at(902),
        drift: Vec::new(),
        votes: Vec::new(),
        fallen: Vec::new(),
    }
}

pub(crate) fn failure(finding: Finding) -> Failure {
    Failure {
        why: "The tasks do not start.".to_owned(),
        details: vec!["CannotPullContainerError: not found".to_owned()],
        finding,
        advice: "Push the image again, then retry.".to_owned(),
        remedies: Vec::new(),
    }
}

/// The incident after `events`, the first of which opens it.
pub(crate) fn replay(events: &[Event]) -> Incident {
    let (first, rest) = events.split_first().unwrap();
    rest.iter().fold(open(first).unwrap(), evolve)
}

/// Every event of a rollback of `service` that failed once, was retried and proved; watching goes wrong. One second
/// lies between two events.
pub(crate) fn story(id: &str, service: &str) -> Vec<Event> {
    let plan = small_plan(service);
    let digest = plan.digest();
    let step = |name: &str| StepId::new(name);
    let done = |name: &str| What::Finished {
        step: step(name),
        evidence: vec![Evidence::new("It is as it should be.")],
        output: json!({ "deployment": "ecs-svc/1234567890123456789" }),
    };
    let acting =
        |number| What::Acting { step: step(service), number, what: json!({ "task_definition": release(41).id }) };
    let began = |name: &str, attempt| What::Began { step: step(name), attempt };
    let requested = What::Requested { id: IncidentId::new(id), request: request() };
    let proposed = What::Proposed { proposal: Box::new(proposal(plan, 1)) };
    let tale = vec![
        (person(ANNA), requested),
        (Actor::Rollbot, proposed),
        (person(BEN), What::Approved { digest: digest.clone() }),
        (Actor::Rollbot, What::Started { digest }),
        (Actor::Rollbot, began(service, 1)),
        (Actor::Rollbot, acting(1)),
        (
            Actor::Rollbot,
            What::Refused {
                step: step(service),
                number: 1,
                why: "ClientException: TaskDefinition is inactive".to_owned(),
            },
        ),
        (Actor::Rollbot, What::Failed { step: step(service), failure: failure(Finding::Wrong) }),
        (person(CLEO), What::Retried { step: step(service) }),
        (Actor::Rollbot, began(service, 2)),
        (Actor::Rollbot, acting(2)),
        (
            Actor::Rollbot,
            What::Accepted {
                step: step(service),
                number: 2,
                receipt: json!({ "deployment": "ecs-svc/1234567890123456789" }),
                request_id: Some("6a1c6b8e-0000-4000-8000-000000000001".to_owned()),
            },
        ),
        (Actor::Rollbot, What::Progressed { step: step(service), text: "1 of 3 tasks run the release".to_owned() }),
        (Actor::Rollbot, done(service)),
        (Actor::Rollbot, began("verify/http", 1)),
        (Actor::Rollbot, done("verify/http")),
        (Actor::Rollbot, What::VerdictReached { verdict: Verdict::RolledBack }),
        (Actor::Rollbot, began("watch/http", 1)),
        (Actor::Rollbot, What::Failed { step: step("watch/http"), failure: failure(Finding::Wrong) }),
        (Actor::Rollbot, What::Closed { end: End::Verdict { verdict: Verdict::RolledBack } }),
    ];
    (0..).zip(tale).map(|(second, (by, what))| Event { at: at(second), by, what }).collect()
}
