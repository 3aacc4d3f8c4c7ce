//! The stored shapes, as they stand in `tests/golden/`: what an old version wrote is read for ever.
//!
//! A change of a shape makes a test here fail. If old values are read as before, the new shape is accepted by deleting
//! the file and running the test twice; if they are not, the shape needs a new format number and its file stays beside
//! the new one.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::commit::{GoodRelease, Rev};
use super::decode::{self, FreezeRecord, Record};
use super::envelope::{Shape, unseal};
use super::kept::KeptVersion;
use crate::incident::deploy::{Deploy, DeployStatus};
use crate::incident::event::{Event, What};
use crate::incident::freeze::{Cause, Execution, HoldOutput, Then, Transition};
use crate::incident::freeze_event::{self, FreezeEvent, FreezeWhat};
use crate::incident::ids::{Digest, IncidentId, StepId};
use crate::incident::incident::{End, Froze, Verdict, Vote};
use crate::incident::plan::{Lane, Purpose, Stage};
use crate::incident::policy::Actor;
use crate::incident::preparation::{Fate, Preparation};
use crate::incident::remedy::ChosenRemedy;
use crate::incident::request::{Manner, Request};
use crate::incident::sample::{
    ANNA, CLEO, at, by_hand, failure, force, freeze_opened, freezes, gate, holder, person, plan, proposal, release,
    replay, request, rolls_back, small_plan, sre, stage, story,
};
use crate::incident::step::{Evidence, Failure, Finding, Told};

/// The file's envelopes, one after the other.
fn golden(name: &str, shape: Shape, present: &[Value]) -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let head = format!("{} 1 plain\n", shape.word());
    if !path.exists() {
        let envelopes: Vec<String> = present.iter().map(|body| format!("{head}{body:#}\n")).collect();
        std::fs::write(&path, envelopes.concat()).unwrap();
        panic!("{} was missing and has been written; look at it and run this again", path.display());
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let bodies = text.split(&head).skip(1);
    bodies.map(|body| format!("{head}{}", body.trim_end()).into_bytes()).collect()
}

/// Holds what is written today against the file, and returns what the file reads as.
pub(super) fn agree<T: serde::Serialize>(
    name: &str,
    shape: Shape,
    present: &[T],
    read: impl Fn(&[u8]) -> Result<T, String>,
) {
    let present: Vec<Value> = present.iter().map(|value| serde_json::to_value(value).unwrap()).collect();
    let stored = golden(name, shape, &present);
    assert_eq!(stored.len(), present.len(), "{name}");
    for (stored, present) in stored.iter().zip(present) {
        let body: Value = serde_json::from_slice(&unseal(shape, stored).unwrap()).unwrap();
        assert_eq!(body, present, "{name}: the shape has changed");
        let read = serde_json::to_value(read(stored).unwrap()).unwrap();
        assert_eq!(read, present, "{name}: it is not read as it was written");
    }
}

/// Every event there is.
fn events() -> Vec<Event> {
    let mut events = story("rb-23456", "api");
    let step = StepId::new("api");
    let reason = "it is not needed".to_owned();
    let why = "what is where".to_owned();
    let ends = [
        End::NothingToDo { why: why.clone() },
        End::Rejected { reason: None },
        End::Expired,
        End::Aborted { why: why.clone() },
        End::Failed { why },
    ];
    let mut more = vec![
        What::Skipped { step: step.clone(), reason },
        What::Withdrawn { step },
        What::StopRequested,
        What::VerdictReached { verdict: Verdict::PartlyRolledBack },
        What::VerdictReached { verdict: Verdict::Unproved },
    ];
    more.extend(ends.map(|end| What::Closed { end }));
    events.extend(more.into_iter().map(|what| Event { at: at(60), by: person(CLEO), what }));
    events
}

/// What was added to the events since the first file was written.
fn newer_events() -> Vec<Event> {
    let request = Request { manner: Manner::Emergency, ..request() };
    let mut newer = proposal(small_plan("api"), 2);
    newer.terms.skippers = vec![sre()];
    newer.fallen = vec![Vote { by: person(CLEO), at: at(58) }];
    let whats = [
        What::Requested { id: IncidentId::new("rb-23456"), request },
        What::Proposed { proposal: Box::new(newer) },
        What::VoteFell { voter: person(CLEO) },
    ];
    whats.into_iter().map(|what| Event { at: at(60), by: person(ANNA), what }).collect()
}

/// What was added with stacks: what is made ahead of a plan, and what CloudFormation reports.
fn stack_events() -> Vec<Event> {
    let (stack, name) = ("arn:aws:cloudformation:eu-north-1:123456789012:stack/shop/1", "rollbot-rb-23456-1");
    let preparation =
        Preparation { stack: stack.to_owned(), name: name.to_owned(), content: Digest::new("a5"), fate: Fate::Made };
    let told = Some(Told { upto: "7".to_owned(), at: at(59) });
    let whats = [
        What::Requested { id: IncidentId::new("rb-23456"), request: request() },
        What::Preparing { preparation },
        What::Reported { step: StepId::new("api"), lines: vec!["stack shop UPDATE_COMPLETE".to_owned()], told },
        What::Removed { stack: stack.to_owned(), name: name.to_owned() },
    ];
    whats.into_iter().map(|what| Event { at: at(60), by: person(ANNA), what }).collect()
}

#[test]
fn events_and_records_of_stacks_are_read_and_written_as_ever() {
    let events = stack_events();
    agree("event-stack-1.txt", Shape::Event, &events, decode::event);
    let record = Record { rev: Rev::FIRST.next(), events: 2, incident: replay(&events[..2]) };
    agree("record-stack-1.txt", Shape::Record, &[record], |bytes| decode::record(b"rb-23456", bytes));
}

#[test]
fn a_kept_version_is_read_and_written_as_ever() {
    let kept = KeptVersion { release: release(41), content: Digest::new("a5"), at: at(16) };
    agree("kept-1.txt", Shape::Kept, &[kept], decode::kept);
}

/// What was added after that: steps that people do, and remedies.
fn newest_events() -> Vec<Event> {
    let plan = plan(vec![stage(Purpose::RollBack, vec![vec![gate("api"), rolls_back("api")], vec![by_hand("tell")]])]);
    let digest = plan.digest();
    let step = |name: &str| StepId::new(name);
    let failed = Failure { remedies: vec![force()], ..failure(Finding::Wrong) };
    let remedy = ChosenRemedy {
        id: "force".to_owned(),
        label: "Continue without".to_owned(),
        chosen: vec!["one".to_owned()],
        names: vec!["Resource one".to_owned()],
        by: person(CLEO),
    };
    let began = |name: &str, attempt| What::Began { step: step(name), attempt };
    let whats = [
        (person(ANNA), What::Requested { id: IncidentId::new("rb-23456"), request: request() }),
        (Actor::Rollbot, What::Proposed { proposal: Box::new(proposal(plan, 1)) }),
        (person(CLEO), What::Approved { digest: digest.clone() }),
        (Actor::Rollbot, What::Started { digest }),
        (Actor::Rollbot, began("api/gate", 1)),
        (Actor::Rollbot, began("tell", 1)),
        (person(CLEO), What::Passed { step: step("api/gate"), note: None }),
        (person(CLEO), What::Passed { step: step("tell"), note: Some("ticket 4711".to_owned()) }),
        (Actor::Rollbot, began("api", 1)),
        (Actor::Rollbot, What::Failed { step: step("api"), failure: failed }),
        (person(CLEO), What::Remedied { step: step("api"), remedy }),
        (Actor::Rollbot, began("api", 2)),
    ];
    (60..).zip(whats).map(|(second, (by, what))| Event { at: at(second), by, what }).collect()
}

/// Of a new variant of [`What`] this does not compile: it belongs into the golden file too.
fn is_covered(what: &What) -> bool {
    match what {
        What::Requested { .. }
        | What::Proposed { .. }
        | What::Approved { .. }
        | What::VoteFell { .. }
        | What::FreezeAsked
        | What::FreezeSettled { .. }
        | What::Started { .. }
        | What::Began { .. }
        | What::Acting { .. }
        | What::Accepted { .. }
        | What::Refused { .. }
        | What::Progressed { .. }
        | What::Finished { .. }
        | What::Failed { .. }
        | What::Retried { .. }
        | What::Remedied { .. }
        | What::Passed { .. }
        | What::Skipped { .. }
        | What::Withdrawn { .. }
        | What::StopRequested
        | What::VerdictReached { .. }
        | What::Preparing { .. }
        | What::Removed { .. }
        | What::Reported { .. }
        | What::Closed { .. } => true,
    }
}

#[test]
fn records_of_every_state_are_read_and_written_as_ever() {
    let told = story("rb-23456", "api");
    let records: Vec<Record> = [1, 3, 8, 13, 17, told.len()]
        .into_iter()
        .map(|count| {
            let events = u64::try_from(count).unwrap();
            let incident = replay(&told[..count]);
            let rev = (1..count).fold(Rev::FIRST, |rev, _| rev.next());
            Record { rev, events, incident }
        })
        .collect();
    agree("record-1.txt", Shape::Record, &records, |bytes| decode::record(b"rb-23456", bytes));
}

#[test]
fn every_event_is_read_and_written_as_ever() {
    let events = events();
    assert!(events.iter().all(|event| is_covered(&event.what)));
    agree("event-1.txt", Shape::Event, &events, decode::event);
}

#[test]
fn newer_records_and_events_are_read_and_written_as_ever() {
    let events = newer_events();
    agree("event-2.txt", Shape::Event, &events, decode::event);
    let incident = replay(&events[..2]);
    let record = Record { rev: Rev::FIRST.next(), events: 2, incident };
    agree("record-2.txt", Shape::Record, &[record], |bytes| decode::record(b"rb-23456", bytes));
}

fn refused() -> Failure {
    Failure {
        why: "AWS refused DisableStageTransition".to_owned(),
        details: vec!["AWS request id 4c1d".to_owned()],
        finding: Finding::Wrong,
        advice: "Give Rollbot's role this permission, then Retry.".to_owned(),
        remedies: Vec::new(),
    }
}

/// A rollback that held deployments back ahead of its approval.
fn frozen() -> Vec<Event> {
    let failure = refused();
    let froze =
        Froze { held: vec![Evidence::new("Nothing enters Deploy of shop-prod any more.")], failed: vec![failure] };
    let mut plan = small_plan("api");
    plan.stages
        .insert(0, Stage { purpose: Purpose::Freeze, lanes: vec![Lane { steps: vec![freezes()] }], track: None });
    let whats = [
        What::Requested { id: IncidentId::new("rb-23456"), request: request() },
        What::Proposed { proposal: Box::new(proposal(plan, 1)) },
        What::FreezeAsked,
        What::FreezeSettled { froze },
    ];
    whats.into_iter().map(|what| Event { at: at(60), by: person(ANNA), what }).collect()
}

#[test]
fn a_frozen_incident_is_read_and_written_as_ever() {
    let events = frozen();
    agree("event-freeze.txt", Shape::Event, &events, decode::event);
    let record = Record { rev: Rev::FIRST.next(), events: 4, incident: replay(&events) };
    agree("record-freeze.txt", Shape::Record, &[record], |bytes| decode::record(b"rb-23456", bytes));
}

/// Everything that can happen to a freeze.
fn freeze_events() -> Vec<FreezeEvent> {
    let incident = IncidentId::new("rb-23456");
    let cause = Cause::Incident { id: incident.clone() };
    let output = HoldOutput {
        transition: Transition::ByRollbot,
        stopped: Some("e-42".to_owned()),
        execution: Some(Execution {
            id: "e-42".to_owned(),
            status: "Stopped".to_owned(),
            revision: Some("9a8b7c6d".to_owned()),
            summary: Some("Faster cart".to_owned()),
            url: None,
        }),
    };
    let failure = refused();
    let whats = [
        FreezeWhat::Joined { holder: Box::new(holder("web", cause.clone(), 1)) },
        FreezeWhat::Began,
        FreezeWhat::Acting { number: 1, what: json!({ "verb": "DisableStageTransition" }) },
        FreezeWhat::Accepted {
            number: 1,
            receipt: json!({ "receipt": "changed" }),
            request_id: Some("4c1d".to_owned()),
        },
        FreezeWhat::Acting { number: 2, what: json!({ "verb": "StopPipelineExecution" }) },
        FreezeWhat::Refused { number: 2, why: "no".to_owned() },
        FreezeWhat::Progressed { text: "waiting".to_owned() },
        FreezeWhat::Failed { failure },
        FreezeWhat::Retried,
        FreezeWhat::Began,
        FreezeWhat::Finished { evidence: vec![Evidence::new("held")], output: serde_json::to_value(output).unwrap() },
        FreezeWhat::Outlived { incident },
        FreezeWhat::Reminded { seen: "still held".to_owned() },
        FreezeWhat::LetGo {
            environment: "prod".to_owned(),
            service: "web".to_owned(),
            causes: vec![cause],
            then: Then::Nothing,
        },
        FreezeWhat::LetGo {
            environment: "prod".to_owned(),
            service: "api".to_owned(),
            causes: vec![Cause::Command],
            then: Then::Rerun,
        },
    ];
    let more = whats.into_iter().map(|what| FreezeEvent { at: at(60), by: Actor::Rollbot, what });
    std::iter::once(freeze_opened(holder("api", Cause::Command, 0))).chain(more).collect()
}

#[test]
fn freezes_and_their_events_are_read_and_written_as_ever() {
    let events = freeze_events();
    agree("freeze-event-1.txt", Shape::FreezeEvent, &events, decode::freeze_event);
    let records: Vec<FreezeRecord> = [1, 9, 14, events.len()]
        .into_iter()
        .map(|count| {
            let first = freeze_event::open(&events[0]).unwrap();
            let freeze = events[1..count].iter().fold(first, freeze_event::evolve);
            let events = u64::try_from(count).unwrap();
            FreezeRecord { rev: Rev::FIRST, events, freeze }
        })
        .collect();
    agree("freeze-1.txt", Shape::Freeze, &records, |bytes| decode::freeze(b"fz-23456", bytes));
}

#[test]
fn what_people_do_is_read_and_written_as_ever() {
    let events = newest_events();
    agree("event-3.txt", Shape::Event, &events, decode::event);
    let records: Vec<Record> = [6, 10, 12]
        .into_iter()
        .map(|count: usize| {
            let rev = (1..count).fold(Rev::FIRST, |rev, _| rev.next());
            Record { rev, events: u64::try_from(count).unwrap(), incident: replay(&events[..count]) }
        })
        .collect();
    agree("record-3.txt", Shape::Record, &records, |bytes| decode::record(b"rb-23456", bytes));
}

#[test]
fn a_proved_release_is_read_and_written_as_ever() {
    let good = GoodRelease { release: release(41), incident: IncidentId::new("rb-23456"), at: at(16) };
    agree("good-1.txt", Shape::Good, &[good], decode::good);
    let deploy = Deploy {
        id: "run-4711".to_owned(),
        environment: "prod".to_owned(),
        service: "api".to_owned(),
        status: DeployStatus::Failed,
        stage: Some("smoke-tests".to_owned()),
        revision: Some("9f3c1ab".to_owned()),
        branch: Some("main".to_owned()),
        author: Some("dev".to_owned()),
        url: Some("https://ci.example.com/4711".to_owned()),
        reason: Some("3 of 40 tests failed".to_owned()),
        at: at(0),
    };
    agree("deploy-1.txt", Shape::Deploy, &[deploy], decode::deploy);
}

#[test]
fn inbox_entries_are_read_and_written_as_ever() {
    let entries: [&[u8]; 2] = [br#"{"type":"block_actions"}"#, b"\xff\x00"];
    let arrivals: Vec<decode::Arrival> =
        (0..).zip(entries).map(|(place, entry)| decode::Arrival { place, entry: decode::Bytes::of(entry) }).collect();
    agree("inbox-1.txt", Shape::Inbox, &arrivals, |bytes| {
        let (place, entry) = decode::arrival(bytes)?;
        Ok(decode::Arrival { place, entry: decode::Bytes::of(&entry) })
    });
}

#[test]
fn a_view_is_read_and_written_as_ever() {
    let sealed = b"view 1 plain\n{\"card\":\"1793534400.000100\"}";
    assert_eq!(decode::view(sealed), Ok(b"{\"card\":\"1793534400.000100\"}".to_vec()));
    assert_eq!(super::envelope::seal(Shape::View, b"{\"card\":\"1793534400.000100\"}"), sealed);
}

/// Approval is given to a digest: a version that computed another one for a stored plan would take it for another.
#[test]
fn the_digest_of_a_stored_plan_stays_what_it_was() {
    let incident = replay(&story("rb-23456", "api"));
    let proposal = incident.proposal().unwrap();
    assert_eq!(proposal.digest, proposal.plan.digest());
    let expected = Digest::new("a533f2a44f045fca49e17b1a824e057c96418f0fb6ec7e5b668d922412d01e3c");
    assert_eq!(proposal.digest, expected);
}

/// Every envelope of a file, whatever its shape.
fn stored(name: &str, shape: Shape) -> Vec<Vec<u8>> {
    golden(name, shape, &[])
}

proptest! {
    #[test]
    fn a_damaged_value_is_read_or_refused(place in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
        let all = [stored("record-1.txt", Shape::Record), stored("event-1.txt", Shape::Event), stored("good-1.txt", Shape::Good)];
        for value in all.concat() {
            let mut changed = value.clone();
            changed[place.index(value.len())] = byte;
            let cut = &value[..end.index(value.len())];
            for damaged in [changed.as_slice(), cut] {
                let refusals = [
                    decode::record(b"rb-23456", damaged).err(), decode::event(damaged).err(), decode::good(damaged).err(),
                ];
                prop_assert!(refusals.iter().flatten().all(|why| !why.is_empty()));
            }
            prop_assert!(decode::event(cut).is_err() && decode::record(b"rb-23456", cut).is_err(), "half a value was read");
        }
    }

    #[test]
    fn an_event_that_nobody_knows_is_refused(name in "[a-z_]{1,20}") {
        let text = String::from_utf8(stored("event-1.txt", Shape::Event).swap_remove(0)).unwrap();
        let renamed = text.replace("\"requested\"", &format!("\"{name}\""));
        prop_assert_eq!(decode::event(renamed.as_bytes()).is_ok(), name == "requested");
    }
}
