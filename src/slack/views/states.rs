//! Every state that a card can show, by name; and the same written by somebody who means harm.

use serde_json::{Value, json};

use super::fixtures::{
    Told, inconclusive, person, plan, plan_with_people, remedies, tasks_do_not_start, terms, unhealthy, wide_plan,
    with_phrase,
};
use crate::incident::event::What;
use crate::incident::ids::StepId;
use crate::incident::incident::{End, Terms, Verdict};
use crate::incident::policy::Actor;
use crate::incident::remedy::ChosenRemedy;
use crate::incident::stack::{StackWay, StackWork};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::work::Work;

/// Every state that a card can show, by name.
pub(in crate::slack) fn states() -> Vec<(&'static str, Told)> {
    let lead = || person("U0LEAD0001");
    let rollbot = || Actor::Rollbot;
    let verdict = |verdict| End::Verdict { verdict };
    let skip = |told: Told, step: &str| {
        told.then(30, lead(), What::Skipped { step: StepId::new(step), reason: "nothing depends on it".into() })
    };
    let unproved = || {
        let told = Told::verifying()
            .finished("verify/http-1", 11, &["GET https://api.example.com/health answered 200 three times in a row"])
            .failed("verify/target-group", inconclusive());
        skip(told, "verify/target-group").bot(0, What::VerdictReached { verdict: Verdict::Unproved })
    };
    let partly = || {
        skip(Told::blocked(), "backend")
            .began("verify/http-1", 1)
            .finished("verify/http-1", 11, &["GET https://api.example.com/health answered 200 three times in a row"])
            .began("verify/target-group", 1)
            .finished("verify/target-group", 1, &["4 of 4 targets are healthy"])
            .bot(0, What::VerdictReached { verdict: Verdict::PartlyRolledBack })
    };
    let watched =
        |told: Told| told.began("watch/http-1", 1).finished("watch/http-1", 1_800, &["60 looks, all healthy"]);
    let wide = || Told::requested().proposed_as(1, terms(2), wide_plan(), Vec::new());
    let drift = plan().drift(&wide_plan());
    vec![
        ("planning", Told::requested()),
        ("waiting", Told::requested().proposed(terms(1))),
        ("waiting-confirmation", Told::requested().proposed(terms(0))),
        ("waiting-phrase", Told::requested().proposed(with_phrase())),
        ("waiting-one-of-two", wide().approved("U0LEAD0001")),
        ("waiting-after-drift", Told::requested().proposed(terms(1)).proposed_as(2, terms(1), wide_plan(), drift)),
        ("planning-emergency", Told::emergency()),
        ("waiting-emergency", Told::emergency().proposed(terms(0))),
        ("waiting-fallen", fallen()),
        ("closed-emergency", Told::emergency().proposed(terms(0)).closed(rollbot(), End::Expired)),
        ("starting", Told::requested().proposed(terms(1)).approved("U0LEAD0001")),
        ("running", Told::under_way()),
        (
            "running-wide",
            wide()
                .approved("U0LEAD0001")
                .approved("U0SRE00002")
                .started()
                .began("backend", 1)
                .began("jobs", 1)
                .acted("jobs", 1),
        ),
        ("checking", Told::verifying()),
        ("blocked", Told::blocked()),
        ("blocked-check", Told::verifying().failed("verify/http-1", unhealthy())),
        ("blocked-blind", Told::verifying().failed("verify/target-group", inconclusive())),
        ("blocked-no-skipper", without_skippers()),
        ("waiting-with-people", Told::requested().proposed_as(1, terms(1), plan_with_people(), Vec::new())),
        ("awaiting", awaiting()),
        ("awaiting-in-vain", awaiting().failed("backend/gate", nobody_came())),
        ("awaiting-stopped", stopped_awaiting()),
        ("awaited", awaited()),
        ("blocked-remedies", with_remedies()),
        ("remedied", remedied()),
        ("draining", Told::under_way().stopped()),
        ("watching", Told::watching()),
        ("watching-unproved", unproved()),
        ("watching-regressed", Told::watching().failed("watch/http-1", unhealthy())),
        ("watching-blind", Told::watching().failed("watch/http-1", inconclusive())),
        (
            "closed-rolled-back",
            Told::watching()
                .finished("watch/http-1", 1_800, &["60 looks, all healthy"])
                .closed(rollbot(), verdict(Verdict::RolledBack)),
        ),
        (
            "closed-regressed",
            Told::watching().failed("watch/http-1", unhealthy()).closed(rollbot(), verdict(Verdict::RolledBack)),
        ),
        ("closed-partly", watched(partly()).closed(rollbot(), verdict(Verdict::PartlyRolledBack))),
        ("closed-left-out", watched(without_a_part()).closed(rollbot(), verdict(Verdict::PartlyRolledBack))),
        ("closed-unproved", watched(unproved()).closed(rollbot(), verdict(Verdict::Unproved))),
        (
            "closed-nothing-to-do",
            Told::requested().closed(
                rollbot(),
                End::NothingToDo { why: "ECS service shop-prod/api runs v41 (api:41) already".into() },
            ),
        ),
        (
            "closed-no-plan",
            Told::requested().closed(
                rollbot(),
                End::Aborted {
                    why: "ECS service shop-prod/api is INACTIVE: it was deleted, so there is nothing to roll back"
                        .into(),
                },
            ),
        ),
        (
            "closed-rejected",
            Told::requested()
                .proposed(terms(1))
                .closed(lead(), End::Rejected { reason: Some("it is the database, not the release".into()) }),
        ),
        (
            "closed-rejected-silently",
            Told::requested().proposed(terms(1)).closed(lead(), End::Rejected { reason: None }),
        ),
        ("closed-expired", Told::requested().proposed(terms(1)).closed(rollbot(), End::Expired)),
        (
            "closed-aborted",
            Told::requested()
                .proposed(terms(1))
                .closed(lead(), End::Aborted { why: "it was stopped before anything was changed".into() }),
        ),
        (
            "closed-failed",
            Told::blocked()
                .stopped()
                .closed(rollbot(), End::Failed { why: "it was stopped with something changed and not proved".into() }),
        ),
        ("closed-left", left()),
    ]
}

/// A stack that is back, but for what a person chose to go on without.
fn without_a_part() -> Told {
    let mut plan = plan();
    if let Some(step) =
        plan.stages.iter_mut().flat_map(|stage| &mut stage.lanes).flat_map(|lane| &mut lane.steps).next()
    {
        step.title = "CloudFormation stack shop-api".into();
        step.work = Work::Stack(StackWork {
            stack: "arn:aws:cloudformation:eu-north-1:123456789012:stack/shop-api/1".into(),
            name: "shop-api".into(),
            way: StackWay::Undo,
            content: None,
        });
    }
    let skipped = ["LogRetention", "shop-api-Workers-1ABC.Queue"];
    let evidence = [
        "shop-api is UPDATE_ROLLBACK_COMPLETE".to_owned(),
        format!("left out and not as the template says: {}; repair them before the next update", skipped.join(", ")),
    ];
    Told::requested()
        .proposed_as(1, terms(1), plan, Vec::new())
        .approved("U0LEAD0001")
        .started()
        .began("backend", 1)
        .bot(
            400,
            What::Finished {
                step: StepId::new("backend"),
                evidence: evidence.into_iter().map(Evidence::new).collect(),
                output: json!({ "status": "UPDATE_ROLLBACK_COMPLETE", "skipped": skipped }),
            },
        )
        .began("verify/http-1", 1)
        .finished("verify/http-1", 11, &["GET https://api.example.com/health answered 200 three times in a row"])
        .began("verify/target-group", 1)
        .finished("verify/target-group", 1, &["4 of 4 targets are healthy"])
        .bot(0, What::VerdictReached { verdict: Verdict::PartlyRolledBack })
}

/// Stopped before the second attempt did anything, after the first had.
fn left() -> Told {
    let step = || StepId::new("backend");
    let why =
        "it was stopped with something changed and not proved: backend may run v42 (api:42) or v41 (api:41)".into();
    Told::blocked()
        .then(20, person("U0LEAD0001"), What::Retried { step: step() })
        .began("backend", 2)
        .stopped()
        .bot(1, What::Withdrawn { step: step() })
        .closed(Actor::Rollbot, End::Failed { why })
}

/// Two have approved, and one of them left the group before the plan started.
fn fallen() -> Told {
    let voter = person("U0SRE00002");
    Told::requested().proposed(terms(2)).approved("U0LEAD0001").approved("U0SRE00002").then(
        1,
        Actor::Rollbot,
        What::VoteFell { voter },
    )
}

/// A gate and something that is done by hand wait for people.
fn awaiting() -> Told {
    Told::requested()
        .proposed_as(1, terms(1), plan_with_people(), Vec::new())
        .approved("U0LEAD0001")
        .started()
        .began("backend/gate", 1)
        .began("provider", 1)
}

fn stopped_awaiting() -> Told {
    let why = "it was stopped before anything was changed".into();
    awaiting().stopped().closed(Actor::Rollbot, End::Aborted { why })
}

fn awaited() -> Told {
    let passed =
        |step: &str, note: Option<&str>| What::Passed { step: StepId::new(step), note: note.map(str::to_owned) };
    awaiting()
        .then(50, person("U0SRE00002"), passed("backend/gate", None))
        .then(9, person("U0LEAD0001"), passed("provider", Some("they hold orders since 12:01")))
        .began("backend", 1)
}

fn nobody_came() -> Failure {
    Failure {
        why: "nobody did it within 60 min".into(),
        details: Vec::new(),
        finding: Finding::Inconclusive,
        advice: "Retry asks for it again; Stop ends the rollback.".into(),
        remedies: Vec::new(),
    }
}

fn with_remedies() -> Told {
    Told::under_way().failed("backend", Failure { remedies: remedies(), ..tasks_do_not_start() })
}

fn remedied() -> Told {
    let remedy = ChosenRemedy {
        id: "skip-resources".into(),
        label: "Continue, skipping…".into(),
        chosen: vec!["Cache".into()],
        names: vec!["Cache".into()],
        by: person("U0LEAD0001"),
    };
    let what = What::Remedied { step: StepId::new("backend"), remedy };
    with_remedies().then(30, person("U0LEAD0001"), what).began("backend", 2)
}

/// A step has failed where the policy lets nobody go on without it.
fn without_skippers() -> Told {
    let terms = Terms { skippers: Vec::new(), ..terms(1) };
    Told::requested()
        .proposed(terms)
        .approved("U0LEAD0001")
        .started()
        .began("backend", 1)
        .acted("backend", 1)
        .failed("backend", tasks_do_not_start())
}

/// What somebody may write who means harm, or who pastes a log.
const HOSTILE: &str = "<!channel> *rolled back* `x` & <@U0LEAD0001|you> :white_check_mark:\n> @here \u{202e}\"\\";

/// The same record, with hostile or endless text wherever text is foreign, and with more of everything.
pub(in crate::slack) fn hostile(told: &Told) -> Told {
    let mut record = serde_json::to_value(&told.incident).unwrap();
    poison(&mut record, "");
    let events = told.events.iter().map(|event| {
        let mut event = serde_json::to_value(event).unwrap();
        poison(&mut event, "");
        serde_json::from_value(event).unwrap()
    });
    Told { incident: serde_json::from_value(record).unwrap(), events: events.collect(), at: told.at }
}

fn poison(value: &mut Value, key: &str) {
    const FOREIGN: [&str; 26] = [
        "phrase",
        "what",
        "note",
        "says",
        "detail",
        "title",
        "why",
        "reason",
        "text",
        "label",
        "version",
        "image",
        "deployed_by",
        "chosen",
        "warnings",
        "loses",
        "details",
        "advice",
        "drift",
        "regressions",
        "confirm_phrase",
        "environment",
        "service",
        "progress",
        "request_id",
        "verbs",
    ];
    match value {
        Value::String(text) if FOREIGN.contains(&key) => *text = HOSTILE.repeat(12),
        Value::Array(items) => {
            for item in items.iter_mut() {
                poison(item, key);
            }
            if FOREIGN.contains(&key) || matches!(key, "images" | "evidence" | "choices") {
                *items = std::iter::repeat_n(items.clone(), 12).flatten().collect();
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                poison(value, key);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same record with twenty targets in its first stage.
pub(in crate::slack) fn huge(told: &Told) -> Told {
    let mut told = told.clone();
    let mut record = serde_json::to_value(&told.incident).unwrap();
    multiply(&mut record);
    told.incident = serde_json::from_value(record).unwrap();
    told
}

fn multiply(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(lanes) = fields.get_mut("lanes").and_then(Value::as_array_mut) {
                let many = (0..20).flat_map(|n| {
                    lanes.iter().cloned().map(move |mut lane| {
                        let id = lane["steps"][0]["id"].as_str().unwrap().to_owned();
                        lane["steps"][0]["id"] = json!(if n == 0 { id } else { format!("{id}-{n}") });
                        lane
                    })
                });
                *lanes = many.collect();
            }
            if let Some(steps) = fields.get_mut("steps").and_then(Value::as_object_mut) {
                let many: Vec<_> = (1..20)
                    .flat_map(|n| steps.iter().map(move |(id, record)| (format!("{id}-{n}"), record.clone())))
                    .collect();
                steps.extend(many);
            }
            fields.values_mut().for_each(multiply);
        }
        Value::Array(items) => items.iter_mut().for_each(multiply),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
