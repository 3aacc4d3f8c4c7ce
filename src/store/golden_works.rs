//! Everything that a step can do, as plans store it: a plan that was approved yesterday is carried out as it was approved.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decode;
use super::envelope::Shape;
use super::golden::agree;
use crate::incident::amplify::{
    AmplifyCheck, AmplifyWork, BranchJob, CertificateKept, DomainRoute, DomainSettings, JobWay, Subdomain,
};
use crate::incident::build::CommitBuild;
use crate::incident::event::{Event, What};
use crate::incident::freeze_work::{AutoBuild, FreezeWork};
use crate::incident::ids::{Digest, StepId};
use crate::incident::lambda::{AliasFlip, Change, LambdaWork, SettingsChange, VersionBack};
use crate::incident::pipeline::{Fallback, PipelineStage, RevisionKind, SourceRevision, Way};
use crate::incident::plan::{Lane, Plan, Purpose, Stage, Step};
use crate::incident::policy::Actor;
use crate::incident::sample::{at, by_hand, gate, proposal, rolls_back, sre};
use crate::incident::site::{Counts, ObjectCopies, OriginPath, SiteWay, SiteWork};
use crate::incident::stack::{ChangeSet, Replacement, StackChange, StackWay, StackWork};
use crate::incident::work::{
    AlarmsCheck, Check, CheckWork, EcsCodeDeploy, EcsService, Gate, HttpCheck, Manual, PipelineFreeze, Registration,
    Span, Stop, TargetGroupCheck, Work,
};

/// Of a new variant of [`Work`] this does not compile: it belongs into `works` and the golden file.
fn is_covered(work: &Work) -> bool {
    match work {
        Work::EcsService(_)
        | Work::EcsCodeDeploy(_)
        | Work::Stack(StackWork {
            way: StackWay::Undo | StackWay::UndoCreation | StackWay::ChangeSet(_) | StackWay::Delete,
            ..
        })
        | Work::Freeze(FreezeWork::Pipeline(_) | FreezeWork::AutoBuild(_))
        | Work::PipelineStage(_)
        | Work::CommitBuild(_)
        | Work::Site(SiteWork { way: SiteWay::OriginPath(_) | SiteWay::Objects(_), .. })
        | Work::Amplify(AmplifyWork::Branch(_) | AmplifyWork::Domain(_))
        | Work::Lambda(LambdaWork::Alias(_) | LambdaWork::Code(_) | LambdaWork::Settings(_))
        | Work::Check(CheckWork {
            check: Check::Http(_) | Check::TargetGroup(_) | Check::Alarms(_) | Check::Amplify(_),
            ..
        })
        | Work::Gate(Gate { .. })
        | Work::Manual(Manual { .. }) => true,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn ecs() -> EcsService {
    let Work::EcsService(service) = rolls_back("api").work else { unreachable!("it takes a service back") };
    let arn = |revision: u32| format!("arn:aws:ecs:eu-north-1:123456789012:task-definition/api:{revision}");
    EcsService {
        register: Some(Registration {
            like: arn(41),
            images: BTreeMap::from([("app".to_owned(), "shop/api@sha256:4141".to_owned())]),
        }),
        platforms: BTreeMap::from([("sha256:4141".to_owned(), words(&["sha256:a1", "sha256:b2"]))]),
        ..service
    }
}

fn stack(way: StackWay) -> Work {
    let stack = "arn:aws:cloudformation:eu-north-1:123456789012:stack/shop/1".to_owned();
    Work::Stack(StackWork { stack, name: "shop".to_owned(), way, content: Some(Digest::new("a5")) })
}

fn stacks() -> Vec<Work> {
    let change = |replacement, policy: Option<&str>| StackChange {
        action: "Modify".to_owned(),
        resource: "Orders".to_owned(),
        kind: "AWS::DynamoDB::Table".to_owned(),
        replacement,
        policy: policy.map(str::to_owned),
    };
    let changes = vec![
        change(Replacement::No, None),
        change(Replacement::Perhaps, Some("Retain")),
        change(Replacement::Yes, None),
    ];
    let arn = Some("arn:aws:cloudformation:eu-north-1:123456789012:changeSet/rollbot-rb-23456-1/2".to_owned());
    vec![
        stack(StackWay::Undo),
        stack(StackWay::UndoCreation),
        stack(StackWay::ChangeSet(ChangeSet { arn, changes })),
        stack(StackWay::Delete),
    ]
}

fn pipelines() -> Vec<Work> {
    let revision = |kind, id: &str| SourceRevision { action: "Source".to_owned(), kind, id: id.to_owned() };
    let stage = |way, fallback| {
        Work::PipelineStage(PipelineStage {
            pipeline: "shop-prod".to_owned(),
            stage: "Deploy".to_owned(),
            from: Some("e-42".to_owned()),
            target: Some("e-41".to_owned()),
            revisions: vec![
                revision(RevisionKind::Commit, "9f3c1ab"),
                revision(RevisionKind::ImageDigest, "sha256:4141"),
                revision(RevisionKind::ObjectVersion, "v1"),
            ],
            way,
            fallback,
        })
    };
    let freeze = |stop| {
        let (pipeline, stage) = ("shop-prod".to_owned(), "Deploy".to_owned());
        Work::Freeze(FreezeWork::Pipeline(PipelineFreeze { pipeline, stage, stop }))
    };
    vec![
        stage(Way::RollbackStage, Fallback::Rerun),
        stage(Way::Rerun, Fallback::None),
        freeze(Stop::Leave),
        freeze(Stop::Stop),
        Work::Freeze(FreezeWork::AutoBuild(AutoBuild { app: "d1a2b3".to_owned(), branch: "main".to_owned() })),
        Work::CommitBuild(CommitBuild { project: "shop-deploy".to_owned(), commit: "9f3c1ab".to_owned() }),
    ]
}

fn sites() -> Vec<Work> {
    let site = |outlives, way| {
        Work::Site(SiteWork {
            bucket: "shop-web".to_owned(),
            distribution: "E2SHOPWEB00001".to_owned(),
            invalidate: words(&["/*"]),
            outlives,
            way,
        })
    };
    let path = OriginPath { origin: "web".to_owned(), from: "/v42".to_owned(), to: "/v41".to_owned() };
    let counts = Counts { copied: 9_802, bytes: 1_000_000, deleted: 100, left: 0 };
    let copies = ObjectCopies { live: "live/".to_owned(), manifest: Digest::new("b6"), counts };
    vec![site(None, SiteWay::OriginPath(path)), site(Some(Duration::from_hours(1)), SiteWay::Objects(copies))]
}

fn job(way: JobWay) -> BranchJob {
    BranchJob {
        app: "d1a2b3".to_owned(),
        name: "shop".to_owned(),
        branch: "main".to_owned(),
        from: Some("42".to_owned()),
        job: "41".to_owned(),
        way,
    }
}

fn amplify() -> Vec<Work> {
    let rebuild = JobWay::Rebuild { commit: "9f3c1ab".to_owned() };
    let redeploy =
        JobWay::Redeploy { source: "s3://shop-builds/41/".to_owned(), kind: Some("BUCKET_PREFIX".to_owned()) };
    let route = DomainRoute {
        app: "d1a2b3".to_owned(),
        name: "shop".to_owned(),
        domain: "example.com".to_owned(),
        prefix: "www".to_owned(),
        from: "green".to_owned(),
        to: "blue".to_owned(),
        shows: "41".to_owned(),
        settings: DomainSettings {
            names: vec![Subdomain { prefix: "www".to_owned(), branch: "blue".to_owned() }],
            auto_names: true,
            auto_patterns: words(&["feature/*"]),
            auto_role: Some("arn:aws:iam::123456789012:role/amplify".to_owned()),
            certificate: Some(CertificateKept {
                kind: "CUSTOM".to_owned(),
                arn: Some("arn:aws:acm:us-east-1:123456789012:certificate/1".to_owned()),
            }),
        },
    };
    vec![
        Work::Amplify(AmplifyWork::Branch(job(rebuild))),
        Work::Amplify(AmplifyWork::Branch(job(redeploy))),
        Work::Amplify(AmplifyWork::Domain(route)),
    ]
}

fn functions() -> Vec<Work> {
    let function = || "invoice-worker".to_owned();
    let version = |number: u32| number.to_string();
    let settings = |timeout, memory, environment| {
        Work::Lambda(LambdaWork::Settings(SettingsChange { function: function(), timeout, memory, environment }))
    };
    vec![
        Work::Lambda(LambdaWork::Alias(AliasFlip {
            function: function(),
            alias: "live".to_owned(),
            from: version(42),
            to: version(41),
        })),
        Work::Lambda(LambdaWork::Code(VersionBack {
            function: function(),
            version: version(41),
            from: "b64-of-42".to_owned(),
            to: "b64-of-41".to_owned(),
        })),
        settings(Some(Change { from: 60, to: 120 }), None, BTreeMap::new()),
        settings(None, Some(Change { from: 256, to: 512 }), BTreeMap::from([("MODE".to_owned(), "safe".to_owned())])),
    ]
}

fn checks() -> Vec<Work> {
    let every = Duration::from_secs(5);
    let passes = Span::Passes { passes: 3, every, within: Duration::from_mins(5) };
    let elapsed = Span::Elapsed { span: Duration::from_mins(10), every, failures: 2 };
    let http = HttpCheck {
        url: "https://shop.example.com/health".to_owned(),
        status: 200,
        body: Some("ok".to_owned()),
        headers: BTreeMap::from([("x-app-version".to_owned(), "v41".to_owned())]),
        timeout: every,
    };
    let group =
        TargetGroupCheck::Group { arn: "arn:aws:elasticloadbalancing:eu-north-1:1:targetgroup/shop/1".to_owned() };
    let service = TargetGroupCheck::Service { cluster: "shop-prod".to_owned(), service: "api".to_owned() };
    let page = |back| AmplifyCheck { app: "d1a2b3".to_owned(), branch: "main".to_owned(), back };
    let back = Some(Box::new(job(JobWay::Rebuild { commit: "9f3c1ab".to_owned() })));
    let checks = [
        Check::Http(http),
        Check::TargetGroup(group),
        Check::TargetGroup(service),
        Check::Alarms(AlarmsCheck { names: words(&["shop-5xx"]) }),
        Check::Amplify(page(None)),
        Check::Amplify(page(back)),
    ];
    let spans = [passes, elapsed].into_iter().cycle();
    checks.into_iter().zip(spans).map(|(check, span)| Work::Check(CheckWork { check, span })).collect()
}

/// Every kind of work, each with everything that it may have.
fn works() -> Vec<Work> {
    let code_deploy = EcsCodeDeploy {
        ecs: ecs(),
        application: "shop".to_owned(),
        group: "shop-prod-api".to_owned(),
        app_spec: "version: 0.0".to_owned(),
    };
    let by_anyone = Manual { text: "Call the payment provider.".to_owned(), by: Vec::new() };
    let by_some = Manual { by: vec![sre()], ..by_anyone.clone() };
    let mut works = vec![rolls_back("api").work, Work::EcsService(ecs()), Work::EcsCodeDeploy(code_deploy)];
    works.extend([stacks(), pipelines(), sites(), amplify(), functions(), checks()].concat());
    works.extend([gate("api").work, by_hand("tell").work, Work::Manual(by_anyone), Work::Manual(by_some)]);
    works
}

#[test]
fn what_a_step_does_is_read_and_written_as_ever() {
    let works = works();
    assert!(works.iter().all(is_covered));
    let step =
        |(number, work): (usize, Work)| Step { id: StepId::new(format!("step-{number}")), work, ..rolls_back("api") };
    let steps = works.into_iter().enumerate().map(step).collect();
    let stages = vec![Stage { purpose: Purpose::RollBack, lanes: vec![Lane { steps }], track: None }];
    let plan = Plan { stages, warnings: Vec::new(), matched: None };
    let what = What::Proposed { proposal: Box::new(proposal(plan, 1)) };
    agree("event-works.txt", Shape::Event, &[Event { at: at(2), by: Actor::Rollbot, what }], decode::event);
}
